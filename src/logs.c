/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "config.h"
#include "util/fd.h"

/* Those that there are. */
static void for_each(struct logs *logs, void (*fn)(struct child_log *log))
{
	fn(&logs->device);
	for (uint32_t i = 0; i < GPU_MAX_RENDERERS; i++) {
		fn(&logs->renderers[i]);
		fn(&logs->servers[i]);
	}
}

int logs_init(struct logs *logs, struct loop *loop, const struct config *config)
{
	const bool limited = config->log_level < LOG_DEBUG;
	logs->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (logs->null < 0) {
		log_error("/dev/null: %s", strerror(errno));
		return -errno;
	}
	outlet_init(&logs->outlet, loop);
	child_log_init(&logs->device, loop, &logs->outlet, "device process", limited);
	for (uint32_t i = 0; i < GPU_MAX_RENDERERS; i++) {
		child_log_init(&logs->renderers[i], loop, &logs->outlet, "renderer", limited);
		child_log_init(&logs->servers[i], loop, &logs->outlet, "server of Vulkan", limited);
	}
	return 0;
}

void logs_drain(struct logs *logs)
{
	for_each(logs, child_log_drain);
}

void logs_finish(struct logs *logs)
{
	if (logs->null < 0)
		return;
	for_each(logs, child_log_close);
	outlet_finish(&logs->outlet);
	fd_close(&logs->null);
}
