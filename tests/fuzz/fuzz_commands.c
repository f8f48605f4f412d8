/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's commands in any order towards a device: 2D only (rendered in software), with the null
 * renderer, or with renderers that finish what they like and when, fail, hang and die. Displays come and
 * go and answer anything, memory changes, the VMM is told of shared objects and asked to map memory of
 * renderers, and the device is reset, or saved and loaded. Every request is answered in the end and nothing is left (tests/unit/gpu_rig.h).
 */
#include <errno.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel_answers.h"
#include "display_answers.h"
#include "fuzz.h"
#include "gpu/commands.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "gpu_rig.h"
#include "guest_requests.h"
#include "null/null.h"
#include "util/fd.h"
#include "vhost/backend_channel.h"

#define MOST_STEPS 256u
#define PAGE       4096u
#define MOST_SHOWN 8u /* mappings in the memory table */
#define FEATURES_ALL                                                                               \
	(FEATURES_3D | FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID) |                   \
		FEATURE_BIT(VIRTIO_GPU_F_BLOB_ALIGNMENT))

static struct gpu_rig rig;
static struct {
	struct fuzz_input input;
	uint32_t sent[VIRTIO_GPU_QUEUES];
	struct vhost_memory *other_memory;
	struct renderer_memory memory; /* of renderers */
	struct renderer_memory no_memory; /* a descriptor that is of none */
	uint64_t features; /* of the VMM */
	struct channel_end vmm;
	bool no_udmabuf;
} test;

/* --- the kernel and the session ----------------------------------------------------------------------- */

int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);
uint64_t __wrap_vhost_session_protocol_features(const struct vhost_session *session);
struct backend_channel *__wrap_vhost_session_backend_channel(struct vhost_session *session);
void __wrap_vhost_session_completed(struct vhost_session *session, struct virtqueue *queue);
int __wrap_vhost_session_config_changed(struct vhost_session *session);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	void *argument = va_arg(args, void *);
	va_end(args);
	if (request != UDMABUF_CREATE_LIST)
		return __real_ioctl(fd, request, argument);
	errno = EINVAL;
	return test.no_udmabuf ? -1 : memfd_create("udmabuf", MFD_CLOEXEC);
}

uint64_t __wrap_vhost_session_protocol_features(const struct vhost_session *session)
{
	return test.features;
}

struct backend_channel *__wrap_vhost_session_backend_channel(struct vhost_session *session)
{
	return test.vmm.channel;
}

void __wrap_vhost_session_completed(struct vhost_session *session, struct virtqueue *queue)
{
}

int __wrap_vhost_session_config_changed(struct vhost_session *session)
{
	return test.vmm.channel ? 0 : -ENOTCONN;
}

/* --- renderers ---------------------------------------------------------------------------------------- */

/* The null renderer knows its capsets at once, but that is said from the loop. */
static struct {
	struct renderer *renderer;
	struct loop_source *ready;
	void (*tell)(void *data, struct renderer *renderer);
	void *data;
} null;

static void tell_ready(void *data)
{
	null.tell(null.data, null.renderer);
}

static struct renderer *start_null(void *data, const char *name,
	const struct renderer_events *events,
	void (*ready)(void *events_data, struct renderer *renderer), void *events_data)
{
	null.renderer = null_renderer_create(rig.loop, true, events, events_data);
	null.tell = ready;
	null.data = events_data;
	loop_defer_arm(null.ready);
	return null.renderer;
}

static struct renderer *(*start_fake)(void *data, const char *name,
	const struct renderer_events *events,
	void (*ready)(void *events_data, struct renderer *renderer), void *events_data);
static bool gone[2];

/* Which of them it was shows in what the rig has then. */
static struct renderer *start_watched(void *data, const char *name,
	const struct renderer_events *events,
	void (*ready)(void *events_data, struct renderer *renderer), void *events_data)
{
	struct renderer *renderer = start_fake(data, name, events, ready, events_data);
	for (uint32_t i = 0; renderer && i < 2; i++) {
		if (!rig.fakes[i] || &rig.fakes[i]->base != renderer)
			continue;
		rig.fakes[i]->destroyed = &gone[i];
		gone[i] = false;
	}
	return renderer;
}

