/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Does everything that the tables of actions have from inside of each kind of process: a child for each
 * action goes through the same stages as the real process, with the same code, and then does it. All must
 * fail. Reports as TAP; the last line is the sum.
 *
 *	breakout			what the test runs
 *	breakout --control		the same actions without a sandbox: which of them are possible here
 *	breakout [--control] KIND WORDS	only actions with these words in their name
 *	breakout --inside …		what the server of Vulkan becomes another program with
 *	breakout --nothing		ends at once
 *
 * An action fails when the process is killed for it, or it gets an error, and guest memory is as it was.
 */
#include "breakout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../viewer/cage.h"
#include "containment.h"
#include "outside.h"
#include "sandbox/sandbox.h"
#include "util/checked.h"
#include "util/log.h"

#define PATIENCE_MS 20000
#define NOT_STARTED 99

enum outcome {
	WORKED,
	REFUSED, /* with an error */
	KILLED, /* by the filter */
	BROKEN, /* ended in another way, or not at all: tells nothing */
	OUTCOMES,
};

struct report {
	int worked, error;
};

struct kind_spec {
	const char *name;
	enum kind kind;
	const struct sandbox_policy *policy;
	/* By a renderer that was taken over, too, it was given guest memory, which is sealed as most is. And it runs a
	 * program that it has written to memory. */
	bool helped;
};

static const struct kind_spec kinds[] = {
	{ "launcher", LAUNCHER, &sandbox_launcher, .helped = false },
	{ "device", DEVICE, &sandbox_device, .helped = false },
	{ "null", NULL_RENDERER, &sandbox_null, .helped = false },
	{ "virgl", VIRGL, &sandbox_virgl, .helped = false },
	{ "venus", VENUS, &sandbox_venus, .helped = false },
	{ "venus-helped", VENUS, &sandbox_venus, .helped = true },
	{ "viewer", VIEWER, &sandbox_viewer, .helped = false },
};

static const struct action_table *const tables[] = {
	&file_actions,
	&process_actions,
	&network_actions,
	&memory_actions,
	&kernel_actions,
};

static struct process_program self; /* this program */

static long argument(const struct target *target, long value)
{
	const long values[] = {
		[VICTIM - VICTIM] = target->victim,
		[GUEST_MEMORY - VICTIM] = target->guest_memory,
		[TERMINAL - VICTIM] = target->terminal,
		[SHARED_MEMORY - VICTIM] = target->shared_memory,
		[SECRET_PATH - VICTIM] = POINTER(target->secret_path),
		[NEW_PATH - VICTIM] = POINTER(target->new_path),
		[FOLDER - VICTIM] = POINTER(target->folder),
		[VICTIM_MEMORY - VICTIM] = POINTER(target->victim_memory),
		[VICTIM_MAPS - VICTIM] = POINTER(target->victim_maps),
		[VICTIM_NET - VICTIM] = POINTER(target->victim_net),
		[VICTIM_ROOT - VICTIM] = POINTER(target->victim_root),
		[GUEST_PATH - VICTIM] = POINTER(target->guest_path),
	};
	return value >= VICTIM && value < PLACEHOLDER_END ? values[value - VICTIM] : value;
}

static void act(const struct target *target, const struct action *action, int answer)
{
	long args[6];
	errno = 0;
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = argument(target, action->arguments[i]);
	long result = action->run
		? action->run(target)
		: syscall(action->number, args[0], args[1], args[2], args[3], args[4], args[5]);
	const struct report report = { .worked = result >= 0, .error = errno };
	ssize_t ignored = write(answer, &report, sizeof(report));
	(void)ignored;
	_exit(0);
}

static int status_of(pid_t pid)
{
	int status = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The number of an action among all of the tables, and the other way round. */
static unsigned number_of(const struct action *action)
{
	unsigned number = 0;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (size_t i = 0; i < tables[t]->count; i++, number++)
			if (&tables[t]->actions[i] == action)
				return number;
	return number;
}

static const struct action *action_of(unsigned number)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		if (number < tables[t]->count)
			return &tables[t]->actions[number];
		number -= (unsigned)tables[t]->count;
	}
	return NULL;
}

