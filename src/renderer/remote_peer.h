/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For remote.c: what a renderer process sends, judged. */
#pragma once

#include <stdbool.h>

#include "renderer/wire.h"

struct image;
struct renderer;

/* Reads what the peer has said of itself so far and adds its capsets to the renderer. Returns 0 after
 * WIRE_READY (and reads no further), -EAGAIN while that has not come, -ECONNRESET when the peer has
 * closed, -EPROTO when it is no renderer of this version, -ENOMEM. */
int peer_read_handshake(int sock, struct renderer *renderer);

/* Whether the fixed part of a completion can be believed: its status is one, its flags are known. */
bool peer_completion_valid(const struct wire_completion *completion);

/* The descriptor that belongs to a record: 0, -EPROTO when it is not the next thing on the socket. */
int peer_take_fd(int sock, int *ret_fd);

/* Whether a finished operation has a descriptor just when it may, or must, have one. */
bool peer_brings(uint32_t op, int status, bool has_fd);

/* What the peer says of memory behind a descriptor, which stays the caller's. 0 or -EIO: its numbers are not
 * possible. */
int peer_make_memory(const struct wire_memory *wire, int fd, struct renderer_memory *ret_memory);

/* An image made of what the peer says and a descriptor (taken in any case): 0, -EOPNOTSUPP when it
 * is not one that displays can take, -EIO when its numbers are not possible, -ENOMEM, -EMFILE. */
int peer_make_image(const struct wire_image *wire, int *fd, struct image **ret_image);
