/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "util/checked.h"
#include "util/fd.h"

/* Nodes that the library of a driver opens beside the render node. */
struct companion {
	const char *driver; /* the kernel's */
	const char *path;
};

static const struct companion companions[] = {
	{ "nvidia", "/dev/nvidiactl" },
	{ "nvidia", "/dev/nvidia-modeset" },
	{ "nvidia", "/dev/nvidia-uvm" },
	{ "nvidia", "/dev/nvidia0" },
	{ "nvidia", "/dev/nvidia1" },
	{ "nvidia", "/dev/nvidia2" },
	{ "nvidia", "/dev/nvidia3" },
	{ "nvidia", "/dev/nvidia4" },
	{ "nvidia", "/dev/nvidia5" },
	{ "nvidia", "/dev/nvidia6" },
	{ "nvidia", "/dev/nvidia7" },
};
static_assert(ARRAY_SIZE(companions) < SANDBOX_NODE_PLACES, "room for all, and the node");

/* The name of the driver of a device, or "". */
static const char *driver_of(int node, char *buffer, size_t size)
{
	char link[64];
	struct stat status;
	buffer[0] = '\0';
	if (fd_stat(node, &status) < 0 || !S_ISCHR(status.st_mode))
		return buffer;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device/driver", major(status.st_rdev),
		minor(status.st_rdev));
	ssize_t length = readlink(link, buffer, size - 1);
	buffer[length > 0 ? length : 0] = '\0';
	const char *slash = strrchr(buffer, '/');
	return slash ? slash + 1 : buffer;
}

size_t sandbox_node_places(int node, const char *path, struct sandbox_place *places)
{
	char buffer[PATH_MAX];
	size_t count = 0;
	if (node < 0)
		return 0;
	const char *driver = driver_of(node, buffer, sizeof(buffer));
	places[count++] = (struct sandbox_place){ SANDBOX_DEVICE, path, node };
	for (size_t i = 0; i < ARRAY_SIZE(companions); i++)
		if (strcmp(companions[i].driver, driver) == 0)
			places[count++] =
				(struct sandbox_place){ SANDBOX_DEVICE, companions[i].path, -1 };
	return count;
}
