/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a renderer says to have finished (src/renderer/remote.c, remote_peer.c): any record, with any
 * descriptor, or none, on its socket.
 *
 * At most one call is finished by it, once, and only one that was under way. Its status is 0 or an error
 * number. It brings an image only if one was asked for, with as many descriptors as planes, sides and strides
 * that can be, and a format that is known; and memory only for a blob, from a page on that a file can have, and
 * cached in a way that there is. Descriptors made for an image go with it, and none is closed twice; that of
 * memory is open while it is told, and after that. That the one which came is closed at the end of its scope is
 * not seen here. What breaks the rules ends the renderer, after which no record is looked at.
 *
 * #proof src/renderer/remote_peer.c tests/proofs/stubs/packets.c tests/proofs/stubs/descriptors.c
 *	tests/proofs/stubs/log.c
 * #cbmc --unwind 6
 * #bug src/renderer/remote_peer.c: has_fd == (op == WIRE_EXPORT_IMAGE && status == 0);
 *	=> has_fd == (op == WIRE_EXPORT_IMAGE);
 * #bug src/renderer/remote_peer.c: has_fd == (op == WIRE_EXPORT_IMAGE && status == 0);
 *	=> has_fd || op != WIRE_EXPORT_IMAGE || status != 0;
 * #bug src/renderer/remote_peer.c: if (op == WIRE_RESOURCE_CREATE_BLOB && status == 0)
 *	=> if (op == WIRE_RESOURCE_CREATE_BLOB)
 * #bug src/renderer/remote_peer.c: wire->offset > INT64_MAX || =>
 * #bug src/renderer/remote_peer.c: wire->offset % PAGE_ALIGNMENT != 0 => wire->offset % 512 != 0
 * #bug src/renderer/remote_peer.c: wire->map_info > MAP_INFO_MAX => wire->map_info > MAP_INFO_MAX + 1
 * #bug src/renderer/remote.c: reply.memory = status == 0 ? &memory : NULL;
 *	=> reply.memory = status == 0 ? &memory : NULL; fd_close(&fd);
 * #bug src/renderer/remote.c: reply.memory = status == 0 ? &memory : NULL; => reply.memory = &memory;
 * #bug src/renderer/remote.c: if (fd >= 0 && op == WIRE_RESOURCE_CREATE_BLOB) { => if (fd >= 0) {
 * #bug src/renderer/remote_peer.c: completion->status <= 0 && =>
 * #bug src/renderer/remote_peer.c: if (wire->planes == 0 || wire->planes > IMAGE_MAX_PLANES)
 *	=> if (wire->planes == 0)
 * #bug src/renderer/remote_peer.c: fd_close_all(like.fds, IMAGE_MAX_PLANES); =>
 * #bug src/renderer/remote_peer.c: wire->width > IMAGE_MAX_SIDE || => wire->width > 65536 ||
 * #bug src/renderer/remote_peer.c: wire->strides[i] > STRIDE_MAX) => wire->strides[i] > 2 * STRIDE_MAX)
 * #bug src/renderer/remote.c: call->done(call, status, reply.image || reply.memory ? &reply : NULL);
 *	=> call->done(call, completion->status, reply.image || reply.memory ? &reply : NULL);
 * #bug src/renderer/remote.c: fail(remote, "it wrote an impossible index"); => (void)0;
 */
#include <unistd.h>

#include "renderer/remote.c"

#include "gpu/protocol.h"
#include "peer.h"
#include "util/image.h"

#define RECORDS 2u

static struct remote remote;
static struct wire_completion record;
static struct image made;
static int images, dones, found;
static uint32_t found_op;
static uint64_t told; /* descriptors of memory, one bit each */
static bool useless; /* the ring is */

static void release_image(void)
{
	for (uint32_t i = 0; i < IMAGE_MAX_PLANES; i++)
		if (i < made.planes)
			close(made.fds[i]);
}

struct image *image_create_foreign(
	const struct image *like, void (*release)(struct image *image), void *data)
{
	prove(like->planes >= 1 && like->planes <= IMAGE_MAX_PLANES);
	prove(like->width >= 1 && like->width <= IMAGE_MAX_SIDE);
	prove(like->height >= 1 && like->height <= IMAGE_MAX_SIDE);
	for (uint32_t i = 0; i < IMAGE_MAX_PLANES; i++) {
		prove(i >= like->planes || descriptor_is_open(like->fds[i]));
		prove(i >= like->planes || like->strides[i] <= IMAGE_MAX_SIDE * 16u);
	}
	prove(images == 0);
	if (nondet_bool())
		return NULL;
	images++;
	made = *like;
	return &made;
}

void image_unref(struct image *image)
{
	if (!image)
		return;
	prove(image == &made && images == 1);
	images--;
	release_image();
}

bool image_format_known(uint32_t fourcc)
{
	return nondet_bool();
}

static void look_at(const struct renderer_memory *memory)
{
	prove(memory->offset <= INT64_MAX && memory->offset % 4096 == 0);
	prove(memory->map_info <= VIRTIO_GPU_MAP_CACHE_WC);
	prove(descriptor_is_open(memory->fd) && (packet_descriptors >> memory->fd & 1));
	told |= UINT64_C(1) << memory->fd;
}

static void on_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	dones++;
	prove(dones == found && status <= 0 && status >= -4095);
	prove(record.status == 0 || (record.flags & WIRE_FLAG_FD) || status == record.status);
	bool with_fd = record.flags == WIRE_FLAG_FD;
	bool image = found_op == WIRE_EXPORT_IMAGE && record.status == 0;
	bool blob = found_op == WIRE_RESOURCE_CREATE_BLOB && record.status == 0;
	prove(status == -ECONNRESET || with_fd == image || (with_fd && blob));
	prove((reply && reply->image) == (status == 0 && image));
	prove((reply && reply->memory) == (status == 0 && blob && with_fd));
	prove(!reply || !reply->image || (reply->image == &made && images == 1));
	if (reply && reply->memory)
		look_at(reply->memory);
}

static struct renderer_call call = { .done = on_done };

struct renderer_call *calls_close(struct calls *calls, uint64_t cookie, uint32_t *ret_tag)
{
	prove(cookie == record.cookie);
	if (nondet_bool())
		return NULL;
	found++;
	found_op = any_below(WIRE_OP_COUNT);
	*ret_tag = found_op;
	return &call;
}

int ring_pop_completion(struct ring *ring, struct wire_completion *ret_record)
{
	prove(!remote.failed && remote.ready && !useless);
	int result = nondet_int();
	assume(result == 0 || result == 1 || result == -EPROTO);
	useless = result < 0;
	ANY_VALUE(record);
	if (result == 1)
		*ret_record = record;
	return result;
}

void loop_source_destroy(struct loop_source *source)
{
}

void loop_defer_arm(struct loop_source *deferred)
{
}

uint64_t loop_now_ms(void)
{
	return nondet_u64();
}

void proof(void)
{
	remote.name = "any";
	remote.dropped = nondet_u32();
	remote.ready = nondet_bool();
	remote.failed = nondet_bool();

	take_completions(&remote, RECORDS);
	prove(dones == found && found <= (int)RECORDS);
	prove((descriptors_open & ~packet_descriptors) == 0 && images == 0);
	prove((told & ~descriptors_open) == 0);
	int before = dones;
	if (remote.failed)
		take_completions(&remote, 1);
	prove(!remote.failed || dones == before);
}
