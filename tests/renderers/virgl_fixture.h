/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A virgl renderer, with memory to back resources and to read back into, and the few virgl commands
 * that tests need. It runs in this process, or in one of its own behind the ring when the
 * environment names the program in VIRGL_PROGRAM; on the render node in VIRGL_RENDER_NODE, if any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "renderer/renderer.h"
#include "test.h"

#define GUEST_REGION 1u
#define GUEST_SIZE   (16u << 20)
#define FRAME_REGION 2u
#define FRAME_SIZE   (16u << 20)

/* Virgl format numbers. */
#define BGRA 1u
#define BGRX 2u
#define RGBA 67u

#define BIND_RENDER_TARGET (1u << 1)
#define BIND_SAMPLER_VIEW  (1u << 3)
#define BIND_SCANOUT       (1u << 18)
#define FLAG_Y_0_TOP       (1u << 0)

struct fixture {
	struct loop *loop;
	struct renderer *renderer;
	pid_t process; /* 0: this one */
	struct memory {
		int fd;
		uint64_t size;
		uint8_t *base;
	} memory[2];
	uint8_t *guest; /* the bases of both */
	uint8_t *frame;
};

/* A call and what became of it. */
struct outcome {
	struct renderer_call call;
	int done;
	int status;
	uint32_t number; /* the how-manieth call that was finished */
};

/* Skips the running case when the machine cannot run GL. */
struct fixture fixture_create(void);
void fixture_destroy(struct fixture *fixture);

/* The call of an outcome, made ready. */
struct renderer_call *outcome_call(struct outcome *outcome);

/* Runs the loop until the call is finished, which must be within seconds; its status. */
int outcome_wait(struct fixture *fixture, struct outcome *outcome);

/* Runs `operation` with the name `call` bound to a call, waits for it; its status. */
#define STATUS_OF(fixture, operation)                                                              \
	({                                                                                         \
		struct outcome outcome_here;                                                       \
		struct renderer_call *call = outcome_call(&outcome_here);                          \
		operation;                                                                         \
		outcome_wait((fixture), &outcome_here);                                            \
	})

/* A 2D texture that can be drawn to and shown. */
struct renderer_resource_args texture(
	uint32_t id, uint32_t format, uint32_t width, uint32_t height);
int create_texture(
	struct fixture *f, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
/* Backs a resource with guest memory from offset on. */
int back(struct fixture *f, uint32_t id, uint64_t offset, uint64_t size);
/* A box of level 0 of a 2D resource. */
int transfer(struct fixture *f, enum renderer_direction direction, uint32_t id, struct rect box,
	uint64_t offset, uint32_t stride);
int read_back(struct fixture *f, uint32_t id, struct rect rect, uint32_t stride);
int create_context(struct fixture *f, uint32_t id);

/* A command stream under construction. */
struct stream {
	uint32_t words[1024];
	uint32_t count;
};

void stream_words(struct stream *stream, const uint32_t *words, uint32_t count);
/* Makes a surface of a resource and draws to it from now on. */
void stream_target(struct stream *stream, uint32_t surface, uint32_t resource, uint32_t format);
void stream_clear(struct stream *stream, float red, float green, float blue, float alpha);
int stream_submit(struct fixture *f, uint32_t context, struct stream *stream);
