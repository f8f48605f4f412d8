/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* States that nobody has saved like this: whatever is in them, the device goes on. */
#include "gpu_rig.h"

#include <stdlib.h>
#include <unistd.h>

#include "gpu/resource.h"
#include "gpu/snapshot.h"
#include "gpu/state.h"
#include "util/fd.h"
#include "util/log.h"

static struct gpu_rig rig;

#define OK        VIRTIO_GPU_RESP_OK_NODATA
#define SIDE      VHOST_USER_GPU_CURSOR_SIDE
#define MAX_BYTES 65536u

/* A state made by hand. */
static struct {
	uint8_t bytes[MAX_BYTES];
	size_t size;
} made;

static void put(const void *bytes, size_t size)
{
	CHECK(made.size + size <= MAX_BYTES);
	if (bytes)
		memcpy(made.bytes + made.size, bytes, size);
	else
		memset(made.bytes + made.size, 0x11, size);
	made.size += size;
}

static void put_header(uint32_t version)
{
	struct gpu_snapshot_header header = { .version = version };
	memcpy(header.magic, GPU_SNAPSHOT_MAGIC, sizeof(header.magic));
	made.size = 0;
	put(&header, sizeof(header));
}

/* A section with its struct, and so many bytes more. */
static void put_section(uint32_t type, const void *fixed, size_t size, uint64_t more)
{
	const struct gpu_snapshot_section section = { .type = type, .length = size + more };
	put(&section, sizeof(section));
	put(fixed, size);
	if (more < MAX_BYTES)
		put(NULL, more);
}

static void put_session(void)
{
	const struct gpu_snapshot_session session = { .features = FEATURES_2D };
	put_section(GPU_SNAPSHOT_SESSION, &session, sizeof(session), 0);
}

static void put_device(void)
{
	const struct gpu_snapshot_device device = { .scanouts = 1 };
	put_section(GPU_SNAPSHOT_DEVICE, &device, sizeof(device), 0);
}

static void put_begin(void)
{
	put_header(GPU_SNAPSHOT_VERSION);
	put_session();
	put_device();
}

static void put_end(void)
{
	put_section(GPU_SNAPSHOT_END, NULL, 0, 0);
}

static struct gpu_snapshot_resource_2d resource_2d(uint32_t id)
{
	return (struct gpu_snapshot_resource_2d){ .id = id, .format = 1, .width = 4, .height = 4 };
}

static void put_resource(const struct gpu_snapshot_resource_2d *resource, uint64_t more)
{
	put_section(GPU_SNAPSHOT_RESOURCE_2D, resource, sizeof(*resource), more);
}

static void put_scanout(uint32_t id, uint32_t resource, struct virtio_gpu_rect rect)
{
	const struct gpu_snapshot_scanout scanout = { id, resource, rect };
	put_section(GPU_SNAPSHOT_SCANOUT, &scanout, sizeof(scanout), 0);
}

static void check_empty(void)
{
	CHECK(!rig.device->snapshot);
	CHECK_INT(rig.device->resource_count, 0);
	CHECK_INT(rig.device->backing_entries, 0);
	CHECK_INT(rig.device->events.raised, 0);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		CHECK(!rig.device->scanouts[i].resource);
		CHECK(!rig.device->cursors[i].image && !rig.device->cursors[i].visible);
	}
}

static int load(void)
{
	const struct gpu_rig_state state = { made.bytes, made.size };
	struct vhost_session_state session;
	int ret = gpu_rig_load(&rig, &state, 1000, &session);
	if (ret < 0)
		check_empty();
	return ret;
}

static void start(void)
{
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_2D);
}

/* --- the container --------------------------------------------------------------------------- */

static void takes_what_is_well_made(void)
{
	const struct gpu_snapshot_resource_2d one = resource_2d(1);
	const struct gpu_snapshot_cursor cursor = { .scanout = 3, .x = 5, .visible = 1 };
	start();
	put_begin();
	put_resource(&one, 64);
	put_scanout(0, 1, (struct virtio_gpu_rect){ 0, 0, 4, 4 });
	put_section(GPU_SNAPSHOT_CURSOR, &cursor, sizeof(cursor), 0);
	put_end();
	CHECK_INT(load(), 0);
	CHECK_INT(rig.device->resource_count, 1);
	gpu_rig_finish(&rig);
}