/* After it is sealed it becomes another program: here this one. It is given no guest memory by us. */
static void become_venus(const struct kind_spec *kind, const struct target *target,
	const struct action *action, int answer)
{
	const struct sandbox_place places[] = {
		{ SANDBOX_EXECUTE, self.path, -1 },
		{ SANDBOX_EXECUTE, sandbox_interpreter(), -1 },
	};
	struct sandbox sandbox;
	char words[3][16];
	char name[] = "breakout", option[] = "--inside";
	char *const argv[] = { name, option, words[0], words[1], words[2], NULL };
	int memory = memfd_create("target", 0);
	if (write(memory, target, sizeof(*target)) != (ssize_t)sizeof(*target) ||
		fcntl(answer, F_SETFD, 0) < 0)
		_exit(NOT_STARTED);
	snprintf(words[0], sizeof(words[0]), "%u", number_of(action));
	snprintf(words[1], sizeof(words[1]), "%d", memory);
	snprintf(words[2], sizeof(words[2]), "%d", answer);
	if (!kind->helped)
		close(target->guest_memory);
	sandbox_init(&sandbox, kind->policy, SANDBOX_AUTO);
	if (sandbox_early(&sandbox, NULL) < 0 ||
		sandbox_files(&sandbox, places, ARRAY_SIZE(places)) < 0 ||
		sandbox_seal(&sandbox) < 0)
		_exit(NOT_STARTED);
	execv(kind->helped ? target->program_path : self.path, argv);
	_exit(NOT_STARTED);
}

static int run_inside(char **words)
{
	static struct target target;
	const struct action *action = action_of((unsigned)strtoul(words[0], NULL, 10));
	int memory = atoi(words[1]);
	int answer = atoi(words[2]);
	if (!action || pread(memory, &target, sizeof(target), 0) != (ssize_t)sizeof(target))
		return NOT_STARTED;
	close(memory);
	fcntl(answer, F_SETFD, FD_CLOEXEC);
	act(&target, action, answer);
	return NOT_STARTED;
}

/* A renderer or a device process below a launcher, as in life; it passes on how that ended. */
static void become_child(struct sandbox *launcher, const struct kind_spec *kind,
	const struct target *target, const struct action *action, int answer)
{
	struct sandbox sandbox;
	pid_t pid = sandbox_fork(launcher);
	if (pid > 0) {
		int status = status_of(pid);
		if (WIFSIGNALED(status))
			raise(WTERMSIG(status));
		_exit(WEXITSTATUS(status));
	}
	if (pid == 0 && kind->kind == VENUS)
		become_venus(kind, target, action, answer);
	sandbox_init(&sandbox, kind->policy, SANDBOX_AUTO);
	if (pid < 0 || sandbox_early(&sandbox, NULL) < 0 || sandbox_files(&sandbox, NULL, 0) < 0 ||
		sandbox_seal(&sandbox) < 0)
		_exit(NOT_STARTED);
	act(target, action, answer);
}

/* The viewer is started by its user, and opens everything itself. */
static void become_viewer(const struct target *target, const struct action *action, int answer)
{
	const struct cage_places places = {
		.pictures = target->pictures,
		.sockets = { -1, -1, -1 },
	};
	struct sandbox sandbox;
	if (cage_begin(&sandbox, SANDBOX_AUTO) < 0 || cage_close(&sandbox, &places) < 0)
		_exit(NOT_STARTED);
	act(target, action, answer);
}

/* In a child of its own. kind NULL: without a sandbox, but where it cannot harm this machine. */
static void become(const struct kind_spec *kind, const struct target *target,
	const struct action *action, int answer)
{
	const struct containment_args args = {
		.programs = &self,
		.program_count = kind && kind->kind == VENUS,
		.render_node = -1,
		.self = -1,
		.folders = { -1, -1 },
	};
	struct sandbox launcher;
	log_init("breakout", LOG_ERROR);
	/* Each refused call would be a line. */
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	if (!kind) {
		unshare(CLONE_NEWNS);
		unshare(CLONE_NEWUTS);
		act(target, action, answer);
	}
	if (kind->kind == VIEWER)
		become_viewer(target, action, answer);
	sandbox_init(&launcher, &sandbox_launcher, SANDBOX_AUTO);
	if (containment_enter(&launcher, &args) < 0)
		_exit(NOT_STARTED);
	if (kind->kind == LAUNCHER)
		act(target, action, answer);
	become_child(&launcher, kind, target, action, answer);
}

