/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * vk-memory: memory of Vulkan that is mapped here: what is written here has to be seen by the GPU, and what the GPU
 * writes here. blobs.h says what is done with it; check.comp compares on the other side, and writes.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "blobs.h"
#include "check_spv.h"
#include "fail.h"
#include "vk.h"

#define GROUP  64u /* of check.comp */
#define GROUPS 64u

struct push {
	uint32_t count; /* words */
	uint32_t seed; /* of those that are there */
	uint32_t next; /* of those that are to be written */
};

struct sum {
	uint32_t wrong; /* words */
	uint32_t first; /* of them */
};

struct gpu {
	struct vk vk;
	struct vk_kernel kernel;
	struct vk_buffer sum;
};

static void memory_create(void *user, struct blob *blob)
{
	struct gpu *gpu = user;
	struct vk_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer) {
		fail("out of memory");
	}
	vk_buffer_create(&gpu->vk, buffer, blob->size, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	blob->object = buffer;
	blob->words = buffer->bytes;
}

static void memory_destroy(void *user, struct blob *blob)
{
	struct gpu *gpu = user;
	vk_buffer_destroy(&gpu->vk, blob->object);
	free(blob->object);
}

static void memory_exchange(void *user, struct blob *blob, uint32_t next)
{
	struct gpu *gpu = user;
	struct push push = { (uint32_t)(blob->size / 4), blob->seed, next };
	struct sum *sum = gpu->sum.bytes;
	*sum = (struct sum){ 0, UINT32_MAX };
	uint32_t groups = (push.count + GROUP - 1) / GROUP;
	vk_kernel_run(&gpu->vk, &gpu->kernel,
		(const struct vk_buffer *[]){ blob->object, &gpu->sum }, &push,
		groups < GROUPS ? groups : GROUPS);
	if (sum->wrong != 0) {
		fail("of %u words written here, the GPU has seen %u wrong, the first at %u",
			push.count, sum->wrong, sum->first);
	}
}

static const struct blob_impl vk_memory = {
	.create = memory_create,
	.destroy = memory_destroy,
	.exchange = memory_exchange,
};

static const char *parse(int argc, char **argv, struct blob_options *options)
{
	static const struct option rows[] = {
		{ "device", required_argument, NULL, 'd' },
		BLOB_OPTIONS,
		{ 0 },
	};
	const char *device = "Venus";
	int option;
	while ((option = getopt_long(argc, argv, "", rows, NULL)) >= 0) {
		if (option == 'd') {
			device = optarg;
		} else if (!blob_options_take(options, option, optarg)) {
			fail("usage: vk-memory [--device NAME] " BLOB_USAGE);
		}
	}
	return device;
}

int main(int argc, char **argv)
{
	struct blob_options options = blob_options_default();
	const char *device = parse(argc, argv, &options);
	static struct gpu gpu;
	vk_open(&gpu.vk, device);
	vk_kernel_create(&gpu.vk, &gpu.kernel, check_spv, sizeof(check_spv), sizeof(struct push));
	vk_buffer_create(&gpu.vk, &gpu.sum, sizeof(struct sum), VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	blobs_run("vk-memory", &options, &vk_memory, &gpu);
	vk_buffer_destroy(&gpu.vk, &gpu.sum);
	vk_kernel_destroy(&gpu.vk, &gpu.kernel);
	vk_close(&gpu.vk);
	return EXIT_SUCCESS;
}
