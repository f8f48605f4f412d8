/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For the null renderer: its resources and contexts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "renderer/renderer.h"
#include "util/idmap.h"

struct regions;

struct null_resource {
	uint32_t id;
	uint32_t width, height; /* of a buffer: bytes, 1; of a blob: 0, 0 */
	uint32_t pixel_size; /* 4; 1 for a buffer */
	uint32_t fourcc; /* 0 for a buffer or a blob */
	uint8_t *pixels; /* width * pixel_size bytes a row; NULL for a blob */
	uint64_t blob_size; /* 0: it is none */
	bool host; /* a blob of this renderer's memory */
	int memfd; /* what pixels maps, or the one piece of such a blob; -1: plain memory */
	struct iovec *pieces; /* of the backing; NULL when there is none */
	uint32_t piece_count;
};

struct null_context {
	uint32_t id;
	uint32_t fence_delay_ms;
	bool never_signals;
	struct idmap attached; /* null_resource by id */
};

/* 0, -EINVAL for what is not served, -ENOMEM. */
int null_resource_create(const struct renderer_resource_args *args, bool exports,
	struct null_resource **ret_resource);
/* NULL: no memory. */
struct null_resource *null_resource_create_blob(const struct renderer_blob_args *args);
void null_resource_destroy(struct null_resource *resource);
uint64_t null_resource_bytes(const struct null_resource *resource);

/* Replaces the backing. 0, -EINVAL, -ENOMEM; there is none after an error. */
int null_resource_set_backing(struct null_resource *resource, const struct regions *regions,
	const struct renderer_span *spans, uint32_t count);

/* Copies a box from the backing or to it; -EINVAL when it is not inside both. */
int null_resource_transfer(
	struct null_resource *resource, const struct renderer_transfer_args *args);

/* Copies pixels of a texture to a frame at `pixels`. */
int null_resource_read_back(const struct null_resource *resource,
	const struct renderer_read_back_args *args, uint8_t *pixels);

/* A new reference to an image of an exported texture's memory, or NULL. */
struct image *null_resource_export(const struct null_resource *resource);

/* Sets the pixels of a rectangle; false when it does not lie inside, or this is a buffer. */
bool null_resource_fill(struct null_resource *resource, const struct rect *rect, uint32_t colour);

/* Writes a word count times to a blob's memory; false when that is not all there. */
bool null_resource_write(
	struct null_resource *resource, uint32_t word, uint64_t offset, uint32_t count);

struct null_context *null_context_create(uint32_t id);
void null_context_destroy(struct null_context *context);

/* Runs a command stream of `words` words: 0 or -EINVAL. */
int null_context_run(struct null_context *context, const uint32_t *stream, uint32_t words);
