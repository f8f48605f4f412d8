/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dmabuf.h"
#include "util/checked.h"

void screen_init(struct screen *screen)
{
	memset(screen, 0, sizeof(*screen));
	list_init(&screen->outputs);
}

void screen_finish(struct screen *screen)
{
	list_for_each_safe (link, after, &screen->outputs) {
		struct output *output = container_of(link, struct output, link);
		list_remove(link);
		output->impl->destroy(output);
	}
	for (uint32_t i = 0; i < SCREEN_HEADS; i++)
		free(screen->heads[i].pixels);
}

static struct rect whole(const struct head *head)
{
	return (struct rect){ 0, 0, head->width, head->height };
}

void screen_add(struct screen *screen, struct output *output, const struct output_impl *impl)
{
	output->impl = impl;
	output->screen = screen;
	list_append(&screen->outputs, &output->link);
	for (uint32_t i = 0; i < SCREEN_HEADS; i++) {
		const struct head *head = &screen->heads[i];
		struct rect all = whole(head);
		if (!head->width)
			continue;
		impl->resized(output, i);
		impl->damaged(output, i, &all);
		if (impl->pointer)
			impl->pointer(output, i, true);
	}
}

static void tell_resized(struct screen *screen, uint32_t head)
{
	list_for_each (link, &screen->outputs) {
		struct output *output = container_of(link, struct output, link);
		output->impl->resized(output, head);
	}
}

int screen_resize(struct screen *screen, uint32_t number, uint32_t width, uint32_t height)
{
	struct head *head = &screen->heads[number];
	uint64_t pixels = (uint64_t)width * height;
	int error = 0;
	if (pixels > SCREEN_MAX_PIXELS)
		error = -E2BIG;
	free(head->pixels);
	head->pixels = pixels && !error ? calloc(pixels, sizeof(uint32_t)) : NULL;
	if (pixels && !error && !head->pixels)
		error = -ENOMEM;
	head->width = head->pixels ? width : 0;
	head->height = head->pixels ? height : 0;
	tell_resized(screen, number);
	return error;
}

bool screen_needs_pixels(const struct screen *screen, uint32_t head)
{
	list_for_each (link, &screen->outputs) {
		struct output *output = container_of(link, struct output, link);
		if (!output->impl->needs_pixels || output->impl->needs_pixels(output, head))
			return true;
	}
	return false;
}

void screen_read(struct screen *screen, uint32_t number)
{
	struct head *head = &screen->heads[number];
	struct rect all = whole(head);
	if (head->dmabuf && head->pixels)
		dmabuf_read(head->dmabuf, &all, head->pixels, head->width);
}

void screen_damage(struct screen *screen, uint32_t head, const struct rect *rect)
{
	list_for_each (link, &screen->outputs) {
		struct output *output = container_of(link, struct output, link);
		output->impl->damaged(output, head, rect);
	}
}

void screen_pointer(struct screen *screen, uint32_t head, bool image)
{
	list_for_each (link, &screen->outputs) {
		struct output *output = container_of(link, struct output, link);
		if (output->impl->pointer)
			output->impl->pointer(output, head, image);
	}
}
