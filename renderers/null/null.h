/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The null renderer: resources are plain memory, contexts draw by a language of a few words, and
 * things go wrong on demand. For tests of everything around a renderer.
 *
 * It serves capset 2 (virgl2, version 2, NULL_CAPSET_SIZE bytes: byte i is null_capset_byte(i)).
 * Resources: 2D textures of one level in virtio's eight formats of 4 bytes a pixel, and buffers
 * (target 0) of width bytes. Both are transferred; textures are read back and, with exports,
 * exported: as a linear image in a memfd, which stands in for a dma-buf. Blobs are what they are
 * backed by, or memory of the renderer's (also a memfd, from NULL_BLOB_OFFSET on), with a blob_id that says what
 * is wrong with it (enum null_blob).
 *
 * A command stream is a sequence of commands, each of which begins with NULL_COMMAND(code,
 * words): words counts the arguments that follow. The first one that is wrong (unknown, of
 * another length, cut off, a resource that is not attached to the context) ends the stream with
 * -EINVAL; those before it have been done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NULL_CAPSET         2u
#define NULL_CAPSET_VERSION 2u
#define NULL_CAPSET_SIZE    1408u

/* No more memory than this for all resources together. */
#define NULL_MAX_BYTES (UINT64_C(1) << 30)

enum null_code {
	/* Nothing; any number of arguments. */
	NULL_NOP = 1,
	/* resource, colour: sets all pixels. The colour is the 4 bytes of a pixel as they lie in memory, read
	 * as a little-endian word. */
	NULL_FILL,
	/* resource, colour, x, y, w, h: the same in a rectangle, which must lie inside. */
	NULL_FILL_RECT,
	/* blob, word, offset, count: writes the word as often to the memory of a blob, which must
	 * have room for that from the offset on. */
	NULL_WRITE,
	/* milliseconds: the renderer does nothing at all for so long. */
	NULL_HANG,
	/* The renderer process dies of SIGABRT. */
	NULL_ABORT,
	/* code: the renderer process exits. */
	NULL_EXIT,
	/* milliseconds: fences of this context, and global ones, that are asked for from now on finish so
	 * much later. 0: at once, again. */
	NULL_DELAY_FENCES,
	/* Fences of this context, and global ones, that are asked for from now on do not finish, until the
	 * context is destroyed. */
	NULL_NEVER_SIGNAL,
	NULL_CODE_COUNT
};

#define NULL_BLOB_OFFSET 4096u

/* What is wrong with a blob of this renderer's memory: its blob_id. */
enum null_blob {
	NULL_BLOB_GOOD, /* nothing */
	NULL_BLOB_UNMAPPABLE, /* it cannot be mapped */
	NULL_BLOB_CUT, /* its file is one page too short */
	NULL_BLOB_PIPE, /* its file is none */
	NULL_BLOB_ID_COUNT /* others cannot be created */
};

#define NULL_COMMAND(code, words) ((uint32_t)(code) | (uint32_t)(words) << 16)

static inline uint8_t null_capset_byte(uint32_t index)
{
	return (uint8_t)(index * 7 + 3);
}

struct loop;
struct renderer;
struct renderer_events;

/* exports: can_export. Commands that kill do so to the process this lives in. NULL when memory is
 * short. */
struct renderer *null_renderer_create(
	struct loop *loop, bool exports, const struct renderer_events *events, void *events_data);
