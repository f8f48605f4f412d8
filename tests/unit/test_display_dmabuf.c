/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Scanouts shown from dma-bufs; a memfd stands for one, since it is only passed on. */
#include <drm/drm_fourcc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "display_peer.h"
#include "util/fd.h"

#define TILED UINT64_C(0x0100000000000002)

static struct image *create_dmabuf(uint64_t modifier)
{
	struct image like = { .kind = IMAGE_DMABUF,
		.width = 640,
		.height = 512,
		.planes = 1,
		.fourcc = DRM_FORMAT_ARGB8888,
		.strides = { 2816 },
		.modifier = modifier,
		.y_0_top = true };
	like.fds[0] = memfd_create("stand-in", MFD_CLOEXEC);
	CHECK(like.fds[0] >= 0);
	struct image *image = image_create_foreign(&like, NULL, NULL);
	CHECK(image);
	return image;
}

static ino_t inode_of(int fd)
{
	struct stat st;
	CHECK_INT(fstat(fd, &st), 0);
	return st.st_ino;
}

static const struct rect view = { 0, 0, 600, 500 };
static const struct rect part = { 10, 20, 30, 40 };

/* DMABUF_SCANOUT2 or, without a modifier, DMABUF_SCANOUT, with the image's file. */
static void expect_dmabuf(
	struct peer *peer, uint32_t scanout, ino_t inode, bool with_modifier, uint64_t modifier)
{
	const uint32_t expected[] = { scanout, 0, 0, view.w, view.h, 640, 512, 2816,
		VHOST_USER_GPU_DMABUF_Y_0_TOP, DRM_FORMAT_ARGB8888 };
	if (with_modifier)
		peer_expect(peer, VHOST_USER_GPU_DMABUF_SCANOUT2, 48);
	else
		peer_expect(peer, VHOST_USER_GPU_DMABUF_SCANOUT, 40);
	CHECK_MEM(peer->payload, expected, sizeof(expected));
	if (with_modifier)
		CHECK_MEM(peer->payload + 40, &modifier, sizeof(modifier));
	CHECK(peer->fd >= 0);
	CHECK_INT(inode_of(peer->fd), inode);
}

static void expect_off(struct peer *peer, uint32_t scanout)
{
	const uint32_t expected[10] = { scanout };
	peer_expect(peer, VHOST_USER_GPU_DMABUF_SCANOUT, sizeof(expected));
	CHECK_MEM(peer->payload, expected, sizeof(expected));
	CHECK_INT(peer->fd, -1);
}

static void expect_size(struct peer *peer, uint32_t scanout, uint32_t width, uint32_t height)
{
	const uint32_t expected[] = { scanout, width, height };
	peer_expect(peer, VHOST_USER_GPU_SCANOUT, sizeof(expected));
	CHECK_MEM(peer->payload, expected, sizeof(expected));
}

static void expect_update(struct peer *peer, uint32_t scanout, const struct rect *rect)
{
	const uint32_t expected[] = { scanout, rect->x, rect->y, rect->w, rect->h };
	peer_expect(peer, VHOST_USER_GPU_DMABUF_UPDATE, sizeof(expected));
	CHECK_MEM(peer->payload, expected, sizeof(expected));
	CHECK_INT(peer->fd, -1);
}

/* Shows a new dma-buf on a scanout and reads what the peer is told about it. */
static void show(struct peer *peer, uint32_t scanout)
{
	struct image *image = create_dmabuf(TILED);
	ino_t inode = inode_of(image->fds[0]);
	CHECK_INT(display_set_dmabuf(peer->display, scanout, image, &view), 0);
	image_unref(image);
	CHECK_INT(display_update_dmabuf(peer->display, scanout, &view), 0);
	expect_dmabuf(peer, scanout, inode, true, TILED);
	expect_update(peer, scanout, &view);
}

