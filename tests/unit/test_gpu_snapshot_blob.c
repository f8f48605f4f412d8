/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs and UUIDs in the state of a device: as they were saved, and as nobody would have. */
#include "gpu_rig.h"

#include <stdlib.h>

#include "gpu/resource.h"
#include "gpu/snapshot.h"
#include "gpu/state.h"
#include "util/log.h"

static struct gpu_rig rig, other;

#define OK       VIRTIO_GPU_RESP_OK_NODATA
#define FEATURES (FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID))

static const struct vhost_session_state session = { .features = FEATURES };

static void start(struct gpu_rig *r)
{
	gpu_rig_prepare(r, 0);
	gpu_rig_start(r, FEATURES);
}

static void assign(struct gpu_rig *r, uint32_t id, uint8_t ret_uuid[16])
{
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
		.resource_id = id,
	};
	uint16_t number = gpu_rig_begin(r, &request, sizeof(request));
	const struct virtio_gpu_resp_resource_uuid *answer =
		(const void *)gpu_rig_answer(r, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
	CHECK(answer);
	CHECK_INT(answer->hdr.type, VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	memcpy(ret_uuid, answer->uuid, 16);
}

/* Blobs with memory and without, one of them shown twice, and UUIDs of some. */
static void populate(struct gpu_rig *r, uint8_t ret_uuids[2][16])
{
	const struct virtio_gpu_mem_entry entries[] = {
		{ .addr = GUEST_PAGES, .length = 4096 },
		{ .addr = 77, .length = 0 },
		{ .addr = GUEST_PAGES + 9000, .length = 5001 },
	};
	CHECK_INT(gpu_rig_create_blob_of(r, 9, 9000, entries, ARRAY_SIZE(entries)), OK);
	CHECK_INT(gpu_rig_create_2d(r, 8, 16, 16), OK);
	CHECK_INT(gpu_rig_create_blob(r, 7, UINT64_MAX - 4095, 0), OK);
	struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(9, 16, 16, 70, 3);
	picture.format = VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM;
	picture.r = (struct virtio_gpu_rect){ 1, 2, 3, 4 };
	CHECK_INT(gpu_rig_set_scanout_blob(r, 3, &picture), OK);
	CHECK_INT(gpu_rig_set_scanout(r, 4, 8, &(struct rect){ 0, 0, 16, 16 }), OK);
	CHECK_INT(gpu_rig_set_scanout_blob(r, 5, &picture), OK);
	assign(r, 8, ret_uuids[0]);
	assign(r, 9, ret_uuids[1]);
}

static void check_same_layout(const struct gpu_scanout *a, const struct gpu_scanout *b)
{
	CHECK_INT(a->resource->args.id, b->resource->args.id);
	CHECK_MEM(&a->rect, &b->rect, sizeof(a->rect));
	CHECK_MEM(&a->layout, &b->layout, sizeof(a->layout));
}

static void restores_everything(void)
{
	static const size_t pieces[] = { SIZE_MAX, 1, 3, 4096 };
	uint8_t uuids[2][16], again[16];
	struct vhost_session_state loaded;
	struct gpu_rig_state first, second;
	start(&rig);
	populate(&rig, uuids);
	CHECK_INT(gpu_rig_save(&rig, &session, &first), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		start(&other);
		CHECK_INT(gpu_rig_load(&other, &first, pieces[i], &loaded), 0);
		CHECK_INT(other.device->blob_count, 2);
		CHECK_INT(other.device->backing_entries, 3);
		CHECK_INT(gpu_resource_find(other.device, 9)->blob.size, 9000);
		CHECK_INT(gpu_resource_find(other.device, 7)->blob.size, UINT64_MAX - 4095);
		check_same_layout(&other.device->scanouts[3], &rig.device->scanouts[3]);
		check_same_layout(&other.device->scanouts[5], &rig.device->scanouts[5]);
		CHECK_INT(gpu_rig_save(&other, &loaded, &second), 0);
		CHECK_INT(second.size, first.size);
		CHECK_MEM(second.bytes, first.bytes, first.size);
		free(second.bytes);
		assign(&other, 9, again);
		CHECK_MEM(again, uuids[1], 16);
		assign(&other, 8, again);
		CHECK_MEM(again, uuids[0], 16);
		/* They are blobs like any others. */
		CHECK_INT(gpu_rig_flush(&other, 9, &(struct rect){ 0, 0, 16, 16 }), OK);
		CHECK_INT(gpu_rig_detach_backing(&other, 9), OK);
		CHECK_INT(gpu_rig_unref(&other, 7), OK);
		gpu_rig_finish(&other);
	}
	free(first.bytes);
	gpu_rig_finish(&rig);
}

/* The memory comes later than the state. */
static void shows_them_when_there_is_memory(void)
{
	struct vhost_session_state loaded;
	struct gpu_rig_state state;
	start(&rig);
	CHECK_INT(gpu_rig_create_blob(&rig, 1, 4096, GUEST_PAGES), OK);
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, 8, 8, 32, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	CHECK_INT(gpu_rig_save(&rig, &session, &state), 0);

	start(&other);
	struct vhost_memory *none = vhost_memory_create();
	gpu_device_impl.memory_changed(other.device, none);
	gpu_rig_show(&other, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&other, 0);
	CHECK_INT(gpu_rig_load(&other, &state, SIZE_MAX, &loaded), 0);
	peer_expect_nothing(&other.display);
	memset(other.guest + GUEST_PAGES, 0x5a, 256);
	gpu_device_impl.memory_changed(other.device, other.memory);
	peer_expect(&other.display, VHOST_USER_GPU_SCANOUT, 12);
	peer_expect(&other.display, VHOST_USER_GPU_UPDATE, 20 + 256);
	for (uint32_t i = 0; i < 256; i++)
		CHECK_INT(other.display.payload[20 + i], 0x5a);
	vhost_memory_unref(none);
	free(state.bytes);
	gpu_rig_finish(&other);
	gpu_rig_finish(&rig);
}

static void survives_every_changed_byte(void)
{
	static const uint8_t changes[] = { 1, 0x80, 0xff };
	uint8_t uuids[2][16];
	struct vhost_session_state loaded;
	struct gpu_rig_state state;
	start(&rig);
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	populate(&rig, uuids);
	CHECK_INT(gpu_rig_save(&rig, &session, &state), 0);
	for (size_t i = 0; i < state.size; i++)
		for (size_t k = 0; k < ARRAY_SIZE(changes); k++) {
			state.bytes[i] ^= changes[k];
			int ret = gpu_rig_load(&rig, &state, SIZE_MAX, &loaded);
			CHECK(ret == 0 || ret == -EINVAL);
			CHECK(ret == 0 || rig.device->resource_count == 0);
			CHECK_INT(loop_round(rig.loop, 0), 0);
			state.bytes[i] ^= changes[k];
		}
	free(state.bytes);
	gpu_rig_finish(&rig);
}

/* --- states made by hand --------------------------------------------------------------------- */

static struct {
	uint8_t bytes[4096];
	size_t size;
} made;

static void put(const void *bytes, size_t size)
{
	CHECK(made.size + size <= sizeof(made.bytes));
	memcpy(made.bytes + made.size, bytes, size);
	made.size += size;
}

static void put_section(uint32_t type, const void *bytes, size_t size)
{
	const struct gpu_snapshot_section section = { .type = type, .length = size };
	put(&section, sizeof(section));
	put(bytes, size);
}

static void put_begin(uint64_t features)
{
	const struct gpu_snapshot_session chosen = { .features = features };
	const struct gpu_snapshot_device device = { .scanouts = 1 };
	struct gpu_snapshot_header header = { .version = GPU_SNAPSHOT_VERSION };
	memcpy(header.magic, GPU_SNAPSHOT_MAGIC, sizeof(header.magic));
	made.size = 0;
	put(&header, sizeof(header));
	put_section(GPU_SNAPSHOT_SESSION, &chosen, sizeof(chosen));
	put_section(GPU_SNAPSHOT_DEVICE, &device, sizeof(device));
}

static int load(void)
{
	const struct gpu_rig_state state = { made.bytes, made.size };
	struct vhost_session_state loaded;
	int ret = gpu_rig_load(&rig, &state, 1000, &loaded);
	CHECK(ret == 0 || rig.device->resource_count == 0);
	CHECK(ret == 0 || rig.device->backing_entries == 0);
	CHECK(ret == 0 || list_empty(&rig.device->shares.all));
	return ret;
}

static int end(void)
{
	put_section(GPU_SNAPSHOT_END, "", 0);
	return load();
}

struct blob {
	struct gpu_snapshot_blob fixed;
	struct virtio_gpu_mem_entry entries[2];
};

/* One of two entries, which are its size. */
static struct blob good(void)
{
	return (struct blob){
		.fixed = { .id = 1, .size = 8192, .entries = 2 },
		.entries = { { .addr = GUEST_PAGES, .length = 4096 },
			{ .addr = GUEST_PAGES + 8192, .length = 4096 } },
	};
}

static void put_blob(const struct blob *blob)
{
	put_section(GPU_SNAPSHOT_BLOB, blob, sizeof(*blob));
}

static int load_blob(const struct blob *blob)
{
	put_begin(FEATURES);
	put_blob(blob);
	return end();
}

static void judges_blobs(void)
{
	start(&rig);
	struct blob blob = good();
	CHECK_INT(load_blob(&blob), 0);
	put_begin(FEATURES_2D);
	put_blob(&blob);
	CHECK_INT(end(), -EINVAL);
	put_begin(FEATURES);
	put_blob(&blob);
	put_blob(&blob);
	CHECK_INT(end(), -EINVAL);
	put_begin(FEATURES);
	put_section(GPU_SNAPSHOT_BLOB, &blob, sizeof(blob) - 1);
	CHECK_INT(end(), -EINVAL);

	blob.fixed.flags = VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE;
	CHECK_INT(load_blob(&blob), 0);
	put_begin(FEATURES_BLOB);
	put_blob(&blob);
	CHECK_INT(end(), -EINVAL);
	put_begin(FEATURES | FEATURE_BIT(VIRTIO_GPU_F_BLOB_ALIGNMENT));
	blob.fixed.size = 8191;
	put_blob(&blob);
	CHECK_INT(end(), -EINVAL);
	CHECK_INT(load_blob(&blob), 0);

	static const uint64_t sizes[] = { 0, 8193, UINT64_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		blob = good();
		blob.fixed.size = sizes[i];
		CHECK_INT(load_blob(&blob), -EINVAL);
	}
	static const uint32_t counts[] = { 0, 1, 3, 16385, 0x10000002, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		blob = good();
		blob.fixed.entries = counts[i];
		CHECK_INT(load_blob(&blob), -EINVAL);
	}
	blob = good();
	blob.fixed.id = 0;
	CHECK_INT(load_blob(&blob), -EINVAL);
	blob = good();
	blob.fixed.flags = 8;
	CHECK_INT(load_blob(&blob), -EINVAL);
	blob = good();
	blob.fixed.zero = 1;
	CHECK_INT(load_blob(&blob), -EINVAL);
	blob = good();
	blob.entries[1].addr = UINT64_MAX; /* in no memory now: it may come */
	CHECK_INT(load_blob(&blob), 0);
	gpu_rig_finish(&rig);
}

static int load_uuid(uint64_t features, struct gpu_snapshot_uuid uuid, uint32_t times)
{
	const struct blob blob = good();
	put_begin(features);
	put_blob(&blob);
	for (uint32_t i = 0; i < times; i++)
		put_section(GPU_SNAPSHOT_UUID, &uuid, sizeof(uuid));
	return end();
}

static void judges_uuids(void)
{
	start(&rig);
	CHECK_INT(load_uuid(FEATURES, (struct gpu_snapshot_uuid){ .resource = 1 }, 1), 0);
	CHECK_INT(load_uuid(FEATURES, (struct gpu_snapshot_uuid){ .resource = 1 }, 2), -EINVAL);
	CHECK_INT(load_uuid(FEATURES, (struct gpu_snapshot_uuid){ .resource = 2 }, 1), -EINVAL);
	CHECK_INT(load_uuid(FEATURES, (struct gpu_snapshot_uuid){ .resource = 1, .zero = 1 }, 1),
		-EINVAL);
	CHECK_INT(
		load_uuid(FEATURES_BLOB, (struct gpu_snapshot_uuid){ .resource = 1 }, 1), -EINVAL);
	gpu_rig_finish(&rig);
}

static int load_scanout(const struct gpu_snapshot_scanout_blob *scanout, uint32_t times)
{
	const struct blob blob = good();
	put_begin(FEATURES);
	put_blob(&blob);
	for (uint32_t i = 0; i < times; i++)
		put_section(GPU_SNAPSHOT_SCANOUT_BLOB, scanout, sizeof(*scanout));
	return end();
}

static void judges_scanouts(void)
{
	const struct gpu_snapshot_scanout_blob well = {
		.scanout = 2,
		.resource = 1,
		.rect = { 0, 0, 8, 8 },
		.width = 8,
		.height = 8,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.stride = 32,
	};
	static const struct {
		uint32_t scanout, resource, rect_w, width, format, stride, offset, zero;
	} wrong[] = {
		{ 16, 1, 8, 8, 2, 32, 0, 0 },
		{ UINT32_MAX, 1, 8, 8, 2, 32, 0, 0 },
		{ 2, 0, 8, 8, 2, 32, 0, 0 },
		{ 2, 2, 8, 8, 2, 32, 0, 0 },
		{ 2, 1, 9, 8, 2, 32, 0, 0 },
		{ 2, 1, 0, 8, 2, 32, 0, 0 },
		{ 2, 1, 8, 0x40000008, 2, 32, 0, 0 },
		{ 2, 1, 8, 8, 5, 32, 0, 0 },
		{ 2, 1, 8, 8, 2, 31, 0, 0 },
		{ 2, 1, 8, 8, 2, 32, 7937, 0 },
		{ 2, 1, 8, 8, 2, UINT32_MAX, UINT32_MAX, 0 },
		{ 2, 1, 8, 8, 2, 32, 0, 1 },
	};
	start(&rig);
	CHECK_INT(load_scanout(&well, 1), 0);
	CHECK_INT(load_scanout(&well, 2), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct gpu_snapshot_scanout_blob bad = well;
		bad.scanout = wrong[i].scanout;
		bad.resource = wrong[i].resource;
		bad.rect.width = wrong[i].rect_w;
		bad.width = wrong[i].width;
		bad.format = wrong[i].format;
		bad.stride = wrong[i].stride;
		bad.offset = wrong[i].offset;
		bad.zero = wrong[i].zero;
		CHECK_INT(load_scanout(&bad, 1), -EINVAL);
	}
	gpu_rig_finish(&rig);
}

/* One scanout shows a 2D resource, says another section. */
static void keeps_kinds_apart(void)
{
	const struct gpu_snapshot_scanout flat = { 2, 1, { 0, 0, 8, 8 } };
	const struct blob blob = good();
	start(&rig);
	put_begin(FEATURES);
	put_blob(&blob);
	put_section(GPU_SNAPSHOT_SCANOUT, &flat, sizeof(flat));
	CHECK_INT(end(), -EINVAL);

	const struct {
		struct gpu_snapshot_resource_2d fixed;
		uint8_t pixels[8 * 8 * 4];
	} resource = { .fixed = { .id = 1, .format = 2, .width = 8, .height = 8 } };
	struct blob second = good();
	second.fixed.id = 2;
	const struct gpu_snapshot_scanout_blob same = {
		.scanout = 2,
		.resource = 2,
		.rect = { 0, 0, 8, 8 },
		.width = 8,
		.height = 8,
		.format = 2,
		.stride = 32,
	};
	for (int both = 0; both < 2; both++) {
		put_begin(FEATURES);
		put_section(GPU_SNAPSHOT_RESOURCE_2D, &resource, sizeof(resource));
		put_blob(&second);
		if (both)
			put_section(GPU_SNAPSHOT_SCANOUT, &flat, sizeof(flat));
		put_section(GPU_SNAPSHOT_SCANOUT_BLOB, &same, sizeof(same));
		CHECK_INT(end(), both ? -EINVAL : 0);
	}
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(restores_everything),
		TEST_CASE(shows_them_when_there_is_memory),
		TEST_CASE(survives_every_changed_byte),
		TEST_CASE(judges_blobs),
		TEST_CASE(judges_uuids),
		TEST_CASE(judges_scanouts),
		TEST_CASE(keeps_kinds_apart),
	};
	log_init("test", LOG_ERROR);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
