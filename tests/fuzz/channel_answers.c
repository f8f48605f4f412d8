/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "channel_answers.h"

#include <sys/socket.h>

#include "loop/loop.h"
#include "test.h"
#include "util/fd.h"
#include "vhost/backend_channel.h"

void channel_open(struct fuzz_input *input, struct loop *loop, struct channel_end *end)
{
	int pair[2];
	uint64_t features = VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	if (fuzz_bit(input))
		features |= VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct backend_channel *old = end->channel;
	end->channel = backend_channel_create(loop, pair[0], features);
	CHECK(end->channel);
	channel_running(end, true);
	backend_channel_destroy(old);
	fd_close(&end->sock);
	end->sock = pair[1];
}

static bool receive(int sock, void *bytes, size_t size)
{
	return recv(sock, bytes, size, MSG_DONTWAIT) == (ssize_t)size;
}

/* False: nothing is asked. A descriptor that comes along is closed by the kernel; of what is asked with care the rest
 * comes when the header has been read. */
static bool read_question(struct loop *loop, int sock, uint32_t *ret_request)
{
	struct vhost_user_header header;
	uint8_t payload[128];
	if (!receive(sock, &header, sizeof(header)))
		return false;
	CHECK(header.size <= sizeof(payload));
	if (header.size > 0 && !receive(sock, payload, header.size)) {
		fuzz_clock_advance(1);
		CHECK_INT(loop_round(loop, 0), 0);
		receive(sock, payload, header.size);
	}
	*ret_request = header.request;
	return true;
}

void channel_answer(struct fuzz_input *input, struct loop *loop, struct channel_end *end)
{
	if (end->sock < 0)
		return;
	uint8_t bits = fuzz_u8(input);
	uint32_t request = VHOST_USER_BACKEND_SHARED_OBJECT_ADD;
	if (!read_question(loop, end->sock, &request) && (bits & 0x61) != 0x61)
		return;
	const struct {
		struct vhost_user_header header;
		uint64_t value;
	} __attribute__((packed)) answer = {
		{ request + ((bits & 0xf1) == 0xf1), VHOST_USER_VERSION | VHOST_USER_REPLY_MASK,
			sizeof(uint64_t) },
		(bits & 0x12) == 0x12,
	};
	if (send(end->sock, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		fd_close(&end->sock);
}

void channel_running(const struct channel_end *end, bool running)
{
	if (end->channel)
		backend_channel_set_running(end->channel, running);
}
