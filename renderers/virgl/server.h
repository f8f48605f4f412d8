/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The server of Vulkan (renderers/venus), as seen from the renderer: a socket, on which it first says what it
 * has found out of the machine's drivers, and which is the library's then.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source;

struct server {
	int sock; /* owned until the library takes it; -1: none */
	int watched; /* owned: the same socket, to see it closed; -1: none */
	struct loop_source *source; /* of that; NULL: the server is not needed */
	bool can_map_opaque; /* memory that drivers have descriptors of their own for */
	uint64_t opaque_offset; /* of its bytes in the file */
	void (*lost)(void *data);
	void *data;
};

/* sock is taken; -1: there is no server. */
void server_init(struct server *server, int sock);
void server_finish(struct server *server);

/* Waits until the server has said what it found, and gives the socket away: -1 when there is no Vulkan
 * (logged). */
int server_take(struct server *server);

/* Calls lost() from the loop when the server ends. 0 or -ENOMEM. */
int server_watch(struct server *server, struct loop *loop, void (*lost)(void *data), void *data);
