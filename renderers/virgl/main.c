/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The program that gives guests OpenGL: virglrenderer behind the ring.
 *
 * What libraries and drivers ask of the kernel when they run. Their threads:
 *
 * #syscalls virgl: clone:thread clone3:absent exit futex futex_waitv set_robust_list rseq rt_sigaction
 *	sigaltstack sched_yield sched_getaffinity sched_setaffinity:absent sched_setscheduler:absent
 *	sched_setattr:absent setpriority:absent prctl:name prctl:vma-name getpid gettid getcpu membarrier
 *
 * Memory, and machine code that is made as it is needed:
 *
 * #syscalls virgl: mmap:write-or-exec mprotect:write-or-exec madvise mincore
 *
 * Files, of which there are few:
 *
 * #syscalls virgl: open:existing openat:existing-at stat newfstatat statx fstatfs statfs access faccessat faccessat2 readlink
 *	readlinkat getdents64 lseek pread64 readv getcwd
 *
 * The GPU, buffers and fences to share, memory files (ftruncate: see sandbox/refuse.c):
 *
 * #syscalls virgl: ioctl:drm ioctl:dma-buf ioctl:udmabuf ioctl:sync-file ioctl:nvidia ioctl:descriptor
 *	memfd_create:plain pwrite64 fcntl:seal-shrink fcntl:same dup dup3 kcmp
 *
 * The processes of Vulkan (renderers/venus), and what they send:
 *
 * #syscalls virgl: getsockopt:socket-type fcntl:get-seals
 *
 * Questions, and time:
 *
 * #syscalls virgl: uname sysinfo getrandom getuid geteuid getgid getegid getppid prlimit64:read getrlimit
 *	getrusage times clock_getres clock_nanosleep nanosleep gettimeofday
 */
#include <stdlib.h>

#include "host/host.h"
#include "util/fd.h"
#include "virgl.h"

/* Mesa would write compiled shaders, which guests choose, to the home folder of whoever starts
 * this, and tell about each way to start EGL that does not work here. */
static void choose_environment(void)
{
	setenv("EGL_LOG_LEVEL", "fatal", 0);
	if (!getenv("MESA_SHADER_CACHE_DIR"))
		setenv("MESA_SHADER_CACHE_DISABLE", "true", 0);
}

static struct renderer *create(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	const struct virgl_args args = {
		.loop = loop,
		.render_node = options->render_node_fd,
		.server = fd_steal(&options->server_fd),
		.events = events,
		.events_data = events_data,
	};
	struct renderer *renderer = virgl_renderer_create(&args);
	fd_close(&options->render_node_fd);
	return renderer;
}

int main(int argc, char **argv)
{
	static const struct host_program program = { "virgl", &sandbox_virgl, create };
	choose_environment();
	return host_main(argc, argv, &program);
}
