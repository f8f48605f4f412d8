/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A session only in name, for tests of a device: what the device asks of it is made here, and the other end of its
 * backend channel is the test's.
 */
#pragma once

#include <stdint.h>

#include "loop/loop.h"
#include "vhost/backend_channel.h"
#include "vhost/protocol.h"

struct session_in_name {
	uint64_t features; /* of the protocol */
	struct backend_channel *channel;
	int sock; /* the VMM's end of it */
};

extern struct session_in_name vmm;

/* Of the protocol, which QEMU has and other VMMs do not. */
#define SESSION_LIKE_QEMU                                                                          \
	(VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE))

/* With a channel, and these features of the protocol. */
struct vhost_session *session_in_name_begin(struct loop *loop, uint64_t features);

/* Another channel in place of that. */
void session_in_name_open_channel(struct loop *loop);

/* The channel goes; sock stays until the device has been told that all is over. */
void session_in_name_close_channel(void);
