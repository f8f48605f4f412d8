/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "display/edid.h"

#include <string.h>

#include "util/checked.h"

#define SIDE_MAX        4095u
#define CLOCK_MAX_10KHZ 65535u
#define REFRESH_HZ      60u
#define DPI             96u

/* The parts of a base block (E-EDID 1.4, section 3). */
enum {
	OFFSET_HEADER = 0,
	OFFSET_VENDOR = 8,
	OFFSET_BASICS = 20,
	OFFSET_COLOURS = 25,
	OFFSET_ESTABLISHED = 35,
	OFFSET_STANDARD = 38,
	OFFSET_DESCRIPTORS = 54,
	OFFSET_CHECKSUM = 127,
};
#define DESCRIPTOR_SIZE 18u
#define STANDARD_COUNT  8u

#define TAG_DUMMY 0x10
#define TAG_NAME  0xfc

/* A detailed timing: sizes in pixels and lines. */
struct timing {
	uint32_t clock_10khz;
	uint32_t width, h_blank, h_front, h_sync;
	uint32_t height, v_blank, v_front, v_sync;
};

/* CVT names the picture's shape by the length of the vertical sync (CVT 1.2, table 3-2). */
static uint32_t sync_lines(uint32_t width, uint32_t height)
{
	static const struct {
		uint32_t w, h, lines;
	} shapes[] = { { 4, 3, 4 }, { 16, 9, 5 }, { 16, 10, 6 }, { 5, 4, 7 }, { 15, 9, 7 } };
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (width * shapes[i].h == height * shapes[i].w)
			return shapes[i].lines;
	return 10;
}

/* As CVT's reduced blanking, but the clock is as exact as the block can say, so that any size gets
 * its 60 Hz. A size whose clock the block cannot say gets the highest and so fewer. */
static struct timing reduced_blanking(uint32_t width, uint32_t height)
{
	struct timing t = {
		.width = width,
		.h_blank = 160,
		.h_front = 48,
		.h_sync = 32,
		.height = height,
		.v_front = 3,
		.v_sync = sync_lines(width, height),
	};
	/* at least 460 us of vertical blanking, at least 6 lines behind the sync */
	const uint32_t frame_us = 1000000u / REFRESH_HZ, blank_us = 460;
	t.v_blank =
		max_u32(height * blank_us / (frame_us - blank_us) + 1, t.v_front + t.v_sync + 6);
	uint64_t clock = (uint64_t)(width + t.h_blank) * (height + t.v_blank) * REFRESH_HZ;
	t.clock_10khz = (uint32_t)min_u64((clock + 5000) / 10000, CLOCK_MAX_10KHZ);
	return t;
}

static uint32_t millimetres(uint32_t pixels)
{
	return (pixels * 254 + DPI * 5) / (DPI * 10);
}

static uint8_t low(uint32_t value)
{
	return (uint8_t)(value & 0xff);
}

/* Bits 8 to 11 of two values in one byte. */
static uint8_t high_pair(uint32_t first, uint32_t second)
{
	return (uint8_t)((first >> 8 & 0xf) << 4 | (second >> 8 & 0xf));
}

static void fill_detailed(uint8_t *d, const struct timing *t)
{
	uint32_t mm_x = millimetres(t->width), mm_y = millimetres(t->height);
	d[0] = low(t->clock_10khz);
	d[1] = low(t->clock_10khz >> 8);
	d[2] = low(t->width);
	d[3] = low(t->h_blank);
	d[4] = high_pair(t->width, t->h_blank);
	d[5] = low(t->height);
	d[6] = low(t->v_blank);
	d[7] = high_pair(t->height, t->v_blank);
	d[8] = low(t->h_front);
	d[9] = low(t->h_sync);
	d[10] = (uint8_t)(t->v_front << 4 | t->v_sync);
	d[11] = 0; /* the higher bits of the four before */
	d[12] = low(mm_x);
	d[13] = low(mm_y);
	d[14] = high_pair(mm_x, mm_y);
	d[17] = 0x1a; /* digital separate sync: horizontal positive, vertical negative */
}

