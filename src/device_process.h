/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The device process: serves the VMM; starts and opens nothing itself (see control.h). */
#pragma once

struct config;

/* Whoever is started under this name is the device process, and has the control socket at this descriptor. */
#define DEVICE_PROCESS_NAME    "virtiogpud-dev"
#define DEVICE_PROCESS_CONTROL 3

/* Runs until the launcher closes the control socket. Returns the exit status of the process. */
int device_process_run(const struct config *config);
