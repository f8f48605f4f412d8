/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu_fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/list.h"
#include "util/shm.h"

static struct fake *fake_from(struct renderer *renderer)
{
	return container_of(renderer, struct fake, base);
}

static struct fake_op *add(struct renderer *renderer, enum fake_type type)
{
	struct fake *fake = fake_from(renderer);
	CHECK(fake->count < FAKE_MAX_OPS);
	struct fake_op *op = &fake->ops[fake->count++];
	*op = (struct fake_op){ .type = type };
	return op;
}

static uint8_t *find_region(struct fake *fake, uint32_t id)
{
	for (uint32_t i = 0; i < FAKE_MAX_REGIONS; i++)
		if (fake->regions[i].id == id)
			return fake->regions[i].base;
	return NULL;
}

uint32_t fake_pixel(uint32_t resource)
{
	return 0xff000000 | resource * 0x010203;
}

static void read_back(struct fake *fake, const struct renderer_read_back_args *args)
{
	uint8_t *base = find_region(fake, args->region);
	uint32_t pixel = fake_pixel(args->resource);
	CHECK(base);
	for (uint32_t y = 0; y < args->rect.h; y++)
		for (uint32_t x = 0; x < args->rect.w; x++)
			memcpy(base + args->offset + (size_t)y * args->stride + (size_t)x * 4,
				&pixel, sizeof(pixel));
}

static struct image *export_image(struct fake *fake, uint32_t resource)
{
	const struct renderer_resource_args *args = NULL;
	for (uint32_t i = 0; i < fake->count; i++)
		if (fake->ops[i].type == FAKE_RESOURCE_CREATE && fake->ops[i].resource == resource)
			args = &fake->ops[i].resource_args;
	CHECK(args);
	int fd = fake->export_fd > 0
		? fd_dup(fake->export_fd)
		: shm_create("export", (uint64_t)args->width * 4 * args->height);
	struct image like = {
		.kind = IMAGE_DMABUF,
		.width = args->width,
		.height = args->height,
		.fourcc = FOURCC_XRGB8888,
		.fds = { fd, -1, -1, -1 },
		.strides = { args->width * 4 },
		.planes = 1,
		.y_0_top = true,
	};
	struct image *image = image_create_foreign(&like, NULL, NULL);
	if (!image)
		close(like.fds[0]);
	return image;
}

static void finish_op(struct fake *fake, struct fake_op *op, int status)
{
	struct renderer_call *call = op->call;
	op->call = NULL;
	if (fake->lost)
		status = -ECONNRESET;
	else if (status == 0 && op->type == fake->fail_type)
		status = fake->fail_status;
	if (status == 0 && op->type == FAKE_READ_BACK)
		read_back(fake, &op->read_back);
	struct renderer_reply reply = { 0 };
	if (status == 0 && op->type == FAKE_EXPORT) {
		reply.image = export_image(fake, op->resource);
		status = reply.image ? 0 : -ENOMEM;
	}
	if (status == 0 && op->type == FAKE_RESOURCE_CREATE_BLOB && op->blob_args.host)
		reply.memory = fake->memory;
	call->done(call, status, reply.image || reply.memory ? &reply : NULL);
	image_unref(reply.image);
}

static void open_call(struct renderer *renderer, struct fake_op *op, struct renderer_call *call)
{
	struct fake *fake = fake_from(renderer);
	op->call = call;
	if (call && (fake->at_once || fake->lost))
		finish_op(fake, op, 0);
}

static void fake_destroy(struct renderer *renderer)
{
	struct fake *fake = fake_from(renderer);
	fake->lost = true;
	fake_finish(fake);
	if (fake->destroyed)
		*fake->destroyed = true;
	renderer_finish(renderer);
	free(fake);
}

static bool fake_has_room(const struct renderer *renderer)
{
	return !((const struct fake *)(const void *)renderer)->no_room;
}

static uint64_t fake_silent_ms(const struct renderer *renderer)
{
	return ((const struct fake *)(const void *)renderer)->silent_ms;
}

static uint64_t fake_oldest_ms(const struct renderer *renderer)
{
	return ((const struct fake *)(const void *)renderer)->oldest_ms;
}

static void fake_give_up(struct renderer *renderer)
{
	fake_lose(fake_from(renderer));
}

static void region_add(struct renderer *renderer, const struct renderer_region *region)
{
	struct fake *fake = fake_from(renderer);
	add(renderer, FAKE_REGION_ADD)->region = region->id;
	CHECK(!find_region(fake, region->id));
	CHECK(region->id != 0 && region->fd >= 0 && region->base);
	for (uint32_t i = 0; i < FAKE_MAX_REGIONS; i++) {
		if (fake->regions[i].id)
			continue;
		fake->regions[i].id = region->id;
		fake->regions[i].base = region->base;
		return;
	}
	test_fail(__FILE__, __LINE__, "too many regions");
}

static void region_remove(struct renderer *renderer, uint32_t id)
{
	struct fake *fake = fake_from(renderer);
	add(renderer, FAKE_REGION_REMOVE)->region = id;
	CHECK(find_region(fake, id));
	for (uint32_t i = 0; i < FAKE_MAX_REGIONS; i++)
		if (fake->regions[i].id == id)
			fake->regions[i].id = 0;
}

static void context_create(struct renderer *renderer, const struct renderer_context_args *args,
	struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_CONTEXT_CREATE);
	op->context = args->id;
	op->context_args = *args;
	open_call(renderer, op, call);
}

