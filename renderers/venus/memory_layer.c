/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A layer of Vulkan that gives memory which guests are to see a file of its own, for drivers whose descriptors
 * of memory cannot be mapped (NVIDIA's): what is allocated to be exported is a file of memory, mapped here, whose
 * pages the driver is given (VK_EXT_external_memory_host), and what is exported is that file. The bytes begin at
 * its beginning.
 *
 * Types of memory that cannot be imported from pointers lose HOST_VISIBLE, so that guests use the others for
 * what they want to see; nothing else that is allocated from them, or from others and not to be exported, is
 * changed. Dma-bufs are hidden: virglrenderer would rather make those, and there would be none of our files.
 *
 * Loaded into virglrenderer's processes, where a guest says what is allocated. It applies to the devices in the
 * text of memory_types.h, which the server has tried it with. Any thread may call.
 *
 * Layers: the loader's LoaderLayerInterface.md; each calls the next one, and asks it for its functions.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>

#include "layer_object.h"
#include "memory_book.h"
#include "memory_file.h"
#include "memory_types.h"
#include "util/checked.h"
#include "util/fd.h"

#define DMABUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT

/* A function of the next layer. */
#define NEXT(of, name) ((PFN_##name)(of)->next((of)->object.handle, #name))

struct instance {
	struct layer_object object;
	PFN_vkGetInstanceProcAddr next;
};

/* What the layer does for a physical device. */
struct support {
	bool applies;
	uint32_t types; /* bit n: memory type n can be imported from pointers */
	VkDeviceSize largest; /* allocation */
	VkPhysicalDeviceMemoryProperties memory;
};

struct device {
	struct layer_object object;
	PFN_vkGetDeviceProcAddr next;
	struct support support;
	struct memory_book book;
};

static_assert(VK_MAX_MEMORY_HEAPS <= MEMORY_BOOK_HEAPS, "room for all heaps");

static struct layer_objects instances = LAYER_OBJECTS_INIT(instances);
static struct layer_objects devices = LAYER_OBJECTS_INIT(devices);

static struct instance *instance_of(const void *handle)
{
	return layer_object_find(&instances, handle);
}

static struct device *device_of(VkDevice handle)
{
	return layer_object_find(&devices, handle);
}

/* A structure of a chain; NULL: it is not there. */
static const void *find(const void *chain, VkStructureType type)
{
	for (const VkBaseInStructure *at = chain; at; at = at->pNext)
		if (at->sType == type)
			return at;
	return NULL;
}

static bool is_dmabuf_extension(const char *name)
{
	return strcmp(name, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME) == 0;
}

/* --- physical devices: what is said of them --- */

static void look_at(
	const struct instance *instance, VkPhysicalDevice physical, struct support *ret_support)
{
	VkPhysicalDeviceMaintenance3Properties limits = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
	};
	VkPhysicalDeviceIDProperties id = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
		.pNext = &limits,
	};
	VkPhysicalDeviceProperties2 properties = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		.pNext = &id,
	};
	const char *text = getenv(MEMORY_TYPES_VARIABLE);
	*ret_support = (struct support){ 0 };
	NEXT(instance, vkGetPhysicalDeviceMemoryProperties)(physical, &ret_support->memory);
	NEXT(instance, vkGetPhysicalDeviceProperties2)(physical, &properties);
	ret_support->applies = text && memory_types_find(text, id.deviceUUID, &ret_support->types);
	ret_support->largest = limits.maxMemoryAllocationSize;
}

static void take_away_types(const struct support *support, VkPhysicalDeviceMemoryProperties *memory)
{
	const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
		VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
	for (uint32_t i = 0; support->applies && i < memory->memoryTypeCount; i++)
		if (!(support->types >> i & 1))
			memory->memoryTypes[i].propertyFlags &= ~host;
}

static void get_memory_properties(
	VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *ret_properties)
{
	struct support support;
	look_at(instance_of(physical), physical, &support);
	*ret_properties = support.memory;
	take_away_types(&support, ret_properties);
}

static void get_memory_properties2(
	VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *ret_properties)
{
	const struct instance *instance = instance_of(physical);
	struct support support;
	look_at(instance, physical, &support);
	NEXT(instance, vkGetPhysicalDeviceMemoryProperties2)(physical, ret_properties);
	take_away_types(&support, &ret_properties->memoryProperties);
}

static void hide_dmabufs(VkExternalMemoryProperties *properties)
{
	properties->exportFromImportedHandleTypes &= ~(VkExternalMemoryHandleTypeFlags)DMABUF;
	properties->compatibleHandleTypes &= ~(VkExternalMemoryHandleTypeFlags)DMABUF;
}

