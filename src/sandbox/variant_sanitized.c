/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * NOT FOR USE WITH GUESTS: builds with sanitizers. These look at the memory of the process through /proc,
 * and for leaks they trace it. Their filters have the system calls of `sanitized` in addition:
 *
 * #syscalls sanitized: openat readlink readlinkat readv pread64 lseek newfstatat stat getdents64
 *	process_vm_readv ptrace wait4 kill tkill tgkill getpid gettid getppid sched_yield sigaltstack
 *	rt_sigprocmask rt_sigaction clone fork vfork execve exit futex prctl mprotect dup dup2 dup3 pipe pipe2
 *	nanosleep clock_nanosleep madvise set_robust_list rseq getrandom prlimit64 getrlimit uname
 *	sched_getaffinity arch_prctl set_tid_address access faccessat2 personality socket connect getuid
 *	geteuid getgid getegid sysinfo ioctl
 */
#include "sandbox/policy.h"

const bool sandbox_stays_dumpable = true;
