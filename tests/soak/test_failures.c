/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * System calls of the device process that fail, one at a time, while a guest works: the daemon goes on,
 * or ends the session, or the process says why it ends. It does not crash or hang, serves the next VMM,
 * and keeps nothing that it had not before. BACKEND in the environment is its command line, FAILING
 * the program that lets calls fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/check.h"
#include "kit/picture.h"
#include "null/null.h"
#include "util/checked.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define SIDE 64u
#define PLACES                                                                                     \
	8u /* of the calls, which fail one after another; FAILURES in the environment: another number */
#define EXIT_SKIP 77

/* What may happen on a host, to calls of the device process. brk() says with its result that it fails. */
static const struct failure {
	const char *name;
	int number, error;
	int second; /* argument that the calls have; 0: any */
} failures[] = {
	{ "brk", SYS_brk, 0, 0 },
	{ "mmap", SYS_mmap, ENOMEM, 0 },
	{ "mremap", SYS_mremap, ENOMEM, 0 },
	{ "munmap", SYS_munmap, ENOMEM, 0 },
	{ "madvise", SYS_madvise, EAGAIN, 0 },
	{ "fstat", SYS_fstat, ENOMEM, 0 },
	{ "fcntl", SYS_fcntl, EMFILE, F_DUPFD_CLOEXEC },
	{ "eventfd2", SYS_eventfd2, EMFILE, 0 },
	{ "eventfd2, no memory", SYS_eventfd2, ENOMEM, 0 },
	{ "pipe2", SYS_pipe2, ENFILE, 0 },
	{ "epoll_ctl", SYS_epoll_ctl, ENOSPC, EPOLL_CTL_ADD },
	{ "epoll_ctl, no memory", SYS_epoll_ctl, ENOMEM, EPOLL_CTL_ADD },
	{ "sendmsg", SYS_sendmsg, ENOBUFS, 0 },
	{ "sendmsg, interrupted", SYS_sendmsg, EINTR, 0 },
	{ "recvmsg", SYS_recvmsg, ENOMEM, 0 },
	{ "recvmsg, interrupted", SYS_recvmsg, EINTR, 0 },
	{ "recvfrom", SYS_recvfrom, ENOMEM, 0 },
	{ "read, interrupted", SYS_read, EINTR, 0 },
	{ "write, interrupted", SYS_write, EINTR, 0 },
	{ "setsockopt", SYS_setsockopt, ENOMEM, 0 },
	{ "getrandom", SYS_getrandom, EAGAIN, 0 },
	{ "epoll_pwait, interrupted", SYS_epoll_pwait, EINTR, 0 },
#ifdef SYS_epoll_wait
	{ "epoll_wait, interrupted", SYS_epoll_wait, EINTR, 0 },
#endif
};

static char count_file[64];
static uint32_t *usual_fds; /* shared: what there is at the end when nothing fails; 0: not known */

