/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/landlock_abi.h"
#include "sandbox/policy.h"
#include "util/checked.h"
#include "util/fd.h"

/* What an ABI can handle beyond those before it. */
struct landlock_step {
	int abi;
	struct landlock_ruleset brings;
};

static const struct landlock_step landlock_steps[] = {
	{ 1, { .fs = LANDLOCK_FS_1 } },
	{ 2, { .fs = LANDLOCK_REFER } },
	{ 3, { .fs = LANDLOCK_TRUNCATE } },
	{ 4, { .net = LANDLOCK_BIND_TCP | LANDLOCK_CONNECT_TCP } },
	{ 5, { .fs = LANDLOCK_IOCTL_DEV } },
	{ 6, { .scoped = LANDLOCK_ABSTRACT_UNIX | LANDLOCK_SIGNAL } },
	{ 9, { .fs = LANDLOCK_RESOLVE_UNIX } },
};

static const uint64_t rights[] = {
	[SANDBOX_READ] = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR,
	[SANDBOX_LIST] = LANDLOCK_READ_DIR,
	[SANDBOX_EXECUTE] = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | LANDLOCK_EXECUTE,
	[SANDBOX_DEVICE] = LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE | LANDLOCK_IOCTL_DEV,
	[SANDBOX_REMOVE] = LANDLOCK_REMOVE_FILE,
	[SANDBOX_CREATE] = LANDLOCK_MAKE_REG | LANDLOCK_WRITE_FILE | LANDLOCK_REMOVE_FILE,
};

int sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	return abi > 0 ? (int)abi : 0;
}

static struct landlock_ruleset handled_by(int abi)
{
	struct landlock_ruleset handled = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(landlock_steps); i++) {
		if (landlock_steps[i].abi > abi)
			break;
		handled.fs |= landlock_steps[i].brings.fs;
		handled.net |= landlock_steps[i].brings.net;
		handled.scoped |= landlock_steps[i].brings.scoped;
	}
	return handled;
}

/* An older kernel takes a longer structure when what it does not know is zero. */
static int create_ruleset(const struct landlock_ruleset *handled)
{
	long fd = syscall(SYS_landlock_create_ruleset, handled, sizeof(*handled), 0);
	return fd < 0 ? -errno : (int)fd;
}

struct landlock_building {
	int ruleset;
	uint64_t handled; /* rights on files that the kernel knows */
};

static int add_rule(void *data, enum sandbox_access access, int fd, const char *path)
{
	const struct landlock_building *building = data;
	struct landlock_path rule = {
		.allowed = rights[access] & building->handled,
		.parent_fd = fd,
	};
	struct stat status;
	int error = fd_stat(fd, &status);
	if (error < 0)
		return error;
	if (!S_ISDIR(status.st_mode))
		rule.allowed &= LANDLOCK_OF_FILES;
	if (rule.allowed == 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, building->ruleset, LANDLOCK_PATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static int restrict_self(
	const struct sandbox *sandbox, int abi, const struct sandbox_place *places, size_t count)
{
	const struct landlock_ruleset handled = handled_by(abi);
	_cleanup_fd_ int ruleset = create_ruleset(&handled);
	if (ruleset < 0)
		return ruleset;
	struct landlock_building building = { .ruleset = ruleset, .handled = handled.fs };
	int error = sandbox_each_file(sandbox, places, count, add_rule, &building);
	if (error < 0)
		return error;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

int sandbox_files(struct sandbox *sandbox, const struct sandbox_place *places, size_t count)
{
	if (sandbox->mode == SANDBOX_OFF)
		return 0;
	sandbox_drop_capabilities();
	int abi = sandbox_landlock_abi();
	int error = abi > 0 ? restrict_self(sandbox, abi, places, count) : -ENOSYS;
	if (error == 0)
		sandbox->landlock = abi;
	return sandbox_record(sandbox, SANDBOX_LANDLOCK, -error);
}
