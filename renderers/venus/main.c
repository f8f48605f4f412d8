/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The server of Vulkan for guests: finds out what the drivers can do, says so, and becomes virglrenderer's
 * render server, which starts a process for each context. What holds for this process holds for those: they
 * are started by it, after the sandbox is sealed.
 *
 * The server, and its starting them:
 *
 * #syscalls venus: execve arch_prctl set_tid_address pread64 clone:process wait4 waitid kill
 *	signalfd4 socketpair:packets poll ppoll getsockopt:socket-type
 *
 * What libraries and drivers ask of the kernel when they run. Their threads:
 *
 * #syscalls venus: clone:thread exit futex futex_waitv set_robust_list rseq rt_sigaction
 *	sigaltstack sched_yield sched_getaffinity
 *	prctl:name prctl:vma-name getpid gettid getcpu membarrier
 *
 * Memory, and machine code that is made as it is needed:
 *
 * #syscalls venus: mmap:write-or-exec mprotect:write-or-exec madvise mincore
 *
 * Files, of which there are few:
 *
 * #syscalls venus: open:existing openat:existing-at stat newfstatat statx fstatfs statfs access faccessat faccessat2
 *	readlink readlinkat getdents64 lseek readv getcwd
 *
 * The GPU, buffers and fences to share, memory files:
 *
 * #syscalls venus: ioctl:drm ioctl:dma-buf ioctl:udmabuf ioctl:sync-file ioctl:nvidia ioctl:descriptor
 *	memfd_create:plain ftruncate fallocate:grow pwrite64 fcntl:seal-size fcntl:get-seals fcntl:dup fcntl:flags fcntl:same dup dup3
 *	kcmp eventfd2
 *
 * Questions, and time:
 *
 * #syscalls venus: uname sysinfo getrandom getuid geteuid getgid getegid getppid prlimit64:read getrlimit
 *	getrusage times clock_getres clock_nanosleep nanosleep gettimeofday
 *
 * #syscalls-killed venus: fork vfork capset connect bind listen accept accept4 seccomp
 *	landlock_create_ruleset landlock_add_rule landlock_restrict_self
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "memory_types.h"
#include "probe.h"
#include "sandbox/sandbox.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

#define EXIT_USAGE 2
#define LAYER      "VK_LAYER_VIRTIOGPUD_memory" /* as in its manifest */

/* Where the descriptors are that the launcher gives (process.c). */
enum {
	SOCKET = 3,
	RENDER_NODE = 4,
	MEMO = 5,
};

struct options {
	const char *server; /* the path of virglrenderer's */
	const char *layer; /* the folder of ours; NULL: there is none */
	bool has_node;
	bool has_memo;
	enum log_level level;
	enum sandbox_mode sandbox;
};

static bool parse_option(int option, const char *value, struct options *options)
{
	switch (option) {
	case 'e':
		options->server = value;
		return value[0] == '/';
	case 'l':
		options->layer = value;
		return value[0] == '/';
	case 'r':
		options->has_node = true;
		return true;
	case 'm':
		options->has_memo = true;
		return true;
	case 'b':
		return sandbox_mode_parse(value, &options->sandbox) == 0;
	case 'd':
		return log_level_parse(value, &options->level) == 0;
	default:
		return false;
	}
}

