/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The VMM's end of the backend channel: takes what the backend asks for (SHMEM_MAP, SHMEM_UNMAP,
 * CONFIG_CHANGE_MSG, SHARED_OBJECT_ADD, …), maps shared memory where the guest would see it,
 * keeps the list of shared objects, and answers as it is told. What it checks of a map is what
 * QEMU 11.1 checks.
 */
#pragma once

#include "kit/kit.h"
#include "vhost/protocol.h"

#define KIT_MAX_CHANNEL_REQUESTS 256u
#define KIT_MAX_MAPS             512u
#define KIT_MAX_SHARED           64u

enum kit_channel_answer {
	KIT_CHANNEL_GOOD,
	KIT_CHANNEL_REFUSE, /* carried out nothing, answers 1 */
	KIT_CHANNEL_SILENT, /* carried out, not answered */
	KIT_CHANNEL_WRONG, /* answers another request than was asked */
	KIT_CHANNEL_WRONG_SIZE, /* answers with 4 bytes */
	KIT_CHANNEL_UNSOLICITED, /* answers twice */
	KIT_CHANNEL_CLOSE, /* closes the socket instead */
};

struct kit_channel_request {
	uint32_t request;
	uint32_t flags;
	struct vhost_user_mmap mmap; /* of SHMEM_MAP and SHMEM_UNMAP */
	struct vhost_user_shared shared; /* of SHARED_OBJECT_ADD and SHARED_OBJECT_REMOVE */
	uint64_t at_us; /* when it came */
};

struct kit_map {
	uint8_t shmid;
	uint64_t offset, length;
	uint64_t fd_offset;
	int fd; /* owned; of one that is gone: -1 */
	bool told; /* it is in the backend's memory table, as the VMM knows (kit_vmm) */
};

struct kit_shmem {
	uint64_t size; /* 0: there is no such region */
	uint8_t *base; /* address space kept free; maps are put into it */
};

struct kit_channel {
	struct kit *kit;
	struct kit_source source;
	int sock; /* -1: not connected, or closed by either end */
	enum kit_channel_answer answer;
	int delay_ms; /* before each answer */
	bool reading; /* see kit_channel_set_reading() */
	bool peer_closed;
	/* Called before SHMEM_MAP or _UNMAP is answered; may use the main socket (a VMM tells of
	 * the changed memory map there). May be NULL. */
	void (*before_answer)(void *data, const struct kit_channel_request *request);
	void *before_answer_data;

	struct kit_channel_request requests[KIT_MAX_CHANNEL_REQUESTS]; /* the first so many */
	uint32_t count; /* of all */
	uint32_t config_changes;
	uint32_t refused; /* requests that a VMM would refuse */
	char why_refused[128];

	struct kit_shmem shmem[VHOST_USER_MAX_SHMEMS];
	struct kit_map maps[KIT_MAX_MAPS];
	uint32_t map_count, map_peak;
	struct kit_map gone[KIT_MAX_MAPS]; /* were told and are mapped no more */
	uint32_t gone_count;
	uint32_t dropped; /* mappings that the VMM dropped by itself; the backend may unmap them */

	struct vhost_user_shared shared[KIT_MAX_SHARED]; /* what was added and not removed */
	uint32_t shared_count;

	struct kit_source answer_source; /* the delayed answer */
	struct vhost_user_header pending;
	uint64_t pending_value;
};

void kit_channel_init(struct kit_channel *channel, struct kit *kit);
void kit_channel_finish(struct kit_channel *channel);

/* Makes a new socket pair, serves one end and returns the other for SET_BACKEND_REQ_FD (the
 * caller's), or -errno. */
int kit_channel_open(struct kit_channel *channel);

/* false: leaves requests in the socket, as a VMM that hangs does. */
void kit_channel_set_reading(struct kit_channel *channel, bool reading);

/* Closes the VMM's end. */
void kit_channel_close(struct kit_channel *channel);

/* The regions as GET_SHMEM_CONFIG gave them. 0 or -errno. */
int kit_channel_set_shmem(
	struct kit_channel *channel, const struct vhost_user_shmem_config *config);

/* The guest's view of mapped shared memory: NULL unless [offset, +length) lies in one map. */
void *kit_channel_shmem(
	struct kit_channel *channel, uint8_t shmid, uint64_t offset, uint64_t length);

/* The descriptor behind the map that begins there (the caller's), and where in its file; -ENOENT when there is
 * none. */
int kit_channel_shmem_fd(
	const struct kit_channel *channel, uint8_t shmid, uint64_t offset, uint64_t *ret_fd_offset);

/* True when an object with this UUID is in the list. */
bool kit_channel_shares(const struct kit_channel *channel, const uint8_t uuid[16]);

/* Waits until there are so many objects in the list. 0, -ETIMEDOUT (with `why`), … */
int kit_channel_wait_shared(struct kit_channel *channel, uint32_t count);

/* The backend has asked for something that a VMM does not survive. */
void kit_channel_blame(struct kit_channel *channel, const char *why);

/* Drops every map, as a VMM does when the guest resets. The backend may ask for that afterwards, and is told
 * that there is nothing. */
void kit_channel_unmap_all(struct kit_channel *channel);
