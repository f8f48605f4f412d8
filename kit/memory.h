/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest's memory: regions in memfds, with holes between them where wanted, and an allocator of
 * guest-physical memory for rings, buffers and pixels.
 *
 * A region has three addresses, all different on purpose, so that a backend that takes one for
 * another is found out: guest-physical, the VMM's own ("user", made up), and the kit's mapping.
 */
#pragma once

#include "kit/kit.h"

#define KIT_MAX_REGIONS 64u
#define KIT_PAGE        4096u

struct kit_region_spec {
	uint64_t guest; /* guest-physical address, a multiple of KIT_PAGE */
	uint64_t size; /* a multiple of KIT_PAGE */
	uint64_t offset; /* where it begins in its file, a multiple of KIT_PAGE */
	bool unsealed; /* the file may be cut short later, whatever the backend does; else F_SEAL_SHRINK | GROW | SEAL */
	bool unusable; /* kit_alloc() keeps out of it; kit_alloc_in() does not */
	bool huge; /* on huge pages, of 2 MiB. The host may have none: whoever touches it then gets SIGBUS */
};

struct kit_region {
	struct kit_region_spec spec;
	uint64_t user; /* the VMM's address */
	uint8_t *host; /* the kit's mapping */
	int fd; /* owned */
	uint8_t *map; /* one byte for each KIT_ALLOC_UNIT: in use or not */
	uint64_t next; /* where to look for a free unit first */
};

struct kit_memory {
	struct kit *kit;
	uint64_t user_base; /* of the VMM's addresses; not the same in two memories of a program */
	struct kit_region regions[KIT_MAX_REGIONS];
	uint32_t count;
};

/* 64 MiB at 0 and 192 MiB at 4 GiB: the shape of a PC with memory above the hole. */
extern const struct kit_region_spec kit_memory_default[2];

void kit_memory_init(struct kit_memory *memory, struct kit *kit);

/* Unmaps and closes everything; nothing of it may be in use. */
void kit_memory_finish(struct kit_memory *memory);

/* Adds a region; the VMM tells the backend of it with SET_MEM_TABLE or ADD_MEM_REG. Returns its
 * index or -errno. */
int kit_memory_add(struct kit_memory *memory, const struct kit_region_spec *spec);

/* Copies the bytes, and moves what is allocated, from a memory of the same shape. 0 or -EINVAL. */
int kit_memory_take_over(struct kit_memory *memory, struct kit_memory *from);

/* The last region goes. */
void kit_memory_drop(struct kit_memory *memory);

/* Guest memory of size bytes, zeroed; align is a power of two, at most KIT_PAGE. Returns the guest
 * address or 0 when there is none left (address 0 is never given out). */
uint64_t kit_alloc(struct kit_memory *memory, uint64_t size, uint64_t align);

/* The same in one region. */
uint64_t kit_alloc_in(struct kit_memory *memory, uint32_t index, uint64_t size, uint64_t align);

/* Gives back what kit_alloc() or kit_alloc_in() gave, with the same size. 0 is fine. */
void kit_free(struct kit_memory *memory, uint64_t guest, uint64_t size);

/* How many bytes are allocated now: to show that a driver gave everything back. */
uint64_t kit_memory_allocated(const struct kit_memory *memory);

/* The kit's pointer to [guest, +size), or NULL when that is not inside one region. */
void *kit_ptr(const struct kit_memory *memory, uint64_t guest, uint64_t size);

/* The guest address behind a pointer of the kit's; 0 when it points elsewhere. */
uint64_t kit_guest(const struct kit_memory *memory, const void *pointer);

/* The VMM's address of a guest address; 0 outside of memory. */
uint64_t kit_user(const struct kit_memory *memory, uint64_t guest);
