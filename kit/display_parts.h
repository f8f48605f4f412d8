/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the parts of the display share: display.c has the socket, display_show.c the meaning. */
#pragma once

#include "kit/display.h"

/* A whole message; descriptors that it wants to keep are taken out of fds (set to -1). */
struct kit_display_message {
	uint32_t request;
	uint32_t size;
	const uint8_t *payload;
	int *fds;
	uint32_t fd_count;
};

/* Takes in what a message says, and posts the answer if there is one. */
void kit_display_take(struct kit_display *display, const struct kit_display_message *message);

/* Forgets what is shown. */
void kit_display_forget(struct kit_display *display);

/* Sends an answer, as display->answers and delay_ms say. */
void kit_display_post(
	struct kit_display *display, uint32_t request, const void *payload, size_t size);

/* Notes that the backend broke the protocol. */
void kit_display_violation(struct kit_display *display, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
