/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Only mappings of files that others own can get here: our own shared memory is sealed against
 * shrinking. What is written to a page of zeros is lost, which is the VMM's own doing.
 */
#include "util/bus_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The smallest unit of memory on the machines that we run on; larger pages are replaced in pieces. */
#define PAGE_BYTES 4096u

static char text[160];
static size_t text_length;

/* #syscalls all: mmap:no-exec rt_sigaction rt_sigreturn write */
/* Only async-signal-safe calls up to the end of replace_page(). */
static void say_once(void)
{
	static volatile sig_atomic_t said;
	if (said)
		return;
	said = 1;
	ssize_t ignored = write(STDERR_FILENO, text, text_length);
	(void)ignored;
}

static void replace_page(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE_BYTES - 1);
	if (info->si_code != BUS_ADRERR ||
		mmap((void *)page, PAGE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		/* The access is tried again and ends the process. */
		signal(number, SIG_DFL);
	else
		say_once();
	errno = saved_errno;
}

int bus_guard_install(const char *role)
{
	int length = snprintf(text, sizeof(text),
		"virtiogpud[%s]: warning: the VMM has cut off guest memory that is in use; what is "
		"missing reads as zeros\n",
		role);
	text_length = length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1;
	struct sigaction action = { .sa_sigaction = replace_page, .sa_flags = SA_SIGINFO };
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}
