/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/stream.h"
#include "util/checked.h"
#include "util/fd.h"

static int channel_ready(void *data, short events);
static int answer_due(void *data, short events);

void kit_channel_init(struct kit_channel *channel, struct kit *kit)
{
	memset(channel, 0, sizeof(*channel));
	channel->kit = kit;
	channel->sock = -1;
	channel->reading = true;
	channel->source = (struct kit_source){ .fd = -1, .ready = channel_ready, .data = channel };
	channel->answer_source =
		(struct kit_source){ .fd = -1, .ready = answer_due, .data = channel };
}

void kit_channel_close(struct kit_channel *channel)
{
	kit_source_remove(&channel->source);
	kit_source_remove(&channel->answer_source);
	fd_close(&channel->sock);
}

void kit_channel_finish(struct kit_channel *channel)
{
	if (!channel->kit)
		return;
	kit_channel_close(channel);
	for (uint32_t i = 0; i < channel->map_count; i++)
		fd_close(&channel->maps[i].fd);
	channel->map_count = 0;
	for (uint32_t i = 0; i < VHOST_USER_MAX_SHMEMS; i++)
		if (channel->shmem[i].base)
			munmap(channel->shmem[i].base, channel->shmem[i].size);
	memset(channel->shmem, 0, sizeof(channel->shmem));
}

int kit_channel_open(struct kit_channel *channel)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return kit_fail(channel->kit, errno, "socketpair: %s", strerror(errno));
	kit_channel_close(channel);
	channel->sock = pair[0];
	channel->peer_closed = false;
	channel->source.fd = pair[0];
	kit_source_add(channel->kit, &channel->source);
	kit_channel_set_reading(channel, true);
	return pair[1];
}

void kit_channel_set_reading(struct kit_channel *channel, bool reading)
{
	channel->reading = reading;
	channel->source.events = reading ? POLLIN : 0;
}

/* --- shared memory ------------------------------------------------------------------------- */

int kit_channel_set_shmem(struct kit_channel *channel, const struct vhost_user_shmem_config *config)
{
	uint32_t regions = 0;
	for (uint32_t i = 0; i < VHOST_USER_MAX_SHMEMS; i++) {
		struct kit_shmem *shmem = &channel->shmem[i];
		if (shmem->base)
			munmap(shmem->base, shmem->size);
		*shmem = (struct kit_shmem){ .size = config->sizes[i] };
		if (!shmem->size)
			continue;
		regions++;
		if (shmem->size % 4096)
			return kit_fail(channel->kit, EPROTO, "shared memory %u: odd size", i);
		void *base = mmap(NULL, shmem->size, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base == MAP_FAILED)
			return kit_fail(channel->kit, errno, "shared memory %u of %llu bytes", i,
				(unsigned long long)shmem->size);
		shmem->base = base;
	}
	if (regions != config->nregions)
		return kit_fail(channel->kit, EPROTO, "GET_SHMEM_CONFIG says %u regions and has %u",
			config->nregions, regions);
	return 0;
}

/* Takes a map out of the window and out of the list. */
static void drop(struct kit_channel *channel, struct kit_map *map)
{
	uint8_t *at = channel->shmem[map->shmid].base + map->offset;
	mmap(at, map->length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		-1, 0);
	fd_close(&map->fd);
	if (map->told && channel->gone_count < KIT_MAX_MAPS)
		channel->gone[channel->gone_count++] = *map;
	*map = channel->maps[--channel->map_count];
}

void kit_channel_unmap_all(struct kit_channel *channel)
{
	channel->dropped += channel->map_count;
	while (channel->map_count)
		drop(channel, &channel->maps[channel->map_count - 1]);
}

void *kit_channel_shmem(
	struct kit_channel *channel, uint8_t shmid, uint64_t offset, uint64_t length)
{
	for (uint32_t i = 0; i < channel->map_count; i++) {
		const struct kit_map *map = &channel->maps[i];
		if (map->shmid == shmid && offset >= map->offset &&
			range_inside(offset - map->offset, length, map->length))
			return channel->shmem[shmid].base + offset;
	}
	return NULL;
}

