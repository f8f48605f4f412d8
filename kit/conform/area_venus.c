/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Vulkan through venus: commands and what they return, memory of the GPU, and streams that are none. */
#include <stdlib.h>

#include "kit/conform/mapping.h"
#include "kit/venus.h"

#define RESOURCE              1u
#define MEMORY                2u
#define REPLY_AT              4096u
#define DEVICE_SIZE           65536u
#define MEMORY_TYPES          8u
#define NOTHING               0xdeadu /* there is no such resource */
#define RING_CREATE_INFO      1000384000u
#define VULKAN_MAJOR(version) ((version) >> 22)

struct venus {
	struct kit_machine *m;
	struct kit_venus stream;
	uint8_t *bytes; /* of RESOURCE, MAPPING_SIZE: memory that MAPPING_CONTEXT shares */
};

static void start(struct conform *c, struct venus *venus, uint32_t vmm)
{
	memset(venus, 0, sizeof(*venus));
	venus->m = mapping_machine(c, vmm);
	mapping_create(venus->m, RESOURCE, MAPPING_SIZE);
	CHECK_GOOD(venus->m, kit_gpu_ctx_attach(&venus->m->gpu, MAPPING_CONTEXT, RESOURCE));
	venus->bytes = mapping_map(venus->m, RESOURCE, 0);
}

static void submit(struct venus *venus)
{
	CHECK_GOOD(venus->m, kit_venus_submit(&venus->m->gpu, MAPPING_CONTEXT, &venus->stream));
}

struct awaited {
	const volatile uint32_t *word;
	uint32_t value;
};

static bool is_written(void *data)
{
	const struct awaited *awaited = data;
	return *awaited->word == awaited->value;
}

/* The guest looks at memory until that is there. */
static void wait_word(struct kit_machine *m, const void *at, uint32_t value)
{
	struct awaited awaited = { at, value };
	uint64_t deadline = kit_now() + (uint64_t)m->kit.timeout_ms;
	while (!is_written(&awaited) && kit_now() < deadline)
		CHECK_OK(m, kit_pump(&m->kit, 1));
	if (!is_written(&awaited))
		kit_check_failed(KIT_HERE, "the word is %#x, and not %#x", *awaited.word, value);
}

/* What vkEnumerateInstanceVersion returns, at this place of the reply stream. */
static void check_version(struct venus *venus, uint32_t at)
{
	uint32_t words[KIT_VENUS_VERSION_WORDS];
	/* nothing says that it has been written but what is written */
	uint64_t deadline = kit_now() + (uint64_t)venus->m->kit.timeout_ms;
	do {
		CHECK_OK(venus->m, kit_pump(&venus->m->kit, 1));
		memcpy(words, venus->bytes + at, sizeof(words));
	} while (words[4] == 0 && kit_now() < deadline);
	CHECK_INT(words[0], KIT_VENUS_ENUMERATE_INSTANCE_VERSION);
	CHECK_INT(words[1], 0);
	CHECK_INT(words[2], 1);
	CHECK_INT(words[3], 0);
	CHECK_INT(VULKAN_MAJOR(words[4]), 1);
}

static struct kit_venus_place replies(uint32_t at)
{
	return (struct kit_venus_place){ RESOURCE, at, MAPPING_SIZE - at };
}

/* The context is well: it answers in memory. */
static void check_context(struct venus *venus)
{
	memset(venus->bytes, 0, MAPPING_SIZE);
	kit_venus_reply_to(&venus->stream, replies(REPLY_AT));
	kit_venus_version(&venus->stream);
	submit(venus);
	check_version(venus, REPLY_AT);
}

static void capset(struct conform *c)
{
	uint32_t words[64] = { 0 }, size = sizeof(words);
	struct kit_machine *m = conform_machine(c, NULL);
	CHECK_TYPE(m, kit_gpu_capset(&m->gpu, VIRTIO_GPU_CAPSET_VENUS, 0, words, &size),
		VIRTIO_GPU_RESP_OK_CAPSET);
	CHECK(size >= 16);
	CHECK(words[0] != 0); /* version of the format; 0: there is no Vulkan */
	conform_end(c, m);
}

static void replies_come(struct conform *c)
{
	struct venus venus;
	start(c, &venus, c->variant);
	check_context(&venus);
	conform_end(c, venus.m);
}