/* The device gives up those that hang. */
static void run(void)
{
	fuzz_memory_short(&test.input);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	fuzz_memory_back();
	for (uint32_t i = 0; i < 2; i++)
		if (gone[i])
			rig.fakes[i] = NULL;
}

static struct fake *some_fake(void)
{
	struct fake *fake = rig.fakes[fuzz_below(&test.input, 2)];
	return fake && !fake->lost ? fake : NULL;
}

static int some_error(void)
{
	static const int errors[] = { 0, -EINVAL, -ENOMEM, -ENOENT, -EOPNOTSUPP, -EIO, -EEXIST };
	return errors[fuzz_below(&test.input, ARRAY_SIZE(errors))];
}

static void meddle_with_renderer(void)
{
	struct fake *fake = some_fake();
	if (!fake)
		return;
	switch (fuzz_below(&test.input, 9)) {
	case 0:
		fake->at_once = !fake->at_once;
		break;
	case 1:
		fake->fail_type = (enum fake_type)fuzz_below(&test.input, 2 * FAKE_NONE);
		fake->fail_status = some_error();
		break;
	case 2:
		if (fuzz_below(&test.input, 4) == 3)
			gpu_rig_lose(&rig, fake);
		break;
	case 3:
		fake->base.can_export = !fake->base.can_export;
		break;
	case 4:
		fake->no_room = !fake->no_room;
		if (!fake->no_room)
			fake->base.events->room(fake->base.events_data, &fake->base);
		break;
	case 5:
		fake->silent_ms = fuzz_number(&test.input);
		break;
	case 6:
		fake->memory = fuzz_below(&test.input, 4) == 3 ? &test.no_memory : &test.memory;
		test.memory.map_info = fuzz_below(&test.input, 4);
		break;
	default:
		fake_finish_one(fake, some_error());
	}
}

static void finish_some(void)
{
	struct fake *fake = some_fake();
	for (uint32_t n = fuzz_below(&test.input, 16); fake && n > 0; n--)
		if (!fake_finish_one(fake, 0))
			return;
}

static void meddle_with_factory(void)
{
	uint8_t bits = fuzz_u8(&test.input);
	rig.start_fails = bits & 1;
	rig.memory_fails = bits & 2 ? bits & 4 ? -EAGAIN : -ENOMEM : 0;
	test.no_udmabuf = bits & 8;
	gpu_device_memory_came(rig.device);
	for (uint32_t i = 0; bits & 16 && i < rig.args.renderer_count; i++)
		if (rig.fakes[i] && !rig.fakes[i]->lost && rig.factory[i].ready) {
			gpu_rig_fake_ready(&rig, i);
			rig.factory[i].ready = NULL;
		}
}

/* --- the guest ------------------------------------------------------------------------------------------ */

/* The rig has a place for each of the last half queue of requests. */
static bool has_place(uint32_t queue)
{
	const struct virtqueue *q = &rig.queues[queue];
	uint16_t next = rig.rings[queue].next_available;
	if (q->in_flight + (uint16_t)(next - q->split.next_available) > QUEUE_SIZE / 4)
		return false;
	return test.sent[queue] < QUEUE_SIZE / 2 ||
		gpu_rig_answer(&rig, queue, (uint16_t)(next - QUEUE_SIZE / 2), NULL);
}

static void send_command(void)
{
	uint8_t bytes[GUEST_REQUEST_MAX];
	uint32_t type;
	size_t size = guest_request_make(&test.input, GUEST_PAGES, bytes, &type);
	uint8_t odd = fuzz_u8(&test.input);
	uint32_t queue = (type >= VIRTIO_GPU_CMD_UPDATE_CURSOR) != (odd == 0xff);
	uint32_t room = odd == 0xfe ? fuzz_below(&test.input, 64) : ANSWER_ROOM;
	if (!has_place(queue) || (size == 0 && room == 0))
		return;
	test.sent[queue]++;
	gpu_rig_send(&rig, queue, bytes, size, room);
}

