/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest memory a VMM has shared (vhost-user "Memory regions description").
 *
 * A struct vhost_memory is an immutable table; each SET_MEM_TABLE, ADD_MEM_REG or REM_MEM_REG makes
 * a new one. Tables and regions are reference-counted: whoever resolved a guest address keeps a
 * reference to the table it resolved it with, so the mapping stays while it is in use. A region
 * that reappears unchanged (same place and same file) in the next table is the same object.
 *
 * Guest memory changes under our feet. Nothing but vhost/ and code that moves plain pixel or
 * command bytes touches it, and everything that is judged is copied out once, before.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define VHOST_MEMORY_MAX_REGIONS 64u

struct vhost_region {
	uint32_t refs;
	uint32_t id; /* never 0, never used again in a table made from this one */
	uint64_t guest_address;
	uint64_t size;
	uint64_t user_address; /* the VMM's own address of it: ring addresses are given in these */
	uint64_t mmap_offset; /* where the region begins in the file */
	uint8_t *base; /* our mapping of guest_address */
	int fd; /* owned; -1: closed */
	dev_t device;
	ino_t inode;
};

struct vhost_memory {
	uint32_t refs;
	uint32_t count;
	uint32_t last_id; /* the highest region id given out so far */
	struct vhost_region *regions[VHOST_MEMORY_MAX_REGIONS]; /* each holds a reference */
};

/* What a message says of one region (struct vhost_user_memory_region). */
struct vhost_region_info {
	uint64_t guest_address;
	uint64_t size;
	uint64_t user_address;
	uint64_t mmap_offset;
};

/* A piece of guest memory in terms that can be handed to another process. */
struct vhost_span {
	struct vhost_region *region; /* not a reference: the table holds it */
	uint64_t offset; /* from the region's start */
	uint64_t length;
};

/* An empty table with one reference, or NULL. */
struct vhost_memory *vhost_memory_create(void);

struct vhost_memory *vhost_memory_ref(struct vhost_memory *memory);

/* NULL is fine. The last reference unmaps regions that no other table has. */
void vhost_memory_unref(struct vhost_memory *memory);

/* Adds a region to a table that nobody else refers to yet. Takes *fd (sets it to -1) on success
 * only. A file that may get shorter later is warned of, once. Reuses the region object of previous (may be NULL) when that describes the same memory.
 * -EINVAL: zero size, wrapping or overlapping addresses, offset not page-aligned or file too short,
 * -ENOSPC: too many regions, or too many on huge pages; otherwise what fstat or mmap said. */
int vhost_memory_add(struct vhost_memory *memory, const struct vhost_region_info *info, int *fd,
	const struct vhost_memory *previous);

/* A new table like memory without the region that info names by guest address, user address and
 * size. -ENOENT when there is none. */
int vhost_memory_without(const struct vhost_memory *memory, const struct vhost_region_info *info,
	struct vhost_memory **ret_memory);

/* Closes the descriptors of all regions, when no other process will be given them. */
void vhost_memory_close_files(struct vhost_memory *memory);

/* A new table with the same regions (one reference to each), or NULL. */
struct vhost_memory *vhost_memory_clone(const struct vhost_memory *memory);

/* Our address of [guest_address, +length) when that lies inside one region, else NULL. length may
 * be 0 for an address inside a region. */
uint8_t *vhost_memory_translate(
	const struct vhost_memory *memory, uint64_t guest_address, uint64_t length);

/* The same for an address in the VMM's address space. */
uint8_t *vhost_memory_translate_user(
	const struct vhost_memory *memory, uint64_t user_address, uint64_t length);

/* The guest address behind an address in the VMM's address space; false outside memory. */
bool vhost_memory_guest_address(
	const struct vhost_memory *memory, uint64_t user_address, uint64_t *ret_guest_address);

/* Cuts [guest_address, +length) into spans, one for each region it crosses. Returns how many spans
 * were written, or -EFAULT when a byte of it is in no region, -ENOSPC when max is too few. */
int vhost_memory_resolve(const struct vhost_memory *memory, uint64_t guest_address, uint64_t length,
	struct vhost_span *spans, size_t max);

/* Copies size bytes of guest memory that was translated before. Whatever the guest writes
 * meanwhile, dst does not change any more afterwards: the one way to bring bytes in that are to be
 * judged. */
void vhost_memory_copy_in(void *dst, const void *guest, size_t size);

/* Copies guest bytes out, each read once; false (nothing promised about dst) outside memory. */
bool vhost_memory_read(
	const struct vhost_memory *memory, uint64_t guest_address, void *dst, size_t length);
