/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VMM towards a session: messages with any contents, cut anywhere, with any descriptors; the backend
 * channel's and a state transfer's other end; and a driver that now and then does something with the
 * rings. The device echoes, at once or later (tests/unit/rig.h, whose checks hold here as well).
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "loop/loop.h"
#include "rig.h"
#include "test.h"
#include "util/fd.h"
#include "vmm_messages.h"

#define MOST_STEPS 200u
#define STATE_SIZE 600u
#define SHORT_SIZE 0x3000u

static struct {
	struct fuzz_input input;
	int channel; /* the VMM's end of the backend channel */
	int state; /* and of the descriptor that a state goes over */
	uint32_t state_at; /* of what the device has given, or taken */
	uint8_t state_bytes[STATE_SIZE];
	bool state_open;
} vmm;

/* --- the device's state ----------------------------------------------------------------------------- */

static int save_begin(void *device, const struct vhost_session_state *session)
{
	CHECK(!vmm.state_open);
	if (fuzz_below(&vmm.input, 8) == 7)
		return -EOPNOTSUPP;
	vmm.state_open = true;
	vmm.state_at = 0;
	return 0;
}

static ssize_t save_next(void *device, const void **ret_bytes)
{
	CHECK(vmm.state_open);
	uint32_t size = min_u32(fuzz_number(&vmm.input), STATE_SIZE - vmm.state_at);
	*ret_bytes = vmm.state_bytes + vmm.state_at;
	vmm.state_at += size;
	return fuzz_below(&vmm.input, 16) == 15 ? -ENOMEM : (ssize_t)size;
}

static int load_begin(void *device)
{
	CHECK(!vmm.state_open);
	if (fuzz_below(&vmm.input, 8) == 7)
		return -ENOMEM;
	vmm.state_open = true;
	vmm.state_at = 0;
	return 0;
}

static int load(void *device, const void *bytes, size_t size)
{
	CHECK(vmm.state_open && size > 0);
	if (size > STATE_SIZE - vmm.state_at)
		return -EINVAL;
	memcpy(vmm.state_bytes + vmm.state_at, bytes, size);
	vmm.state_at += (uint32_t)size;
	return vmm.state_at > fuzz_number(&vmm.input);
}

/* A device gives numbers that it has not judged. */
static int load_end(void *device, struct vhost_session_state *ret_session)
{
	CHECK(vmm.state_open);
	if (fuzz_below(&vmm.input, 8) == 7)
		return -EINVAL;
	*ret_session = (struct vhost_session_state){ .features = RIG_FEATURES };
	if (fuzz_bit(&vmm.input))
		ret_session->features = fuzz_number64(&vmm.input) | VMM_TRANSPORT_FEATURES;
	for (uint32_t i = 0; i < RIG_QUEUES; i++) {
		const struct vhost_user_vring_addr addr = rig_vring_addr(i);
		struct vhost_stopped *queue = &ret_session->queues[i];
		queue->valid = fuzz_bit(&vmm.input);
		queue->size = RIG_SIZE;
		if (fuzz_bit(&vmm.input))
			queue->size = (uint16_t)fuzz_number(&vmm.input);
		queue->base = fuzz_number(&vmm.input);
		queue->footprint = fuzz_number(&vmm.input);
		queue->addresses = (struct virtqueue_addresses){
			addr.descriptor - RIG_USER + RIG_GUEST,
			addr.used - RIG_USER + RIG_GUEST,
			addr.available - RIG_USER + RIG_GUEST,
		};
	}
	return 0;
}

static void end(void *device)
{
	CHECK(vmm.state_open);
	vmm.state_open = false;
}

static const struct vhost_state_impl state_impl = {
	.save_begin = save_begin,
	.save_next = save_next,
	.load_begin = load_begin,
	.load = load,
	.load_end = load_end,
	.end = end,
};

/* --- descriptors ------------------------------------------------------------------------------------ */

static int ours_of_pair(int type, int *ret_theirs)
{
	int socks[2];
	CHECK_INT(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, socks), 0);
	CHECK_INT(fd_set_nonblocking(socks[1]), 0);
	*ret_theirs = socks[1];
	return socks[0];
}

static int pipe_end(bool read_end, int *ret_other)
{
	int fds[2];
	CHECK_INT(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	*ret_other = fds[read_end];
	return fds[!read_end];
}

/* Would block whoever writes to it, or reads it, without looking. */
static int stubborn_eventfd(bool full)
{
	const uint64_t most = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);
	if (full)
		CHECK_INT(write(fd, &most, sizeof(most)), sizeof(most));
	return fd;
}

static int short_memory(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	CHECK_INT(ftruncate(fd, SHORT_SIZE), 0);
	return fd;
}

static int some_state_fd(void)
{
	fd_close(&vmm.state);
	switch (fuzz_below(&vmm.input, 4)) {
	case 0:
		return pipe_end(true, &vmm.state);
	case 1:
		return pipe_end(false, &vmm.state);
	case 2:
		return ours_of_pair(SOCK_STREAM, &vmm.state);
	default:
		return short_memory();
	}
}

