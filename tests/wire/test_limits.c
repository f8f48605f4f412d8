/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a guest may take of the host: the last one within a limit is fine, one more is refused as out
 * of memory and takes nothing, and what was given back can be had again.
 */
#include <stdlib.h>

#include "wire_3d.h"

#define XRGB      VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY

#define ENTRY_BYTES   4096u
#define ENTRIES_MAX   64u
#define SUBMIT_BYTES  65536u
#define REFUSED_TIMES 400

/* One limit: take(i) is something that counts against it, i from 0 to count. */
struct limit {
	const char *renderer, *options;
	uint32_t count; /* so many of it are allowed */
	void (*prepare)(struct kit_machine *m); /* may be NULL */
	int (*take)(struct kit_machine *m, uint32_t i);
	int (*give)(struct kit_machine *m, uint32_t i); /* NULL: it does not last */
};

static void refused(struct kit_machine *m, const struct limit *limit, uint32_t i)
{
	CHECK_TYPE(m, limit->take(m, i), NO_MEMORY);
}

/* The whole of it again and again; in each round another one is given back and had again. */
static void take_and_give(struct kit_machine *m, const struct limit *limit)
{
	for (uint32_t round = 0; round < 3 * limit->count; round++) {
		uint32_t k = round % limit->count;
		for (uint32_t i = 0; i < limit->count; i++)
			CHECK_GOOD(m, limit->take(m, i));
		refused(m, limit, limit->count);
		for (uint32_t i = 0; limit->give && i < limit->count; i++) {
			uint32_t at = (i + k) % limit->count;
			CHECK_GOOD(m, limit->give(m, at));
			if (i > 0)
				continue;
			CHECK_GOOD(m, limit->take(m, at));
			refused(m, limit, limit->count);
			CHECK_GOOD(m, limit->give(m, at));
		}
	}
}

static void refusals_take_nothing(struct kit_machine *m, const struct limit *limit)
{
	struct kit_usage before = { 0 };
	for (uint32_t i = 0; i < limit->count; i++)
		CHECK_GOOD(m, limit->take(m, i));
	for (uint32_t i = 0; i < REFUSED_TIMES; i++) {
		refused(m, limit, limit->count);
		if (i == REFUSED_TIMES / 10)
			before = wire_usage(m);
	}
	struct kit_usage after = wire_usage(m);
	CHECK_INT(after.fds, before.fds);
	wire_check_memory(&before, &after, 256);
	for (uint32_t i = 0; limit->give && i < limit->count; i++)
		CHECK_GOOD(m, limit->give(m, i));
}

static void check_limit(const struct limit *limit)
{
	struct kit_machine *m = wire_machine_with(limit->renderer, limit->options,
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all });
	if (limit->prepare)
		limit->prepare(m);
	take_and_give(m, limit);
	refusals_take_nothing(m, limit);
	take_and_give(m, limit);
	/* the log says which option it was */
	char option[64];
	snprintf(option, sizeof(option), "%.*s", (int)strcspn(limit->options, " "), limit->options);
	CHECK_OK(m, kit_backend_wait_lines(m->backend, option, 1));
	wire_check_alive(m);
	wire_end(m);
}

/* --- how many ------------------------------------------------------------------------------ */

static int create_small(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_create_2d(&m->gpu, i + 1, XRGB, 8, 8);
}

static int unref(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_unref(&m->gpu, i + 1);
}

static void resources(void)
{
	check_limit(&(struct limit){
		.renderer = "none",
		.options = "--max-resources 5",
		.count = 5,
		.take = create_small,
		.give = unref,
	});
}

/* Of a page that is always there. */
static int create_blob(struct kit_machine *m, uint32_t i)
{
	const struct virtio_gpu_mem_entry entry = { ENTRY_BYTES, ENTRY_BYTES, 0 };
	const struct virtio_gpu_resource_create_blob blob = {
		.resource_id = i + 1,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.size = ENTRY_BYTES,
	};
	return kit_gpu_create_blob(&m->gpu, blob, 0, &entry, 1);
}

static void blobs(void)
{
	check_limit(&(struct limit){
		.renderer = "none",
		.options = "--max-blobs 3",
		.count = 3,
		.take = create_blob,
		.give = unref,
	});
}

static int ctx_create(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_ctx_create(&m->gpu, i + 1, NULL_CAPSET, "");
}

static int ctx_destroy(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_ctx_destroy(&m->gpu, i + 1);
}

static void contexts(void)
{
	check_limit(&(struct limit){
		.renderer = "null",
		.options = "--max-contexts 3",
		.count = 3,
		.take = ctx_create,
		.give = ctx_destroy,
	});
}