/* What the guest writes is what the renderer reads. */
static void commands_from_memory(struct conform *c)
{
	struct venus venus;
	struct kit_venus inner = { 0 };
	start(c, &venus, c->variant);
	kit_venus_version(&inner);
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t at = i * 64, reply = REPLY_AT + i * 256;
		memcpy(venus.bytes + at, inner.words, inner.count * 4);
		kit_venus_reply_to(&venus.stream, replies(reply));
		kit_venus_execute(
			&venus.stream, (struct kit_venus_place){ RESOURCE, at, inner.count * 4 });
		submit(&venus);
		check_version(&venus, reply);
	}
	conform_end(c, venus.m);
}

/* --- memory of the GPU --------------------------------------------------------------------- */

/* Blob MEMORY of memory of the device, which is `handle`. */
static int make_memory(struct kit_machine *m, uint32_t id, uint64_t handle)
{
	struct virtio_gpu_resource_create_blob blob = mapping_blob(id, DEVICE_SIZE);
	blob.blob_id = handle;
	return kit_gpu_create_blob(&m->gpu, blob, MAPPING_CONTEXT, NULL, 0);
}

/* Of the first type of memory that the guest may see; each try in a context of its own, as a renderer may give
 * one up that asks for a type that there is not. */
static uint64_t allocate(struct conform *c, struct venus *venus)
{
	int timeout_ms = venus->m->kit.timeout_ms;
	for (uint32_t type = 0; type < MEMORY_TYPES; type++) {
		uint64_t handle = KIT_VENUS_FREE_HANDLE + type;
		kit_venus_device(&venus->stream);
		kit_venus_allocate(&venus->stream, handle, DEVICE_SIZE, type);
		CHECK_OK(venus->m,
			kit_venus_submit(&venus->m->gpu, MAPPING_CONTEXT, &venus->stream));
		venus->m->kit.timeout_ms = KIT_RENDERER_MS;
		int made = make_memory(venus->m, MEMORY, handle);
		venus->m->kit.timeout_ms = timeout_ms;
		CHECK_OK(venus->m, made);
		if (made == VIRTIO_GPU_RESP_OK_NODATA)
			return handle;
		CHECK_GOOD(venus->m, kit_gpu_ctx_destroy(&venus->m->gpu, MAPPING_CONTEXT));
		mapping_context(c, venus->m, MAPPING_CONTEXT);
	}
	conform_skip("no memory of the first device can be mapped");
}

static void device_memory(struct conform *c)
{
	struct venus venus;
	start(c, &venus, c->variant);
	allocate(c, &venus);
	uint8_t *bytes = mapping_map_all(venus.m, MEMORY, 2 * MAPPING_SIZE, DEVICE_SIZE);
	mapping_write(bytes, DEVICE_SIZE, 3);
	mapping_check(bytes, DEVICE_SIZE, 3);
	mapping_unmap(venus.m, MEMORY, 2 * MAPPING_SIZE);
	bytes = mapping_map_all(venus.m, MEMORY, MAPPING_SIZE, DEVICE_SIZE);
	mapping_check(bytes, DEVICE_SIZE, 3);
	CHECK_GOOD(venus.m, kit_gpu_unref(&venus.m->gpu, MEMORY));
	mapping_wait_count(venus.m, 1);
	conform_end(c, venus.m);
}

/* Every byte that the GPU writes is where the guest looks, whatever file it is in. */
static void gpu_fills(struct conform *c)
{
	struct venus venus;
	start(c, &venus, c->variant);
	uint64_t handle = allocate(c, &venus);
	uint8_t *bytes = mapping_map_all(venus.m, MEMORY, 2 * MAPPING_SIZE, DEVICE_SIZE);
	mapping_write(bytes, DEVICE_SIZE, 9);
	const struct kit_venus_fill fill = { .memory = handle,
		.buffer = handle + MEMORY_TYPES,
		.size = DEVICE_SIZE,
		.word = 0xabcd1234 };
	kit_venus_fill(&venus.stream, &fill);
	submit(&venus);
	for (uint32_t at = 0; at < DEVICE_SIZE; at += 4)
		wait_word(venus.m, bytes + at, fill.word);
	conform_end(c, venus.m);
}

