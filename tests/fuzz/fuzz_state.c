/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whoever kept a device's state: sections in the order of the format, or not, of numbers that are mostly
 * possible. What is loaded is then used, saved, loaded again and saved as the same; of what is refused
 * nothing is left.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "gpu/resource.h"
#include "gpu/snapshot.h"
#include "gpu/state.h"
#include "gpu_rig.h"
#include "guest_requests.h"
#include "util/fd.h"

#define MAX_BYTES    (256u << 10)
#define MOST_EACH    3u
#define MOST_ENTRIES 4u
#define MOST_SENT    16u
#define SIDE         VHOST_USER_GPU_CURSOR_SIDE
#define ODD          0xf0u

static struct gpu_rig rig;
static struct {
	struct fuzz_input input;
	uint8_t bytes[MAX_BYTES];
	size_t size;
	size_t section; /* where its header begins */
} made;

static void put(const void *bytes, size_t size)
{
	if (size > MAX_BYTES - made.size)
		return;
	if (bytes)
		memcpy(made.bytes + made.size, bytes, size);
	else
		memset(made.bytes + made.size, 0x11, size);
	made.size += size;
}

/* This number, but for one time in sixteen. */
static uint32_t usually(uint32_t number)
{
	return fuzz_u8(&made.input) < ODD ? number : fuzz_number(&made.input);
}

static void begin_section(uint32_t type)
{
	const struct gpu_snapshot_section section = { .type = usually(type), .zero = usually(0) };
	made.section = made.size;
	put(&section, sizeof(section));
}

/* Its length is right, unless the input has another. */
static void end_section(void)
{
	uint64_t length = made.size - made.section - sizeof(struct gpu_snapshot_section);
	uint8_t odd = fuzz_u8(&made.input);
	if (odd >= 0xf8)
		length = odd & 1 ? fuzz_number64(&made.input) : length - 1;
	if (made.size >= made.section + sizeof(struct gpu_snapshot_section))
		memcpy(made.bytes + made.section + offsetof(struct gpu_snapshot_section, length),
			&length, sizeof(length));
}

static void put_section(uint32_t type, const void *fixed, size_t size)
{
	begin_section(type);
	put(fixed, size);
	end_section();
}

static void put_session(void)
{
	struct gpu_snapshot_session session = { .features = FEATURES_ALWAYS };
	if (fuzz_bit(&made.input))
		session.features = fuzz_number64(&made.input);
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES && fuzz_bit(&made.input); i++)
		session.queues[i] = (struct gpu_snapshot_queue){
			.descriptors = 0x1000,
			.valid = usually(1),
			.size = usually(256),
			.base = fuzz_number(&made.input),
			.footprint = fuzz_number(&made.input),
		};
	put_section(GPU_SNAPSHOT_SESSION, &session, sizeof(session));
}

static void put_device(void)
{
	const struct gpu_snapshot_device device = {
		.scanouts = usually(4),
		.events_read = fuzz_u8(&made.input) & 3,
		.capsets = usually(0),
	};
	put_section(GPU_SNAPSHOT_DEVICE, &device, sizeof(device));
}

static void put_outputs(void)
{
	struct gpu_snapshot_outputs outputs = { 0 };
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		uint8_t bits = fuzz_u8(&made.input);
		outputs.modes[i].enabled = bits < ODD ? bits & 1 : bits;
		outputs.modes[i].r.width = fuzz_number(&made.input);
		outputs.modes[i].r.height = fuzz_number(&made.input);
	}
	put_section(GPU_SNAPSHOT_OUTPUTS, &outputs, sizeof(outputs));
}

static void put_entries(uint32_t count)
{
	for (uint32_t i = 0; i < min_u32(count, MOST_ENTRIES); i++) {
		const struct virtio_gpu_mem_entry entry = {
			.addr = GUEST_PAGES + 4096 * (uint64_t)guest_id(&made.input),
			.length = usually(4096),
			.padding = usually(0),
		};
		put(&entry, sizeof(entry));
	}
}

