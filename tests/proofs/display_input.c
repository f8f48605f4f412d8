/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a display peer sends (src/display/display_input.c): any bytes, cut in any way, up to three reads of
 * one message, from any state that reading leaves behind.
 *
 * Bytes go only where there is room, never past the end of the message at hand. An answer is handled when
 * it is whole, of a known kind and of exactly its size, and not touched again; anything else, and what
 * nobody asked for, is an error.
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c tests/proofs/stubs/log.c
 * #cbmc --unwind 6
 * #bug src/display/display_input.c: if (spec->request == header->request && spec->size == header->size)
 *	=> if (spec->request == header->request && spec->size <= header->size)
 * #bug src/display/display_input.c: if (!(header->flags & VHOST_USER_GPU_FLAG_REPLY)) => if (0)
 * #bug src/display/display_input.c: in->have = 0; => in->have = spec->size;
 * #bug src/display/display_input.c: in->bytes + in->have, want - in->have, => in->bytes + in->have, want,
 * #bug src/display/display_input.c: error = fill(display, sizeof(header) + spec->size);
 *	=> error = fill(display, sizeof(header));
 * #bug src/display/display_input.c: if (n == 0) => if (n == 0 && in->have == 0)
 */
#include "display/display_input.c"

#include "peer.h"

#define READS 3

static struct display display;
static int reads, handled, gone;
static size_t come; /* of the message at hand */
static bool closed;

ssize_t recv(int sock, void *bytes, size_t size, int flags)
{
	prove(!closed && sock == display.sock && (flags & MSG_DONTWAIT) && size > 0);
	prove(writable(bytes, size) && bytes == display.in.bytes + display.in.have);
	prove(size <= sizeof(display.in.bytes) - display.in.have);
	errno = nondet_int();
	assume(errno > 0 && errno <= 4095 && (reads < READS || errno == EAGAIN));
	ssize_t got = reads++ < READS ? nondet_ssize() : -1;
	assume(got >= -1 && (got < 0 || (size_t)got <= size));
	/* Only the header says what happens, once it is whole. */
	if (display.in.have < sizeof(struct vhost_user_gpu_header))
		__CPROVER_havoc_slice(display.in.bytes, sizeof(struct vhost_user_gpu_header));
	come += got > 0 ? (size_t)got : 0;
	closed = got == 0;
	return got;
}

static struct vhost_user_gpu_header header_there(void)
{
	struct vhost_user_gpu_header header;
	memcpy(&header, display.in.bytes, sizeof(header));
	return header;
}

static int handle(uint32_t request, uint32_t size, const uint8_t *payload)
{
	struct vhost_user_gpu_header header = header_there();
	handled++;
	prove(header.request == request && header.size == size);
	prove(header.flags & VHOST_USER_GPU_FLAG_REPLY);
	prove(payload == display.in.bytes + sizeof(header) && readable(payload, size));
	prove(display.in.have == 0 && come == sizeof(header) + size);
	if (nondet_bool())
		display.sock = -1;
	return nondet_bool() ? 0 : -EPROTO;
}

int display_questions_features(struct display *of, const uint8_t *payload)
{
	return handle(VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 8, payload);
}

int display_questions_info(struct display *of, const uint8_t *payload)
{
	return handle(VHOST_USER_GPU_GET_DISPLAY_INFO, 408, payload);
}

int display_questions_edid(struct display *of, const uint8_t *payload)
{
	return handle(VHOST_USER_GPU_GET_EDID, 1056, payload);
}

int display_ack(struct display *of)
{
	struct vhost_user_gpu_header header = header_there();
	return handle(VHOST_USER_GPU_DMABUF_UPDATE, 0, display.in.bytes + sizeof(header));
}

void display_log_gone(const char *verb, int error)
{
	gone++;
	prove(error < 0 && error != -EAGAIN);
}

static bool is_consistent(void)
{
	struct vhost_user_gpu_header header = header_there();
	const struct reply_spec *spec = find_reply(&header);
	return display.in.have <= sizeof(header) ||
		(spec && display.in.have <= sizeof(header) + spec->size);
}

void proof(void)
{
	display.in.have = nondet_size();
	__CPROVER_havoc_slice(display.in.bytes, sizeof(struct vhost_user_gpu_header));
	assume(is_consistent());
	come = display.in.have;

	int error = read_message(&display);
	prove(error <= 0 && handled <= 1);
	prove(error || handled);
	prove(!handled || error == 0 || error == -EPROTO);
	prove(is_consistent());
	prove(error == -EAGAIN || handled || error == -EPROTO || error < 0);
}
