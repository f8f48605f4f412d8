/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The program that gives guests OpenGL: virglrenderer behind the ring. */
#include <stdlib.h>

#include "host/host.h"
#include "util/fd.h"
#include "virgl.h"

/* Mesa would write compiled shaders, which guests choose, to the home folder of whoever starts
 * this, and tell about each way to start EGL that does not work here. */
static void choose_environment(void)
{
	setenv("EGL_LOG_LEVEL", "fatal", 0);
	if (!getenv("MESA_SHADER_CACHE_DIR"))
		setenv("MESA_SHADER_CACHE_DISABLE", "true", 0);
}

static struct renderer *create(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	const struct virgl_args args = {
		.loop = loop,
		.render_node = options->render_node_fd,
		.events = events,
		.events_data = events_data,
	};
	struct renderer *renderer = virgl_renderer_create(&args);
	fd_close(&options->render_node_fd);
	return renderer;
}

int main(int argc, char **argv)
{
	static const struct host_program program = { "virgl", create };
	choose_environment();
	return host_main(argc, argv, &program);
}
