/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How long a stop may take, and how the program ends. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire.h"

/* Eight questions that the display never answers. */
static void ask_in_vain(struct kit_machine *m, struct kit_command *commands[8])
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	for (int i = 0; i < 8; i++) {
		commands[i] = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
		CHECK(commands[i]);
	}
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_GET_DISPLAY_INFO, 1));
}

/* Those that the device had taken are answered already, the others after the resume. */
static void finish_all(struct kit_machine *m, struct kit_command *commands[8])
{
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	CHECK_OK(m, kit_machine_start(m));
	for (int i = 0; i < 8; i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
}

/* GET_VRING_BASE is answered when all that was taken is answered, and soon. */
static void stop_in_flight_with_a_silent_display(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_command *commands[8];
	ask_in_vain(m, commands);
	uint64_t start = kit_now();
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK(kit_now() - start < 2000);
	CHECK_INT(m->vmm.bases[0], kit_ring_base(&m->rings[0]));
	CHECK_OK(m, kit_machine_stop(m));
	finish_all(m, commands);
	wire_end(m);
}

static void ends_on_sigterm_while_connected(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_INT(kit_backend_stop(m->backend), 0);
	CHECK_OK(m, kit_vmm_wait_closed(&m->vmm));
	wire_end(m);
}

/* Started with a connection instead of a path: it ends with it. */
static void connection_by_descriptor(void)
{
	char command[4096];
	static const char mark[] = "--socket-path {socket}";
	const char *backend = wire_command("none");
	const char *at = strstr(backend, mark);
	if (!at)
		test_skip("the backend is not started with --socket-path");
	snprintf(command, sizeof(command), "%.*s--fd {fd}%s", (int)(at - backend), backend,
		at + strlen(mark));
	struct kit_machine *m =
		kit_machine_create(&(struct kit_machine_spec){ .command = command });
	CHECK(m);
	wire_check_alive(m);
	kit_vmm_finish(&m->vmm);
	CHECK_INT(kit_backend_wait(m->backend), 0);
	wire_end(m);
}

/* The program that was started is killed: nobody of it stays behind. */
static void nobody_stays_behind(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	pid_t pids[KIT_MAX_PROCESSES];
	uint32_t count = kit_backend_processes(m->backend, pids, KIT_MAX_PROCESSES);
	CHECK(count >= 1);
	kill(pids[0], SIGKILL);
	CHECK_INT(kit_backend_wait(m->backend), 256 + SIGKILL);
	for (uint32_t i = 1; i < count; i++)
		for (int wait = 0; kill(pids[i], 0) == 0; wait++) {
			if (wait == 200)
				test_fail(__FILE__, __LINE__, "process %d stays", pids[i]);
			usleep(10000);
		}
	kit_machine_destroy(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(stop_in_flight_with_a_silent_display),
		TEST_CASE(ends_on_sigterm_while_connected),
		TEST_CASE(connection_by_descriptor),
		TEST_CASE(nobody_stays_behind),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
