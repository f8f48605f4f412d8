/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/picture.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

struct kit_picture *kit_picture_create(uint32_t width, uint32_t height)
{
	size_t pixels = (size_t)width * height;
	struct kit_picture *picture = calloc(1, sizeof(*picture) + pixels * sizeof(uint32_t));
	if (picture) {
		picture->width = width;
		picture->height = height;
	}
	return picture;
}

void kit_picture_destroy(struct kit_picture *picture)
{
	free(picture);
}

static struct virtio_gpu_rect cut(const struct kit_picture *picture, struct virtio_gpu_rect rect)
{
	rect.x = min_u32(rect.x, picture->width);
	rect.y = min_u32(rect.y, picture->height);
	rect.width = min_u32(rect.width, picture->width - rect.x);
	rect.height = min_u32(rect.height, picture->height - rect.y);
	return rect;
}

static uint32_t *row_of(struct kit_picture *picture, uint32_t y)
{
	return picture->pixels + (size_t)y * picture->width;
}

static const uint32_t *const_row_of(const struct kit_picture *picture, uint32_t y)
{
	return picture->pixels + (size_t)y * picture->width;
}

void kit_picture_fill(struct kit_picture *picture, struct virtio_gpu_rect rect, uint32_t color)
{
	rect = cut(picture, rect);
	for (uint32_t y = 0; y < rect.height; y++)
		for (uint32_t x = 0; x < rect.width; x++)
			row_of(picture, rect.y + y)[rect.x + x] = color & KIT_RGB;
}

void kit_picture_pattern(struct kit_picture *picture, struct virtio_gpu_rect rect, uint32_t seed)
{
	rect = cut(picture, rect);
	for (uint32_t y = rect.y; y < rect.y + rect.height; y++)
		for (uint32_t x = rect.x; x < rect.x + rect.width; x++) {
			uint32_t hash =
				(x * 0x9e3779b1u) ^ (y * 0x85ebca77u) ^ (seed * 0xc2b2ae3du);
			hash ^= hash >> 15;
			hash *= 0x2c1b3c6du;
			row_of(picture, y)[x] = (hash ^ hash >> 12) & KIT_RGB;
		}
}

void kit_picture_copy(struct kit_picture *dst, uint32_t x, uint32_t y,
	const struct kit_picture *src, struct virtio_gpu_rect rect)
{
	rect = cut(src, rect);
	struct virtio_gpu_rect to = cut(dst, kit_rect(x, y, rect.width, rect.height));
	for (uint32_t i = 0; i < to.height; i++)
		memcpy(row_of(dst, to.y + i) + to.x, const_row_of(src, rect.y + i) + rect.x,
			to.width * sizeof(uint32_t));
}

bool kit_picture_same(
	const struct kit_picture *a, const struct kit_picture *b, uint32_t *ret_x, uint32_t *ret_y)
{
	uint32_t width = min_u32(a->width, b->width);
	uint32_t height = min_u32(a->height, b->height);
	uint32_t x = width, y = height;
	for (uint32_t row = 0; row < height && y == height; row++)
		for (uint32_t column = 0; column < width && y == height; column++)
			if ((const_row_of(a, row)[column] ^ const_row_of(b, row)[column]) &
				KIT_RGB) {
				x = column;
				y = row;
			}
	if (y == height && a->width == b->width && a->height == b->height)
		return true;
	if (ret_x)
		*ret_x = x;
	if (ret_y)
		*ret_y = y;
	return false;
}

static void write_rows(png_structp png, const struct kit_picture *picture, uint8_t *row)
{
	for (uint32_t y = 0; y < picture->height; y++) {
		for (uint32_t x = 0; x < picture->width; x++) {
			uint32_t pixel = const_row_of(picture, y)[x];
			row[3 * x] = (uint8_t)(pixel >> 16);
			row[3 * x + 1] = (uint8_t)(pixel >> 8);
			row[3 * x + 2] = (uint8_t)pixel;
		}
		png_write_row(png, row);
	}
}

/* libpng leaves by longjmp: nothing here may live in a register. */
static bool write_file(const struct kit_picture *picture, FILE *file, uint8_t *row)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	if (!info || setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return false;
	}
	png_init_io(png, file);
	png_set_IHDR(png, info, picture->width, picture->height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	write_rows(png, picture, row);
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	return true;
}

int kit_picture_write_png(const struct kit_picture *picture, const char *path)
{
	uint8_t *row = malloc((size_t)picture->width * 3 + 1);
	FILE *file = row ? fopen(path, "wbe") : NULL;
	if (!file) {
		int error = row ? -errno : -ENOMEM;
		free(row);
		return error;
	}
	bool written = write_file(picture, file, row);
	free(row);
	return fclose(file) == 0 && written ? 0 : -EIO;
}

/* --- formats ------------------------------------------------------------------------------- */

const uint32_t kit_formats[8] = {
	VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
	VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
	VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM,
	VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM,
	VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM,
	VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM,
	VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM,
	VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM,
};

/* Where the components lie in memory: the name of a format lists its bytes in order. */
struct layout {
	uint32_t format;
	const char *name;
	uint8_t r, g, b, a;
};

static const struct layout layouts[] = {
	{ VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, "B8G8R8A8", 2, 1, 0, 3 },
	{ VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, "B8G8R8X8", 2, 1, 0, 3 },
	{ VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, "A8R8G8B8", 1, 2, 3, 0 },
	{ VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, "X8R8G8B8", 1, 2, 3, 0 },
	{ VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, "R8G8B8A8", 0, 1, 2, 3 },
	{ VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, "X8B8G8R8", 3, 2, 1, 0 },
	{ VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, "A8B8G8R8", 3, 2, 1, 0 },
	{ VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, "R8G8B8X8", 0, 1, 2, 3 },
};

static const struct layout *layout_of(uint32_t format)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (layouts[i].format == format)
			return &layouts[i];
	return &layouts[0];
}

const char *kit_format_name(uint32_t format)
{
	return layout_of(format)->name;
}

void kit_pixel_encode(uint32_t format, uint32_t color, uint8_t alpha, uint8_t bytes[4])
{
	const struct layout *layout = layout_of(format);
	bytes[layout->r] = (uint8_t)(color >> 16);
	bytes[layout->g] = (uint8_t)(color >> 8);
	bytes[layout->b] = (uint8_t)color;
	bytes[layout->a] = alpha;
}

uint32_t kit_pixel_decode(uint32_t format, const uint8_t bytes[4])
{
	const struct layout *layout = layout_of(format);
	return (uint32_t)bytes[layout->r] << 16 | (uint32_t)bytes[layout->g] << 8 |
		bytes[layout->b];
}