void kit_check_failed(struct kit_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("#   %s:%d: ", place.file, place.line);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

void kit_check_error(
	struct kit_place place, struct kit_machine *machine, const char *expression, int error)
{
	kit_check_failed(place, "%s: %s (%s)", expression, strerror(-error), machine->kit.why);
}

static void show_log(struct kit_machine *m)
{
	char *log = kit_backend_log(m->backend);
	for (char *line = log ? strtok(log, "\n") : NULL; line; line = strtok(NULL, "\n"))
		printf("#     %s\n", line);
	free(log);
}

/* --- a guest that uses everything ---------------------------------------------------------- */

/* A step that need not work out, but has to come to an end: the session may be over. */
static int may_fail(struct kit_place place, struct kit_machine *m, const char *what, int ret)
{
	if (ret == -ETIMEDOUT || ret == -EPROTO)
		show_log(m);
	if (ret == -ETIMEDOUT || ret == -EPROTO)
		kit_check_error(place, m, what, ret);
	return ret;
}
#define MAY_FAIL(m, expression) may_fail(KIT_HERE, m, #expression, (expression))

static void work_2d(struct kit_machine *m)
{
	struct kit_surface s = { 0 };
	struct kit_picture *picture = kit_picture_create(SIDE, SIDE);
	const struct virtio_gpu_rect all = kit_rect(0, 0, SIDE, SIDE);
	const struct virtio_gpu_resource_create_2d like = {
		.resource_id = 1, .format = XRGB, .width = SIDE, .height = SIDE
	};
	uint8_t uuid[16];
	MAY_FAIL(m, kit_surface_create(&m->gpu, &s, &like, KIT_PAGE));
	MAY_FAIL(m, kit_gpu_set_scanout(&m->gpu, 0, 1, all));
	for (uint32_t i = 0; i < 3 && s.entries; i++) {
		kit_picture_pattern(picture, all, i);
		kit_surface_draw(&s, picture);
		MAY_FAIL(m, kit_surface_show(&s, all));
		MAY_FAIL(m, kit_gpu_move_cursor(&m->gpu, 0, i, i));
	}
	MAY_FAIL(m, kit_gpu_assign_uuid(&m->gpu, 1, uuid));
	MAY_FAIL(m, kit_gpu_unref(&m->gpu, 1));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
}

static void work_3d(struct kit_machine *m, uint32_t ctx_id)
{
	const struct virtio_gpu_resource_create_3d texture = {
		.resource_id = 5,
		.target = 2,
		.format = XRGB,
		.bind = 1u << 1 | 1u << 18,
		.width = SIDE,
		.height = SIDE,
		.depth = 1,
		.array_size = 1,
	};
	const struct virtio_gpu_mem_entry entry = { 0x100000, SIDE * SIDE * 4, 0 };
	const struct virtio_gpu_transfer_host_3d whole = {
		.box = { 0, 0, 0, SIDE, SIDE, 1 },
		.resource_id = 5,
	};
	const uint32_t fill[] = { NULL_COMMAND(NULL_FILL, 2), 5, 0x123456 };
	MAY_FAIL(m, kit_gpu_ctx_create(&m->gpu, ctx_id, NULL_CAPSET, "failures"));
	MAY_FAIL(m, kit_gpu_create_3d(&m->gpu, texture));
	MAY_FAIL(m, kit_gpu_attach(&m->gpu, 5, &entry, 1));
	MAY_FAIL(m, kit_gpu_ctx_attach(&m->gpu, ctx_id, 5));
	MAY_FAIL(m, kit_gpu_submit_3d(&m->gpu, ctx_id, fill, sizeof(fill)));
	MAY_FAIL(m, kit_gpu_transfer_from_3d(&m->gpu, ctx_id, whole));
	MAY_FAIL(m, kit_gpu_set_scanout(&m->gpu, 0, 5, kit_rect(0, 0, SIDE, SIDE)));
	MAY_FAIL(m, kit_gpu_flush(&m->gpu, 5, kit_rect(0, 0, SIDE, SIDE)));
	MAY_FAIL(m, kit_pump(&m->kit, 5));
	MAY_FAIL(m, kit_gpu_unref(&m->gpu, 5));
	MAY_FAIL(m, kit_gpu_ctx_destroy(&m->gpu, ctx_id));
}

static void work(struct kit_machine *m)
{
	work_2d(m);
	work_3d(m, 1);
	pid_t renderer = kit_backend_find(m->backend, "virtiogpud-render-null");
	if (renderer > 0)
		kill(renderer, SIGKILL);
	MAY_FAIL(m, kit_pump(&m->kit, 10));
	work_3d(m, 2);
	MAY_FAIL(m, kit_machine_stop(m));
	/* a VMM that is told no goes away */
	if (MAY_FAIL(m, kit_machine_start(m)) == 0)
		work_2d(m);
}

/* --- one run ------------------------------------------------------------------------------- */

/* Whether another VMM finds everything as it should be: 0 or -errno. */
static int serve_another(struct kit_machine *m)
{
	const struct virtio_gpu_resource_create_2d like = {
		.resource_id = 1, .format = XRGB, .width = SIDE, .height = SIDE
	};
	const struct virtio_gpu_rect all = kit_rect(0, 0, SIDE, SIDE);
	struct kit_picture *picture = kit_picture_create(SIDE, SIDE);
	struct kit_surface s = { 0 };
	int ret = kit_machine_reconnect(m);
	kit_picture_pattern(picture, all, 77);
	if (ret == 0)
		ret = kit_surface_create(&m->gpu, &s, &like, 0);
	if (ret >= 0)
		ret = kit_gpu_set_scanout(&m->gpu, 0, 1, all);
	if (s.entries)
		kit_surface_draw(&s, picture);
	if (ret >= 0)
		ret = kit_surface_show(&s, all);
	if (ret >= 0)
		ret = kit_display_wait_picture(&m->display, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	return ret;
}

/* If it is the call of the next VMM that fails, the one after it is served. */
static void check_serves(struct kit_machine *m)
{
	if (serve_another(m) != 0)
		CHECK_OK(m, serve_another(m));
}

/* The device process is still the one that it was. */
static void check_log(struct kit_machine *m)
{
	if (kit_backend_log_lines(m->backend, "the device process") == 0)
		return;
	show_log(m);
	kit_check_failed(KIT_HERE, "the device process has ended");
}

static uint32_t count_fds(struct kit_machine *m)
{
	struct kit_usage usage;
	return kit_backend_usage(m->backend, &usage) == 0 ? usage.fds : 0;
}

/* When a renderer has been started in place of the one that was used. */
static uint32_t count_fds_at_rest(struct kit_machine *m)
{
	uint32_t fds = count_fds(m), same = 0;
	for (uint32_t look = 0; look < 200 && same < 10; look++) {
		uint32_t last = fds;
		CHECK_OK(m, kit_pump(&m->kit, 10));
		fds = count_fds(m);
		same = fds == last ? same + 1 : 0;
	}
	return fds;
}

/* Nothing is kept that is not kept otherwise. What ends may take a moment. */
static void check_fds(struct kit_machine *m, uint32_t nth)
{
	uint32_t fds = nth == 0 ? count_fds_at_rest(m) : count_fds(m);
	if (nth == 0)
		*usual_fds = fds;
	for (uint32_t i = 0; i < 50 && fds > *usual_fds; i++) {
		CHECK_OK(m, kit_pump(&m->kit, 20));
		fds = count_fds(m);
	}
	if (*usual_fds > 0 && fds > *usual_fds)
		kit_check_failed(KIT_HERE, "%u descriptors are left, not %u", fds, *usual_fds);
}

static void run(const struct failure *failure, uint32_t nth)
{
	static char command[4096];
	struct kit_machine_spec spec = { .command = command,
		.profile = &kit_profile_qemu_gpu_all,
		.stage = KIT_STAGE_PREPARED,
		.patience_ms = 5000,
		.end = KIT_END_SOMEHOW };
	snprintf(command, sizeof(command), "%s %d %d %d %u %s %s", getenv("FAILING"),
		failure->number, failure->second ? failure->second : -1, failure->error, nth,
		count_file, getenv("BACKEND"));
	struct kit_machine *m = kit_machine_create(&spec);
	CHECK(m);
	m->spec.stage = KIT_STAGE_STARTED;
	int ret = kit_machine_reconnect(m);
	if (!kit_backend_alive(m->backend)) {
		if (WIFEXITED(m->backend->status) && WEXITSTATUS(m->backend->status) == EXIT_SKIP)
			_exit(EXIT_SKIP);
		/* not even started: it says why */
		CHECK(nth > 0 && WIFEXITED(m->backend->status));
		CHECK(kit_backend_log_lines(m->backend, "error: cannot start: ") > 0);
		return;
	}
	if (MAY_FAIL(m, ret) == 0)
		work(m);
	if (kit_backend_log_lines(m->backend, "error: cannot start: ") > 0)
		return; /* the call was one of the start, and it says so */
	check_serves(m);
	check_log(m);
	check_fds(m, nth);
	CHECK_INT(kit_machine_destroy(m), 0);
}

static uint32_t calls_seen(void)
{
	uint32_t count = 0;
	FILE *file = fopen(count_file, "re");
	if (file && fread(&count, sizeof(count), 1, file) != 1)
		count = 0;
	if (file)
		fclose(file);
	return count;
}

/* Its exit status, in a process of its own. */
static int run_apart(const struct failure *failure, uint32_t nth)
{
	int status;
	if (truncate(count_file, 0) < 0)
		return EXIT_FAILURE;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		run(failure, nth);
		_exit(EXIT_SUCCESS);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EXIT_FAILURE;
	return WEXITSTATUS(status);
}

/* Whether all places are as they should be; calls: how many there are when none fails. */
static bool run_all(const struct failure *failure, uint32_t calls)
{
	bool good = true;
	const char *wanted = getenv("FAILURES");
	uint32_t places = wanted && atoi(wanted) > 0 ? (uint32_t)atoi(wanted) : PLACES;
	uint32_t step = calls > places ? calls / places : 1;
	for (uint32_t nth = 1; nth <= calls; nth += step) {
		if (run_apart(failure, nth) == EXIT_SUCCESS)
			continue;
		printf("#   call %u of %u of %s fails with %s\n", nth, calls, failure->name,
			strerror(failure->error));
		good = false;
	}
	return good;
}

int main(void)
{
	bool all_good = true;
	snprintf(count_file, sizeof(count_file), "/tmp/failures-XXXXXX");
	int file = mkstemp(count_file);
	usual_fds = mmap(NULL, sizeof(*usual_fds), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (file < 0 || usual_fds == MAP_FAILED || !getenv("FAILING") || !getenv("BACKEND"))
		return EXIT_FAILURE;
	close(file);
	printf("1..%zu\n", ARRAY_SIZE(failures));
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		int status = run_apart(&failures[i], 0);
		uint32_t calls = calls_seen();
		bool good = status == EXIT_SKIP ||
			(status == EXIT_SUCCESS && run_all(&failures[i], calls));
		printf("%s %zu - %s, %u calls%s\n", good ? "ok" : "not ok", i + 1, failures[i].name,
			calls, status == EXIT_SKIP ? " # SKIP seccomp has no listeners here" : "");
		all_good = all_good && good;
	}
	unlink(count_file);
	return all_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