static void prepare_attachments(struct kit_machine *m)
{
	wire_context(m, 1);
	wire_context(m, 2);
	for (uint32_t id = 1; id <= 4; id++)
		wire_texture(m, id, 8, 8);
}

static int ctx_attach(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_ctx_attach(&m->gpu, i % 2 + 1, i / 2 + 1);
}

static int ctx_detach(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_ctx_detach(&m->gpu, i % 2 + 1, i / 2 + 1);
}

static void attachments(void)
{
	check_limit(&(struct limit){
		.renderer = "null",
		.options = "--max-attachments 5",
		.count = 5,
		.prepare = prepare_attachments,
		.take = ctx_attach,
		.give = ctx_detach,
	});
}

/* --- how much ------------------------------------------------------------------------------ */

/* A quarter of a MiB each. */
static int create_large(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_create_2d(&m->gpu, i + 1, XRGB, 256, 256);
}

static void host_memory(void)
{
	check_limit(&(struct limit){
		.renderer = "none",
		.options = "--max-host-memory 1",
		.count = 4,
		.take = create_large,
		.give = unref,
	});
}

static int create_texture(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_create_3d(&m->gpu, wire_texture_args(i + 1, 256, 256));
}

static void renderer_memory(void)
{
	check_limit(&(struct limit){
		.renderer = "null",
		.options = "--max-3d-memory 1",
		.count = 4,
		.take = create_texture,
		.give = unref,
	});
}

/* What would be more than all memory there is, in a single resource. */
static void renderer_memory_in_one(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct virtio_gpu_resource_create_3d args = wire_texture_args(1, 16384, 16384);
	args.array_size = 16384;
	args.nr_samples = 64;
	for (int i = 0; i < 20; i++)
		CHECK_TYPE(m, kit_gpu_create_3d(&m->gpu, args), NO_MEMORY);
	wire_texture(m, 1, 16, 16);
	wire_end(m);
}

static int submit_bytes(struct kit_machine *m, uint32_t size)
{
	uint32_t *words = calloc(1, size);
	CHECK(words);
	words[0] = NULL_COMMAND(NULL_NOP, size / 4 - 1);
	int type = kit_gpu_submit_3d(&m->gpu, 1, words, size);
	free(words);
	return type;
}

static int submit(struct kit_machine *m, uint32_t i)
{
	return submit_bytes(m, i == 0 ? SUBMIT_BYTES : SUBMIT_BYTES + 4);
}

static void prepare_submit(struct kit_machine *m)
{
	wire_context(m, 1);
}

static void submit_size(void)
{
	check_limit(&(struct limit){
		.renderer = "null",
		.options = "--max-submit-size 64",
		.count = 1,
		.prepare = prepare_submit,
		.take = submit,
	});
}

/* --- backing ------------------------------------------------------------------------------- */

static int attach_entries(struct kit_machine *m, uint32_t id, uint32_t count)
{
	struct virtio_gpu_mem_entry entries[ENTRIES_MAX];
	CHECK(count <= ENTRIES_MAX);
	/* the device only looks at them when they are used, and these are not */
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct virtio_gpu_mem_entry){ 2 * i * ENTRY_BYTES, ENTRY_BYTES, 0 };
	return kit_gpu_attach(&m->gpu, id, entries, count);
}

static void prepare_resources(struct kit_machine *m)
{
	for (uint32_t i = 0; i < 5; i++)
		CHECK_GOOD(m, create_small(m, i));
}

static int detach(struct kit_machine *m, uint32_t i)
{
	return kit_gpu_detach(&m->gpu, i + 1);
}

/* The second one is too long. */
static int attach_one(struct kit_machine *m, uint32_t i)
{
	return attach_entries(m, i + 1, i == 0 ? ENTRIES_MAX - 1 : ENTRIES_MAX);
}

static void backing_entries(void)
{
	check_limit(&(struct limit){
		.renderer = "none",
		.options = "--max-backing-entries 63",
		.count = 1,
		.prepare = prepare_resources,
		.take = attach_one,
		.give = detach,
	});
}

static int attach_some(struct kit_machine *m, uint32_t i)
{
	return attach_entries(m, i + 1, i == 4 ? 1 : 25);
}

static void backing_total(void)
{
	check_limit(&(struct limit){
		.renderer = "none",
		.options = "--max-backing-total 100",
		.count = 4,
		.prepare = prepare_resources,
		.take = attach_some,
		.give = detach,
	});
}

/* --- fences -------------------------------------------------------------------------------- */

