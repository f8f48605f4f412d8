/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Starting renderer programs. */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "child_log.h"
#include "renderer/registry.h"
#include "sandbox/sandbox.h"
#include "util/log.h"

/* The program of a renderer. */
struct process_program {
	const struct renderer_type *type;
	char path[PATH_MAX]; /* "": it is not installed */
	char server_path
		[PATH_MAX]; /* of the program beside it; "": there is none, or it is of no use */
	const char *render_server; /* what that becomes; NULL likewise */
	char layer_path
		[PATH_MAX]; /* of the folder with what it may load into those; "": there is none */
};

/* Looks for the program, as long as files can be looked for. */
void process_find_program(struct process_program *program, const struct renderer_type *type);

#define PROCESS_MEMO_BYTES 4096u

struct process_args {
	int sock; /* to speak renderer/wire.h on; kept by the caller */
	int render_node; /* -1: none; kept by the caller */
	int memo; /* memory in which the server keeps what it has found out for the next one; -1: none */
	uint64_t
		capsets; /* that may be offered: bit n, capset id n; decides whether it needs its server */
	enum log_level log_level;
	struct sandbox *sandbox; /* of this process */
	int null; /* /dev/null; kept by the caller */
	struct child_log *log, *server_log; /* of the two processes */
};

/* The processes of a renderer; 0: there is none. */
struct process_pids {
	pid_t renderer;
	pid_t server; /* the program beside it, at the other end of a socket */
};

/* Starts a renderer, and the program it needs beside it, if that can be had. The children die with this
 * process. 0 or -errno (logged), with *ret_pids as far as it came: -ENOENT when the renderer was not found. */
int process_start_renderer(const struct process_program *program, const struct process_args *args,
	struct process_pids *ret_pids);

/* This program, to be started once more whatever has become of its file: a descriptor (the caller's), or -errno (logged). As
 * long as files can be opened. */
int process_open_self(void);

struct process_device_args {
	int self; /* from process_open_self(); like the others kept by the caller */
	char *const *argv; /* the command line of this process */
	int control; /* the device process's end of the socket */
	struct sandbox *sandbox; /* of this process */
	int null; /* /dev/null */
	struct child_log *log;
};

/* Starts a device process: a program of its own, with its own places in memory and secrets, so that nothing which one
 * of them has given away holds for the next. A pid or -errno. */
pid_t process_start_device(const struct process_device_args *args);

/* Kills those that there are. */
void process_kill(const struct process_pids *pids);

/* Describes a wait status: "exited with status 1", "was killed by signal 9 (Killed)". */
void process_describe_status(int status, char *text, size_t size);
