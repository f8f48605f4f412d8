/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Runs at build time: makes a seccomp filter for the machine that is built for out of the list of rules
 * that tools/syscalls wrote, as the elements of an array of struct sock_filter.
 *
 *	compile-filter LIST ARCHITECTURE >FILTER.h
 *	compile-filter --names ARCHITECTURE >NAMES.h	the names of all system calls, by number
 *
 * So the programs that have to be small need no library to be sandboxed, and a mistake in a list is an
 * error of the build.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define COMPARISONS_MAX 2
#define NUMBERS_MAX     1024

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWUTS | \
		CLONE_NEWCGROUP)
/* A comparison of the argument with this number. */
#define EQUAL(argument, value)        { argument, SCMP_CMP_EQ, value, 0 }
#define OTHER(argument, value)        { argument, SCMP_CMP_NE, value, 0 }
#define MASKED(argument, mask, value) { argument, SCMP_CMP_MASKED_EQ, mask, value }

#define SIZE_SEALS       UINT64_C(7) /* F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW */
#define DUPFD_QUERY      1027 /* F_DUPFD_QUERY, which older C libraries do not have */
#define MEMFD_EXEC       0x0010u /* MFD_EXEC, likewise */
#define MEMFD_PLAIN      UINT64_C(11) /* MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL */
#define MAKE_OR_CUT      (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
#define NEW_OR_CUT       (O_CREAT | O_EXCL | O_TRUNC)
#define NO_CLOEXEC       (~(uint64_t)SOCK_CLOEXEC)
#define WRITE_EXEC       (PROT_WRITE | PROT_EXEC)
#define IOCTL_TYPE(type) { MASKED(1, 0xff00, (unsigned)(type) << 8) }

/* One way to fulfil a condition: all comparisons hold. Several rows of a name: any of them. */
struct condition {
	const char *name;
	uint16_t error; /* the call fails with it when the condition holds; 0: it is allowed */
	struct scmp_arg_cmp comparisons[COMPARISONS_MAX];
};

/* Registers are compared as the kernel reads them: a comparison of all 64 bits of what the kernel takes for
 * an int refuses more than it must, never less. */
