/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtiogpud-render-null: serves as `null`, and as `null-export` with images that are exported. */
#include <malloc.h>
#include <string.h>

#include "host/host.h"
#include "null/null.h"

#define PIXELS_BYTES (64 * 1024) /* an allocation of so many is mapped by itself */

static struct renderer *create(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	bool exports = strcmp(options->name, "null-export") == 0;
	/* Tests look at how much memory it has: what is freed is not kept in the heap. */
	mallopt(M_MMAP_THRESHOLD, PIXELS_BYTES);
	return null_renderer_create(loop, exports, events, events_data);
}

int main(int argc, char **argv)
{
	static const struct host_program program = { "null", &sandbox_null, create };
	return host_main(argc, argv, &program);
}
