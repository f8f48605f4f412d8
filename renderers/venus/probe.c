/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest sees memory of Vulkan through a mapping of a file that its VMM makes. So of each device some memory
 * is allocated as virglrenderer does it: as a dma-buf where the driver makes those, else with a descriptor of
 * the driver's own. Of the latter nothing is promised; often it is a file of memory, in which something comes
 * before the bytes. A pattern in the memory shows where they are.
 */
#include "probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <vulkan/vulkan.h>

#include "pattern.h"
#include "util/fd.h"
#include "util/log.h"

#define DEVICES_MAX    8u
#define EXTENSIONS_MAX 512u

struct trial {
	VkPhysicalDevice physical;
	VkDevice device;
	uint32_t memory_type;
	bool has_dmabuf;
};

struct finding {
	bool dmabuf, opaque;
	uint64_t opaque_offset;
};

static VkInstance create_instance(void)
{
	const VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.apiVersion = VK_API_VERSION_1_1,
	};
	const VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &application,
	};
	VkInstance instance;
	return vkCreateInstance(&info, NULL, &instance) == VK_SUCCESS ? instance : NULL;
}

static bool has_extension(VkPhysicalDevice physical, const char *name)
{
	static VkExtensionProperties extensions[EXTENSIONS_MAX];
	uint32_t count = EXTENSIONS_MAX;
	VkResult result = vkEnumerateDeviceExtensionProperties(physical, NULL, &count, extensions);
	if (result != VK_SUCCESS && result != VK_INCOMPLETE)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(extensions[i].extensionName, name) == 0)
			return true;
	return false;
}

static bool exports(VkPhysicalDevice physical, VkExternalMemoryHandleTypeFlagBits type)
{
	const VkPhysicalDeviceExternalBufferInfo info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
		.handleType = type,
	};
	VkExternalBufferProperties properties = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
	};
	vkGetPhysicalDeviceExternalBufferProperties(physical, &info, &properties);
	return properties.externalMemoryProperties.externalMemoryFeatures &
		VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
}

static bool find_memory_type(struct trial *trial)
{
	const VkMemoryPropertyFlags wanted =
		VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
	VkPhysicalDeviceMemoryProperties properties;
	vkGetPhysicalDeviceMemoryProperties(trial->physical, &properties);
	for (uint32_t i = 0; i < properties.memoryTypeCount; i++) {
		if ((properties.memoryTypes[i].propertyFlags & wanted) != wanted)
			continue;
		trial->memory_type = i;
		return true;
	}
	return false;
}

static bool open_device(struct trial *trial)
{
	static const char *const extensions[] = {
		VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
		VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
	};
	const float priority = 1;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	if (!has_extension(trial->physical, extensions[0]) || !find_memory_type(trial))
		return false;
	trial->has_dmabuf = has_extension(trial->physical, extensions[1]);
	const VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.enabledExtensionCount = trial->has_dmabuf ? 2 : 1,
		.ppEnabledExtensionNames = extensions,
	};
	return vkCreateDevice(trial->physical, &info, NULL, &trial->device) == VK_SUCCESS;
}

static VkDeviceMemory allocate(const struct trial *trial, VkExternalMemoryHandleTypeFlagBits type)
{
	const VkExportMemoryAllocateInfo export = {
		.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		.handleTypes = type,
	};
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &export,
		.allocationSize = PATTERN_SIZE,
		.memoryTypeIndex = trial->memory_type,
	};
	VkDeviceMemory memory;
	return vkAllocateMemory(trial->device, &info, NULL, &memory) == VK_SUCCESS ? memory : NULL;
}

static int descriptor_of(
	const struct trial *trial, VkDeviceMemory memory, VkExternalMemoryHandleTypeFlagBits type)
{
	const PFN_vkGetMemoryFdKHR get =
		(PFN_vkGetMemoryFdKHR)vkGetDeviceProcAddr(trial->device, "vkGetMemoryFdKHR");
	const VkMemoryGetFdInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
		.memory = memory,
		.handleType = type,
	};
	int fd;
	return get && get(trial->device, &info, &fd) == VK_SUCCESS ? fd : -1;
}

static bool write_pattern(const struct trial *trial, VkDeviceMemory memory)
{
	void *mapped;
	if (vkMapMemory(trial->device, memory, 0, VK_WHOLE_SIZE, 0, &mapped) != VK_SUCCESS)
		return false;
	pattern_write(mapped);
	vkUnmapMemory(trial->device, memory);
	return true;
}

static int64_t try_type(const struct trial *trial, VkExternalMemoryHandleTypeFlagBits type)
{
	VkDeviceMemory memory = exports(trial->physical, type) ? allocate(trial, type) : NULL;
	if (!memory)
		return -1;
	_cleanup_fd_ int fd = -1;
	if (write_pattern(trial, memory))
		fd = descriptor_of(trial, memory, type);
	int64_t found = fd >= 0 ? pattern_find(fd) : -1;
	vkFreeMemory(trial->device, memory, NULL);
	return found;
}

static void try_device(VkPhysicalDevice physical, struct finding *ret_finding)
{
	struct trial trial = { .physical = physical };
	*ret_finding = (struct finding){ 0 };
	if (!open_device(&trial))
		return;
	ret_finding->dmabuf = trial.has_dmabuf &&
		try_type(&trial, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) == 0;
	int64_t offset = try_type(&trial, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT);
	ret_finding->opaque = offset >= 0;
	ret_finding->opaque_offset = offset >= 0 ? (uint64_t)offset : 0;
	vkDestroyDevice(trial.device, NULL);
}

static void set_text(struct venus_report *report, const char *text)
{
	snprintf(report->text, sizeof(report->text), "%s", text);
	for (char *at = report->text; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
}

/* Of several devices the first that is good for something is named. Where they disagree about descriptors of
 * their own, those cannot be told apart later: none is mapped. */
static void judge(struct venus_report *report, VkPhysicalDevice physical, bool first)
{
	struct finding found;
	VkPhysicalDeviceProperties properties;
	vkGetPhysicalDeviceProperties(physical, &properties);
	try_device(physical, &found);
	log_debug("%s: dma-bufs %s, other descriptors %s", properties.deviceName,
		found.dmabuf ? "work" : "do not work", found.opaque ? "work" : "do not work");
	bool differs = found.opaque != report->can_map_opaque ||
		found.opaque_offset != report->opaque_offset;
	if (first || !differs) {
		report->can_map_opaque = found.opaque;
		report->opaque_offset = found.opaque_offset;
	} else {
		report->can_map_opaque = false;
		report->opaque_offset = 0;
	}
	if (report->status < 0 && (found.dmabuf || found.opaque)) {
		report->status = 0;
		set_text(report, properties.deviceName);
	}
}

void venus_probe(struct venus_report *ret_report)
{
	VkPhysicalDevice devices[DEVICES_MAX];
	uint32_t count = DEVICES_MAX;
	*ret_report = (struct venus_report){ .version = VENUS_REPORT_VERSION, .status = -ENODEV };
	VkInstance instance = create_instance();
	if (!instance) {
		set_text(ret_report, "no driver of it can be started");
		return;
	}
	VkResult result = vkEnumeratePhysicalDevices(instance, &count, devices);
	if (result != VK_SUCCESS && result != VK_INCOMPLETE)
		count = 0;
	set_text(ret_report,
		count == 0 ? "no device" : "no device has memory that a guest could see");
	for (uint32_t i = 0; i < count; i++)
		judge(ret_report, devices[i], i == 0);
	vkDestroyInstance(instance, NULL);
}
