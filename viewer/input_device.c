/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * No request is kept: those for a report are taken when all of them are there, filled and given back.
 * A key that the guest was told of as pressed has to be released at some time, whatever is dropped: so
 * `told` has what it will know when what waits has gone out, and `seen` what it knows now, to which
 * `told` falls back when the queue stops.
 */
#include "input_device.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/input.h>
#include <linux/virtio_input.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/listener.h"
#include "util/log.h"
#include "vhost/session.h"

#define WAITING_MAX    1024u /* a burst of a few hundred letters */
#define STATUS_PORTION 64u
#define AGAIN_MS       10u

enum {
	QUEUE_EVENTS,
	QUEUE_STATUS,
	QUEUES,
};

struct report {
	struct input_device_event events[INPUT_REPORT_EVENTS];
	size_t count;
};

struct keys {
	uint64_t words[KEY_CNT / 64];
};

struct input_device {
	const struct input_device_spec *spec;
	struct loop *loop;
	struct listener listener;
	struct loop_source *listening;
	struct loop_source *again; /* what could not be done just now */
	struct vhost_session *session; /* NULL: no VMM is there */
	struct virtqueue *queues[QUEUES]; /* NULL: it does not run */
	void (*able)(void *data);
	void *data;

	uint8_t select, subsel; /* of the configuration space */
	uint32_t leds;
	struct report waiting[WAITING_MAX]; /* a ring */
	uint32_t first, count;
	bool dropped; /* something may have been, since `able` */
	struct keys told, seen;
};

static void keys_set(struct keys *keys, uint16_t code, bool pressed)
{
	uint64_t bit = UINT64_C(1) << (code % 64);
	if (code < KEY_CNT)
		keys->words[code / 64] = (keys->words[code / 64] & ~bit) | (pressed ? bit : 0);
}

/* --- configuration ------------------------------------------------------------------------- */

static uint8_t put_text(struct virtio_input_config *config, const char *text)
{
	size_t length = min_size(strlen(text), sizeof(config->u.string));
	memcpy(config->u.string, text, length);
	return (uint8_t)length;
}

static uint8_t put_bit(struct virtio_input_config *config, uint32_t bit, uint8_t size)
{
	assert(bit / 8 < sizeof(config->u.bitmap));
	config->u.bitmap[bit / 8] |= (uint8_t)(1u << (bit % 8));
	return (uint8_t)max_u32(size, bit / 8 + 1);
}

static uint8_t put_name(const struct input_device *device, struct virtio_input_config *config)
{
	return put_text(config, device->spec->name);
}

static uint8_t put_serial(const struct input_device *device, struct virtio_input_config *config)
{
	return put_text(config, device->spec->serial);
}

static uint8_t put_ids(const struct input_device *device, struct virtio_input_config *config)
{
	config->u.ids = (struct virtio_input_devids){
		.bustype = htole16(BUS_VIRTUAL),
		.product = htole16(device->spec->product),
		.version = htole16(1),
	};
	return sizeof(config->u.ids);
}

static uint8_t put_properties(const struct input_device *device, struct virtio_input_config *config)
{
	return device->spec->property < 0 ? 0
					  : put_bit(config, (uint32_t)device->spec->property, 0);
}

static uint8_t put_codes(const struct input_device *device, struct virtio_input_config *config)
{
	uint8_t size = 0;
	for (size_t i = 0; i < device->spec->code_count; i++) {
		const struct input_device_codes *codes = &device->spec->codes[i];
		for (uint32_t code = codes->first; code <= codes->last; code++)
			if (codes->type == config->subsel)
				size = put_bit(config, code, size);
	}
	return size;
}

static uint8_t put_range(const struct input_device *device, struct virtio_input_config *config)
{
	for (size_t i = 0; i < device->spec->code_count; i++) {
		const struct input_device_codes *codes = &device->spec->codes[i];
		if (codes->type != EV_ABS || config->subsel < codes->first ||
			config->subsel > codes->last)
			continue;
		config->u.abs.max = htole32(INPUT_ABS_MAX);
		return sizeof(config->u.abs);
	}
	return 0;
}

static void read_config(void *data, uint8_t *bytes)
{
	static uint8_t (*const parts[])(
		const struct input_device *device, struct virtio_input_config *config) = {
		[VIRTIO_INPUT_CFG_ID_NAME] = put_name,
		[VIRTIO_INPUT_CFG_ID_SERIAL] = put_serial,
		[VIRTIO_INPUT_CFG_ID_DEVIDS] = put_ids,
		[VIRTIO_INPUT_CFG_PROP_BITS] = put_properties,
		[VIRTIO_INPUT_CFG_EV_BITS] = put_codes,
		[VIRTIO_INPUT_CFG_ABS_INFO] = put_range,
	};
	const struct input_device *device = data;
	struct virtio_input_config config = {
		.select = device->select,
		.subsel = device->subsel,
	};
	if (device->select < ARRAY_SIZE(parts) && parts[device->select])
		config.size = parts[device->select](device, &config);
	memcpy(bytes, &config, sizeof(config));
}

