/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A driver of Vulkan whose memory nobody but the driver can map, as NVIDIA's: software Vulkan, but what it exports is
 * no file of memory, and it has a name and a UUID of its own.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <vulkan/vk_icd.h>

#define NAME "unmappable"

static PFN_vkGetInstanceProcAddr next;
static PFN_GetPhysicalDeviceProcAddr next_physical;
static PFN_vkGetDeviceProcAddr next_device;
static PFN_vkGetPhysicalDeviceProperties2 next_properties;

static VkResult get_memory_fd(VkDevice device, const VkMemoryGetFdInfoKHR *info, int *ret_fd)
{
	*ret_fd = eventfd(0, EFD_CLOEXEC);
	return *ret_fd < 0 ? VK_ERROR_TOO_MANY_OBJECTS : VK_SUCCESS;
}

static void get_properties(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *ret_properties)
{
	next_properties(physical, ret_properties);
	snprintf(ret_properties->properties.deviceName,
		sizeof(ret_properties->properties.deviceName), NAME);
	for (VkBaseOutStructure *at = ret_properties->pNext; at; at = at->pNext)
		if (at->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES)
			((VkPhysicalDeviceIDProperties *)(void *)at)->deviceUUID[0] ^= 0xff;
		else if (at->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES)
			((VkPhysicalDeviceVulkan11Properties *)(void *)at)->deviceUUID[0] ^= 0xff;
}

static PFN_vkVoidFunction get_device_function(VkDevice device, const char *name)
{
	if (strcmp(name, "vkGetMemoryFdKHR") == 0)
		return (PFN_vkVoidFunction)get_memory_fd;
	return next_device(device, name);
}

/* In place of a function of software Vulkan. */
static PFN_vkVoidFunction exchange(const char *name, PFN_vkVoidFunction function)
{
	if (!function)
		return NULL;
	if (strcmp(name, "vkGetDeviceProcAddr") == 0) {
		next_device = (PFN_vkGetDeviceProcAddr)function;
		return (PFN_vkVoidFunction)get_device_function;
	}
	if (strcmp(name, "vkGetPhysicalDeviceProperties2") == 0 ||
		strcmp(name, "vkGetPhysicalDeviceProperties2KHR") == 0) {
		next_properties = (PFN_vkGetPhysicalDeviceProperties2)function;
		return (PFN_vkVoidFunction)get_properties;
	}
	return strcmp(name, "vkGetMemoryFdKHR") == 0 ? (PFN_vkVoidFunction)get_memory_fd : function;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(
	VkInstance instance, const char *name)
{
	return exchange(name, next(instance, name));
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(
	VkInstance instance, const char *name)
{
	return exchange(name, next_physical(instance, name));
}

VKAPI_ATTR VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version)
{
	void *library = dlopen("libvulkan_lvp.so", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return VK_ERROR_INCOMPATIBLE_DRIVER;
	PFN_vkNegotiateLoaderICDInterfaceVersion negotiate =
		(PFN_vkNegotiateLoaderICDInterfaceVersion)dlsym(
			library, "vk_icdNegotiateLoaderICDInterfaceVersion");
	next = (PFN_vkGetInstanceProcAddr)dlsym(library, "vk_icdGetInstanceProcAddr");
	next_physical =
		(PFN_GetPhysicalDeviceProcAddr)dlsym(library, "vk_icdGetPhysicalDeviceProcAddr");
	return negotiate && next && next_physical ? negotiate(version)
						  : VK_ERROR_INCOMPATIBLE_DRIVER;
}