static void get_buffer_properties(VkPhysicalDevice physical,
	const VkPhysicalDeviceExternalBufferInfo *info, VkExternalBufferProperties *ret_properties)
{
	const struct instance *instance = instance_of(physical);
	VkExternalMemoryProperties *properties = &ret_properties->externalMemoryProperties;
	struct support support;
	look_at(instance, physical, &support);
	NEXT(instance, vkGetPhysicalDeviceExternalBufferProperties)(physical, info, ret_properties);
	if (support.applies && info->handleType == DMABUF)
		*properties = (VkExternalMemoryProperties){ 0 };
	else if (support.applies)
		hide_dmabufs(properties);
}

static VkResult get_image_properties(VkPhysicalDevice physical,
	const VkPhysicalDeviceImageFormatInfo2 *info, VkImageFormatProperties2 *ret_properties)
{
	const struct instance *instance = instance_of(physical);
	const VkPhysicalDeviceExternalImageFormatInfo *external =
		find(info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
	struct support support;
	look_at(instance, physical, &support);
	if (support.applies && external && external->handleType == DMABUF)
		return VK_ERROR_FORMAT_NOT_SUPPORTED;
	VkResult result = NEXT(instance, vkGetPhysicalDeviceImageFormatProperties2)(
		physical, info, ret_properties);
	VkExternalImageFormatProperties *found = (void *)(uintptr_t)find(
		ret_properties->pNext, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
	if (support.applies && found)
		hide_dmabufs(&found->externalMemoryProperties);
	return result;
}

/* All of them but the one that is hidden. *ret_all: owned by the caller. */
static VkResult get_extensions(const struct instance *instance, VkPhysicalDevice physical,
	VkExtensionProperties **ret_all, uint32_t *ret_count)
{
	const PFN_vkEnumerateDeviceExtensionProperties next =
		NEXT(instance, vkEnumerateDeviceExtensionProperties);
	uint32_t count, kept = 0;
	VkResult result = next(physical, NULL, &count, NULL);
	if (result != VK_SUCCESS)
		return result;
	VkExtensionProperties *all = calloc(count + 1, sizeof(*all));
	if (!all)
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	result = next(physical, NULL, &count, all);
	if (result < 0) {
		free(all);
		return result;
	}
	for (uint32_t i = 0; i < count; i++)
		if (!is_dmabuf_extension(all[i].extensionName))
			all[kept++] = all[i];
	*ret_all = all;
	*ret_count = kept;
	return VK_SUCCESS;
}

static VkResult enumerate_extensions(VkPhysicalDevice physical, const char *layer, uint32_t *count,
	VkExtensionProperties *ret_extensions)
{
	const struct instance *instance = instance_of(physical);
	struct support support;
	_cleanup_free_ VkExtensionProperties *all = NULL;
	uint32_t there;
	look_at(instance, physical, &support);
	if (layer || !support.applies)
		return NEXT(instance, vkEnumerateDeviceExtensionProperties)(
			physical, layer, count, ret_extensions);
	VkResult result = get_extensions(instance, physical, &all, &there);
	if (result != VK_SUCCESS)
		return result;
	uint32_t wanted = ret_extensions ? min_u32(*count, there) : there;
	if (ret_extensions)
		memcpy(ret_extensions, all, wanted * sizeof(*all));
	*count = wanted;
	return wanted < there ? VK_INCOMPLETE : VK_SUCCESS;
}

/* --- memory --- */

static uint64_t number_of(VkDeviceMemory memory)
{
	return (uint64_t)(uintptr_t)memory;
}

/* Has the driver import the file's pages. Of what the allocation says beside, little may be said of such memory:
 * it belongs to no one buffer or image, and is exported by us. What it will be bound to should have been made for
 * pointers as well, but is made when nobody knows yet; drivers do not mind. */
static VkResult import_pages(struct device *device, const VkMemoryAllocateInfo *info,
	const VkAllocationCallbacks *allocator, const struct memory_file *file,
	VkDeviceMemory *ret_memory)
{
	const VkMemoryAllocateFlagsInfo *flags =
		find(info->pNext, VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO);
	const VkMemoryPriorityAllocateInfoEXT *priority =
		find(info->pNext, VK_STRUCTURE_TYPE_MEMORY_PRIORITY_ALLOCATE_INFO_EXT);
	VkMemoryAllocateFlagsInfo own_flags;
	VkMemoryPriorityAllocateInfoEXT own_priority;
	VkImportMemoryHostPointerInfoEXT import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
		.pHostPointer = file->bytes,
	};
	if (flags) {
		own_flags = *flags;
		own_flags.pNext = import.pNext;
		import.pNext = &own_flags;
	}
	if (priority) {
		own_priority = *priority;
		own_priority.pNext = import.pNext;
		import.pNext = &own_priority;
	}
	const VkMemoryAllocateInfo own = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = file->size,
		.memoryTypeIndex = info->memoryTypeIndex,
	};
	return NEXT(device, vkAllocateMemory)(device->object.handle, &own, allocator, ret_memory);
}

