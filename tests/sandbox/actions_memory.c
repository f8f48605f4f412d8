/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Guest memory, which the VMM has mapped: a file that gets shorter kills it. The launcher has none of it. And
 * machine code. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "breakout.h"
#include "util/checked.h"

#define PAGE        4096
#define ALL         (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PRIVATE     (MAP_PRIVATE | MAP_ANONYMOUS)
#define FUTURE_SEAL 0x0010 /* F_SEAL_FUTURE_WRITE */

static int change_protection(int from, int to)
{
	void *page = mmap(NULL, PAGE, from, PRIVATE, -1, 0);
	return page == MAP_FAILED ? -1 : mprotect(page, PAGE, to);
}

static int make_writable_code(const struct target *target)
{
	return change_protection(PROT_READ | PROT_WRITE, ALL);
}

static int make_code(const struct target *target)
{
	return change_protection(PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC);
}

static int make_code_with_key(const struct target *target)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, PRIVATE, -1, 0);
	return page == MAP_FAILED ? -1 : (int)syscall(SYS_pkey_mprotect, page, PAGE, ALL, -1);
}

static int execute_guest_memory(const struct target *target)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, target->guest_memory, 0);
	return page == MAP_FAILED ? -1 : 0;
}

/* Whatever may be opened through /proc is the process's own already; but not to be emptied. */
static int empty_by_opening(const struct target *target)
{
	return open(target->guest_path, O_RDWR | O_TRUNC);
}

static int signal_by_readiness(const struct target *target)
{
	return fcntl(target->terminal, F_SETOWN, target->victim);
}

static const struct action actions[] = {
	{ "shorten guest memory", LAUNCHER, NULL, SYS_ftruncate, { GUEST_MEMORY, PAGE } },
	{ "empty guest memory", LAUNCHER, NULL, SYS_ftruncate, { GUEST_MEMORY, 0 } },
	{ "punch a hole into guest memory", LAUNCHER, NULL, SYS_fallocate,
		{ GUEST_MEMORY, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE } },
	{ "let guest memory grow", LAUNCHER, NULL, SYS_fallocate,
		{ GUEST_MEMORY, 0, 0, 2 * GUEST_MEMORY_SIZE } },
	{ "seal guest memory against growing", LAUNCHER, NULL, SYS_fcntl,
		{ GUEST_MEMORY, F_ADD_SEALS, F_SEAL_GROW } },
	{ "seal guest memory against writers", LAUNCHER, NULL, SYS_fcntl,
		{ GUEST_MEMORY, F_ADD_SEALS, FUTURE_SEAL } },
	{ "change the mode of guest memory", LAUNCHER, NULL, SYS_fchmod, { GUEST_MEMORY, 0 } },
	{ "empty guest memory by opening it", LAUNCHER, .run = empty_by_opening },
	{ "empty guest memory by its path", LAUNCHER, NULL, SYS_truncate, { GUEST_PATH, 0 } },
	{ "execute guest memory", LAUNCHER | VIRGL | VENUS, .run = execute_guest_memory },
	{ "copy into guest memory by splice", LAUNCHER, NULL, SYS_sendfile,
		{ GUEST_MEMORY, GUEST_MEMORY, 0, 1 } },
	{ "have writable code", 0, NULL, SYS_mmap, { 0, PAGE, ALL, PRIVATE, -1, 0 } },
	{ "make memory writable code", 0, .run = make_writable_code },
	{ "make memory code", LAUNCHER | VIRGL | VENUS, .run = make_code },
	{ "make memory code with a key", 0, .run = make_code_with_key },
	{ "lock memory", LAUNCHER, NULL, SYS_mlockall, { MCL_CURRENT } },
	{ "have secret memory", LAUNCHER, NULL, SYS_memfd_secret, { 0 } },
	{ "have a memory file", LAUNCHER | RENDERERS | VENUS | VIEWER, NULL, SYS_memfd_create,
		{ POINTER("a"), 0 } },
	{ "have a memory file of huge pages", LAUNCHER, NULL, SYS_memfd_create,
		{ POINTER("a"), MFD_HUGETLB } },
	{ "have a memory file of programs", LAUNCHER, NULL, SYS_memfd_create,
		{ POINTER("a"), FILE_EXEC } },
	{ "have the VMM signalled by readiness", LAUNCHER, .run = signal_by_readiness },
};

const struct action_table memory_actions = { actions, ARRAY_SIZE(actions) };
