/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Cases are run by processes of their own, several at a time: the scheduler starts them, takes their
 * verdicts from a pipe and what they wrote to standard error from a memory file, and ends those
 * that do not end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/conform/plan.h"
#include "util/checked.h"
#include "util/fd.h"

#define MAX_JOBS     32u
#define SETTLE_US    2000u
#define SETTLE_LOOKS 200u
#define SETTLED      5u /* looks with the same number */

struct job {
	pid_t pid; /* 0: none */
	size_t index; /* of the item */
	struct kit_backend *kept; /* owned: for one item after another; NULL: each starts its own */
	uint32_t rest_fds; /* descriptors that the kept one had when it had begun; 0: not known */
	int result_fd, log_fd;
	uint64_t started_ms;
	uint32_t limit_ms; /* from then on */
};

/* item: NULL is the probe. */
static int job_start(struct job *job, struct conform_plan *plan, const struct conform_item *item)
{
	bool alone = !plan->options.attach && (!item || item->row->needs & CONFORM_NEEDS_OWN);
	int result[2];
	_cleanup_fd_ int log_fd = memfd_create("case-log", MFD_CLOEXEC);
	if (log_fd < 0 || pipe2(result, O_CLOEXEC) < 0)
		return -errno;
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || dup2(log_fd, STDERR_FILENO) < 0)
			_exit(EXIT_FAILURE);
		conform_child(&(struct conform_child){ .plan = plan,
			.item = item,
			.kept = alone ? NULL : job->kept,
			.rest_fds = job->rest_fds,
			.result_fd = result[1] });
	}
	int error = errno;
	fd_close(&result[1]);
	if (pid < 0) {
		fd_close(&result[0]);
		return -error;
	}
	job->pid = pid;
	job->result_fd = result[0];
	job->log_fd = fd_steal(&log_fd);
	job->started_ms = kit_now();
	job->limit_ms = conform_case_limit_ms(&plan->options);
	return 0;
}

static char *read_log(int fd)
{
	struct stat info;
	if (fstat(fd, &info) < 0 || info.st_size == 0)
		return NULL;
	char *text = calloc(1, (size_t)info.st_size + 1);
	if (text && pread(fd, text, (size_t)info.st_size, 0) < 0)
		text[0] = '\0';
	return text;
}

