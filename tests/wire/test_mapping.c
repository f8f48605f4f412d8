/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Memory of the null renderer in the guest: what it writes is what the guest sees, what it makes wrong is not
 * mapped, what is mapped outlives it, and the options of the window. How mappings behave with VMMs of
 * all kinds is what the conformance cases are about (kit/conform/area_mapping*.c).
 */
#include <signal.h>
#include <stdlib.h>

#include "wire_3d.h"

#define PROGRAM "virtiogpud-render-null"
#define SHM     1u
#define PAGE    4096u
#define SIZE    (16u * PAGE)
#define WORDS   (SIZE / 4)
#define PATTERN 0x11223344u
#define OTHER   0xa5a5a5a5u

static const struct kit_machine_spec generic = { .profile = &kit_profile_qemu_generic };

/* Context 1, and whatever options. */
static struct kit_machine *start(const char *options)
{
	struct kit_machine *m = wire_machine_with("null", options, &generic);
	wire_context(m, 1);
	return m;
}

static void end(struct kit_machine *m)
{
	if (m->vmm.channel.refused)
		test_fail(__FILE__, __LINE__, "the VMM: %s", m->vmm.channel.why_refused);
	wire_end(m);
}

static int create_sized(struct kit_machine *m, uint32_t id, uint64_t size, uint64_t blob_id)
{
	const struct virtio_gpu_resource_create_blob blob = {
		.resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.blob_id = blob_id,
		.size = size,
	};
	int type = kit_gpu_create_blob(&m->gpu, blob, 1, NULL, 0);
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, id));
	return type;
}

static int create(struct kit_machine *m, uint32_t id, enum null_blob what)
{
	return create_sized(m, id, SIZE, what);
}

static int try_map(struct kit_machine *m, uint32_t id, uint64_t offset)
{
	uint32_t info;
	return kit_gpu_map_blob(&m->gpu, id, offset, &info);
}

static uint32_t *map_sized(struct kit_machine *m, uint32_t id, uint64_t offset, uint64_t size)
{
	CHECK_TYPE(m, try_map(m, id, offset), VIRTIO_GPU_RESP_OK_MAP_INFO);
	uint32_t *words = kit_channel_shmem(&m->vmm.channel, SHM, offset, size);
	CHECK(words);
	return words;
}

static uint32_t *map(struct kit_machine *m, uint32_t id, uint64_t offset)
{
	return map_sized(m, id, offset, SIZE);
}

static void check_words(const uint32_t *words, uint32_t from, uint32_t count, uint32_t value)
{
	for (uint32_t i = from; i < from + count; i++)
		CHECK_INT(words[i], value);
}

/* Every word of it: the file has something else in front, and nothing behind. */
static void renderer_writes(void)
{
	struct kit_machine *m = start("");
	CHECK_GOOD(m, create(m, 5, NULL_BLOB_GOOD));
	uint32_t *words = map(m, 5, 3 * SIZE);
	check_words(words, 0, WORDS, 0);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 5, PATTERN, 0, WORDS));
	check_words(words, 0, WORDS, PATTERN);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 5, OTHER, 4 * 100, 7));
	check_words(words, 0, 100, PATTERN);
	check_words(words, 100, 7, OTHER);
	check_words(words, 107, WORDS - 107, PATTERN);
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 5, OTHER, 4, WORDS));
	check_words(words, 0, 100, PATTERN);
	end(m);
}

/* One by one, of many sizes, in many places: no write is anywhere else. */
static void many_sizes(void)
{
	enum { COUNT = 60 };
	struct kit_machine *m = start("");
	uint64_t place = 0;
	uint32_t *first[COUNT];
	for (uint32_t i = 0; i < COUNT; i++) {
		uint64_t size = (1 + (uint64_t)i * i % 97) * PAGE;
		CHECK_GOOD(m, create_sized(m, i + 1, size, NULL_BLOB_GOOD));
		first[i] = map_sized(m, i + 1, place, size);
		CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, i + 1, i + 1, 0, (uint32_t)(size / 4)));
		place += size + (i % 3) * PAGE;
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		uint64_t size = (1 + (uint64_t)i * i % 97) * PAGE;
		check_words(first[i], 0, (uint32_t)(size / 4), i + 1);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
	}
	CHECK_INT(m->vmm.channel.map_count, 0);
	end(m);
}

