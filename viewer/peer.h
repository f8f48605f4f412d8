/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The VMM's end of the vhost-user-gpu display protocol (QEMU, docs/interop/vhost-user-gpu): reads
 * what a backend shows into a screen, and answers its questions.
 *
 * Nothing here waits, and nothing the backend sends is trusted: pixels are read into their place as
 * they come, and a message that breaks the protocol ends the connection.
 */
#pragma once

#include "modes.h"
#include "screen.h"

struct loop;
struct peer;

/* Takes sock. `closed` is called once, from the loop, when the backend has gone (status 0) or broke
 * the protocol (-EPROTO, logged), or when the socket fails (-errno); destroy the peer then or later.
 * screen and modes must stay. NULL when memory is short; sock is closed then. */
struct peer *peer_create(struct loop *loop, int sock, struct screen *screen,
	const struct modes *modes, void (*closed)(void *data, int status), void *data);

/* NULL is fine. */
void peer_destroy(struct peer *peer);
