/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The display's socket: messages come in, answers go out. What they mean is in display_show.c. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kit/display_parts.h"
#include "kit/stream.h"
#include "util/checked.h"
#include "util/fd.h"

#define MAX_MESSAGE (64u << 20)
#define MAX_ANSWERS 64u
#define MAX_ANSWER  (VHOST_USER_GPU_EDID_REPLY_SIZE + 1)

/* The message that is coming in. */
struct kit_display_input {
	struct vhost_user_gpu_header header;
	size_t got; /* of header and payload */
	uint8_t *payload;
	int fds[8];
	uint32_t fd_count;
};

struct answer {
	uint64_t due;
	enum kit_display_answer how;
	struct vhost_user_gpu_header header;
	uint8_t payload[MAX_ANSWER];
};
static_assert(offsetof(struct answer, payload) ==
		offsetof(struct answer, header) + sizeof(struct vhost_user_gpu_header),
	"header and payload are sent in one go");

/* Answers that wait for their time; they leave in order. */
struct kit_display_output {
	struct answer answers[MAX_ANSWERS];
	uint32_t count;
};

static int display_ready(void *data, short events);

void kit_edid_sum(uint8_t *edid, uint32_t blocks)
{
	for (uint32_t block = 0; block < blocks; block++) {
		uint8_t *bytes = edid + (size_t)block * KIT_EDID_BLOCK, sum = 0;
		for (uint32_t i = 0; i < KIT_EDID_BLOCK - 1; i++)
			sum = (uint8_t)(sum + bytes[i]);
		bytes[KIT_EDID_BLOCK - 1] = (uint8_t)-sum;
	}
}

/* What makes bytes an EDID (VESA E-EDID 1.4): the header, the version, how many blocks follow, the
 * sums. */
static void make_edid(uint8_t edid[2 * KIT_EDID_BLOCK], uint32_t scanout)
{
	static const uint8_t magic[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	for (uint32_t i = 0; i < 2 * KIT_EDID_BLOCK; i++)
		edid[i] = (uint8_t)(i * 7 + scanout);
	memcpy(edid, magic, sizeof(magic));
	edid[18] = 1;
	edid[19] = 4;
	edid[126] = 1;
	kit_edid_sum(edid, 2);
}

int kit_display_init(struct kit_display *display, struct kit *kit)
{
	memset(display, 0, sizeof(*display));
	display->kit = kit;
	display->sock = -1;
	display->reading = true;
	display->features =
		1u << VHOST_USER_GPU_PROTOCOL_F_EDID | 1u << VHOST_USER_GPU_PROTOCOL_F_DMABUF2;
	display->edid_size = sizeof(display->edid[0]);
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++) {
		display->scanouts[i].fd = -1;
		make_edid(display->edid[i], i);
	}
	kit_display_set_mode(display, 0, 1280, 800);
	display->source = (struct kit_source){ .fd = -1, .ready = display_ready, .data = display };
	display->input = calloc(1, sizeof(*display->input));
	display->output = calloc(1, sizeof(*display->output));
	if (display->input && display->output)
		return 0;
	kit_display_finish(display);
	return kit_fail(kit, ENOMEM, "no memory for a display");
}

static void drop_input(struct kit_display_input *input)
{
	fd_close_all(input->fds, input->fd_count);
	free(input->payload);
	memset(input, 0, sizeof(*input));
}

void kit_display_close(struct kit_display *display)
{
	kit_source_remove(&display->source);
	fd_close(&display->sock);
	display->source.due = 0;
	if (display->input)
		drop_input(display->input);
	if (display->output)
		display->output->count = 0;
}

void kit_display_finish(struct kit_display *display)
{
	if (!display->kit)
		return;
	kit_display_close(display);
	kit_display_forget(display);
	free(display->input);
	free(display->output);
	display->input = NULL;
	display->output = NULL;
}

void kit_display_attach(struct kit_display *display, int sock)
{
	kit_display_close(display);
	kit_display_forget(display);
	display->sock = sock;
	display->opens++;
	display->peer_closed = false;
	display->features_were_set = false;
	display->features_set = 0;
	display->source.fd = display->sock;
	kit_source_add(display->kit, &display->source);
	kit_display_set_reading(display, true);
}

