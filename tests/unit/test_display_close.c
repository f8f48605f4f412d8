/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A peer that goes away, in every state of the display; and displays that never began. */
#include <drm/drm_fourcc.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display_peer.h"
#include "util/fd.h"

static const struct rect all = { 0, 0, 512, 512 };

static void do_nothing(struct peer *peer)
{
	peer_expect(peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
}

static void be_negotiated(struct peer *peer)
{
	const uint64_t features = PEER_FEATURES_ALL;
	do_nothing(peer);
	peer_answer(peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	peer_expect(peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 8);
}

/* An update that is only written in part, and one of another scanout behind it. */
static void be_writing(struct peer *peer)
{
	struct image *image = image_create(512, 512, DRM_FORMAT_RGBX8888);
	be_negotiated(peer);
	peer_narrow(peer);
	for (uint32_t i = 0; i < 2; i++) {
		display_set_scanout(peer->display, i, 512, 512);
		CHECK_INT(display_update(peer->display, i, &all, image, 0, 0), 0);
	}
	image_unref(image);
	peer_run(peer);
}

static void have_queued(struct peer *peer)
{
	static const uint32_t pixels[64 * 64];
	be_writing(peer);
	display_cursor_update(peer->display, &(struct display_cursor){ .scanout = 1 }, pixels);
	display_set_scanout(peer->display, 1, 0, 0);
}

/* Dma-bufs: one whose answer is owed, one that has not been sent. */
static void have_dmabufs(struct peer *peer)
{
	struct image like = { .kind = IMAGE_DMABUF,
		.width = 512,
		.height = 512,
		.planes = 1,
		.fourcc = DRM_FORMAT_XRGB8888,
		.strides = { 2048 } };
	like.fds[0] = memfd_create("stand-in", MFD_CLOEXEC);
	struct image *image = image_create_foreign(&like, NULL, NULL);
	be_negotiated(peer);
	CHECK_INT(display_set_dmabuf(peer->display, 0, image, &all), 0);
	CHECK_INT(display_update_dmabuf(peer->display, 0, &all), 0);
	peer_expect(peer, VHOST_USER_GPU_DMABUF_SCANOUT2, 48);
	peer_expect(peer, VHOST_USER_GPU_DMABUF_UPDATE, 20);
	CHECK_INT(display_set_dmabuf(peer->display, 1, image, &all), 0);
	CHECK_INT(display_update_dmabuf(peer->display, 1, &all), 0);
	image_unref(image);
}

static void be_reading_header(struct peer *peer)
{
	do_nothing(peer);
	peer_send(peer, "\x01\0\0", 3);
}

static void be_reading_payload(struct peer *peer)
{
	const struct vhost_user_gpu_header header = { 1, 4, 8 };
	do_nothing(peer);
	peer_send(peer, &header, sizeof(header));
	peer_send(peer, "1234567", 7);
}

static void (*const states[])(struct peer *peer) = { do_nothing, be_negotiated, be_writing,
	have_queued, have_dmabufs, be_reading_header, be_reading_payload };

static void says_closed_once(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(states) * 2; i++) {
		struct peer peer;
		peer_open(&peer);
		states[i / 2](&peer);
		peer.destroy_when_closed = i % 2;
		peer_close(&peer);
		peer_run(&peer);
		CHECK_INT(peer.closed, 1);
		if (peer.display)
			CHECK(!display_scanout_ready(peer.display, 0));
		peer_finish(&peer);
		CHECK_INT(peer.closed, 1);
	}
}

static void may_be_destroyed_in_any_state(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct peer peer;
		peer_open(&peer);
		states[i](&peer);
		display_destroy(peer.display);
		peer.display = NULL;
		peer_finish(&peer);
		CHECK_INT(peer.closed, 0);
	}
}

static void may_be_used_after_its_end(void)
{
	static const uint32_t pixels[64 * 64];
	struct image like = { .kind = IMAGE_DMABUF, .width = 512, .height = 512, .planes = 1 };
	struct peer peer;
	peer_open(&peer);
	like.fds[0] = memfd_create("stand-in", MFD_CLOEXEC);
	struct image *image = image_create_foreign(&like, NULL, NULL);
	peer_close(&peer);
	peer_run(&peer);
	CHECK_INT(peer.closed, 1);
	display_set_scanout(peer.display, 0, 512, 512);
	CHECK_INT(display_set_dmabuf(peer.display, 1, image, &all), 0);
	CHECK(!display_scanout_ready(peer.display, 0));
	CHECK(!display_scanout_ready(peer.display, 1));
	display_cursor_update(peer.display, &(struct display_cursor){ .scanout = 1 }, pixels);
	display_cursor_move(peer.display, &(struct display_cursor){ .scanout = 1 });
	display_cursor_hide(peer.display, &(struct display_cursor){ .scanout = 1 });
	image_unref(image);
	peer_finish(&peer);
}

static void destroy_now(struct peer *peer, uint32_t scanout)
{
	display_destroy(peer->display);
	peer->display = NULL;
}

static void may_be_destroyed_when_ready(void)
{
	struct peer peer;
	peer_open(&peer);
	be_negotiated(&peer);
	peer.on_ready = destroy_now;
	display_set_scanout(peer.display, 3, 10, 10);
	display_set_scanout(peer.display, 4, 10, 10);
	peer_run(&peer);
	CHECK(!peer.display);
	CHECK_INT(peer.ready[3] + peer.ready[4], 1);
	peer_finish(&peer);
}

/* Descriptors that are no display at all: an end, not a fault. */
static void ends_without_a_socket(void)
{
	static const struct display_events none = { 0 };
	int before = test_open_fds();
	struct loop *loop = loop_create();
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK(!display_create(loop, file, &none, NULL)); /* not to be watched */
	CHECK(!display_create(loop, -1, &none, NULL));
	loop_destroy(loop);
	CHECK_INT(test_open_fds(), before);

	struct peer peer;
	peer_open(&peer);
	int other = fd_eventfd();
	CHECK_INT(dup3(other, peer.sock, O_CLOEXEC), peer.sock); /* as good as closed */
	fd_close(&other);
	peer_run(&peer);
	CHECK_INT(peer.closed, 1);
	peer_finish(&peer);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(says_closed_once),
		TEST_CASE(may_be_destroyed_in_any_state),
		TEST_CASE(may_be_used_after_its_end),
		TEST_CASE(may_be_destroyed_when_ready),
		TEST_CASE(ends_without_a_socket),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
