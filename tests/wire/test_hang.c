/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A renderer process that hangs for good: it costs its contexts, not the device. Takes as long as the
 * device is patient. */
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

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(stopped_with_a_full_ring),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
