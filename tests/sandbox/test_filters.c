/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The compiled filters, run here on made-up system calls: each number, and for those with a condition
 * arguments that differ from allowed ones in single bits.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sandbox/policy.h"
#include "test.h"

#define X32      0x40000000u
#define NUMBERS  1024u
#define KILL     SECCOMP_RET_KILL_PROCESS
#define REFUSE   SECCOMP_RET_TRAP
#define ALLOW    SECCOMP_RET_ALLOW
#define ABSENT   (SECCOMP_RET_ERRNO | ENOSYS)
#define NO_CODE  (SECCOMP_RET_ERRNO | EACCES)
#define NO_UNIX  (SECCOMP_RET_ERRNO | EAFNOSUPPORT)
#define NO_FLAG  (SECCOMP_RET_ERRNO | EINVAL)
#define DRM_CALL 0xc0106407u

/* Flags of memfd_create() that older C libraries do not have. */
#define NOEXEC_SEAL    0x0008u
#define MFD_EXECUTABLE 0x0010u
#define HUGE_2MB       (UINT64_C(21) << 26)

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;
	CHECK(offset % 4 == 0 && offset + 4 <= sizeof(*data));
	memcpy(&word, (const uint8_t *)data + offset, sizeof(word));
	return word;
}

static bool jumps(const struct sock_filter *at, uint32_t word)
{
	switch (BPF_OP(at->code)) {
	case BPF_JEQ:
		return word == at->k;
	case BPF_JGT:
		return word > at->k;
	case BPF_JGE:
		return word >= at->k;
	case BPF_JSET:
		return (word & at->k) != 0;
	default:
		test_fail(__FILE__, __LINE__, "instruction %#x is not known here", at->code);
	}
}

/* What the kernel would do. */
static uint32_t run(const struct sandbox_policy *policy, const struct seccomp_data *data)
{
	uint32_t word = 0;
	for (size_t i = 0; i < policy->filter_length; i++) {
		const struct sock_filter *at = &policy->filter[i];
		if (at->code == (BPF_LD | BPF_W | BPF_ABS))
			word = load(data, at->k);
		else if (at->code == (BPF_ALU | BPF_AND | BPF_K))
			word &= at->k;
		else if (at->code == (BPF_RET | BPF_K))
			return at->k;
		else if (at->code == (BPF_JMP | BPF_JA))
			i += at->k;
		else
			i += jumps(at, word) ? at->jt : at->jf;
	}
	test_fail(__FILE__, __LINE__, "the filter has no end");
}

static uint32_t machine(void)
{
	/* The first instruction loads it, and the second compares. */
	return sandbox_device.filter[1].k;
}

static uint32_t call(
	const struct sandbox_policy *policy, long number, uint64_t a, uint64_t b, uint64_t c)
{
	const struct seccomp_data data = {
		.nr = (int)number,
		.arch = machine(),
		.args = { a, b, c },
	};
	return run(policy, &data);
}

static uint32_t count(const struct sandbox_policy *policy, uint32_t action)
{
	uint32_t found = 0;
	for (uint32_t i = 0; i < NUMBERS; i++)
		found += call(policy, (long)i, 0, 0, 0) == action;
	return found;
}

static void device_has_few(void)
{
	CHECK(count(&sandbox_device, ALLOW) <= 30);
	CHECK(count(&sandbox_device, ALLOW) >= 15);
	for (uint32_t i = 0; i < NUMBERS; i++) {
		uint32_t action = call(&sandbox_device, (long)i, 0, 0, 0);
		CHECK(action == ALLOW || action == KILL);
	}
}

static void renderers_are_refused(void)
{
	const struct sandbox_policy *const renderers[] = { &sandbox_null, &sandbox_virgl };
	for (size_t i = 0; i < ARRAY_SIZE(renderers); i++) {
		CHECK_INT(call(renderers[i], 999, 0, 0, 0), REFUSE);
		CHECK_INT(call(renderers[i], SYS_ftruncate, 0, 0, 0), REFUSE);
		CHECK_INT(call(renderers[i], SYS_execve, 0, 0, 0), KILL);
		CHECK_INT(call(renderers[i], SYS_ptrace, 0, 0, 0), KILL);
		CHECK_INT(call(renderers[i], SYS_socket, AF_UNIX, SOCK_STREAM, 0), KILL);
		CHECK(count(renderers[i], KILL) > 60);
	}
}