static void put_resource_2d(void)
{
	const struct gpu_snapshot_resource_2d resource = {
		.id = guest_id(&made.input),
		.format = usually(1 + fuzz_below(&made.input, 4)),
		.width = usually(32),
		.height = usually(32),
		.entries = usually(fuzz_below(&made.input, MOST_ENTRIES)),
		.zero = usually(0),
	};
	begin_section(GPU_SNAPSHOT_RESOURCE_2D);
	put(&resource, sizeof(resource));
	put_entries(resource.entries);
	if (resource.width <= 64 && resource.height <= 64)
		put(NULL, (size_t)resource.width * resource.height * 4);
	end_section();
}

static void put_blob(void)
{
	const struct gpu_snapshot_blob blob = {
		.id = guest_id(&made.input),
		.flags = fuzz_u8(&made.input) & 7,
		.size = usually(4096),
		.entries = usually(fuzz_below(&made.input, MOST_ENTRIES)),
		.zero = usually(0),
	};
	begin_section(GPU_SNAPSHOT_BLOB);
	put(&blob, sizeof(blob));
	put_entries(blob.entries);
	end_section();
}

static void put_uuid(void)
{
	struct gpu_snapshot_uuid uuid = {
		.resource = guest_id(&made.input),
		.zero = usually(0),
		.uuid = { guest_id(&made.input) & 0xff },
	};
	put_section(GPU_SNAPSHOT_UUID, &uuid, sizeof(uuid));
}

static struct virtio_gpu_rect some_rect(void)
{
	struct virtio_gpu_rect rect = { 0, 0, 32, 32 };
	if (fuzz_bit(&made.input))
		rect = (struct virtio_gpu_rect){ guest_side(&made.input), guest_side(&made.input),
			guest_side(&made.input), guest_side(&made.input) };
	return rect;
}

static void put_scanout(void)
{
	const struct gpu_snapshot_scanout scanout = {
		.scanout = guest_scanout(&made.input),
		.resource = guest_id(&made.input),
		.rect = some_rect(),
	};
	put_section(GPU_SNAPSHOT_SCANOUT, &scanout, sizeof(scanout));
}

static void put_scanout_blob(void)
{
	const struct gpu_snapshot_scanout_blob scanout = {
		.scanout = guest_scanout(&made.input),
		.resource = guest_id(&made.input),
		.rect = some_rect(),
		.width = usually(32),
		.height = usually(32),
		.format = usually(1 + fuzz_below(&made.input, 4)),
		.stride = usually(128),
		.offset = usually(0),
		.zero = usually(0),
	};
	put_section(GPU_SNAPSHOT_SCANOUT_BLOB, &scanout, sizeof(scanout));
}

static void put_cursor(void)
{
	const struct gpu_snapshot_cursor cursor = {
		.scanout = guest_scanout(&made.input),
		.x = fuzz_number(&made.input),
		.y = fuzz_number(&made.input),
		.hot_x = fuzz_number(&made.input),
		.hot_y = fuzz_number(&made.input),
		.visible = usually(fuzz_bit(&made.input)),
		.has_image = usually(fuzz_bit(&made.input)),
		.zero = usually(0),
	};
	begin_section(GPU_SNAPSHOT_CURSOR);
	put(&cursor, sizeof(cursor));
	put(NULL, cursor.has_image ? SIDE * SIDE * 4 : 0);
	end_section();
}

static void put_end(void)
{
	put_section(GPU_SNAPSHOT_END, NULL, 0);
}

/* In the order of the format. */
static const struct {
	void (*put)(void);
	bool once;
} sections[] = {
	{ put_session, true },
	{ put_device, true },
	{ put_outputs, false },
	{ put_resource_2d, false },
	{ put_blob, false },
	{ put_uuid, false },
	{ put_scanout, false },
	{ put_scanout_blob, false },
	{ put_cursor, false },
	{ put_end, true },
};

