/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "wayland_dmabuf.h"

#include <string.h>

#include "dmabuf.h"
#include "linux-dmabuf-unstable-v1-client-protocol.h"
#include "util/checked.h"
#include "util/fourcc.h"

/* The picture is opaque, whatever its fourth byte is. */
static const struct {
	uint32_t fourcc, shown_as;
	enum wayland_format format;
} formats[] = {
	{ FOURCC_XRGB8888, FOURCC_XRGB8888, WAYLAND_XRGB },
	{ FOURCC_ARGB8888, FOURCC_XRGB8888, WAYLAND_XRGB },
	{ FOURCC_XBGR8888, FOURCC_XBGR8888, WAYLAND_XBGR },
	{ FOURCC_ABGR8888, FOURCC_XBGR8888, WAYLAND_XBGR },
};

/* --- what the compositor takes ------------------------------------------------------------- */

/* Of old: without modifiers. */
static void on_format(void *data, struct zwp_linux_dmabuf_v1 *dmabufs, uint32_t format)
{
}

static void on_modifier(void *data, struct zwp_linux_dmabuf_v1 *dmabufs, uint32_t fourcc,
	uint32_t high, uint32_t low)
{
	struct wayland *wayland = data;
	uint64_t modifier = (uint64_t)high << 32 | low;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (formats[i].shown_as != fourcc)
			continue;
		wayland->takes[formats[i].format].linear |= modifier == FOURCC_MOD_LINEAR;
		wayland->takes[formats[i].format].unsaid |= modifier == FOURCC_MOD_INVALID;
	}
}

static void bound(struct wayland *wayland)
{
	static const struct zwp_linux_dmabuf_v1_listener listener = { on_format, on_modifier };
	zwp_linux_dmabuf_v1_add_listener(wayland->dmabufs, &listener, wayland);
}

static void destroy(struct wayland *wayland)
{
	zwp_linux_dmabuf_v1_destroy(wayland->dmabufs);
}

/* Version 3 tells modifiers one by one; 4 does so in another way only. */
const struct wayland_global wayland_dmabuf_global = { &zwp_linux_dmabuf_v1_interface, 3, 3,
	offsetof(struct wayland, dmabufs), false, bound, destroy };

/* --- asking -------------------------------------------------------------------------------- */

static void end_asking(struct wayland_dmabuf *import)
{
	if (import->asked)
		zwp_linux_buffer_params_v1_destroy(import->asked);
	import->asked = NULL;
}

static void on_created(
	void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *handle)
{
	struct wayland_dmabuf *import = data;
	end_asking(import);
	wayland_buffer_take(&import->buffer, handle);
	import->answered(import->data);
}

static void on_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	struct wayland_dmabuf *import = data;
	end_asking(import);
	import->answered(import->data);
}

static const struct zwp_linux_buffer_params_v1_listener listener = { on_created, on_failed };

void wayland_dmabuf_init(struct wayland_dmabuf *import, struct wayland *wayland,
	void (*answered)(void *data), void *data)
{
	*import = (struct wayland_dmabuf){
		.wayland = wayland,
		.answered = answered,
		.data = data,
	};
}

/* That it may be shown again is of no interest: it is shown as it is. */
static void released(void *data)
{
}

bool wayland_dmabuf_ask(struct wayland_dmabuf *import, const struct dmabuf *dmabuf)
{
	struct wayland *wayland = import->wayland;
	size_t i = 0;
	wayland_dmabuf_finish(import);
	while (i < ARRAY_SIZE(formats) && formats[i].fourcc != dmabuf->fourcc)
		i++;
	if (!wayland->dmabufs || i == ARRAY_SIZE(formats))
		return false;
	const struct wayland_takes *takes = &wayland->takes[formats[i].format];
	/* the backend has not said either */
	uint64_t modifier = takes->unsaid ? FOURCC_MOD_INVALID : FOURCC_MOD_LINEAR;
	if (takes->unsaid || takes->linear)
		import->asked = zwp_linux_dmabuf_v1_create_params(wayland->dmabufs);
	if (!import->asked)
		return false;
	import->buffer.released = released;
	zwp_linux_buffer_params_v1_add_listener(import->asked, &listener, import);
	zwp_linux_buffer_params_v1_add(import->asked, dmabuf->fd, 0, 0, dmabuf->stride,
		(uint32_t)(modifier >> 32), (uint32_t)modifier);
	zwp_linux_buffer_params_v1_create(import->asked, (int32_t)dmabuf->width,
		(int32_t)dmabuf->height, formats[i].shown_as, 0);
	wayland_want_flush(wayland);
	return true;
}

void wayland_dmabuf_finish(struct wayland_dmabuf *import)
{
	end_asking(import);
	wayland_buffer_close(&import->buffer);
}
