/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Indices run freely over 32 bits; each side keeps its own one in private memory and only publishes it,
 * so that what the other side may have written over it is never read back. Of the other side's index
 * the last good value is kept: a new one must lie between that and what is possible now.
 *
 * Sleeping and waking, as in every protocol of this kind, is store, full barrier, load on both sides:
 * the sleeper writes "armed" and then reads the index, the waker writes the index and then reads
 * "armed". At least one of them sees what the other wrote.
 *
 * Positions in the data area run freely over 64 bits. The device remembers for each submission where
 * the area ended when it was pushed; that is where the part in use begins once it is consumed.
 */
#include "renderer/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "renderer/ring_layout.h"
#include "util/fd.h"
#include "util/shm.h"

/* #syscalls device: pipe2 */
/* #syscalls all: mmap:no-exec munmap fcntl:get-seals */

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static_assert(sizeof(struct wire_submission) == RING_RECORD_SIZE, "one kind of queue");
static_assert(sizeof(struct wire_completion) == RING_RECORD_SIZE, "one kind of queue");
static_assert((RING_SUBMISSIONS & (RING_SUBMISSIONS - 1)) == 0, "indices are masked");
static_assert((RING_COMPLETIONS & (RING_COMPLETIONS - 1)) == 0, "indices are masked");
static_assert(RING_DATA_SIZE % RING_CACHE_LINE == 0, "blocks are aligned");
static_assert(ATOMIC_INT_LOCK_FREE == 2, "shared between processes");

/* One side's view of a queue. */
struct queue {
	struct ring_indices *shared;
	uint8_t *records;
	uint32_t size;
	uint32_t mine; /* produced, or popped */
	uint32_t published; /* of mine, what the other side has been told */
	uint32_t theirs; /* the last good value of the other side's index */
};

struct ring {
	enum ring_side side;
	struct ring_shared *shared;
	struct queue push; /* submissions for the device */
	struct queue pop;
	int wake_fd;
	int signal_fd;
	struct ring_fds
		fds; /* device: the other side's; kept, so that signalling is never an error */
	bool broken;
	bool pushed; /* since the last ring_notify() */
	bool popped;

	/* Device: the data area is in use from tail to head. */
	uint64_t tail;
	uint64_t head;
	uint64_t reserved_position;
	uint64_t reserved_end;
	uint64_t ends[RING_SUBMISSIONS]; /* head after each submission */
};

int ring_memory(void)
{
	return shm_create("virtiogpud-ring", sizeof(struct ring_shared));
}

static bool is_ring_memory(int fd)
{
	struct stat st;
	if (fd_stat(fd, &st) < 0)
		return false;
	int seals = fcntl(fd, F_GET_SEALS);
	errno = EINVAL;
	return st.st_size == (off_t)sizeof(struct ring_shared) && seals >= 0 &&
		(seals & SEALS) == SEALS;
}

