/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The backend program: started, connected to, looked at from outside, stopped.
 *
 * It runs in a process group of its own with its standard error in a memory file, so a backend can
 * write as much as it likes without anybody reading, and dies with the process that started it.
 */
#pragma once

#include <sys/types.h>

#include "kit/kit.h"

struct kit_backend {
	struct kit *kit;
	pid_t pid; /* of the program that was started; 0 when it has been waited for */
	int status; /* as from waitpid, when it has */
	int log_fd; /* owned */
	uint64_t log_mark;
	char folder[64]; /* has the sockets; "": there are none */
	char socket[96]; /* "" when a descriptor is passed */
	char viewer[96]; /* where it listens for viewers, if the command says so */
	int sock; /* our end of a passed descriptor; -1 */
	bool foreign; /* somebody else's: neither stopped nor removed */
};

/* What /proc says of all processes of the backend together. */
struct kit_usage {
	uint32_t processes;
	uint32_t fds;
	uint64_t memory_kib; /* resident, their own: neither guest memory nor files */
};

/* Starts a command line. The shell splits it and becomes the program, so it has to be one simple
 * command, which may begin with assignments (A=1 program …); for more there is sh -c '…; exec program …'.
 * Everywhere in it "{socket}" becomes the path the backend has to listen on, "{viewer}" the one where it
 * listens for a viewer of its pictures; or "{fd}" the number of a connected socket that it inherits. NULL
 * on failure.
 * Sockets are in a folder of its own, which is made in KIT_FOLDER of the environment, or in /tmp. */
struct kit_backend *kit_backend_create(struct kit *kit, const char *command);

/* One that somebody else has started, and listens at this path. It has no log here. NULL on failure. */
struct kit_backend *kit_backend_attach(struct kit *kit, pid_t pid, const char *socket);

/* Kills whatever is left of it, unless it is somebody else's. NULL is fine. */
void kit_backend_destroy(struct kit_backend *backend);

/* A connection (the caller's), as soon as the backend listens; with "{fd}" only the first time.
 * -ETIMEDOUT, or -ECHILD when the backend ended before. */
int kit_backend_connect(struct kit_backend *backend);

/* The same to where it listens for viewers. */
int kit_backend_connect_viewer(struct kit_backend *backend);

/* True while the program that was started runs. */
bool kit_backend_alive(struct kit_backend *backend);

/* Asks it to end (SIGTERM) and waits. Its exit status, 256 + signal when one killed it, or
 * -ETIMEDOUT. */
int kit_backend_stop(struct kit_backend *backend);

/* Waits for it to end by itself; as kit_backend_stop. */
int kit_backend_wait(struct kit_backend *backend);

/* --- its log ------------------------------------------------------------------------------- */

/* What it wrote to standard error since the last mark: the caller's to free; NULL without memory.
 * */
char *kit_backend_log(struct kit_backend *backend);

/* Everything up to now is old. */
void kit_backend_log_mark(struct kit_backend *backend);

/* How many lines since the mark contain the text ("" for all). */
uint32_t kit_backend_log_lines(struct kit_backend *backend, const char *text);

/* Waits until there are that many. 0 or -ETIMEDOUT. */
int kit_backend_wait_lines(struct kit_backend *backend, const char *text, uint32_t count);

/* --- its processes ------------------------------------------------------------------------- */

#define KIT_MAX_PROCESSES 64u

/* The pids of a process and all that descend from it; returns how many (at most max). */
uint32_t kit_process_tree(pid_t pid, pid_t *pids, uint32_t max);

/* The same for the program. */
uint32_t kit_backend_processes(struct kit_backend *backend, pid_t *pids, uint32_t max);

/* The first of them whose program's name (the end of argv[0]) is this, or 0. */
pid_t kit_backend_find(struct kit_backend *backend, const char *program);

/* Sums over all processes. 0, or -EACCES when one may not be looked into (its descriptors are then
 * left out). */
int kit_backend_usage(struct kit_backend *backend, struct kit_usage *ret_usage);

/* True when memory_kib is more than `kib` above what it was. With sanitizers (KIT_SANITIZED in the
 * environment), which keep what was freed for a while, only when it is far more. */
bool kit_usage_grew(const struct kit_usage *before, const struct kit_usage *after, uint64_t kib);