/* What it becomes cannot turn a trap into an error, so it gets the error. */
static void server_of_vulkan_is_denied(void)
{
	const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	static const long denied[] = { 999, SYS_clone3, SYS_openat2, SYS_unlink, SYS_sendfile,
		SYS_tgkill, SYS_shmget, SYS_inotify_init1 };
	static const long killed[] = { SYS_ptrace, SYS_connect, SYS_listen, SYS_bpf, SYS_fork,
		SYS_vfork, SYS_seccomp, SYS_mount, SYS_setns, SYS_process_vm_readv };
	for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
		CHECK_INT(call(&sandbox_venus, denied[i], 0, 0, 0), ABSENT);
	CHECK_INT(call(&sandbox_venus, SYS_execve, 0, 0, 0), ALLOW);
	CHECK_INT(call(&sandbox_venus, SYS_clone, SIGCHLD, 0, 0), ALLOW);
	CHECK_INT(call(&sandbox_venus, SYS_clone, thread, 0, 0), ALLOW);
	CHECK_INT(call(&sandbox_venus, SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0), ABSENT);
	CHECK_INT(call(&sandbox_venus, SYS_clone, SIGCHLD | CLONE_VM, 0, 0), ABSENT);
	CHECK_INT(call(&sandbox_venus, SYS_mmap, 0, 1, PROT_WRITE | PROT_EXEC), ABSENT);
	CHECK_INT(call(&sandbox_venus, SYS_openat, 0, 0, O_RDWR | O_CREAT), ABSENT);
	CHECK_INT(call(&sandbox_venus, SYS_fcntl, 3, F_SETOWN, 1), ABSENT);
	CHECK_INT(call(&sandbox_venus, SYS_ioctl, 3, DRM_CALL, 0), ALLOW);
	CHECK_INT(call(&sandbox_venus, SYS_ioctl, 3, DRM_CALL ^ 0x0100, 0), ABSENT);
	/* The launcher's filter holds as well. */
	for (size_t i = 0; i < ARRAY_SIZE(killed); i++)
		CHECK(call(&sandbox_venus, killed[i], 0, 0, 0) == KILL ||
			call(&sandbox_launcher, killed[i], 0, 0, 0) == KILL);
}

static void launcher_keeps_what_starts_programs(void)
{
	static const long kept[] = { SYS_execve, SYS_clone, SYS_accept4, SYS_unlinkat, SYS_seccomp,
		SYS_landlock_restrict_self, SYS_capset, SYS_prctl };
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		CHECK_INT(call(&sandbox_launcher, kept[i], 0, 0, 0), ALLOW);
	CHECK_INT(call(&sandbox_launcher, SYS_socket, AF_UNIX, 0, 0), ALLOW);
	CHECK_INT(call(&sandbox_launcher, SYS_socket, AF_INET, 0, 0), NO_UNIX);
	CHECK_INT(call(&sandbox_launcher, SYS_mount, 0, 0, 0), KILL);
	CHECK_INT(call(&sandbox_launcher, SYS_bpf, 0, 0, 0), KILL);
}

