/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest sees memory of Vulkan through a mapping of a file that its VMM makes. So of each device some memory
 * is allocated as virglrenderer does it: as a dma-buf where the driver makes those, else with a descriptor of
 * the driver's own. Of the latter nothing is promised; often it is a file of memory, in which something comes
 * before the bytes. A pattern in the memory shows where they are.
 *
 * Where neither can be mapped, pages of a file of ours may be taken as memory (memory_layer.c): each type of it is
 * tried with them.
 */
#include "probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vulkan/vulkan.h>

#include "memory_file.h"
#include "memory_types.h"
#include "pattern.h"
#include "util/fd.h"
#include "util/log.h"

#define DEVICES_MAX    8u
#define EXTENSIONS_MAX 512u

struct trial {
	VkPhysicalDevice physical;
	VkDevice device;
	VkPhysicalDeviceMemoryProperties memory;
	uint32_t memory_type;
	bool has_dmabuf, has_host;
};

struct finding {
	bool dmabuf, opaque;
	uint64_t opaque_offset;
	uint32_t page_types; /* bit n: pages of a file can be memory of type n */
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

static bool is_for_guests(const struct trial *trial, uint32_t type)
{
	const VkMemoryPropertyFlags wanted =
		VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
	return (trial->memory.memoryTypes[type].propertyFlags & wanted) == wanted;
}

static bool find_memory_type(struct trial *trial)
{
	vkGetPhysicalDeviceMemoryProperties(trial->physical, &trial->memory);
	for (uint32_t i = 0; i < trial->memory.memoryTypeCount; i++) {
		if (!is_for_guests(trial, i))
			continue;
		trial->memory_type = i;
		return true;
	}
	return false;
}

static bool open_device(struct trial *trial)
{
	const char *extensions[3] = { VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME };
	uint32_t count = 1;
	const float priority = 1;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	if (!has_extension(trial->physical, extensions[0]) || !find_memory_type(trial))
		return false;
	trial->has_dmabuf =
		has_extension(trial->physical, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
	trial->has_host =
		has_extension(trial->physical, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
	if (trial->has_dmabuf)
		extensions[count++] = VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
	if (trial->has_host)
		extensions[count++] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
	const VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.enabledExtensionCount = count,
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

/* The layer rounds sizes to pages, and nothing more. */
static bool takes_pages(const struct trial *trial)
{
	VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
	};
	VkPhysicalDeviceProperties2 properties = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		.pNext = &host,
	};
	if (!trial->has_host)
		return false;
	vkGetPhysicalDeviceProperties2(trial->physical, &properties);
	return host.minImportedHostPointerAlignment <= (VkDeviceSize)sysconf(_SC_PAGESIZE);
}

static uint32_t types_for_pages(const struct trial *trial, void *bytes)
{
	const PFN_vkGetMemoryHostPointerPropertiesEXT get =
		(PFN_vkGetMemoryHostPointerPropertiesEXT)vkGetDeviceProcAddr(
			trial->device, "vkGetMemoryHostPointerPropertiesEXT");
	VkMemoryHostPointerPropertiesEXT properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
	};
	if (!get ||
		get(trial->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, bytes,
			&properties) != VK_SUCCESS)
		return 0;
	return properties.memoryTypeBits;
}

/* What is written to memory of this type shows in the file whose pages it is. */
static bool try_pages(const struct trial *trial, uint32_t type, const struct memory_file *file)
{
	const VkImportMemoryHostPointerInfoEXT import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
		.pHostPointer = file->bytes,
	};
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = PATTERN_SIZE,
		.memoryTypeIndex = type,
	};
	VkDeviceMemory memory;
	if (vkAllocateMemory(trial->device, &info, NULL, &memory) != VK_SUCCESS)
		return false;
	memset(file->bytes, 0, PATTERN_SIZE);
	bool works = write_pattern(trial, memory) && pattern_find(file->fd) == 0;
	vkFreeMemory(trial->device, memory, NULL);
	return works;
}

