/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/limits.h"
#include "gpu/resource.h"
#include "renderer/renderer.h"
#include "util/checked.h"

/* Formats first … last of virgl are alike. */
struct format_run {
	uint16_t first, last;
	uint8_t bytes; /* of a block */
	uint8_t width, height; /* of a block, in pixels */
	bool components; /* they have 1, 2, 3 and 4 components in turn, of `bytes` each */
};

#define BLOCK(from, to, size, w, h)                                                                \
	{ .first = (from), .last = (to), .bytes = (size), .width = (w), .height = (h) }
#define PIXEL(from, to, size) BLOCK(from, to, size, 1, 1)
#define EACH(from, to, size)                                                                       \
	{ .first = (from),                                                                         \
		.last = (to),                                                                      \
		.bytes = (size),                                                                   \
		.width = 1,                                                                        \
		.height = 1,                                                                       \
		.components = true }

/* clang-format off */
static const struct format_run runs[] = {
	PIXEL(1, 4, 4), PIXEL(5, 7, 2), PIXEL(8, 8, 4), PIXEL(9, 11, 1), PIXEL(12, 16, 2),
	PIXEL(17, 22, 4), PIXEL(23, 23, 1),
	EACH(24, 27, 8), /* R64 … R64G64B64A64 */
	EACH(28, 47, 4), /* R32, float, normalised and scaled */
	EACH(48, 63, 2), /* R16, likewise */
	EACH(64, 67, 1), PIXEL(68, 68, 4),
	EACH(69, 72, 1), EACH(74, 77, 1),
	EACH(82, 85, 1),
	EACH(87, 90, 4), EACH(91, 94, 2),
	PIXEL(95, 95, 1), PIXEL(96, 96, 2), PIXEL(97, 97, 3), PIXEL(98, 104, 4),
	BLOCK(105, 106, 8, 4, 4), BLOCK(107, 108, 16, 4, 4), /* S3TC */
	BLOCK(109, 110, 8, 4, 4), BLOCK(111, 112, 16, 4, 4),
	BLOCK(113, 114, 8, 4, 4), BLOCK(115, 116, 16, 4, 4), /* RGTC */
	PIXEL(117, 118, 2), PIXEL(119, 119, 4), PIXEL(120, 120, 2), PIXEL(121, 121, 4), PIXEL(122, 122, 2),
	PIXEL(123, 125, 4), PIXEL(126, 126, 8), PIXEL(127, 127, 1), PIXEL(128, 129, 4), PIXEL(130, 130, 1),
	PIXEL(131, 134, 4), PIXEL(135, 135, 2), PIXEL(136, 137, 4), PIXEL(138, 138, 8), PIXEL(139, 139, 1),
	PIXEL(140, 140, 4), PIXEL(141, 142, 2),
	BLOCK(143, 144, 8, 4, 4), BLOCK(145, 146, 16, 4, 4), /* LATC */
	PIXEL(147, 148, 1), PIXEL(149, 149, 2), PIXEL(150, 150, 1), PIXEL(151, 152, 2), PIXEL(153, 153, 4),
	PIXEL(154, 156, 2), PIXEL(157, 157, 4), PIXEL(158, 158, 2), PIXEL(159, 160, 4), PIXEL(161, 161, 8),
	PIXEL(162, 162, 4), PIXEL(163, 167, 2), PIXEL(168, 169, 1), PIXEL(170, 171, 2), PIXEL(172, 176, 4),
	EACH(177, 184, 1), EACH(185, 192, 2),
	EACH(193, 200, 4),
	PIXEL(201, 203, 1), PIXEL(204, 204, 2), PIXEL(205, 207, 1), PIXEL(208, 211, 2), PIXEL(212, 212, 4),
	PIXEL(213, 215, 2), PIXEL(216, 219, 4), PIXEL(220, 220, 8), PIXEL(221, 223, 4), PIXEL(224, 224, 8),
	PIXEL(225, 225, 4),
	BLOCK(226, 226, 8, 4, 4), /* ETC1 */
	PIXEL(227, 228, 2), PIXEL(229, 233, 4), PIXEL(234, 238, 8),
	PIXEL(239, 241, 16), PIXEL(242, 242, 2),
	PIXEL(243, 245, 4), PIXEL(246, 246, 8), PIXEL(247, 248, 2), PIXEL(249, 250, 4), PIXEL(251, 252, 8),
	PIXEL(253, 253, 4), PIXEL(254, 254, 2),
	BLOCK(255, 258, 16, 4, 4), /* BPTC */
	PIXEL(263, 264, 2), PIXEL(265, 268, 4),
	BLOCK(269, 272, 8, 4, 4), BLOCK(273, 274, 16, 4, 4), /* ETC2 */
	BLOCK(275, 276, 8, 4, 4), BLOCK(277, 278, 16, 4, 4),
	BLOCK(279, 279, 16, 4, 4), BLOCK(280, 280, 16, 5, 4), BLOCK(281, 281, 16, 5, 5), /* ASTC */
	BLOCK(282, 282, 16, 6, 5), BLOCK(283, 283, 16, 6, 6), BLOCK(284, 284, 16, 8, 5),
	BLOCK(285, 285, 16, 8, 6), BLOCK(286, 286, 16, 8, 8), BLOCK(287, 287, 16, 10, 5),
	BLOCK(288, 288, 16, 10, 6), BLOCK(289, 289, 16, 10, 8), BLOCK(290, 290, 16, 10, 10),
	BLOCK(291, 291, 16, 12, 10), BLOCK(292, 292, 16, 12, 12),
	BLOCK(293, 293, 16, 4, 4), BLOCK(294, 294, 16, 5, 4), BLOCK(295, 295, 16, 5, 5),
	BLOCK(296, 296, 16, 6, 5), BLOCK(297, 297, 16, 6, 6), BLOCK(298, 298, 16, 8, 5),
	BLOCK(299, 299, 16, 8, 6), BLOCK(300, 300, 16, 8, 8), BLOCK(301, 301, 16, 10, 5),
	BLOCK(302, 302, 16, 10, 6), BLOCK(303, 303, 16, 10, 8), BLOCK(304, 304, 16, 10, 10),
	BLOCK(305, 305, 16, 12, 10), BLOCK(306, 306, 16, 12, 12),
	/* At most so much; few of them are ever textures. */
	PIXEL(308, 347, 4), PIXEL(372, 411, 4), PIXEL(420, 432, 4), PIXEL(433, 442, 8),
};
/* clang-format on */

