/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* --check-host: what this host can do for guests, and why not more. */
#pragma once

struct config;

/* Tries what the configuration asks for and prints a line for each finding on standard output. Returns
 * the exit status: EXIT_FAILED when a renderer of the configuration does not work. */
int check_host_run(const struct config *config);