static const struct condition conditions[] = {
	/* Answered as by a kernel that does not have the call or the kind of socket, or does not like code
	 * that can be written. */
	{ .name = "absent", .error = ENOSYS },
	{ "unix-only", EAFNOSUPPORT, { OTHER(0, AF_UNIX) } },
	{ "not-both", EACCES, { MASKED(2, WRITE_EXEC, WRITE_EXEC) } },

	/* mmap, mprotect */
	{ "no-exec", 0, { MASKED(2, PROT_EXEC, 0) } },
	{ "write-or-exec", 0, { MASKED(2, WRITE_EXEC, 0) } },
	{ "write-or-exec", 0, { MASKED(2, WRITE_EXEC, PROT_WRITE) } },
	{ "write-or-exec", 0, { MASKED(2, WRITE_EXEC, PROT_EXEC) } },

	/* open, openat: what is there already, and stays as long as it is */
	{ "existing", 0, { MASKED(1, MAKE_OR_CUT, 0) } },
	{ "existing-at", 0, { MASKED(2, MAKE_OR_CUT, 0) } },

	/* the same: what is not there yet */
	{ "new", 0, { MASKED(1, NEW_OR_CUT, O_CREAT | O_EXCL) } },
	{ "new-at", 0, { MASKED(2, NEW_OR_CUT, O_CREAT | O_EXCL) } },

	/* fcntl */
	{ "dup", 0, { EQUAL(1, F_DUPFD_CLOEXEC) } },
	{ "same", 0, { EQUAL(1, DUPFD_QUERY) } },
	{ "flags", 0, { EQUAL(1, F_GETFL) } },
	{ "flags", 0, { EQUAL(1, F_SETFL) } },
	{ "flags", 0, { EQUAL(1, F_GETFD) } },
	{ "flags", 0, { EQUAL(1, F_SETFD) } },
	{ "get-seals", 0, { EQUAL(1, F_GET_SEALS) } },
	{ "seal-size", 0, { EQUAL(1, F_ADD_SEALS), MASKED(2, ~SIZE_SEALS, 0) } },
	{ "seal-shrink", 0, { EQUAL(1, F_ADD_SEALS), EQUAL(2, F_SEAL_SHRINK) } },

	/* ioctl: all of one type, exactly */
	{ "drm", 0, IOCTL_TYPE('d') },
	{ "dma-buf", 0, IOCTL_TYPE('b') },
	{ "udmabuf", 0, IOCTL_TYPE('u') },
	{ "sync-file", 0, IOCTL_TYPE('>') },
	{ "nvidia", 0, IOCTL_TYPE('F') },
	{ "unread", 0, { EQUAL(1, SIOCOUTQ) } },
	{ "descriptor", 0, { EQUAL(1, FIONBIO) } },
	{ "descriptor", 0, { EQUAL(1, FIOCLEX) } },
	{ "descriptor", 0, { EQUAL(1, FIONCLEX) } },

	/* prlimit64: the process's own, and no new ones */
	{ "read", 0, { EQUAL(0, 0), EQUAL(2, 0) } },

	/* clone */
	{ "process", 0, { MASKED(0, CLONE_THREAD | CLONE_VM | NAMESPACES, 0) } },
	{ "thread", 0, { MASKED(0, CLONE_THREAD | NAMESPACES, CLONE_THREAD) } },

	/* memfd_create: of pages that are the host's as a whole. Of huge ones there are few, and holes in them are
	 * not filled again. What is wrong with the flags is answered as by a kernel that does not know them. */
	{ "plain", EINVAL, { MASKED(1, MFD_HUGETLB, MFD_HUGETLB) } },
	{ "plain", EINVAL, { MASKED(1, MEMFD_EXEC, MEMFD_EXEC) } },
	{ "plain", 0, { MASKED(1, ~MEMFD_PLAIN, 0) } },

	/* fallocate: no holes, and nothing cut out */
	{ "grow", 0, { EQUAL(1, 0) } },

	/* socketpair: nothing that sends to addresses, and no other protocol of the kernel's */
	{ "packets", 0, { EQUAL(0, AF_UNIX), MASKED(1, NO_CLOEXEC, SOCK_SEQPACKET) } },

	/* sendmsg, sendto: not to who is connected while sending */
	{ "to-peer", 0, { MASKED(2, MSG_FASTOPEN, 0) } },
	{ "data-to-peer", 0, { MASKED(3, MSG_FASTOPEN, 0), EQUAL(4, 0) } },

	/* getsockopt, setsockopt */
	{ "socket-type", 0, { EQUAL(1, SOL_SOCKET), EQUAL(2, SO_TYPE) } },
	{ "send-buffer", 0, { EQUAL(1, SOL_SOCKET), EQUAL(2, SO_SNDBUF) } },
	{ "send-buffer", 0, { EQUAL(1, SOL_SOCKET), EQUAL(2, SO_SNDBUFFORCE) } },
	{ "no-delay", 0, { EQUAL(1, IPPROTO_TCP), EQUAL(2, TCP_NODELAY) } },

	/* prctl */
	{ "name", 0, { EQUAL(0, PR_SET_NAME) } },
	{ "name", 0, { EQUAL(0, PR_GET_NAME) } },
	{ "vma-name", 0, { EQUAL(0, PR_SET_VMA) } },
};

struct verdict {
	const char *name;
	uint32_t action;
};

/* A trap is what programs turn into a refusal and a line in the log (sandbox/refuse.c). */
static const struct verdict verdicts[] = {
	{ "allow", SCMP_ACT_ALLOW },
	{ "refuse", SCMP_ACT_TRAP },
	{ "deny", SCMP_ACT_ERRNO(ENOSYS) }, /* the same without a line in the log */
	{ "kill", SCMP_ACT_KILL_PROCESS },
};

static uint32_t arch;
static scmp_filter_ctx context;
static uint32_t otherwise; /* what happens to a call that no rule is about */

static _Noreturn void fail(const char *what, const char *which)
{
	fprintf(stderr, "compile-filter: %s: %s\n", which, what);
	exit(EXIT_FAILURE);
}

static uint32_t action_of(const char *name)
{
	for (size_t i = 0; i < COUNT(verdicts); i++)
		if (strcmp(verdicts[i].name, name) == 0)
			return verdicts[i].action;
	fail("is not allow, refuse, deny or kill", name);
}

