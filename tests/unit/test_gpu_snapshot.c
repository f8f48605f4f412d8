/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The state of a device: saved, loaded into another, saved again. */
#include "gpu_rig.h"

#include <stdlib.h>

#include "gpu/resource.h"
#include "gpu/snapshot.h"
#include "gpu/state.h"
#include "short_memory.h"
#include "util/log.h"

static struct gpu_rig rig, other;

#define OK   VIRTIO_GPU_RESP_OK_NODATA
#define SIDE VHOST_USER_GPU_CURSOR_SIDE

static const struct vhost_session_state session = {
	.features = FEATURES_2D | FEATURE_BIT(32),
	.queues = { { .valid = true,
			    .size = 256,
			    .base = 1000,
			    .footprint = 999,
			    .addresses = { 0x1000, 0x2000, 0x3000 } },
		{ .valid = false } },
};

static void start(struct gpu_rig *r, uint32_t scanouts)
{
	gpu_rig_prepare(r, 0);
	r->args.scanouts = scanouts;
	gpu_rig_start(r, FEATURES_2D);
}

static void create(struct gpu_rig *r, uint32_t id, uint32_t format, uint32_t w, uint32_t h)
{
	const struct virtio_gpu_resource_create_2d request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		.resource_id = id,
		.format = format,
		.width = w,
		.height = h,
	};
	CHECK_INT(gpu_rig_do(r, &request, sizeof(request)), OK);
}

/* A backing of w x h pixels in three entries, one of them empty. */
static void attach(struct gpu_rig *r, uint32_t id, uint64_t address, uint32_t bytes)
{
	const struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entries[3];
	} request = {
		.attach = { .hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
			.resource_id = id,
			.nr_entries = 3 },
		.entries = { { address + bytes, bytes / 2, 7 }, { UINT64_MAX, 0, 0 },
			{ address, bytes - bytes / 2, 0 } },
	};
	CHECK_INT(gpu_rig_do(r, &request, sizeof(request)), OK);
}

static struct image *pixels_of(struct gpu_rig *r, uint32_t id)
{
	struct image *image = renderer_image(gpu_renderers_software(r->device)->renderer, id);
	CHECK(image);
	return image;
}

static void fill(struct gpu_rig *r, uint32_t id)
{
	struct image *image = pixels_of(r, id);
	for (size_t i = 0; i < image->stride * image->height; i++)
		image->pixels[i] = (uint8_t)(i * 13 + id);
}

static uint32_t cursor(struct gpu_rig *r, uint32_t type, uint32_t scanout, uint32_t x, uint32_t id)
{
	const struct virtio_gpu_update_cursor update = {
		.hdr.type = type,
		.pos = { .scanout_id = scanout, .x = x, .y = x + 1 },
		.resource_id = id,
		.hot_x = 3,
		.hot_y = 4,
	};
	uint16_t number = gpu_rig_send(r, VIRTIO_GPU_QUEUE_CURSOR, &update, sizeof(update), 24);
	gpu_rig_run(r);
	return gpu_rig_answer(r, VIRTIO_GPU_QUEUE_CURSOR, number, NULL)->type;
}

/* Something of everything. */
static void populate(struct gpu_rig *r)
{
	static const uint32_t formats[] = { 1, 2, 3, 4, 67, 68, 121, 134 };
	for (uint32_t i = 0; i < ARRAY_SIZE(formats); i++) {
		uint32_t id = i == 3 ? UINT32_MAX : 100 - i;
		create(r, id, formats[i], 10 + i, 20 - i);
		fill(r, id);
	}
	create(r, 5, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, SIDE, SIDE);
	fill(r, 5);
	create(r, 6, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 300, 200);
	fill(r, 6);
	attach(r, 6, GUEST_PAGES, 300 * 200 * 4);
	attach(r, 99, GUEST_PAGES + (1 << 20), 5000);
	const struct rect part = { 10, 20, 100, 90 }, all = { 0, 0, 10, 20 };
	CHECK_INT(gpu_rig_set_scanout(r, 0, 6, &part), OK);
	CHECK_INT(gpu_rig_set_scanout(r, 2, 6, &part), OK);
	CHECK_INT(gpu_rig_set_scanout(r, 15, 100, &all), OK);
	CHECK_INT(cursor(r, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 50, 5), OK);
	CHECK_INT(cursor(r, VIRTIO_GPU_CMD_UPDATE_CURSOR, 3, 60, 5), OK);
	CHECK_INT(cursor(r, VIRTIO_GPU_CMD_UPDATE_CURSOR, 3, 70, 0), OK);
	CHECK_INT(cursor(r, VIRTIO_GPU_CMD_MOVE_CURSOR, 9, 80, 0), OK);
	r->device->events.raised = VIRTIO_GPU_EVENT_DISPLAY;
}

