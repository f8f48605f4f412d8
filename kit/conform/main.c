/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtiogpu-conform: options, and the story of a run. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/conform/plan.h"

#define DEFAULT_TIMEOUT_MS 1000

enum exit_status {
	EXIT_CONFORMS = 0,
	EXIT_DOES_NOT = 1,
	EXIT_USAGE = 2,
};

static const struct option long_options[] = {
	{ "backend", required_argument, NULL, 'b' },
	{ "only", required_argument, NULL, 'o' },
	{ "hostile", no_argument, NULL, 'H' },
	{ "list", no_argument, NULL, 'l' },
	{ "groups", no_argument, NULL, 'G' },
	{ "attach", required_argument, NULL, 'A' },
	{ "json", required_argument, NULL, 'J' },
	{ "keep", no_argument, NULL, 'k' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "timeout", required_argument, NULL, 't' },
	{ "tap", no_argument, NULL, 'T' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void print_help(void)
{
	printf("Usage: virtiogpu-conform --backend 'CMD {socket}' [OPTION]...\n"
	       "Says what a vhost-user GPU backend does, case by case.\n\n"
	       "  -b, --backend CMD    its command line; {socket} becomes the path to listen on, "
	       "{fd}\n"
	       "                       the number of a connected socket\n"
	       "      --attach PID:PATH  one that runs already: its process, and where it listens\n"
	       "  -o, --only GLOB      only cases with such names; may be given several times\n"
	       "      --hostile        the cases of guests, VMMs and displays in bad faith, "
	       "instead of\n"
	       "                       those in good faith\n"
	       "  -l, --list           list the cases, and what each holds the backend to\n"
	       "      --groups         what there is to be done in bad faith, and how many cases "
	       "do it\n"
	       "      --json FILE      write the results to FILE\n"
	       "  -k, --keep           the same backend for many cases, not a new one for each\n"
	       "  -j, --jobs N         so many cases at a time (as many as processors)\n"
	       "  -t, --timeout MS     how long an answer may take (1000)\n"
	       "      --tap            print results for test harnesses\n"
	       "  -v, --verbose        print every case\n"
	       "  -h, --help           print this text\n\n"
	       "Verdicts: PASS; REJECT, refused cleanly; SKIP, not offered; WEDGED, alive but no\n"
	       "longer answering; FAIL, wrong answer, death or leak.\n"
	       "Exit status: 0 without FAIL and WEDGED, 1 with, 2 wrong command line.\n"
	       "See virtiogpu-conform(1).\n");
}

static int to_number(const char *text, long min, long max)
{
	char *end;
	errno = 0;
	long number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max) {
		fprintf(stderr, "virtiogpu-conform: %s is not a number from %ld to %ld\n", text,
			min, max);
		exit(EXIT_USAGE);
	}
	return (int)number;
}

/* PID:PATH. 0; -EINVAL (said). */
static int set_attach(struct conform_options *options, char *text)
{
	char *colon = strchr(text, ':');
	if (!colon || colon[1] != '/') {
		fprintf(stderr, "virtiogpu-conform: --attach needs PID:PATH\n");
		return -EINVAL;
	}
	*colon = '\0';
	if (options->backend) {
		fprintf(stderr, "virtiogpu-conform: one backend at a time\n");
		return -EINVAL;
	}
	options->attach_pid = to_number(text, 1, 1 << 22);
	options->attach = colon + 1;
	options->backend = options->attach;
	options->keep = true;
	options->jobs = 1;
	return 0;
}

static int add_pattern(struct conform_options *options, const char *pattern)
{
	if (options->only_count == CONFORM_MAX_PATTERNS) {
		fprintf(stderr, "virtiogpu-conform: at most %u patterns\n", CONFORM_MAX_PATTERNS);
		return -EINVAL;
	}
	options->only[options->only_count++] = pattern;
	return 0;
}

static int take_backend(struct conform_options *options, const char *command)
{
	if (options->backend) {
		fprintf(stderr, "virtiogpu-conform: one backend at a time\n");
		return -EINVAL;
	}
	options->backend = command;
	return 0;
}

/* 0; -EINVAL (said). */
static int take_option(struct conform_options *options, int letter)
{
	switch (letter) {
	case 'b':
		return take_backend(options, optarg);
	case 'A':
		return set_attach(options, optarg);
	case 'o':
		return add_pattern(options, optarg);
	case 'H':
		options->hostile = true;
		return 0;
	case 'l':
		options->list = true;
		return 0;
	case 'G':
		options->groups = true;
		options->hostile = true;
		return 0;
	case 'J':
		options->json = optarg;
		return 0;
	case 'k':
		options->keep = true;
		return 0;
	case 'j':
		options->jobs = (uint32_t)to_number(optarg, 1, 32);
		return 0;
	case 't':
		options->timeout_ms = to_number(optarg, 1, 600000);
		return 0;
	case 'T':
		options->tap = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	default:
		fprintf(stderr, "See virtiogpu-conform --help\n");
		return -EINVAL;
	}
}

/* The backend has to learn in one way where it is connected. */
static bool has_place(const char *command)
{
	return (strstr(command, "{socket}") != NULL) != (strstr(command, "{fd}") != NULL);
}

/* Ends the program when these options are none that make sense. */
static void check(const struct conform_options *options, bool others)
{
	const char *wrong = NULL;
	if (others)
		wrong = "there are options only; is the backend's command quoted?";
	else if (!options->backend && !options->list && !options->groups)
		wrong = "which backend? give --backend 'CMD {socket}'";
	else if (options->backend && !options->attach && !has_place(options->backend))
		wrong = "the backend's command needs either {socket} or {fd}";
	else if (options->list && options->json)
		wrong = "--json is for results, of which --list has none";
	if (!wrong)
		return;
	fprintf(stderr, "virtiogpu-conform: %s\n", wrong);
	exit(EXIT_USAGE);
}

static void parse(int argc, char **argv, struct conform_options *options)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int letter;
	*options = (struct conform_options){
		.jobs = processors > 0 ? (uint32_t)processors : 1,
		.timeout_ms = DEFAULT_TIMEOUT_MS,
	};
	while ((letter = getopt_long(argc, argv, "b:o:lkj:t:vh", long_options, NULL)) >= 0) {
		if (letter == 'h') {
			print_help();
			exit(EXIT_CONFORMS);
		}
		if (take_option(options, letter) < 0)
			exit(EXIT_USAGE);
	}
	check(options, optind < argc);
}