static void object_twice(struct conform *c)
{
	struct venus venus;
	start(c, &venus, 0);
	uint64_t handle = allocate(c, &venus);
	int type = make_memory(venus.m, 7, handle);
	CHECK_OK(venus.m, type);
	mapping_map_all(venus.m, MEMORY, MAPPING_SIZE, DEVICE_SIZE);
	mapping_check_works(c, venus.m, 9, 8 * MAPPING_SIZE);
	conform_end(c, venus.m);
}

/* --- streams that are none ----------------------------------------------------------------- */

static void repeat(struct kit_venus *stream, uint32_t word, uint32_t step)
{
	for (uint32_t i = 0; i < 200; i++)
		kit_venus_put(stream, word += step);
}

static void random_words(struct venus *venus)
{
	repeat(&venus->stream, 1, 0x9e3779b1);
}

static void zeroes(struct venus *venus)
{
	repeat(&venus->stream, 0, 0);
}

static void ones(struct venus *venus)
{
	repeat(&venus->stream, UINT32_MAX, 0);
}

static void unknown(struct venus *venus)
{
	kit_venus_command(&venus->stream, 60000, KIT_VENUS_REPLY);
}

static void cut_off(struct venus *venus)
{
	kit_venus_device(&venus->stream);
	venus->stream.count -= 7;
}

static void huge_array(struct venus *venus)
{
	kit_venus_command(&venus->stream, KIT_VENUS_EXECUTE_STREAMS, 0);
	kit_venus_put(&venus->stream, UINT32_MAX);
	kit_venus_put_64(&venus->stream, UINT32_MAX);
}

static void reply(struct venus *venus, struct kit_venus_place place)
{
	kit_venus_reply_to(&venus->stream, place);
	kit_venus_version(&venus->stream);
}

static void reply_nowhere(struct venus *venus)
{
	reply(venus, (struct kit_venus_place){ NOTHING, 0, 64 });
}

static void reply_outside(struct venus *venus)
{
	reply(venus, (struct kit_venus_place){ RESOURCE, MAPPING_SIZE - 8, 4096 });
}

static void reply_wraps(struct venus *venus)
{
	reply(venus, (struct kit_venus_place){ RESOURCE, UINT64_MAX - 7, 4096 });
}

static void reply_too_short(struct venus *venus)
{
	reply(venus, (struct kit_venus_place){ RESOURCE, 0, 4 });
}

static void execute_nowhere(struct venus *venus)
{
	kit_venus_execute(&venus->stream, (struct kit_venus_place){ NOTHING, 0, 64 });
}

static void execute_outside(struct venus *venus)
{
	kit_venus_execute(
		&venus->stream, (struct kit_venus_place){ RESOURCE, MAPPING_SIZE - 8, 4096 });
}

static void execute_itself(struct venus *venus)
{
	struct kit_venus inner = { 0 };
	kit_venus_execute(&inner, (struct kit_venus_place){ RESOURCE, 0, 256 });
	memcpy(venus->bytes, inner.words, inner.count * 4);
	kit_venus_execute(&venus->stream, (struct kit_venus_place){ RESOURCE, 0, inner.count * 4 });
}

/* A ring in a resource that there is not; whatever else it says. */
static void ring_nowhere(struct venus *venus)
{
	struct kit_venus *stream = &venus->stream;
	kit_venus_command(stream, KIT_VENUS_CREATE_RING, 0);
	kit_venus_put_64(stream, 77);
	kit_venus_put_64(stream, 1);
	kit_venus_put(stream, RING_CREATE_INFO);
	kit_venus_put_64(stream, 0);
	kit_venus_put(stream, 0);
	kit_venus_put(stream, NOTHING);
	for (uint32_t i = 0; i < 10; i++)
		kit_venus_put_64(stream, UINT64_MAX - i);
}

static void device_of_nothing(struct venus *venus)
{
	kit_venus_allocate(&venus->stream, 5, 4096, 0);
}

static void instance_twice(struct venus *venus)
{
	kit_venus_device(&venus->stream);
	kit_venus_device(&venus->stream);
}

static void (*const garbages[])(struct venus *venus) = { random_words, zeroes, ones, unknown,
	cut_off, huge_array, reply_nowhere, reply_outside, reply_wraps, reply_too_short,
	execute_nowhere, execute_outside, execute_itself, ring_nowhere, device_of_nothing,
	instance_twice };
