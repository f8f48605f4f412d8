/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The policy of each kind of process. A further kind is a row here, one in meson.build, and the comments
 * `#syscalls KIND: …` beside the code of it.
 *
 * What the C library does by itself:
 *
 * #syscalls all: brk mmap:no-exec munmap mremap exit_group rt_sigreturn clock_gettime
 * #syscalls all: write writev rt_sigprocmask
 *
 * What nobody here has any business with, and what takes over other processes or the kernel. The launcher's
 * list holds for the renderers as well, from their start. (mknod is none of that, for NVIDIA's driver calls it when
 * it finds no nodes, and does without: nobody here has the capability for more than files.)
 *
 * #syscalls-killed launcher renderer viewer: ptrace process_vm_readv process_vm_writev process_madvise
 *	process_mrelease pidfd_getfd bpf perf_event_open userfaultfd io_uring_setup io_uring_enter
 *	io_uring_register add_key request_key keyctl mount umount2 pivot_root chroot open_tree move_mount
 *	open_tree_attr fsopen fsconfig fsmount fspick mount_setattr setns unshare init_module
 *	finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl
 *	quotactl_fd syslog settimeofday clock_settime clock_adjtime adjtimex sethostname
 *	setdomainname vhangup modify_ldt ioperm iopl personality fanotify_init open_by_handle_at
 *	name_to_handle_at setuid setgid setreuid setregid setresuid setresgid
 *	setfsuid setfsgid setgroups uselib lookup_dcookie
 *
 * #syscalls launcher: socket:unix-only socketpair:unix-only mmap:not-both mprotect:not-both pkey_mprotect:not-both
 *
 * #syscalls-killed renderer viewer: execve execveat fork vfork capset socket connect bind listen accept accept4
 *	seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
 */
#include "sandbox/policy.h"

#include <assert.h>

#include "util/checked.h"

static const struct sock_filter launcher_filter[] = {
#include "launcher.filter.h"
};

static const struct sock_filter device_filter[] = {
#include "device.filter.h"
};

static const struct sock_filter virgl_filter[] = {
#include "virgl.filter.h"
};

static const struct sock_filter venus_filter[] = {
#include "venus.filter.h"
};

static const struct sock_filter null_filter[] = {
#include "null.filter.h"
};

static const struct sock_filter viewer_filter[] = {
#include "viewer.filter.h"
};

/* Of programs that load libraries. */
static const struct sandbox_file library_files[] = {
	{ SANDBOX_READ, "/usr", NULL, false },
	{ SANDBOX_READ, "/lib", NULL, false },
	{ SANDBOX_READ, "/lib64", NULL, false },
	{ SANDBOX_READ, "/nix/store", NULL, false },
	{ SANDBOX_READ, "/etc/ld.so.cache", NULL, false },
	{ SANDBOX_READ, NULL, "LD_LIBRARY_PATH", false },
	{ SANDBOX_READ, NULL, "VIRTIOGPUD_SANDBOX_READ", false },
	{ SANDBOX_DEVICE, "/dev/null", NULL, false },
};

/* Of Mesa and the loaders of drivers. */
static const struct sandbox_file graphics_files[] = {
	{ SANDBOX_READ, "/run/opengl-driver", NULL, false },
	{ SANDBOX_READ, "/etc/glvnd", NULL, false },
	{ SANDBOX_READ, "/etc/vulkan", NULL, false },
	{ SANDBOX_READ, "/etc/drirc", NULL, false },
	{ SANDBOX_READ, "/sys/dev", NULL, false },
	{ SANDBOX_READ, "/sys/devices", NULL, false },
	{ SANDBOX_READ, NULL, "LIBGL_DRIVERS_PATH", false },
	{ SANDBOX_READ, NULL, "VK_DRIVER_FILES", false },
	{ SANDBOX_READ, NULL, "VK_ICD_FILENAMES", false },
	{ SANDBOX_READ, NULL, "GBM_BACKENDS_PATH", false },
	{ SANDBOX_READ, NULL, "__EGL_VENDOR_LIBRARY_DIRS", false },
	{ SANDBOX_READ, NULL, "__EGL_VENDOR_LIBRARY_FILENAMES", false },
	{ SANDBOX_READ, NULL, "DRIRC_CONFIGDIR", false },
	{ SANDBOX_LIST, "/dev/dri", NULL, false },
	{ SANDBOX_DEVICE, "/dev/udmabuf", NULL, false },
	{ SANDBOX_DEVICE, NULL, "VIRTIOGPUD_SANDBOX_DEVICES", false },
};