/* Files that are too short, or none, or that there are not, never come to the VMM. */
static void wrong_memory(void)
{
	static const enum null_blob wrong[] = { NULL_BLOB_UNMAPPABLE, NULL_BLOB_CUT,
		NULL_BLOB_PIPE };
	struct kit_machine *m = start("");
	for (uint32_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint32_t before = m->vmm.channel.count;
		CHECK_GOOD(m, create(m, 5, wrong[i]));
		CHECK_ERROR(m, try_map(m, 5, 0));
		CHECK_ERROR(m, kit_gpu_unmap_blob(&m->gpu, 5));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 5));
		CHECK_INT(m->vmm.channel.count, before);
	}
	CHECK_ERROR(m, create(m, 5, NULL_BLOB_ID_COUNT));
	CHECK_GOOD(m, create(m, 5, NULL_BLOB_GOOD));
	map(m, 5, 0);
	end(m);
}

/* What a guest has mapped of it stays, and is taken back in the end; the next renderer has memory, too. */
static void outlives_the_renderer(void)
{
	struct kit_machine *m = start("");
	CHECK_GOOD(m, create(m, 5, NULL_BLOB_GOOD));
	CHECK_GOOD(m, create(m, 6, NULL_BLOB_GOOD));
	uint32_t *words = map(m, 5, 0);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 5, PATTERN, 0, WORDS));
	pid_t before = kit_backend_find(m->backend, PROGRAM);
	CHECK(before > 0);
	kill(before, SIGKILL);
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "died", 1));
	check_words(words, 0, WORDS, PATTERN);
	words[3] = OTHER;
	CHECK_ERROR(m, create(m, 7, NULL_BLOB_GOOD));
	CHECK_TYPE(m, try_map(m, 6, SIZE), VIRTIO_GPU_RESP_ERR_UNSPEC);

	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	wire_context(m, 1);
	CHECK(kit_backend_find(m->backend, PROGRAM) != before);
	CHECK_GOOD(m, create(m, 7, NULL_BLOB_GOOD));
	uint32_t *next = map(m, 7, 2 * SIZE);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 7, OTHER, 0, WORDS));
	check_words(next, 0, WORDS, OTHER);
	check_words(words, 4, WORDS - 4, PATTERN);
	for (uint32_t id = 5; id <= 7; id++)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, id));
	CHECK_INT(m->vmm.channel.map_count, 0);
	end(m);
}

/* It dies while the VMM is asked, and while it makes memory. */
static void dies_in_between(void)
{
	struct kit_machine *m = start("");
	for (uint32_t round = 0; round < 6; round++) {
		CHECK_GOOD(m, create(m, 5, NULL_BLOB_GOOD));
		m->vmm.channel.delay_ms = 20;
		const struct virtio_gpu_resource_map_blob map = {
			.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB), .resource_id = 5
		};
		struct kit_command *asked = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &map,
			sizeof(map), sizeof(struct virtio_gpu_resp_map_info));
		CHECK(asked);
		CHECK_OK(m, kit_pump(&m->kit, (int)round));
		kill(kit_backend_find(m->backend, PROGRAM), SIGKILL);
		CHECK_OK(m, kit_gpu_complete(&m->gpu, asked, NULL, 0));
		m->vmm.channel.delay_ms = 0;
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_OK(m, kit_pump(&m->kit, 400)); /* a renderer starts a few times in a minute */
		int type = kit_gpu_ctx_create(&m->gpu, 1, NULL_CAPSET, "test");
		if (type != VIRTIO_GPU_RESP_OK_NODATA)
			break;
	}
	wire_check_alive(m);
	CHECK_INT(m->vmm.channel.map_count, 0);
	end(m);
}

