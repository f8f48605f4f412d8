/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The sandbox: what a process of this program gives up, in stages, without needing root.
 *
 *	sandbox_early()		first of all: what can never be undone and costs nothing
 *	sandbox_namespaces()	a world of its own: users, files, network, IPC
 *	sandbox_files()		which files are left in it, and no capabilities
 *	sandbox_seal()		last of all: only the system calls of a list
 *
 * A main() calls them in this order, between the steps that need what the next stage takes away, so
 * that it reads as the policy. What exactly is taken is a row of the table in policies.c.
 *
 * Each stage has a mode. SANDBOX_AUTO takes what the kernel offers and records what is missing;
 * SANDBOX_STRICT fails when a layer is missing; SANDBOX_OFF does nothing. A stage returns 0, or -errno
 * after one line in the log, which the process must not survive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sandbox_mode {
	SANDBOX_AUTO,
	SANDBOX_STRICT,
	SANDBOX_OFF,
};

/* Parses "auto", "strict" or "off"; the name of a mode. 0 or -EINVAL. */
int sandbox_mode_parse(const char *text, enum sandbox_mode *ret_mode);
const char *sandbox_mode_name(enum sandbox_mode mode);

/* What stands between a process and the rest of the machine; bits of struct sandbox. */
enum sandbox_layer {
	SANDBOX_SECCOMP,
	SANDBOX_LANDLOCK,
	SANDBOX_USER,
	SANDBOX_MOUNT,
	SANDBOX_NET,
	SANDBOX_IPC,
	SANDBOX_PID,
	SANDBOX_LAYERS,
};

struct sandbox_policy;

/* The kinds of processes there are. */
extern const struct sandbox_policy sandbox_launcher;
extern const struct sandbox_policy sandbox_device;
extern const struct sandbox_policy sandbox_virgl;
extern const struct sandbox_policy sandbox_null;
extern const struct sandbox_policy sandbox_venus;
extern const struct sandbox_policy sandbox_viewer;

struct sandbox {
	const struct sandbox_policy *policy;
	enum sandbox_mode mode;
	uint32_t holds; /* bit n: layer n is in force */
	uint32_t missing; /* bit n: this kernel, or who runs it, does not let us have layer n */
	int errors[SANDBOX_LAYERS]; /* why, for those missing: an errno */
	int landlock; /* the ABI in use; 0: none */
};

/* What may be done with a file, or with all below a folder. */
enum sandbox_access {
	SANDBOX_READ,
	SANDBOX_LIST, /* only see what is in a folder */
	SANDBOX_EXECUTE, /* and read */
	SANDBOX_DEVICE, /* read, write, ioctl */
	SANDBOX_REMOVE, /* only remove files in it */
	SANDBOX_CREATE, /* make, replace and remove files in it, and read none */
};

/* A file or folder that is only known at run time. A missing one is left out. */
struct sandbox_place {
	enum sandbox_access access;
	const char *path; /* NULL: use fd */
	int fd; /* kept by the caller; -1 and no path: left out */
};

#define SANDBOX_NODE_PLACES 16u

/* The render node (by its descriptor and, if known, its path) and what its driver needs beside it: at most
 * SANDBOX_NODE_PLACES. node -1: none. Returns how many. */
size_t sandbox_node_places(int node, const char *path, struct sandbox_place *places);

/* The file that starts programs with shared libraries; NULL: none does. */
const char *sandbox_interpreter(void);

/* Nothing is in force yet. policy is one of those above. */
void sandbox_init(
	struct sandbox *sandbox, const struct sandbox_policy *policy, enum sandbox_mode mode);

#define SANDBOX_MOST UINT64_MAX

/* How much of what a process may have; 0: what its policy says, or as much as it was started with. Whoever is
 * allowed more than there is may have all of it. */
struct sandbox_limits {
	uint64_t descriptors;
	uint64_t file_bytes; /* a file that it writes to, memory files among them */
};

/* Should: take away what no later step needs: new privileges by exec, core files, other processes' looks
 * into this one, and what is over the limits (NULL: none).
 * Must not: need anything of the kernel that may be missing. */
int sandbox_early(struct sandbox *sandbox, const struct sandbox_limits *limits);

/* For who asked for more in sandbox_early(), and did not need it: no more descriptors than its policy says. */
void sandbox_limit_descriptors(const struct sandbox *sandbox);

/* Should: leave the namespaces it was started in for empty ones, and see no file but those of its policy
 * and of places.
 * Must not: be called with a second thread. After it there is no network; what was open stays open. */
int sandbox_namespaces(struct sandbox *sandbox, const struct sandbox_place *places, size_t count);

/* fork(), but the child is in a user namespace without any users, and the first process of a PID
 * namespace, where that can be had. Like fork() for single-threaded processes only. A pid, 0 in the
 * child, or -errno. */
pid_t sandbox_fork(struct sandbox *sandbox);

/* Should: drop all capabilities, and confine this process, and all it will start, to the files of its policy
 * and places; also to signals and abstract sockets of its own and to no TCP, where the kernel can.
 * Must not: be called with a second thread, which would stay free. */
int sandbox_files(struct sandbox *sandbox, const struct sandbox_place *places, size_t count);

/* Should: take from all threads of the process every system call that the list of its kind does not have.
 * Must not: be followed by anything that the list was not made for. */
int sandbox_seal(struct sandbox *sandbox);

/* "seccomp, landlock 7, namespaces user+mount"; what is missing after "; without". At most size bytes. */
void sandbox_describe(const struct sandbox *sandbox, char *text, size_t size);
