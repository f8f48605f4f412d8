/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A dma-buf that the compositor shows as it is. Whether it can is known when it has answered: a compositor
 * that is asked for more at once may end the connection.
 */
#pragma once

#include <stdbool.h>

#include "wayland.h"

struct dmabuf;

struct wayland_dmabuf {
	struct wayland *wayland;
	struct zwp_linux_buffer_params_v1 *asked; /* NULL: no answer is awaited */
	struct wayland_buffer buffer; /* when it can be shown */
	void (*answered)(void *data); /* it can, or there is no buffer */
	void *data;
};

/* wayland_dmabuf.c */
extern const struct wayland_global wayland_dmabuf_global;

/* Nothing yet. */
void wayland_dmabuf_init(struct wayland_dmabuf *import, struct wayland *wayland,
	void (*answered)(void *data), void *data);

/* Asks for it; what was there before goes. False: this compositor does not take such ones. */
bool wayland_dmabuf_ask(struct wayland_dmabuf *import, const struct dmabuf *dmabuf);

void wayland_dmabuf_finish(struct wayland_dmabuf *import);