static void make(void)
{
	struct gpu_snapshot_header header = { .version = usually(GPU_SNAPSHOT_VERSION) };
	memcpy(header.magic, GPU_SNAPSHOT_MAGIC, sizeof(header.magic));
	header.magic[0] ^= (uint8_t)usually(0);
	put(&header, sizeof(header));
	for (uint32_t i = 0; i < ARRAY_SIZE(sections); i++) {
		uint8_t byte = fuzz_u8(&made.input);
		uint32_t count = sections[i].once ? byte < ODD : byte % MOST_EACH;
		for (uint32_t j = 0; j < count; j++)
			sections[byte < 0xfc ? i : byte % ARRAY_SIZE(sections)].put();
	}
	if (fuzz_u8(&made.input) >= ODD)
		put(NULL, fuzz_u8(&made.input));
}

/* Some bytes are others, or not there. */
static void spoil(void)
{
	uint8_t bits = fuzz_u8(&made.input);
	for (uint32_t n = bits >= ODD ? bits & 3 : 0; n > 0; n--)
		made.bytes[fuzz_u32(&made.input) % MAX_BYTES % made.size] = fuzz_u8(&made.input);
	if (bits == 0xff)
		made.size -= fuzz_u8(&made.input) % made.size;
}

static void check_empty(void)
{
	CHECK(!rig.device->snapshot);
	CHECK_INT(rig.device->resource_count, 0);
	CHECK_INT(rig.device->blob_count, 0);
	CHECK_INT(rig.device->backing_entries, 0);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		CHECK(!rig.device->scanouts[i].resource && !rig.device->cursors[i].visible);
}

static void use(void)
{
	uint8_t bytes[GUEST_REQUEST_MAX];
	uint32_t type;
	for (uint32_t i = 0; i < MOST_SENT && made.input.left > 0; i++) {
		size_t size = guest_request_make(&made.input, GUEST_PAGES, bytes, &type);
		uint32_t queue = type >= VIRTIO_GPU_CMD_UPDATE_CURSOR;
		if (size > 0)
			gpu_rig_send(&rig, queue, bytes, size, ANSWER_ROOM);
		gpu_rig_run(&rig);
	}
}

static void stop_queues(void)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		gpu_device_impl.queue_stop(rig.device, &rig.queues[i], true);
}

static void save_and_load(const struct vhost_session_state *session)
{
	struct vhost_session_state again = *session;
	struct gpu_rig_state first = { NULL, 0 }, second = { NULL, 0 };
	stop_queues();
	if (gpu_rig_save(&rig, session, &first) == 0) {
		CHECK_INT(gpu_rig_load(&rig, &first, first.size, &again), 0);
		CHECK_INT(gpu_rig_save(&rig, &again, &second), 0);
		CHECK_INT(first.size, second.size);
		CHECK_MEM(first.bytes, second.bytes, first.size);
	}
	free(first.bytes);
	free(second.bytes);
}

static void load_it(size_t piece)
{
	const struct gpu_rig_state state = { made.bytes, made.size };
	struct vhost_session_state session;
	fuzz_memory_short(&made.input);
	int status = gpu_rig_load(&rig, &state, piece, &session);
	fuzz_memory_back();
	if (status < 0) {
		check_empty();
		return;
	}
	gpu_device_impl.set_features(rig.device, session.features & FEATURES_ALWAYS);
	save_and_load(&session);
	use();
	save_and_load(&session);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	made.input = fuzz_begin(bytes, size);
	made.size = 0;
	uint8_t bits = fuzz_u8(&made.input);
	size_t piece = bits & 1 ? MAX_BYTES : 1 + fuzz_number(&made.input) % 1000;
	gpu_rig_prepare(&rig, 0);
	rig.args.scanouts = 4;
	rig.args.limits.host_bytes = 64 << 10;
	rig.args.limits.resources = bits & 2 ? 3 : 100;
	gpu_rig_start(&rig, FEATURES_ALWAYS);
	if (bits & 4)
		gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	if (bits & 8) {
		made.size = min_size(made.input.left, MAX_BYTES);
		memcpy(made.bytes, made.input.bytes, made.size);
		made.input.left = 0;
	} else {
		make();
		spoil();
	}
	load_it(piece);
	stop_queues();
	gpu_rig_finish(&rig);
	return 0;
}
