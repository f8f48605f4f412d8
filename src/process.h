/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Starting renderer programs. */
#pragma once

#include <sys/types.h>

#include "renderer/registry.h"
#include "util/log.h"

/* Starts the program of a renderer, speaking renderer/wire.h on sock (kept by the caller), with the
 * render node (-1: none). The child dies with this process. Returns its pid or -errno (logged): -ENOENT
 * when the program is not installed. */
pid_t process_start_renderer(
	const struct renderer_type *type, int sock, int render_node, enum log_level log_level);

/* Describes a wait status: "exited with status 1", "was killed by signal 9 (Killed)". */
void process_describe_status(int status, char *text, size_t size);