static void write_config(void)
{
	uint8_t bytes[sizeof(struct virtio_gpu_config)] = { 0 };
	uint32_t offset = fuzz_below(&test.input, sizeof(bytes));
	uint32_t size = 1 + fuzz_below(&test.input, (uint32_t)sizeof(bytes) - offset);
	fuzz_bytes(&test.input, bytes, 4);
	gpu_device_impl.write_config(rig.device, offset, bytes, size);
	gpu_device_impl.read_config(rig.device, bytes);
	gpu_device_impl.features(rig.device);
	gpu_device_impl.protocol_features(rig.device);
}

/* --- the VMM -------------------------------------------------------------------------------------------- */

static void stop_queues(void)
{
	channel_running(&test.vmm, false);
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		gpu_device_impl.queue_stop(rig.device, &rig.queues[i], true);
}

static void wake_queues(void)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		gpu_device_impl.queue_ready(rig.device, &rig.queues[i]);
	channel_running(&test.vmm, true);
}

static void reset(void)
{
	stop_queues();
	gpu_device_impl.reset(rig.device);
	uint8_t odd = fuzz_u8(&test.input);
	gpu_device_impl.set_features(
		rig.device, FEATURES_ALL & ~(odd & 1 ? odd >> 1 : UINT64_C(0)));
	wake_queues();
}

static void stop_one(void)
{
	struct virtqueue *queue = &rig.queues[fuzz_bit(&test.input)];
	channel_running(&test.vmm, false);
	gpu_device_impl.queue_stop(rig.device, queue, false);
	gpu_device_impl.queue_stop(rig.device, queue, true);
	CHECK_INT(queue->in_flight, 0);
	gpu_device_impl.queue_ready(rig.device, queue);
	channel_running(&test.vmm, true);
}

/* What is saved can be loaded, and is then saved as the same. */
static void save_and_load(void)
{
	struct vhost_session_state session = { .features = rig.device->features };
	struct gpu_rig_state first = { NULL, 0 }, second = { NULL, 0 };
	size_t piece = 1 + fuzz_number(&test.input) % 5000;
	stop_queues();
	if (gpu_rig_save(&rig, &session, &first) == 0 &&
		gpu_rig_load(&rig, &first, piece, &session) == 0 &&
		gpu_rig_save(&rig, &session, &second) == 0) {
		CHECK_INT(first.size, second.size);
		CHECK_MEM(first.bytes, second.bytes, first.size);
	}
	free(first.bytes);
	free(second.bytes);
	wake_queues();
}

/* A VMM may have mappings in its memory table, those that it was asked for or others. */
static void show_mappings(void)
{
	struct vhost_memory *table = vhost_memory_clone(rig.memory);
	for (uint32_t i = fuzz_below(&test.input, MOST_SHOWN); i > 0; i--) {
		const struct vhost_region_info info = {
			.guest_address = (UINT64_C(1) << 40) + i * PAGE,
			.size = PAGE,
			.user_address = (UINT64_C(3) << 40) + i * PAGE,
			.mmap_offset = test.memory.offset,
		};
		int fd = fd_dup(test.memory.fd);
		if (fd < 0 || vhost_memory_add(table, &info, &fd, NULL) < 0)
			fd_close(&fd);
	}
	gpu_device_impl.memory_changed(rig.device, table);
	vhost_memory_unref(table);
}

static void change_memory(void)
{
	struct vhost_memory *memory = fuzz_bit(&test.input) ? test.other_memory : rig.memory;
	gpu_device_impl.memory_changed(rig.device, memory);
}

static void change_display(void)
{
	uint32_t what = fuzz_below(&test.input, 4);
	fuzz_memory_short(&test.input);
	if (what == 3)
		fd_close(&rig.display.sock);
	else
		gpu_rig_show(&rig, what == 2 ? DISPLAY_OF_VIEWER : DISPLAY_OF_SESSION);
	fuzz_memory_back();
}

