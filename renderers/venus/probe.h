/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Tries what drivers of Vulkan can really do. */
#pragma once

#include "report.h"

/* Looks at each device of this machine and fills in the report. Loads drivers, which may take long, start
 * threads and, with bad luck, crash. */
void venus_probe(struct venus_report *ret_report);
