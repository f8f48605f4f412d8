/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* In the place of wayland_output.c where the library is missing. */
#include "util/log.h"
#include "wayland_output.h"

struct output *wayland_output_create(
	struct loop *loop, struct screen *screen, const struct wayland_args *args)
{
	log_error("wayland: this program was built without it");
	return NULL;
}
