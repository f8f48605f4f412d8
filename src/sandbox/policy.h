/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For this folder: what the rows of policies.c are made of. */
#pragma once

#include <linux/filter.h>

#include "sandbox/sandbox.h"

/* A file or folder, or those that an environment variable names (split by ':'). */
struct sandbox_file {
	enum sandbox_access access;
	const char *path; /* NULL: see variable */
	const char *variable;
	bool fenced; /* only where Landlock keeps the process to its own part of it */
};

#define SANDBOX_FILE_TABLES 4u

struct sandbox_policy {
	const char *name; /* for log lines */
	const struct sock_filter *filter; /* the list of src/sandbox/meson.build, compiled */
	size_t filter_length;
	struct {
		const struct sandbox_file *rows;
		size_t count;
	} files[SANDBOX_FILE_TABLES];
	uint64_t descriptors; /* most of them; 0: as many as it was started with */
	const char *inspected; /* a folder read in builds that look into themselves; or NULL */
	bool refuses; /* unlisted system calls fail with ENOSYS and a line in the log (refuse.c) */
};

/* Records that a layer holds (error 0) or why not. In strict mode, and then only, a missing layer is
 * logged, and -error returned. */
int sandbox_record(struct sandbox *sandbox, enum sandbox_layer layer, int error);

/* Calls fn for every file of the policy and every place that is there, with an O_PATH descriptor (of fn's
 * caller) and its path (NULL: only the descriptor is known). Stops at the first error and returns it. */
int sandbox_each_file(const struct sandbox *sandbox, const struct sandbox_place *places,
	size_t count, int (*fn)(void *data, enum sandbox_access access, int fd, const char *path),
	void *data);

/* False in variant_plain.c; true in variant_sanitized.c, for builds with sanitizers, which read what /proc says of
 * them and trace themselves. */
extern const bool sandbox_inspects_itself;

/* landlock.c: the ABI of this kernel, 0 without Landlock. */
int sandbox_landlock_abi(void);

/* refuse.c: catches the traps of the filter from now on. */
void sandbox_refuse_begin(void);

/* root.c: from now on the root has the files of the policy and of places only. 0 or -errno. */
int sandbox_change_root(
	const struct sandbox *sandbox, const struct sandbox_place *places, size_t count);

/* caps.c: no capability from now on, by no means. */
void sandbox_drop_capabilities(void);
