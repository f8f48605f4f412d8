/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "modes.h"

#include <errno.h>
#include <stdio.h>

#define MAX_SIDE 16384u

int modes_add(struct modes *modes, const char *text)
{
	unsigned width, height;
	char rest;
	if (modes->count == SCREEN_HEADS || sscanf(text, "%5ux%5u%c", &width, &height, &rest) != 2)
		return -EINVAL;
	if (width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE ||
		(uint64_t)width * height > SCREEN_MAX_PIXELS)
		return -EINVAL;
	modes->heads[modes->count].width = width;
	modes->heads[modes->count].height = height;
	modes->count++;
	return 0;
}
