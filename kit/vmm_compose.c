/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a correct VMM puts into each message. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kit/display.h"
#include "kit/vmm.h"
#include "util/checked.h"
#include "util/fd.h"

struct composing {
	struct kit_vmm *vmm;
	struct kit_message *message;
	uint32_t index;
	uint64_t value;
};

typedef int (*compose_fn)(struct composing *c);

static int payload(struct composing *c, const void *bytes, size_t size)
{
	memcpy(c->message->payload, bytes, size);
	c->message->header.size = (uint32_t)size;
	return 0;
}

/* The message gets a duplicate. */
static int attach(struct composing *c, int fd)
{
	int copy = fd_dup(fd);
	if (copy < 0)
		return kit_fail(c->vmm->kit, -copy, "dup: %s", strerror(-copy));
	c->message->fds[c->message->fd_count++] = copy;
	return 0;
}

static struct kit_ring *ring_of(struct composing *c)
{
	return &c->vmm->rings[min_u32(c->index, KIT_QUEUES - 1)];
}

static int compose_nothing(struct composing *c)
{
	return 0;
}

static int compose_value(struct composing *c)
{
	return payload(c, &c->value, sizeof(c->value));
}

static struct vhost_user_memory_region region_of(const struct kit_region *region)
{
	return (struct vhost_user_memory_region){ region->spec.guest, region->spec.size,
		region->user, region->spec.offset };
}

static int compose_mem_table(struct composing *c)
{
	const struct kit_memory *memory = c->vmm->memory;
	struct {
		struct vhost_user_memory_header header;
		struct vhost_user_memory_region regions[KIT_MAX_REGIONS];
	} table = { .header.nregions = memory->count };
	int ret = 0;
	for (uint32_t i = 0; i < memory->count && ret == 0; i++) {
		table.regions[i] = region_of(&memory->regions[i]);
		ret = attach(c, memory->regions[i].fd);
	}
	const struct kit_channel *channel = &c->vmm->channel;
	uint32_t mappings = kit_vmm_window_counts(c->vmm) ? channel->map_count : 0;
	for (uint32_t i = 0; i < mappings && ret == 0; i++) {
		table.regions[table.header.nregions++] = kit_vmm_window_region(&channel->maps[i]);
		ret = attach(c, channel->maps[i].fd);
	}
	payload(c, &table, sizeof(table.header) + sizeof(table.regions[0]) * table.header.nregions);
	return ret;
}

static int compose_one_region(struct composing *c)
{
	struct vhost_user_single_region single = {
		.region = region_of(&c->vmm->memory->regions[c->index]),
	};
	return payload(c, &single, sizeof(single));
}

static int compose_add_region(struct composing *c)
{
	compose_one_region(c);
	return attach(c, c->vmm->memory->regions[c->index].fd);
}

/* Shared memory of this size. */
static int attach_memory(struct composing *c, uint64_t size)
{
	_cleanup_fd_ int fd = memfd_create("scratch", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return kit_fail(c->vmm->kit, errno, "memfd: %s", strerror(errno));
	return attach(c, fd);
}

static int compose_scratch_fd(struct composing *c)
{
	return attach_memory(c, KIT_PAGE);
}

/* One bit for each page up to the end of the guest's memory. */
static int compose_log_base(struct composing *c)
{
	const struct kit_memory *memory = c->vmm->memory;
	uint64_t end = 0;
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct kit_region_spec *spec = &memory->regions[i].spec;
		if (spec->guest + spec->size > end)
			end = spec->guest + spec->size;
	}
	uint64_t log[2] = { (end / KIT_PAGE / 8 / KIT_PAGE + 1) * KIT_PAGE, 0 };
	payload(c, log, sizeof(log));
	return attach_memory(c, log[0]);
}

static int compose_log_fd(struct composing *c)
{
	_cleanup_fd_ int fd = fd_eventfd();
	return attach(c, fd);
}

static int vring_state(struct composing *c, uint32_t num)
{
	struct vhost_user_vring_state state = { c->index, num };
	return payload(c, &state, sizeof(state));
}

static int compose_vring_num(struct composing *c)
{
	return vring_state(c, ring_of(c)->size);
}

static int compose_vring_base(struct composing *c)
{
	uint32_t queue = min_u32(c->index, KIT_QUEUES - 1);
	return vring_state(c,
		c->vmm->has_base[queue] ? c->vmm->bases[queue] : kit_ring_first_base(ring_of(c)));
}

static int compose_get_vring_base(struct composing *c)
{
	return vring_state(c, 0);
}

static int compose_vring_enable(struct composing *c)
{
	return vring_state(c, (uint32_t)c->value);
}

