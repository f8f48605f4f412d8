/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's side of the ring, played by the input, towards a renderer process, which is this one: the
 * server of renderers/host with a renderer. Whenever it would sleep it is the device's turn; when the
 * input is at its end the device goes.
 */
#pragma once

#include "fuzz.h"
#include "host/host.h"

struct device_side {
	struct renderer *(*create)(struct loop *loop, struct host_options *options,
		const struct renderer_events *events, void *events_data);
	/* A command stream in the renderer's language, of fewer than most_words (at most 256). */
	void (*fill_stream)(struct fuzz_input *input, uint32_t *words, uint32_t count);
	uint32_t most_words;
	void (*end)(void); /* the renderer is gone; may be NULL */
};

void device_side_run(const uint8_t *bytes, size_t size, const struct device_side *side);

/* The input that runs, for what plays something else. */
struct fuzz_input *device_side_input(void);
