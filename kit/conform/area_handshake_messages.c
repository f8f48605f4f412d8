/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Each message by itself, in its good form. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/conform/conform.h"
#include "util/fd.h"

#define CONFIG_PART      16u /* bytes that QEMU of before virtio 1.4 knows */
#define STATE_NO_FD      0x100u
#define STATE_ERROR_MASK 0xffu
#define STATE_MAX        (1u << 20) /* bytes of saved state that are taken */
#define FEATURES_OK      8u

/* Those that a backend has to serve, when it offers their feature. */
static const char *const request_names[] = { "GET_FEATURES", "SET_FEATURES", "SET_OWNER",
	"SET_MEM_TABLE", "SET_LOG_BASE", "SET_VRING_NUM", "SET_VRING_ADDR", "SET_VRING_BASE",
	"GET_VRING_BASE", "SET_VRING_KICK", "SET_VRING_CALL", "SET_VRING_ERR",
	"GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES", "GET_QUEUE_NUM", "SET_VRING_ENABLE",
	"SET_BACKEND_REQ_FD", "GET_CONFIG", "SET_CONFIG", "GET_INFLIGHT_FD", "SET_INFLIGHT_FD",
	"GPU_SET_SOCKET", "RESET_DEVICE", "GET_MAX_MEM_SLOTS", "ADD_MEM_REG", "REM_MEM_REG",
	"SET_STATUS", "GET_STATUS", "GET_SHARED_OBJECT", "SET_DEVICE_STATE_FD",
	"CHECK_DEVICE_STATE", "GET_SHMEM_CONFIG", NULL };

static struct kit_machine *realized(struct conform *c)
{
	return conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

static const struct kit_request_spec *offered_request(const struct conform *c)
{
	const struct kit_request_spec *spec = conform_request(c);
	if (spec->needs >= 0 && !(c->probe->protocol >> spec->needs & 1))
		conform_skip("%s is not offered", kit_protocol_feature_name((uint32_t)spec->needs));
	return spec;
}

static void start_and_end(struct conform *c, struct kit_machine *m)
{
	conform_start(m);
	conform_end(c, m);
}

/* --- in its good form ---------------------------------------------------------------------- */

/* Realize has sent it, or the start will: a VMM does so once. */
static void good_once(struct conform *c, struct kit_machine *m)
{
}

static void good_features(struct conform *c, struct kit_machine *m)
{
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_FEATURES, 0, m->vmm.features));
}

static void good_protocol_features(struct conform *c, struct kit_machine *m)
{
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_PROTOCOL_FEATURES, 0, m->vmm.protocol));
}

/* With LOG_SHMFD it has an answer, whatever is in it: QEMU waits for one. */
static void good_log_base(struct conform *c, struct kit_machine *m)
{
	struct kit_message message;
	conform_compose(m, VHOST_USER_SET_LOG_BASE, &message);
	CHECK_OK(m, kit_vmm_ask(&m->vmm, &message));
	CHECK_INT(message.fd_count, 0);
}

static void good_kick(struct conform *c, struct kit_machine *m)
{
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_KICK, 0, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK_INT(m->vmm.bases[0], 0);
}

static void good_enable(struct conform *c, struct kit_machine *m)
{
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 1));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 0));
}

static void good_config(struct conform *c, struct kit_machine *m)
{
	uint8_t bytes[CONFIG_PART];
	uint32_t nothing = 0;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, bytes, sizeof(bytes)));
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 4, &nothing, sizeof(nothing)));
}

struct inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
	uint32_t padding;
};

/* The buffer that the backend gives is as large as it says, and is taken back. */
static void good_inflight(struct conform *c, struct kit_machine *m)
{
	struct kit_message message;
	struct inflight inflight;
	struct stat info;
	conform_compose(m, VHOST_USER_GET_INFLIGHT_FD, &message);
	CHECK_OK(m, kit_vmm_ask(&m->vmm, &message));
	CHECK_INT(message.header.size, sizeof(inflight));
	CHECK_INT(message.fd_count, 1);
	memcpy(&inflight, message.payload, sizeof(inflight));
	CHECK(inflight.size > 0 && fstat(message.fds[0], &info) == 0);
	CHECK((uint64_t)info.st_size >= inflight.size + inflight.offset);
	message.header.request = VHOST_USER_SET_INFLIGHT_FD;
	message.header.flags = VHOST_USER_VERSION;
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
}

