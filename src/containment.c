/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "containment.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "gpu/device.h"
#include "util/checked.h"
#include "util/log.h"

#define PLACES (SANDBOX_NODE_PLACES + 4u * GPU_MAX_RENDERERS + 2u + 2u)

/* Where a device is found without links, which is how drivers look for it. NULL: it is nowhere. */
static const char *path_of(int node, char *buffer, size_t size)
{
	char link[32];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", node);
	ssize_t length = readlink(link, buffer, size - 1);
	buffer[length > 0 ? length : 0] = '\0';
	return buffer[0] == '/' ? buffer : NULL;
}

/* At most four. */
static size_t program_places(const struct process_program *program, struct sandbox_place *places)
{
	const char *paths[] = { program->path, program->server_path, program->render_server };
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i] && paths[i][0])
			places[count++] = (struct sandbox_place){ SANDBOX_EXECUTE, paths[i], -1 };
	if (program->layer_path[0])
		places[count++] = (struct sandbox_place){ SANDBOX_READ, program->layer_path, -1 };
	return count;
}

/* path: memory for one that the places may refer to. */
static size_t collect_places(const struct containment_args *args,
	struct sandbox_place places[static PLACES], char path[static PATH_MAX])
{
	const char *node = path_of(args->render_node, path, PATH_MAX);
	size_t count = sandbox_node_places(args->render_node, node, places);
	for (uint32_t i = 0; i < args->program_count; i++)
		count += program_places(&args->programs[i], places + count);
	places[count++] = (struct sandbox_place){ SANDBOX_EXECUTE, sandbox_interpreter(), -1 };
	places[count++] = (struct sandbox_place){ SANDBOX_EXECUTE, NULL, args->self };
	for (size_t i = 0; i < ARRAY_SIZE(args->folders); i++)
		places[count++] = (struct sandbox_place){ SANDBOX_REMOVE, NULL, args->folders[i] };
	return count;
}

int containment_enter(struct sandbox *sandbox, const struct containment_args *args)
{
	struct sandbox_place places[PLACES];
	char path[PATH_MAX];
	size_t count = collect_places(args, places, path);
	/* Others' descriptors on their way must not keep it from handing on its own. What it starts has limits. */
	int ret = sandbox_early(sandbox, &(struct sandbox_limits){ .descriptors = SANDBOX_MOST });
	if (ret == 0)
		ret = sandbox_namespaces(sandbox, places, count);
	if (ret == 0)
		ret = sandbox_files(sandbox, places, count);
	return ret == 0 ? sandbox_seal(sandbox) : ret;
}

void containment_report(const struct sandbox *sandbox)
{
	char text[512];
	if (sandbox->mode == SANDBOX_OFF) {
		log_warn("sandbox: OFF: a guest that takes over a process of this program has all "
			 "rights of the user who started it");
		return;
	}
	sandbox_describe(sandbox, text, sizeof(text));
	log_print(sandbox->missing ? LOG_WARN : LOG_INFO, "sandbox: %s", text);
}