int kit_channel_shmem_fd(
	const struct kit_channel *channel, uint8_t shmid, uint64_t offset, uint64_t *ret_fd_offset)
{
	for (uint32_t i = 0; i < channel->map_count; i++) {
		const struct kit_map *map = &channel->maps[i];
		if (map->shmid != shmid || map->offset != offset)
			continue;
		*ret_fd_offset = map->fd_offset;
		return fd_dup(map->fd);
	}
	return -ENOENT;
}

/* What is wrong with a map, or NULL. */
static const char *judge_map(
	const struct kit_channel *channel, const struct vhost_user_mmap *m, int fd)
{
	struct stat info;
	uint64_t end;
	if (fd < 0)
		return "a map without a descriptor";
	if (channel->shmem[m->shmid].size == 0)
		return "a map into a region that does not exist";
	if (m->length == 0 ||
		!range_inside(m->shm_offset, m->length, channel->shmem[m->shmid].size))
		return "a map that is not inside its region";
	if (m->fd_offset % 4096 || m->shm_offset % 4096 || m->length % 4096)
		return "a map that is not aligned to pages";
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return "a map of a descriptor that is not open for reading and writing";
	if (fstat(fd, &info) < 0 || !checked_add(m->fd_offset, m->length, &end) ||
		(S_ISREG(info.st_mode) && (uint64_t)info.st_size < end))
		return "a map beyond the end of its file";
	if ((info.st_mode & S_IFMT) && !S_ISREG(info.st_mode)) /* dma-bufs have no type */
		return "a map of what is no memory";
	for (uint32_t i = 0; i < channel->map_count; i++) {
		const struct kit_map *other = &channel->maps[i];
		if (other->shmid == m->shmid && m->shm_offset < other->offset + other->length &&
			other->offset < m->shm_offset + m->length)
			return "a map on top of another";
	}
	return channel->map_count == KIT_MAX_MAPS ? "more maps than a VMM has slots for" : NULL;
}

static const char *map_in(struct kit_channel *channel, const struct vhost_user_mmap *m, int fd)
{
	const char *wrong = judge_map(channel, m, fd);
	if (wrong)
		return wrong;
	int copy = fd_dup(fd);
	if (copy < 0)
		return "a map for which there is no descriptor left";
	int protection = m->flags & VHOST_USER_FLAG_MAP_RW ? PROT_READ | PROT_WRITE : PROT_READ;
	if (mmap(channel->shmem[m->shmid].base + m->shm_offset, m->length, protection,
		    MAP_SHARED | MAP_FIXED, fd, (off_t)m->fd_offset) == MAP_FAILED) {
		fd_close(&copy);
		return "a map that the kernel refuses";
	}
	channel->maps[channel->map_count++] = (struct kit_map){ .shmid = m->shmid,
		.offset = m->shm_offset,
		.length = m->length,
		.fd_offset = m->fd_offset,
		.fd = copy };
	channel->map_peak = max_u32(channel->map_peak, channel->map_count);
	return NULL;
}

static const char *map_out(struct kit_channel *channel, const struct vhost_user_mmap *m)
{
	for (uint32_t i = 0; i < channel->map_count; i++) {
		struct kit_map *map = &channel->maps[i];
		if (map->shmid != m->shmid || map->offset != m->shm_offset ||
			map->length != m->length)
			continue;
		drop(channel, map);
		return NULL;
	}
	return "an unmap of what was not mapped";
}

/* A question may be answered with no, and an end of what the VMM has ended by itself is not the backend's fault. */
static bool is_excused(struct kit_channel *channel, uint32_t request)
{
	if (request == VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP)
		return true;
	if (request != VHOST_USER_BACKEND_SHMEM_UNMAP || !channel->dropped)
		return false;
	channel->dropped--;
	return true;
}

/* --- shared objects ------------------------------------------------------------------------ */

static uint32_t find_shared(const struct kit_channel *channel, const uint8_t uuid[16])
{
	uint32_t i = 0;
	while (i < channel->shared_count && memcmp(channel->shared[i].uuid, uuid, 16) != 0)
		i++;
	return i;
}

