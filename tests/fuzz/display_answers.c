/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "display_answers.h"

#include <string.h>
#include <sys/socket.h>

#include "display/protocol.h"
#include "gpu/protocol.h"
#include "util/checked.h"

struct answer {
	struct vhost_user_gpu_header header;
	uint8_t payload[VHOST_USER_GPU_EDID_REPLY_SIZE];
};

static void answer_features(struct fuzz_input *input, struct answer *answer)
{
	uint64_t features = fuzz_u8(input);
	memcpy(answer->payload, &features, sizeof(features));
	answer->header.size = sizeof(features);
}

static void answer_info(struct fuzz_input *input, struct answer *answer)
{
	struct virtio_gpu_resp_display_info info = { 0 };
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct virtio_gpu_display_one *one = &info.pmodes[i];
		uint8_t bits = fuzz_u8(input);
		one->enabled = bits & 1;
		one->r = (struct virtio_gpu_rect){ 0, 0, 640, 480 };
		if (bits & 2)
			one->r = (struct virtio_gpu_rect){ fuzz_number(input), fuzz_number(input),
				fuzz_number(input), fuzz_number(input) };
	}
	memcpy(answer->payload, &info, sizeof(info));
	answer->header.size = sizeof(info);
}

static void answer_edid(struct fuzz_input *input, struct answer *answer)
{
	struct virtio_gpu_resp_edid edid = { .size = 128 };
	if (fuzz_u8(input) >= 0xc0)
		edid.size = fuzz_number(input);
	fuzz_bytes(input, edid.edid, fuzz_u8(input));
	memcpy(answer->payload, &edid, sizeof(edid));
	answer->header.size = sizeof(edid);
}

static void answer_update(struct fuzz_input *input, struct answer *answer)
{
}

static const struct {
	uint32_t request;
	void (*make)(struct fuzz_input *input, struct answer *answer);
} answers[] = {
	{ VHOST_USER_GPU_GET_PROTOCOL_FEATURES, answer_features },
	{ VHOST_USER_GPU_GET_DISPLAY_INFO, answer_info },
	{ VHOST_USER_GPU_GET_EDID, answer_edid },
	{ VHOST_USER_GPU_DMABUF_UPDATE, answer_update },
};

/* What the socket does not take, or nobody reads, is lost. */
static void send_bytes(int sock, const void *bytes, size_t size)
{
	if (size > 0 && send(sock, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

void display_answer(struct fuzz_input *input, int sock)
{
	struct answer answer = { 0 };
	uint32_t which = fuzz_below(input, ARRAY_SIZE(answers));
	answer.header.request = answers[which].request;
	answer.header.flags = VHOST_USER_GPU_FLAG_REPLY;
	answers[which].make(input, &answer);
	size_t size = sizeof(answer.header) + answer.header.size;
	uint8_t odd = fuzz_u8(input);
	if (sock < 0)
		return;
	if (odd == 0xff)
		answer.header.request = fuzz_number(input);
	if (odd == 0xfe)
		answer.header.flags = fuzz_number(input);
	if (odd == 0xfd)
		answer.header.size = fuzz_number(input);
	if (odd == 0xfc)
		size = fuzz_below(input, 64);
	if (odd == 0xfb)
		fuzz_bytes(input, &answer, 16);
	send_bytes(sock, &answer, size);
}

void display_drain(struct fuzz_input *input, int sock)
{
	uint8_t bytes[4096];
	uint32_t most = fuzz_bit(input) ? 1 : 64;
	for (uint32_t i = 0; sock >= 0 && i < most; i++)
		if (recv(sock, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			return;
}
