/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A program that is run on the bridge: Mesa in it is told to draw over vtest. */
#pragma once

#include <sys/types.h>

/* Starts argv, ended by NULL, with the bridge at this socket. Its pid or -errno (logged). */
pid_t program_start(char *const *argv, const char *socket);

/* Its status, as a shell has it, once it has ended; -1 while it runs. */
int program_status(pid_t pid);

/* Ends it (SIGTERM) if it still runs. 0 is fine. */
void program_stop(pid_t pid);