static void shows_dmabufs(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *image = create_dmabuf(TILED);
	ino_t inode = inode_of(image->fds[0]);
	CHECK_INT(display_set_dmabuf(peer.display, 2, image, &view), 0);
	image_unref(image); /* the display has a descriptor of its own */
	peer_expect_nothing(&peer);
	CHECK(display_scanout_ready(peer.display, 2));
	int ready = peer.ready[2];
	CHECK_INT(display_update_dmabuf(peer.display, 2, &view), 0);
	CHECK(!display_scanout_ready(peer.display, 2));
	expect_dmabuf(&peer, 2, inode, true, TILED);
	expect_update(&peer, 2, &view);
	peer_run(&peer);
	CHECK(!display_scanout_ready(peer.display, 2));
	CHECK_INT(peer.ready[2], ready);
	peer_ack(&peer);
	CHECK(display_scanout_ready(peer.display, 2));
	CHECK_INT(peer.ready[2], ready + 1);

	CHECK_INT(display_update_dmabuf(peer.display, 2, &part), 0);
	expect_update(&peer, 2, &part); /* the peer has it already */
	peer_ack(&peer);
	show(&peer, 2);
	peer_ack(&peer);
	peer_finish(&peer);
}

static void does_without_modifiers(void)
{
	static const uint64_t modifiers[] = { DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_MOD_INVALID };
	struct peer peer;
	peer_open_with(&peer, 1u << VHOST_USER_GPU_PROTOCOL_F_EDID);
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++) {
		struct image *image = create_dmabuf(modifiers[i]);
		CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), 0);
		CHECK_INT(display_update_dmabuf(peer.display, 0, &view), 0);
		expect_dmabuf(&peer, 0, inode_of(image->fds[0]), false, 0);
		expect_update(&peer, 0, &view);
		peer_ack(&peer);
		image_unref(image);
	}
	struct image *tiled = create_dmabuf(TILED);
	CHECK_INT(display_set_dmabuf(peer.display, 0, tiled, &view), -EOPNOTSUPP);
	CHECK(display_scanout_ready(peer.display, 0)); /* what was shown before still is */
	image_unref(tiled);
	peer_finish(&peer);
}

static void refuses_what_the_protocol_lacks(void)
{
	const struct rect shifted = { 1, 0, 600, 500 }, lower = { 0, 12, 600, 500 };
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *image = create_dmabuf(DRM_FORMAT_MOD_LINEAR);
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &shifted), -EOPNOTSUPP);
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &lower), -EOPNOTSUPP);
	image->offsets[0] = 4096;
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), -EOPNOTSUPP);
	image->offsets[0] = 0;
	image->planes = 2;
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), -EOPNOTSUPP);
	CHECK(!display_scanout_ready(peer.display, 0));
	image_unref(image);
	peer_finish(&peer);
}

