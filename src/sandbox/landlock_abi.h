/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The kernel's interface of Landlock, as in <linux/landlock.h>, of which a machine may have a version that
 * knows less than the kernel it builds for. Numbers only grow; a kernel tells how many it knows (its ABI).
 */
#pragma once

#include <stdint.h>

#define LANDLOCK_VERSION 1u /* flag of landlock_create_ruleset(): only tell the ABI */
#define LANDLOCK_PATH    1 /* kind of rule: beneath a path */

struct landlock_ruleset {
	uint64_t fs; /* handled: what no rule allows is refused */
	uint64_t net; /* since ABI 4 */
	uint64_t scoped; /* since ABI 6 */
};

struct landlock_path {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/* fs, with the ABI that brought it */
#define LANDLOCK_EXECUTE      (UINT64_C(1) << 0)
#define LANDLOCK_WRITE_FILE   (UINT64_C(1) << 1)
#define LANDLOCK_READ_FILE    (UINT64_C(1) << 2)
#define LANDLOCK_READ_DIR     (UINT64_C(1) << 3)
#define LANDLOCK_REMOVE_DIR   (UINT64_C(1) << 4)
#define LANDLOCK_REMOVE_FILE  (UINT64_C(1) << 5)
#define LANDLOCK_MAKE_DIR     (UINT64_C(1) << 7)
#define LANDLOCK_MAKE_REG     (UINT64_C(1) << 8)
#define LANDLOCK_FS_1         ((UINT64_C(1) << 13) - 1)
#define LANDLOCK_REFER        (UINT64_C(1) << 13) /* 2 */
#define LANDLOCK_TRUNCATE     (UINT64_C(1) << 14) /* 3 */
#define LANDLOCK_IOCTL_DEV    (UINT64_C(1) << 15) /* 5 */
#define LANDLOCK_RESOLVE_UNIX (UINT64_C(1) << 16) /* 9 */

/* What can be allowed for something that is no folder. */
#define LANDLOCK_OF_FILES                                                                          \
	(LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_TRUNCATE |         \
		LANDLOCK_IOCTL_DEV)

/* net: 4 */
#define LANDLOCK_BIND_TCP    (UINT64_C(1) << 0)
#define LANDLOCK_CONNECT_TCP (UINT64_C(1) << 1)

/* scoped: 6 */
#define LANDLOCK_ABSTRACT_UNIX (UINT64_C(1) << 0)
#define LANDLOCK_SIGNAL        (UINT64_C(1) << 1)
