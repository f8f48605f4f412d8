/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Tables are short (a VMM has a handful of regions, 64 at most), so every look-up is a walk over
 * them. All address arithmetic is "offset into a region": addresses are compared, and only what is
 * known to be inside is subtracted, so nothing can wrap.
 */
#include "vhost/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/file_map.h"
#include "util/log.h"

/* #syscalls device viewer: fstat fcntl:get-seals */

static void region_unref(struct vhost_region *region)
{
	assert(region->refs > 0);
	if (--region->refs > 0)
		return;
	file_map_destroy(region->base, region->size);
	fd_close(&region->fd);
	free(region);
}

struct vhost_memory *vhost_memory_create(void)
{
	struct vhost_memory *memory = calloc(1, sizeof(*memory));
	if (memory)
		memory->refs = 1;
	return memory;
}

struct vhost_memory *vhost_memory_ref(struct vhost_memory *memory)
{
	assert(memory->refs > 0);
	memory->refs++;
	return memory;
}

void vhost_memory_unref(struct vhost_memory *memory)
{
	if (!memory)
		return;
	assert(memory->refs > 0);
	if (--memory->refs > 0)
		return;
	for (uint32_t i = 0; i < memory->count; i++)
		region_unref(memory->regions[i]);
	free(memory);
}

static void table_append(struct vhost_memory *memory, struct vhost_region *region)
{
	memory->regions[memory->count++] = region;
}

static bool ranges_meet(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b ? b - a < a_size : a - b < b_size;
}

/* The last byte of each range has to have an address. */
static bool info_valid(const struct vhost_region_info *info, uint64_t page)
{
	uint64_t end;
	return info->size != 0 && info->mmap_offset % page == 0 &&
		checked_add(info->guest_address, info->size - 1, &end) &&
		checked_add(info->user_address, info->size - 1, &end) &&
		checked_add(info->mmap_offset, info->size, &end) && end <= INT64_MAX;
}

static bool info_overlaps(const struct vhost_memory *memory, const struct vhost_region_info *info)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *region = memory->regions[i];
		if (ranges_meet(
			    region->guest_address, region->size, info->guest_address, info->size) ||
			ranges_meet(
				region->user_address, region->size, info->user_address, info->size))
			return true;
	}
	return false;
}

static bool region_is(const struct vhost_region *region, const struct vhost_region_info *info)
{
	return region->guest_address == info->guest_address && region->size == info->size &&
		region->user_address == info->user_address;
}

static struct vhost_region *find_same(const struct vhost_memory *memory,
	const struct vhost_region_info *info, const struct stat *file)
{
	for (uint32_t i = 0; memory && i < memory->count; i++) {
		struct vhost_region *region = memory->regions[i];
		if (region_is(region, info) && region->mmap_offset == info->mmap_offset &&
			region->device == file->st_dev && region->inode == file->st_ino)
			return region;
	}
	return NULL;
}

static struct vhost_region *region_create(
	const struct vhost_region_info *info, const struct stat *file)
{
	struct vhost_region *region = calloc(1, sizeof(*region));
	if (!region)
		return NULL;
	*region = (struct vhost_region){
		.refs = 1,
		.guest_address = info->guest_address,
		.size = info->size,
		.user_address = info->user_address,
		.mmap_offset = info->mmap_offset,
		.fd = -1,
		.device = file->st_dev,
		.inode = file->st_ino,
	};
	return region;
}

/* What happens then is the business of the process's SIGBUS handler. */
static void warn_of_unsealed(int fd)
{
	static bool warned;
	int seals = fcntl(fd, F_GET_SEALS);
	if (warned || (seals >= 0 && (seals & F_SEAL_SHRINK)))
		return;
	warned = true;
	log_warn("the VMM's memory file is not sealed against shrinking (F_SEAL_SHRINK): whoever "
		 "cuts it off takes guest memory away under this process and the VMM");
}

static int add_new(struct vhost_memory *memory, const struct vhost_region_info *info, int *fd,
	const struct stat *file)
{
	if (memory->last_id == UINT32_MAX)
		return -ENOSPC;
	struct vhost_region *region = region_create(info, file);
	if (!region)
		return -ENOMEM;
	int status = file_map_create(
		*fd, info->mmap_offset, info->size, PROT_READ | PROT_WRITE, &region->base);
	if (status < 0) {
		free(region);
		return status;
	}
	warn_of_unsealed(*fd);
	region->id = ++memory->last_id;
	region->fd = fd_steal(fd);
	table_append(memory, region);
	return 0;
}

