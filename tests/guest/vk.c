/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vk.h"

#include <string.h>

#include "fail.h"

#define DEVICES_MAX  16u
#define FAMILIES_MAX 16u
#define WAIT_NS      (60u * 1000000000ull)

void vk_check(VkResult result, const char *call)
{
	if (result != VK_SUCCESS) {
		fail("%.*s: VkResult %d", (int)strcspn(call, "("), call, result);
	}
}

static void choose_device(struct vk *vk, const char *wanted)
{
	VkPhysicalDevice devices[DEVICES_MAX];
	uint32_t count = DEVICES_MAX;
	VkResult result = vkEnumeratePhysicalDevices(vk->instance, &count, devices);
	if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
		vk_check(result, "vkEnumeratePhysicalDevices");
	}
	for (uint32_t i = 0; i < count; i++) {
		vkGetPhysicalDeviceProperties(devices[i], &vk->properties);
		if (strstr(vk->properties.deviceName, wanted)) {
			vk->physical = devices[i];
			vkGetPhysicalDeviceMemoryProperties(vk->physical, &vk->memory);
			return;
		}
	}
	fail("of %u devices, none has \"%s\" in its name%s%s", count, wanted,
		count > 0 ? "; the last one is " : "", count > 0 ? vk->properties.deviceName : "");
}

static void choose_queue(struct vk *vk)
{
	VkQueueFamilyProperties families[FAMILIES_MAX];
	uint32_t count = FAMILIES_MAX;
	vkGetPhysicalDeviceQueueFamilyProperties(vk->physical, &count, families);
	const VkQueueFlags wanted = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
	for (uint32_t i = 0; i < count; i++) {
		if ((families[i].queueFlags & wanted) == wanted) {
			vk->family = i;
			return;
		}
	}
	fail("%s has no queue that draws and computes", vk->properties.deviceName);
}

static void create_device(struct vk *vk)
{
	const float priority = 1;
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = vk->family,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkPhysicalDeviceVulkan13Features features = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
		.dynamicRendering = VK_TRUE,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = &features,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};
	VK(vkCreateDevice(vk->physical, &info, NULL, &vk->device));
	vkGetDeviceQueue(vk->device, vk->family, 0, &vk->queue);
}

void vk_open(struct vk *vk, const char *wanted)
{
	*vk = (struct vk){ 0 };
	VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.apiVersion = VK_API_VERSION_1_3,
	};
	VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &application,
	};
	VK(vkCreateInstance(&info, NULL, &vk->instance));
	choose_device(vk, wanted);
	choose_queue(vk);
	create_device(vk);
	VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
		.queueFamilyIndex = vk->family,
	};
	VK(vkCreateCommandPool(vk->device, &pool, NULL, &vk->pool));
}

void vk_close(struct vk *vk)
{
	vkDestroyCommandPool(vk->device, vk->pool, NULL);
	vkDestroyDevice(vk->device, NULL);
	vkDestroyInstance(vk->instance, NULL);
}

uint32_t vk_memory_type(const struct vk *vk, uint32_t bits, VkMemoryPropertyFlags flags)
{
	for (uint32_t i = 0; i < vk->memory.memoryTypeCount; i++) {
		if ((bits >> i & 1) && (vk->memory.memoryTypes[i].propertyFlags & flags) == flags) {
			return i;
		}
	}
	fail("%s has no memory with flags %#x", vk->properties.deviceName, flags);
}

VkShaderModule vk_shader(const struct vk *vk, const uint32_t *code, size_t size)
{
	VkShaderModuleCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = size,
		.pCode = code,
	};
	VkShaderModule module;
	VK(vkCreateShaderModule(vk->device, &info, NULL, &module));
	return module;
}

/* --- memory ------------------------------------------------------------------------------- */

void vk_buffer_create(
	const struct vk *vk, struct vk_buffer *buffer, VkDeviceSize size, VkBufferUsageFlags usage)
{
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = size,
		.usage = usage,
	};
	VK(vkCreateBuffer(vk->device, &info, NULL, &buffer->buffer));
	VkMemoryRequirements needs;
	vkGetBufferMemoryRequirements(vk->device, buffer->buffer, &needs);
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = needs.size,
		.memoryTypeIndex = vk_memory_type(vk, needs.memoryTypeBits,
			VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT),
	};
	VK(vkAllocateMemory(vk->device, &allocate, NULL, &buffer->memory));
	VK(vkBindBufferMemory(vk->device, buffer->buffer, buffer->memory, 0));
	VK(vkMapMemory(vk->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->bytes));
	buffer->size = size;
}

void vk_buffer_destroy(const struct vk *vk, struct vk_buffer *buffer)
{
	vkUnmapMemory(vk->device, buffer->memory);
	vkDestroyBuffer(vk->device, buffer->buffer, NULL);
	vkFreeMemory(vk->device, buffer->memory, NULL);
}

/* --- work --------------------------------------------------------------------------------- */

VkCommandBuffer vk_begin(const struct vk *vk)
{
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = vk->pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	VkCommandBuffer commands;
	VK(vkAllocateCommandBuffers(vk->device, &allocate, &commands));
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	VK(vkBeginCommandBuffer(commands, &begin));
	return commands;
}

void vk_finish(const struct vk *vk, VkCommandBuffer commands)
{
	VK(vkEndCommandBuffer(commands));
	VkFenceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	VkFence fence;
	VK(vkCreateFence(vk->device, &info, NULL, &fence));
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &commands,
	};
	VK(vkQueueSubmit(vk->queue, 1, &submit, fence));
	VK(vkWaitForFences(vk->device, 1, &fence, VK_TRUE, WAIT_NS));
	vkDestroyFence(vk->device, fence, NULL);
	vkFreeCommandBuffers(vk->device, vk->pool, 1, &commands);
}