int kit_display_open(struct kit_display *display)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return kit_fail(display->kit, errno, "socketpair: %s", strerror(errno));
	kit_display_attach(display, pair[0]);
	return pair[1];
}

void kit_display_set_reading(struct kit_display *display, bool reading)
{
	display->reading = reading;
	display->source.events = reading ? POLLIN : 0;
}

void kit_display_set_mode(
	struct kit_display *display, uint32_t scanout, uint32_t width, uint32_t height)
{
	display->modes[scanout] = (struct virtio_gpu_display_one){
		.r = kit_rect(0, 0, width, height),
		.enabled = width && height,
	};
}

void kit_display_violation(struct kit_display *display, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(display->violation, sizeof(display->violation), format, args);
	va_end(args);
	display->violations++;
}

static void peer_is_gone(struct kit_display *display)
{
	kit_display_close(display);
	display->peer_closed = true;
}

/* --- out ----------------------------------------------------------------------------------- */

int kit_display_send(
	struct kit_display *display, const void *data, size_t size, const int *fds, size_t fd_count)
{
	struct kit_bytes bytes = { data, size, fds, fd_count, 0 };
	return kit_stream_send(display->kit, display->sock, &bytes);
}

static int send_with_fds(struct kit_display *display, const void *data, size_t size)
{
	_cleanup_fd_ int fd = fd_eventfd();
	int fds[2] = { fd, fd };
	return kit_display_send(display, data, size, fds, ARRAY_SIZE(fds));
}

static int send_answer(struct kit_display *display, struct answer *answer)
{
	struct vhost_user_gpu_header *header = &answer->header;
	size_t size = sizeof(*header) + header->size;
	int ret;
	switch (answer->how) {
	case KIT_DISPLAY_GOOD:
		break;
	case KIT_DISPLAY_SILENT:
		return 0;
	case KIT_DISPLAY_CLOSE:
		kit_display_close(display);
		return 0;
	case KIT_DISPLAY_WRONG:
		header->request ^= 1;
		break;
	case KIT_DISPLAY_NO_FLAG:
		header->flags = 0;
		break;
	case KIT_DISPLAY_SHORT:
		header->size -= header->size ? 1 : 0;
		size = sizeof(*header) + header->size;
		break;
	case KIT_DISPLAY_LONG:
		header->size++;
		size++;
		break;
	case KIT_DISPLAY_HUGE:
		header->size = UINT32_MAX;
		break;
	case KIT_DISPLAY_HALF:
		ret = kit_display_send(display, header, size / 2, NULL, 0);
		kit_display_close(display);
		return ret;
	case KIT_DISPLAY_TWICE:
		ret = kit_display_send(display, header, size, NULL, 0);
		if (ret < 0)
			return ret;
		break;
	case KIT_DISPLAY_WITH_FDS:
		return send_with_fds(display, header, size);
	}
	return kit_display_send(display, header, size, NULL, 0);
}

/* Sends what is due and sets the time of the next one. */
static void send_due(struct kit_display *display)
{
	struct kit_display_output *output = display->output;
	uint64_t now = kit_now();
	while (output->count && output->answers[0].due <= now) {
		struct answer answer = output->answers[0];
		output->count--;
		memmove(output->answers, output->answers + 1,
			output->count * sizeof(output->answers[0]));
		if (send_answer(display, &answer) < 0)
			peer_is_gone(display);
	}
	display->source.due = output->count ? output->answers[0].due : 0;
}

void kit_display_post(
	struct kit_display *display, uint32_t request, const void *payload, size_t size)
{
	struct kit_display_output *output = display->output;
	if (output->count == MAX_ANSWERS) {
		kit_display_violation(display, "more than %u questions at once", MAX_ANSWERS);
		return;
	}
	struct answer *answer = &output->answers[output->count++];
	*answer = (struct answer){
		.due = kit_now() + (uint64_t)display->delay_ms[request],
		.how = display->answers[request],
		.header = { request, VHOST_USER_GPU_FLAG_REPLY, (uint32_t)size },
	};
	if (size)
		memcpy(answer->payload, payload, size);
	send_due(display);
}

/* --- in ------------------------------------------------------------------------------------ */