static void refuses_other_magic_and_versions(void)
{
	start();
	for (uint32_t i = 0; i < 8; i++) {
		put_begin();
		put_end();
		made.bytes[i] ^= 0x20;
		CHECK_INT(load(), -EINVAL);
	}
	static const uint32_t versions[] = { 0, 2, 0x01000000, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		put_header(versions[i]);
		put_session();
		put_device();
		put_end();
		CHECK_INT(load(), -EINVAL);
	}
	gpu_rig_finish(&rig);
}

/* Makes a state of sections that are named by letters. */
static void make_order(const char *order)
{
	const struct gpu_snapshot_session session = { 0 };
	const struct gpu_snapshot_resource_2d one = resource_2d(1), two = resource_2d(2);
	put_header(GPU_SNAPSHOT_VERSION);
	for (; *order; order++)
		switch (*order) {
		case 'S':
			put_session();
			break;
		case 's': /* a byte short */
			put_section(GPU_SNAPSHOT_SESSION, &session, sizeof(session) - 1, 0);
			break;
		case 'l': /* a byte long */
			put_section(GPU_SNAPSHOT_SESSION, &session, sizeof(session), 1);
			break;
		case 'h': /* huge */
			put_section(GPU_SNAPSHOT_SESSION, &session, sizeof(session), UINT64_MAX);
			break;
		case 'D':
			put_device();
			break;
		case 'R':
			put_resource(&one, 64);
			break;
		case 'r':
			put_resource(&two, 64);
			break;
		case 'O':
			put_scanout(0, 1, (struct virtio_gpu_rect){ 0, 0, 4, 4 });
			break;
		case '?': /* unknown */
			put_section(0x301, NULL, 8, 0);
			break;
		case '0': /* so is this */
			put_section(0, NULL, 8, 0);
			break;
		case 'E':
			put_end();
			break;
		case 'e': /* not empty */
			put_section(GPU_SNAPSHOT_END, NULL, 0, 8);
			break;
		case 'f': /* ends far away */
			put_section(GPU_SNAPSHOT_END, NULL, 0, UINT64_MAX);
			break;
		default: /* a byte */
			put(NULL, 1);
		}
}

static void refuses_other_orders(void)
{
	static const char *const good[] = { "SDE", "SDRE", "SDRrE", "SDrROE" };
	static const char *const wrong[] = { "", "E", "SE", "DE", "SD", "SSDE", "SDDE", "DSE",
		"SDRSE", "SDROrE", "SDOE", "SDRRE", "SD?E", "SDR?OE", "0SDE", "SDE.", "SDEE", "SDe",
		"SDf", "sDE", "lDE", "h", "SD.E", "SDED", "SDEh" };
	start();
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		make_order(good[i]);
		CHECK_INT(load(), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		make_order(wrong[i]);
		if (load() != -EINVAL)
			test_fail(__FILE__, __LINE__, "%s is taken", wrong[i]);
	}
	gpu_rig_finish(&rig);
}

/* --- numbers --------------------------------------------------------------------------------- */

/* Loads a state with this resource and so many bytes behind its struct. */
static int load_resource(const struct gpu_snapshot_resource_2d *resource, uint64_t more)
{
	put_begin();
	put_resource(resource, more);
	put_end();
	return load();
}

