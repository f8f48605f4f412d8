/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Tries what drivers of Vulkan can really do. */
#pragma once

#include <stdbool.h>

#include "report.h"

struct probe_args {
	bool prefers_layer; /* also where memory of the driver can be mapped: for tests */
	/* What an earlier report had in memory_types: the layer is in use. NULL: it is not, and the report says what
	 * it could be used for. */
	const char *layered;
};

/* Looks at each device of this machine and fills in the report. Loads drivers, which may take long, start
 * threads and, with bad luck, crash. */
void venus_probe(struct venus_report *ret_report, const struct probe_args *args);