/* Some VMMs write all of it when the driver writes a byte. */
static void write_config(void *data, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
	struct input_device *device = data;
	uint8_t fields[] = {
		[offsetof(struct virtio_input_config, select)] = device->select,
		[offsetof(struct virtio_input_config, subsel)] = device->subsel,
	};
	for (uint32_t i = 0; i < size && offset + i < ARRAY_SIZE(fields); i++)
		fields[offset + i] = bytes[i];
	device->select = fields[offsetof(struct virtio_input_config, select)];
	device->subsel = fields[offsetof(struct virtio_input_config, subsel)];
}

/* --- events -------------------------------------------------------------------------------- */

static bool takes_reports(const struct input_device *device)
{
	const struct virtqueue *queue = device->queues[QUEUE_EVENTS];
	return queue && virtqueue_ready(queue) && queue->size > INPUT_REPORT_EVENTS;
}

static void send_event(struct vq_request *request, const struct input_device_event *event)
{
	const struct virtio_input_event wire = {
		.type = htole16(event->type),
		.code = htole16(event->code),
		.value = htole32((uint32_t)event->value),
	};
	vq_request_complete(request, &wire, sizeof(wire));
}

/* 1: the guest has it; 0: it gives no buffers for it; or what virtqueue_pop() says. */
static int send_report(struct input_device *device, const struct report *report)
{
	static const struct input_device_event end = { EV_SYN, SYN_REPORT, 0 };
	struct vq_request *requests[INPUT_REPORT_EVENTS + 1];
	size_t got = 0;
	int ret = 1;
	while (got <= report->count && ret == 1) {
		ret = virtqueue_pop(device->queues[QUEUE_EVENTS], &requests[got]);
		got += ret == 1;
	}
	if (ret != 1) {
		while (got > 0)
			virtqueue_unpop(requests[--got]);
		return ret;
	}
	for (size_t i = 0; i < report->count; i++) {
		send_event(requests[i], &report->events[i]);
		if (report->events[i].type == EV_KEY)
			keys_set(&device->seen, report->events[i].code, report->events[i].value);
	}
	send_event(requests[report->count], &end);
	return 1;
}

static void send_waiting(struct input_device *device)
{
	uint32_t before = device->count;
	int ret = 1;
	while (device->count > 0 && takes_reports(device) && ret == 1) {
		ret = send_report(device, &device->waiting[device->first]);
		if (ret != 1)
			break;
		device->first = (device->first + 1) % WAITING_MAX;
		device->count--;
	}
	if (ret == -ENOMEM)
		loop_timer_arm(device->again, AGAIN_MS);
	if (device->count < before)
		vhost_session_completed(device->session, device->queues[QUEUE_EVENTS]);
	if (device->dropped && device->count == 0 && takes_reports(device)) {
		device->dropped = false;
		device->able(device->data);
	}
}

static bool is_position(const struct report *report)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->events[i].type != EV_ABS)
			return false;
	return true;
}

/* Where a report can wait; NULL: nowhere. */
static struct report *find_place(struct input_device *device, const struct report *report)
{
	if (device->count > 0) {
		struct report *last =
			&device->waiting[(device->first + device->count - 1) % WAITING_MAX];
		if (is_position(report) && is_position(last))
			return last;
	}
	if (device->count == WAITING_MAX)
		return NULL;
	return &device->waiting[(device->first + device->count++) % WAITING_MAX];
}

bool input_device_report(
	struct input_device *device, const struct input_device_event *events, size_t count)
{
	struct report report = { .count = count };
	assert(count > 0 && count <= INPUT_REPORT_EVENTS);
	memcpy(report.events, events, count * sizeof(*events));
	struct report *place = takes_reports(device) ? find_place(device, &report) : NULL;
	if (!place) {
		device->dropped = true;
		return false;
	}
	*place = report;
	for (size_t i = 0; i < count; i++)
		if (events[i].type == EV_KEY)
			keys_set(&device->told, events[i].code, events[i].value);
	send_waiting(device);
	return true;
}

bool input_device_key(const struct input_device *device, uint16_t code)
{
	return code < KEY_CNT && device->told.words[code / 64] >> (code % 64) & 1;
}

/* --- LEDs ---------------------------------------------------------------------------------- */

static void take_status(struct input_device *device, struct vq_request *request)
{
	struct virtio_input_event wire;
	if (vq_request_read(request, &wire, sizeof(wire)) && le16toh(wire.type) == EV_LED &&
		le16toh(wire.code) < 32) {
		uint32_t bit = UINT32_C(1) << le16toh(wire.code);
		device->leds = wire.value ? device->leds | bit : device->leds & ~bit;
	}
	vq_request_complete(request, NULL, 0);
}