bool kit_channel_shares(const struct kit_channel *channel, const uint8_t uuid[16])
{
	return find_shared(channel, uuid) < channel->shared_count;
}

static const char *share(
	struct kit_channel *channel, const struct vhost_user_shared *shared, int fd)
{
	if (fd >= 0)
		return "a shared object with a descriptor";
	if (kit_channel_shares(channel, shared->uuid))
		return "a shared object that is there already";
	if (channel->shared_count == KIT_MAX_SHARED)
		return "too many shared objects";
	channel->shared[channel->shared_count++] = *shared;
	return NULL;
}

static const char *unshare(struct kit_channel *channel, const struct vhost_user_shared *shared)
{
	uint32_t i = find_shared(channel, shared->uuid);
	if (i == channel->shared_count)
		return "the end of a shared object that is not there";
	channel->shared[i] = channel->shared[--channel->shared_count];
	return NULL;
}

struct shared_wait {
	const struct kit_channel *channel;
	uint32_t count;
};

static bool has_shared(void *data)
{
	const struct shared_wait *wait = data;
	return wait->channel->shared_count == wait->count;
}

int kit_channel_wait_shared(struct kit_channel *channel, uint32_t count)
{
	struct shared_wait wait = { channel, count };
	int ret = kit_wait(channel->kit, has_shared, &wait, -1);
	if (ret == -ETIMEDOUT)
		kit_fail(channel->kit, ETIMEDOUT, "%u objects are shared, not %u",
			channel->shared_count, count);
	return ret;
}

/* --- requests ------------------------------------------------------------------------------ */

static int send_answer(
	struct kit_channel *channel, uint32_t request, const void *value, uint32_t size)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[8];
	} message = { .header = { request, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK, size } };
	memcpy(message.payload, value, size);
	struct kit_bytes bytes = { .data = &message, .size = sizeof(message.header) + size };
	return kit_stream_send(channel->kit, channel->sock, &bytes);
}

static int answer(struct kit_channel *channel)
{
	uint32_t request = channel->pending.request;
	uint64_t value = channel->pending_value;
	int ret = 0;
	switch (channel->answer) {
	case KIT_CHANNEL_GOOD:
	case KIT_CHANNEL_REFUSE:
		return send_answer(channel, request, &value, 8);
	case KIT_CHANNEL_SILENT:
		return 0;
	case KIT_CHANNEL_WRONG:
		return send_answer(channel, request + 1, &value, 8);
	case KIT_CHANNEL_WRONG_SIZE:
		return send_answer(channel, request, &value, 4);
	case KIT_CHANNEL_UNSOLICITED:
		ret = send_answer(channel, request, &value, 8);
		return ret < 0 ? ret : send_answer(channel, request, &value, 8);
	case KIT_CHANNEL_CLOSE:
		kit_channel_close(channel);
		return 0;
	}
	return ret;
}

static int answer_due(void *data, short events)
{
	struct kit_channel *channel = data;
	kit_source_remove(&channel->answer_source);
	channel->answer_source.due = 0;
	channel->source.events = channel->reading ? POLLIN : 0;
	return answer(channel);
}

static const char *carry_out(
	struct kit_channel *channel, const struct kit_channel_request *request, int fd)
{
	switch (request->request) {
	case VHOST_USER_BACKEND_CONFIG_CHANGE_MSG:
		channel->config_changes++;
		return NULL;
	case VHOST_USER_BACKEND_SHMEM_MAP:
		return map_in(channel, &request->mmap, fd);
	case VHOST_USER_BACKEND_SHMEM_UNMAP:
		return map_out(channel, &request->mmap);
	case VHOST_USER_BACKEND_SHARED_OBJECT_ADD:
		return share(channel, &request->shared, fd);
	case VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE:
		return unshare(channel, &request->shared);
	case VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP:
		return "an object that no other device of the kit's has";
	default:
		return "a request that a VMM does not know";
	}
}