/* The types that pages of a file can be memory of, as a bit each. */
static uint32_t try_types_for_pages(const struct trial *trial)
{
	struct memory_file file;
	uint32_t works = 0;
	if (!takes_pages(trial) || memory_file_create(&file, PATTERN_SIZE) < 0)
		return 0;
	const uint32_t possible = types_for_pages(trial, file.bytes);
	for (uint32_t i = 0; i < trial->memory.memoryTypeCount; i++)
		if ((possible >> i & 1) && is_for_guests(trial, i) && try_pages(trial, i, &file))
			works |= UINT32_C(1) << i;
	memory_file_finish(&file);
	return works;
}

static void try_device(VkPhysicalDevice physical, bool with_pages, struct finding *ret_finding)
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
	if (with_pages && exports(physical, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT))
		ret_finding->page_types = try_types_for_pages(&trial);
	vkDestroyDevice(trial.device, NULL);
}

static void set_text(struct venus_report *report, const char *text, const char *more)
{
	snprintf(report->text, sizeof(report->text), "%s%s", text, more);
	for (char *at = report->text; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
}

/* A device whose memory cannot be mapped wants the layer. Others that could do with it use it then as well, so that
 * bytes of memory without a dma-buf begin at the same place for all of them. */
static void consider_layer(struct venus_report *report, const VkPhysicalDeviceIDProperties *id,
	const struct finding *found, bool prefers)
{
	if (!found->page_types || (found->opaque && found->opaque_offset == 0 && !prefers))
		return;
	if (memory_types_add(report->memory_types, id->deviceUUID, found->page_types) < 0)
		log_warn("too many devices of Vulkan, memory of one is left as it is");
	else if (prefers || !(found->dmabuf || found->opaque))
		report->wants_layer = true;
}

/* Of several devices the first that is good for something is named. Where they disagree about descriptors of
 * their own, those cannot be told apart later: none is mapped. */
static void judge(struct venus_report *report, VkPhysicalDevice physical, bool first,
	const struct probe_args *args)
{
	struct finding found;
	uint32_t types;
	VkPhysicalDeviceIDProperties id = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
	};
	VkPhysicalDeviceProperties2 properties = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		.pNext = &id,
	};
	vkGetPhysicalDeviceProperties2(physical, &properties);
	const char *name = properties.properties.deviceName;
	const bool layered =
		args->layered && memory_types_find(args->layered, id.deviceUUID, &types);
	try_device(physical, !args->layered, &found);
	log_debug("%s: dma-bufs %s, other descriptors %s, types of memory for pages 0x%x", name,
		found.dmabuf ? "work" : "do not work", found.opaque ? "work" : "do not work",
		found.page_types);
	consider_layer(report, &id, &found, args->prefers_layer);
	/* it was not loaded, or is of no use here */
	if (layered && !(found.opaque && found.opaque_offset == 0))
		report->wants_layer = true;
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
		set_text(report, name, layered ? ", in memory files of virtiogpud's own" : "");
	}
}

void venus_probe(struct venus_report *ret_report, const struct probe_args *args)
{
	VkPhysicalDevice devices[DEVICES_MAX];
	uint32_t count = DEVICES_MAX;
	*ret_report = (struct venus_report){ .version = VENUS_REPORT_VERSION, .status = -ENODEV };
	VkInstance instance = create_instance();
	if (!instance) {
		set_text(ret_report, "no driver of it can be started", "");
		return;
	}
	VkResult result = vkEnumeratePhysicalDevices(instance, &count, devices);
	if (result != VK_SUCCESS && result != VK_INCOMPLETE)
		count = 0;
	set_text(ret_report,
		count == 0 ? "no device" : "no device has memory that a guest could see", "");
	for (uint32_t i = 0; i < count; i++)
		judge(ret_report, devices[i], i == 0, args);
	if (args->layered)
		snprintf(ret_report->memory_types, sizeof(ret_report->memory_types), "%s",
			args->layered);
	vkDestroyInstance(instance, NULL);
}