static void judges_resources(void)
{
	start();
	struct gpu_snapshot_resource_2d r = resource_2d(1);
	CHECK_INT(load_resource(&r, 64), 0);
	CHECK_INT(load_resource(&r, 63), -EINVAL);
	CHECK_INT(load_resource(&r, 65), -EINVAL);
	CHECK_INT(load_resource(&r, UINT64_MAX - 24), -EINVAL);
	r.id = 0;
	CHECK_INT(load_resource(&r, 64), -EINVAL);
	r = resource_2d(1);
	r.format = 5;
	CHECK_INT(load_resource(&r, 64), -EINVAL);
	r = resource_2d(1);
	r.width = 0;
	CHECK_INT(load_resource(&r, 0), -EINVAL);
	r.width = 16385;
	CHECK_INT(load_resource(&r, 4ull * 4 * 16385), -EINVAL);
	r.width = r.height = 0x40000001;
	CHECK_INT(load_resource(&r, 64), -EINVAL);
	r.width = r.height = 16384; /* a GiB */
	CHECK_INT(load_resource(&r, UINT64_C(1) << 30), -EINVAL);
	r = resource_2d(1);
	r.zero = 1;
	CHECK_INT(load_resource(&r, 64), -EINVAL);

	static const uint32_t counts[] = { 16385, 0x10000000, 0x10000001, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		r = resource_2d(1);
		r.entries = counts[i];
		CHECK_INT(load_resource(&r, 64), -EINVAL);
		CHECK_INT(load_resource(&r, 64 + 16ull * counts[i]), -EINVAL);
	}
	r.entries = 2;
	CHECK_INT(load_resource(&r, 64), -EINVAL);
	CHECK_INT(load_resource(&r, 64 + 32), 0);
	CHECK_INT(rig.device->backing_entries, 2);

	r = resource_2d(1);
	put_begin();
	put_resource(&r, 64);
	put_resource(&r, 64);
	put_end();
	CHECK_INT(load(), -EINVAL);
	gpu_rig_finish(&rig);
}

static int load_scanouts(uint32_t first, uint32_t second, uint32_t resource, uint32_t width)
{
	const struct gpu_snapshot_resource_2d one = resource_2d(1);
	put_begin();
	put_resource(&one, 64);
	put_scanout(first, 1, (struct virtio_gpu_rect){ 0, 0, 4, 4 });
	put_scanout(second, resource, (struct virtio_gpu_rect){ 1, 1, width, 3 });
	put_end();
	return load();
}

static void judges_scanouts(void)
{
	start();
	CHECK_INT(load_scanouts(0, 15, 1, 3), 0);
	CHECK_INT(load_scanouts(0, 16, 1, 3), -EINVAL);
	CHECK_INT(load_scanouts(0, UINT32_MAX, 1, 3), -EINVAL);
	CHECK_INT(load_scanouts(UINT32_MAX, 0, 1, 3), -EINVAL);
	CHECK_INT(load_scanouts(3, 3, 1, 3), -EINVAL);
	CHECK_INT(load_scanouts(3, 2, 1, 3), -EINVAL);
	CHECK_INT(load_scanouts(0, 1, 2, 3), -EINVAL);
	CHECK_INT(load_scanouts(0, 1, 0, 3), -EINVAL);
	CHECK_INT(load_scanouts(0, 1, 1, 4), -EINVAL);
	CHECK_INT(load_scanouts(0, 1, 1, 0), -EINVAL);
	CHECK_INT(load_scanouts(0, 1, 1, UINT32_MAX), -EINVAL);
	gpu_rig_finish(&rig);
}

static int load_cursor(struct gpu_snapshot_cursor cursor, uint64_t more, uint32_t times)
{
	put_begin();
	for (uint32_t i = 0; i < times; i++)
		put_section(GPU_SNAPSHOT_CURSOR, &cursor, sizeof(cursor), more);
	put_end();
	return load();
}

static void judges_cursors(void)
{
	const uint64_t image = SIDE * SIDE * 4;
	struct gpu_snapshot_cursor cursor = { .scanout = 2, .x = UINT32_MAX, .hot_x = UINT32_MAX };
	start();
	CHECK_INT(load_cursor(cursor, 0, 1), 0);
	CHECK_INT(load_cursor(cursor, 0, 2), -EINVAL);
	CHECK_INT(load_cursor(cursor, image, 1), -EINVAL);
	cursor.scanout = 16;
	CHECK_INT(load_cursor(cursor, 0, 1), -EINVAL);
	cursor.scanout = 15;
	cursor.visible = 2;
	CHECK_INT(load_cursor(cursor, 0, 1), -EINVAL);
	cursor.visible = 1;
	cursor.has_image = 1;
	CHECK_INT(load_cursor(cursor, image, 1), 0);
	CHECK_INT(load_cursor(cursor, image - 1, 1), -EINVAL);
	CHECK_INT(load_cursor(cursor, image + 1, 1), -EINVAL);
	CHECK_INT(load_cursor(cursor, 0, 1), -EINVAL);
	cursor.has_image = UINT32_MAX;
	CHECK_INT(load_cursor(cursor, image, 1), -EINVAL);
	cursor.has_image = 1;
	cursor.zero = 1;
	CHECK_INT(load_cursor(cursor, image, 1), -EINVAL);
	gpu_rig_finish(&rig);
}