/* The time limit goes to the kit of each case's process by the environment. */
static void set_timeout(int timeout_ms)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", timeout_ms);
	setenv("KIT_TIMEOUT_MS", text, 1);
}

/* 0 or -errno (said). */
static int run_all(struct conform_plan *plan)
{
	plan->shared = mmap(NULL, sizeof(*plan->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (plan->shared == MAP_FAILED) {
		perror("virtiogpu-conform: memory to share");
		return -ENOMEM;
	}
	set_timeout(plan->options.timeout_ms);
	int ret = conform_run(plan, conform_report_item);
	if (ret < 0)
		return ret;
	conform_report_end(plan);
	return conform_json_write(plan);
}

/* The run, in a process of its own: its exit status. */
static int run(struct conform_plan *plan)
{
	bool conforms = run_all(plan) == 0 && conform_plan_count(plan, CONFORM_WEDGED) == 0 &&
		conform_plan_count(plan, CONFORM_FAIL) == 0;
	return conforms ? EXIT_CONFORMS : EXIT_DOES_NOT;
}

/* The status of a run as one of this process; a signal to it is one to this process as well. */
static int leave(int status)
{
	if (status < 0)
		fprintf(stderr, "virtiogpu-conform: %s\n", strerror(-status));
	if (status < 0 || WIFEXITED(status))
		return status < 0 ? EXIT_DOES_NOT : WEXITSTATUS(status);
	int number = WTERMSIG(status);
	fprintf(stderr, "virtiogpu-conform: ended by signal %d\n", number);
	if (number == SIGINT || number == SIGTERM || number == SIGHUP)
		raise(number);
	return EXIT_DOES_NOT;
}

static void complain_of_names(const struct conform_plan *plan)
{
	struct conform_plan other = { .options = plan->options };
	other.options.hostile = !other.options.hostile;
	if (conform_plan_init(&other) == 0 && other.count > 0)
		fprintf(stderr, "virtiogpu-conform: such cases, %zu, are there %s --hostile only\n",
			other.count, other.options.hostile ? "with" : "without");
	else
		fprintf(stderr, "virtiogpu-conform: no case has such a name\n");
	conform_plan_finish(&other);
}

int main(int argc, char **argv)
{
	struct conform_plan plan = { 0 };
	parse(argc, argv, &plan.options);
	int ret = conform_plan_init(&plan);
	if (ret == 0 && plan.count == 0) {
		complain_of_names(&plan);
		return EXIT_USAGE;
	}
	if (ret == 0 && plan.options.groups)
		ret = conform_report_groups(&plan) ? 0 : -EINVAL;
	else if (ret == 0 && plan.options.list)
		conform_report_list(&plan);
	else if (ret == 0 && conform_json_open(&plan) == 0)
		ret = conform_watch(&plan, run);
	else if (ret == 0)
		ret = W_EXITCODE(EXIT_USAGE, 0);
	conform_json_finish(&plan);
	conform_plan_finish(&plan);
	return leave(ret);
}
