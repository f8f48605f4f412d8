/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "modes.h"

#include <errno.h>
#include <stdio.h>

#define MAX_SIDE 16384u

static bool usable(uint32_t width, uint32_t height)
{
	return width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE &&
		(uint64_t)width * height <= SCREEN_MAX_PIXELS;
}

int modes_add(struct modes *modes, const char *text)
{
	unsigned width, height;
	char rest;
	if (modes->count == SCREEN_HEADS || sscanf(text, "%5ux%5u%c", &width, &height, &rest) != 2)
		return -EINVAL;
	if (!usable(width, height))
		return -EINVAL;
	modes->heads[modes->count].width = width;
	modes->heads[modes->count].height = height;
	modes->count++;
	return 0;
}

int modes_set(struct modes *modes, uint32_t head, uint32_t width, uint32_t height)
{
	if (!usable(width, height) && (width != 0 || height != 0))
		return -EINVAL;
	modes->heads[head].width = width;
	modes->heads[head].height = height;
	return 0;
}

bool modes_off(const struct modes *modes)
{
	for (uint32_t i = 0; i < modes->count; i++)
		if (modes->heads[i].width > 0)
			return false;
	return true;
}