static int some_eventfd(void)
{
	uint32_t which = fuzz_below(&vmm.input, 8);
	if (which < 2)
		return fd_dup(rig.kicks[which]);
	return which < 6 ? fd_dup(rig.calls[which & 1]) : stubborn_eventfd(which & 1);
}

/* One as the message wants it, or any. */
static int some_fd(enum vmm_fd kind)
{
	uint32_t other = fuzz_below(&vmm.input, 32);
	int sock, theirs;
	if (other >= 24)
		kind = other % VMM_FD_KINDS;
	switch (kind) {
	case VMM_FD_EVENTFD:
		return some_eventfd();
	case VMM_FD_MEMORY:
		return other & 4 ? short_memory() : fd_dup(rig.memory_fd);
	case VMM_FD_STATE:
		return some_state_fd();
	case VMM_FD_CHANNEL:
		fd_close(&vmm.channel);
		return ours_of_pair(SOCK_STREAM, &vmm.channel);
	case VMM_FD_SOCKET:
	case VMM_FD_KINDS:
		break;
	}
	sock = ours_of_pair(other & 4 ? SOCK_SEQPACKET : SOCK_STREAM, &theirs);
	fd_close(&theirs);
	return sock;
}

/* --- messages --------------------------------------------------------------------------------------- */

/* As much as the socket takes; what it does not take is lost, as from a VMM that gives up. */
static void send_bytes(int sock, const void *bytes, size_t size, const int *fds, uint32_t count)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (count > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
	}
	if (sendmsg(sock, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

/* In two parts when `cut` is inside of it; descriptors go with the first. */
static void send_cut(
	const uint8_t *bytes, size_t size, uint32_t cut, enum vmm_fd kind, uint32_t count)
{
	int fds[16];
	for (uint32_t i = 0; i < count; i++)
		fds[i] = some_fd(kind);
	size_t first = cut > 0 && cut < size ? cut : size;
	send_bytes(rig.peer, bytes, first, fds, count);
	fd_close_all(fds, count);
	if (first == size)
		return;
	rig_run();
	send_bytes(rig.peer, bytes + first, size - first, NULL, 0);
}

static void send_request(uint32_t which)
{
	struct vmm_message message = { .size = 0 };
	uint8_t odd = fuzz_u8(&vmm.input);
	vmm_requests[which].compose(&vmm.input, &message);
	struct vhost_user_header header = {
		vmm_requests[which].request,
		VHOST_USER_VERSION | (odd & 1 ? VHOST_USER_NEED_REPLY_MASK : 0),
		(uint32_t)message.size,
	};
	uint32_t cut = 0;
	if ((odd & 0xf0) == 0xf0) {
		header.request ^= odd & 2 ? fuzz_number(&vmm.input) : 0;
		header.flags ^= odd & 4 ? fuzz_number(&vmm.input) : 0;
		header.size ^= odd & 8 ? fuzz_number(&vmm.input) : 0;
		message.fd_count = fuzz_below(&vmm.input, 17);
	} else if ((odd & 0xf0) == 0xe0) {
		cut = fuzz_u8(&vmm.input);
	}
	memcpy(message.bytes, &header, sizeof(header));
	send_cut(message.bytes, sizeof(header) + message.size, cut, message.kind,
		min_u32(message.fd_count, 16));
}

static void send_message(void)
{
	send_request(fuzz_below(&vmm.input, vmm_request_count));
}

/* Those that go together with what the state's descriptor does. */
static void transfer(void)
{
	uint32_t wanted = fuzz_bit(&vmm.input) ? VHOST_USER_CHECK_DEVICE_STATE
					       : VHOST_USER_SET_DEVICE_STATE_FD;
	uint32_t which = 0;
	while (vmm_requests[which].request != wanted)
		which++;
	send_request(which);
}

static void send_anything(void)
{
	uint8_t bytes[4096] = { 0 };
	size_t size = 1 + fuzz_number(&vmm.input) % sizeof(bytes);
	fuzz_bytes(&vmm.input, bytes, min_size(size, 16));
	send_cut(bytes, size, 0, VMM_FD_EVENTFD, fuzz_below(&vmm.input, 3));
}

/* --- the other steps -------------------------------------------------------------------------------- */

/* Descriptors that come along are not wanted, and so closed by the kernel. */
static void drain(int fd)
{
	uint8_t bytes[4096];
	ssize_t got = fd >= 0 ? recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) : 0;
	if (got < 0 && errno == ENOTSOCK)
		got = read(fd, bytes, sizeof(bytes));
	CHECK(got <= (ssize_t)sizeof(bytes));
}

static void read_answers(void)
{
	drain(rig.peer);
}

static void drive(void)
{
	uint8_t bits = fuzz_u8(&vmm.input);
	uint32_t index = bits & 1;
	uint32_t id, length;
	rig.device.hold = bits & 2;
	rig.device.backwards = bits & 4;
	if (bits & 8)
		rig_release();
	if (bits & 16 && rig.offered[index] < RIG_SIZE)
		rig_offer(index);
	if (bits & 32)
		rig_take(index, &id, &length);
	if (bits & 64)
		fd_eventfd_signal(rig.kicks[index]);
	if (bits & 128)
		rig_clear_ring(index);
}

static void spoil_memory(void)
{
	uint64_t offset = fuzz_u16(&vmm.input);
	uint16_t word = (uint16_t)fuzz_number(&vmm.input);
	memcpy(rig.memory + offset, &word, sizeof(word));
}

static void wait_long(void)
{
	fuzz_clock_advance(1 + fuzz_number(&vmm.input) % 5000);
}

static void request_done(void *data, int status)
{
	CHECK(status == 0 || status == -EIO || status == -ECONNRESET);
	(*(uint32_t *)data)--;
}

static uint32_t open_requests;

static void ask_vmm(void)
{
	static const char uuid[] = RIG_UUID;
	if (!rig.session)
		return;
	bool config = fuzz_bit(&vmm.input);
	struct backend_channel *channel = vhost_session_backend_channel(rig.session);
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_SHARED_OBJECT_ADD,
		.payload = uuid,
		.size = sizeof(uuid) - 1,
		.fd = fuzz_bit(&vmm.input) ? rig.memory_fd : -1,
		.while_running = rig.shares && fuzz_bit(&vmm.input),
		.done = request_done,
		.data = &open_requests,
	};
	if (config)
		vhost_session_config_changed(rig.session);
	else if (channel && backend_channel_request(channel, &args) == 0)
		open_requests++;
}