static void play_display(void)
{
	display_answer(&test.input, rig.display.sock);
}

static void read_display(void)
{
	display_drain(&test.input, rig.display.sock);
}

static void open_channel(void)
{
	channel_open(&test.input, rig.loop, &test.vmm);
	test.features = VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM);
	if (fuzz_bit(&test.input))
		test.features |= VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
}

static void play_channel(void)
{
	uint8_t bits = fuzz_u8(&test.input);
	uint8_t uuid[16] = { bits };
	gpu_device_impl.shared_object(rig.device, uuid);
	if (test.vmm.sock < 0 || bits & 4)
		open_channel();
	else
		channel_answer(&test.input, rig.loop, &test.vmm);
}

static void wait_long(void)
{
	fuzz_clock_advance(1 + fuzz_number(&test.input) % 30000);
}

/* What ends what others have built is rare. */
static void (*const rare_steps[])(void) = {
	change_display,
	change_memory,
	meddle_with_factory,
	save_and_load,
	write_config,
	stop_one,
	reset,
	wait_long,
};

static void rarely(void)
{
	uint32_t which = fuzz_below(&test.input, 4 * ARRAY_SIZE(rare_steps));
	if (which < ARRAY_SIZE(rare_steps))
		rare_steps[which]();
}

static void (*const steps[])(void) = {
	send_command,
	send_command,
	send_command,
	send_command,
	send_command,
	send_command,
	send_command,
	send_command,
	finish_some,
	finish_some,
	meddle_with_renderer,
	play_display,
	read_display,
	play_channel,
	play_channel,
	show_mappings,
	rarely,
};

/* --- the whole ------------------------------------------------------------------------------------------ */

/* The third is memory of the renderer, for which the VMM is asked. */
static void make_mapped_blob(void)
{
	const struct virtio_gpu_resource_create_blob create = {
		.hdr = { .type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = 1 },
		.resource_id = 3,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.size = PAGE,
	};
	const struct virtio_gpu_resource_map_blob map = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
		.resource_id = 3,
	};
	open_channel();
	gpu_rig_unref(&rig, 3);
	gpu_rig_do(&rig, &create, sizeof(create));
	gpu_rig_begin(&rig, &map, sizeof(map));
}

/* What a guest has after a while. */
static void make_world(void)
{
	const struct rect all = { 0, 0, 32, 32 };
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(3, 32, 32, 128, 0);
	gpu_rig_create_3d(&rig, 1, 32, 32);
	gpu_rig_create_2d(&rig, 2, 32, 32);
	gpu_rig_create_blob(&rig, 3, 4096, GUEST_PAGES);
	gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 4096);
	gpu_rig_attach_backing(&rig, 2, GUEST_PAGES, 4096);
	gpu_rig_ctx_create(&rig, 1, 2);
	gpu_rig_ctx_attach(&rig, 1, 1 + fuzz_below(&test.input, 3));
	uint32_t shown = fuzz_below(&test.input, 4);
	if (shown == 3)
		gpu_rig_set_scanout_blob(&rig, 0, &picture);
	else if (shown > 0)
		gpu_rig_set_scanout(&rig, 0, shown, &all);
	gpu_rig_flush(&rig, shown, &all);
	if (fuzz_bit(&test.input))
		make_mapped_blob();
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		test.sent[i] = rig.rings[i].next_available;
}

static void make_memory(void)
{
	test.memory = (struct renderer_memory){
		.fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING), .offset = PAGE
	};
	CHECK_INT(ftruncate(test.memory.fd, 2 * PAGE), 0);
	test.no_memory.fd = fd_eventfd();
	for (uint32_t i = 0; i < 2 && rig.fakes[i]; i++) {
		rig.fakes[i]->memory = &test.memory;
		rig.device->renderers.slots[1 + i].can_map = true;
	}
}

