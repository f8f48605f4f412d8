/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "dmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/file_map.h"
#include "util/fourcc.h"

void dmabuf_init(struct dmabuf *dmabuf)
{
	memset(dmabuf, 0, sizeof(*dmabuf));
	dmabuf->fd = -1;
}

void dmabuf_finish(struct dmabuf *dmabuf)
{
	if (dmabuf->map)
		file_map_destroy(dmabuf->map, dmabuf->size);
	fd_close(&dmabuf->fd);
	dmabuf_init(dmabuf);
}

static int swapped_of(uint32_t fourcc)
{
	switch (fourcc) {
	case FOURCC_XRGB8888:
	case FOURCC_ARGB8888:
		return 0;
	case FOURCC_XBGR8888:
	case FOURCC_ABGR8888:
		return 1;
	default:
		return -ENOTSUP;
	}
}

/* #syscalls viewer: fcntl:get-seals */
static bool may_shrink(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	return seals < 0 || !(seals & F_SEAL_SHRINK);
}

static int judge(const struct dmabuf_args *args, uint64_t needed)
{
	if (swapped_of(args->fourcc) < 0)
		return swapped_of(args->fourcc);
	/* first, as the size is of no worth before */
	if (args->shared_memory && may_shrink(args->fd))
		return -EPERM;
	off_t size = lseek(args->fd, 0, SEEK_END);
	if (size < 0 || args->stride % 4 || args->stride / 4 < args->width ||
		needed > (uint64_t)size)
		return -EINVAL;
	return 0;
}

int dmabuf_open(struct dmabuf *dmabuf, const struct dmabuf_args *args)
{
	dmabuf_finish(dmabuf);
	dmabuf->fd = args->fd;
	uint64_t needed = (uint64_t)args->stride * args->height;
	int error = judge(args, needed);
	uint8_t *map = NULL;
	if (!error)
		error = needed ? file_map_create(args->fd, 0, needed, PROT_READ, &map) : -EINVAL;
	if (error) {
		dmabuf_finish(dmabuf);
		return error;
	}
	dmabuf->map = map;
	dmabuf->size = needed;
	dmabuf->width = args->width;
	dmabuf->height = args->height;
	dmabuf->stride = args->stride;
	dmabuf->x = args->x;
	dmabuf->y = args->y;
	dmabuf->bottom_up = args->bottom_up;
	dmabuf->swapped = swapped_of(args->fourcc);
	dmabuf->fourcc = args->fourcc;
	dmabuf->shared_memory = args->shared_memory;
	return 0;
}

/* #syscalls viewer: ioctl:dma-buf lseek */
static void sync_reads(const struct dmabuf *dmabuf, uint64_t when)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_READ | when };
	/* memory that is no dma-buf is coherent anyway */
	while (!dmabuf->shared_memory && ioctl(dmabuf->fd, DMA_BUF_IOCTL_SYNC, &sync) < 0 &&
		errno == EINTR)
		continue;
}

static uint32_t swap(uint32_t pixel)
{
	return (pixel & 0x0000ff00u) | (pixel & 0xffu) << 16 | (pixel >> 16 & 0xffu);
}

static void read_row(
	const struct dmabuf *dmabuf, uint32_t x, uint32_t y, uint32_t *to, uint32_t count)
{
	uint32_t row = dmabuf->y + y;
	if (dmabuf->bottom_up)
		row = dmabuf->height - 1 - row;
	memcpy(to, dmabuf->map + (size_t)row * dmabuf->stride + (size_t)(dmabuf->x + x) * 4,
		(size_t)count * 4);
	for (uint32_t i = 0; dmabuf->swapped && i < count; i++)
		to[i] = swap(to[i]);
}

void dmabuf_read(
	const struct dmabuf *dmabuf, const struct rect *rect, uint32_t *pixels, uint32_t width)
{
	sync_reads(dmabuf, DMA_BUF_SYNC_START);
	for (uint32_t i = 0; i < rect->h; i++)
		read_row(dmabuf, rect->x, rect->y + i,
			pixels + (size_t)(rect->y + i) * width + rect->x, rect->w);
	sync_reads(dmabuf, DMA_BUF_SYNC_END);
}
