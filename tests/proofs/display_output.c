/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a display peer is told of a scanout (src/display/display_output.c): the choice of the next messages,
 * in any state of one, whatever the peer has been told before.
 *
 * They fit where they are kept until they are written. Each has a header that says how long it is, with what
 * follows elsewhere; nothing is counted that is not there. A picture comes after its size, and a dma-buf
 * with its descriptor, which the scanout does not hold any more. When nothing is chosen nothing was due.
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c
 * #cbmc --unwind 2
 * #bug src/display/display_output.c: out->head_size += size; => out->head_size += size + more;
 * #bug src/display/display_output.c: .size = (uint32_t)(size + more), => .size = (uint32_t)size,
 * #bug src/display/display_output.c: if (s->told != SHOWN_PIXELS || => if (
 * #bug src/display/display_output.c: display->out.fd = fd_steal(&s->dmabuf_fd);
 *	=> display->out.fd = s->dmabuf_fd;
 * #bug src/display/display_output.c: s->cursor_place_due = false; =>
 * #bug src/display/display_output.c: s->update = UPDATE_WRITING; =>
 * #bug src/display/display_output.c: &s->dmabuf, sizeof(s->dmabuf), 0); => &s->dmabuf, sizeof(*s), 0);
 */
#include <string.h>

static void watched_copy(void *dst, const void *src, size_t size);
#define memcpy watched_copy
#include "display/display_output.c"

#include "peer.h"

static struct display display;
static struct {
	size_t end; /* of what was put */
	uint64_t rest; /* what the last header has announced and has not come */
	uint32_t messages;
} put;

/* Headers and payloads follow one another; they are the only copies into display.out. */
static void watched_copy(void *dst, const void *src, size_t size)
{
	prove(readable(src, size) && writable(dst, size));
	if (!__CPROVER_same_object(dst, &display))
		return;
	prove((uint8_t *)dst == display.out.head + put.end);
	prove(size <= sizeof(display.out.head) - put.end);
	put.end += size;
	if (put.rest > 0) {
		prove(size <= put.rest);
		put.rest -= size;
		return;
	}
	prove(size == sizeof(struct vhost_user_gpu_header));
	put.rest = ((const struct vhost_user_gpu_header *)src)->size;
	put.messages++;
}

bool display_questions_put(struct display *of)
{
	return false;
}

static void any_scanout(struct display_scanout *s)
{
	static struct image image;
	s->wanted = (enum display_shown)any_below(SHOWN_DMABUF + 1);
	s->told = (enum display_shown)any_below(SHOWN_DMABUF + 1);
	s->update = nondet_bool() ? UPDATE_QUEUED : UPDATE_NONE;
	s->dmabuf_fd = nondet_bool() ? descriptor_new() : -1;
	s->width = nondet_u32();
	s->height = nondet_u32();
	s->told_width = nondet_u32();
	s->told_height = nondet_u32();
	s->rect = (struct rect){ nondet_u32(), nondet_u32(), nondet_u32(), nondet_u32() };
	s->cursor_visible = nondet_bool();
	s->cursor_image_due = nondet_bool();
	s->cursor_place_due = nondet_bool();
	s->cursor_was_last = nondet_bool();
	/* As display_update() leaves it. */
	s->image = s->update == UPDATE_QUEUED && s->wanted == SHOWN_PIXELS ? &image : NULL;
	assume(!s->image || (s->rect.w <= IMAGE_MAX_SIDE && s->rect.h <= IMAGE_MAX_SIDE));
	assume(!s->image || (s->rect.w > 0 && s->rect.h > 0));
	assume(!s->image || (s->width > 0 && s->height > 0));
}

static void judge_update(const struct display_scanout *s)
{
	prove(display.out.update == s && s->update == UPDATE_WRITING);
	prove(s->dmabuf_fd == -1 || s->image);
	if (!s->image)
		return;
	prove(s->told == SHOWN_PIXELS && s->told_width == s->width && s->told_height == s->height);
	prove(display.out.body_size == (uint64_t)s->rect.w * s->rect.h * 4);
}

void proof(void)
{
	struct display_scanout *s = &display.scanouts[0];
	any_scanout(s);
	display.features = nondet_u64();
	display_output_init(&display);
	bool cursor_due = s->cursor_image_due || s->cursor_place_due;
	bool queued = s->update == UPDATE_QUEUED;

	bool any = put_scanout(&display, s);
	prove(any == (put.messages > 0) && display.out.head_size == put.end);
	prove(put.rest == display.out.body_size);
	prove(any || (!cursor_due && !queued));
	if (display.out.update)
		judge_update(s);
	prove(!queued || s->update == UPDATE_QUEUED || display.out.update);
	prove(display.out.fd < 0 || s->dmabuf_fd < 0);
	prove(!s->cursor_was_last || !s->cursor_image_due);
	prove(!s->cursor_was_last || !s->cursor_place_due || !s->cursor_visible);
	fd_close(&display.out.fd);
	fd_close(&s->dmabuf_fd);
	prove(descriptors_open == 0);
}