static void serve_status(struct input_device *device)
{
	struct virtqueue *queue = device->queues[QUEUE_STATUS];
	struct vq_request *request;
	uint32_t count = 0;
	int ret = 1;
	if (!queue)
		return;
	while (count < STATUS_PORTION && (ret = virtqueue_pop(queue, &request)) == 1) {
		take_status(device, request);
		count++;
	}
	if (count == STATUS_PORTION || ret == -ENOMEM)
		loop_timer_arm(device->again, AGAIN_MS);
	if (count > 0)
		vhost_session_completed(device->session, queue);
}

bool input_device_led(const struct input_device *device, uint16_t code)
{
	return code < 32 && device->leds >> code & 1;
}

/* --- the device as the transport sees it --------------------------------------------------- */

static uint64_t no_features(void *data)
{
	return 0;
}

static void set_features(void *data, uint64_t features)
{
}

static void queue_ready(void *data, struct virtqueue *queue)
{
	struct input_device *device = data;
	device->queues[queue->index] = queue;
	if (queue->index == QUEUE_STATUS)
		serve_status(device);
	else
		send_waiting(device);
}

static void drop_waiting(struct input_device *device)
{
	device->count = 0;
	device->dropped = true;
	device->told = device->seen;
}

static void queue_stop(void *data, struct virtqueue *queue, bool hurry)
{
	struct input_device *device = data;
	device->queues[queue->index] = NULL;
	if (queue->index == QUEUE_EVENTS)
		drop_waiting(device);
}

static void memory_changed(void *data, struct vhost_memory *memory)
{
}

static void set_gpu_socket(void *data, int sock)
{
	fd_close(&sock);
}

static int shared_object(void *data, const uint8_t uuid[16])
{
	return -ENOENT;
}

static void reset(void *data)
{
	struct input_device *device = data;
	device->select = device->subsel = VIRTIO_INPUT_CFG_UNSET;
	device->leds = 0;
	memset(&device->seen, 0, sizeof(device->seen));
	drop_waiting(device);
}

static void closed(void *data)
{
	struct input_device *device = data;
	memset(device->queues, 0, sizeof(device->queues));
	reset(device);
}

static const struct vhost_device_impl device_impl = {
	.queues = QUEUES,
	.config_size = sizeof(struct virtio_input_config),
	.features = no_features,
	.set_features = set_features,
	.protocol_features = no_features,
	.read_config = read_config,
	.write_config = write_config,
	.queue_ready = queue_ready,
	.queue_stop = queue_stop,
	.memory_changed = memory_changed,
	.set_gpu_socket = set_gpu_socket,
	.shared_object = shared_object,
	.reset = reset,
	.closed = closed,
};

/* --- VMMs ---------------------------------------------------------------------------------- */

static void session_ended(void *data)
{
	struct input_device *device = data;
	vhost_session_destroy(device->session);
	device->session = NULL;
	loop_source_watch(device->listening, LOOP_READABLE);
}

/* Others wait until this one has gone. */
static void on_connection(void *data, uint32_t events)
{
	struct input_device *device = data;
	int sock = listener_accept(device->listener.fd);
	if (sock == -EAGAIN)
		return;
	if (sock >= 0) {
		device->session = vhost_session_create(&(struct vhost_session_args){
			.loop = device->loop,
			.sock = sock,
			.impl = &device_impl,
			.device = device,
			.ended = session_ended,
			.data = device,
		});
	}
	loop_source_watch(device->listening, 0);
	if (device->session) {
		log_info("%s: a VMM has connected", device->spec->name);
		return;
	}
	log_limited(LOG_ERROR, "%s: a VMM cannot be served: %s", device->spec->name,
		strerror(sock < 0 ? -sock : ENOMEM));
	loop_timer_arm(device->again, AGAIN_MS);
}

static void on_again(void *data)
{
	struct input_device *device = data;
	if (!device->session) {
		loop_source_watch(device->listening, LOOP_READABLE);
		return;
	}
	send_waiting(device);
	serve_status(device);
}

struct input_device *input_device_create(struct loop *loop, const char *path,
	const struct input_device_spec *spec, void (*able)(void *data), void *data)
{
	struct input_device *device = calloc(1, sizeof(*device));
	if (!device)
		return NULL;
	device->spec = spec;
	device->loop = loop;
	device->able = able;
	device->data = data;
	device->dropped = true;
	device->listener = LISTENER_NONE;
	device->again = loop_add_timer(loop, on_again, device);
	if (device->again && listener_open(&device->listener, path) == 0)
		device->listening = loop_add_fd(
			loop, device->listener.fd, LOOP_READABLE, on_connection, device);
	if (device->listening)
		return device;
	input_device_destroy(device);
	return NULL;
}

int input_device_folder(const struct input_device *device)
{
	return device->listener.folder;
}

void input_device_destroy(struct input_device *device)
{
	if (!device)
		return;
	vhost_session_destroy(device->session);
	loop_source_destroy(device->listening);
	loop_source_destroy(device->again);
	listener_finish(&device->listener);
	free(device);
}