static void answer_channel(void)
{
	struct {
		struct vhost_user_header header;
		uint64_t value;
	} __attribute__((packed)) answer = {
		{ VHOST_USER_BACKEND_SHARED_OBJECT_ADD, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK,
			sizeof(uint64_t) },
		0,
	};
	uint8_t odd = fuzz_u8(&vmm.input);
	if (vmm.channel < 0)
		return;
	answer.value = odd & 1;
	if (odd >= 0xf0) {
		answer.header.request = fuzz_number(&vmm.input);
		answer.header.flags = fuzz_number(&vmm.input);
		answer.header.size = fuzz_number(&vmm.input);
	}
	uint32_t fds = odd >= 0xe0 && odd < 0xf0;
	send_bytes(vmm.channel, &answer, odd & 2 ? sizeof(answer) : odd % sizeof(answer) + 1,
		&rig.memory_fd, fds);
	if (odd & 4)
		drain(vmm.channel);
	if (odd == 0xff)
		fd_close(&vmm.channel);
}

static void move_state(void)
{
	uint8_t bytes[STATE_SIZE] = { 0 };
	uint8_t bits = fuzz_u8(&vmm.input);
	if (vmm.state < 0)
		return;
	if (bits & 1)
		drain(vmm.state);
	if (bits & 2 && write(vmm.state, bytes, fuzz_u8(&vmm.input) + 1u) < 0)
		fd_close(&vmm.state);
	if (bits & 4)
		fd_close(&vmm.state);
}

static void share(void)
{
	fd_close(&rig.device.shared_fd);
	if (fuzz_bit(&vmm.input))
		rig.device.shared_fd = fd_dup(rig.memory_fd);
}

/* Weighed by how often they are here. */
static void (*const steps[])(void) = {
	send_message,
	send_message,
	send_message,
	drive,
	drive,
	read_answers,
	send_anything,
	spoil_memory,
	wait_long,
	ask_vmm,
	answer_channel,
	move_state,
	move_state,
	transfer,
	share,
};

static void begin(void)
{
	uint8_t bits = fuzz_u8(&vmm.input);
	rig.memory_slots = bits & 1;
	rig.packed = bits & 2;
	rig.shares = bits & 4;
	rig.state = bits & 8 ? &state_impl : NULL;
	rig_setup();
	if (bits & 32)
		CHECK_INT(setsockopt(rig.session_sock, SOL_SOCKET, SO_SNDBUF, &(int){ 1 },
				  sizeof(int)),
			0);
	if (bits & 16)
		rig_boot();
	else if (bits & 64)
		rig_negotiate();
}

static void finish(void)
{
	fd_close(&vmm.state);
	fd_close(&vmm.channel);
	fd_close(&rig.device.shared_fd);
	rig_teardown();
	CHECK_INT(open_requests, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	memset(&vmm, 0, sizeof(vmm));
	vmm.input = fuzz_begin(bytes, size);
	vmm.channel = vmm.state = -1;
	begin();
	for (uint32_t i = 0; i < MOST_STEPS && vmm.input.left > 0 && !rig.ended; i++) {
		steps[fuzz_below(&vmm.input, ARRAY_SIZE(steps))]();
		fuzz_memory_short(&vmm.input);
		rig_run();
		fuzz_memory_back();
	}
	finish();
	return 0;
}
