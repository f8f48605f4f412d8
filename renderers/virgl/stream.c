/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is looked at in a command stream before the library decodes it: that its commands end
 * where it ends (the library would execute those before the one that does not, and then say that
 * all is well), and that the transfers among them have sizes that the library can compute.
 */
#include <string.h>

#include "virgl.h"

/* The first word of a command: its number, something that depends on it, words that follow. */
#define COMMAND_NUMBER(word) ((word) & 0xffu)
#define COMMAND_WORDS(word)  ((word) >> 16)

enum command {
	RESOURCE_INLINE_WRITE = 9,
	TRANSFER3D = 43,
	COPY_TRANSFER3D = 45,
};

/* The words of these three commands, which begin alike. */
enum transfer_word {
	WORD_RESOURCE = 1,
	WORD_LEVEL = 2,
	WORD_STRIDE = 4,
	WORD_LAYER_STRIDE = 5,
	WORD_BOX = 6,
	TRANSFER_WORDS = 11,
	WORD_TRANSFER3D_OFFSET = 12,
	WORD_COPY_TRANSFER3D_OFFSET = 13,
};

static uint32_t word_at(const uint8_t *command, uint32_t index)
{
	uint32_t word;
	memcpy(&word, command + (size_t)index * sizeof(word), sizeof(word));
	return word;
}

/* The word that holds the offset into memory, or 0: it starts at 0. */
static uint32_t offset_word(uint32_t number)
{
	switch (number) {
	case TRANSFER3D:
		return WORD_TRANSFER3D_OFFSET;
	case COPY_TRANSFER3D:
		return WORD_COPY_TRANSFER3D_OFFSET;
	default:
		return 0;
	}
}

static bool transfer_is_sane(struct virgl *virgl, const uint8_t *command, uint32_t words)
{
	uint32_t offset = offset_word(COMMAND_NUMBER(word_at(command, 0)));
	if (words < TRANSFER_WORDS || words < offset)
		return false;
	struct resource *resource = virgl_resource_find(virgl, word_at(command, WORD_RESOURCE));
	if (!resource)
		return true; /* the library knows no more of it */
	const struct renderer_transfer_args transfer = {
		.level = word_at(command, WORD_LEVEL),
		.stride = word_at(command, WORD_STRIDE),
		.layer_stride = word_at(command, WORD_LAYER_STRIDE),
		.offset = offset ? word_at(command, offset) : 0,
		.box = {
			.x = word_at(command, WORD_BOX),
			.y = word_at(command, WORD_BOX + 1),
			.z = word_at(command, WORD_BOX + 2),
			.w = word_at(command, WORD_BOX + 3),
			.h = word_at(command, WORD_BOX + 4),
			.d = word_at(command, WORD_BOX + 5),
		},
	};
	return virgl_transfer_check(resource, &transfer) == 0;
}

static bool command_is_sane(struct virgl *virgl, const uint8_t *command, uint32_t words)
{
	switch (COMMAND_NUMBER(word_at(command, 0))) {
	case RESOURCE_INLINE_WRITE:
	case TRANSFER3D:
	case COPY_TRANSFER3D:
		return transfer_is_sane(virgl, command, words);
	default:
		return true;
	}
}

bool virgl_stream_is_sane(struct virgl *virgl, const uint8_t *stream, uint32_t size)
{
	uint32_t left = size / 4;
	while (left > 0) {
		uint32_t words = COMMAND_WORDS(word_at(stream, 0));
		if (words >= left || !command_is_sane(virgl, stream, words))
			return false;
		left -= words + 1;
		stream += ((size_t)words + 1) * 4;
	}
	return true;
}