/* What drivers want to know of the machine and of themselves. */
static const struct sandbox_file own_process_files[] = {
	{ SANDBOX_READ, "/proc/self", NULL, true },
	{ SANDBOX_READ, "/proc/cpuinfo", NULL, true },
	{ SANDBOX_READ, "/proc/meminfo", NULL, true },
	{ SANDBOX_READ, "/proc/driver/nvidia", NULL, true },
};

/* The same for processes that are not there yet: nobody has more than who started them. */
static const struct sandbox_file process_files[] = {
	{ SANDBOX_READ, "/proc", NULL, true },
};

#define FILES(table) { table, ARRAY_SIZE(table) }

/*
 * Linux counts the descriptors that a user's processes have sent and nobody has received, and no process of the user
 * can send any when there are more than its own limit of descriptors. 253 go into a message, so who may have N of
 * them can bring the count to N + 253: fewer than others' usual limit, 1024. Guests' blobs take a descriptor each, so
 * that is as many as may be, and renderers and viewers can keep one another from sending.
 */
#define DESCRIPTORS_SENT  253u
#define DESCRIPTORS_USUAL 1024u
#define DESCRIPTORS_MOST  768u
static_assert(DESCRIPTORS_MOST + DESCRIPTORS_SENT < DESCRIPTORS_USUAL, "nobody else is stopped");

const struct sandbox_policy sandbox_launcher = {
	.name = "launcher",
	.filter = launcher_filter,
	.filter_length = ARRAY_SIZE(launcher_filter),
	.files = { FILES(library_files), FILES(graphics_files), FILES(process_files) },
};

const struct sandbox_policy sandbox_device = {
	.name = "device process",
	.filter = device_filter,
	.filter_length = ARRAY_SIZE(device_filter),
};

const struct sandbox_policy sandbox_virgl = {
	.name = "renderer virgl",
	.filter = virgl_filter,
	.filter_length = ARRAY_SIZE(virgl_filter),
	.files = { FILES(library_files), FILES(graphics_files), FILES(own_process_files) },
	.descriptors = DESCRIPTORS_MOST,
	.refuses = true,
};

/* Another program than ours is in it in the end, which has no handler for what is refused. */
const struct sandbox_policy sandbox_venus = {
	.name = "server of Vulkan",
	.filter = venus_filter,
	.filter_length = ARRAY_SIZE(venus_filter),
	.files = { FILES(library_files), FILES(graphics_files), FILES(own_process_files) },
	.descriptors = DESCRIPTORS_MOST,
};

const struct sandbox_policy sandbox_null = {
	.name = "renderer null",
	.filter = null_filter,
	.filter_length = ARRAY_SIZE(null_filter),
	.files = { FILES(library_files), FILES(own_process_files) },
	.descriptors = DESCRIPTORS_MOST,
	.refuses = true,
};

/* It has its libraries before it is confined, and looks for nothing afterwards. */
const struct sandbox_policy sandbox_viewer = {
	.name = "viewer",
	.filter = viewer_filter,
	.filter_length = ARRAY_SIZE(viewer_filter),
	.descriptors = DESCRIPTORS_MOST,
	.inspected = "/proc",
	.refuses = true,
};