static void check_session(const struct vhost_session_state *loaded)
{
	const struct vhost_stopped *queue = &loaded->queues[0];
	CHECK_INT(loaded->features, session.features);
	CHECK(queue->valid && !loaded->queues[1].valid);
	CHECK_INT(queue->size, 256);
	CHECK_INT(queue->base, 1000);
	CHECK_INT(queue->footprint, 999);
	CHECK(virtqueue_addresses_same(&queue->addresses, &session.queues[0].addresses));
}

static void check_same(const struct gpu_rig_state *a, const struct gpu_rig_state *b)
{
	CHECK_INT(a->size, b->size);
	CHECK_MEM(a->bytes, b->bytes, a->size);
}

static void saves_nothing(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state first, second;
	const struct vhost_session_state none = { 0 };
	start(&rig, 1);
	CHECK_INT(gpu_rig_save(&rig, &none, &first), 0);
	CHECK_INT(first.size, 16 + 16 + 88 + 16 + 16 + 16);
	CHECK_INT(gpu_rig_load(&rig, &first, SIZE_MAX, &loaded), 0);
	CHECK_INT(loaded.features, 0);
	CHECK(!loaded.queues[0].valid);
	CHECK_INT(gpu_rig_save(&rig, &none, &second), 0);
	check_same(&first, &second);
	free(first.bytes);
	free(second.bytes);
	gpu_rig_finish(&rig);
}

static void check_resources(void)
{
	CHECK_INT(other.device->resource_count, rig.device->resource_count);
	CHECK_INT(other.device->backing_entries, 6);
	list_for_each (link, &rig.device->resource_list) {
		const struct gpu_resource *here = container_of(link, struct gpu_resource, link);
		const struct gpu_resource *there = gpu_resource_find(other.device, here->args.id);
		CHECK(there);
		CHECK_MEM(&there->args, &here->args, sizeof(here->args));
		const struct image *a = pixels_of(&rig, here->args.id);
		const struct image *b = pixels_of(&other, here->args.id);
		CHECK_INT(a->fourcc, b->fourcc);
		CHECK_MEM(a->pixels, b->pixels, a->stride * a->height);
		CHECK_INT(there->backing.count, here->backing.count);
		if (here->backing.count)
			CHECK_MEM(there->backing.entries, here->backing.entries,
				here->backing.count * sizeof(*here->backing.entries));
	}
}

