/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Blobs of host memory: made, mapped as if into a guest, so that the descriptor of the memory comes over the backend
 * channel, and unmapped again at once: the program maps the file itself. One blob is mapped at a time.
 */
#pragma once

#include "kit/vtest/client.h"

/* Unmaps what has been mapped, when there is room. Called after answers. */
void blob_go_on(struct bridge *bridge);