static void waits_for_features(void)
{
	const uint64_t features = PEER_FEATURES_ALL;
	struct peer peer;
	peer_open(&peer);
	struct image *image = create_dmabuf(TILED);
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_expect_nothing(&peer);
	CHECK(!display_scanout_ready(peer.display, 0));
	CHECK_INT(peer.ready[0], 0);
	peer_answer(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	CHECK_INT(peer.ready[0], 1);
	CHECK_INT(display_update_dmabuf(peer.display, 0, &view), 0);
	peer_expect(&peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 8);
	expect_dmabuf(&peer, 0, inode_of(image->fds[0]), true, TILED);
	expect_update(&peer, 0, &view);
	image_unref(image);
	peer_finish(&peer);
}

static void refuses_after_features(void)
{
	const uint64_t features = 0;
	struct peer peer;
	const struct rect small = { 0, 0, 8, 8 };
	peer_open(&peer);
	struct image *image = create_dmabuf(TILED);
	struct image *pixels = image_create(8, 8, DRM_FORMAT_XRGB8888);
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_answer(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	peer_expect(&peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 8);
	CHECK_INT(peer.ready[0], 1);
	CHECK_INT(display_update_dmabuf(peer.display, 0, &view), -EOPNOTSUPP);
	display_set_scanout(peer.display, 0, 8, 8);
	CHECK_INT(display_update(peer.display, 0, &small, pixels, 0, 0), 0);
	expect_size(&peer, 0, 8, 8);
	peer_expect(&peer, VHOST_USER_GPU_UPDATE, 20 + 8 * 8 * 4);
	image_unref(pixels);
	image_unref(image);
	peer_finish(&peer);
}

/* Shared memory is for peers that know it. */
static void passes_shared_memory_on(void)
{
	struct peer peer;
	struct image *image = create_dmabuf(DRM_FORMAT_MOD_LINEAR);
	image->shared_memory = true;
	image->y_0_top = false;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK(!display_takes_memory(peer.display));
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), -EOPNOTSUPP);
	peer_finish(&peer);

	peer_open_with(&peer, PEER_FEATURES_MEMORY);
	CHECK(display_takes_memory(peer.display));
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), 0);
	CHECK_INT(display_update_dmabuf(peer.display, 0, &view), 0);
	const uint32_t expected[] = { 0, 0, 0, view.w, view.h, 640, 512, 2816,
		VHOST_USER_GPU_DMABUF_SHARED_MEMORY, DRM_FORMAT_ARGB8888 };
	peer_expect(&peer, VHOST_USER_GPU_DMABUF_SCANOUT, sizeof(expected));
	CHECK_MEM(peer.payload, expected, sizeof(expected));
	CHECK_INT(inode_of(peer.fd), inode_of(image->fds[0]));
	expect_update(&peer, 0, &view);
	CHECK(!display_scanout_ready(peer.display, 0));
	peer_ack(&peer);
	CHECK(display_scanout_ready(peer.display, 0));
	peer_finish(&peer);
	image_unref(image);
}

