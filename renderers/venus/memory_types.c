/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "memory_types.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME  (2u * MEMORY_TYPES_UUID + 1u) /* and ":" */
#define ENTRY (NAME + 8u + 1u) /* and eight digits, and "," */

static void name_of(const uint8_t *uuid, char name[static NAME + 1])
{
	for (uint32_t i = 0; i < MEMORY_TYPES_UUID; i++)
		snprintf(name + 2 * i, 3, "%02x", uuid[i]);
	memcpy(name + NAME - 1, ":", 2);
}

int memory_types_add(char text[static MEMORY_TYPES_TEXT],
	const uint8_t uuid[static MEMORY_TYPES_UUID], uint32_t types)
{
	char name[NAME + 1];
	size_t length = strlen(text);
	if (MEMORY_TYPES_TEXT - length <= ENTRY)
		return -ENOSPC;
	name_of(uuid, name);
	snprintf(text + length, MEMORY_TYPES_TEXT - length, "%s%08" PRIx32 ",", name, types);
	return 0;
}

bool memory_types_find(
	const char *text, const uint8_t uuid[static MEMORY_TYPES_UUID], uint32_t *ret_types)
{
	char name[NAME + 1];
	name_of(uuid, name);
	const char *entry = strstr(text, name);
	return entry && sscanf(entry + NAME, "%8" SCNx32, ret_types) == 1;
}
