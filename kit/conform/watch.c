/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The process that was started only watches: the run is a child of it. Whichever way that ends, by
 * itself, by a signal to either of them or in a crash, all that descends from it is ended as well
 * and what it has not finished with is removed: the backends' sockets, half a file of results. What loses its parent on the way becomes a
 * child of this process (PR_SET_CHILD_SUBREAPER), so nothing gets away.
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/backend.h"
#include "kit/conform/plan.h"

#define END_TRIES 5000u /* of a millisecond: until what was killed counts as never ending */
#define MAX_OPEN  16 /* folders, while one is removed */

/* Those that end the run, unless whoever started this wanted them ignored; and SIGCHLD. */
static void signals_to_wait_for(sigset_t *ret_set)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct sigaction action;
		if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(ret_set, numbers[i]);
	}
}

/* Takes in all that have ended; true when the run is one of them. */
static bool has_ended(pid_t run, int *ret_status)
{
	bool ended = false;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == run) {
			*ret_status = status;
			ended = true;
		}
	return ended;
}

/* Until the run has ended or a signal says that it has to: a status as from waitpid. */
static int wait_for(pid_t run, const sigset_t *signals)
{
	int status = 0;
	while (!has_ended(run, &status)) {
		int number = sigwaitinfo(signals, NULL);
		if (number > 0 && number != SIGCHLD)
			return number;
	}
	return status;
}

static void end_all(void)
{
	pid_t pids[KIT_MAX_PROCESSES];
	for (uint32_t i = 0; i < END_TRIES; i++) {
		uint32_t count = kit_process_tree(getpid(), pids, KIT_MAX_PROCESSES);
		for (uint32_t j = 1; j < count; j++)
			kill(pids[j], SIGKILL);
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0)
			return;
		if (pid == 0)
			usleep(1000);
	}
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
	remove(path);
	return 0;
}

int conform_watch(struct conform_plan *plan, int (*run)(struct conform_plan *plan))
{
	char folder[] = "/tmp/conform-XXXXXX";
	sigset_t signals, before;
	if (!mkdtemp(folder))
		return -errno;
	setenv("KIT_FOLDER", folder, 1);
	signal(SIGCHLD, SIG_DFL);
	signals_to_wait_for(&signals);
	sigprocmask(SIG_BLOCK, &signals, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		exit(getppid() == parent ? run(plan) : EXIT_FAILURE);
	}
	int status = pid < 0 ? -errno : wait_for(pid, &signals);
	end_all();
	nftw(folder, remove_one, MAX_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	conform_json_finish(plan);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}