/* It was not known what the peer takes. */
static void refuses_shared_memory_after_features(void)
{
	const uint64_t features = PEER_FEATURES_ALL;
	struct peer peer;
	peer_open(&peer);
	struct image *image = create_dmabuf(DRM_FORMAT_MOD_LINEAR);
	image->shared_memory = true;
	CHECK(!display_takes_memory(peer.display));
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_answer(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	peer_expect(&peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 8);
	CHECK_INT(display_update_dmabuf(peer.display, 0, &view), -EOPNOTSUPP);
	peer_expect_nothing(&peer);
	image_unref(image);
	peer_finish(&peer);
}

static void goes_back_to_pixels(void)
{
	struct peer peer;
	const struct rect small = { 0, 0, 8, 8 };
	struct image *pixels = image_create(8, 8, DRM_FORMAT_XRGB8888);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	display_set_scanout(peer.display, 1, 600, 500);
	CHECK_INT(display_update(peer.display, 1, &small, pixels, 0, 0), 0);
	expect_size(&peer, 1, 600, 500);
	peer_expect(&peer, VHOST_USER_GPU_UPDATE, 20 + 8 * 8 * 4);
	show(&peer, 1);
	peer_ack(&peer);

	/* The same size as before has to be said again. */
	display_set_scanout(peer.display, 1, 600, 500);
	CHECK_INT(display_update(peer.display, 1, &small, pixels, 0, 0), 0);
	expect_off(&peer, 1);
	expect_size(&peer, 1, 600, 500);
	peer_expect(&peer, VHOST_USER_GPU_UPDATE, 20 + 8 * 8 * 4);
	image_unref(pixels);
	peer_finish(&peer);
}

static void switches_off(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	show(&peer, 1);
	display_set_scanout(peer.display, 1, 0, 0); /* with an answer owed */
	expect_off(&peer, 1);
	expect_size(&peer, 1, 0, 0);
	int ready = peer.ready[1];
	CHECK(display_scanout_busy(peer.display, 1));
	peer_ack(&peer);
	CHECK_INT(peer.ready[1], ready + 1);
	CHECK(!display_scanout_busy(peer.display, 1));
	CHECK(!display_scanout_ready(peer.display, 1));
	show(&peer, 1);
	peer_finish(&peer);
}

static void replaces_unsent_dmabufs(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *images[2] = { create_dmabuf(TILED), create_dmabuf(DRM_FORMAT_MOD_LINEAR) };
	int open = test_open_fds();
	for (int i = 0; i < 1000; i++)
		CHECK_INT(display_set_dmabuf(peer.display, 0, images[i % 2], &view), 0);
	CHECK_INT(test_open_fds(), open + 1);
	CHECK_INT(display_update_dmabuf(peer.display, 0, &part), 0);
	CHECK_INT(display_set_dmabuf(peer.display, 0, images[0], &view), 0); /* drops the update */
	CHECK(display_scanout_ready(peer.display, 0));
	peer_expect_nothing(&peer);
	CHECK_INT(display_update_dmabuf(peer.display, 0, &view), 0);
	expect_dmabuf(&peer, 0, inode_of(images[0]->fds[0]), true, TILED);
	expect_update(&peer, 0, &view);
	image_unref(images[0]);
	image_unref(images[1]);
	peer_finish(&peer);
}

static void matches_answers_in_order(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	show(&peer, 9);
	show(&peer, 4);
	peer_ack(&peer);
	CHECK(display_scanout_ready(peer.display, 9));
	CHECK(!display_scanout_ready(peer.display, 4));
	show(&peer, 9);
	peer_ack(&peer);
	CHECK(display_scanout_ready(peer.display, 4));
	CHECK(!display_scanout_ready(peer.display, 9));
	peer_ack(&peer);
	CHECK(display_scanout_ready(peer.display, 9));
	peer_finish(&peer);
}

static void gives_up_waiting(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	show(&peer, 0);
	int ready = peer.ready[0];
	peer_wait(&peer, DISPLAY_ACK_MS / 2);
	show(&peer, 1);
	peer_wait(&peer, DISPLAY_ACK_MS / 2 - 200);
	CHECK_INT(peer.ready[0], ready);
	peer_wait(&peer, 400);
	CHECK_INT(peer.ready[0], ready + 1);
	CHECK(display_scanout_ready(peer.display, 0));
	CHECK(!display_scanout_ready(peer.display, 1));

	/* An answer for scanout 1; one too late for 0; then one that nobody owes. */
	peer_ack(&peer);
	CHECK(display_scanout_ready(peer.display, 1));
	peer_ack(&peer);
	CHECK_INT(peer.closed, 0);
	peer_ack(&peer);
	CHECK_INT(peer.closed, 1);
	peer_finish(&peer);
}

static void leaks_no_descriptors(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *image = create_dmabuf(TILED);
	show(&peer, 0);
	CHECK_INT(display_set_dmabuf(peer.display, 0, image, &view), 0);
	CHECK_INT(display_set_dmabuf(peer.display, 1, image, &view), 0);
	CHECK_INT(display_update_dmabuf(peer.display, 1, &view), 0);
	display_destroy(peer.display); /* one waits for an answer, one to be sent */
	peer.display = NULL;
	image_unref(image);
	peer_finish(&peer);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(shows_dmabufs),
		TEST_CASE(does_without_modifiers),
		TEST_CASE(refuses_what_the_protocol_lacks),
		TEST_CASE(waits_for_features),
		TEST_CASE(refuses_after_features),
		TEST_CASE(passes_shared_memory_on),
		TEST_CASE(refuses_shared_memory_after_features),
		TEST_CASE(goes_back_to_pixels),
		TEST_CASE(switches_off),
		TEST_CASE(replaces_unsent_dmabufs),
		TEST_CASE(matches_answers_in_order),
		TEST_CASE(gives_up_waiting),
		TEST_CASE(leaks_no_descriptors),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