/* A pair of datagram sockets sends to any path, without connect(). */
static void pairs_have_no_addresses(void)
{
	static const uint64_t others[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM,
		SOCK_DGRAM | SOCK_CLOEXEC, SOCK_SEQPACKET | SOCK_NONBLOCK,
		UINT64_C(1) << 32 | SOCK_SEQPACKET };
	static const uint64_t families[] = { AF_UNSPEC, AF_INET, AF_NETLINK, AF_TIPC, AF_VSOCK,
		UINT64_C(1) << 32 | AF_UNIX };
	const uint64_t packets = SOCK_SEQPACKET | SOCK_CLOEXEC;
	CHECK_INT(call(&sandbox_venus, SYS_socketpair, AF_UNIX, packets, 0), ALLOW);
	CHECK_INT(call(&sandbox_venus, SYS_socketpair, AF_UNIX, SOCK_SEQPACKET, 0), ALLOW);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		CHECK_INT(call(&sandbox_venus, SYS_socketpair, AF_UNIX, others[i], 0), ABSENT);
	CHECK_INT(call(&sandbox_launcher, SYS_socketpair, AF_UNIX, packets, 0), ALLOW);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		CHECK_INT(call(&sandbox_venus, SYS_socketpair, families[i], packets, 0), ABSENT);
		CHECK_INT(
			call(&sandbox_launcher, SYS_socketpair, families[i], packets, 0), NO_UNIX);
	}
	CHECK_INT(call(&sandbox_device, SYS_socketpair, AF_UNIX, packets, 0), KILL);
	CHECK_INT(call(&sandbox_null, SYS_socketpair, AF_UNIX, packets, 0), REFUSE);
	CHECK_INT(call(&sandbox_virgl, SYS_socketpair, AF_UNIX, packets, 0), REFUSE);
	CHECK_INT(call(&sandbox_viewer, SYS_socketpair, AF_UNIX, packets, 0), REFUSE);
}

/* TCP connects while it sends, if it is told to. */
static void sending_does_not_connect(void)
{
	static const struct sandbox_policy *const senders[] = { &sandbox_device, &sandbox_null,
		&sandbox_virgl, &sandbox_venus, &sandbox_viewer };
	for (size_t i = 0; i < ARRAY_SIZE(senders); i++) {
		const uint64_t fast = MSG_FASTOPEN | MSG_NOSIGNAL;
		CHECK_INT(call(senders[i], SYS_sendmsg, 3, 0, 0), ALLOW);
		CHECK_INT(call(senders[i], SYS_sendmsg, 3, 0, MSG_NOSIGNAL | MSG_DONTWAIT), ALLOW);
		CHECK(call(senders[i], SYS_sendmsg, 3, 0, fast) != ALLOW);
		CHECK(call(senders[i], SYS_sendmmsg, 3, 0, 0) != ALLOW);
	}
	struct seccomp_data data = { .nr = SYS_sendto, .arch = machine() };
	CHECK_INT(run(&sandbox_viewer, &data), ALLOW);
	data.args[3] = MSG_NOSIGNAL;
	CHECK_INT(run(&sandbox_viewer, &data), ALLOW);
	data.args[3] = MSG_FASTOPEN;
	CHECK_INT(run(&sandbox_viewer, &data), REFUSE);
	data.args[3] = 0;
	data.args[4] = UINT64_C(1) << 32;
	CHECK_INT(run(&sandbox_viewer, &data), REFUSE);
}

/* Pages of huge files are few, and gone where there is a hole: not for memory that a VMM maps. */
static void memory_files_are_plain(void)
{
	static const struct sandbox_policy *const makers[] = { &sandbox_null, &sandbox_virgl,
		&sandbox_venus, &sandbox_viewer };
	static const uint64_t fine[] = { 0, MFD_CLOEXEC, MFD_ALLOW_SEALING,
		MFD_CLOEXEC | MFD_ALLOW_SEALING, MFD_CLOEXEC | MFD_ALLOW_SEALING | NOEXEC_SEAL };
	static const uint64_t wrong[] = { MFD_HUGETLB, MFD_HUGETLB | MFD_ALLOW_SEALING,
		MFD_HUGETLB | HUGE_2MB, MFD_EXECUTABLE, MFD_EXECUTABLE | MFD_CLOEXEC,
		UINT64_C(1) << 32 | MFD_HUGETLB };
	static const uint64_t unknown[] = { 0x20, 0x80000000, HUGE_2MB, UINT64_C(1) << 32 };
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(fine); j++)
			CHECK_INT(call(makers[i], SYS_memfd_create, 0, fine[j], 0), ALLOW);
		for (size_t j = 0; j < ARRAY_SIZE(wrong); j++)
			CHECK_INT(call(makers[i], SYS_memfd_create, 0, wrong[j], 0), NO_FLAG);
		for (size_t j = 0; j < ARRAY_SIZE(unknown); j++)
			CHECK_INT(call(makers[i], SYS_memfd_create, 0, unknown[j], 0),
				makers[i] == &sandbox_venus ? ABSENT : REFUSE);
	}
	CHECK_INT(call(&sandbox_device, SYS_memfd_create, 0, 0, 0), KILL);
}

