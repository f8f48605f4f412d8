/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The VMM's end of the display protocol: whoever shows the picture.
 *
 * It takes what comes whenever the kit waits for something, checks it against the protocol, keeps a
 * picture for each scanout and answers as it is told. Opening it again (a VMM does, at every start
 * of the device) forgets what was shown, so that a test sees what the backend sends anew; the
 * counters and the record go on.
 */
#pragma once

#include "display/protocol.h"
#include "kit/kit.h"
#include "kit/picture.h"

#define KIT_MAX_SCANOUTS        VIRTIO_GPU_MAX_SCANOUTS
#define KIT_MAX_DISPLAY_EVENTS  512u
#define KIT_DISPLAY_REQUESTS    16u
#define KIT_DISPLAY_EVENT_BYTES 64u
#define KIT_EDID_BLOCK          128u

/* How a question (GET_PROTOCOL_FEATURES, GET_DISPLAY_INFO, GET_EDID, DMABUF_UPDATE) is answered. */
enum kit_display_answer {
	KIT_DISPLAY_GOOD,
	KIT_DISPLAY_SILENT, /* never */
	KIT_DISPLAY_WRONG, /* with another request's number */
	KIT_DISPLAY_NO_FLAG, /* without the reply flag */
	KIT_DISPLAY_SHORT, /* one byte short */
	KIT_DISPLAY_LONG, /* one byte more */
	KIT_DISPLAY_HUGE, /* a header that promises 4 GiB */
	KIT_DISPLAY_HALF, /* half of the answer, then close */
	KIT_DISPLAY_TWICE, /* two times: the second was not asked for */
	KIT_DISPLAY_WITH_FDS, /* with descriptors nobody asked for */
	KIT_DISPLAY_CLOSE, /* closes instead */
};

/* The start of a message that came. */
struct kit_display_event {
	uint32_t request;
	uint32_t size;
	uint64_t at_us;
	uint8_t payload[KIT_DISPLAY_EVENT_BYTES];
};

struct kit_scanout {
	struct kit_picture *picture; /* NULL: off */
	uint32_t updates; /* UPDATE and DMABUF_UPDATE since it was set */
	struct virtio_gpu_rect last; /* of the last update */
	bool dmabuf;
	int fd; /* of the dma-buf; -1: none */
	const uint8_t *
		map; /* of all of it, once it was looked at; NULL: not yet, or it cannot be mapped */
	struct vhost_user_gpu_dmabuf_scanout dmabuf_info;
	uint64_t modifier;
	bool has_modifier; /* it came by DMABUF_SCANOUT2 */
	bool acknowledging; /* a DMABUF_UPDATE is not yet answered */
	uint64_t acknowledging_since; /* kit_now() */
};

struct kit_cursor {
	bool visible;
	uint32_t scanout, x, y, hot_x, hot_y;
	uint32_t updates, moves, hides;
	uint32_t pixels[VHOST_USER_GPU_CURSOR_SIDE * VHOST_USER_GPU_CURSOR_SIDE];
};

struct kit_display {
	struct kit *kit;
	struct kit_source source;
	int sock; /* -1: closed by either end */
	bool peer_closed;

	/* what it is */
	uint64_t features; /* on offer: EDID and DMABUF2 at first */
	uint64_t features_set;
	bool features_were_set;
	struct virtio_gpu_display_one modes[KIT_MAX_SCANOUTS]; /* one of 1280 x 800 at first */
	uint8_t edid[KIT_MAX_SCANOUTS][2 * KIT_EDID_BLOCK]; /* made up, each another one */
	uint32_t edid_size; /* as answered; 256 at first */

	/* how it behaves; may be changed at any time */
	enum kit_display_answer answers[KIT_DISPLAY_REQUESTS]; /* by request */
	int delay_ms[KIT_DISPLAY_REQUESTS];
	bool reading; /* see kit_display_set_reading() */

	/* what came */
	uint32_t counts[KIT_DISPLAY_REQUESTS];
	struct kit_display_event events[KIT_MAX_DISPLAY_EVENTS]; /* the first so many */
	uint32_t count; /* of all messages */
	uint32_t opens;
	uint32_t violations; /* of the protocol, as QEMU would take it */
	char violation[128]; /* the last one */
	/* Messages with bits in the header's flags, which are for answers only: no violation, as
	 * QEMU does not look at them. */
	uint32_t flagged;
	uint32_t last_flags; /* of the last such message */
	struct kit_scanout scanouts[KIT_MAX_SCANOUTS];
	struct kit_cursor cursor;

	struct kit_display_input *input;
	struct kit_display_output *output;
};

/* Makes the sums of an EDID's blocks right. */
void kit_edid_sum(uint8_t *edid, uint32_t blocks);

/* 0 or -ENOMEM. */
int kit_display_init(struct kit_display *display, struct kit *kit);
void kit_display_finish(struct kit_display *display);

/* Makes a new socket pair and returns the backend's end (the caller's), or -errno. */
int kit_display_open(struct kit_display *display);

/* Serves a connected socket (taken), like that of a backend that listens for viewers. */
void kit_display_attach(struct kit_display *display, int sock);

/* Closes the VMM's end: a delayed answer is not sent any more. */
void kit_display_close(struct kit_display *display);

/* false: leaves everything in the socket, as a display that hangs does. */
void kit_display_set_reading(struct kit_display *display, bool reading);

/* Switches scanouts on (width, height) or off (0, 0) in what GET_DISPLAY_INFO says. */
void kit_display_set_mode(
	struct kit_display *display, uint32_t scanout, uint32_t width, uint32_t height);

/* Sends bytes nobody asked for, with up to 8 descriptors. 0 or -errno. */
int kit_display_send(struct kit_display *display, const void *data, size_t size, const int *fds,
	size_t fd_count);

/* Answers a DMABUF_UPDATE that was answered KIT_DISPLAY_SILENT. */
int kit_display_acknowledge(struct kit_display *display);

/* Looks at all of what a scanout shows from a dma-buf or shared memory once more. 0, or -EINVAL: there is none. */
int kit_display_redraw(struct kit_display *display, uint32_t scanout);

/* Waits until so many messages of a request have come in all. 0, -ETIMEDOUT (with `why`), … */
int kit_display_wait(struct kit_display *display, uint32_t request, uint32_t count);

/* Waits until the scanout shows this picture, which none does before its first update. On failure
 * `why` says how it differs, and the two are written as PNG files when KIT_PICTURES in the
 * environment names a folder. */
int kit_display_wait_picture(
	struct kit_display *display, uint32_t scanout, const struct kit_picture *expected);

/* Waits until the backend closes its end. */
int kit_display_wait_closed(struct kit_display *display);
