/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Requests of a guest's virtio-gpu driver, made from an input: mostly such that they can be served. */
#pragma once

#include "fuzz.h"

#define GUEST_REQUEST_MAX 1024u
#define GUEST_WINDOW      0x10000u /* for memory of renderers */

/* How many types there are. */
extern const uint32_t guest_request_count;

/* One of them; *ret_type is its type. Returns its size. Addresses lie from `pages` on. */
size_t guest_request_make(struct fuzz_input *input, uint64_t pages,
	uint8_t bytes[GUEST_REQUEST_MAX], uint32_t *ret_type);

/* The numbers that all of these share, so that they meet: of resources and contexts, of scanouts. */
uint32_t guest_id(struct fuzz_input *input);
uint32_t guest_scanout(struct fuzz_input *input);

/* Mostly inside of a small picture. */
uint32_t guest_side(struct fuzz_input *input);