/* Its backend's processes as well, which only lose their parent otherwise. */
static void kill_all(pid_t pid)
{
	pid_t pids[KIT_MAX_PROCESSES];
	uint32_t count = kit_process_tree(pid, pids, KIT_MAX_PROCESSES);
	for (uint32_t i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
}

/* Waits for a process that has ended, or is about to, and takes in what it left. */
static struct conform_result job_end(struct job *job, bool late, char **ret_log)
{
	struct conform_result result;
	int status = 0;
	if (late)
		kill_all(job->pid);
	ssize_t got = read(job->result_fd, &result, sizeof(result));
	waitpid(job->pid, &status, 0);
	if (got != (ssize_t)sizeof(result)) {
		result = (struct conform_result){ .verdict = CONFORM_FAIL };
		if (late)
			snprintf(result.why, sizeof(result.why), "the case did not end in %u s",
				job->limit_ms / 1000);
		else
			snprintf(result.why, sizeof(result.why),
				"the case's process ended with status %#x", (unsigned)status);
	}
	/* a log may be quoted in it */
	result.why[strcspn(result.why, "\r\n")] = '\0';
	*ret_log = read_log(job->log_fd);
	fd_close(&job->result_fd);
	fd_close(&job->log_fd);
	job->pid = 0;
	return result;
}

/* The kit says on standard error why there is no machine, or what was wrong at its end. Returns what
 * else the log says; NULL without a log. */
static const char *explain(char *why, size_t size, const char *log)
{
	const char *line = log ? strstr(log, "kit: ") : NULL;
	if (why[0] || !line)
		return log;
	line += strlen("kit: ");
	size_t length = strcspn(line, "\n");
	snprintf(why, size, "%.*s", (int)length, line);
	return line + length;
}

/* --- the probe ----------------------------------------------------------------------------- */

static void complain(const char *why, const char *rest)
{
	static const char known[] = "no machine: ";
	if (strncmp(why, known, strlen(known)) == 0)
		why += strlen(known);
	fprintf(stderr, "virtiogpu-conform: the backend does not start: %s\n", why);
	rest += rest && rest[0] == '\n';
	size_t length = rest ? strlen(rest) : 0;
	while (length > 0 && rest[length - 1] == '\n')
		length--;
	if (length > 0)
		fprintf(stderr, "%.*s\n", (int)length, rest);
}

/* kept: the backend to look at; NULL: one of its own. */
static int probe(struct conform_plan *plan, struct kit_backend *kept)
{
	struct job job = { .kept = kept };
	char *log;
	int ret = job_start(&job, plan, NULL);
	if (ret < 0)
		return ret;
	struct pollfd ended = { .fd = job.result_fd, .events = POLLIN };
	bool late = poll(&ended, 1, (int)job.limit_ms) == 0;
	struct conform_result result = job_end(&job, late, &log);
	const char *rest = explain(result.why, sizeof(result.why), log);
	if (!plan->shared->probe.done)
		snprintf(
			plan->shared->probe.why, sizeof(plan->shared->probe.why), "%s", result.why);
	if (!plan->shared->probe.runs)
		complain(result.why, rest);
	free(log);
	return 0;
}

/* Why an item cannot be run with this backend; NULL when it can. */
static const char *missing(const struct conform_probe *probe, const struct conform_case *row,
	bool attached, char *text, size_t size)
{
	static const struct {
		uint32_t need;
		const char *text;
	} needs[] = {
		{ CONFORM_NEEDS_MANY, "it serves one connection only" },
		{ CONFORM_NEEDS_DISPLAY, "it does not use the VMM's display" },
		{ CONFORM_NEEDS_VIRGL, "it has no capability set of virgl" },
		{ CONFORM_NEEDS_MAPPED, "it makes no blobs of memory that it can map" },
		{ CONFORM_NEEDS_VENUS, "it has no capability set of venus" },
	};
	const bool has[] = { probe->many, probe->display, probe->virgl, probe->maps, probe->venus };
	if (attached && row->needs & CONFORM_NEEDS_OWN)
		return "it needs a backend of its own";
	if (!probe->done)
		return NULL;
	for (uint32_t bit = 0; bit < 64; bit++) {
		if (row->features & ~probe->features & UINT64_C(1) << bit)
			snprintf(text, size, "%s is not offered", kit_feature_name(bit));
		else if (row->protocol & ~probe->protocol & UINT64_C(1) << bit)
			snprintf(text, size, "protocol feature %s is not offered",
				kit_protocol_feature_name(bit));
		else
			continue;
		return text;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (row->needs & needs[i].need && !has[i])
			return needs[i].text;
	return NULL;
}

/* --- the run ------------------------------------------------------------------------------- */

struct run {
	struct conform_plan *plan;
	struct kit kit; /* of the backends that are kept */
	void (*done)(struct conform_plan *plan, size_t index);
	struct job jobs[MAX_JOBS];
	size_t next; /* item to be started */
	uint32_t open; /* jobs */
};

static void take_result(struct run *run, struct job *job, bool late)
{
	struct conform_item *item = &run->plan->items[job->index];
	struct conform_result result = job_end(job, late, &item->log);
	run->open--;
	item->verdict = result.verdict;
	item->not_offered = result.verdict == CONFORM_SKIP && !result.blind;
	memcpy(item->why, result.why, sizeof(item->why));
	explain(item->why, sizeof(item->why), item->log);
	item->duration_ms = (uint32_t)(kit_now() - job->started_ms);
	if (job->kept && !kit_backend_alive(job->kept)) {
		item->verdict = CONFORM_FAIL;
		snprintf(item->why, sizeof(item->why), "the backend died (status %#x)",
			(unsigned)job->kept->status);
		kit_backend_destroy(job->kept);
		job->kept = NULL;
	}
	run->done(run->plan, job->index);
}

/* Waits for it to be done with a connection: until the number of its descriptors stays, which is returned. */
static uint32_t settle(struct kit_backend *kept)
{
	struct kit_usage usage = { 0 };
	uint32_t before = 0, same = 0;
	for (uint32_t i = 0; i < SETTLE_LOOKS && same < SETTLED; i++) {
		usleep(SETTLE_US);
		kit_backend_usage(kept, &usage);
		same = usage.fds == before ? same + 1 : 0;
		before = usage.fds;
	}
	return before;
}

/* One that has answered, so that what it has from then on is what it needs. Of one that others see to as well
 * that is not known. */
static void start_kept(struct run *run, struct job *job)
{
	const struct kit_machine_spec spec = {
		.stage = KIT_STAGE_REALIZED,
		.end = KIT_END_SOMEHOW,
		.patience_ms = CONFORM_START_MS,
	};
	const struct conform_options *options = &run->plan->options;
	job->rest_fds = 0;
	job->kept = options->attach
		? kit_backend_attach(&run->kit, options->attach_pid, options->attach)
		: kit_backend_create(&run->kit, options->backend);
	if (!job->kept || options->attach)
		return;
	kit_machine_destroy(kit_machine_attach(job->kept, &spec));
	job->kept->kit = &run->kit;
	job->rest_fds = settle(job->kept);
}

static int start_next(struct run *run, struct job *job)
{
	struct conform_item *item = &run->plan->items[run->next];
	char text[120];
	const char *reason = missing(&run->plan->shared->probe, item->row,
		run->plan->options.attach, text, sizeof(text));
	size_t index = run->next++;
	if (!reason) {
		job->index = index;
		if (run->plan->options.keep && !job->kept)
			start_kept(run, job);
		int ret = job_start(job, run->plan, item);
		run->open += ret == 0;
		return ret;
	}
	item->verdict = CONFORM_SKIP;
	item->not_offered = true;
	snprintf(item->why, sizeof(item->why), "%s", reason);
	run->done(run->plan, index);
	return 0;
}

static int fill(struct run *run)
{
	for (uint32_t i = 0; i < run->plan->options.jobs; i++)
		while (!run->jobs[i].pid && run->next < run->plan->count) {
			int ret = start_next(run, &run->jobs[i]);
			if (ret < 0)
				return ret;
		}
	return 0;
}

static void wait_some(struct run *run)
{
	struct pollfd polls[MAX_JOBS];
	uint32_t jobs = run->plan->options.jobs;
	for (uint32_t i = 0; i < jobs; i++)
		polls[i] = (struct pollfd){ .fd = run->jobs[i].pid ? run->jobs[i].result_fd : -1,
			.events = POLLIN };
	poll(polls, jobs, 1000);
	for (uint32_t i = 0; i < jobs; i++) {
		struct job *job = &run->jobs[i];
		bool late = job->pid && kit_now() - job->started_ms > job->limit_ms;
		if (job->pid && (polls[i].revents || late))
			take_result(run, job, late);
	}
}

/* Such a one is used up by whoever looks whether it is there. */
static bool serves_one(const struct conform_plan *plan)
{
	const struct conform_probe *probe = &plan->shared->probe;
	return probe->done ? !probe->many : strstr(plan->options.backend, "{fd}") != NULL;
}

static int run_items(struct run *run)
{
	int ret = 0;
	while (ret == 0 && (run->open > 0 || run->next < run->plan->count)) {
		ret = fill(run);
		if (run->open > 0)
			wait_some(run);
		conform_report_progress(run->plan);
	}
	return ret;
}

static int probe_and_run(struct run *run)
{
	struct conform_plan *plan = run->plan;
	int ret = probe(plan, run->jobs[0].kept);
	if (ret < 0 || !plan->shared->probe.runs)
		return ret < 0 ? ret : -ECHILD;
	conform_report_start(plan);
	if (plan->options.keep && serves_one(plan)) {
		plan->options.keep = false;
		conform_report_note("--keep is left out for one that serves one connection");
	}
	return run_items(run);
}

int conform_run(struct conform_plan *plan, void (*done)(struct conform_plan *plan, size_t index))
{
	struct run run = { .plan = plan, .done = done };
	plan->options.jobs = min_u32(plan->options.jobs, MAX_JOBS);
	kit_init(&run.kit);
	if (plan->options.attach)
		start_kept(&run, &run.jobs[0]);
	int ret = probe_and_run(&run);
	for (uint32_t i = 0; i < plan->options.jobs; i++)
		kit_backend_destroy(run.jobs[i].kept);
	if (ret < 0 && plan->shared->probe.runs)
		fprintf(stderr, "virtiogpu-conform: cannot start another process: %s\n",
			strerror(-ret));
	return ret;
}
