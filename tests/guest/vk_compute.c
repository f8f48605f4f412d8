/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * vk-compute: lets the GPU turn numbers into others (compute.comp), and compares all of them with what they
 * have to be. --cycles: so many times, from the instance on.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "compute_spv.h"
#include "fail.h"
#include "vk.h"

#define GROUP 64u /* of compute.comp */

struct push {
	uint32_t count;
	uint32_t rounds;
};

struct arguments {
	const char *device;
	struct push push;
	uint32_t cycles;
};

/* As compute.comp does it. */
static uint32_t expected(uint32_t value, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++) {
		value ^= value << 13;
		value ^= value >> 17;
		value ^= value << 5;
	}
	return value;
}

static void compare(const struct vk_buffer *out, const struct push *push)
{
	const uint32_t *words = out->bytes;
	for (uint32_t i = 0; i < push->count; i++) {
		uint32_t wanted = expected(i + 1, push->rounds);
		if (words[i] != wanted) {
			fail("word %u is %08x, not %08x", i, words[i], wanted);
		}
	}
}

static void compute(const struct vk *vk, const struct push *push)
{
	struct vk_buffer in, out;
	vk_buffer_create(
		vk, &in, (VkDeviceSize)push->count * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	vk_buffer_create(
		vk, &out, (VkDeviceSize)push->count * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	for (uint32_t i = 0; i < push->count; i++) {
		((uint32_t *)in.bytes)[i] = i + 1;
		((uint32_t *)out.bytes)[i] = 0;
	}
	struct vk_kernel kernel;
	vk_kernel_create(vk, &kernel, compute_spv, sizeof(compute_spv), sizeof(*push));
	vk_kernel_run(vk, &kernel, (const struct vk_buffer *[]){ &in, &out }, push,
		(push->count + GROUP - 1) / GROUP);
	compare(&out, push);
	vk_kernel_destroy(vk, &kernel);
	vk_buffer_destroy(vk, &out);
	vk_buffer_destroy(vk, &in);
}

static struct arguments parse(int argc, char **argv)
{
	static const struct option rows[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "words", required_argument, NULL, 'w' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "cycles", required_argument, NULL, 'y' },
		{ 0 },
	};
	struct arguments arguments = { "Venus", { 65536, 8 }, 1 };
	int option;
	while ((option = getopt_long(argc, argv, "", rows, NULL)) >= 0) {
		switch (option) {
		case 'd':
			arguments.device = optarg;
			break;
		case 'w':
			arguments.push.count = (uint32_t)parse_number(optarg, 65535 * GROUP);
			break;
		case 'r':
			arguments.push.rounds = (uint32_t)parse_number(optarg, UINT32_MAX);
			break;
		case 'y':
			arguments.cycles = (uint32_t)parse_number(optarg, 1000000);
			break;
		default:
			fail("usage: vk-compute [--device NAME] [--words N] [--rounds N] [--cycles "
			     "N]");
		}
	}
	return arguments;
}

int main(int argc, char **argv)
{
	struct arguments arguments = parse(argc, argv);
	struct vk vk;
	for (uint32_t cycle = 0; cycle < arguments.cycles; cycle++) {
		vk_open(&vk, arguments.device);
		compute(&vk, &arguments.push);
		vk_close(&vk);
	}
	printf("compute ok: %u words, %u times, on %s\n", arguments.push.count, arguments.cycles,
		vk.properties.deviceName);
	return EXIT_SUCCESS;
}