/* What the guest knows of its outputs comes with it; where they are others it is told. */
static void restores_what_the_guest_knows(void)
{
	static const struct virtio_gpu_ctrl_hdr ask = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	struct vhost_session_state loaded;
	struct gpu_rig_state first, second;
	start(&rig, 2);
	CHECK_INT(gpu_rig_do(&rig, &ask, sizeof(ask)), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_INT(gpu_rig_save(&rig, &session, &first), 0);
	for (uint32_t outputs = 2; outputs <= 3; outputs++) {
		start(&other, outputs);
		CHECK_INT(gpu_rig_load(&other, &first, 7, &loaded), 0);
		CHECK_INT(other.device->events.raised, 0);
		CHECK_INT(gpu_rig_save(&other, &loaded, &second), 0);
		if (outputs == 2)
			check_same(&first, &second);
		free(second.bytes);
		peer_wait(&other.display, GPU_VIEWER_GONE_MS);
		CHECK_INT(other.device->events.raised, outputs == 2 ? 0 : VIRTIO_GPU_EVENT_DISPLAY);
		gpu_rig_finish(&other);
	}
	free(first.bytes);
	gpu_rig_finish(&rig);
}

/* Where the outputs are in a state. */
#define OUTPUTS_AT                                                                                 \
	(sizeof(struct gpu_snapshot_header) + 2 * sizeof(struct gpu_snapshot_section) +            \
		sizeof(struct gpu_snapshot_session) + sizeof(struct gpu_snapshot_device))
#define OUTPUTS_SIZE (sizeof(struct gpu_snapshot_section) + sizeof(struct gpu_snapshot_outputs))

static void refuses_outputs_that_cannot_be(void)
{
	static const struct virtio_gpu_ctrl_hdr ask = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	struct vhost_session_state loaded;
	struct gpu_rig_state state;
	start(&rig, 2);
	CHECK_INT(gpu_rig_do(&rig, &ask, sizeof(ask)), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_INT(gpu_rig_save(&rig, &session, &state), 0);
	uint8_t *section = state.bytes + OUTPUTS_AT;
	uint8_t *enabled = section + sizeof(struct gpu_snapshot_section) +
		offsetof(struct virtio_gpu_display_one, enabled);
	CHECK_INT(*enabled, 1);
	*enabled = 2;
	CHECK_INT(gpu_rig_load(&rig, &state, SIZE_MAX, &loaded), -EINVAL);
	*enabled = 0;
	CHECK_INT(gpu_rig_load(&rig, &state, SIZE_MAX, &loaded), 0);

	struct gpu_rig_state twice = { .bytes = malloc(state.size + OUTPUTS_SIZE),
		.size = state.size + OUTPUTS_SIZE };
	CHECK(twice.bytes);
	memcpy(twice.bytes, state.bytes, OUTPUTS_AT + OUTPUTS_SIZE);
	memcpy(twice.bytes + OUTPUTS_AT + OUTPUTS_SIZE, section, state.size - OUTPUTS_AT);
	CHECK_INT(gpu_rig_load(&rig, &twice, SIZE_MAX, &loaded), -EINVAL);
	free(twice.bytes);
	free(state.bytes);
	gpu_rig_finish(&rig);
}

static void restores_everything(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state first, second;
	static const size_t pieces[] = { SIZE_MAX, 1, 3, 4096 };
	start(&rig, 3);
	populate(&rig);
	CHECK_INT(gpu_rig_save(&rig, &session, &first), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		start(&other, 3);
		CHECK_INT(gpu_rig_load(&other, &first, pieces[i], &loaded), 0);
		check_session(&loaded);
		CHECK_INT(other.device->events.raised, VIRTIO_GPU_EVENT_DISPLAY);
		check_resources();
		CHECK_INT(other.device->scanouts[15].resource->args.id, 100);
		CHECK_INT(other.device->scanouts[2].rect.y, 20);
		CHECK(!other.device->scanouts[1].resource);
		CHECK(other.device->cursors[0].visible && !other.device->cursors[3].visible);
		CHECK_INT(other.device->cursors[9].x, 80);
		CHECK_INT(gpu_rig_save(&other, &loaded, &second), 0);
		check_same(&first, &second);
		free(second.bytes);
		/* it is a device like any other */
		CHECK_INT(gpu_rig_transfer_2d(&other, 6, 300, 200), OK);
		CHECK_INT(gpu_rig_detach_backing(&other, 6), OK);
		for (uint32_t id = 93; id <= 100; id++)
			CHECK_INT(gpu_rig_unref(&other, id == 97 ? UINT32_MAX : id), OK);
		gpu_rig_finish(&other);
	}
	/* what was saved is as it was */
	CHECK_INT(gpu_rig_save(&rig, &session, &second), 0);
	check_same(&first, &second);
	free(first.bytes);
	free(second.bytes);
	gpu_rig_finish(&rig);
}

static void replaces_what_there_was(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state first, second;
	start(&rig, 1);
	create(&rig, 1, 1, 8, 8);
	CHECK_INT(gpu_rig_save(&rig, &session, &first), 0);
	populate(&rig);
	CHECK_INT(gpu_rig_load(&rig, &first, SIZE_MAX, &loaded), 0);
	CHECK_INT(rig.device->resource_count, 1);
	CHECK_INT(gpu_rig_save(&rig, &session, &second), 0);
	check_same(&first, &second);
	free(first.bytes);
	free(second.bytes);
	gpu_rig_finish(&rig);
}

/* Thousands of resources, and one that is as large as may be. */
static void saves_much(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state first, second;
	start(&rig, 1);
	for (uint32_t id = 1; id <= 5000; id++) {
		create(&rig, id * 7, 1, 1 + id % 5, 1 + id % 3);
		fill(&rig, id * 7);
	}
	create(&rig, 1, 1, 16384, 100);
	fill(&rig, 1);
	CHECK_INT(gpu_rig_save(&rig, &session, &first), 0);
	start(&other, 1);
	CHECK_INT(gpu_rig_load(&other, &first, 65536, &loaded), 0);
	CHECK_INT(other.device->resource_count, 5001);
	CHECK_INT(gpu_rig_save(&other, &session, &second), 0);
	check_same(&first, &second);
	gpu_rig_finish(&other);
	free(first.bytes);
	free(second.bytes);
	gpu_rig_finish(&rig);
}

/* --- memory and displays --------------------------------------------------------------------- */

static void resolves_backings_when_memory_comes(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state state;
	start(&rig, 1);
	create(&rig, 1, 1, 16, 16);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 1024), OK);
	CHECK_INT(gpu_rig_save(&rig, &session, &state), 0);

	struct vhost_memory *none = vhost_memory_create();
	gpu_device_impl.memory_changed(rig.device, none);
	CHECK_INT(gpu_rig_load(&rig, &state, SIZE_MAX, &loaded), 0);
	const struct gpu_resource *resource = gpu_resource_find(rig.device, 1);
	CHECK(resource->backing.entries && !resource->backing.spans);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), VIRTIO_GPU_RESP_ERR_UNSPEC);
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	memset(rig.guest + GUEST_PAGES, 0x5a, 1024);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(pixels_of(&rig, 1)->pixels[1023], 0x5a);

	/* with memory there from the start */
	CHECK_INT(gpu_rig_load(&rig, &state, SIZE_MAX, &loaded), 0);
	CHECK_INT(pixels_of(&rig, 1)->pixels[1023], 0);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(pixels_of(&rig, 1)->pixels[1023], 0x5a);
	vhost_memory_unref(none);
	free(state.bytes);
	gpu_rig_finish(&rig);
}

