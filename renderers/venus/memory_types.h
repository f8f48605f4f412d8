/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which devices the layer (memory_layer.c) works for, and which of their types of memory can be imported from
 * pointers: a text, as it goes from the server to the layer in the environment.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_TYPES_VARIABLE "VIRTIOGPUD_MEMORY_TYPES"
#define MEMORY_TYPES_UUID     16u
#define MEMORY_TYPES_TEXT     352u /* room for eight devices */

/* Adds a device by its deviceUUID; bit n of types: memory type n. 0, or -ENOSPC and it is not in the text. */
int memory_types_add(char text[static MEMORY_TYPES_TEXT],
	const uint8_t uuid[static MEMORY_TYPES_UUID], uint32_t types);

/* False: the device is not in the text. */
bool memory_types_find(
	const char *text, const uint8_t uuid[static MEMORY_TYPES_UUID], uint32_t *ret_types);
