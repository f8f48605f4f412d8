/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "transfer_rig.h"

#include <fcntl.h>
#include <unistd.h>

#include "loop/loop.h"
#include "util/fd.h"

struct transfer_rig transfer_rig;

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 7 + (at >> 8));
}

static int save_begin(void *device, const struct vhost_session_state *session)
{
	struct transfer_rig *t = &transfer_rig;
	CHECK(!t->saving && !t->loading);
	if (t->refuse)
		return -EOPNOTSUPP;
	memcpy(t->bytes, session, sizeof(*session));
	for (uint32_t i = sizeof(*session); i < t->size; i++)
		t->bytes[i] = pattern(i);
	t->saving = true;
	t->position = 0;
	t->saves++;
	return 0;
}

static ssize_t save_next(void *device, const void **ret_bytes)
{
	struct transfer_rig *t = &transfer_rig;
	CHECK(t->saving);
	if (t->fail_at && t->position >= t->fail_at)
		return -ENOMEM;
	uint32_t size = min_u32(t->piece, t->size - t->position);
	*ret_bytes = t->bytes + t->position;
	t->position += size;
	return size;
}

static int load_begin(void *device)
{
	struct transfer_rig *t = &transfer_rig;
	CHECK(!t->saving && !t->loading);
	if (t->refuse)
		return -ENOMEM;
	memset(t->bytes, 0, sizeof(t->bytes));
	t->loading = true;
	t->position = 0;
	t->loads++;
	return 0;
}

static int load(void *device, const void *bytes, size_t size)
{
	struct transfer_rig *t = &transfer_rig;
	CHECK(t->loading && size > 0);
	if (size > t->size - t->position)
		return -EINVAL;
	memcpy(t->bytes + t->position, bytes, size);
	t->position += (uint32_t)size;
	if (t->fail_at && t->position >= t->fail_at)
		return -EINVAL;
	return t->position == t->size;
}

static int load_end(void *device, struct vhost_session_state *ret_session)
{
	struct transfer_rig *t = &transfer_rig;
	CHECK(t->loading);
	if (t->position != t->size)
		return -EINVAL;
	memcpy(ret_session, t->bytes, sizeof(*ret_session));
	return 0;
}

static void end(void *device)
{
	CHECK(transfer_rig.saving || transfer_rig.loading);
	transfer_rig.saving = transfer_rig.loading = false;
	transfer_rig.ends++;
}

const struct vhost_state_impl transfer_state_impl = {
	.save_begin = save_begin,
	.save_next = save_next,
	.load_begin = load_begin,
	.load = load,
	.load_end = load_end,
	.end = end,
};

void transfer_setup_only(uint32_t size)
{
	struct transfer_rig *t = &transfer_rig;
	t->size = size;
	t->piece = 3000;
	t->refuse = false;
	t->fail_at = 0;
	t->saves = t->loads = t->ends = 0;
	rig.state = &transfer_state_impl;
	rig_setup();
}

void transfer_setup(uint32_t size)
{
	transfer_setup_only(size);
	rig_negotiate();
}

void transfer_teardown(void)
{
	const struct transfer_rig *t = &transfer_rig;
	rig_teardown();
	CHECK(!t->saving && !t->loading);
	CHECK_INT(t->ends, t->saves + t->loads);
	rig.state = NULL;
}

uint64_t transfer_set_fd(uint32_t direction, int fd)
{
	const struct vhost_user_transfer_device_state request = { direction, 0 };
	uint64_t answer;
	rig_send_fd(VHOST_USER_SET_DEVICE_STATE_FD, &request, sizeof(request), fd);
	fd_close(&fd);
	rig_answer(VHOST_USER_SET_DEVICE_STATE_FD, &answer, sizeof(answer));
	return answer;
}

uint64_t transfer_check(void)
{
	return rig_ask_u64(VHOST_USER_CHECK_DEVICE_STATE);
}

int transfer_begin(uint32_t direction)
{
	int fds[2];
	bool saves = direction == VHOST_USER_TRANSFER_SAVE;
	CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
	int ours = saves ? fds[0] : fds[1];
	CHECK_INT(fd_set_nonblocking(ours), 0);
	CHECK_INT(
		transfer_set_fd(direction, saves ? fds[1] : fds[0]), VHOST_USER_TRANSFER_NOFD_MASK);
	return ours;
}

uint32_t transfer_read(int fd, uint32_t piece)
{
	uint32_t size = 0, idle = 0;
	for (;;) {
		ssize_t got = read(fd, transfer_rig.saved + size,
			min_u32(piece, (uint32_t)sizeof(transfer_rig.saved) - size));
		if (got == 0)
			return size;
		if (got < 0) {
			CHECK(errno == EAGAIN && idle++ < 100);
			CHECK_INT(loop_round(rig.loop, 0), 0);
			continue;
		}
		idle = 0;
		size += (uint32_t)got;
		CHECK(size <= TRANSFER_MAX_STATE);
	}
}

void transfer_write(int fd, const uint8_t *bytes, uint32_t size, uint32_t piece)
{
	uint32_t idle = 0;
	for (uint32_t done = 0; done < size;) {
		ssize_t put = write(fd, bytes + done, min_u32(piece, size - done));
		CHECK(put > 0 || (errno == EAGAIN && idle++ < 100));
		if (put > 0) {
			done += (uint32_t)put;
			idle = 0;
		}
		CHECK_INT(loop_round(rig.loop, 0), 0);
	}
}

void transfer_make_saved(uint32_t size)
{
	const struct vhost_session_state session = { .features = rig.device.features };
	memcpy(transfer_rig.saved, &session, sizeof(session));
	for (uint32_t i = sizeof(session); i < size; i++)
		transfer_rig.saved[i] = pattern(i);
}

void transfer_check_saved(uint32_t size)
{
	CHECK_INT(size, transfer_rig.size);
	CHECK_MEM(transfer_rig.saved, transfer_rig.bytes, size);
}

void transfer_check_loaded(void)
{
	CHECK_INT(transfer_rig.position, transfer_rig.size);
	CHECK_MEM(transfer_rig.saved, transfer_rig.bytes, transfer_rig.size);
}
