/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The other end of a vhost-user style socket, for tests: hand-made messages, nothing blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost/protocol.h"

struct peer_message {
	struct vhost_user_header header;
	uint8_t payload[VHOST_USER_MAX_PAYLOAD];
	int fd; /* the first one, or -1; further ones are closed */
};

/* Two connected stream sockets; checks that it works. */
void peer_pair(int *ret_ours, int *ret_theirs);

/* Sends bytes as they are, with descriptors at the first one. */
void peer_send_bytes(int sock, const void *bytes, size_t size, const int *fds, size_t fd_count);

/* Writes header and payload to bytes; returns their length. */
size_t peer_compose(
	uint8_t *bytes, uint32_t request, uint32_t flags, const void *payload, size_t size);

/* Sends one message; flags get the version. */
void peer_send(int sock, uint32_t request, uint32_t flags, const void *payload, size_t size);

/* The same with descriptors. */
void peer_send_fds(int sock, uint32_t request, const void *payload, size_t size, const int *fds,
	size_t fd_count);

/* Takes one whole message that has already arrived; false when there is none. */
bool peer_receive(int sock, struct peer_message *ret_message);

/* True when the other side has closed and nothing is left to read. */
bool peer_closed(int sock);
