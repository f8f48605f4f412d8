/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The pixel formats that this project names, as the kernel's DRM does: a code of four characters.
 * The name of a format lists a little-endian 32-bit word from its highest byte down, so that the
 * bytes of FOURCC_XRGB8888 in memory are blue, green, red and one unused.
 */
#pragma once

#include <stdint.h>

#define FOURCC(a, b, c, d)                                                                         \
	((uint32_t)(a) | ((uint32_t)(b) << 8) | ((uint32_t)(c) << 16) | ((uint32_t)(d) << 24))

#define FOURCC_XRGB8888 FOURCC('X', 'R', '2', '4')
#define FOURCC_ARGB8888 FOURCC('A', 'R', '2', '4')
#define FOURCC_XBGR8888 FOURCC('X', 'B', '2', '4')
#define FOURCC_ABGR8888 FOURCC('A', 'B', '2', '4')
#define FOURCC_RGBX8888 FOURCC('R', 'X', '2', '4')
#define FOURCC_RGBA8888 FOURCC('R', 'A', '2', '4')
#define FOURCC_BGRX8888 FOURCC('B', 'X', '2', '4')
#define FOURCC_BGRA8888 FOURCC('B', 'A', '2', '4')

/* Modifiers: rows one after another, and "not said". */
#define FOURCC_MOD_LINEAR  UINT64_C(0)
#define FOURCC_MOD_INVALID UINT64_C(0x00ffffffffffffff)
