/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The process that was started: opens what needs a path or a privilege, starts the device process and
 * the renderer processes, gives connections to the device process, and sees no byte of a guest.
 */
#pragma once

struct config;

/* Runs until SIGINT, SIGTERM or SIGHUP, or the end of a connection given with --fd. Returns the exit
 * status of the program. argv: the command line that config is from, for the device process. */
int launcher_run(const struct config *config, char **argv);
