/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The driver's side of a virtqueue, split (virtio 1.4, 2.7) or packed (2.8): any size up to 32768,
 * indirect descriptors, both directions of notification suppression.
 *
 * The upper half (kit_ring_add … kit_ring_wait) is a correct driver, which checks what the device
 * writes into the ring. The lower half writes the ring's memory as it is told, for the cases in
 * which the driver is not correct; after that only the lower half makes sense until
 * kit_ring_reset().
 */
#pragma once

#include "kit/memory.h"

#define KIT_RING_NEXT     1u
#define KIT_RING_WRITE    2u
#define KIT_RING_INDIRECT 4u

struct kit_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};

/* Further flags of a packed descriptor. */
#define KIT_PACKED_AVAILABLE 0x80u
#define KIT_PACKED_USED      0x8000u

struct kit_packed_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t id;
	uint16_t flags;
};

/* Flags of the packed event structures. */
#define KIT_EVENT_ENABLE  0u
#define KIT_EVENT_DISABLE 1u
#define KIT_EVENT_AT      2u /* one descriptor: needs event_idx */

/* A place in a packed ring, with the wrap counter of its round. */
struct kit_position {
	uint16_t index;
	bool wrap;
};

struct kit_chain {
	bool in_flight;
	uint16_t length; /* descriptors it has in the ring */
	uint64_t writable; /* bytes */
	void *token;
	uint64_t table; /* indirect table; 0: none */
	uint32_t table_size;
	uint16_t next_free; /* packed: the next free id */
};

struct kit_ring_impl;

struct kit_ring {
	struct kit *kit;
	struct kit_memory *memory;
	const struct kit_ring_impl *impl; /* the layout */
	uint32_t index; /* which queue of the device */
	uint16_t size;
	uint64_t descriptors, available, used; /* guest addresses; packed: driver and device area */
	bool event_idx;
	bool indirect; /* chains of more than one descriptor go into an indirect table */
	bool polling; /* wants no interrupts; waits by looking */
	int kick_fd, call_fd, err_fd; /* owned */

	/* split: free-running indices */
	uint16_t next_available;
	uint16_t next_used;
	uint16_t kicked; /* next_available at the last kick */

	/* packed */
	struct kit_position available_at, used_at;
	uint32_t unkicked; /* descriptors made available since the last kick */
	uint32_t in_flight; /* chains */
	bool misled; /* the device's event structure was not sane */

	uint16_t free_head; /* split: descriptor, packed: id */
	uint16_t free_count; /* descriptors */
	struct kit_chain *chains; /* by head or id */
	uint64_t kicks; /* eventfd writes */
	uint64_t interrupts; /* counted at the eventfd */
};

/* A used element. */
struct kit_used {
	void *token;
	uint16_t head; /* packed: id */
	uint32_t length; /* bytes the device says it wrote */
};

/* One buffer of a chain; readable ones come first. */
struct kit_piece {
	uint64_t address;
	uint32_t length;
	bool writable;
};

/* Allocates the ring in guest memory, split at first; size is 1 to 32768, and a power of two as long
 * as it is split. 0 or -errno. */
int kit_ring_init(struct kit_ring *ring, struct kit_memory *memory, uint32_t index, uint32_t size);

/* NULL-safe on a zeroed ring. Chains in flight are forgotten. */
void kit_ring_finish(struct kit_ring *ring);

/* Empties the ring as a driver does after a device reset; tokens in flight are forgotten. */
void kit_ring_reset(struct kit_ring *ring);

/* Goes on as the driver of another ring at the same place of a memory that was taken over; that one
 * forgets its chains. 0 or -EINVAL. */
int kit_ring_take_over(struct kit_ring *ring, struct kit_ring *from);
/* Chooses the layout. A ring that had another one is empty afterwards. */
void kit_ring_set_packed(struct kit_ring *ring, bool packed);

bool kit_ring_packed(const struct kit_ring *ring);

/* The base (SET_VRING_BASE) of a ring that is empty; and the one that GET_VRING_BASE has to give
 * when the device has answered all that it took. */
uint32_t kit_ring_first_base(const struct kit_ring *ring);
uint32_t kit_ring_base(const struct kit_ring *ring);

