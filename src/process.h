/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Starting renderer programs. */
#pragma once

#include <limits.h>
#include <sys/types.h>

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
};

/* Looks for the program, as long as files can be looked for. */
void process_find_program(struct process_program *program, const struct renderer_type *type);

struct process_args {
	int sock; /* to speak renderer/wire.h on; kept by the caller */
	int render_node; /* -1: none; kept by the caller */
	int server; /* the program's end of the socket between the two; -1: none; kept by the caller */
	enum log_level log_level;
	struct sandbox *sandbox; /* of this process */
};

/* Starts a program. The child dies with this process. Returns its pid or -errno (logged): -ENOENT when
 * the program was not found. */
pid_t process_start_renderer(
	const struct process_program *program, const struct process_args *args);

/* The same for the program beside it: the server. -ENOENT (not logged) when there is none. */
pid_t process_start_server(const struct process_program *program, const struct process_args *args);

/* Describes a wait status: "exited with status 1", "was killed by signal 9 (Killed)". */
void process_describe_status(int status, char *text, size_t size);
