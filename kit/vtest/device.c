/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

#define COMMAND_BYTES     (64u << 20)
#define BACKING_ADDRESS   (UINT64_C(4) << 30)
#define START_PATIENCE_MS 60000
#define LOG_PERIOD_MS     200u
#define MAX_OPS           1024u
#define MAX_CAPSET        65536u
#define RING_RESERVE      4u /* descriptors of one command, at most */
#define PUNCH_MIN         65536u

static struct kit_ring *control(const struct device *device)
{
	return &device->machine->rings[VIRTIO_GPU_QUEUE_CONTROL];
}

/* --- answers ------------------------------------------------------------------------------- */

static void lost(struct device *device)
{
	log_error("the backend: %s", device->machine->kit.why);
	device->args.lost(device->args.data);
}

static void finish_op(struct device *device, struct device_op *op)
{
	int type = kit_gpu_wait(&device->machine->gpu, op->command);
	kit_command_finish(op->command);
	list_remove(&op->link);
	device->op_count--;
	op->done(op, type);
	free(op);
}

/* True when there were some: what is looked at for one of them takes in further answers, also to older ones. */
static bool finish_ops(struct device *device)
{
	bool some = false;
	list_for_each_safe (link, after, &device->ops) {
		struct device_op *op = container_of(link, struct device_op, link);
		if (!op->command->done)
			continue;
		finish_op(device, op);
		some = true;
	}
	return some;
}

static void on_answers(void *data, uint32_t events)
{
	struct device *device = data;
	do {
		if (kit_gpu_collect_queue(&device->machine->gpu, VIRTIO_GPU_QUEUE_CONTROL) < 0) {
			lost(device);
			return;
		}
	} while (finish_ops(device) || kit_ring_ask(control(device)));
	device->args.progress(device->args.data);
}

/* What the kit serves during its waits, when it does not wait. */
static void on_kit(void *data, uint32_t events)
{
	struct device *device = data;
	if (kit_pump(&device->machine->kit, 0) < 0)
		lost(device);
}

static void on_channel(void *data, uint32_t events)
{
	struct device *device = data;
	on_kit(device, events);
	if (device->machine->vmm.channel.sock >= 0)
		return;
	loop_source_destroy(device->channel);
	device->channel = NULL;
	fd_close(&device->channel_fd);
}

/* --- the backend's log --------------------------------------------------------------------- */

static void show_log(struct device *device)
{
	struct kit_backend *backend = device->machine->backend;
	_cleanup_free_ char *text = device->args.backend ? kit_backend_log(backend) : NULL;
	if (!text || !*text)
		return;
	fputs(text, stderr);
	backend->log_mark += strlen(text);
}

static void on_log_timer(void *data)
{
	struct device *device = data;
	show_log(device);
	loop_timer_arm(device->log_timer, LOG_PERIOD_MS);
}

/* --- start and end ------------------------------------------------------------------------- */

static int start_machine(struct device *device)
{
	const struct device_args *args = &device->args;
	const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = COMMAND_BYTES },
		{ .guest = BACKING_ADDRESS, .size = args->backing, .unusable = true },
	};
	const struct kit_machine_spec spec = {
		.command = args->backend,
		.profile = &kit_profile_qemu_generic,
		.regions = regions,
		.region_count = ARRAY_SIZE(regions),
		.patience_ms = START_PATIENCE_MS,
		.no_display = true,
	};
	if (args->connect) {
		kit_init(&device->kit);
		/* nothing is known of its process: it counts as alive as long as this one */
		device->backend = kit_backend_attach(&device->kit, getpid(), args->connect);
		if (!device->backend)
			return -ENOMEM;
	}
	device->machine = kit_machine_attach(device->backend, &spec);
	return device->machine ? 0 : -ENOTCONN;
}

static int read_capset(struct device *device, uint32_t index)
{
	struct kit_gpu *gpu = &device->machine->gpu;
	struct virtio_gpu_resp_capset_info info;
	if (kit_gpu_capset_info(gpu, index, &info) != VIRTIO_GPU_RESP_OK_CAPSET_INFO)
		return -EPROTO;
	if (info.capset_max_size == 0 || info.capset_max_size > MAX_CAPSET)
		return 0;
	struct device_capset *capset = &device->capsets[device->capset_count];
	uint32_t size = info.capset_max_size;
	capset->data = calloc(1, size + sizeof(uint32_t));
	if (!capset->data)
		return -ENOMEM;
	device->capset_count++;
	*capset = (struct device_capset){ info.capset_id, info.capset_max_version,
		(size + 3) & ~UINT32_C(3), capset->data };
	int type = kit_gpu_capset(gpu, capset->id, capset->version, capset->data, &size);
	return type == VIRTIO_GPU_RESP_OK_CAPSET ? 0 : -EPROTO;
}

