/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Single stages, each in a process that is lost for it. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/policy.h"
#include "test.h"
#include "util/fd.h"

#define PAGE 4096

/* What a child wrote to standard error. */
static char said[4096];

/* Runs fn in a child, which must end with status 0, and keeps what it says. */
static void in_child(void (*fn)(void))
{
	int status, log = memfd_create("log", MFD_CLOEXEC);
	CHECK(log >= 0);
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(log, STDERR_FILENO);
		fn();
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	memset(said, 0, sizeof(said));
	CHECK(pread(log, said, sizeof(said) - 1, 0) >= 0);
	fd_close(&log);
	if (status != 0)
		test_fail(__FILE__, __LINE__, "status %#x: %s", (unsigned)status, said);
}

/* For children, which must not return to the test. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(STDERR_FILENO, "%s:%d: %s, errno %d\n", __FILE__, __LINE__,        \
				#condition, errno);                                                \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static unsigned lines_with(const char *text)
{
	unsigned count = 0;
	for (const char *at = said; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static void seal_as(const struct sandbox_policy *policy)
{
	struct sandbox sandbox;
	sandbox_init(&sandbox, policy, SANDBOX_STRICT);
	EXPECT(sandbox_early(&sandbox, NULL) == 0);
	EXPECT(sandbox_seal(&sandbox) == 0);
}

/* --- early --------------------------------------------------------------------------------- */

static void be_limited(void)
{
	const struct sandbox_limits limits = { .descriptors = 20, .file_bytes = PAGE };
	struct sandbox sandbox;
	int file = memfd_create("file", 0);
	sandbox_init(&sandbox, &sandbox_device, SANDBOX_AUTO);
	EXPECT(sandbox_early(&sandbox, &limits) == 0);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE) == 0);
	EXPECT(fcntl(0, F_DUPFD, 20) < 0 && fcntl(0, F_DUPFD, 19) == 19);
	EXPECT(pwrite(file, "", 1, PAGE - 1) == 1);
	EXPECT(pwrite(file, "", 1, PAGE) < 0 && errno == EFBIG);
}

static void early_sets_limits(void)
{
	in_child(be_limited);
}

static void be_off(void)
{
	struct sandbox sandbox;
	sandbox_init(&sandbox, &sandbox_device, SANDBOX_OFF);
	EXPECT(sandbox_early(&sandbox, NULL) == 0 && sandbox_namespaces(&sandbox, NULL, 0) == 0);
	EXPECT(sandbox_files(&sandbox, NULL, 0) == 0 && sandbox_seal(&sandbox) == 0);
	EXPECT(sandbox.holds == 0 && sandbox.missing == 0);
	EXPECT(open("/", O_RDONLY | O_DIRECTORY) >= 0);
}

static void off_does_nothing(void)
{
	in_child(be_off);
}

/* --- descriptors that are on their way ------------------------------------------------------ */

#define MESSAGE_MOST 253 /* descriptors */
#define USUAL_LIMIT  1024

static int unread[2]; /* what is sent at one end stays, as nobody reads at the other */
static const struct sandbox_policy *sender; /* NULL: not confined */
static uid_t user; /* of nobody else */

static bool send_descriptors(int sock, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(MESSAGE_MOST * sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	const struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	/* all of them are standard input: 0 */
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	return sendmsg(sock, &message, MSG_DONTWAIT) == 1;
}

static void become_user_with_usual_limit(void)
{
	const struct rlimit usual = { USUAL_LIMIT, USUAL_LIMIT };
	EXPECT(setrlimit(RLIMIT_NOFILE, &usual) == 0);
	EXPECT(setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0);
}

static void leave_descriptors(void)
{
	unsigned sent = 0;
	become_user_with_usual_limit();
	if (sender)
		seal_as(sender);
	while (sent < 16 && send_descriptors(unread[0], MESSAGE_MOST))
		sent++;
	EXPECT(sent > 1 && errno == ETOOMANYREFS);
}

static void pass_a_descriptor(void)
{
	int pair[2];
	become_user_with_usual_limit();
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	EXPECT(send_descriptors(pair[0], 1));
}

static void pass_none(void)
{
	int pair[2];
	become_user_with_usual_limit();
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	EXPECT(!send_descriptors(pair[0], 1) && errno == ETOOMANYREFS);
}

static void try_to_stop(const struct sandbox_policy *policy, void (*fn)(void))
{
	sender = policy;
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, unread), 0);
	in_child(leave_descriptors);
	in_child(fn);
	fd_close(&unread[0]);
	fd_close(&unread[1]);
}

/* Linux counts them for all processes of a user. */
static void others_can_still_pass_descriptors(void)
{
	static const struct sandbox_policy *const senders[] = { &sandbox_null, &sandbox_virgl,
		&sandbox_venus, &sandbox_viewer };
	if (geteuid() != 0)
		test_skip("only root can be a user that nobody else is");
	user = 40000 + (uid_t)getpid() % 20000;
	for (size_t i = 0; i < ARRAY_SIZE(senders); i++)
		try_to_stop(senders[i], pass_a_descriptor);
	try_to_stop(NULL, pass_none);
}

