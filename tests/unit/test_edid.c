/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <stdbool.h>

#include "display/edid.h"

/* The first detailed timing, read back. */
struct detailed {
	uint32_t clock_10khz;
	uint32_t width, h_blank, h_front, h_sync, mm_x;
	uint32_t height, v_blank, v_front, v_sync, mm_y;
	uint8_t flags;
};

static struct detailed decode(const uint8_t *edid)
{
	const uint8_t *d = edid + 54;
	return (struct detailed){
		.clock_10khz = d[0] | (uint32_t)d[1] << 8,
		.width = d[2] | (d[4] & 0xf0u) << 4,
		.h_blank = d[3] | (d[4] & 0x0fu) << 8,
		.height = d[5] | (d[7] & 0xf0u) << 4,
		.v_blank = d[6] | (d[7] & 0x0fu) << 8,
		.h_front = d[8] | (d[11] & 0xc0u) << 2,
		.h_sync = d[9] | (d[11] & 0x30u) << 4,
		.v_front = d[10] >> 4 | (d[11] & 0x0cu) << 2,
		.v_sync = (d[10] & 0x0fu) | (d[11] & 0x03u) << 4,
		.mm_x = d[12] | (d[14] & 0xf0u) << 4,
		.mm_y = d[13] | (d[14] & 0x0fu) << 8,
		.flags = d[17],
	};
}

static void check_whole(const uint8_t *edid)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < EDID_BLOCK_SIZE; i++)
		sum = (uint8_t)(sum + edid[i]);
	CHECK_INT(sum, 0);
	CHECK_MEM(edid, "\x00\xff\xff\xff\xff\xff\xff\x00", 8);
	CHECK_INT(edid[18], 1);
	CHECK_INT(edid[19], 4);
	CHECK_INT(edid[126], 0); /* no extensions */
}

/* What every monitor could be driven with: sync inside the blanking, 60 Hz to a tenth. */
static void check_timing(const uint8_t *edid, uint32_t width, uint32_t height)
{
	struct detailed t = decode(edid);
	CHECK_INT(t.width, width);
	CHECK_INT(t.height, height);
	CHECK(t.h_front + t.h_sync < t.h_blank);
	CHECK(t.v_front + t.v_sync < t.v_blank);
	CHECK(t.h_front > 0 && t.h_sync > 0 && t.v_front > 0 && t.v_sync > 0);
	CHECK_INT(t.flags & 0x18, 0x18);
	uint64_t total = (uint64_t)(width + t.h_blank) * (height + t.v_blank);
	uint64_t mhz = t.clock_10khz * UINT64_C(10000000) / total;
	if (t.clock_10khz < 65535)
		CHECK(mhz >= 59900 && mhz <= 60100);
	else
		CHECK(mhz <= 60100);
	/* 96 dots an inch, to a millimetre */
	CHECK(t.mm_x * 96 * 10 / 254 <= width + 4 && (t.mm_x + 1) * 96 * 10 / 254 + 4 >= width);
	CHECK(t.mm_y * 96 * 10 / 254 <= height + 4 && (t.mm_y + 1) * 96 * 10 / 254 + 4 >= height);
}

static void prefers_usual_sizes(void)
{
	static const uint16_t sizes[][2] = { { 640, 480 }, { 800, 600 }, { 1024, 768 },
		{ 1280, 720 }, { 1366, 768 }, { 1280, 1024 }, { 1920, 1080 }, { 1920, 1200 },
		{ 2560, 1440 }, { 3440, 1440 }, { 3840, 2160 } };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t edid[EDID_BLOCK_SIZE];
		edid_fill(edid, sizes[i][0], sizes[i][1], 1);
		check_whole(edid);
		check_timing(edid, sizes[i][0], sizes[i][1]);
		CHECK(decode(edid).clock_10khz < 65535);
	}
}