static void fill_text(uint8_t *d, uint8_t tag, const char *text)
{
	size_t length = strlen(text);
	d[3] = tag;
	memset(d + 5, ' ', 13);
	memcpy(d + 5, text, length);
	if (length < 13)
		d[5 + length] = '\n';
}

static void fill_vendor(uint8_t *v, uint32_t serial)
{
	const uint32_t name = ('V' - '@') << 10 | ('G' - '@') << 5 | ('D' - '@');
	v[0] = low(name >> 8);
	v[1] = low(name);
	v[2] = 1; /* product */
	for (uint32_t i = 0; i < 4; i++)
		v[4 + i] = low(serial >> 8 * i);
	v[8] = 0; /* week: not given */
	v[9] = 2025 - 1990; /* year */
	v[10] = 1; /* version 1.4 */
	v[11] = 4;
}

static void fill_basics(uint8_t *b, uint32_t width, uint32_t height)
{
	b[0] = 0xa0; /* digital, 8 bits a colour, no particular interface */
	b[1] = (uint8_t)max_u32((millimetres(width) + 5) / 10, 1);
	b[2] = (uint8_t)max_u32((millimetres(height) + 5) / 10, 1);
	b[3] = 220 - 100; /* gamma 2.2 */
	b[4] = 0x06; /* RGB 4:4:4, sRGB, the first detailed timing is the native one */
}

static void fill_modes(uint8_t *edid)
{
	/* 60 Hz: width / 8 - 31, and the shape: 0 for 16:10, 2 for 5:4, 3 for 16:9 */
	static const struct {
		uint32_t width;
		uint8_t shape;
	} standard[STANDARD_COUNT] = { { 1280, 3 }, { 1280, 0 }, { 1280, 2 }, { 1440, 0 },
		{ 1600, 3 }, { 1680, 0 }, { 1920, 3 }, { 1920, 0 } };
	edid[OFFSET_ESTABLISHED] = 0x21; /* 640x480 and 800x600 at 60 Hz */
	edid[OFFSET_ESTABLISHED + 1] = 0x08; /* 1024x768 at 60 Hz */
	for (size_t i = 0; i < STANDARD_COUNT; i++) {
		edid[OFFSET_STANDARD + 2 * i] = (uint8_t)(standard[i].width / 8 - 31);
		edid[OFFSET_STANDARD + 2 * i + 1] = (uint8_t)(standard[i].shape << 6);
	}
}

void edid_fill(uint8_t edid[EDID_BLOCK_SIZE], uint32_t width, uint32_t height, uint32_t serial)
{
	static const uint8_t header[] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	/* sRGB's primaries and D65 in 10 bits each, the lowest two of all first */
	static const uint8_t colours[] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50,
		0x54 };
	width = min_u32(max_u32(width, 1), SIDE_MAX);
	height = min_u32(max_u32(height, 1), SIDE_MAX);
	const struct timing preferred = reduced_blanking(width, height);

	memset(edid, 0, EDID_BLOCK_SIZE);
	memcpy(edid + OFFSET_HEADER, header, sizeof(header));
	fill_vendor(edid + OFFSET_VENDOR, serial);
	fill_basics(edid + OFFSET_BASICS, width, height);
	memcpy(edid + OFFSET_COLOURS, colours, sizeof(colours));
	fill_modes(edid);
	uint8_t *descriptor = edid + OFFSET_DESCRIPTORS;
	fill_detailed(descriptor, &preferred);
	fill_text(descriptor + DESCRIPTOR_SIZE, TAG_NAME, "virtiogpud");
	descriptor[2 * DESCRIPTOR_SIZE + 3] = TAG_DUMMY;
	descriptor[3 * DESCRIPTOR_SIZE + 3] = TAG_DUMMY;

	uint8_t sum = 0;
	for (size_t i = 0; i < OFFSET_CHECKSUM; i++)
		sum = (uint8_t)(sum + edid[i]);
	edid[OFFSET_CHECKSUM] = (uint8_t)(0x100 - sum);
}
