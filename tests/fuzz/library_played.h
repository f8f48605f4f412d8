/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virglrenderer, played: see library_played.c. */
#pragma once

#include <stdint.h>

struct played_stream {
	uint32_t count;
	uint32_t words[256];
};

/* The first stream that came: the picture that a renderer draws at its start. */
const struct played_stream *library_played_stream(void);