static int read_capsets(struct device *device)
{
	struct virtio_gpu_config config;
	struct kit_vmm *vmm = &device->machine->vmm;
	if (!device_feature(device, VIRTIO_GPU_F_VIRGL)) {
		log_error("the backend has no 3D");
		return -ENOTSUP;
	}
	int ret = kit_vmm_read_config(
		vmm, 0, &config, offsetof(struct virtio_gpu_config, blob_alignment));
	for (uint32_t i = 0; ret == 0 && i < min_u32(config.num_capsets, DEVICE_MAX_CAPSETS); i++)
		ret = read_capset(device, i);
	if (ret < 0)
		log_error("the backend's capability sets cannot be read: %s",
			device->machine->kit.why);
	return ret;
}

static int watch(struct device *device)
{
	struct loop *loop = device->args.loop;
	const struct kit_vmm *vmm = &device->machine->vmm;
	device->answers =
		loop_add_fd(loop, control(device)->call_fd, LOOP_READABLE, on_answers, device);
	device->hangup = loop_add_fd(loop, vmm->sock, LOOP_READABLE, on_kit, device);
	if (vmm->channel.sock >= 0) {
		device->channel_fd = fd_dup(vmm->channel.sock);
		device->channel =
			loop_add_fd(loop, device->channel_fd, LOOP_READABLE, on_channel, device);
	}
	device->log_timer = loop_add_timer(loop, on_log_timer, device);
	if (!device->answers || !device->hangup || !device->log_timer)
		return -ENOMEM;
	if (device->args.backend)
		loop_timer_arm(device->log_timer, 1);
	kit_ring_ask(control(device));
	return 0;
}

struct device *device_create(const struct device_args *args)
{
	struct device *device = calloc(1, sizeof(*device));
	if (!device)
		return NULL;
	device->args = *args;
	device->channel_fd = -1;
	list_init(&device->ops);
	int ret = start_machine(device);
	if (ret == 0)
		ret = read_capsets(device);
	if (ret == 0)
		ret = watch(device);
	if (ret == 0)
		return device;
	if (device->machine)
		show_log(device);
	device_destroy(device);
	return NULL;
}

void device_cancel(struct device *device)
{
	while (!list_empty(&device->ops)) {
		struct device_op *op = container_of(device->ops.next, struct device_op, link);
		list_remove(&op->link);
		device->op_count--;
		op->done(op, -ECANCELED);
		free(op);
	}
}

int device_destroy(struct device *device)
{
	int wrong = 0;
	if (!device)
		return 0;
	loop_source_destroy(device->answers);
	loop_source_destroy(device->hangup);
	loop_source_destroy(device->channel);
	fd_close(&device->channel_fd);
	loop_source_destroy(device->log_timer);
	if (device->machine)
		show_log(device);
	wrong += kit_machine_destroy(device->machine);
	kit_backend_destroy(device->backend);
	for (uint32_t i = 0; i < device->capset_count; i++)
		free(device->capsets[i].data);
	free(device);
	return wrong;
}

const struct device_capset *device_capset(const struct device *device, uint32_t id)
{
	for (uint32_t i = 0; i < device->capset_count; i++)
		if (device->capsets[i].id == id)
			return &device->capsets[i];
	return NULL;
}

/* --- commands ------------------------------------------------------------------------------ */

bool device_has_room(const struct device *device, uint32_t commands)
{
	return device->op_count + commands <= MAX_OPS &&
		control(device)->free_count >= commands * RING_RESERVE;
}

/* What is under way will give back what it has; what is not never will. */
static int no_room(const struct device *device)
{
	return device->op_count ? -EAGAIN : -ENOMEM;
}

int device_send(
	struct device *device, const struct kit_request *request, const struct device_op *model)
{
	if (!device_has_room(device, 1))
		return no_room(device);
	struct device_op *op = malloc(sizeof(*op));
	if (!op)
		return -ENOMEM;
	*op = *model;
	op->command = kit_gpu_queue_request(&device->machine->gpu, VIRTIO_GPU_QUEUE_CONTROL,
		request, sizeof(struct virtio_gpu_resp_map_info));
	if (!op->command) {
		free(op);
		return no_room(device);
	}
	list_append(&device->ops, &op->link);
	device->op_count++;
	device->unkicked = true;
	return 0;
}

void device_flush(struct device *device)
{
	if (device->unkicked)
		kit_ring_kick(control(device));
	device->unkicked = false;
}

int device_alloc(struct device *device, uint64_t size, uint64_t *ret_guest)
{
	uint64_t guest =
		kit_alloc_in(&device->machine->memory, DEVICE_BACKING_REGION, size, KIT_PAGE);
	if (!guest)
		return no_room(device);
	*ret_guest = guest;
	return 0;
}

void device_free(struct device *device, uint64_t guest, uint64_t size)
{
	const struct kit_region *region = &device->machine->memory.regions[DEVICE_BACKING_REGION];
	kit_free(&device->machine->memory, guest, size);
	if (guest && size >= PUNCH_MIN)
		fallocate(region->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)(region->spec.offset + guest - region->spec.guest),
			(off_t)(size & ~(uint64_t)(KIT_PAGE - 1)));
}