static VkResult result_of(int error)
{
	switch (error) {
	case -ENOSPC:
		return VK_ERROR_OUT_OF_DEVICE_MEMORY;
	case -EINVAL:
		return VK_ERROR_INVALID_EXTERNAL_HANDLE;
	case -EMFILE:
	case -ENFILE:
		return VK_ERROR_TOO_MANY_OBJECTS;
	default:
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
}

/* fd: a file of another allocation, taken on success; -1: a new one. What the driver would refuse is not made
 * first. */
static VkResult allocate_in_file(struct device *device, const VkMemoryAllocateInfo *info,
	const VkAllocationCallbacks *allocator, int fd, VkDeviceMemory *ret_memory)
{
	const VkPhysicalDeviceMemoryProperties *properties = &device->support.memory;
	const uint32_t heap = properties->memoryTypes[info->memoryTypeIndex].heapIndex;
	const struct memory_wish wish = {
		.size = info->allocationSize,
		.heap = heap,
		.heap_size = properties->memoryHeaps[heap].size,
		.fd = fd,
	};
	struct memory *memory;
	if (info->allocationSize > device->support.largest)
		return VK_ERROR_OUT_OF_DEVICE_MEMORY;
	int error = memory_create(&device->book, &wish, &memory);
	if (error)
		return result_of(error);
	VkResult result = import_pages(device, info, allocator, &memory->file, ret_memory);
	if (result == VK_SUCCESS)
		memory_keep(&device->book, memory, number_of(*ret_memory));
	else if (fd >= 0)
		memory_give_up(&device->book, memory);
	else
		memory_destroy(&device->book, memory);
	return result;
}

/* Where the memory comes from. */
enum source {
	DRIVER, /* as it is without us */
	NOWHERE, /* what is asked for is hidden */
	NEW_FILE,
	GIVEN_FILE,
};

static enum source source_of(const struct support *support, const VkMemoryAllocateInfo *info)
{
	const VkExportMemoryAllocateInfo *export =
		find(info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
	const VkImportMemoryFdInfoKHR *import =
		find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
	const VkMemoryOpaqueCaptureAddressAllocateInfo *address =
		find(info->pNext, VK_STRUCTURE_TYPE_MEMORY_OPAQUE_CAPTURE_ADDRESS_ALLOCATE_INFO);
	const uint32_t type = info->memoryTypeIndex;
	const bool fits = type < support->memory.memoryTypeCount && support->types >> type & 1;
	if (!support->applies)
		return DRIVER;
	if ((export && export->handleTypes & DMABUF) || (import && import->handleType == DMABUF))
		return NOWHERE;
	enum source source = DRIVER;
	if (import && import->handleType)
		source = memory_file_is(import->fd) ? GIVEN_FILE : DRIVER;
	else if (export && export->handleTypes & OPAQUE && fits)
		source = NEW_FILE;
	/* pages have no address that could be had a second time */
	if (source != DRIVER && (!fits || (address && address->opaqueCaptureAddress)))
		return NOWHERE;
	return source;
}

static VkResult allocate_memory(VkDevice handle, const VkMemoryAllocateInfo *info,
	const VkAllocationCallbacks *allocator, VkDeviceMemory *ret_memory)
{
	struct device *device = device_of(handle);
	const VkImportMemoryFdInfoKHR *import =
		find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
	switch (source_of(&device->support, info)) {
	case NEW_FILE:
		return allocate_in_file(device, info, allocator, -1, ret_memory);
	case GIVEN_FILE:
		return allocate_in_file(device, info, allocator, import->fd, ret_memory);
	case NOWHERE:
		return VK_ERROR_INVALID_EXTERNAL_HANDLE;
	case DRIVER:
		break;
	}
	return NEXT(device, vkAllocateMemory)(handle, info, allocator, ret_memory);
}

/* The file goes when the driver has let go of its pages. */
static void free_memory(
	VkDevice handle, VkDeviceMemory memory_handle, const VkAllocationCallbacks *allocator)
{
	struct device *device = device_of(handle);
	struct memory *memory = memory_take_out(&device->book, number_of(memory_handle));
	NEXT(device, vkFreeMemory)(handle, memory_handle, allocator);
	if (memory)
		memory_destroy(&device->book, memory);
}

static VkResult get_memory_fd(VkDevice handle, const VkMemoryGetFdInfoKHR *info, int *ret_fd)
{
	struct device *device = device_of(handle);
	int fd = memory_export(&device->book, number_of(info->memory));
	if (fd == -ENOENT)
		return NEXT(device, vkGetMemoryFdKHR)(handle, info, ret_fd);
	if (fd < 0)
		return result_of(fd);
	*ret_fd = fd;
	return VK_SUCCESS;
}

static VkResult get_memory_fd_properties(VkDevice handle, VkExternalMemoryHandleTypeFlagBits type,
	int fd, VkMemoryFdPropertiesKHR *ret_properties)
{
	struct device *device = device_of(handle);
	if (device->support.applies && type == DMABUF)
		return VK_ERROR_INVALID_EXTERNAL_HANDLE;
	return NEXT(device, vkGetMemoryFdPropertiesKHR)(handle, type, fd, ret_properties);
}

/* --- instances and devices --- */

/* Where the next layer is said to be; devices have the same but for what u points to. */
static void *find_link(const void *chain, VkStructureType type)
{
	for (const VkLayerInstanceCreateInfo *at = chain; at; at = at->pNext)
		if (at->sType == type && at->function == VK_LAYER_LINK_INFO)
			return (void *)(uintptr_t)at;
	return NULL;
}

static VkResult create_instance(const VkInstanceCreateInfo *info,
	const VkAllocationCallbacks *allocator, VkInstance *ret_instance)
{
	VkLayerInstanceCreateInfo *place =
		find_link(info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
	struct instance *instance = place ? calloc(1, sizeof(*instance)) : NULL;
	if (!instance)
		return VK_ERROR_INITIALIZATION_FAILED;
	instance->next = place->u.pLayerInfo->pfnNextGetInstanceProcAddr;
	place->u.pLayerInfo = place->u.pLayerInfo->pNext;
	VkResult result = NEXT(instance, vkCreateInstance)(info, allocator, ret_instance);
	if (result != VK_SUCCESS) {
		free(instance);
		return result;
	}
	layer_object_add(&instances, &instance->object, *ret_instance);
	return VK_SUCCESS;
}

static void destroy_instance(VkInstance handle, const VkAllocationCallbacks *allocator)
{
	struct instance *instance = handle ? instance_of(handle) : NULL;
	if (!instance)
		return;
	layer_object_remove(&instances, &instance->object);
	NEXT(instance, vkDestroyInstance)(handle, allocator);
	free(instance);
}

/* The same, with what we use of the driver. *ret_names: owned by the caller. */
static VkResult extend(
	const VkDeviceCreateInfo *info, VkDeviceCreateInfo *ret_own, const char ***ret_names)
{
	bool has = false;
	*ret_own = *info;
	const char **names = calloc((size_t)info->enabledExtensionCount + 1, sizeof(*names));
	if (!names)
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	*ret_names = names;
	for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
		names[i] = info->ppEnabledExtensionNames[i];
		if (is_dmabuf_extension(names[i]))
			return VK_ERROR_EXTENSION_NOT_PRESENT;
		has |= strcmp(names[i], VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) == 0;
	}
	if (!has)
		names[ret_own->enabledExtensionCount++] =
			VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
	ret_own->ppEnabledExtensionNames = names;
	return VK_SUCCESS;
}

static VkResult create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
	const VkAllocationCallbacks *allocator, VkDevice *ret_device)
{
	const struct instance *instance = instance_of(physical);
	_cleanup_free_ const char **names = NULL;
	VkDeviceCreateInfo own = *info;
	VkLayerDeviceCreateInfo *place =
		find_link(info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
	struct device *device = place ? calloc(1, sizeof(*device)) : NULL;
	if (!device)
		return VK_ERROR_INITIALIZATION_FAILED;
	const PFN_vkCreateDevice next =
		(PFN_vkCreateDevice)place->u.pLayerInfo->pfnNextGetInstanceProcAddr(
			instance->object.handle, "vkCreateDevice");
	device->next = place->u.pLayerInfo->pfnNextGetDeviceProcAddr;
	place->u.pLayerInfo = place->u.pLayerInfo->pNext;
	memory_book_init(&device->book);
	look_at(instance, physical, &device->support);
	VkResult result = device->support.applies ? extend(info, &own, &names) : VK_SUCCESS;
	if (result == VK_SUCCESS)
		result = next(physical, &own, allocator, ret_device);
	if (result != VK_SUCCESS) {
		memory_book_finish(&device->book);
		free(device);
		return result;
	}
	layer_object_add(&devices, &device->object, *ret_device);
	return VK_SUCCESS;
}

/* What its user has left behind goes with it. */
static void destroy_device(VkDevice handle, const VkAllocationCallbacks *allocator)
{
	struct device *device = handle ? device_of(handle) : NULL;
	if (!device)
		return;
	layer_object_remove(&devices, &device->object);
	NEXT(device, vkDestroyDevice)(handle, allocator);
	memory_book_finish(&device->book);
	free(device);
}

/* --- the loader's way in --- */

static PFN_vkVoidFunction get_instance_function(VkInstance instance, const char *name);
static PFN_vkVoidFunction get_device_function(VkDevice device, const char *name);

/* The compiler sees to it that the function is of that type. */
#define HOOK(level, name, function)                                                                \
	{ level, #name, (PFN_vkVoidFunction)(1 ? function : (PFN_##name)NULL) }

static const struct hook {
	enum { GLOBAL, INSTANCE, DEVICE } level;
	const char *name;
	PFN_vkVoidFunction function;
} hooks[] = {
	HOOK(GLOBAL, vkGetInstanceProcAddr, get_instance_function),
	HOOK(GLOBAL, vkCreateInstance, create_instance),
	HOOK(INSTANCE, vkDestroyInstance, destroy_instance),
	HOOK(INSTANCE, vkCreateDevice, create_device),
	HOOK(INSTANCE, vkEnumerateDeviceExtensionProperties, enumerate_extensions),
	HOOK(INSTANCE, vkGetPhysicalDeviceMemoryProperties, get_memory_properties),
	HOOK(INSTANCE, vkGetPhysicalDeviceMemoryProperties2, get_memory_properties2),
	HOOK(INSTANCE, vkGetPhysicalDeviceMemoryProperties2KHR, get_memory_properties2),
	HOOK(INSTANCE, vkGetPhysicalDeviceExternalBufferProperties, get_buffer_properties),
	HOOK(INSTANCE, vkGetPhysicalDeviceExternalBufferPropertiesKHR, get_buffer_properties),
	HOOK(INSTANCE, vkGetPhysicalDeviceImageFormatProperties2, get_image_properties),
	HOOK(INSTANCE, vkGetPhysicalDeviceImageFormatProperties2KHR, get_image_properties),
	HOOK(DEVICE, vkGetDeviceProcAddr, get_device_function),
	HOOK(DEVICE, vkDestroyDevice, destroy_device),
	HOOK(DEVICE, vkAllocateMemory, allocate_memory),
	HOOK(DEVICE, vkFreeMemory, free_memory),
	HOOK(DEVICE, vkGetMemoryFdKHR, get_memory_fd),
	HOOK(DEVICE, vkGetMemoryFdPropertiesKHR, get_memory_fd_properties),
};

static const struct hook *find_hook(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		if (strcmp(hooks[i].name, name) == 0)
			return &hooks[i];
	return NULL;
}

/* What the next layer does not have, such as functions of an extension that is not enabled, is not there. */
static PFN_vkVoidFunction get_instance_function(VkInstance handle, const char *name)
{
	const struct hook *hook = find_hook(name);
	if (!handle || (hook && hook->level == GLOBAL))
		return hook && hook->level == GLOBAL ? hook->function : NULL;
	const struct instance *instance = instance_of(handle);
	PFN_vkVoidFunction next = instance ? instance->next(handle, name) : NULL;
	return next && hook ? hook->function : next;
}

static PFN_vkVoidFunction get_device_function(VkDevice handle, const char *name)
{
	const struct hook *hook = find_hook(name);
	const struct device *device = device_of(handle);
	PFN_vkVoidFunction next = device ? device->next(handle, name) : NULL;
	return next && hook && hook->level == DEVICE ? hook->function : next;
}

__attribute__((visibility("default"))) VkResult vkNegotiateLoaderLayerInterfaceVersion(
	VkNegotiateLayerInterface *interface)
{
	if (interface->loaderLayerInterfaceVersion < CURRENT_LOADER_LAYER_INTERFACE_VERSION)
		return VK_ERROR_INITIALIZATION_FAILED;
	interface->loaderLayerInterfaceVersion = CURRENT_LOADER_LAYER_INTERFACE_VERSION;
	interface->pfnGetInstanceProcAddr = get_instance_function;
	interface->pfnGetDeviceProcAddr = get_device_function;
	interface->pfnGetPhysicalDeviceProcAddr = NULL;
	return VK_SUCCESS;
}
