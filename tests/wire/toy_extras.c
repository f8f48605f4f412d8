/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The toy backend's messages that few backends serve: just enough of an answer to each. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "toy.h"

#define PROTOCOL(name) VHOST_BIT(VHOST_USER_PROTOCOL_F_##name)
#define STATE_NO_FD    0x100u
#define SHMEM_SIZE     (UINT64_C(1) << 28)
#define TRACKING_SIZE  4096u

const uint64_t toy_extra_features = PROTOCOL(LOG_SHMFD) | PROTOCOL(INFLIGHT_SHMFD) |
	PROTOCOL(STATUS) | PROTOCOL(SHARED_OBJECT) | PROTOCOL(DEVICE_STATE) | PROTOCOL(SHMEM);

static const char saved_state[] = "the state of a toy";

static bool nothing(struct toy *toy, struct message *message)
{
	return true;
}

static bool answer_nothing(struct toy *toy, struct message *message)
{
	return toy_answer(toy, message, NULL, 0, -1);
}

static bool get_inflight_fd(struct toy *toy, struct message *message)
{
	uint64_t size = TRACKING_SIZE;
	int fd = memfd_create("inflight", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, TRACKING_SIZE) < 0)
		return toy_refuse(toy, "no memory");
	memcpy(message->payload, &size, sizeof(size));
	bool sent = toy_answer(toy, message, message->payload, message->header.size, fd);
	close(fd);
	return sent;
}

static bool set_status(struct toy *toy, struct message *message)
{
	memcpy(&toy->status, message->payload, sizeof(toy->status));
	return true;
}

static bool get_status(struct toy *toy, struct message *message)
{
	return toy_answer(toy, message, &toy->status, sizeof(toy->status), -1);
}

/* Saves at once; loads when it is asked how that went. */
static bool set_device_state_fd(struct toy *toy, struct message *message)
{
	const uint64_t accepted = STATE_NO_FD;
	uint32_t direction;
	memcpy(&direction, message->payload, sizeof(direction));
	if (direction == 0 &&
		write(message->fds[0], saved_state, sizeof(saved_state)) != sizeof(saved_state))
		return toy_refuse(toy, "the state cannot be written");
	if (direction == 1) {
		toy->state = message->fds[0];
		message->fds[0] = -1;
	}
	return toy_answer(toy, message, &accepted, sizeof(accepted), -1);
}

static bool check_device_state(struct toy *toy, struct message *message)
{
	char state[sizeof(saved_state) + 1];
	uint64_t failed = 0;
	if (toy->state >= 0) {
		struct pollfd readable = { toy->state, POLLIN, 0 };
		poll(&readable, 1, 1000);
		failed = read(toy->state, state, sizeof(state)) != sizeof(saved_state) ||
			memcmp(state, saved_state, sizeof(saved_state)) != 0;
		close(toy->state);
		toy->state = -1;
	}
	return toy_answer(toy, message, &failed, sizeof(failed), -1);
}

static bool get_shmem_config(struct toy *toy, struct message *message)
{
	static const struct vhost_user_shmem_config config = { .nregions = 1,
		.sizes = { [1] = SHMEM_SIZE } };
	return toy_answer(toy, message, &config, sizeof(config), -1);
}

const struct message_row toy_extras[TOY_EXTRA_ROWS] = {
	{ VHOST_USER_SET_LOG_BASE, 16, 16, 1, true, answer_nothing },
	{ VHOST_USER_GET_INFLIGHT_FD, 24, 24, 0, true, get_inflight_fd },
	{ VHOST_USER_SET_INFLIGHT_FD, 24, 24, 1, false, nothing },
	{ VHOST_USER_SET_STATUS, 8, 8, 0, false, set_status },
	{ VHOST_USER_GET_STATUS, 0, 0, 0, true, get_status },
	{ VHOST_USER_GET_SHARED_OBJECT, 16, 16, 0, true, answer_nothing },
	{ VHOST_USER_SET_DEVICE_STATE_FD, 8, 8, 1, true, set_device_state_fd },
	{ VHOST_USER_CHECK_DEVICE_STATE, 0, 0, 0, true, check_device_state },
	{ VHOST_USER_GET_SHMEM_CONFIG, 0, 0, 0, true, get_shmem_config },
};