/* What a VMM like QEMU tells: mappings are memory of the guest, as long as the table has places. */
static void is_in_the_table(void)
{
	struct kit_machine *m = start("");
	for (uint32_t i = 0; i < 8; i++) {
		struct vhost_user_memory_header header;
		struct kit_message table;
		CHECK_GOOD(m, create(m, i + 1, NULL_BLOB_GOOD));
		map(m, i + 1, (uint64_t)i * SIZE);
		CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0, &table));
		memcpy(&header, table.payload, sizeof(header));
		uint32_t with_mappings = m->memory.count + i + 1;
		CHECK_INT(header.nregions,
			with_mappings <= KIT_MEMORY_PLACES ? with_mappings : m->memory.count);
		CHECK_INT(table.fd_count, header.nregions);
		kit_message_finish(&table);
	}
	CHECK_OK(m, kit_pump(&m->kit, 20));
	CHECK(!m->vmm.memory_changed);
	end(m);
}

/* --- options ------------------------------------------------------------------------------- */

static void no_window(void)
{
	struct kit_machine *m = start("--host-visible-memory 0");
	CHECK(!kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_SHMEM) || m->vmm.shmem.nregions == 0);
	if (create(m, 5, NULL_BLOB_GOOD) == VIRTIO_GPU_RESP_OK_NODATA)
		CHECK_ERROR(m, try_map(m, 5, 0));
	CHECK_INT(m->vmm.channel.count, 0);
	end(m);
}

static void small_window(void)
{
	const uint64_t window = UINT64_C(16) << 20;
	struct kit_machine *m = start("--host-visible-memory 16");
	CHECK_INT(m->vmm.shmem.sizes[SHM], window);
	CHECK_GOOD(m, create(m, 5, NULL_BLOB_GOOD));
	CHECK_GOOD(m, create_sized(m, 6, window + PAGE, NULL_BLOB_GOOD));
	CHECK_ERROR(m, try_map(m, 5, window));
	CHECK_ERROR(m, try_map(m, 5, window - SIZE + PAGE));
	CHECK_ERROR(m, try_map(m, 6, 0));
	map(m, 5, window - SIZE);
	end(m);
}

static void max_mappings(void)
{
	struct kit_machine *m = start("--max-mappings 3");
	for (uint32_t i = 0; i < 4; i++)
		CHECK_GOOD(m, create(m, i + 1, NULL_BLOB_GOOD));
	for (uint32_t i = 0; i < 3; i++)
		map(m, i + 1, (uint64_t)i * SIZE);
	kit_backend_log_mark(m->backend);
	CHECK_TYPE(m, try_map(m, 4, 3 * SIZE), VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "--max-mappings", 1));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 2));
	map(m, 4, SIZE);
	end(m);
}

/* Each mapping is a piece of the guest's memory, of which there are 64 at most. */
static void memory_slots(void)
{
	struct kit_machine *m = start("--memory-slots");
	CHECK(kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS));
	uint32_t count = 0;
	int type = VIRTIO_GPU_RESP_OK_MAP_INFO;
	while (type == VIRTIO_GPU_RESP_OK_MAP_INFO && count < 64) {
		CHECK_GOOD(m, create(m, count + 1, NULL_BLOB_GOOD));
		type = try_map(m, count + 1, (uint64_t)count * SIZE);
		count += type == VIRTIO_GPU_RESP_OK_MAP_INFO;
	}
	CHECK_INT(type, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	CHECK(count >= 32 && m->memory.count + count < m->vmm.memory_slots);
	for (uint32_t i = 0; i < count; i++)
		CHECK(m->vmm.channel.maps[i].told);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	map(m, count + 1, 0);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, count + 1, OTHER, 0, WORDS));
	end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(renderer_writes),
		TEST_CASE(many_sizes),
		TEST_CASE(wrong_memory),
		TEST_CASE(outlives_the_renderer),
		TEST_CASE(dies_in_between),
		TEST_CASE(is_in_the_table),
		TEST_CASE(no_window),
		TEST_CASE(small_window),
		TEST_CASE(max_mappings),
		TEST_CASE(memory_slots),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