static int load_device(struct gpu_snapshot_device device)
{
	put_header(GPU_SNAPSHOT_VERSION);
	put_session();
	put_section(GPU_SNAPSHOT_DEVICE, &device, sizeof(device), 0);
	put_end();
	return load();
}

static void judges_devices(void)
{
	gpu_rig_prepare(&rig, 0);
	rig.args.scanouts = 2;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(load_device((struct gpu_snapshot_device){ .scanouts = 1 }), 0);
	CHECK_INT(load_device((struct gpu_snapshot_device){ .scanouts = 2 }), 0);
	CHECK_INT(load_device((struct gpu_snapshot_device){ .scanouts = 3 }), -EINVAL);
	CHECK_INT(load_device((struct gpu_snapshot_device){ .scanouts = UINT32_MAX }), -EINVAL);
	CHECK_INT(load_device((struct gpu_snapshot_device){ .events_read = 1 }), 0);
	CHECK_INT(load_device((struct gpu_snapshot_device){ .events_read = 2 }), -EINVAL);
	gpu_rig_finish(&rig);
}

static int load_session(struct gpu_snapshot_session session)
{
	put_header(GPU_SNAPSHOT_VERSION);
	put_section(GPU_SNAPSHOT_SESSION, &session, sizeof(session), 0);
	put_device();
	put_end();
	return load();
}

static void judges_sessions(void)
{
	struct gpu_snapshot_session session = { 0 };
	struct gpu_snapshot_queue *queue = &session.queues[1];
	start();
	CHECK_INT(load_session(session), 0);
	queue->valid = 2;
	CHECK_INT(load_session(session), -EINVAL);
	queue->valid = 1;
	queue->size = 65535;
	queue->base = queue->footprint = UINT32_MAX;
	queue->used = UINT64_MAX;
	CHECK_INT(load_session(session), 0);
	queue->valid = 0;
	CHECK_INT(load_session(session), -EINVAL);
	queue->valid = 1;
	queue->size = 65536;
	CHECK_INT(load_session(session), -EINVAL);
	gpu_rig_finish(&rig);
}

/* A device with smaller limits than the one that saved. */
static void keeps_to_its_limits(void)
{
	struct gpu_snapshot_resource_2d r = resource_2d(1);
	gpu_rig_prepare(&rig, 0);
	rig.args.limits.resources = 2;
	rig.args.limits.host_bytes = 100;
	rig.args.limits.backing_entries = 3;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(load_resource(&r, 64), 0);
	r.height = 7;
	CHECK_INT(load_resource(&r, 112), -EINVAL);
	r.height = 1;
	r.entries = 3;
	CHECK_INT(load_resource(&r, 16 + 48), 0);
	r.entries = 4;
	CHECK_INT(load_resource(&r, 16 + 64), -EINVAL);
	r.entries = 0;
	for (uint32_t count = 1; count <= 3; count++) {
		put_begin();
		for (r.id = 1; r.id <= count; r.id++)
			put_resource(&r, 16);
		put_end();
		CHECK_INT(load(), count <= 2 ? 0 : -EINVAL);
	}
	gpu_rig_finish(&rig);
}

/* --- all of them ----------------------------------------------------------------------------- */

/* A small state with something of everything; returns where its only image begins. */
static size_t make_small(void)
{
	struct gpu_snapshot_resource_2d r = resource_2d(1);
	const struct virtio_gpu_mem_entry entry = { GUEST_PAGES, 64, 0 };
	struct gpu_snapshot_cursor cursor = { .scanout = 1, .x = 5, .has_image = 1, .visible = 1 };
	put_begin();
	r.entries = 1;
	put_resource(&r, 16 + 64);
	memcpy(made.bytes + made.size - 80, &entry, sizeof(entry));
	r = resource_2d(2);
	put_resource(&r, 64);
	put_scanout(0, 1, (struct virtio_gpu_rect){ 0, 0, 4, 4 });
	put_scanout(1, 1, (struct virtio_gpu_rect){ 1, 1, 2, 2 });
	put_section(GPU_SNAPSHOT_CURSOR, &cursor, sizeof(cursor), SIDE * SIDE * 4);
	size_t image = made.size - SIDE * SIDE * 4;
	cursor = (struct gpu_snapshot_cursor){ .scanout = 2, .x = 9 };
	put_section(GPU_SNAPSHOT_CURSOR, &cursor, sizeof(cursor), 0);
	put_end();
	return image;
}

