/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"

#define KIT_ALLOC_UNIT 64u
#define USER_BASE      0x7e0000000000u

const struct kit_region_spec kit_memory_default[2] = {
	{ .guest = 0, .size = 64u << 20 },
	{ .guest = UINT64_C(4) << 30, .size = 192u << 20 },
};

void kit_memory_init(struct kit_memory *memory, struct kit *kit)
{
	static uint64_t count;
	memset(memory, 0, sizeof(*memory));
	memory->kit = kit;
	memory->user_base = USER_BASE + (count++ % 8 << 33);
}

static void drop_region(struct kit_region *region)
{
	munmap(region->host, region->spec.size);
	fd_close(&region->fd);
	free(region->map);
	memset(region, 0, sizeof(*region));
}

void kit_memory_drop(struct kit_memory *memory)
{
	drop_region(&memory->regions[--memory->count]);
}

void kit_memory_finish(struct kit_memory *memory)
{
	while (memory->count)
		kit_memory_drop(memory);
}

static int make_file(struct kit *kit, const struct kit_region_spec *spec)
{
	/* Backends that want it sealed must not be able to do so. */
	unsigned flags = spec->unsealed ? 0 : MFD_ALLOW_SEALING;
	if (spec->huge)
		flags |= MFD_HUGETLB | MAP_HUGE_2MB;
	int fd = memfd_create("guest-memory", MFD_CLOEXEC | flags);
	if (fd < 0)
		return kit_fail(kit, errno, "memfd_create: %s", strerror(errno));
	int seals = spec->unsealed ? 0 : F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	if (ftruncate(fd, (off_t)(spec->offset + spec->size)) < 0 ||
		(seals && fcntl(fd, F_ADD_SEALS, seals) < 0)) {
		int error = kit_fail(kit, errno, "guest memory: %s", strerror(errno));
		fd_close(&fd);
		return error;
	}
	return fd;
}

int kit_memory_add(struct kit_memory *memory, const struct kit_region_spec *spec)
{
	struct kit *kit = memory->kit;
	if (memory->count == KIT_MAX_REGIONS)
		return kit_fail(kit, ENOSPC, "the kit has only %u memory regions", KIT_MAX_REGIONS);
	int fd = make_file(kit, spec);
	if (fd < 0)
		return fd;
	int flags = MAP_SHARED | (spec->huge ? MAP_NORESERVE : 0);
	void *host = mmap(NULL, spec->size, PROT_READ | PROT_WRITE, flags, fd, (off_t)spec->offset);
	uint8_t *map = calloc(spec->size / KIT_ALLOC_UNIT, 1);
	if (host == MAP_FAILED || !map) {
		int error = kit_fail(kit, ENOMEM, "no memory for a region");
		if (host != MAP_FAILED)
			munmap(host, spec->size);
		free(map);
		fd_close(&fd);
		return error;
	}
	uint32_t index = memory->count++;
	memory->regions[index] = (struct kit_region){ .spec = *spec,
		.fd = fd,
		.host = host,
		.map = map,
		.user = memory->user_base + ((uint64_t)index << 36) };
	return (int)index;
}

/* Leaves out what was never written: most of a guest's memory. */
static void copy_data(struct kit_region *to, const struct kit_region *from)
{
	off_t base = (off_t)from->spec.offset, end = base + (off_t)from->spec.size;
	off_t start = lseek(from->fd, base, SEEK_DATA);
	while (start >= 0 && start < end) {
		off_t hole = lseek(from->fd, start, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		memcpy(to->host + (start - base), from->host + (start - base),
			(size_t)(hole - start));
		start = lseek(from->fd, hole, SEEK_DATA);
	}
}

int kit_memory_take_over(struct kit_memory *memory, struct kit_memory *from)
{
	bool same = memory->count == from->count;
	for (uint32_t i = 0; i < memory->count && same; i++)
		same = memory->regions[i].spec.guest == from->regions[i].spec.guest &&
			memory->regions[i].spec.size == from->regions[i].spec.size;
	if (!same)
		return kit_fail(memory->kit, EINVAL, "the memory is of another shape");
	for (uint32_t i = 0; i < memory->count; i++) {
		struct kit_region *to = &memory->regions[i], *old = &from->regions[i];
		copy_data(to, old);
		memcpy(to->map, old->map, to->spec.size / KIT_ALLOC_UNIT);
		memset(old->map, 0, old->spec.size / KIT_ALLOC_UNIT);
		to->next = old->next;
	}
	return 0;
}

static const struct kit_region *find(const struct kit_memory *memory, uint64_t guest, uint64_t size)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct kit_region *region = &memory->regions[i];
		if (guest >= region->spec.guest &&
			range_inside(guest - region->spec.guest, size, region->spec.size))
			return region;
	}
	return NULL;
}