static int compose_vring_addr(struct composing *c)
{
	const struct kit_ring *ring = ring_of(c);
	const struct kit_memory *memory = c->vmm->memory;
	struct vhost_user_vring_addr addr = {
		.index = c->index,
		.descriptor = kit_user(memory, ring->descriptors),
		.used = kit_user(memory, ring->used),
		.available = kit_user(memory, ring->available),
	};
	if (kit_vmm_has(c->vmm, VHOST_USER_PROTOCOL_F_GPA_ADDRESSES)) {
		addr.descriptor = ring->descriptors;
		addr.used = ring->used;
		addr.available = ring->available;
	}
	return payload(c, &addr, sizeof(addr));
}

static int vring_fd(struct composing *c, int fd)
{
	uint64_t index = c->index;
	payload(c, &index, sizeof(index));
	return attach(c, fd);
}

static int compose_vring_kick(struct composing *c)
{
	return vring_fd(c, ring_of(c)->kick_fd);
}

static int compose_vring_call(struct composing *c)
{
	return vring_fd(c, ring_of(c)->call_fd);
}

static int compose_vring_err(struct composing *c)
{
	return vring_fd(c, ring_of(c)->err_fd);
}

/* Hands over a socket that was just made for the backend. */
static int attach_new(struct composing *c, int sock)
{
	if (sock < 0)
		return sock;
	c->message->fds[c->message->fd_count++] = sock;
	return 0;
}

static int compose_backend_req_fd(struct composing *c)
{
	return attach_new(c, kit_channel_open(&c->vmm->channel));
}

static int compose_gpu_socket(struct composing *c)
{
	if (!c->vmm->display)
		return compose_scratch_fd(c);
	return attach_new(c, kit_display_open(c->vmm->display));
}

static int config_of(struct composing *c, uint32_t flags)
{
	struct {
		struct vhost_user_config_header header;
		uint8_t bytes[VHOST_USER_MAX_CONFIG_SIZE];
	} config = { .header = { c->index, (uint32_t)c->value, flags } };
	if (c->value > VHOST_USER_MAX_CONFIG_SIZE)
		return kit_fail(c->vmm->kit, EINVAL, "configuration space of %llu bytes",
			(unsigned long long)c->value);
	return payload(c, &config, sizeof(config.header) + c->value);
}

static int compose_get_config(struct composing *c)
{
	return config_of(c, c->vmm->profile ? c->vmm->profile->read_flags : 0);
}

static int compose_set_config(struct composing *c)
{
	return config_of(c, c->vmm->profile ? c->vmm->profile->write_flags : 0);
}

static int compose_inflight(struct composing *c)
{
	struct {
		uint64_t size, offset;
		uint16_t queues, queue_size;
		uint32_t padding;
	} inflight = { KIT_PAGE, 0, KIT_QUEUES, c->vmm->rings[0].size, 0 };
	return payload(c, &inflight, sizeof(inflight));
}

static int compose_set_inflight(struct composing *c)
{
	compose_inflight(c);
	return compose_scratch_fd(c);
}

static int compose_uuid(struct composing *c)
{
	uint8_t uuid[16] = { 0 };
	return payload(c, uuid, sizeof(uuid));
}

static int compose_device_state(struct composing *c)
{
	uint32_t transfer[2] = { c->index, (uint32_t)c->value };
	payload(c, transfer, sizeof(transfer));
	return compose_scratch_fd(c);
}