static void expect_cursor(void)
{
	const struct vhost_user_gpu_cursor_update *update;
	peer_expect(&rig.display, VHOST_USER_GPU_CURSOR_UPDATE, sizeof(*update));
	update = (const void *)rig.display.payload;
	CHECK_INT(update->pos.x, 50);
	CHECK_INT(update->hot_y, 4);
	CHECK_MEM(update->data, pixels_of(&rig, 2)->pixels, sizeof(update->data));
}

static void expect_picture(void)
{
	const struct vhost_user_gpu_update *update;
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, sizeof(struct vhost_user_gpu_scanout));
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE, sizeof(*update) + 8 * 8 * 4);
	update = (const void *)rig.display.payload;
	CHECK_INT(update->width, 8);
	CHECK_INT(update->height, 8);
	CHECK_MEM((const uint8_t *)(update + 1), pixels_of(&rig, 1)->pixels, 3);
}

/* What is loaded is shown at once, or to the display that comes later. */
static void shows_what_was_loaded(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state state;
	start(&rig, 1);
	create(&rig, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 8, 8);
	fill(&rig, 1);
	create(&rig, 2, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, SIDE, SIDE);
	fill(&rig, 2);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &(struct rect){ 0, 0, 8, 8 }), OK);
	CHECK_INT(cursor(&rig, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 50, 2), OK);
	CHECK_INT(gpu_rig_save(&rig, &session, &state), 0);
	gpu_device_impl.reset(rig.device);

	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
	CHECK_INT(gpu_rig_load(&rig, &state, 100, &loaded), 0);
	expect_cursor();
	expect_picture();
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	expect_cursor();
	expect_picture();
	free(state.bytes);
	gpu_rig_finish(&rig);
}

/* --- 3D ------------------------------------------------------------------------------------- */

static int try_save(void)
{
	struct gpu_rig_state state = { NULL, 0 };
	int ret = gpu_rig_save(&rig, &session, &state);
	free(state.bytes);
	CHECK(!rig.device->snapshot);
	return ret;
}