static void begin(void)
{
	uint8_t bits = fuzz_u8(&test.input);
	bool with_null = (bits & 3) == 3;
	gpu_rig_prepare(&rig, with_null ? 1 : bits & 3);
	null.ready = loop_add_deferred(rig.loop, tell_ready, NULL);
	start_fake = rig.args.factory.start;
	rig.args.factory.start = with_null ? start_null : start_watched;
	if (bits & 4) {
		rig.args.limits.resources = 3;
		rig.args.limits.mappings = 2;
		rig.args.limits.contexts = 2;
		rig.args.limits.fences = 2;
		rig.args.limits.attachments = 2;
		rig.args.limits.host_bytes = 16384;
		rig.args.limits.renderer_bytes = 16384;
		rig.args.limits.backing_total = 6;
		rig.args.limits.backing_entries = 4;
	}
	if (bits & 8)
		rig.udmabuf = fd_eventfd();
	rig.args.host_visible_bytes = GUEST_WINDOW;
	rig.args.scanouts = bits & 16 ? 4 : 1;
	rig.args.headless = (bits & 0xe0) == 0xe0;
	gpu_rig_start(&rig, FEATURES_ALL);
	make_memory();
	test.other_memory = gpu_rig_other_memory(&rig, 0);
	gpu_device_set_session(rig.device, (struct vhost_session *)&test);
	if (bits & 32)
		make_world();
	rig.manual = true;
	uint8_t display = fuzz_u8(&test.input);
	if (display & 1) {
		gpu_rig_show(&rig, display & 2 ? DISPLAY_OF_VIEWER : DISPLAY_OF_SESSION);
		if (!rig.args.headless)
			gpu_rig_display_begin(&rig, display >> 2);
	}
}

static void run_all(void)
{
	for (uint32_t i = 0; i < 8; i++) {
		run();
		for (uint32_t j = 0; j < 2; j++)
			if (rig.fakes[j] && !rig.fakes[j]->lost)
				fake_finish(rig.fakes[j]);
	}
}

static void check_all_answered(void)
{
	for (uint32_t i = 0; i < 2; i++)
		if (rig.fakes[i]) {
			rig.fakes[i]->fail_type = FAKE_NONE;
			rig.fakes[i]->no_room = false;
		}
	fd_close(&rig.display.sock);
	test.input.left = 0;
	for (int i = 0; i < 4; i++) {
		fuzz_clock_advance(GPU_RENDERER_READY_MS);
		run_all();
	}
	stop_queues();
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++) {
		CHECK(!rig.queues[i].broken);
		CHECK_INT(rig.queues[i].in_flight, 0);
	}
	gpu_device_impl.reset(rig.device);
	run_all();
	CHECK_INT(rig.device->resource_count, 0);
	CHECK_INT(rig.device->blob_count, 0);
	CHECK_INT(rig.device->context_count, 0);
	CHECK_INT(rig.device->attachment_count, 0);
	CHECK_INT(rig.device->backing_entries, 0);
	CHECK_INT(rig.device->frame_bytes, 0);
}

static void finish(void)
{
	check_all_answered();
	struct backend_channel *channel = test.vmm.channel;
	test.vmm.channel = NULL;
	backend_channel_destroy(channel);
	CHECK_INT(rig.device->host_visible.count, 0);
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	run_all();
	CHECK_INT(test.other_memory->refs, 1);
	vhost_memory_unref(test.other_memory);
	fd_close(&test.vmm.sock);
	fd_close(&test.memory.fd);
	fd_close(&test.no_memory.fd);
	loop_source_destroy(null.ready);
	gpu_rig_finish(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	memset(&test, 0, sizeof(test));
	memset(&null, 0, sizeof(null));
	memset(gone, 0, sizeof(gone));
	test.input = fuzz_begin(bytes, size);
	test.vmm.sock = -1;
	begin();
	for (uint32_t i = 0; i < MOST_STEPS && test.input.left > 0; i++) {
		steps[fuzz_below(&test.input, ARRAY_SIZE(steps))]();
		run();
	}
	finish();
	return 0;
}
