/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A renderer program as the launcher starts it: RENDERER_PROGRAM is the path of the null renderer's. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"
#include "renderer/remote.h"
#include "renderer/ring.h"
#include "test.h"
#include "util/fd.h"

struct program {
	pid_t process;
	int sock;
};

/* The child's end of the socket is descriptor 3. */
static void start(struct program *program, const char *const *args)
{
	int socks[2];
	const char *path = getenv("RENDERER_PROGRAM");
	if (!path)
		test_skip("RENDERER_PROGRAM is not set");
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	program->process = fork();
	CHECK(program->process >= 0);
	if (program->process == 0) {
		int null = open("/dev/null", O_WRONLY);
		int high = fcntl(socks[1], F_DUPFD, 10);
		dup2(null, 2);
		dup2(high, 3);
		fcntl(high, F_SETFD, FD_CLOEXEC);
		execv(path, (char *const *)(uintptr_t)args);
		_exit(127);
	}
	close(socks[1]);
	program->sock = socks[0];
}

static int finish(struct program *program)
{
	int status;
	fd_close(&program->sock);
	CHECK_INT(waitpid(program->process, &status, 0), program->process);
	return status;
}

struct state {
	bool ready;
	bool lost;
};

static void on_ready(void *data, struct renderer *renderer)
{
	struct state *state = data;
	state->ready = true;
}

static void on_lost(void *data, struct renderer *renderer)
{
	struct state *state = data;
	state->lost = true;
}

static void read_name(pid_t process, char *name, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)process);
	FILE *file = fopen(path, "r");
	CHECK(file);
	CHECK(fgets(name, (int)size, file));
	fclose(file);
}

static void serves_until_the_device_goes(void)
{
	static const char *const args[] = { "render", "--fd", "3", "--name", "null-export",
		"--debug", "error", NULL };
	static const struct renderer_events events = { .lost = on_lost };
	struct program program;
	struct state state = { 0 };
	char name[32];
	start(&program, args);
	struct loop *loop = loop_create();
	const struct remote_args remote = {
		.loop = loop,
		.sock = program.sock,
		.memory = ring_memory(),
		.name = "null-export",
		.events = &events,
		.ready = on_ready,
		.data = &state,
	};
	struct renderer *renderer = remote_renderer_create(&remote);
	program.sock = -1;
	CHECK(renderer);
	uint64_t start_ms = loop_now_ms();
	while (!state.ready && !state.lost && loop_now_ms() - start_ms < 20000)
		CHECK_INT(loop_round(loop, 1000), 0);
	CHECK(state.ready);
	CHECK(renderer->can_export);
	read_name(program.process, name, sizeof(name));
	CHECK(strncmp(name, "render-null-exp", 15) == 0);

	/* A terminal or a service manager signals all processes: this one waits for the device. */
	CHECK_INT(kill(program.process, SIGTERM), 0);
	CHECK_INT(kill(program.process, SIGINT), 0);
	CHECK_INT(loop_round(loop, 50), 0);
	CHECK(!state.lost);
	renderer_destroy(renderer);
	loop_destroy(loop);
	CHECK_INT(finish(&program), 0);
}

static void says_what_is_wrong_with_its_command_line(void)
{
	static const char *const args[] = { "render", "--name", "null", NULL };
	struct program program;
	start(&program, args);
	int status = finish(&program);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 2);
}

static void fails_without_a_socket(void)
{
	static const char *const args[] = { "render", "--fd", "17", NULL };
	struct program program;
	start(&program, args);
	int status = finish(&program);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 1);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(serves_until_the_device_goes),
		TEST_CASE(says_what_is_wrong_with_its_command_line),
		TEST_CASE(fails_without_a_socket),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
