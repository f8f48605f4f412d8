/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * GET_CONFIG and SET_CONFIG (src/vhost/messages.c), with any offset, length, size of the message and size of
 * the device's configuration space.
 *
 * A read inside the largest configuration space there can be answers with as many bytes as were asked for:
 * of a configuration space that was zeros before the device filled it, never anything else. One beyond it is answered without
 * bytes. A write reaches the device where it has bytes, and only there, with those of the message. A message whose
 * length is not what it says ends the session.
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c tests/proofs/stubs/log.c
 *	tests/proofs/stubs/other_requests.c
 * #cbmc --unwind 9
 * #bug src/vhost/messages.c: if (range_inside(answer.header.offset, answer.header.size,
 *	sizeof(answer.bytes))) { => if (answer.header.offset <= sizeof(answer.bytes)) {
 * #bug src/vhost/messages.c: memcpy(answer.bytes, config + answer.header.offset,
 *	=> memcpy(answer.bytes, config + 1,
 * #bug src/vhost/messages.c: if (message->header.size - sizeof(*ret_config) != ret_config->size)
 *	=> if (0)
 * #bug src/vhost/messages.c: if (config.offset >= session->impl->config_size)
 *	=> if (config.offset >= 256 || config.offset + config.size > session->impl->config_size)
 * #bug src/vhost/messages.c: uint32_t size = min_u32(config.size, session->impl->config_size -
 *	config.offset); => uint32_t size = config.size;
 * #bug src/vhost/messages.c: if (config.offset >= session->impl->config_size) => if (0)
 */
#include "short_queue.h"

#include <string.h>

/* Copies of an open size are judged instead of made. */
static void watched_copy(void *dst, const void *src, size_t size);
#define memcpy watched_copy
#include "vhost/messages.c"

#include "peer.h"

static struct vhost_session session;
static struct vhost_message message;
static struct vhost_user_config_header asked;
static struct {
	const uint8_t *space; /* the configuration space as the device has written it */
	const void *to;
} copied;
static struct vhost_device_impl impl;
static int answers, writes, violations;

int vhost_session_violation(struct vhost_session *of, const char *format, ...)
{
	violations++;
	return -EPROTO;
}

static void watched_copy(void *dst, const void *src, size_t size)
{
	prove(readable(src, size) && writable(dst, size));
	if (!copied.space && size == sizeof(asked)) {
		*(struct vhost_user_config_header *)dst =
			*(const struct vhost_user_config_header *)src;
		return;
	}
	prove((const uint8_t *)src == copied.space + asked.offset && size == asked.size);
	copied.to = dst;
}

void vhost_session_reply(
	struct vhost_session *of, enum vhost_user_request request, const void *payload, size_t size)
{
	answers++;
	prove(readable(payload, size) && size <= VHOST_USER_MAX_PAYLOAD);
	if (request != VHOST_USER_GET_CONFIG)
		return;
	bool inside = asked.offset <= VHOST_USER_MAX_CONFIG_SIZE &&
		asked.size <= VHOST_USER_MAX_CONFIG_SIZE - asked.offset;
	prove(size == (inside ? sizeof(asked) + asked.size : 0));
	if (!inside)
		return;
	const struct vhost_user_config_header *said = payload;
	prove(said->offset == asked.offset && said->size == asked.size);
	prove(copied.to == (const uint8_t *)payload + sizeof(asked));
}

static void device_read_config(void *device, uint8_t *bytes)
{
	prove(writable(bytes, VHOST_USER_MAX_CONFIG_SIZE));
	prove(bytes[any_below(VHOST_USER_MAX_CONFIG_SIZE)] == 0);
	copied.space = bytes;
}

static void device_write_config(void *device, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
	writes++;
	prove(message.header.request == VHOST_USER_SET_CONFIG && size > 0);
	prove(offset == asked.offset && offset < impl.config_size);
	prove(size <= impl.config_size - offset && size <= asked.size);
	prove(bytes == message.payload + sizeof(asked));
	prove(sizeof(asked) + size <= message.header.size);
}

static struct vhost_device_impl impl = {
	.queues = 2,
	.read_config = device_read_config,
	.write_config = device_write_config,
};

void proof(void)
{
	impl.config_size = any_below(VHOST_USER_MAX_CONFIG_SIZE + 1);
	session.impl = &impl;
	session.protocol_features = nondet_u64();
	ANY_VALUE(message);
	message.fd_count = 0;
	bool reads = nondet_bool();
	message.header.request = reads ? VHOST_USER_GET_CONFIG : VHOST_USER_SET_CONFIG;
	asked = *(const struct vhost_user_config_header *)(const void *)message.payload;

	int status = vhost_session_message(&session, &message);
	bool asks = (message.header.flags & VHOST_USER_NEED_REPLY_MASK) &&
		(session.protocol_features >> VHOST_USER_PROTOCOL_F_REPLY_ACK & 1);
	prove(answers == (status == 0 && (reads || asks)) && writes <= !reads);
	prove((status == -EPROTO) == (violations > 0) && (!violations || writes == 0));
	prove(status < 0 || message.header.size == sizeof(asked) + asked.size);
	prove(status < 0 || reads || writes == (asked.size > 0 && asked.offset < impl.config_size));
}
