/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The kernel: the parts of it that only few programs need, and that have been ways in before. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "breakout.h"
#include "util/checked.h"

#define RING_ENTRIES 8

static struct io_uring_params ring_params;
static union bpf_attr map_attributes = {
	.map_type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 4,
	.max_entries = 1,
};
static struct perf_event_attr perf_attributes = {
	.type = PERF_TYPE_SOFTWARE,
	.size = sizeof(struct perf_event_attr),
	.config = PERF_COUNT_SW_TASK_CLOCK,
	.exclude_kernel = 1,
	.exclude_hv = 1,
};
static struct { /* struct file_handle, with room */
	unsigned size;
	int type;
	unsigned char bytes[128];
} handle = { .size = 128 };
static int mount_id;
static aio_context_t aio_context;
static const struct sched_param lowest_real_time = { .sched_priority = 1 };
static const char a_char = '#';
static struct {
	unsigned modes;
	long rest[60];
} no_adjustment;

/* With no such module: it was asked for. */
static int remove_module(const struct target *target)
{
	int result = (int)syscall(SYS_delete_module, "virtiogpud_no_such_module", O_NONBLOCK);
	return result < 0 && errno == ENOENT ? 0 : result;
}

/* An image that is none: it was looked at. */
static int load_module(const struct target *target)
{
	int result = (int)syscall(SYS_init_module, "none", 4, "");
	return result < 0 && errno == ENOEXEC ? 0 : result;
}

static int mount_memory(const struct target *target)
{
	int result = mount("none", target->folder, "tmpfs", 0, NULL);
	umount2(target->folder, MNT_DETACH);
	return result;
}

static int mount_elsewhere(const struct target *target)
{
	int result = mount("/etc", target->folder, NULL, MS_BIND, NULL);
	umount2(target->folder, MNT_DETACH);
	return result;
}

static int open_by_handle(const struct target *target)
{
	int root = open("/", O_RDONLY | O_DIRECTORY);
	handle.size = sizeof(handle.bytes);
	if (syscall(SYS_name_to_handle_at, AT_FDCWD, target->folder, &handle, &mount_id, 0) < 0)
		return -1;
	return (int)syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY);
}

static int change_root(const struct target *target)
{
	return chroot(target->folder);
}

static int poison_terminal(const struct target *target)
{
	return ioctl(target->terminal, TIOCSTI, &a_char);
}

/* ioctl numbers that differ from allowed ones in single bits. */
static int make_a_virtual_machine(const struct target *target)
{
	return ioctl(open("/dev/kvm", O_RDWR), 0xae00, 0);
}

static int watch_everything(const struct target *target)
{
	return fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);
}

static int loosen_the_filter(const struct target *target)
{
	/* What is in force can only be read by who may not be filtered. */
	return prctl(PR_GET_SECCOMP) == 0 ? 0 : -1;
}

static int act_as_another_file_system_user(const struct target *target)
{
	syscall(SYS_setfsuid, 12345);
	/* tells the one before */
	return syscall(SYS_setfsuid, -1) == 12345 ? 0 : -1;
}

static const struct action actions[] = {
	{ "load a BPF map", 0, NULL, SYS_bpf,
		{ BPF_MAP_CREATE, POINTER(&map_attributes), sizeof(map_attributes) } },
	{ "measure with perf", 0, NULL, SYS_perf_event_open,
		{ POINTER(&perf_attributes), 0, -1, -1, 0 } },
	{ "handle page faults", 0, NULL, SYS_userfaultfd, { O_CLOEXEC } },
	{ "make an io_uring", 0, NULL, SYS_io_uring_setup,
		{ RING_ENTRIES, POINTER(&ring_params) } },
	{ "do asynchronous I/O", LAUNCHER, NULL, SYS_io_setup, { 1, POINTER(&aio_context) } },
	{ "keep a key", 0, NULL, SYS_add_key,
		{ POINTER("user"), POINTER("virtiogpud"), POINTER("x"), 1,
			KEY_SPEC_PROCESS_KEYRING } },
	{ "ask for a key", 0, NULL, SYS_keyctl,
		{ KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1 } },
	{ "join a session of keys", 0, NULL, SYS_keyctl, { KEYCTL_JOIN_SESSION_KEYRING, 0 } },
	{ "write to the terminal's input", 0, .run = poison_terminal },
	{ "make a virtual machine", 0, .run = make_a_virtual_machine },
	{ "mount memory", 0, .run = mount_memory },
	{ "mount a folder elsewhere", 0, .run = mount_elsewhere },
	{ "open a file system", 0, NULL, SYS_fsopen, { POINTER("tmpfs"), 0 } },
	{ "copy a mount", 0, NULL, SYS_open_tree, { AT_FDCWD, POINTER("/"), OPEN_TREE_CLONE } },
	{ "make mounts shared", 0, NULL, SYS_mount,
		{ 0, POINTER("/"), 0, MS_REC | MS_PRIVATE, 0 } },
	{ "change the root", 0, .run = change_root },
	{ "open a file by its handle", 0, .run = open_by_handle },
	{ "watch all files", 0, .run = watch_everything },
	{ "remove a module", 0, .run = remove_module },
	{ "load a module", 0, .run = load_module },
	{ "unload a second kernel", 0, NULL, SYS_kexec_load, { 0, 0, 0, 0 } },
	{ "read the kernel's log", 0, NULL, SYS_syslog, { 10, 0, 0 } },
	{ "set the clock", 0, NULL, SYS_settimeofday, { 0, 0 } },
	{ "adjust the clock", 0, NULL, SYS_clock_adjtime,
		{ CLOCK_REALTIME, POINTER(&no_adjustment) } },
	{ "name the machine", 0, NULL, SYS_sethostname, { POINTER("virtiogpud"), 10 } },
	{ "account for processes", 0, NULL, SYS_acct, { 0 } },
	{ "get into real time by policy", LAUNCHER, NULL, SYS_sched_setscheduler,
		{ 0, SCHED_FIFO, POINTER(&lowest_real_time) } },
	{ "hang up the terminal", 0, NULL, SYS_vhangup, { 0 } },
	{ "act as another user of files", 0, .run = act_as_another_file_system_user },
	{ "be without a filter", 0, .run = loosen_the_filter },
	{ "filter system calls", LAUNCHER, NULL, SYS_seccomp,
		{ SECCOMP_GET_ACTION_AVAIL, 0, POINTER(&(uint32_t){ SECCOMP_RET_KILL_PROCESS }) } },
	{ "confine files", LAUNCHER, NULL, SYS_landlock_create_ruleset,
		{ 0, 0, LANDLOCK_CREATE_RULESET_VERSION } },
	{ "synchronise all disks", LAUNCHER, NULL, SYS_sync, { 0 } },
	{ "make a timer", LAUNCHER, NULL, SYS_timerfd_create, { CLOCK_MONOTONIC, 0 } },
	{ "make a message queue", LAUNCHER, NULL, SYS_msgget, { 0, 0600 | 01000 } },
	{ "make semaphores", LAUNCHER, NULL, SYS_semget, { 0, 1, 0600 | 01000 } },
};

const struct action_table kernel_actions = { actions, ARRAY_SIZE(actions) };