int vhost_memory_add(struct vhost_memory *memory, const struct vhost_region_info *info, int *fd,
	const struct vhost_memory *previous)
{
	assert(memory->refs == 1);
	if (!info_valid(info, (uint64_t)sysconf(_SC_PAGESIZE)) || info_overlaps(memory, info))
		return -EINVAL;
	if (memory->count == VHOST_MEMORY_MAX_REGIONS)
		return -ENOSPC;

	struct stat file;
	int status = fd_stat(*fd, &file);
	if (status < 0)
		return status;
	/* A byte behind the end of the file would be a SIGBUS later. */
	if (file.st_size < 0 ||
		!range_inside(info->mmap_offset, info->size, (uint64_t)file.st_size))
		return -EINVAL;

	if (previous)
		memory->last_id = max_u32(memory->last_id, previous->last_id);
	struct vhost_region *same = find_same(previous, info, &file);
	if (!same)
		return add_new(memory, info, fd, &file);
	same->refs++;
	table_append(memory, same);
	fd_close(fd);
	return 0;
}

void vhost_memory_close_files(struct vhost_memory *memory)
{
	for (uint32_t i = 0; i < memory->count; i++)
		fd_close(&memory->regions[i]->fd);
}

struct vhost_memory *vhost_memory_clone(const struct vhost_memory *memory)
{
	struct vhost_memory *clone = vhost_memory_create();
	if (!clone)
		return NULL;
	clone->last_id = memory->last_id;
	for (uint32_t i = 0; i < memory->count; i++) {
		memory->regions[i]->refs++;
		table_append(clone, memory->regions[i]);
	}
	return clone;
}

int vhost_memory_without(const struct vhost_memory *memory, const struct vhost_region_info *info,
	struct vhost_memory **ret_memory)
{
	uint32_t found = 0;
	while (found < memory->count && !region_is(memory->regions[found], info))
		found++;
	if (found == memory->count)
		return -ENOENT;

	struct vhost_memory *rest = vhost_memory_clone(memory);
	if (!rest)
		return -ENOMEM;
	region_unref(rest->regions[found]);
	rest->regions[found] = rest->regions[--rest->count];
	*ret_memory = rest;
	return 0;
}

/* True when address lies in [start, start + size); *ret_offset is where. */
static bool offset_in(uint64_t start, uint64_t size, uint64_t address, uint64_t *ret_offset)
{
	if (address < start || address - start >= size)
		return false;
	*ret_offset = address - start;
	return true;
}

uint8_t *vhost_memory_translate(
	const struct vhost_memory *memory, uint64_t guest_address, uint64_t length)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *region = memory->regions[i];
		uint64_t offset;
		if (offset_in(region->guest_address, region->size, guest_address, &offset))
			return length <= region->size - offset ? region->base + offset : NULL;
	}
	return NULL;
}

uint8_t *vhost_memory_translate_user(
	const struct vhost_memory *memory, uint64_t user_address, uint64_t length)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *region = memory->regions[i];
		uint64_t offset;
		if (offset_in(region->user_address, region->size, user_address, &offset))
			return length <= region->size - offset ? region->base + offset : NULL;
	}
	return NULL;
}

bool vhost_memory_guest_address(
	const struct vhost_memory *memory, uint64_t user_address, uint64_t *ret_guest_address)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct vhost_region *region = memory->regions[i];
		uint64_t offset;
		if (!offset_in(region->user_address, region->size, user_address, &offset))
			continue;
		*ret_guest_address = region->guest_address + offset;
		return true;
	}
	return false;
}

/* The span from guest_address to the end of its region, at most length bytes. */
static bool first_span(const struct vhost_memory *memory, uint64_t guest_address, uint64_t length,
	struct vhost_span *ret_span)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		struct vhost_region *region = memory->regions[i];
		uint64_t offset;
		if (!offset_in(region->guest_address, region->size, guest_address, &offset))
			continue;
		*ret_span = (struct vhost_span){
			.region = region,
			.offset = offset,
			.length = min_u64(length, region->size - offset),
		};
		return true;
	}
	return false;
}

int vhost_memory_resolve(const struct vhost_memory *memory, uint64_t guest_address, uint64_t length,
	struct vhost_span *spans, size_t max)
{
	size_t count = 0;
	while (length > 0) {
		struct vhost_span span;
		if (!first_span(memory, guest_address, length, &span))
			return -EFAULT;
		if (count == max)
			return -ENOSPC;
		spans[count++] = span;
		length -= span.length;
		if (length > 0 && !checked_add(guest_address, span.length, &guest_address))
			return -EFAULT;
	}
	return (int)count;
}

void vhost_memory_copy_in(void *dst, const void *guest, size_t size)
{
	memcpy(dst, guest, size);
	/* Without this the compiler may read the guest's bytes again instead of the copy. */
	__asm__ volatile("" : : "r"(dst) : "memory");
}

bool vhost_memory_read(
	const struct vhost_memory *memory, uint64_t guest_address, void *dst, size_t length)
{
	uint8_t *to = dst;
	uint64_t left = length;
	while (left > 0) {
		struct vhost_span span;
		if (!first_span(memory, guest_address, left, &span))
			return false;
		vhost_memory_copy_in(to, span.region->base + span.offset, span.length);
		to += span.length;
		left -= span.length;
		if (left > 0 && !checked_add(guest_address, span.length, &guest_address))
			return false;
	}
	return true;
}
