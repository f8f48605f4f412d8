/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A display's end of its socket, played by an input. */
#pragma once

#include "fuzz.h"

/* Answers something, right or wrong, or sends any bytes. sock: -1: nothing happens. */
void display_answer(struct fuzz_input *input, int sock);

/* Reads some of what was sent, or all. */
void display_drain(struct fuzz_input *input, int sock);
