/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Reads the peer's answers: each of a known kind and of exactly its size, into a buffer that holds
 * the largest. Anything else ends the display, since it cannot be told any more where messages
 * begin.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "display/internal.h"
#include "util/checked.h"
#include "util/log.h"

/* #syscalls device: recvfrom */

#define MESSAGES_A_TURN 16

struct reply_spec {
	uint32_t request;
	uint32_t size;
	/* Returns 0, or -EPROTO when nothing of the kind was asked. May end the display. */
	int (*handle)(struct display *display, const uint8_t *payload);
};

static int handle_ack(struct display *display, const uint8_t *payload)
{
	(void)payload;
	return display_ack(display);
}

static const struct reply_spec reply_specs[] = {
	{ VHOST_USER_GPU_GET_PROTOCOL_FEATURES, sizeof(uint64_t), display_questions_features },
	{ VHOST_USER_GPU_GET_DISPLAY_INFO, VHOST_USER_GPU_DISPLAY_INFO_SIZE,
		display_questions_info },
	{ VHOST_USER_GPU_DMABUF_UPDATE, 0, handle_ack },
	{ VHOST_USER_GPU_GET_EDID, VHOST_USER_GPU_EDID_REPLY_SIZE, display_questions_edid },
};

static const struct reply_spec *find_reply(const struct vhost_user_gpu_header *header)
{
	if (!(header->flags & VHOST_USER_GPU_FLAG_REPLY))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(reply_specs); i++) {
		const struct reply_spec *spec = &reply_specs[i];
		if (spec->request == header->request && spec->size == header->size)
			return spec;
	}
	return NULL;
}

/* Reads until want bytes are there. Returns 0, -EAGAIN, or -errno when the peer is gone. */
static int fill(struct display *display, size_t want)
{
	struct display_incoming *in = &display->in;
	while (in->have < want) {
		ssize_t n =
			recv(display->sock, in->bytes + in->have, want - in->have, MSG_DONTWAIT);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			in->have += (size_t)n;
	}
	return 0;
}

static int refuse(const struct vhost_user_gpu_header *header)
{
	log_limited(LOG_ERROR,
		"the display sent an unexpected answer (request %u, flags 0x%x, %u bytes)",
		header->request, header->flags, header->size);
	return -EPROTO;
}

/* Returns 0 when a message was handled, -EAGAIN when it is not complete, else -errno. */
static int read_message(struct display *display)
{
	struct display_incoming *in = &display->in;
	struct vhost_user_gpu_header header;
	int error = fill(display, sizeof(header));
	if (error)
		return error;
	memcpy(&header, in->bytes, sizeof(header));
	const struct reply_spec *spec = find_reply(&header);
	if (!spec)
		return refuse(&header);
	error = fill(display, sizeof(header) + spec->size);
	if (error)
		return error;
	in->have = 0;
	return spec->handle(display, in->bytes + sizeof(header)) < 0 ? refuse(&header) : 0;
}

int display_input_read(struct display *display)
{
	for (int i = 0; i < MESSAGES_A_TURN && display_open(display); i++) {
		int error = read_message(display);
		if (error == -EAGAIN)
			return 0;
		if (error && error != -EPROTO)
			display_log_gone("read from", error);
		if (error)
			return error;
	}
	return 0;
}