static void add_rule(
	uint32_t action, int number, const char *name, const struct scmp_arg_cmp *comparisons)
{
	unsigned count = 0;
	/* libseccomp takes no rule that says what happens anyway */
	if (action == otherwise)
		return;
	while (comparisons && count < COMPARISONS_MAX && comparisons[count].op != 0)
		count++;
	int ret = seccomp_rule_add_exact_array(context, action, number, count, comparisons);
	if (ret < 0)
		fail(strerror(-ret), name);
}

static void add_conditional(int number, const char *name, const char *condition)
{
	size_t found = 0;
	for (size_t i = 0; i < COUNT(conditions); i++) {
		const struct condition *way = &conditions[i];
		if (strcmp(way->name, condition) != 0)
			continue;
		add_rule(way->error ? SCMP_ACT_ERRNO(way->error) : SCMP_ACT_ALLOW, number, name,
			way->comparisons);
		found++;
	}
	if (!found)
		fail("there is no such condition", condition);
}

static void add_line(const char *verb, const char *name, const char *condition)
{
	/* Rules have numbers of the machine that compiles, or what stands for them. */
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR && strcmp(verb, "kill") != 0)
		fail("is not a system call that libseccomp knows", name);
	/* One that only other machines have, or that is newer than libseccomp. */
	if (number == __NR_SCMP_ERROR || seccomp_syscall_resolve_name_arch(arch, name) < 0)
		return;
	if (condition)
		add_conditional(number, name, condition);
	else
		add_rule(action_of(verb), number, name, NULL);
}

/* The last line of a list is the one that says what happens otherwise, which has to be known first. */
static void begin(char *list)
{
	static const char mark[] = "otherwise ";
	char *last = strstr(list, mark);
	if (!last)
		fail("has no line `otherwise`", "list");
	char *action = last + strlen(mark);
	action[strcspn(action, "\n")] = '\0';
	*last = '\0';
	otherwise = action_of(action);
	context = seccomp_init(otherwise);
	if (!context ||
		seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
		fail("cannot be started", "libseccomp");
	/* A tree, where it can: drivers often make calls that have conditions. */
	seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (arch == seccomp_arch_native())
		return;
	if (seccomp_arch_remove(context, SCMP_ARCH_NATIVE) < 0 ||
		seccomp_arch_add(context, arch) < 0)
		fail("is not an architecture that libseccomp has filters for", "architecture");
}

static char *read_list(const char *path)
{
	static char list[1 << 16];
	FILE *file = fopen(path, "re");
	if (!file)
		fail(strerror(errno), path);
	size_t size = fread(list, 1, sizeof(list) - 1, file);
	fclose(file);
	list[size] = '\0';
	return list;
}

static void add_lines(char *list)
{
	char *rest;
	for (char *line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *words;
		const char *verb = strtok_r(line, " ", &words);
		const char *name = strtok_r(NULL, " ", &words);
		if (!verb || !name)
			fail("is no rule", line);
		add_line(verb, name, strtok_r(NULL, " ", &words));
	}
}

static void print_filter(void)
{
	FILE *file = tmpfile();
	struct sock_filter instruction;
	if (!file || seccomp_export_bpf(context, fileno(file)) < 0)
		fail("cannot be exported", "filter");
	rewind(file);
	while (fread(&instruction, sizeof(instruction), 1, file) == 1)
		printf("{ %#06x, %u, %u, %#010x },\n", instruction.code, instruction.jt,
			instruction.jf, instruction.k);
	fclose(file);
}

static void print_names(void)
{
	for (int number = 0; number < NUMBERS_MAX; number++) {
		char *name = seccomp_syscall_resolve_num_arch(arch, number);
		if (name)
			printf("[%d] = \"%s\",\n", number, name);
		free(name);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		fail("wants a list and an architecture", "command line");
	arch = seccomp_arch_resolve_name(argv[2]);
	if (arch == 0)
		fail("is not an architecture that libseccomp knows", argv[2]);
	if (strcmp(argv[1], "--names") == 0) {
		print_names();
		return EXIT_SUCCESS;
	}
	char *list = read_list(argv[1]);
	begin(list);
	add_lines(list);
	print_filter();
	seccomp_release(context);
	return EXIT_SUCCESS;
}
