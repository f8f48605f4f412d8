/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The reference renderer: a picture in memory, what it has to look like, and where it does not.
 * Pixels are x8r8g8b8 in a uint32_t; the upper byte never counts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/protocol.h"

#define KIT_RGB 0x00ffffffu

struct kit_picture {
	uint32_t width, height;
	uint32_t pixels[]; /* rows without gaps */
};

/* Black. NULL when memory is short. */
struct kit_picture *kit_picture_create(uint32_t width, uint32_t height);
void kit_picture_destroy(struct kit_picture *picture);

static inline struct virtio_gpu_rect kit_rect(
	uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_rect){ x, y, width, height };
}

/* Drawing outside of the picture is cut off. */
void kit_picture_fill(struct kit_picture *picture, struct virtio_gpu_rect rect, uint32_t color);

/* Every pixel different from its neighbours and, with another seed, from itself. */
void kit_picture_pattern(struct kit_picture *picture, struct virtio_gpu_rect rect, uint32_t seed);

/* Copies rect of src to (x, y) of dst. */
void kit_picture_copy(struct kit_picture *dst, uint32_t x, uint32_t y,
	const struct kit_picture *src, struct virtio_gpu_rect rect);

/* True when both are the same; else ret_x, ret_y (may be NULL) say where they differ first. */
bool kit_picture_same(
	const struct kit_picture *a, const struct kit_picture *b, uint32_t *ret_x, uint32_t *ret_y);

/* 0 or -errno. */
int kit_picture_write_png(const struct kit_picture *picture, const char *path);

/* The eight formats of virtio-gpu 2D resources. */
extern const uint32_t kit_formats[8];
const char *kit_format_name(uint32_t format);

/* A pixel as it lies in guest memory (4 bytes) in one of them. The unused or alpha byte is `alpha`.
 * */
void kit_pixel_encode(uint32_t format, uint32_t color, uint8_t alpha, uint8_t bytes[4]);
uint32_t kit_pixel_decode(uint32_t format, const uint8_t bytes[4]);