#define F(name) VHOST_USER_PROTOCOL_F_##name
#define ROW(request, needs, size, fds, answer)                                                     \
	{ VHOST_USER_##request, #request, needs, size, fds, answer }

static const struct kit_request_spec request_specs[] = {
	ROW(GET_FEATURES, -1, 0, 0, 8),
	ROW(SET_FEATURES, -1, 8, 0, 0),
	ROW(SET_OWNER, -1, 0, 0, 0),
	ROW(RESET_OWNER, -1, 0, 0, 0),
	ROW(SET_MEM_TABLE, -1, 8, 0, 0),
	ROW(SET_LOG_BASE, F(LOG_SHMFD), 16, 1, 0),
	ROW(SET_LOG_FD, -1, 0, 1, 0),
	ROW(SET_VRING_NUM, -1, 8, 0, 0),
	ROW(SET_VRING_ADDR, -1, 40, 0, 0),
	ROW(SET_VRING_BASE, -1, 8, 0, 0),
	ROW(GET_VRING_BASE, -1, 8, 0, 8),
	ROW(SET_VRING_KICK, -1, 8, 1, 0),
	ROW(SET_VRING_CALL, -1, 8, 1, 0),
	ROW(SET_VRING_ERR, -1, 8, 1, 0),
	ROW(GET_PROTOCOL_FEATURES, -1, 0, 0, 8),
	ROW(SET_PROTOCOL_FEATURES, -1, 8, 0, 0),
	ROW(GET_QUEUE_NUM, F(MQ), 0, 0, 8),
	ROW(SET_VRING_ENABLE, -1, 8, 0, 0),
	ROW(SET_BACKEND_REQ_FD, F(BACKEND_REQ), 0, 1, 0),
	ROW(GET_CONFIG, F(CONFIG), 12, 0, 12),
	ROW(SET_CONFIG, F(CONFIG), 12, 0, 0),
	ROW(GET_INFLIGHT_FD, F(INFLIGHT_SHMFD), 24, 0, 24),
	ROW(SET_INFLIGHT_FD, F(INFLIGHT_SHMFD), 24, 1, 0),
	ROW(GPU_SET_SOCKET, -1, 0, 1, 0),
	ROW(RESET_DEVICE, F(RESET_DEVICE), 0, 0, 0),
	ROW(GET_MAX_MEM_SLOTS, F(CONFIGURE_MEM_SLOTS), 0, 0, 8),
	ROW(ADD_MEM_REG, F(CONFIGURE_MEM_SLOTS), 40, 1, 0),
	ROW(REM_MEM_REG, F(CONFIGURE_MEM_SLOTS), 40, 0, 0),
	ROW(SET_STATUS, F(STATUS), 8, 0, 0),
	ROW(GET_STATUS, F(STATUS), 0, 0, 8),
	ROW(GET_SHARED_OBJECT, F(SHARED_OBJECT), 16, 0, 0),
	ROW(SET_DEVICE_STATE_FD, F(DEVICE_STATE), 8, 1, 8),
	ROW(CHECK_DEVICE_STATE, F(DEVICE_STATE), 0, 0, 8),
	ROW(GET_SHMEM_CONFIG, F(SHMEM), 0, 0, sizeof(struct vhost_user_shmem_config)),
};

/* By request; the others have no payload. */
static const compose_fn composers[VHOST_USER_REQUEST_MAX] = {
	[VHOST_USER_SET_FEATURES] = compose_value,
	[VHOST_USER_SET_MEM_TABLE] = compose_mem_table,
	[VHOST_USER_SET_LOG_BASE] = compose_log_base,
	[VHOST_USER_SET_LOG_FD] = compose_log_fd,
	[VHOST_USER_SET_VRING_NUM] = compose_vring_num,
	[VHOST_USER_SET_VRING_ADDR] = compose_vring_addr,
	[VHOST_USER_SET_VRING_BASE] = compose_vring_base,
	[VHOST_USER_GET_VRING_BASE] = compose_get_vring_base,
	[VHOST_USER_SET_VRING_KICK] = compose_vring_kick,
	[VHOST_USER_SET_VRING_CALL] = compose_vring_call,
	[VHOST_USER_SET_VRING_ERR] = compose_vring_err,
	[VHOST_USER_SET_PROTOCOL_FEATURES] = compose_value,
	[VHOST_USER_SET_VRING_ENABLE] = compose_vring_enable,
	[VHOST_USER_SET_BACKEND_REQ_FD] = compose_backend_req_fd,
	[VHOST_USER_GET_CONFIG] = compose_get_config,
	[VHOST_USER_SET_CONFIG] = compose_set_config,
	[VHOST_USER_GET_INFLIGHT_FD] = compose_inflight,
	[VHOST_USER_SET_INFLIGHT_FD] = compose_set_inflight,
	[VHOST_USER_GPU_SET_SOCKET] = compose_gpu_socket,
	[VHOST_USER_ADD_MEM_REG] = compose_add_region,
	[VHOST_USER_REM_MEM_REG] = compose_one_region,
	[VHOST_USER_SET_STATUS] = compose_value,
	[VHOST_USER_GET_SHARED_OBJECT] = compose_uuid,
	[VHOST_USER_SET_DEVICE_STATE_FD] = compose_device_state,
};

const struct kit_request_spec *kit_requests(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(request_specs);
	return request_specs;
}

const struct kit_request_spec *kit_request_spec(uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_specs); i++)
		if (request_specs[i].request == request)
			return &request_specs[i];
	return NULL;
}

int kit_vmm_compose(struct kit_vmm *vmm, uint32_t request, uint32_t index, uint64_t value,
	struct kit_message *ret_message)
{
	struct composing c = { vmm, ret_message, index, value };
	compose_fn compose = request < VHOST_USER_REQUEST_MAX ? composers[request] : NULL;
	ret_message->header = (struct vhost_user_header){ request, VHOST_USER_VERSION, 0 };
	ret_message->fd_count = 0;
	int ret = (compose ? compose : compose_nothing)(&c);
	if (ret < 0)
		kit_message_finish(ret_message);
	return ret;
}