static void context_destroy(struct renderer *renderer, uint32_t context, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_CONTEXT_DESTROY);
	op->context = context;
	open_call(renderer, op, call);
}

static void context_attach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_CONTEXT_ATTACH);
	op->context = context;
	op->resource = resource;
	open_call(renderer, op, call);
}

static void context_detach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_CONTEXT_DETACH);
	op->context = context;
	op->resource = resource;
	open_call(renderer, op, call);
}

static void *submit_buffer(struct renderer *renderer, uint32_t size)
{
	CHECK(size > 0 && size <= RENDERER_MAX_SUBMIT && size % 4 == 0);
	return fake_from(renderer)->submit;
}

static void submit(
	struct renderer *renderer, uint32_t context, uint32_t size, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_SUBMIT);
	op->context = context;
	op->count = size;
	memcpy(&op->word, fake_from(renderer)->submit, sizeof(op->word));
	open_call(renderer, op, call);
}

static void resource_create(struct renderer *renderer, const struct renderer_resource_args *args,
	struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_RESOURCE_CREATE);
	op->resource = args->id;
	op->resource_args = *args;
	open_call(renderer, op, call);
}

static void resource_create_blob(struct renderer *renderer, const struct renderer_blob_args *args,
	struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_RESOURCE_CREATE_BLOB);
	op->resource = args->id;
	op->blob_args = *args;
	open_call(renderer, op, call);
}

static void resource_unref(struct renderer *renderer, uint32_t resource, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_RESOURCE_UNREF);
	op->resource = resource;
	open_call(renderer, op, call);
}

static void set_backing(struct renderer *renderer, uint32_t resource,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_SET_BACKING);
	op->resource = resource;
	op->count = count;
	for (uint32_t i = 0; i < count; i++) {
		CHECK(find_region(fake_from(renderer), spans[i].region));
		op->length += spans[i].length;
		op->region = spans[i].region;
	}
	open_call(renderer, op, call);
}

static void transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_TRANSFER);
	op->context = args->context;
	op->resource = args->resource;
	op->transfer = *args;
	open_call(renderer, op, call);
}

static void start_read_back(struct renderer *renderer, const struct renderer_read_back_args *args,
	struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_READ_BACK);
	op->resource = args->resource;
	op->region = args->region;
	op->read_back = *args;
	open_call(renderer, op, call);
}

static void start_export(struct renderer *renderer, uint32_t resource, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_EXPORT);
	op->resource = resource;
	open_call(renderer, op, call);
}

static void fence(
	struct renderer *renderer, uint32_t context, int32_t ring, struct renderer_call *call)
{
	struct fake_op *op = add(renderer, FAKE_FENCE);
	op->context = context;
	op->ring = ring;
	open_call(renderer, op, call);
}

static const struct renderer_impl fake_impl = {
	.name = "fake",
	.destroy = fake_destroy,
	.has_room = fake_has_room,
	.silent_ms = fake_silent_ms,
	.oldest_ms = fake_oldest_ms,
	.give_up = fake_give_up,
	.region_add = region_add,
	.region_remove = region_remove,
	.context_create = context_create,
	.context_destroy = context_destroy,
	.context_attach = context_attach,
	.context_detach = context_detach,
	.submit_buffer = submit_buffer,
	.submit = submit,
	.resource_create = resource_create,
	.resource_create_blob = resource_create_blob,
	.resource_unref = resource_unref,
	.resource_set_backing = set_backing,
	.transfer = transfer,
	.read_back = start_read_back,
	.export_image = start_export,
	.fence = fence,
};

struct fake *fake_create(const struct renderer_events *events, void *data)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	if (!fake)
		return NULL;
	renderer_init(&fake->base, &fake_impl, events, data);
	fake->fail_type = FAKE_NONE;
	return fake;
}

static bool finish_first(struct fake *fake, int status, bool fences)
{
	for (uint32_t i = 0; i < fake->count; i++) {
		struct fake_op *op = &fake->ops[i];
		if (!op->call || (op->type == FAKE_FENCE && !fences))
			continue;
		finish_op(fake, op, status);
		return true;
	}
	return false;
}

bool fake_finish_one(struct fake *fake, int status)
{
	return finish_first(fake, status, true);
}

void fake_finish(struct fake *fake)
{
	while (finish_first(fake, 0, true))
		continue;
}

void fake_finish_work(struct fake *fake)
{
	while (finish_first(fake, 0, false))
		continue;
}

void fake_lose(struct fake *fake)
{
	fake->lost = true;
	fake_finish(fake);
	fake->base.events->lost(fake->base.events_data, &fake->base);
}

struct fake_op *fake_expect(struct fake *fake, enum fake_type type)
{
	CHECK(fake->next < fake->count);
	struct fake_op *op = &fake->ops[fake->next++];
	CHECK_INT(op->type, type);
	return op;
}

void fake_expect_nothing(struct fake *fake)
{
	if (fake->next < fake->count)
		test_fail(__FILE__, __LINE__, "an operation of type %d more",
			(int)fake->ops[fake->next].type);
}

void fake_skip(struct fake *fake)
{
	fake->next = fake->count;
}

uint32_t fake_count(const struct fake *fake, enum fake_type type)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < fake->count; i++)
		count += fake->ops[i].type == type;
	return count;
}

uint32_t fake_regions(const struct fake *fake)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < FAKE_MAX_REGIONS; i++)
		count += fake->regions[i].id != 0;
	return count;
}