/* CVT's own numbers for a mode that everybody has (1920x1080 with reduced blanking). */
static void agrees_with_cvt(void)
{
	uint8_t edid[EDID_BLOCK_SIZE];
	edid_fill(edid, 1920, 1080, 1);
	struct detailed t = decode(edid);
	CHECK_INT(t.h_blank, 160);
	CHECK_INT(t.h_front, 48);
	CHECK_INT(t.h_sync, 32);
	CHECK_INT(t.v_blank, 31);
	CHECK_INT(t.v_front, 3);
	CHECK_INT(t.v_sync, 5);
	CHECK(t.clock_10khz >= 13850 && t.clock_10khz <= 13870); /* CVT: 138.50 MHz, 59.93 Hz */
	CHECK_INT(t.flags, 0x1a);
	CHECK_INT(edid[21], 51); /* cm */
	CHECK_INT(edid[22], 29);
}

static void takes_any_size(void)
{
	for (uint32_t width = 1; width <= 4095; width += 89) {
		for (uint32_t height = 1; height <= 4095; height += 61) {
			uint8_t edid[EDID_BLOCK_SIZE];
			edid_fill(edid, width, height, 1);
			check_whole(edid);
			struct detailed t = decode(edid);
			CHECK_INT(t.width, width);
			CHECK_INT(t.height, height);
			CHECK(t.clock_10khz > 0);
			if (width >= 64 && height >= 64)
				check_timing(edid, width, height);
		}
	}
}

static void cuts_large_sizes(void)
{
	uint8_t edid[EDID_BLOCK_SIZE];
	edid_fill(edid, UINT32_MAX, 16384, 1);
	check_whole(edid);
	CHECK_INT(decode(edid).width, 4095);
	CHECK_INT(decode(edid).height, 4095);
	CHECK_INT(decode(edid).clock_10khz, 65535);
	edid_fill(edid, 0, 0, 1);
	check_whole(edid);
	CHECK_INT(decode(edid).width, 1);
	CHECK_INT(decode(edid).height, 1);
}

static void names_itself(void)
{
	uint8_t edid[EDID_BLOCK_SIZE], other[EDID_BLOCK_SIZE];
	edid_fill(edid, 1280, 800, 0x01020304);
	edid_fill(other, 1280, 800, 0x01020305);
	uint32_t vendor = (uint32_t)edid[8] << 8 | edid[9];
	CHECK_INT('@' + (vendor >> 10), 'V');
	CHECK_INT('@' + (vendor >> 5 & 31), 'G');
	CHECK_INT('@' + (vendor & 31), 'D');
	CHECK_MEM(edid + 12, "\x04\x03\x02\x01", 4);
	CHECK(memcmp(edid, other, sizeof(edid)) != 0);
	CHECK_MEM(edid + 72, "\0\0\0\xfc\0virtiogpud\n  ", 18);
	CHECK_INT(edid[20] & 0x80, 0x80); /* digital */
	CHECK_INT(edid[24] & 0x02, 0x02); /* the preferred timing is the native one */
}

/* Each standard timing as width x height: all are 60 Hz modes that guests know by name. */
static void lists_standard_modes(void)
{
	static const uint16_t expected[][2] = { { 1280, 720 }, { 1280, 800 }, { 1280, 1024 },
		{ 1440, 900 }, { 1600, 900 }, { 1680, 1050 }, { 1920, 1080 }, { 1920, 1200 } };
	static const uint8_t shapes[][2] = { { 16, 10 }, { 4, 3 }, { 5, 4 }, { 16, 9 } };
	uint8_t edid[EDID_BLOCK_SIZE];
	edid_fill(edid, 1024, 768, 1);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const uint8_t *s = edid + 38 + 2 * i;
		uint32_t width = (s[0] + 31u) * 8;
		const uint8_t *shape = shapes[s[1] >> 6];
		CHECK_INT(width, expected[i][0]);
		CHECK_INT(width * shape[1] / shape[0], expected[i][1]);
		CHECK_INT(s[1] & 0x3f, 0); /* 60 Hz */
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(prefers_usual_sizes),
		TEST_CASE(agrees_with_cvt),
		TEST_CASE(takes_any_size),
		TEST_CASE(cuts_large_sizes),
		TEST_CASE(names_itself),
		TEST_CASE(lists_standard_modes),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
