/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the parts of virtiogpu-conform share; cases need conform.h only. */
#pragma once

#include <stdio.h>

#include "kit/conform/conform.h"
#include "kit/seen.h"

enum conform_verdict {
	CONFORM_PASS,
	CONFORM_REJECT,
	CONFORM_SKIP,
	CONFORM_WEDGED,
	CONFORM_FAIL,
	CONFORM_VERDICTS
};

extern const char *const conform_verdict_names[CONFORM_VERDICTS];

#define CONFORM_MAX_NAME     120u
#define CONFORM_MAX_PATTERNS 64u
#define CONFORM_START_MS     15000 /* a renderer may have to load a graphics driver */

struct conform_options {
	const char *backend; /* command line */
	const char *only[CONFORM_MAX_PATTERNS]; /* globs of names; none: all */
	uint32_t only_count;
	const char *json; /* path; NULL: none */
	const char *attach; /* socket of a backend that runs already; NULL: none */
	int attach_pid;
	uint32_t jobs;
	int timeout_ms; /* for each answer */
	bool hostile; /* the cases of bad faith, not those of good faith */
	bool keep; /* one backend for all cases */
	bool list;
	bool groups; /* list those of bad faith */
	bool tap;
	bool verbose;
};

/* One run of a case: a row and a variant of it. */
struct conform_item {
	char name[CONFORM_MAX_NAME]; /* area.case or area.case.variant */
	const struct conform_area *area;
	const struct conform_case *row;
	uint32_t variant;
	enum conform_verdict verdict;
	char why[CONFORM_MAX_WHY]; /* of anything but PASS */
	uint32_t duration_ms;
	bool ended;
	bool not_offered; /* skipped, and not because of the machine that this runs on */
	char *log; /* owned: what it wrote to standard error; NULL: nothing */
};

struct conform_plan {
	struct conform_options options;
	struct conform_item *items; /* owned */
	size_t count;
	struct conform_shared *shared; /* with the cases' processes */
	FILE *json; /* owned: where the results are written to; NULL: nowhere */
	char *json_temp, *json_path; /* owned: its name, and the one it gets; NULL: it has that */
};

/* Memory that the cases' processes write to. */
struct conform_shared {
	struct kit_seen seen;
	struct conform_probe probe;
};

/* areas.c */
extern const struct conform_area *const conform_areas[];
extern const size_t conform_area_count;

/* plan.c: the items that options.only selects. 0 or -ENOMEM. */
int conform_plan_init(struct conform_plan *plan);
void conform_plan_finish(struct conform_plan *plan);

/* schedule.c: probes the backend, then runs every item in a process of its own, options.jobs at a
 * time; `done` is called as each ends. With options.keep there is one backend for each of these, and
 * each item has it to itself; without it where the backend serves one connection only. 0, or -errno when nothing could be run (said). */
int conform_run(struct conform_plan *plan, void (*done)(struct conform_plan *plan, size_t index));

/* child.c: runs one item in this process and ends it; the verdict goes to result_fd. */
struct conform_result {
	enum conform_verdict verdict;
	bool blind; /* CONFORM_SKIP: the kit cannot see it, on this machine */
	char why[CONFORM_MAX_WHY];
};
struct conform_child {
	struct conform_plan *plan;
	const struct conform_item *item; /* NULL: the probe, which writes plan->shared->probe */
	struct kit_backend *kept; /* NULL: the item starts its own */
	uint32_t rest_fds; /* what the kept one has without a connection; 0: not known */
	int result_fd;
};
void conform_child(const struct conform_child *child) __attribute__((noreturn));

/* groups.c: the groups of what there is in bad faith, and how many cases each has. False when one has
 * none, or a case is in none. */
bool conform_report_groups(const struct conform_plan *plan);

/* report.c */
void conform_report_list(const struct conform_plan *plan);
void conform_report_start(const struct conform_plan *plan);
void conform_report_note(const char *text);
/* To be called every second or so. */
void conform_report_progress(const struct conform_plan *plan);
void conform_report_item(struct conform_plan *plan, size_t index);
void conform_report_end(const struct conform_plan *plan);

/* json.c: the file of options.json, if there is one. 0 or -errno (said). */
int conform_json_open(struct conform_plan *plan);
/* At the end of the run, once. */
int conform_json_write(struct conform_plan *plan);
/* Removes what has been opened, and not been written to its end. */
void conform_json_finish(struct conform_plan *plan);

/* watch.c: runs `run` in a process of its own, with a folder for the backends of its cases (KIT_FOLDER),
 * and then ends and removes what it left, a file of results that is not whole as well, whichever way it
 * ended. Returns its status as from waitpid(), or
 * that of a process ended by the signal that this one got meanwhile (INT, TERM, HUP); or -errno. */
int conform_watch(struct conform_plan *plan, int (*run)(struct conform_plan *plan));

/* How long a case may take: longer than it waits for the answer that does not come, and for what
 * follows from that. */
uint32_t conform_case_limit_ms(const struct conform_options *options);

/* Calls each(data) with the names of the messages and commands that no case has sent. */
void conform_plan_never_sent(
	const struct conform_plan *plan, void (*each)(void *data, const char *name), void *data);

/* How many items ended so. */
uint32_t conform_plan_count(const struct conform_plan *plan, enum conform_verdict verdict);