static void be_few(void)
{
	struct rlimit limit;
	struct sandbox sandbox;
	const struct sandbox_limits most = { .descriptors = SANDBOX_MOST };
	const struct rlimit usual = { 100, USUAL_LIMIT };
	EXPECT(setrlimit(RLIMIT_NOFILE, &usual) == 0);
	sandbox_init(&sandbox, &sandbox_venus, SANDBOX_AUTO);
	EXPECT(sandbox_early(&sandbox, &most) == 0);
	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	EXPECT(limit.rlim_cur == USUAL_LIMIT && limit.rlim_max == USUAL_LIMIT);
	sandbox_limit_descriptors(&sandbox);
	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	EXPECT(limit.rlim_cur == sandbox_venus.descriptors && limit.rlim_max == limit.rlim_cur);
}

static void limits_are_raised_and_lowered(void)
{
	in_child(be_few);
}

/* --- files --------------------------------------------------------------------------------- */

static char folder[] = "/tmp/stages-XXXXXX";

static void have_two_places(void)
{
	struct sandbox sandbox;
	char path[64];
	snprintf(path, sizeof(path), "%s/file", folder);
	EXPECT(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
	int other = open(folder, O_PATH | O_DIRECTORY);
	const struct sandbox_place places[] = {
		{ SANDBOX_READ, path, -1 },
		{ SANDBOX_REMOVE, NULL, other },
		{ SANDBOX_READ, "/no/such/file", -1 },
		{ SANDBOX_DEVICE, NULL, -1 },
	};
	sandbox_init(&sandbox, &sandbox_device, SANDBOX_AUTO);
	EXPECT(sandbox_early(&sandbox, NULL) == 0);
	EXPECT(sandbox_files(&sandbox, places, ARRAY_SIZE(places)) == 0);
	EXPECT(open(path, O_RDONLY) >= 0);
	EXPECT(open(path, O_RDWR) < 0 && errno == EACCES);
	EXPECT(open(folder, O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
	EXPECT(open("/etc/passwd", O_RDONLY) < 0);
	EXPECT(unlinkat(other, "file", 0) == 0);
	EXPECT(mkdirat(other, "folder", 0700) < 0 && errno == EACCES);
}

static void files_are_those_of_places(void)
{
	if (sandbox_landlock_abi() == 0)
		test_skip("this kernel has no Landlock");
	CHECK(mkdtemp(folder));
	in_child(have_two_places);
	CHECK_INT(rmdir(folder), 0);
}

/* As the server of Vulkan has them. */
static void have_devices_of_the_user(void)
{
	struct sandbox sandbox;
	setenv("VIRTIOGPUD_SANDBOX_DEVICES", "/no/such/file:/dev/full:/dev/zero", 1);
	sandbox_init(&sandbox, &sandbox_venus, SANDBOX_AUTO);
	EXPECT(sandbox_early(&sandbox, NULL) == 0);
	EXPECT(sandbox_files(&sandbox, NULL, 0) == 0);
	EXPECT(open("/dev/full", O_RDWR) >= 0 && open("/dev/zero", O_RDWR) >= 0);
	EXPECT(open("/dev/random", O_RDWR) < 0 && errno == EACCES);
}

static void devices_are_those_of_the_user(void)
{
	if (sandbox_landlock_abi() == 0)
		test_skip("this kernel has no Landlock");
	in_child(have_devices_of_the_user);
}

/* --- seal: what is refused ----------------------------------------------------------------- */

static void be_refused(void)
{
	seal_as(&sandbox_virgl);
	for (int i = 0; i < 3; i++) {
		EXPECT(syscall(SYS_sync) < 0 && errno == ENOSYS);
		EXPECT(syscall(SYS_mkdirat, AT_FDCWD, "/tmp/x", 0700) < 0 && errno == ENOSYS);
	}
	EXPECT(getpid() > 0);
}

static void each_refusal_is_told_once(void)
{
	in_child(be_refused);
	CHECK_INT(lines_with("warning: the sandbox refuses system call"), 2);
	CHECK_INT(lines_with("(sync)\n"), 1);
	CHECK_INT(lines_with("(mkdirat)\n"), 1);
}

static void *refused_thread(void *data)
{
	EXPECT(syscall(SYS_sync) < 0 && errno == ENOSYS);
	return data;
}

static pthread_barrier_t barrier;

static void *waiting_thread(void *data)
{
	pthread_barrier_wait(&barrier);
	return refused_thread(data);
}

/* One thread is there before, one comes after. */
static void be_threads(void)
{
	pthread_t before, after;
	EXPECT(pthread_barrier_init(&barrier, NULL, 2) == 0);
	EXPECT(pthread_create(&before, NULL, waiting_thread, NULL) == 0);
	seal_as(&sandbox_virgl);
	pthread_barrier_wait(&barrier);
	EXPECT(pthread_join(before, NULL) == 0);
	EXPECT(pthread_create(&after, NULL, refused_thread, NULL) == 0);
	EXPECT(pthread_join(after, NULL) == 0);
}

static void all_threads_are_sealed(void)
{
	in_child(be_threads);
	CHECK_INT(lines_with("(sync)\n"), 1);
}

static void grow_files(void)
{
	struct stat status;
	char byte = 1;
	int file = memfd_create("file", MFD_ALLOW_SEALING);
	EXPECT(pwrite(file, "abc", 3, 0) == 3);
	seal_as(&sandbox_virgl);
	EXPECT(ftruncate(file, 3) == 0 && ftruncate(file, 10 * PAGE) == 0);
	EXPECT(fd_stat(file, &status) == 0 && status.st_size == 10 * PAGE);
	EXPECT(pread(file, &byte, 1, 2) == 1 && byte == 'c');
	EXPECT(pread(file, &byte, 1, 10 * PAGE - 1) == 1 && byte == 0);
	EXPECT(ftruncate(file, 10 * PAGE - 1) < 0 && errno == EPERM);
	EXPECT(ftruncate(file, -1) < 0 && ftruncate(0, PAGE) < 0);
	EXPECT(ftruncate(99, PAGE) < 0 && errno == EBADF);
	EXPECT(fd_stat(file, &status) == 0 && status.st_size == 10 * PAGE);
	EXPECT(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
}

/* Drivers size their memory files so. */
static void files_may_grow_but_not_shrink(void)
{
	in_child(grow_files);
}

static void seal_sizes(void)
{
	struct stat status;
	int file = memfd_create("file", MFD_ALLOW_SEALING), other = memfd_create("other", 0);
	const int sizes = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
	EXPECT(pwrite(file, "abc", 3, 0) == 3);
	seal_as(&sandbox_virgl);
	EXPECT(fcntl(file, F_ADD_SEALS, sizes) == 0);
	EXPECT(fcntl(file, F_GET_SEALS) == F_SEAL_SHRINK);
	EXPECT(ftruncate(file, PAGE) == 0 && fd_stat(file, &status) == 0);
	EXPECT(status.st_size == PAGE);
	EXPECT(fcntl(other, F_ADD_SEALS, sizes) < 0 && errno == EPERM);
	EXPECT(fcntl(99, F_ADD_SEALS, sizes) < 0 && errno == EBADF);
	EXPECT(fcntl(file, F_ADD_SEALS, sizes | F_SEAL_WRITE) < 0 && errno == ENOSYS);
	EXPECT(fcntl(file, F_ADD_SEALS, F_SEAL_GROW) < 0 && errno == ENOSYS);
	EXPECT(fcntl(file, F_GET_SEALS) == F_SEAL_SHRINK);
}

/* Of the seals that drivers want for their memory files one does no harm to a VMM that has them, too. */
static void files_are_sealed_against_shrinking_only(void)
{
	in_child(seal_sizes);
}

static void be_denied(void)
{
	seal_as(&sandbox_venus);
	EXPECT(syscall(SYS_tgkill, getpid(), gettid(), 0) < 0 && errno == ENOSYS);
	EXPECT(syscall(SYS_openat2, 0, "", NULL, 0) < 0 && errno == ENOSYS);
	EXPECT(openat(AT_FDCWD, "/tmp/new", O_CREAT | O_RDWR, 0600) < 0 && errno == ENOSYS);
	EXPECT(mmap(NULL, PAGE, PROT_WRITE | PROT_EXEC, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0) ==
			MAP_FAILED &&
		errno == ENOSYS);
}

/* Without a handler, and so without a line. */
static void what_is_denied_is_not_told(void)
{
	in_child(be_denied);
	CHECK_INT(lines_with("the sandbox refuses"), 0);
}

static void kill_device(void)
{
	struct rlimit limit;
	seal_as(&sandbox_device);
	getrlimit(RLIMIT_CORE, &limit);
	_exit(0);
}

static void the_device_process_is_killed(void)
{
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		kill_device();
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGSYS);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(early_sets_limits),
		TEST_CASE(off_does_nothing),
		TEST_CASE(others_can_still_pass_descriptors),
		TEST_CASE(limits_are_raised_and_lowered),
		TEST_CASE(files_are_those_of_places),
		TEST_CASE(devices_are_those_of_the_user),
		TEST_CASE(each_refusal_is_told_once),
		TEST_CASE(all_threads_are_sealed),
		TEST_CASE(files_may_grow_but_not_shrink),
		TEST_CASE(files_are_sealed_against_shrinking_only),
		TEST_CASE(what_is_denied_is_not_told),
		TEST_CASE(the_device_process_is_killed),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
