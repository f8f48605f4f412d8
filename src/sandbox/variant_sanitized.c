/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * NOT FOR USE WITH GUESTS: builds with sanitizers. These look at the memory of the process through /proc,
 * and for leaks they trace it from a clone. Their filters have these system calls in addition:
 *
 * #syscalls sanitized: open openat readlink readlinkat readv pread64 lseek stat newfstatat getdents64 access
 *	ptrace process_vm_readv wait4 kill tgkill clone exit sched_yield sigaltstack
 *	rt_sigaction rt_sigprocmask futex prctl mprotect dup2 pipe pipe2 nanosleep
 *	clock_nanosleep madvise set_robust_list rseq getrandom prlimit64 getrlimit uname sysinfo
 *	sched_getaffinity arch_prctl set_tid_address getpid gettid getppid getuid geteuid getgid getegid
 *	ioctl
 *
 * The program that would find names for addresses is not started:
 *
 * #syscalls sanitized-child: execve:absent clone3:absent
 */
#include "sandbox/policy.h"

const bool sandbox_inspects_itself = true;