/* The next place worth a change: one in 61 inside the image is enough. */
static size_t next_place(size_t at, size_t image)
{
	bool inside = at >= image && at + 61 < image + SIDE * SIDE * 4;
	return at + (inside ? 61 : 1);
}

static void refuses_every_part_of_a_state(void)
{
	start();
	size_t image = make_small();
	size_t size = made.size;
	CHECK_INT(load(), 0);
	for (size_t at = 0; at < size; at = next_place(at, image)) {
		made.size = at;
		CHECK_INT(load(), -EINVAL);
	}
	made.size = size;
	CHECK_INT(load(), 0);
	gpu_rig_finish(&rig);
}

/* Everything a guest could do now, to all that could be there. */
static void use_device(void)
{
	const struct rect small = { 0, 0, 1, 1 };
	for (uint32_t id = 0; id <= 2; id++) {
		gpu_rig_flush(&rig, id, &small);
		gpu_rig_transfer_2d(&rig, id, 4, 4);
		gpu_rig_set_scanout(&rig, id, 1, &small);
	}
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	for (uint32_t id = 0; id <= 2; id++) {
		gpu_rig_detach_backing(&rig, id);
		gpu_rig_unref(&rig, id);
	}
	CHECK_INT(gpu_rig_create_2d(&rig, 77, 8, 8), OK);
	CHECK_INT(gpu_rig_unref(&rig, 77), OK);
}

static void drain_display(void)
{
	uint8_t bytes[4096];
	CHECK_INT(fd_set_nonblocking(rig.display.sock), 0);
	while (read(rig.display.sock, bytes, sizeof(bytes)) > 0)
		continue;
}

/* What has been loaded can be saved, and is the same then. */
static void check_consistent(void)
{
	struct gpu_rig_state first, second;
	struct vhost_session_state session = { 0 };
	CHECK_INT(gpu_rig_save(&rig, &session, &first), 0);
	CHECK_INT(gpu_rig_load(&rig, &first, SIZE_MAX, &session), 0);
	CHECK_INT(gpu_rig_save(&rig, &session, &second), 0);
	CHECK_INT(first.size, second.size);
	CHECK_MEM(first.bytes, second.bytes, first.size);
	free(first.bytes);
	free(second.bytes);
}

static void survives_every_changed_byte(void)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff, 0x10 };
	uint32_t taken = 0, refused = 0;
	start();
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	size_t image = make_small();
	for (size_t at = 0; at < made.size; at = next_place(at, image))
		for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
			made.bytes[at] ^= changes[i];
			if (load() < 0) {
				refused++;
			} else {
				taken++;
				check_consistent();
				use_device();
			}
			made.bytes[at] ^= changes[i];
			drain_display();
		}
	CHECK(taken > 500 && refused > 500);
	CHECK_INT(load(), 0);
	gpu_rig_finish(&rig);
}

static uint64_t random_state = 42;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % limit;
}

static void survives_random_changes(void)
{
	static uint8_t bytes[MAX_BYTES];
	start();
	make_small();
	size_t size = made.size;
	memcpy(bytes, made.bytes, size);
	for (int i = 0; i < 20000; i++) {
		memcpy(made.bytes, bytes, size);
		made.size = random_below(4) ? size : random_below((uint32_t)size);
		for (uint32_t n = random_below(6); n > 0; n--)
			made.bytes[random_below((uint32_t)size)] = (uint8_t)random_below(256);
		if (load() == 0 && random_below(10) == 0)
			use_device();
	}
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(takes_what_is_well_made),
		TEST_CASE(refuses_other_magic_and_versions),
		TEST_CASE(refuses_other_orders),
		TEST_CASE(judges_resources),
		TEST_CASE(judges_scanouts),
		TEST_CASE(judges_cursors),
		TEST_CASE(judges_devices),
		TEST_CASE(judges_sessions),
		TEST_CASE(keeps_to_its_limits),
		TEST_CASE(refuses_every_part_of_a_state),
		TEST_CASE(survives_every_changed_byte),
		TEST_CASE(survives_random_changes),
	};
	log_init("test", LOG_ERROR);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