static bool is_about_memory(uint32_t request)
{
	return request == VHOST_USER_BACKEND_SHMEM_MAP || request == VHOST_USER_BACKEND_SHMEM_UNMAP;
}

void kit_channel_blame(struct kit_channel *channel, const char *why)
{
	channel->refused++;
	snprintf(channel->why_refused, sizeof(channel->why_refused), "%s", why);
}

static int handle(struct kit_channel *channel, const struct kit_channel_request *request, int fd)
{
	const char *wrong = NULL;
	if (channel->answer != KIT_CHANNEL_REFUSE)
		wrong = carry_out(channel, request, fd);
	if (wrong && !is_excused(channel, request->request))
		kit_channel_blame(channel, wrong);
	if (channel->count < KIT_MAX_CHANNEL_REQUESTS)
		channel->requests[channel->count] = *request;
	channel->count++;
	if (channel->before_answer && is_about_memory(request->request))
		channel->before_answer(channel->before_answer_data, request);
	if (!(request->flags & VHOST_USER_NEED_REPLY_MASK) || channel->sock < 0)
		return 0;
	channel->pending.request = request->request;
	channel->pending_value = wrong || channel->answer == KIT_CHANNEL_REFUSE;
	if (!channel->delay_ms)
		return answer(channel);
	channel->answer_source.due = kit_now() + (uint64_t)channel->delay_ms;
	channel->source.events = 0;
	kit_source_add(channel->kit, &channel->answer_source);
	return 0;
}

static bool size_is_right(const struct vhost_user_header *header)
{
	switch (header->request) {
	case VHOST_USER_BACKEND_SHARED_OBJECT_ADD:
	case VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE:
	case VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP:
		return header->size == sizeof(struct vhost_user_shared);
	case VHOST_USER_BACKEND_SHMEM_MAP:
	case VHOST_USER_BACKEND_SHMEM_UNMAP:
		return header->size == sizeof(struct vhost_user_mmap);
	default:
		return true;
	}
}

static int receive(struct kit_channel *channel)
{
	struct vhost_user_header header;
	uint8_t payload[256] = { 0 };
	int fds[8];
	uint32_t fd_count = 0;
	struct kit_room room = { &header, sizeof(header), fds, ARRAY_SIZE(fds), &fd_count };
	int ret = kit_stream_receive(channel->kit, channel->sock, &room);
	if (ret == 0 && header.size > sizeof(payload))
		ret = kit_fail(channel->kit, EPROTO, "backend channel: %u bytes", header.size);
	if (ret == 0 && header.size) {
		room = (struct kit_room){ payload, header.size, NULL, 0, NULL };
		ret = kit_stream_receive(channel->kit, channel->sock, &room);
	}
	if (ret == 0 &&
		((header.flags & ~VHOST_USER_NEED_REPLY_MASK) != VHOST_USER_VERSION ||
			fd_count > 1))
		ret = kit_fail(channel->kit, EPROTO, "backend channel: flags %#x, %u descriptors",
			header.flags, fd_count);
	if (ret == 0 && !size_is_right(&header))
		ret = kit_fail(channel->kit, EPROTO, "backend channel: request %u of %u bytes",
			header.request, header.size);
	if (ret == 0) {
		struct kit_channel_request request = {
			.request = header.request, .flags = header.flags, .at_us = kit_now_us()
		};
		memcpy(&request.mmap, payload, sizeof(request.mmap));
		memcpy(&request.shared, payload, sizeof(request.shared));
		ret = handle(channel, &request, fd_count ? fds[0] : -1);
	}
	fd_close_all(fds, fd_count);
	return ret;
}

static void note_closed(struct kit_channel *channel)
{
	channel->peer_closed = true;
	kit_channel_close(channel);
}

static int channel_ready(void *data, short events)
{
	struct kit_channel *channel = data;
	char byte;
	if (!channel->reading && !(events & POLLHUP))
		return 0;
	if (recv(channel->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		note_closed(channel);
		return 0;
	}
	int ret = receive(channel);
	if (ret != -ECONNRESET)
		return ret;
	note_closed(channel); /* it thought better of it, in the middle of a request */
	return 0;
}