static void memory_has_no_holes(void)
{
	CHECK_INT(call(&sandbox_venus, SYS_fallocate, 3, 0, 0), ALLOW);
	for (uint64_t mode = 1; mode < 0x100; mode <<= 1)
		CHECK_INT(call(&sandbox_venus, SYS_fallocate, 3, mode, 0), ABSENT);
	CHECK_INT(call(&sandbox_virgl, SYS_fallocate, 3, 0, 0), REFUSE);
}

static void other_machines_are_killed(void)
{
	const struct sandbox_policy *const all[] = { &sandbox_launcher, &sandbox_device,
		&sandbox_null, &sandbox_virgl, &sandbox_venus };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct seccomp_data data = { .nr = (int)SYS_read, .arch = machine() };
		CHECK_INT(run(all[i], &data), ALLOW);
		data.arch = AUDIT_ARCH_I386;
		CHECK_INT(run(all[i], &data), KILL);
		data.arch = machine();
		data.nr |= (int)X32;
		CHECK(run(all[i], &data) != ALLOW || all[i] == &sandbox_launcher);
	}
}

static void code_is_not_written(void)
{
	for (uint64_t prot = 0; prot < 8; prot++) {
		bool both = (prot & PROT_WRITE) && (prot & PROT_EXEC);
		CHECK_INT(call(&sandbox_device, SYS_mmap, 0, 1, prot),
			prot & PROT_EXEC ? KILL : ALLOW);
		CHECK_INT(call(&sandbox_launcher, SYS_mmap, 0, 1, prot), both ? NO_CODE : ALLOW);
		CHECK_INT(call(&sandbox_virgl, SYS_mmap, 0, 1, prot), both ? REFUSE : ALLOW);
		CHECK_INT(call(&sandbox_virgl, SYS_mprotect, 0, 1, prot), both ? REFUSE : ALLOW);
	}
	CHECK_INT(call(&sandbox_device, SYS_mprotect, 0, 1, PROT_READ), KILL);
}

/* Each is one bit, or one letter, away from what a GPU's driver takes. */
static void ioctls_are_of_their_type_exactly(void)
{
	static const uint64_t others[] = {
		0x5412, /* TIOCSTI */
		0xae80, /* KVM_RUN */
		0x400454ca, /* TUNSETIFF */
		0x40086602, /* FS_IOC_SETFLAGS */
		0x8901, /* FIOSETOWN */
		0x5452, /* FIOASYNC */
		DRM_CALL ^ 0x0100,
		DRM_CALL ^ 0x8000,
		DRM_CALL | 0x1000,
	};
	CHECK_INT(call(&sandbox_virgl, SYS_ioctl, 3, DRM_CALL, 0), ALLOW);
	CHECK_INT(call(&sandbox_virgl, SYS_ioctl, 3, 0xffffffff00000000u | DRM_CALL, 0), ALLOW);
	CHECK_INT(call(&sandbox_virgl, SYS_ioctl, 3, FIONBIO, 0), ALLOW);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		CHECK_INT(call(&sandbox_virgl, SYS_ioctl, 3, others[i], 0), REFUSE);
		CHECK_INT(call(&sandbox_device, SYS_ioctl, 3, others[i], 0), KILL);
	}
	CHECK_INT(call(&sandbox_device, SYS_ioctl, 3, DRM_CALL, 0), KILL);
}