static bool parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "exec", required_argument, NULL, 'e' },
		{ "layer", required_argument, NULL, 'l' },
		{ "render-node", no_argument, NULL, 'r' },
		{ "memo", no_argument, NULL, 'm' },
		{ "debug", required_argument, NULL, 'd' },
		{ "sandbox", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	bool good = true;
	opterr = 0;
	while (good && (option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		good = parse_option(option, optarg, options);
	return good && optind == argc && options->server;
}

static void set_up_process(void)
{
	prctl(PR_SET_NAME, "render-venus");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* Files that are too large for who started this are an error, and no more. */
	signal(SIGXFSZ, SIG_IGN);
}

static int confine(struct sandbox *sandbox, const struct options *options)
{
	struct sandbox_place places[SANDBOX_NODE_PLACES + 3];
	size_t count = sandbox_node_places(options->has_node ? RENDER_NODE : -1, NULL, places);
	places[count++] = (struct sandbox_place){ SANDBOX_EXECUTE, options->server, -1 };
	places[count++] = (struct sandbox_place){ SANDBOX_EXECUTE, sandbox_interpreter(), -1 };
	if (options->layer)
		places[count++] = (struct sandbox_place){ SANDBOX_READ, options->layer, -1 };
	sandbox_init(sandbox, &sandbox_venus, options->sandbox);
	/* With the layer each allocation has a descriptor. Whether it is in use is found out later. */
	int error = sandbox_early(sandbox, &(struct sandbox_limits){ .descriptors = SANDBOX_MOST });
	return error ? error : sandbox_files(sandbox, places, count);
}

/* What has the loader of Vulkan load the layer. */
static const char *const layer_variables[] = { MEMORY_TYPES_VARIABLE, "VK_LAYER_PATH",
	"VK_INSTANCE_LAYERS", "VK_LOADER_LAYERS_DISABLE", "VK_LOADER_LAYERS_ENABLE" };

struct layer_environment {
	char *values[ARRAY_SIZE(layer_variables)]; /* owned; NULL: it was not set */
};

static void keep_environment(struct layer_environment *environment)
{
	for (size_t i = 0; i < ARRAY_SIZE(layer_variables); i++) {
		const char *value = getenv(layer_variables[i]);
		environment->values[i] = value ? strdup(value) : NULL;
	}
}

static void restore_environment(const struct layer_environment *environment)
{
	for (size_t i = 0; i < ARRAY_SIZE(layer_variables); i++)
		if (environment->values[i])
			setenv(layer_variables[i], environment->values[i], 1);
		else
			unsetenv(layer_variables[i]);
}

static void forget_environment(struct layer_environment *environment)
{
	for (size_t i = 0; i < ARRAY_SIZE(layer_variables); i++)
		free(environment->values[i]);
}

/* Has the loader of Vulkan, here and in virglrenderer's processes, load the layer, and no other that would not be
 * under it. */
static void use_layer(const struct options *options, const char *memory_types)
{
	setenv(MEMORY_TYPES_VARIABLE, memory_types, 1);
	setenv("VK_LAYER_PATH", options->layer, 1);
	setenv("VK_INSTANCE_LAYERS", LAYER, 1);
	setenv("VK_LOADER_LAYERS_DISABLE", "~implicit~", 1);
	unsetenv("VK_LOADER_LAYERS_ENABLE");
}

/* True, and *report is what the drivers can do with it; false: it is not in use. */
static bool take_layer(const struct options *options, struct venus_report *report)
{
	struct venus_report layered;
	struct layer_environment before;
	if (!options->layer)
		return false;
	keep_environment(&before);
	use_layer(options, report->memory_types);
	venus_probe(&layered, &(struct probe_args){ .layered = report->memory_types });
	bool works = layered.status == 0 && !layered.wants_layer;
	if (works)
		*report = layered;
	else
		restore_environment(&before);
	forget_environment(&before);
	return works;
}

/* Where it does not work, drivers go on as they are. */
static void try_layer(const struct options *options, struct venus_report *report)
{
	if (take_layer(options, report))
		return;
	report->memory_types[0] = '\0';
	log_warn("the layer of Vulkan that makes memory for guests %s",
		options->layer ? "does not work here" : "is not installed");
}

/* As they are, and where their memory cannot be mapped, with the layer. */
static void try_drivers(const struct options *options, struct venus_report *ret_report)
{
	const char *variable = getenv("VIRTIOGPUD_MEMORY_LAYER");
	const char *wish = variable ? variable : "auto";
	venus_probe(
		ret_report, &(struct probe_args){ .prefers_layer = strcmp(wish, "always") == 0 });
	if (ret_report->wants_layer && strcmp(wish, "never") != 0)
		try_layer(options, ret_report);
	else
		ret_report->memory_types[0] = '\0';
}

/* What drivers can do does not change. So those that are started later, in place of this one, need not try it, which
 * takes longer than all the rest. */
static void find_out(const struct options *options, struct venus_report *ret_report)
{
	ssize_t size = options->has_memo ? pread(MEMO, ret_report, sizeof(*ret_report), 0) : 0;
	if (size == (ssize_t)sizeof(*ret_report) && ret_report->version == VENUS_REPORT_VERSION) {
		if (options->layer && ret_report->memory_types[0])
			use_layer(options, ret_report->memory_types);
		return;
	}
	try_drivers(options, ret_report);
	if (options->has_memo && pwrite(MEMO, ret_report, sizeof(*ret_report), 0) < 0)
		log_debug("what was found out cannot be kept: %s", strerror(errno));
}

/* Whatever a guest does wrong makes the server say so, as often as the guest likes. */
static void silence(const struct options *options)
{
	int null = options->level < LOG_DEBUG ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
}

static int become_server(struct sandbox *sandbox, const struct options *options)
{
	char name[] = "virgl_render_server", option[] = "--socket-fd", number[] = "3";
	char *argv[] = { name, option, number, NULL };
	silence(options);
	if (sandbox_seal(sandbox) < 0)
		return EXIT_FAILURE;
	execv(options->server, argv);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options = { .level = LOG_INFO };
	struct sandbox sandbox;
	struct venus_report report;
	if (!parse(argc, argv, &options)) {
		fprintf(stderr,
			"usage: %s --exec PATH [--layer FOLDER] [--render-node] [--memo] [--debug "
			"LEVEL] [--sandbox MODE]\n"
			"This program is started by virtiogpud.\n",
			argc > 0 ? argv[0] : "virtiogpud-render-venus");
		return EXIT_USAGE;
	}
	/* Compiled shaders, which guests choose, would go to the home folder of whoever starts this. */
	if (!getenv("MESA_SHADER_CACHE_DIR"))
		setenv("MESA_SHADER_CACHE_DISABLE", "true", 0);
	log_init("render-venus", options.level);
	set_up_process();
	if (confine(&sandbox, &options) < 0)
		return EXIT_FAILURE;
	find_out(&options, &report);
	if (report.memory_types[0] == '\0')
		sandbox_limit_descriptors(&sandbox);
	if (options.has_node)
		close(RENDER_NODE);
	if (options.has_memo)
		close(MEMO);
	int error = fd_send_packet(SOCKET, &report, sizeof(report), NULL, 0);
	if (error || report.status < 0)
		return error ? EXIT_FAILURE : EXIT_SUCCESS;
	return become_server(&sandbox, &options);
}