#define LARGEST_PIXEL 32u

static const struct format_run *find_run(uint32_t format)
{
	static const struct format_run unknown = PIXEL(0, 0, LARGEST_PIXEL);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (format >= runs[i].first && format <= runs[i].last)
			return &runs[i];
	return &unknown;
}

static uint64_t blocks(uint32_t side, uint32_t level, uint32_t block)
{
	uint64_t pixels = max_u32(side >> level, 1);
	return (pixels + block - 1) / block;
}

static uint64_t block_bytes(const struct format_run *run, uint32_t format)
{
	return run->components ? run->bytes * ((format - run->first) % 4 + UINT64_C(1))
			       : run->bytes;
}

uint64_t gpu_footprint(const struct renderer_resource_args *args)
{
	const struct format_run *run = find_run(args->format);
	uint64_t layers = args->target == GPU_TARGET_3D ? 1 : args->array_size;
	uint64_t total = 0, each;
	/* A buffer's width is in bytes, whatever its format. */
	if (args->target == GPU_TARGET_BUFFER)
		return args->width;
	for (uint32_t level = 0; level <= args->last_level; level++) {
		uint64_t area = blocks(args->width, level, run->width) *
			blocks(args->height, level, run->height);
		uint64_t depth = args->target == GPU_TARGET_3D ? blocks(args->depth, level, 1) : 1;
		if (!checked_mul(area, depth, &each) || !checked_add(total, each, &total))
			return UINT64_MAX;
	}
	uint64_t pixel = block_bytes(run, args->format) * max_u32(args->nr_samples, 1);
	if (!checked_mul(total, layers, &total) || !checked_mul(total, pixel, &total))
		return UINT64_MAX;
	return total;
}