static struct kit_command *fence(struct kit_machine *m, uint32_t ctx_id, uint8_t ring, uint64_t id)
{
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0);
	return wire_send(m, kit_header_ring(0, id, ctx_id, ring), &nop, 1);
}

static int wait_fence(struct kit_machine *m, struct kit_command *command)
{
	return kit_gpu_complete(&m->gpu, command, NULL, 0);
}

/* As many as there may be, none of which signals as long as context 1 is there. */
static void take_fences(struct kit_machine *m, struct kit_command **commands, uint32_t count)
{
	uint32_t never = NULL_COMMAND(NULL_NEVER_SIGNAL, 0);
	wire_context(m, 1);
	CHECK_GOOD(m, kit_gpu_submit_3d(&m->gpu, 1, &never, 4));
	for (uint32_t i = 0; i < count; i++)
		commands[i] = fence(m, 1, (uint8_t)i, i);
	/* what is behind them on the queue has been taken, so they have */
	wire_check_alive(m);
}

static void fences(void)
{
	enum { COUNT = 4 };
	struct kit_machine *m = wire_machine_with("null", "--max-fences 4",
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all });
	struct kit_command *commands[COUNT];
	wire_context(m, 2);
	for (int round = 0; round < 3; round++) {
		take_fences(m, commands, COUNT);
		struct kit_usage before = { 0 };
		for (uint32_t i = 0; i < REFUSED_TIMES; i++) {
			CHECK_TYPE(m, wait_fence(m, fence(m, 2, 0, i)), NO_MEMORY);
			if (i == REFUSED_TIMES / 10)
				before = wire_usage(m);
		}
		struct kit_usage after = wire_usage(m);
		wire_check_memory(&before, &after, 256);
		/* what is not fenced is not concerned */
		CHECK_GOOD(m, WIRE_SUBMIT(m, 2, NULL_NOP, 0));
		CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
		for (uint32_t i = 0; i < COUNT; i++)
			CHECK_OK(m, wait_fence(m, commands[i]));
		for (uint32_t i = 0; i < 2 * COUNT; i++)
			CHECK_GOOD(m, wait_fence(m, fence(m, 2, 0, i)));
	}
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "--max-fences", 1));
	wire_end(m);
}

/* One that is refused has its place on the timeline all the same. */
static void refused_fences_are_in_order(void)
{
	struct kit_machine *m = wire_machine_with("null", "--max-fences 1",
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all });
	struct kit_command *first, *behind;
	take_fences(m, &first, 1);
	behind = fence(m, 1, 0, 2);
	wire_check_alive(m);
	CHECK(!behind->done);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	CHECK_OK(m, kit_gpu_wait(&m->gpu, behind));
	CHECK(first->done && first->order < behind->order);
	CHECK_OK(m, wait_fence(m, first));
	CHECK_TYPE(m, wait_fence(m, behind), NO_MEMORY);
	wire_end(m);
}

/* --- when everything ends ------------------------------------------------------------------ */

/* Nothing that a guest had counts for the next one, or for itself after a reset. */
static void nobody_inherits(void)
{
	struct kit_machine *m = wire_machine_with("null",
		"--max-resources 4 --max-contexts 2 --max-attachments 2 --max-3d-memory 1 "
		"--max-host-memory 1 --max-backing-total 10 --max-fences 2",
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all });
	for (int round = 0; round < 10; round++) {
		struct kit_command *stuck[2];
		for (uint32_t i = 0; i < 2; i++) {
			CHECK_GOOD(m, create_large(m, i));
			CHECK_GOOD(m, create_texture(m, i + 2));
			CHECK_GOOD(m, attach_entries(m, i + 3, 5));
		}
		take_fences(m, stuck, 2);
		wire_context(m, 2);
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 3));
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 2, 3));
		CHECK_TYPE(m, kit_gpu_ctx_attach(&m->gpu, 2, 4), NO_MEMORY);
		CHECK_TYPE(m, create_small(m, 4), NO_MEMORY);
		CHECK_OK(m, round % 2 ? kit_machine_reset(m) : kit_machine_reconnect(m));
	}
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(resources),
		TEST_CASE(blobs),
		TEST_CASE(contexts),
		TEST_CASE(attachments),
		TEST_CASE(host_memory),
		TEST_CASE(renderer_memory),
		TEST_CASE(renderer_memory_in_one),
		TEST_CASE(submit_size),
		TEST_CASE(backing_entries),
		TEST_CASE(backing_total),
		TEST_CASE(fences),
		TEST_CASE(refused_fences_are_in_order),
		TEST_CASE(nobody_inherits),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