static void descriptors_are_not_owned(void)
{
	CHECK_INT(call(&sandbox_device, SYS_fcntl, 3, F_DUPFD_CLOEXEC, 0), ALLOW);
	CHECK_INT(call(&sandbox_device, SYS_fcntl, 3, F_GET_SEALS, 0), ALLOW);
	CHECK_INT(call(&sandbox_device, SYS_fcntl, 3, F_ADD_SEALS, F_SEAL_SHRINK), ALLOW);
	CHECK_INT(call(&sandbox_device, SYS_fcntl, 3, F_ADD_SEALS, F_SEAL_GROW), KILL);
	CHECK_INT(call(&sandbox_device, SYS_fcntl, 3, F_SETOWN, 1), KILL);
	CHECK_INT(call(&sandbox_virgl, SYS_fcntl, 3, F_ADD_SEALS, F_SEAL_SHRINK), ALLOW);
	CHECK_INT(call(&sandbox_virgl, SYS_fcntl, 3, F_ADD_SEALS, F_SEAL_GROW), REFUSE);
	CHECK_INT(call(&sandbox_virgl, SYS_fcntl, 3, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE),
		REFUSE);
	CHECK_INT(call(&sandbox_device, SYS_setsockopt, 3, SOL_SOCKET, SO_SNDBUF), ALLOW);
	CHECK_INT(call(&sandbox_device, SYS_setsockopt, 3, SOL_SOCKET, SO_ATTACH_FILTER), KILL);
}

static void files_are_not_made_or_cut(void)
{
	CHECK_INT(call(&sandbox_virgl, SYS_openat, 0, 0, O_RDWR | O_CLOEXEC), ALLOW);
	CHECK_INT(call(&sandbox_virgl, SYS_openat, 0, 0, O_RDONLY | O_DIRECTORY), ALLOW);
	CHECK_INT(call(&sandbox_virgl, SYS_openat, 0, 0, O_RDWR | O_TRUNC), REFUSE);
	CHECK_INT(call(&sandbox_virgl, SYS_openat, 0, 0, O_RDWR | O_CREAT), REFUSE);
	CHECK_INT(call(&sandbox_virgl, SYS_openat, 0, 0, O_RDWR | O_TMPFILE), REFUSE);
	CHECK_INT(call(&sandbox_virgl, SYS_openat2, 0, 0, 0), REFUSE);
	CHECK_INT(call(&sandbox_null, SYS_openat, 0, 0, O_RDONLY), REFUSE);
}

static void threads_are_no_processes(void)
{
	const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	CHECK_INT(call(&sandbox_virgl, SYS_clone, thread, 0, 0), ALLOW);
	CHECK_INT(call(&sandbox_virgl, SYS_clone, thread & ~(uint64_t)CLONE_THREAD, 0, 0), REFUSE);
	CHECK_INT(call(&sandbox_virgl, SYS_clone, thread | CLONE_NEWUSER, 0, 0), REFUSE);
	CHECK_INT(call(&sandbox_virgl, SYS_clone3, 0, 0, 0), ABSENT);
	CHECK_INT(call(&sandbox_device, SYS_clone, thread, 0, 0), KILL);
	CHECK_INT(call(&sandbox_virgl, SYS_prctl, PR_SET_NAME, 0, 0), ALLOW);
	CHECK_INT(call(&sandbox_virgl, SYS_prctl, PR_SET_DUMPABLE, 1, 0), REFUSE);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(device_has_few),
		TEST_CASE(renderers_are_refused),
		TEST_CASE(server_of_vulkan_is_denied),
		TEST_CASE(launcher_keeps_what_starts_programs),
		TEST_CASE(pairs_have_no_addresses),
		TEST_CASE(sending_does_not_connect),
		TEST_CASE(memory_files_are_plain),
		TEST_CASE(memory_has_no_holes),
		TEST_CASE(other_machines_are_killed),
		TEST_CASE(code_is_not_written),
		TEST_CASE(ioctls_are_of_their_type_exactly),
		TEST_CASE(descriptors_are_not_owned),
		TEST_CASE(files_are_not_made_or_cut),
		TEST_CASE(threads_are_no_processes),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