static const char *const garbage_names[] = { "random", "zeroes", "ones", "unknown", "cut_off",
	"huge_array", "reply_nowhere", "reply_outside", "reply_wraps", "reply_too_short",
	"execute_nowhere", "execute_outside", "execute_itself", "ring_nowhere", "device_of_nothing",
	"instance_twice", NULL };

/* It may cost the context that sends it, and nobody else anything. */
static void garbage(struct conform *c)
{
	struct venus other, venus = { 0 };
	start(c, &other, 0);
	struct kit_machine *m = venus.m = other.m;
	venus.bytes = other.bytes;
	mapping_context(c, m, 2);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 2, RESOURCE));
	garbages[c->variant](&venus);
	CHECK_OK(m, kit_venus_submit(&m->gpu, 2, &venus.stream));
	conform_check_alive(m);
	check_context(&other);
	/* what the other has left is answered: that it failed, if it has */
	kit_venus_version(&venus.stream);
	CHECK_OK(m, kit_venus_submit(&m->gpu, 2, &venus.stream));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 2));
	check_context(&other);
	mapping_check_works(c, m, 9, 8 * MAPPING_SIZE);
	conform_end(c, m);
}

/* A fence on a timeline that no queue is bound to, among others. */
static const uint8_t rings[] = { 0, 1, 63 };
static const char *const ring_names[] = { "0", "1", "63", NULL };

static void fences(struct conform *c)
{
	struct venus venus;
	start(c, &venus, 0);
	struct kit_machine *m = venus.m;
	struct virtio_gpu_cmd_submit nothing = { .hdr = kit_header_ring(VIRTIO_GPU_CMD_SUBMIT_3D, 1,
							 MAPPING_CONTEXT, rings[c->variant]) };
	struct kit_command *commands[10];
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
		nothing.hdr.fence_id = i + 1;
		commands[i] = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &nothing,
			sizeof(nothing), sizeof(struct virtio_gpu_ctrl_hdr));
		CHECK(commands[i]);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	mapping_context(c, m, 2);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, RESOURCE));
	mapping_check_works(c, m, 9, 8 * MAPPING_SIZE);
	conform_end(c, m);
}

static void many_contexts(struct conform *c)
{
	enum { CONTEXTS = 12 };
	struct venus venus;
	start(c, &venus, 0);
	for (uint32_t i = 2; i < CONTEXTS; i++)
		mapping_context(c, venus.m, i);
	check_context(&venus);
	for (uint32_t i = 2; i < CONTEXTS; i++)
		CHECK_GOOD(venus.m, kit_gpu_ctx_destroy(&venus.m->gpu, i));
	check_context(&venus);
	conform_end(c, venus.m);
}

#define VENUS                                                                                      \
	.features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB) | CONFORM_FEATURE(GPU_F_CONTEXT_INIT),    \
	.protocol = CONFORM_PROTOCOL(SHMEM), .needs = CONFORM_NEEDS_MAPPED | CONFORM_NEEDS_VENUS
#define HOSTILE  .hostile = true
#define PROTOCOL "venus: "

static const struct conform_case cases[] = {
	{ "capset", "Mesa takes a capability set with version 0 for no Vulkan", capset,
		.needs = CONFORM_NEEDS_VENUS },
	{ "replies_come", PROTOCOL "what commands return is written to the reply stream",
		replies_come, mapping_vmm_names, VENUS },
	{ "commands_from_memory", PROTOCOL "commands are read from the guest's memory",
		commands_from_memory, mapping_vmm_names, VENUS },
	{ "device_memory", PROTOCOL "the blob_id is memory of the device", device_memory,
		mapping_vmm_names, VENUS },
	{ "gpu_fills", "Vulkan: what the GPU writes to host visible memory can be read there",
		gpu_fills, mapping_vmm_names, VENUS },
	{ "object_twice", PROTOCOL "memory is exported as often as the guest asks for it",
		object_twice, VENUS, HOSTILE },
	{ "garbage", PROTOCOL "a wrong stream costs its context", garbage, garbage_names, VENUS,
		HOSTILE },
	{ "fences", "virtio 1.4, 5.7.6.7: every fence signals some day", fences, ring_names, VENUS,
		HOSTILE },
	{ "many_contexts", "each program has a context", many_contexts, VENUS },
};
DEFINE_CONFORM_AREA(venus, cases);
