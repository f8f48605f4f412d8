/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "sandbox/policy.h"
#include "util/fd.h"

const char *sandbox_interpreter(void)
{
	Dl_info info;
	uintptr_t base = getauxval(AT_BASE);
	return base && dladdr((const void *)base, &info) ? info.dli_fname : NULL;
}

typedef int (*file_fn)(void *data, enum sandbox_access access, int fd, const char *path);

/* What is not there cannot be used either. */
static int visit_path(enum sandbox_access access, const char *path, file_fn fn, void *data)
{
	_cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? 0 : fn(data, access, fd, path);
}

static int visit_variable(const struct sandbox_file *file, file_fn fn, void *data)
{
	const char *rest = getenv(file->variable);
	char path[PATH_MAX];
	while (rest && *rest) {
		size_t length = strcspn(rest, ":");
		if (rest[0] == '/' && length < sizeof(path)) {
			memcpy(path, rest, length);
			path[length] = '\0';
			int error = visit_path(file->access, path, fn, data);
			if (error < 0)
				return error;
		}
		rest += length + (rest[length] == ':');
	}
	return 0;
}

static int visit_place(const struct sandbox_place *place, file_fn fn, void *data)
{
	if (place->path)
		return visit_path(place->access, place->path, fn, data);
	return place->fd < 0 ? 0 : fn(data, place->access, place->fd, NULL);
}

static int visit_row(const struct sandbox_file *file, bool fence, file_fn fn, void *data)
{
	if (file->fenced && !fence)
		return 0;
	return file->path ? visit_path(file->access, file->path, fn, data)
			  : visit_variable(file, fn, data);
}

int sandbox_each_file(const struct sandbox *sandbox, const struct sandbox_place *places,
	size_t count, file_fn fn, void *data)
{
	const struct sandbox_policy *policy = sandbox->policy;
	bool fence = sandbox_landlock_abi() > 0 || sandbox_inspects_itself;
	int error = 0;
	for (size_t t = 0; t < SANDBOX_FILE_TABLES; t++)
		for (size_t i = 0; i < policy->files[t].count && error == 0; i++)
			error = visit_row(&policy->files[t].rows[i], fence, fn, data);
	if (sandbox_inspects_itself && policy->inspected && error == 0)
		error = visit_path(SANDBOX_READ, policy->inspected, fn, data);
	for (size_t i = 0; i < count && error == 0; i++)
		error = visit_place(&places[i], fn, data);
	return error;
}
