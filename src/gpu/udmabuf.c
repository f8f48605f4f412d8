/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/udmabuf.h"

#include <errno.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gpu/memory.h"
#include "util/checked.h"

/* #syscalls device: ioctl:udmabuf */

/* Describes the pages of `size` bytes; *ret_count of them. */
static int describe(const struct gpu_spans *spans, uint64_t size, struct udmabuf_create_item *items,
	uint32_t *ret_count)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint32_t count = 0;
	while (size > 0) {
		const struct renderer_span *span = &spans->spans[count];
		const struct vhost_region *region = gpu_spans_region(spans, span);
		uint64_t offset = region->mmap_offset + span->offset;
		uint64_t length = min_u64(size, span->length);
		size -= length;
		/* Of the last page, all that there is goes along. */
		length = (length + page - 1) / page * page;
		if (offset % page || length > span->length)
			return -EINVAL;
		if (count == GPU_UDMABUF_PIECES)
			return -E2BIG;
		items[count++] = (struct udmabuf_create_item){
			.memfd = (uint32_t)region->fd,
			.offset = offset,
			.size = length,
		};
	}
	*ret_count = count;
	return 0;
}

int gpu_udmabuf_create(int device, const struct gpu_spans *spans, uint64_t size)
{
	struct udmabuf_create_list *list =
		calloc(1, sizeof(*list) + GPU_UDMABUF_PIECES * sizeof(*list->list));
	if (!list)
		return -ENOMEM;
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	int ret = describe(spans, size, list->list, &list->count);
	if (ret == 0) {
		ret = ioctl(device, UDMABUF_CREATE_LIST, list);
		ret = ret < 0 ? -errno : ret;
	}
	free(list);
	return ret;
}