static void add_region(struct kit_machine *m, uint32_t *ret_index)
{
	struct kit_region_spec more = {
		.guest = UINT64_C(8) << 30, .size = 2u << 20, .unusable = true
	};
	*ret_index = m->memory.count;
	CHECK_OK(m, kit_memory_add(&m->memory, &more));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, *ret_index, 0));
}

static void good_region(struct conform *c, struct kit_machine *m)
{
	uint32_t index;
	add_region(m, &index);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG, index, 0));
	kit_memory_drop(&m->memory);
}

/* A device that can serve the features says so. */
static void good_status(struct conform *c, struct kit_machine *m)
{
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_STATUS, 0, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_STATUS, 0, m->vmm.status | FEATURES_OK));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_STATUS, 0, 0));
	CHECK(m->vmm.status & FEATURES_OK);
}

/* Of an object that nobody has shared. */
static void good_shared_object(struct conform *c, struct kit_machine *m)
{
	struct kit_message message;
	conform_compose(m, VHOST_USER_GET_SHARED_OBJECT, &message);
	CHECK_OK(m, kit_vmm_ask(&m->vmm, &message));
	CHECK_INT(message.fd_count, 0);
}

/* Asks for a u64. */
static uint64_t ask_value(struct kit_machine *m, struct kit_message *message)
{
	uint64_t value;
	CHECK_OK(m, kit_vmm_ask(&m->vmm, message));
	CHECK_INT(message->header.size, sizeof(value));
	memcpy(&value, message->payload, sizeof(value));
	return value;
}

/* Begins a transfer and returns the VMM's end of it: of its own pipe or of the backend's channel. */
static int transfer_state(struct conform *c, struct kit_machine *m, bool load)
{
	struct kit_message message;
	int ends[2];
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_DEVICE_STATE_FD, load, 0, &message));
	kit_message_finish(&message);
	message.fds[message.fd_count++] = fd_steal(&ends[load ? 0 : 1]);
	uint64_t value = ask_value(m, &message);
	if (value & STATE_ERROR_MASK) {
		conform_start(m);
		conform_reject(c, m, "the state cannot be transferred (%u)",
			(unsigned)(value & STATE_ERROR_MASK));
	}
	CHECK_INT(message.fd_count, !(value & STATE_NO_FD));
	if (message.fd_count) {
		fd_close(&ends[load ? 1 : 0]);
		return fd_steal(&message.fds[0]);
	}
	return ends[load ? 1 : 0];
}

static void check_state(struct kit_machine *m)
{
	struct kit_message message;
	conform_compose(m, VHOST_USER_CHECK_DEVICE_STATE, &message);
	CHECK_INT(ask_value(m, &message), 0);
}

/* The state of a device at rest, saved and loaded again. */
static void good_device_state(struct conform *c, struct kit_machine *m)
{
	uint8_t *state = malloc(STATE_MAX);
	size_t size = 0;
	ssize_t got = 1;
	CHECK(state);
	int fd = transfer_state(c, m, false);
	while (got > 0) {
		CHECK_OK(m, kit_wait_fd(&m->kit, fd, POLLIN, -1));
		got = read(fd, state + size, STATE_MAX - size);
		size += got > 0 ? (size_t)got : 0;
	}
	CHECK_INT(got, 0);
	fd_close(&fd);
	check_state(m);
	fd = transfer_state(c, m, true);
	for (size_t sent = 0; sent < size; sent += (size_t)got) {
		CHECK_OK(m, kit_wait_fd(&m->kit, fd, POLLOUT, -1));
		got = write(fd, state + sent, size - sent);
		CHECK(got > 0);
	}
	fd_close(&fd);
	check_state(m);
	free(state);
}

/* QEMU makes them one BAR, whose size is a power of two. */
static void good_shmem(struct conform *c, struct kit_machine *m)
{
	uint64_t sum = 0;
	uint32_t regions = 0;
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_SHMEM_CONFIG, 0, 0));
	for (uint32_t i = 0; i < VHOST_USER_MAX_SHMEMS; i++) {
		uint64_t size = m->vmm.shmem.sizes[i];
		CHECK(size % KIT_PAGE == 0);
		CHECK(size == 0 || i <= 1); /* virtio 1.4, 5.7.5 */
		sum += size;
		regions += size > 0;
	}
	CHECK_INT(m->vmm.shmem.nregions, regions);
	CHECK((sum & (sum - 1)) == 0);
	struct vhost_user_shmem_config before = m->vmm.shmem;
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_SHMEM_CONFIG, 0, 0));
	CHECK_MEM(&m->vmm.shmem, &before, sizeof(before));
}