static void take_fds(struct kit_display_input *input, struct msghdr *message)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
		header = CMSG_NXTHDR(message, header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (input->fd_count < ARRAY_SIZE(input->fds))
				input->fds[input->fd_count++] = fd;
			else
				fd_close(&fd);
		}
	}
}

/* Where the next bytes belong, and how many are missing there. */
static void *place(struct kit_display_input *input, size_t *ret_size)
{
	size_t head = sizeof(input->header);
	if (input->got < head) {
		*ret_size = head - input->got;
		return (uint8_t *)&input->header + input->got;
	}
	*ret_size = head + input->header.size - input->got;
	return input->payload + (input->got - head);
}

static ssize_t receive(struct kit_display *display)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control;
	struct iovec iov;
	iov.iov_base = place(display->input, &iov.iov_len);
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t ret = recvmsg(display->sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (ret > 0) {
		display->input->got += (size_t)ret;
		take_fds(display->input, &message);
	}
	return ret;
}

/* The header is whole: room for the rest. False ends the connection. */
static bool prepare_payload(struct kit_display *display)
{
	struct kit_display_input *input = display->input;
	if (input->header.size > MAX_MESSAGE) {
		kit_display_violation(display, "message %u of %u bytes", input->header.request,
			input->header.size);
		return false;
	}
	input->payload = malloc(input->header.size + 1u);
	return input->payload;
}

static void record(struct kit_display *display, const struct kit_display_input *input)
{
	uint32_t request = input->header.request;
	if (request < KIT_DISPLAY_REQUESTS)
		display->counts[request]++;
	if (display->count < KIT_MAX_DISPLAY_EVENTS) {
		struct kit_display_event *event = &display->events[display->count];
		event->request = request;
		event->size = input->header.size;
		event->at_us = kit_now_us();
		memcpy(event->payload, input->payload,
			min_size(input->header.size, sizeof(event->payload)));
	}
	display->count++;
}

/* A whole message is there. */
static void deliver(struct kit_display *display)
{
	struct kit_display_input input = *display->input;
	memset(display->input, 0, sizeof(*display->input));
	record(display, &input);
	struct kit_display_message message = { input.header.request, input.header.size,
		input.payload, input.fds, input.fd_count };
	if (input.header.flags != 0) {
		display->flagged++;
		display->last_flags = input.header.flags;
	}
	kit_display_take(display, &message);
	drop_input(&input);
}

static int display_ready(void *data, short events)
{
	struct kit_display *display = data;
	struct kit_display_input *input = display->input;
	send_due(display);
	if (!display->reading && !(events & POLLHUP))
		return 0;
	/* a burst at most, so that what the kit waits for is looked at now and then */
	for (uint32_t i = 0; i < 64 && display->sock >= 0; i++) {
		ssize_t got = receive(display);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0) {
			peer_is_gone(display);
			break;
		}
		if (input->got == sizeof(input->header) && !prepare_payload(display)) {
			peer_is_gone(display);
			break;
		}
		if (input->got == sizeof(input->header) + input->header.size)
			deliver(display);
	}
	return 0;
}

/* --- waiting ------------------------------------------------------------------------------- */

struct waiting {
	struct kit_display *display;
	uint32_t request;
	uint32_t count;
};

static bool has_come(void *data)
{
	const struct waiting *waiting = data;
	return waiting->display->counts[waiting->request] >= waiting->count;
}

int kit_display_wait(struct kit_display *display, uint32_t request, uint32_t count)
{
	struct waiting waiting = { display, request, count };
	int ret = kit_wait(display->kit, has_come, &waiting, -1);
	if (ret == -ETIMEDOUT)
		return kit_fail(display->kit, ETIMEDOUT, "display: %u messages %u instead of %u",
			display->counts[request], request, count);
	return ret;
}

static bool has_closed(void *data)
{
	const struct kit_display *display = data;
	return display->peer_closed;
}

int kit_display_wait_closed(struct kit_display *display)
{
	int ret = kit_wait(display->kit, has_closed, display, -1);
	if (ret == -ETIMEDOUT)
		return kit_fail(display->kit, ETIMEDOUT, "the backend keeps the display's socket");
	return ret;
}
