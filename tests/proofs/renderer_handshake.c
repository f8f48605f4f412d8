/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a renderer says of itself at first (src/renderer/remote_peer.c, renderer.c): up to four packets of any
 * length and contents, and then the one that comes with a descriptor.
 *
 * A capability set is as long as the packet says and has bytes for that; each is there once, and none is
 * empty. All of it can be freed. Nothing is read after the packet that says ready, which is of our version,
 * and a packet that breaks the rules ends the reading. A descriptor is taken only of a packet that is one.
 *
 * #proof src/renderer/remote_peer.c src/renderer/renderer.c tests/proofs/stubs/descriptors.c
 * #cbmc --unwind 10
 * #bug src/renderer/remote_peer.c: packet->header.capset_id == 0 || =>
 * #bug src/renderer/remote_peer.c: length != sizeof(packet->header) + (size_t)size) => length < size)
 * #bug src/renderer/remote_peer.c: if (length < sizeof(packet->header))
 *	return -EPROTO; =>
 * #bug src/renderer/remote_peer.c: if (packet->header.version != RENDERER_WIRE_VERSION)
 *	return -EPROTO; =>
 * #bug src/renderer/renderer.c: || renderer_find_capset(renderer, id)) => )
 * #bug src/renderer/remote_peer.c: packet.type != WIRE_FD || =>
 * #bug src/renderer/remote_peer.c: while (result == 0) { => while (result >= 0) {
 */
#include <errno.h>
#include <string.h>

#include "peer.h"
#include "renderer/remote_peer.h"
#include "renderer/renderer.h"
#include "util/fd.h"
#include "util/image.h"

#define PACKETS 4u

static struct renderer renderer;
static struct wire_packet last;
static uint32_t packets;
static bool ready, faulty;
static size_t last_size;

void fd_close(int *fd)
{
}

void fd_close_all(int *fds, size_t count)
{
}

int fd_dup(int fd)
{
	return any_error();
}

bool image_format_known(uint32_t fourcc)
{
	return false;
}

struct image *image_create_foreign(
	const struct image *like, void (*release)(struct image *image), void *owner)
{
	return NULL;
}

ssize_t fd_recv_packet(int sock, void *data, size_t size, int *fds, size_t fd_max)
{
	prove(!ready && !faulty && writable(data, size));
	if (fd_max > 0)
		fds[0] = nondet_bool() ? descriptor_new() : -1;
	if (packets++ == PACKETS)
		return -EAGAIN;
	ssize_t length = nondet_ssize();
	assume(length >= -4095 && length <= (ssize_t)size);
	ANY_VALUE(last);
	memcpy(data, &last, sizeof(last));
	last_size = length > 0 ? (size_t)length : 0;
	bool whole = last_size >= sizeof(last);
	ready = whole && last.type == WIRE_READY && last.version == RENDERER_WIRE_VERSION;
	faulty = length > 0 && !ready &&
		(!whole || last.type != WIRE_CAPSET || last.size == 0 || last.capset_id == 0 ||
			last_size != sizeof(last) + last.size);
	return length;
}

static void judge_capsets(void)
{
	prove(renderer.capset_count <= PACKETS);
	for (uint32_t i = 0; i < PACKETS; i++) {
		const struct renderer_capset *capset = &renderer.capsets[i];
		if (i >= renderer.capset_count)
			return;
		prove(capset->id != 0 && capset->size >= 1);
		prove(capset->size <= RENDERER_MAX_CAPSET_SIZE);
		prove(readable(capset->data, capset->size));
		for (uint32_t k = 0; k < i; k++)
			prove(renderer.capsets[k].id != capset->id);
	}
}

static void take_descriptor(void)
{
	int fd = -1;
	ready = false;
	faulty = false;
	packets = 0;
	int status = peer_take_fd(0, &fd);
	prove(status == 0 || (status == -EPROTO && fd == -1));
	prove(status < 0 || (descriptor_is_open(fd) && last.type == WIRE_FD));
	prove(status < 0 || last_size == sizeof(last));
}

void proof(void)
{
	int result = peer_read_handshake(0, &renderer);
	prove((result == 0) == ready && result <= 0);
	prove(!faulty || result == -EPROTO);
	prove(result == 0 || result == -EAGAIN || result == -EPROTO || result == -ECONNRESET ||
		result == -ENOMEM);
	judge_capsets();
	take_descriptor();
	renderer_finish(&renderer);
}
