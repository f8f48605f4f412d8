/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * blob-map: host memory in this guest, straight from the kernel's driver: blobs that a venus context gives for blob
 * id 0, which are nothing but memory, mapped (blobs.h says what is done with them). --cycles: so many contexts, one
 * after another, with all of that in each.
 */
#include <drm/virtgpu_drm.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blobs.h"
#include "fail.h"

struct arguments {
	const char *node;
	uint32_t cycles;
	struct blob_options blobs;
};

static void call(int fd, unsigned long request, void *arg, const char *name)
{
	int result;
	do {
		result = ioctl(fd, request, arg);
	} while (result < 0 && (errno == EINTR || errno == EAGAIN));
	if (result < 0) {
		fail("%s: %s", name, strerror(errno));
	}
}

static int open_context(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fail("%s: %s", node, strerror(errno));
	}
	struct drm_virtgpu_context_set_param param = {
		.param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID,
		.value = VIRTGPU_DRM_CAPSET_VENUS,
	};
	struct drm_virtgpu_context_init init = {
		.num_params = 1,
		.ctx_set_params = (uintptr_t)&param,
	};
	call(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init, "CONTEXT_INIT");
	return fd;
}

static void blob_create(void *user, struct blob *blob)
{
	int fd = *(const int *)user;
	struct drm_virtgpu_resource_create_blob create = {
		.blob_mem = VIRTGPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = blob->size,
		.blob_id = 0,
	};
	call(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &create, "RESOURCE_CREATE_BLOB");
	struct drm_virtgpu_map map = { .handle = create.bo_handle };
	call(fd, DRM_IOCTL_VIRTGPU_MAP, &map, "MAP");
	void *mapped =
		mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
	if (mapped == MAP_FAILED) {
		fail("mmap of %zu bytes: %s", blob->size, strerror(errno));
	}
	blob->words = mapped;
	blob->object = (void *)(uintptr_t)create.bo_handle;
}

static void blob_destroy(void *user, struct blob *blob)
{
	int fd = *(const int *)user;
	if (munmap(blob->words, blob->size) < 0) {
		fail("munmap: %s", strerror(errno));
	}
	struct drm_gem_close close = { .handle = (uint32_t)(uintptr_t)blob->object };
	call(fd, DRM_IOCTL_GEM_CLOSE, &close, "GEM_CLOSE");
}

static const struct blob_impl drm_blobs = {
	.create = blob_create,
	.destroy = blob_destroy,
	.zeroed = true,
};

static struct arguments parse(int argc, char **argv)
{
	static const struct option rows[] = {
		{ "node", required_argument, NULL, 'd' },
		{ "cycles", required_argument, NULL, 'y' },
		BLOB_OPTIONS,
		{ 0 },
	};
	struct arguments arguments = {
		.node = "/dev/dri/renderD128",
		.cycles = 1,
		.blobs = blob_options_default(),
	};
	int option;
	while ((option = getopt_long(argc, argv, "", rows, NULL)) >= 0) {
		if (option == 'd') {
			arguments.node = optarg;
		} else if (option == 'y') {
			arguments.cycles = (uint32_t)parse_number(optarg, 1000000);
		} else if (!blob_options_take(&arguments.blobs, option, optarg)) {
			fail("usage: blob-map [--node PATH] [--cycles N] " BLOB_USAGE);
		}
	}
	return arguments;
}

int main(int argc, char **argv)
{
	struct arguments arguments = parse(argc, argv);
	for (uint32_t cycle = 0; cycle < arguments.cycles; cycle++) {
		int fd = open_context(arguments.node);
		blobs_run("blob-map", &arguments.blobs, &drm_blobs, &fd);
		close(fd);
	}
	return EXIT_SUCCESS;
}
