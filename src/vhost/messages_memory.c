/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Requests about the guest's memory (vhost-user, "Memory regions description"). */
#include <errno.h>
#include <string.h>

#include "util/fd.h"
#include "vhost/session_private.h"

static const char *memory_fault(int error)
{
	switch (error) {
	case EINVAL:
		return "a region that is malformed, overlaps or is longer than its file";
	case ENOENT:
		return "there is no such region";
	case ENOSPC:
		return "too many regions";
	default:
		return "a region cannot be mapped";
	}
}

/* The table (taken; may be NULL) is the guest's memory from now on, unless something was wrong with it. */
static int replace_memory(struct vhost_session *session, struct vhost_memory *memory, int status)
{
	if (status < 0) {
		vhost_memory_unref(memory);
		return vhost_session_refusal(session, -status, memory_fault(-status));
	}
	vhost_session_set_memory(session, memory);
	return HANDLED;
}

static struct vhost_region_info region_info(const void *wire)
{
	struct vhost_user_memory_region region;
	memcpy(&region, wire, sizeof(region));
	return (struct vhost_region_info){
		.guest_address = region.guest_address,
		.size = region.size,
		.user_address = region.user_address,
		.mmap_offset = region.mmap_offset,
	};
}

static int fill_table(
	struct vhost_session *session, struct vhost_message *message, struct vhost_memory *memory)
{
	const uint8_t *wire = message->payload + sizeof(struct vhost_user_memory_header);
	for (uint32_t i = 0; i < message->fd_count; i++) {
		struct vhost_region_info info =
			region_info(wire + i * sizeof(struct vhost_user_memory_region));
		int status = vhost_memory_add(memory, &info, &message->fds[i], session->memory);
		if (status < 0)
			return status;
	}
	return HANDLED;
}

int vhost_handle_set_mem_table(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_user_memory_header header;
	memcpy(&header, message->payload, sizeof(header));
	if (header.nregions != message->fd_count)
		return vhost_session_violation(session, "%u regions but %u descriptors",
			header.nregions, message->fd_count);
	if (message->header.size !=
		sizeof(header) + header.nregions * sizeof(struct vhost_user_memory_region))
		return vhost_session_violation(
			session, "%u regions in %u bytes", header.nregions, message->header.size);

	struct vhost_memory *memory = vhost_memory_create();
	int status = memory ? fill_table(session, message, memory) : -ENOMEM;
	return replace_memory(session, memory, status);
}

static struct vhost_region_info single_region(const struct vhost_message *message)
{
	return region_info(message->payload + offsetof(struct vhost_user_single_region, region));
}

int vhost_handle_add_mem_reg(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_region_info info = single_region(message);
	struct vhost_memory *memory = vhost_memory_clone(session->memory);
	int status = memory ? vhost_memory_add(memory, &info, &message->fds[0], session->memory)
			    : -ENOMEM;
	return replace_memory(session, memory, status);
}

int vhost_handle_rem_mem_reg(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_region_info info = single_region(message);
	struct vhost_memory *memory = NULL;
	int status = vhost_memory_without(session->memory, &info, &memory);
	return replace_memory(session, memory, status);
}