/* The others are just sent, and answered or acknowledged. */
static const struct {
	uint32_t request;
	void (*check)(struct conform *c, struct kit_machine *m);
} good_ones[] = {
	{ VHOST_USER_SET_FEATURES, good_features },
	{ VHOST_USER_SET_OWNER, good_once },
	{ VHOST_USER_SET_LOG_BASE, good_log_base },
	{ VHOST_USER_SET_VRING_KICK, good_kick },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, good_protocol_features },
	{ VHOST_USER_SET_VRING_ENABLE, good_enable },
	{ VHOST_USER_GET_CONFIG, good_config },
	{ VHOST_USER_SET_CONFIG, good_config },
	{ VHOST_USER_GET_INFLIGHT_FD, good_inflight },
	{ VHOST_USER_SET_INFLIGHT_FD, good_inflight },
	{ VHOST_USER_GPU_SET_SOCKET, good_once },
	{ VHOST_USER_ADD_MEM_REG, good_region },
	{ VHOST_USER_REM_MEM_REG, good_region },
	{ VHOST_USER_SET_STATUS, good_status },
	{ VHOST_USER_GET_STATUS, good_status },
	{ VHOST_USER_GET_SHARED_OBJECT, good_shared_object },
	{ VHOST_USER_SET_DEVICE_STATE_FD, good_device_state },
	{ VHOST_USER_CHECK_DEVICE_STATE, good_device_state },
	{ VHOST_USER_GET_SHMEM_CONFIG, good_shmem },
};

static void send_good(struct conform *c, struct kit_machine *m, uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(good_ones); i++)
		if (good_ones[i].request == request) {
			good_ones[i].check(c, m);
			return;
		}
	CHECK_OK(m, kit_vmm_do(&m->vmm, request, 0, 0));
}

/* On a device whose first queue is set up and not started. */
static void good(struct conform *c)
{
	static const struct kit_step steps[] = {
		{ KIT_ONCE, 0, { VHOST_USER_SET_FEATURES, KIT_SEND_MEMORY } },
		{ 0 },
	};
	static const uint32_t of_queue[] = { VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL };
	const struct kit_request_spec *spec = offered_request(c);
	struct kit_machine *m = realized(c);
	CHECK_OK(m, kit_vmm_play(&m->vmm, steps));
	for (size_t i = 0; i < ARRAY_SIZE(of_queue); i++)
		CHECK_OK(m, kit_vmm_do(&m->vmm, of_queue[i], 0, 0));
	send_good(c, m, spec->request);
	start_and_end(c, m);
}

/* Ignoring it is as good as refusing it. */
static const char *const needless_names[] = { "RESET_OWNER", "SET_LOG_FD", NULL };

static void needless(struct conform *c)
{
	const struct kit_request_spec *spec = conform_request(c);
	struct kit_machine *m = realized(c);
	CHECK_OK_OR_REFUSED(m, kit_vmm_do(&m->vmm, spec->request, 0, 0));
	start_and_end(c, conform_check_refused(c, m, spec->name));
}

/* GET messages with the flag that asks for an acknowledgement are answered once. */
static const char *const answered_names[] = { "GET_FEATURES", "GET_PROTOCOL_FEATURES",
	"GET_QUEUE_NUM", "GET_VRING_BASE", "GET_CONFIG", "GET_MAX_MEM_SLOTS", NULL };

static void answered_once(struct conform *c)
{
	const struct kit_request_spec *spec = offered_request(c);
	struct kit_machine *m = realized(c);
	struct kit_message message;
	conform_compose(m, spec->request, &message);
	message.header.flags |= VHOST_USER_NEED_REPLY_MASK;
	CHECK_OK(m, kit_vmm_ask(&m->vmm, &message));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	start_and_end(c, m);
}

static const struct conform_case cases[] = {
	{ "good", "vhost-user: the message of this name; with REPLY_ACK it is acknowledged",
		.run = good, .variants = request_names },
	{ "needless", "vhost-user: SET_LOG_FD is optional, RESET_OWNER no longer used",
		.run = needless, .variants = needless_names },
	{ "answered_once", "vhost-user, REPLY_ACK: no change for messages that have an answer",
		.run = answered_once, .variants = answered_names },
};
DEFINE_CONFORM_PART(handshake, messages, cases);
