/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Only mappings of files that others own can get here: our own shared memory is sealed against
 * shrinking. What is written to a page of zeros is lost, which is the VMM's own doing.
 *
 * A part of a huge page cannot be replaced. Which mappings have such pages is kept in places that a handler can
 * read at any time, in any thread: `start` is written last when one is added and first when it is removed, and the
 * one that a handler looks for is in use, so it stays.
 */
#include "util/bus_guard.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char text[200];
static size_t text_length;
static size_t small_page;

static struct place {
	_Atomic uintptr_t start; /* 0: free */
	_Atomic size_t size;
	_Atomic size_t page_size;
} places[BUS_GUARD_MAX];

static struct place *find(uintptr_t address)
{
	for (size_t i = 0; i < BUS_GUARD_MAX; i++) {
		uintptr_t start = atomic_load_explicit(&places[i].start, memory_order_acquire);
		if (start != 0 && address >= start && address - start < places[i].size)
			return &places[i];
	}
	return NULL;
}

/* #syscalls all: mmap:no-exec rt_sigaction rt_sigreturn write */
/* Only async-signal-safe calls up to the end of replace(), find() included. */
static void say_once(void)
{
	static volatile sig_atomic_t said;
	if (said)
		return;
	said = 1;
	ssize_t ignored = write(STDERR_FILENO, text, text_length);
	(void)ignored;
}

static bool put_zeros(uintptr_t page, size_t size)
{
	return mmap((void *)page, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		       0) != MAP_FAILED;
}

/* Nothing beside the mapping is touched: its size is a multiple of the page's. */
static bool put_huge_zeros(uintptr_t address)
{
	struct place *place = find(address);
	if (!place)
		return false;
	size_t page_size = place->page_size;
	return put_zeros(address - (address - place->start) % page_size, page_size);
}

static void replace(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	uintptr_t address = (uintptr_t)info->si_addr;
	/* The small one first: some files say that they have huge pages, and may have. */
	if (info->si_code == BUS_ADRERR &&
		(put_zeros(address & ~(uintptr_t)(small_page - 1), small_page) ||
			put_huge_zeros(address)))
		say_once();
	else
		/* The access is tried again and ends the process. */
		signal(number, SIG_DFL);
	errno = saved_errno;
}

int bus_guard_install(const char *role)
{
	int length = snprintf(text, sizeof(text),
		"virtiogpud[%s]: warning: the VMM has cut off guest memory that is in use, or has "
		"no huge pages for it; what is missing reads as zeros\n",
		role);
	text_length = length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1;
	small_page = (size_t)sysconf(_SC_PAGESIZE);
	struct sigaction action = { .sa_sigaction = replace, .sa_flags = SA_SIGINFO };
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

int bus_guard_add(void *start, size_t size, size_t page_size)
{
	assert(start && size % page_size == 0);
	for (size_t i = 0; i < BUS_GUARD_MAX; i++) {
		if (places[i].start != 0)
			continue;
		places[i].size = size;
		places[i].page_size = page_size;
		atomic_store_explicit(&places[i].start, (uintptr_t)start, memory_order_release);
		return 0;
	}
	return -ENOSPC;
}

bool bus_guard_remove(const void *inside, void **ret_start, size_t *ret_size)
{
	struct place *place = find((uintptr_t)inside);
	if (!place)
		return false;
	*ret_start = (void *)place->start;
	*ret_size = place->size;
	place->start = 0;
	return true;
}