/* Who does not report and ends in a proper way has become another program. */
static enum outcome judge(const struct report *report, bool reported, int status)
{
	if (reported)
		return report->worked ? WORKED : REFUSED;
	if (WIFEXITED(status) && WEXITSTATUS(status) != NOT_STARTED)
		return WORKED;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? KILLED : BROKEN;
}

static enum outcome try(const struct kind_spec *kind, struct target *target,
	const struct action *action, int *ret_error)
{
	int ends[2];
	struct report report = { 0 };
	if (!outside_renew(target, kind && kind->helped) || pipe2(ends, O_CLOEXEC) < 0)
		return BROKEN;
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		become(kind, target, action, ends[1]);
	}
	close(ends[1]);
	struct pollfd end = { .fd = ends[0], .events = POLLIN };
	poll(&end, 1, PATIENCE_MS);
	bool reported = (end.revents & POLLIN) != 0 &&
		read(ends[0], &report, sizeof(report)) == sizeof(report);
	if (end.revents == 0)
		kill(pid, SIGKILL);
	close(ends[0]);
	int status = status_of(pid);
	*ret_error = report.error;
	return kind && outside_damaged(target) ? WORKED : judge(&report, reported, status);
}

/* How many of each outcome there were. */
struct sum {
	unsigned outcomes[OUTCOMES];
	unsigned count;
};

static void try_all(
	const struct kind_spec *kind, struct target *target, const char *words, struct sum *sum)
{
	static const char *const texts[] = { "WORKED", "refused", "killed", "BROKEN" };
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct action *action = &tables[t]->actions[i];
			int error;
			if ((kind && action->allowed & kind->kind) || !strstr(action->name, words))
				continue;
			enum outcome outcome = try(kind, target, action, &error);
			sum->outcomes[outcome]++;
			sum->count++;
			printf("# %-12s %-44s %s%s%s\n", kind ? kind->name : "free", action->name,
				texts[outcome], outcome == REFUSED ? ": " : "",
				outcome == REFUSED ? strerror(error) : "");
		}
	}
}

static void report_kind(unsigned number, const struct kind_spec *kind, const struct sum *sum)
{
	bool good = sum->outcomes[WORKED] == 0 && sum->outcomes[BROKEN] == 0;
	printf("%sok %u - %s: of %u forbidden actions %u worked (%u were refused, %u killed it, %u "
	       "ended otherwise)\n",
		good ? "" : "not ", number, kind->name, sum->count, sum->outcomes[WORKED],
		sum->outcomes[REFUSED], sum->outcomes[KILLED], sum->outcomes[BROKEN]);
}

static int run_control(struct target *target, const char *words)
{
	struct sum sum = { 0 };
	try_all(NULL, target, words, &sum);
	bool good = sum.outcomes[WORKED] * 2 > sum.count;
	printf("%sok 1 - without a sandbox %u of %u actions work here\n1..1\n", good ? "" : "not ",
		sum.outcomes[WORKED], sum.count);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_kinds(struct target *target, const char *name, const char *words)
{
	unsigned tried = 0, worked = 0, broken = 0, number = 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct sum sum = { 0 };
		if (name && strcmp(name, kinds[i].name) != 0)
			continue;
		try_all(&kinds[i], target, words, &sum);
		report_kind(++number, &kinds[i], &sum);
		tried += sum.count;
		worked += sum.outcomes[WORKED];
		broken += sum.outcomes[BROKEN];
	}
	printf("1..%u\n# breakout: %u kinds of processes, %u forbidden actions: %u worked\n",
		number, number, tried, worked);
	return tried && !worked && !broken ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct target target;
	if (argc == 5 && strcmp(argv[1], "--inside") == 0)
		return run_inside(argv + 2);
	if (argc == 2 && strcmp(argv[1], "--nothing") == 0)
		return EXIT_SUCCESS;
	if (readlink("/proc/self/exe", self.path, sizeof(self.path) - 1) < 0)
		return EXIT_FAILURE;
	bool control = argc > 1 && strcmp(argv[1], "--control") == 0;
	argc -= control;
	argv += control;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!outside_make(&target))
		return EXIT_FAILURE;
	const char *words = argc > 2 ? argv[2] : "";
	int status = control ? run_control(&target, words)
			     : run_kinds(&target, argc > 1 ? argv[1] : NULL, words);
	outside_remove(&target);
	return status;
}
