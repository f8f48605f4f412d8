/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a command stream of virgl does with the memory of resources, found out before it is sent: transfers that
 * programs put into streams, and results of queries.
 */
#pragma once

#include "kit/vtest/client.h"

/* Looks through the stream: puts what it reads into the backing, and marks what it writes. It may be looked through
 * again, from the beginning. What is not a good stream is for the renderer to refuse. As device_send(). */
int stream_prepare(struct client *client, const uint32_t *words, uint32_t count);
