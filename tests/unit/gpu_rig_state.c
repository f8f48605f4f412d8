/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu_rig.h"

#include <stdlib.h>

/* realloc() is not used: in some tests it fails at random. */
static void append(struct gpu_rig_state *state, size_t *capacity, const void *bytes, size_t size)
{
	if (state->size + size > *capacity) {
		size_t more = 2 * (state->size + size);
		uint8_t *copy = NULL;
		while (!copy)
			copy = malloc(more);
		if (state->size)
			memcpy(copy, state->bytes, state->size);
		free(state->bytes);
		state->bytes = copy;
		*capacity = more;
	}
	memcpy(state->bytes + state->size, bytes, size);
	state->size += size;
}

int gpu_rig_save(struct gpu_rig *rig, const struct vhost_session_state *session,
	struct gpu_rig_state *ret_state)
{
	const struct vhost_state_impl *impl = gpu_device_impl.state;
	struct gpu_rig_state state = { NULL, 0 };
	size_t capacity = 0;
	const void *bytes;
	ssize_t size;
	int ret = impl->save_begin(rig->device, session);
	if (ret < 0)
		return ret;
	while ((size = impl->save_next(rig->device, &bytes)) > 0)
		append(&state, &capacity, bytes, (size_t)size);
	CHECK_INT(size, 0);
	impl->end(rig->device);
	*ret_state = state;
	return 0;
}

static int load_all(struct gpu_rig *rig, const struct gpu_rig_state *state, size_t piece,
	struct vhost_session_state *ret_session)
{
	const struct vhost_state_impl *impl = gpu_device_impl.state;
	int ret = 0;
	for (size_t done = 0; done < state->size && ret >= 0;) {
		/* what was said to be whole cannot have more behind it */
		size_t part = min_size(piece, state->size - done);
		bool whole = ret > 0;
		ret = impl->load(rig->device, state->bytes + done, part);
		CHECK(!whole || ret < 0);
		done += part;
	}
	bool whole = ret > 0;
	if (ret >= 0)
		ret = impl->load_end(rig->device, ret_session);
	CHECK(ret < 0 || whole);
	return ret;
}

int gpu_rig_load(struct gpu_rig *rig, const struct gpu_rig_state *state, size_t piece,
	struct vhost_session_state *ret_session)
{
	const struct vhost_state_impl *impl = gpu_device_impl.state;
	gpu_device_impl.reset(rig->device);
	int ret = impl->load_begin(rig->device);
	if (ret < 0)
		return ret;
	ret = load_all(rig, state, piece, ret_session);
	impl->end(rig->device);
	if (ret < 0)
		gpu_device_impl.reset(rig->device);
	return ret;
}
