/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The device process: serves the VMM; starts and opens nothing itself (see control.h). */
#pragma once

struct config;

/* Runs until the launcher closes control (taken). Returns the exit status of the process. */
int device_process_run(const struct config *config, int control);
