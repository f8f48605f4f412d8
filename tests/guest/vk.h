/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What these programs need of Vulkan 1.3: a device, buffers that are mapped, work that is waited for,
 * kernels. What fails ends the program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

struct vk {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkPhysicalDeviceProperties properties;
	VkPhysicalDeviceMemoryProperties memory;
	VkDevice device;
	uint32_t family; /* can draw and compute */
	VkQueue queue;
	VkCommandPool pool;
};

/* In memory that is visible to us and coherent, and mapped. */
struct vk_buffer {
	VkBuffer buffer;
	VkDeviceMemory memory;
	void *bytes;
	VkDeviceSize size;
};

#define VK_KERNEL_BUFFERS 2u

/* A compute shader: storage buffers at bindings 0, 1 …, and push constants. */
struct vk_kernel {
	VkShaderModule module;
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkPipeline pipeline;
	VkDescriptorPool pool;
	VkDescriptorSet set;
	uint32_t push_size;
};

/* Ends the program unless result is VK_SUCCESS. */
#define VK(call) vk_check((call), #call)
void vk_check(VkResult result, const char *call);

/* Opens the first device whose name has `wanted` in it. */
void vk_open(struct vk *vk, const char *wanted);
void vk_close(struct vk *vk);

/* The first type of memory of those in `bits` that has all of `flags`. */
uint32_t vk_memory_type(const struct vk *vk, uint32_t bits, VkMemoryPropertyFlags flags);

VkShaderModule vk_shader(const struct vk *vk, const uint32_t *code, size_t size);

void vk_buffer_create(
	const struct vk *vk, struct vk_buffer *buffer, VkDeviceSize size, VkBufferUsageFlags usage);
void vk_buffer_destroy(const struct vk *vk, struct vk_buffer *buffer);

/* Begins a command buffer; ends it, submits it, waits until all is done that is in it, and frees it. */
VkCommandBuffer vk_begin(const struct vk *vk);
void vk_finish(const struct vk *vk, VkCommandBuffer commands);

void vk_kernel_create(const struct vk *vk, struct vk_kernel *kernel, const uint32_t *code,
	size_t size, uint32_t push_size);
void vk_kernel_destroy(const struct vk *vk, struct vk_kernel *kernel);

/* Runs it on these buffers, with push constants of the size that it was made with, and waits: what it wrote can then
 * be read. */
void vk_kernel_run(const struct vk *vk, const struct vk_kernel *kernel,
	const struct vk_buffer *const buffers[VK_KERNEL_BUFFERS], const void *push,
	uint32_t groups);
