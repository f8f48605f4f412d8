/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A renderer process that hangs for good, or with one thing of many: it costs its contexts, not the device.
 * Takes as long as the device is patient. */
#include <signal.h>
#include <stdlib.h>

#include "wire_3d.h"

#define PROGRAM  "virtiogpud-render-null"
#define STREAM   ((4u << 20) - 64)
#define STREAMS  6u /* more than its ring takes */
#define PATIENCE 10000u
#define SLACK    3500u

static struct kit_command *send_large(struct kit_machine *m)
{
	uint32_t size = (uint32_t)sizeof(struct virtio_gpu_cmd_submit) + STREAM;
	struct virtio_gpu_cmd_submit *request = calloc(1, size);
	CHECK(request);
	request->hdr = kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, 1);
	request->size = STREAM;
	struct kit_command *command = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, request,
		size, sizeof(struct virtio_gpu_ctrl_hdr));
	free(request);
	CHECK(command);
	return command;
}

/* Its ring is full, so that the control queue waits: not for ever. */
static void stopped_with_a_full_ring(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_command *streams[STREAMS], *question;
	wire_context(m, 1);
	pid_t before = kit_backend_find(m->backend, PROGRAM);
	CHECK(before > 0);
	int timeout = m->kit.timeout_ms;
	m->kit.timeout_ms = PATIENCE + SLACK;
	kill(before, SIGSTOP);
	for (uint32_t i = 0; i < STREAMS; i++)
		streams[i] = send_large(m);
	const struct virtio_gpu_ctrl_hdr header = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct virtio_gpu_resp_display_info info;
	question = kit_gpu_submit(
		&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &header, sizeof(header), sizeof(info));
	CHECK(question);
	CHECK_OK(m, kit_pump(&m->kit, 1000));
	CHECK(!question->done);
	kit_backend_log_mark(m->backend);
	CHECK_TYPE(m, kit_gpu_complete(&m->gpu, question, &info, sizeof(info)),
		VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	for (uint32_t i = 0; i < STREAMS; i++)
		CHECK_ERROR(m, kit_gpu_complete(&m->gpu, streams[i], NULL, 0));
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "does not answer", 1));
	m->kit.timeout_ms = timeout;

	/* The next context has another process, and works. */
	wire_context(m, 2);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 2, NULL_NOP, 0));
	CHECK(kit_backend_find(m->backend, PROGRAM) != before);
	wire_end(m);
}

static struct kit_machine *impatient(const char *options)
{
	const struct kit_machine_spec spec = { .profile = &kit_profile_qemu_gpu_all };
	struct kit_machine *m = wire_machine_with("null", options, &spec);
	kit_backend_log_mark(m->backend);
	wire_context(m, 1);
	return m;
}

/* What else is asked of the renderer is done at once, so it is not silent. */
static void fence_that_never_signals(void)
{
	struct kit_machine *m = impatient("--renderer-timeout 2");
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0);
	const uint32_t never_signal = NULL_COMMAND(NULL_NEVER_SIGNAL, 0);
	CHECK_GOOD(m, kit_gpu_submit_3d(&m->gpu, 1, &never_signal, 4));
	struct kit_command *never = wire_send(m, kit_header_ring(0, 1, 1, 0), &nop, 1);
	uint64_t start = kit_now();
	while (!never->done && kit_now() - start < 2000 + SLACK) {
		CHECK_OK(m, WIRE_SUBMIT(m, 1, NULL_NOP, 0));
		CHECK_OK(m, kit_pump(&m->kit, 50));
	}
	CHECK(kit_now() - start > 1000);
	CHECK_ERROR(m, kit_gpu_complete(&m->gpu, never, NULL, 0));
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "has not finished something", 1));
	wire_context(m, 2);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 2, NULL_NOP, 0));
	wire_end(m);
}

/* One thing after another is finished, each of which takes a while, and more are asked for all the time. */
static void slower_than_it_is_asked(void)
{
	enum { EACH_MS = 700 };
	struct kit_machine *m = impatient("--renderer-timeout 3");
	const uint32_t hang[2] = { NULL_COMMAND(NULL_HANG, 1), EACH_MS };
	struct kit_command *commands[8];
	uint32_t done = 0, lost = 0;
	m->kit.timeout_ms = PATIENCE;
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = wire_send(m, kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, 1), hang, 2);
	uint64_t start = kit_now();
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int type = kit_gpu_complete(&m->gpu, commands[i], NULL, 0);
		CHECK_OK(m, type);
		done += type == VIRTIO_GPU_RESP_OK_NODATA;
		lost += type == VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	CHECK(kit_now() - start < 3000 + SLACK);
	CHECK(lost > 0);
	CHECK_INT(done + lost, ARRAY_SIZE(commands));
	wire_end(m);
}

/* Once is all that this one may be started. */
static void restarts_are_an_option(void)
{
	struct kit_machine *m = impatient("--renderer-restarts 1/3");
	uint64_t start = kit_now();
	wire_kill_renderer(m);
	int type = kit_gpu_ctx_create(&m->gpu, 2, NULL_CAPSET, "");
	if (kit_now() - start < 1000)
		CHECK_TYPE(m, type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_OK(m, kit_pump(&m->kit, 3000));
	wire_context(m, 3);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 3, NULL_NOP, 0));
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(stopped_with_a_full_ring),
		TEST_CASE(fence_that_never_signals),
		TEST_CASE(slower_than_it_is_asked),
		TEST_CASE(restarts_are_an_option),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
