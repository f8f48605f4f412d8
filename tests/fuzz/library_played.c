/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * virglrenderer, played by the input (renderers/virgl/library.h): it refuses what it likes and finishes
 * fences when it likes, also at once. What it is given of memory it touches, so that memory which is not
 * there any more is found.
 */
#include "library_played.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "device_side.h"
#include "library.h"
#include "test.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/image.h"

#define MOST_FENCES   256u
#define MOST_BACKED   64u
#define ODD           0xf0u
#define CAPSET_SIZE   1000u
#define CAPSET_VIRGL2 2u

static struct {
	struct library_args args;
	int poll_fd;
	bool has_vulkan;
	struct {
		uint32_t context;
		uint32_t ring;
		uint64_t id;
	} fences[MOST_FENCES];
	uint32_t fence_count;
	struct {
		uint32_t resource; /* 0: none */
		struct iovec *pieces;
		uint32_t count;
	} backed[MOST_BACKED];
	struct played_stream recorded;
} played;

const struct played_stream *library_played_stream(void)
{
	return &played.recorded;
}

static int outcome(void)
{
	static const int errors[] = { -EINVAL, -ENOMEM, -EOPNOTSUPP, -EIO };
	uint8_t byte = fuzz_u8(device_side_input());
	return byte < ODD ? 0 : errors[byte % ARRAY_SIZE(errors)];
}

struct library *library_create(const struct library_args *args)
{
	memset(&played, 0, sizeof(played));
	played.args = *args;
	played.poll_fd = fuzz_bit(device_side_input()) ? fd_eventfd() : -1;
	played.has_vulkan = args->server >= 0;
	fd_close(&played.args.server);
	return (struct library *)(void *)&played;
}

void library_destroy(struct library *library)
{
	CHECK_INT(played.fence_count, 0);
	fd_close(&played.poll_fd);
}

bool library_has_node(const struct library *library)
{
	return fuzz_bit(device_side_input());
}

bool library_has_vulkan(const struct library *library)
{
	return played.has_vulkan;
}

int library_poll_fd(void)
{
	return played.poll_fd;
}

/* In order, some or all. */
void library_poll(void)
{
	uint32_t keep = fuzz_u8(device_side_input()) % 4;
	if (played.poll_fd >= 0 && keep == 0)
		fd_eventfd_drain(played.poll_fd);
	while (played.fence_count > keep) {
		uint32_t context = played.fences[0].context;
		uint32_t ring = played.fences[0].ring;
		uint64_t id = played.fences[0].id;
		memmove(played.fences, played.fences + 1,
			--played.fence_count * sizeof(played.fences[0]));
		played.args.fence_done(
			played.args.data, context, ring, context ? id : (uint32_t)id);
	}
}

int library_fence(uint32_t context, uint32_t ring, uint64_t id)
{
	int error = outcome();
	if (error)
		return error;
	if (played.fence_count == MOST_FENCES)
		return -ENOMEM;
	played.fences[played.fence_count].context = context;
	played.fences[played.fence_count].ring = ring;
	played.fences[played.fence_count++].id = id;
	if (played.poll_fd >= 0)
		fd_eventfd_signal(played.poll_fd);
	return 0;
}

uint32_t library_capset_size(uint32_t id, uint32_t *ret_version)
{
	*ret_version = id;
	uint8_t byte = fuzz_u8(device_side_input());
	if (id == CAPSET_VIRGL2)
		return byte < ODD ? CAPSET_SIZE : 20u * byte;
	return byte & 1 ? 0 : 308;
}

void library_capset_fill(uint32_t id, uint32_t version, void *data)
{
	memset(data, 0x41, id == CAPSET_VIRGL2 ? 8 : 308);
}

int library_context_create(uint32_t context, uint32_t capset, const char *name)
{
	CHECK(memchr(name, 0, 64) != NULL);
	return outcome();
}

/* Its fences are never heard of again. */
void library_context_destroy(uint32_t context)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < played.fence_count; i++)
		if (played.fences[i].context != context)
			played.fences[kept++] = played.fences[i];
	played.fence_count = kept;
}

void library_context_attach(uint32_t context, uint32_t resource)
{
}

void library_context_detach(uint32_t context, uint32_t resource)
{
}

int library_submit(uint32_t context, const void *commands, uint32_t size)
{
	struct played_stream *recorded = &played.recorded;
	CHECK(size % 4 == 0);
	if (recorded->count == 0) {
		recorded->count = min_u32(size / 4, ARRAY_SIZE(recorded->words));
		memcpy(recorded->words, commands, recorded->count * sizeof(uint32_t));
	}
	return outcome();
}

int library_resource_create(const struct renderer_resource_args *args)
{
	return outcome();
}

static void forget_backing(uint32_t resource)
{
	for (uint32_t i = 0; i < MOST_BACKED; i++)
		if (played.backed[i].resource == resource)
			played.backed[i].resource = 0;
}

int library_resource_attach(uint32_t resource, struct iovec *pieces, uint32_t count)
{
	int error = outcome();
	for (uint32_t i = 0; i < MOST_BACKED && !error; i++) {
		if (played.backed[i].resource)
			continue;
		played.backed[i].resource = resource;
		played.backed[i].pieces = pieces;
		played.backed[i].count = count;
		return 0;
	}
	return error ? error : -ENOMEM;
}

int library_blob_create(
	const struct renderer_blob_args *args, const struct iovec *pieces, uint32_t count)
{
	return library_resource_attach(args->id, (struct iovec *)(uintptr_t)pieces, count);
}

int library_host_blob_create(const struct renderer_blob_args *args, uint32_t context)
{
	return outcome();
}

int library_blob_export(uint32_t resource, uint32_t *ret_map_info, bool *ret_opaque)
{
	int error = outcome();
	*ret_map_info = 1;
	*ret_opaque = fuzz_bit(device_side_input());
	return error ? error : memfd_create("blob", MFD_CLOEXEC);
}

void library_resource_unref(uint32_t resource)
{
	forget_backing(resource);
}

void library_resource_detach(uint32_t resource)
{
	forget_backing(resource);
}

static void touch(const struct iovec *pieces, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		volatile uint8_t *bytes = pieces[i].iov_base;
		if (pieces[i].iov_len > 0) {
			bytes[0]++;
			bytes[pieces[i].iov_len - 1]++;
		}
	}
}

int library_transfer(
	const struct renderer_transfer_args *args, const struct iovec *pieces, uint32_t count)
{
	if (count > 0)
		touch(pieces, count);
	for (uint32_t i = 0; i < MOST_BACKED && count == 0; i++)
		if (played.backed[i].resource == args->resource && args->resource)
			touch(played.backed[i].pieces, played.backed[i].count);
	return outcome();
}

int library_resource_stride(uint32_t resource, uint32_t *ret_stride)
{
	*ret_stride = 64;
	return outcome();
}

int library_export(uint32_t resource, struct image *ret_image)
{
	int error = outcome();
	if (error)
		return error;
	*ret_image = (struct image){
		.kind = IMAGE_DMABUF,
		.width = 16,
		.height = 16,
		.fourcc = FOURCC_XRGB8888,
		.fds = { memfd_create("exported", MFD_CLOEXEC), -1, -1, -1 },
		.strides = { 64 },
		.planes = 1,
	};
	return 0;
}
