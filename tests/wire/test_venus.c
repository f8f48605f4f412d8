/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Processes of Vulkan that are killed: that of a context, which costs that context; and the server, with which the
 * renderer goes. The daemon has its sandbox, as always.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "kit/venus.h"
#include "wire.h"

#define RENDERER "virtiogpud-render-virgl"
#define SERVER   "virgl_render_server"
#define SHM      1u
#define PAGE     4096u
#define SIZE     (16u * PAGE)

static struct kit_machine *start(void)
{
	uint32_t words[64] = { 0 }, size = sizeof(words);
	struct kit_machine *m = wire_machine("virgl",
		&(struct kit_machine_spec){
			.profile = &kit_profile_qemu_generic, .patience_ms = 20000 });
	if (kit_gpu_capset(&m->gpu, VIRTIO_GPU_CAPSET_VENUS, 0, words, &size) !=
		VIRTIO_GPU_RESP_OK_CAPSET) {
		wire_end(m);
		test_skip("the renderer has no Vulkan here");
	}
	return m;
}

static void end(struct kit_machine *m)
{
	if (m->vmm.channel.refused)
		test_fail(__FILE__, __LINE__, "the VMM: %s", m->vmm.channel.why_refused);
	wire_end(m);
}

/* The processes of contexts: those that the server has started. */
static uint32_t find_workers(struct kit_machine *m, pid_t *pids, uint32_t max)
{
	pid_t server = kit_backend_find(m->backend, SERVER);
	CHECK(server > 0);
	uint32_t count = kit_process_tree(server, pids, max);
	CHECK(count > 0 && pids[0] == server);
	for (uint32_t i = 1; i < count; i++)
		pids[i - 1] = pids[i];
	return count - 1;
}

static bool holds(const pid_t *pids, uint32_t count, pid_t pid)
{
	for (uint32_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* Makes a context; returns its process. */
static pid_t make_context(struct kit_machine *m, uint32_t ctx_id)
{
	pid_t before[KIT_MAX_PROCESSES], after[KIT_MAX_PROCESSES];
	uint32_t had = find_workers(m, before, KIT_MAX_PROCESSES);
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, ctx_id, VIRTIO_GPU_CAPSET_VENUS, "test"));
	uint32_t has = find_workers(m, after, KIT_MAX_PROCESSES);
	for (uint32_t i = 0; i < has; i++)
		if (!holds(before, had, after[i]))
			return after[i];
	test_fail(__FILE__, __LINE__, "there is no new process");
}

/* The context's shared memory, in the window. */
static uint8_t *make_memory(struct kit_machine *m, uint32_t ctx_id, uint32_t id)
{
	const struct virtio_gpu_resource_create_blob blob = {
		.resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.size = SIZE,
	};
	const uint64_t offset = (uint64_t)id * SIZE;
	uint32_t info;
	CHECK_GOOD(m, kit_gpu_create_blob(&m->gpu, blob, ctx_id, NULL, 0));
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, ctx_id, id));
	CHECK_TYPE(m, kit_gpu_map_blob(&m->gpu, id, offset, &info), VIRTIO_GPU_RESP_OK_MAP_INFO);
	uint8_t *bytes = kit_channel_shmem(&m->vmm.channel, SHM, offset, SIZE);
	CHECK(bytes);
	return bytes;
}

/* It carries out a command, and says so in its memory. */
static void check_context(struct kit_machine *m, uint32_t ctx_id, uint32_t id, uint8_t *bytes)
{
	struct kit_venus stream = { 0 };
	const volatile uint32_t *word = (const uint32_t *)(const void *)bytes;
	uint64_t deadline = kit_now() + 5000;
	memset(bytes, 0, SIZE);
	kit_venus_reply_to(&stream, (struct kit_venus_place){ id, 0, SIZE });
	kit_venus_version(&stream);
	CHECK_GOOD(m, kit_venus_submit(&m->gpu, ctx_id, &stream));
	while (*word != KIT_VENUS_ENUMERATE_INSTANCE_VERSION && kit_now() < deadline)
		CHECK_OK(m, kit_pump(&m->kit, 1));
	CHECK_INT(*word, KIT_VENUS_ENUMERATE_INSTANCE_VERSION);
}

static struct kit_command *send_fence(struct kit_machine *m, uint32_t ctx_id, uint64_t fence)
{
	const struct virtio_gpu_cmd_submit submit = {
		.hdr = kit_header_ring(VIRTIO_GPU_CMD_SUBMIT_3D, fence, ctx_id, 0),
	};
	struct kit_command *command = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &submit,
		sizeof(submit), sizeof(struct virtio_gpu_ctrl_hdr));
	CHECK(command);
	return command;
}