static void refuses_3d(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(try_save(), 0);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(try_save(), -EOPNOTSUPP);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), OK);
	CHECK_INT(try_save(), 0);
	CHECK_INT(gpu_rig_create_3d(&rig, 1, 8, 8), OK);
	CHECK_INT(try_save(), -EOPNOTSUPP);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	CHECK_INT(try_save(), 0);

	/* 2D is fine until a context could have drawn to it */
	CHECK_INT(gpu_rig_create_2d(&rig, 2, 8, 8), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 2), OK);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), OK);
	CHECK_INT(try_save(), 0);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 2), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 7), OK);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), OK);
	CHECK_INT(try_save(), -EOPNOTSUPP);
	CHECK_INT(gpu_rig_unref(&rig, 2), OK);
	CHECK_INT(try_save(), 0);
	gpu_rig_finish(&rig);
}

/* A context that is lost is the guest's until it destroys it. */
static void refuses_lost_contexts(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	struct fake *fake = rig.fakes[0];
	rig.fakes[0] = NULL;
	fake_lose(fake);
	CHECK_INT(try_save(), -EOPNOTSUPP);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), OK);
	CHECK_INT(try_save(), 0);
	gpu_rig_finish(&rig);
}

static void refuses_while_a_cursor_is_read(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_create_3d(&rig, 1, 8, 8), OK);
	rig.manual = true;
	CHECK_INT(cursor(&rig, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 50, 1), OK);
	const struct virtio_gpu_resource_unref unref = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = 1,
	};
	gpu_rig_begin(&rig, &unref, sizeof(unref));
	CHECK_INT(rig.device->resource_count, 0);
	CHECK_INT(try_save(), -EOPNOTSUPP);
	rig.manual = false;
	gpu_rig_run(&rig);
	CHECK_INT(try_save(), 0);
	gpu_rig_finish(&rig);
}

static void knows_capability_sets(void)
{
	struct vhost_session_state loaded, with_3d = session;
	struct gpu_rig_state state, state_2d;
	with_3d.features |= FEATURES_3D;
	gpu_rig_prepare(&rig, 2);
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_save(&rig, &with_3d, &state), 0);
	CHECK_INT(gpu_rig_save(&rig, &session, &state_2d), 0);
	CHECK_INT(gpu_rig_load(&rig, &state, SIZE_MAX, &loaded), 0);
	gpu_rig_finish(&rig);
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_load(&rig, &state, SIZE_MAX, &loaded), -EINVAL);
	CHECK_INT(gpu_rig_load(&rig, &state_2d, SIZE_MAX, &loaded), 0);
	free(state.bytes);
	CHECK_INT(gpu_rig_save(&rig, &with_3d, &state), 0);
	gpu_rig_finish(&rig);
	gpu_rig_prepare(&rig, 2);
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_load(&rig, &state, SIZE_MAX, &loaded), 0);
	gpu_rig_finish(&rig);
	free(state.bytes);
	free(state_2d.bytes);
}

/* --- short memory ---------------------------------------------------------------------------- */

static void check_empty(const struct gpu_device *device)
{
	CHECK_INT(device->resource_count, 0);
	CHECK_INT(device->backing_entries, 0);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		CHECK(!device->scanouts[i].resource && !device->cursors[i].image);
}

static void survives_short_memory(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state first, second;
	uint32_t failed = 0, worked = 0;
	start(&rig, 3);
	populate(&rig);
	CHECK_INT(gpu_rig_save(&rig, &session, &first), 0);
	start(&other, 3);
	for (int i = 0; i < 500; i++) {
		short_memory(60);
		int ret = gpu_rig_load(&other, &first, 5000, &loaded);
		short_memory(0);
		if (ret < 0) {
			check_empty(other.device);
			failed++;
			continue;
		}
		worked++;
		CHECK_INT(gpu_rig_save(&other, &loaded, &second), 0);
		check_same(&first, &second);
		free(second.bytes);
	}
	CHECK(failed > 50 && worked > 50);
	gpu_rig_finish(&other);
	free(first.bytes);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(saves_nothing),
		TEST_CASE(restores_what_the_guest_knows),
		TEST_CASE(refuses_outputs_that_cannot_be),
		TEST_CASE(restores_everything),
		TEST_CASE(replaces_what_there_was),
		TEST_CASE(saves_much),
		TEST_CASE(resolves_backings_when_memory_comes),
		TEST_CASE(shows_what_was_loaded),
		TEST_CASE(refuses_3d),
		TEST_CASE(refuses_lost_contexts),
		TEST_CASE(refuses_while_a_cursor_is_read),
		TEST_CASE(knows_capability_sets),
		TEST_CASE(survives_short_memory),
	};
	log_init("test", LOG_WARN);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