/* Split: empties it as if so many chains had come and gone before. */
void kit_ring_reset_at(struct kit_ring *ring, uint16_t index);

/* Offers a chain to the device (without a kick). The token (not NULL) comes back with the used
 * element. Returns the head or id, -ENOSPC when the ring is full, -ENOMEM without memory for a
 * table. */
int kit_ring_add(struct kit_ring *ring, const struct kit_piece *pieces, size_t count, void *token);

/* Kicks if the device wants to know of what was added since the last kick. */
void kit_ring_kick(struct kit_ring *ring);

/* Takes the next used element: 1, 0 when there is none, -EPROTO when something in the ring is not
 * sane (unknown id, more bytes than were writable, an index that runs ahead, flags or events that
 * mean nothing). */
int kit_ring_take(struct kit_ring *ring, struct kit_used *ret_used);

/* Waits until kit_ring_take() has something to give. Sleeps on the interrupt: an answer without one
 * is -EPROTO, unless the ring is polling. 0, -ETIMEDOUT (with `why`) or what ended the wait. */
int kit_ring_wait(struct kit_ring *ring, int timeout_ms);

/* For whoever sleeps on call_fd himself: takes note of its interrupts and asks for the next one. True when
 * kit_ring_take() has something to give already. */
bool kit_ring_ask(struct kit_ring *ring);

/* Reads and clears the interrupt's counter into ring->interrupts; returns what was added. */
uint64_t kit_ring_interrupts(struct kit_ring *ring);

/* How many chains are in flight. */
uint32_t kit_ring_in_flight(const struct kit_ring *ring);

/* --- as it is told ------------------------------------------------------------------------- */

/* Kicks, whatever the device wants. */
void kit_ring_kick_always(struct kit_ring *ring);

/* Split: writes entry `at` of the descriptor table (or of any table in guest memory). */
void kit_ring_write(struct kit_ring *ring, uint16_t at, const struct kit_descriptor *descriptor);
void kit_table_write(struct kit_memory *memory, uint64_t table, uint16_t at,
	const struct kit_descriptor *descriptor);

/* Split: puts any head into the next place of the available ring and advances its index by one. */
void kit_ring_publish(struct kit_ring *ring, uint16_t head);

/* Split: sets the available index, and the event index, to any value. */
void kit_ring_set_available(struct kit_ring *ring, uint16_t index);
void kit_ring_set_event(struct kit_ring *ring, uint16_t index);

/* Split: sets the flags of the available ring (1: no interrupts); those of the used ring (1: no
 * kicks). */
void kit_ring_set_flags(struct kit_ring *ring, uint16_t flags);
uint16_t kit_ring_device_flags(const struct kit_ring *ring);

/* Split: what the device has written: its used index, and the event index it asks to be kicked
 * at. */
uint16_t kit_ring_used_index(const struct kit_ring *ring);
uint16_t kit_ring_device_event(const struct kit_ring *ring);

/* Packed: the position so many places (up to two rounds) on. */
struct kit_position kit_packed_ahead(
	const struct kit_ring *ring, struct kit_position position, uint32_t places);

/* Packed: the flags that mark a descriptor as available at this position. */
uint16_t kit_packed_marks(struct kit_position position);

/* Packed: writes the descriptor so many places ahead of the next one to be made available, with its
 * flags as they are and these marks added. */
void kit_packed_write(struct kit_ring *ring, uint32_t ahead,
	const struct kit_packed_descriptor *descriptor, uint16_t marks);

/* The same for a descriptor of a table in guest memory. */
void kit_packed_table_write(struct kit_memory *memory, uint64_t table, uint16_t at,
	const struct kit_packed_descriptor *descriptor);

/* Packed: so many more places have been made available. */
void kit_packed_publish(struct kit_ring *ring, uint32_t places);

/* Packed: position and flags of the driver's event structure; and what the device's says. */
void kit_packed_set_event(struct kit_ring *ring, uint16_t position, uint16_t flags);
void kit_packed_device_event(
	const struct kit_ring *ring, uint16_t *ret_position, uint16_t *ret_flags);

/* Packed: a position as in event structures and bases. */
uint16_t kit_packed_word(struct kit_position position);