static struct ring_shared *map_memory(int fd)
{
	void *memory =
		mmap(NULL, sizeof(struct ring_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void init_queues(struct ring *ring)
{
	struct ring_shared *shared = ring->shared;
	struct queue submissions = {
		.shared = &shared->submissions,
		.records = shared->submission_records,
		.size = RING_SUBMISSIONS,
	};
	struct queue completions = {
		.shared = &shared->completions,
		.records = shared->completion_records,
		.size = RING_COMPLETIONS,
	};
	ring->push = ring->side == RING_DEVICE ? submissions : completions;
	ring->pop = ring->side == RING_DEVICE ? completions : submissions;
}

static struct ring *alloc_ring(enum ring_side side)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	if (!ring)
		return NULL;
	ring->side = side;
	ring->wake_fd = -1;
	ring->signal_fd = -1;
	ring->fds = (struct ring_fds){ -1, -1, -1 };
	return ring;
}

struct ring *ring_create(int memory)
{
	int pipe_fds[2];
	_cleanup_fd_ int owned = memory;
	struct ring *ring = alloc_ring(RING_DEVICE);
	if (!ring)
		return NULL;

	if (memory < 0)
		errno = -memory;
	if (memory < 0 || !is_ring_memory(memory))
		goto fail;
	ring->fds.memory = fd_steal(&owned);
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		goto fail;
	ring->fds.to_renderer = pipe_fds[0];
	ring->signal_fd = pipe_fds[1];
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		goto fail;
	ring->wake_fd = pipe_fds[0];
	ring->fds.to_device = pipe_fds[1];
	ring->shared = map_memory(ring->fds.memory);
	if (!ring->shared)
		goto fail;
	init_queues(ring);
	return ring;

fail:
	ring_destroy(ring);
	return NULL;
}

struct ring *ring_open(struct ring_fds *fds)
{
	struct ring *ring = alloc_ring(RING_RENDERER);
	_cleanup_fd_ int memory = fd_steal(&fds->memory);
	_cleanup_fd_ int to_renderer = fd_steal(&fds->to_renderer);
	_cleanup_fd_ int to_device = fd_steal(&fds->to_device);
	if (!ring)
		return NULL;

	if (!is_ring_memory(memory))
		goto fail;
	if (fd_set_nonblocking(to_renderer) < 0 || fd_set_nonblocking(to_device) < 0)
		goto fail;
	ring->shared = map_memory(memory);
	if (!ring->shared)
		goto fail;
	ring->wake_fd = fd_steal(&to_renderer);
	ring->signal_fd = fd_steal(&to_device);
	init_queues(ring);
	return ring;

fail:
	ring_destroy(ring);
	return NULL;
}

void ring_destroy(struct ring *ring)
{
	if (!ring)
		return;
	int saved_errno = errno;
	if (ring->shared)
		munmap(ring->shared, sizeof(*ring->shared));
	fd_close(&ring->wake_fd);
	fd_close(&ring->signal_fd);
	fd_close(&ring->fds.memory);
	fd_close(&ring->fds.to_renderer);
	fd_close(&ring->fds.to_device);
	free(ring);
	errno = saved_errno;
}

struct ring_fds ring_get_fds(const struct ring *ring)
{
	return ring->fds;
}

int ring_wake_fd(const struct ring *ring)
{
	return ring->wake_fd;
}

/* Producer: looks how far the other side has consumed. */
static void refresh_push(struct ring *ring)
{
	struct queue *queue = &ring->push;
	uint32_t consumed = atomic_load_explicit(&queue->shared->consumed, memory_order_acquire);
	if (consumed - queue->theirs > queue->mine - queue->theirs) {
		ring->broken = true;
		return;
	}
	queue->theirs = consumed;
	uint64_t end = ring->ends[(consumed - 1) & (RING_SUBMISSIONS - 1)];
	if (consumed == queue->mine)
		ring->tail = ring->head;
	else if (end > ring->tail) /* not when it was pushed before the area was rewound */
		ring->tail = end;
}

/* Consumer: looks how far the other side has produced. */
static void refresh_pop(struct ring *ring)
{
	struct queue *queue = &ring->pop;
	uint32_t produced = atomic_load_explicit(&queue->shared->produced, memory_order_acquire);
	uint32_t used = produced - queue->mine;
	if (used > queue->size || used < queue->theirs - queue->mine)
		ring->broken = true;
	else
		queue->theirs = produced;
}

static uint32_t push_room(const struct ring *ring)
{
	if (ring->broken)
		return 0;
	return ring->push.size - (ring->push.mine - ring->push.theirs);
}

static bool can_push(struct ring *ring)
{
	if (push_room(ring) == 0)
		refresh_push(ring);
	return push_room(ring) != 0;
}

static void push(struct ring *ring, const void *record)
{
	struct queue *queue = &ring->push;
	uint32_t index = queue->mine & (queue->size - 1);
	memcpy(queue->records + index * RING_RECORD_SIZE, record, RING_RECORD_SIZE);
	queue->mine++;
	atomic_store_explicit(&queue->shared->produced, queue->mine, memory_order_release);
	ring->pushed = true;
}

static void publish_popped(struct ring *ring)
{
	struct queue *queue = &ring->pop;
	if (queue->published == queue->mine)
		return;
	queue->published = queue->mine;
	atomic_store_explicit(&queue->shared->consumed, queue->mine, memory_order_release);
	ring->popped = true;
}

static int pop(struct ring *ring, void *ret_record)
{
	struct queue *queue = &ring->pop;
	publish_popped(ring);
	if (queue->theirs == queue->mine)
		refresh_pop(ring);
	if (ring->broken)
		return -EPROTO;
	if (queue->theirs == queue->mine)
		return 0;
	uint32_t index = queue->mine & (queue->size - 1);
	memcpy(ret_record, queue->records + index * RING_RECORD_SIZE, RING_RECORD_SIZE);
	/* From here on only the copy counts: no compiler may read the shared record again. */
	atomic_signal_fence(memory_order_seq_cst);
	queue->mine++;
	return 1;
}

bool ring_push_submission(struct ring *ring, const struct wire_submission *record)
{
	assert(ring->side == RING_DEVICE);
	bool owns_data = record->data_size > 0;
	assert(!owns_data || record->data_position == ring->reserved_position);
	if (!can_push(ring))
		return false;
	if (owns_data)
		ring->head = ring->reserved_end;
	ring->ends[ring->push.mine & (RING_SUBMISSIONS - 1)] = ring->head;
	push(ring, record);
	return true;
}

int ring_pop_submission(struct ring *ring, struct wire_submission *ret_record)
{
	assert(ring->side == RING_RENDERER);
	return pop(ring, ret_record);
}

bool ring_push_completion(struct ring *ring, const struct wire_completion *record)
{
	assert(ring->side == RING_RENDERER);
	if (!can_push(ring))
		return false;
	push(ring, record);
	return true;
}

int ring_pop_completion(struct ring *ring, struct wire_completion *ret_record)
{
	assert(ring->side == RING_DEVICE);
	int result = pop(ring, ret_record);
	/* Nothing lies beside a completion: its place is free as soon as it has been copied. */
	publish_popped(ring);
	return result;
}

uint32_t ring_submission_room(struct ring *ring)
{
	assert(ring->side == RING_DEVICE);
	refresh_push(ring);
	return push_room(ring);
}

uint32_t ring_completion_room(struct ring *ring)
{
	assert(ring->side == RING_RENDERER);
	refresh_push(ring);
	return push_room(ring);
}

static bool take_wish(_Atomic uint32_t *wish)
{
	return atomic_load_explicit(wish, memory_order_relaxed) != 0 &&
		atomic_exchange_explicit(wish, 0, memory_order_relaxed) != 0;
}

void ring_notify(struct ring *ring)
{
	if (!ring->pushed && !ring->popped)
		return;
	struct ring_wishes *wishes = &ring->shared->wishes[ring->side ^ 1u];
	atomic_thread_fence(memory_order_seq_cst);
	bool wake = ring->pushed && take_wish(&wishes->armed);
	wake |= ring->popped && take_wish(&wishes->room);
	ring->pushed = false;
	ring->popped = false;
	if (wake)
		fd_eventfd_signal(ring->signal_fd);
}

bool ring_pending(struct ring *ring)
{
	refresh_pop(ring);
	return ring->broken || ring->pop.theirs != ring->pop.mine;
}

bool ring_arm(struct ring *ring)
{
	struct ring_wishes *wishes = &ring->shared->wishes[ring->side];
	atomic_store_explicit(&wishes->armed, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return ring_pending(ring);
}

void ring_disarm(struct ring *ring)
{
	struct ring_wishes *wishes = &ring->shared->wishes[ring->side];
	atomic_store_explicit(&wishes->armed, 0, memory_order_relaxed);
	fd_eventfd_drain(ring->wake_fd);
}

void ring_want_room(struct ring *ring)
{
	struct ring_wishes *wishes = &ring->shared->wishes[ring->side];
	atomic_store_explicit(&wishes->room, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	refresh_push(ring);
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* With nothing in use the next block goes to the front, which is likely still in a cache. */
static void rewind_data(struct ring *ring)
{
	if (ring->head == ring->tail) {
		ring->head = round_up(ring->head, RING_DATA_SIZE);
		ring->tail = ring->head;
	}
}

void *ring_data_reserve(struct ring *ring, uint32_t size, uint64_t *ret_position)
{
	assert(ring->side == RING_DEVICE);
	refresh_push(ring);
	rewind_data(ring);
	uint64_t total = round_up((uint64_t)size + RENDERER_SUBMIT_PADDING, RING_CACHE_LINE);
	uint64_t position = ring->head;
	if (position % RING_DATA_SIZE + total > RING_DATA_SIZE)
		position = round_up(position, RING_DATA_SIZE);
	if (total > RING_DATA_SIZE || position + total - ring->tail > RING_DATA_SIZE)
		return NULL;

	ring->reserved_position = position;
	ring->reserved_end = position + total;
	uint8_t *block = ring->shared->data + position % RING_DATA_SIZE;
	memset(block + size, 0, total - size);
	*ret_position = position;
	return block;
}

uint32_t ring_data_room(struct ring *ring)
{
	assert(ring->side == RING_DEVICE);
	refresh_push(ring);
	rewind_data(ring);
	uint64_t unused = RING_DATA_SIZE - (ring->head - ring->tail);
	uint64_t to_end = RING_DATA_SIZE - ring->head % RING_DATA_SIZE;
	uint64_t largest = unused <= to_end ? unused : to_end;
	if (unused - largest > largest)
		largest = unused - largest;
	return largest > RENDERER_SUBMIT_PADDING ? (uint32_t)(largest - RENDERER_SUBMIT_PADDING)
						 : 0;
}

void *ring_data(struct ring *ring, const struct wire_submission *record)
{
	uint64_t offset = record->data_position % RING_DATA_SIZE;
	uint64_t total = (uint64_t)record->data_size + RENDERER_SUBMIT_PADDING;
	if (record->data_size == 0 || offset % RING_CACHE_LINE != 0 ||
		offset + total > RING_DATA_SIZE)
		return NULL;
	return ring->shared->data + offset;
}