/* Its fences end, the others and the renderer live. */
static void a_context_is_killed(void)
{
	struct kit_machine *m = start();
	pid_t renderer = kit_backend_find(m->backend, RENDERER);
	pid_t first = make_context(m, 1);
	make_context(m, 2);
	uint8_t *memory = make_memory(m, 1, 1), *other = make_memory(m, 2, 2);
	check_context(m, 1, 1, memory);
	kill(first, SIGSTOP);
	struct kit_command *fences[8];
	for (uint32_t i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = send_fence(m, 1, i + 1);
	CHECK_OK(m, kit_pump(&m->kit, 50));
	check_context(m, 2, 2, other);
	kill(first, SIGKILL);
	for (uint32_t i = 0; i < ARRAY_SIZE(fences); i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, fences[i], NULL, 0));
	memory[5] = 77;
	check_context(m, 2, 2, other);
	CHECK_INT(memory[5], 77);
	CHECK_INT(kit_backend_find(m->backend, RENDERER), renderer);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	make_context(m, 1);
	check_context(m, 1, 1, make_memory(m, 1, 1));
	CHECK_INT(kit_backend_find(m->backend, RENDERER), renderer);
	end(m);
}

/* Again and again, with commands under way: none of them is left without an answer. */
static void contexts_are_killed_at_work(void)
{
	struct kit_machine *m = start();
	pid_t renderer = kit_backend_find(m->backend, RENDERER);
	make_context(m, 1);
	uint8_t *memory = make_memory(m, 1, 1);
	for (uint32_t round = 0; round < 12; round++) {
		pid_t pid = make_context(m, 2);
		struct kit_command *fences[4];
		for (uint32_t i = 0; i < ARRAY_SIZE(fences); i++)
			fences[i] = send_fence(m, 2, i + 1);
		if (round % 3)
			CHECK_OK(m, kit_pump(&m->kit, (int)round % 3));
		kill(pid, SIGKILL);
		for (uint32_t i = 0; i < ARRAY_SIZE(fences); i++)
			CHECK_OK(m, kit_gpu_complete(&m->gpu, fences[i], NULL, 0));
		CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 2));
		check_context(m, 1, 1, memory);
	}
	CHECK_INT(kit_backend_find(m->backend, RENDERER), renderer);
	end(m);
}

/* The renderer is of no use without it: a new one comes with a new server. */
static void the_server_is_killed(void)
{
	struct kit_machine *m = start();
	pid_t renderer = kit_backend_find(m->backend, RENDERER);
	pid_t server = kit_backend_find(m->backend, SERVER);
	make_context(m, 1);
	uint8_t *memory = make_memory(m, 1, 1);
	check_context(m, 1, 1, memory);
	kit_backend_log_mark(m->backend);
	kill(server, SIGKILL);
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "contexts lost", 1));
	memory[5] = 77;
	wire_check_alive(m);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	CHECK_INT(memory[5], 77);

	m->kit.timeout_ms = 20000;
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, 2, VIRTIO_GPU_CAPSET_VENUS, "test"));
	check_context(m, 2, 2, make_memory(m, 2, 2));
	CHECK(kit_backend_find(m->backend, RENDERER) != renderer);
	CHECK(kit_backend_find(m->backend, SERVER) != server);
	CHECK_INT(memory[5], 77);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_INT(m->vmm.channel.map_count, 1);
	end(m);
}

/* The same for the renderer: the server, and all that it has started, goes with it. */
static void the_renderer_is_killed(void)
{
	struct kit_machine *m = start();
	pid_t server = kit_backend_find(m->backend, SERVER);
	pid_t worker = make_context(m, 1);
	kit_backend_log_mark(m->backend);
	kill(kit_backend_find(m->backend, RENDERER), SIGKILL);
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "contexts lost", 1));
	m->kit.timeout_ms = 20000;
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, 2, VIRTIO_GPU_CAPSET_VENUS, "test"));
	check_context(m, 2, 2, make_memory(m, 2, 2));
	uint64_t deadline = kit_now() + 5000;
	while ((kill(server, 0) == 0 || kill(worker, 0) == 0) && kit_now() < deadline)
		usleep(2000);
	CHECK(kill(server, 0) < 0);
	CHECK(kill(worker, 0) < 0);
	end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(a_context_is_killed),
		TEST_CASE(contexts_are_killed_at_work),
		TEST_CASE(the_server_is_killed),
		TEST_CASE(the_renderer_is_killed),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