struct run {
	uint64_t units;
	uint64_t align; /* in units */
};

/* The first unit of a free run that begins in [from, to), or to. */
static uint64_t search(
	const struct kit_region *region, uint64_t from, uint64_t to, const struct run *run)
{
	uint64_t limit = region->spec.size / KIT_ALLOC_UNIT;
	uint64_t unit = (from + run->align - 1) / run->align * run->align;
	for (; unit < to; unit += run->align)
		if (range_inside(unit, run->units, limit) &&
			!memchr(region->map + unit, 1, run->units))
			return unit;
	return to;
}

static uint64_t alloc_in(struct kit_region *region, const struct run *run)
{
	uint64_t end = region->spec.size / KIT_ALLOC_UNIT;
	uint64_t first = region->spec.guest == 0 ? 1 : 0;
	uint64_t from = region->next > first ? region->next : first;
	uint64_t unit = search(region, from, end, run);
	if (unit == end) {
		unit = search(region, first, from, run);
		if (unit == from)
			return 0;
	}
	memset(region->map + unit, 1, run->units);
	region->next = unit + run->units;
	memset(region->host + unit * KIT_ALLOC_UNIT, 0, run->units * KIT_ALLOC_UNIT);
	return region->spec.guest + unit * KIT_ALLOC_UNIT;
}

static uint64_t units_of(uint64_t size)
{
	return size ? (size - 1) / KIT_ALLOC_UNIT + 1 : 1;
}

static struct run run_of(uint64_t size, uint64_t align)
{
	return (struct run){ .units = units_of(size),
		.align = align > KIT_ALLOC_UNIT ? align / KIT_ALLOC_UNIT : 1 };
}

static uint64_t nothing_left(const struct kit_memory *memory, uint64_t size)
{
	kit_fail(memory->kit, ENOMEM, "the guest has no %llu bytes left", (unsigned long long)size);
	return 0;
}

uint64_t kit_alloc_in(struct kit_memory *memory, uint32_t index, uint64_t size, uint64_t align)
{
	const struct run run = run_of(size, align);
	uint64_t guest = alloc_in(&memory->regions[index], &run);
	return guest ? guest : nothing_left(memory, size);
}

uint64_t kit_alloc(struct kit_memory *memory, uint64_t size, uint64_t align)
{
	const struct run run = run_of(size, align);
	for (uint32_t i = 0; i < memory->count; i++) {
		uint64_t guest =
			memory->regions[i].spec.unusable ? 0 : alloc_in(&memory->regions[i], &run);
		if (guest)
			return guest;
	}
	return nothing_left(memory, size);
}

void kit_free(struct kit_memory *memory, uint64_t guest, uint64_t size)
{
	const struct kit_region *region = guest ? find(memory, guest, size) : NULL;
	if (!region)
		return;
	uint64_t unit = (guest - region->spec.guest) / KIT_ALLOC_UNIT;
	memset(region->map + unit, 0, units_of(size));
}

uint64_t kit_memory_allocated(const struct kit_memory *memory)
{
	uint64_t units = 0;
	for (uint32_t i = 0; i < memory->count; i++)
		for (uint64_t k = 0; k < memory->regions[i].spec.size / KIT_ALLOC_UNIT; k++)
			units += memory->regions[i].map[k];
	return units * KIT_ALLOC_UNIT;
}

void *kit_ptr(const struct kit_memory *memory, uint64_t guest, uint64_t size)
{
	const struct kit_region *region = find(memory, guest, size);
	return region ? region->host + (guest - region->spec.guest) : NULL;
}

uint64_t kit_guest(const struct kit_memory *memory, const void *pointer)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct kit_region *region = &memory->regions[i];
		uint64_t offset = (uint64_t)((uintptr_t)pointer - (uintptr_t)region->host);
		if ((uintptr_t)pointer >= (uintptr_t)region->host && offset < region->spec.size)
			return region->spec.guest + offset;
	}
	return 0;
}

uint64_t kit_user(const struct kit_memory *memory, uint64_t guest)
{
	const struct kit_region *region = find(memory, guest, 0);
	return region ? region->user + (guest - region->spec.guest) : 0;
}
