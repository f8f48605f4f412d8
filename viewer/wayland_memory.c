/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "wayland_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"

void wayland_memory_init(struct wayland_memory *memory, struct wayland *wayland,
	void (*released)(void *data), void *data)
{
	memset(memory, 0, sizeof(*memory));
	memory->wayland = wayland;
	memory->released = released;
	memory->data = data;
}

/* By writing the last byte: the sandbox lets nobody change the size of files.
 * #syscalls viewer: memfd_create:plain pwrite64 fcntl:seal-shrink mmap:no-exec munmap */
static int make_file(size_t size)
{
	_cleanup_fd_ int fd =
		memfd_create("virtiogpu-view-picture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || pwrite(fd, "", 1, (off_t)size - 1) != 1)
		return fd < 0 || errno ? -errno : -EIO;
	/* so the compositor need not be on its guard */
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
	return fd_steal(&fd);
}

/* 0 or -errno; what was made until then is there. */
static int make_picture(struct wayland_memory *memory, struct wayland_picture *picture)
{
	const struct wayland_layout *layout = &memory->layout;
	size_t size = (size_t)layout->width * layout->height * sizeof(uint32_t);
	_cleanup_fd_ int fd = make_file(size);
	if (fd < 0)
		return fd;
	void *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pixels == MAP_FAILED)
		return -errno;
	picture->pixels = pixels;
	picture->size = size;
	picture->stale = (struct rect){ 0, 0, layout->width, layout->height };
	picture->buffer.released = memory->released;
	picture->buffer.data = memory->data;
	return wayland_buffer_open(&picture->buffer, memory->wayland, fd, layout);
}

int wayland_memory_open(struct wayland_memory *memory, const struct wayland_layout *layout)
{
	int error = 0;
	wayland_memory_finish(memory);
	memory->layout = *layout;
	for (uint32_t i = 0; i < WAYLAND_PICTURES && error == 0; i++)
		error = make_picture(memory, &memory->pictures[i]);
	if (error)
		wayland_memory_finish(memory);
	return error;
}

void wayland_memory_finish(struct wayland_memory *memory)
{
	for (uint32_t i = 0; i < WAYLAND_PICTURES; i++) {
		struct wayland_picture *picture = &memory->pictures[i];
		wayland_buffer_close(&picture->buffer);
		if (picture->pixels)
			munmap(picture->pixels, picture->size);
		memset(picture, 0, sizeof(*picture));
	}
	memory->layout = (struct wayland_layout){ 0 };
}

void wayland_memory_damage(struct wayland_memory *memory, const struct rect *rect)
{
	for (uint32_t i = 0; i < WAYLAND_PICTURES; i++)
		memory->pictures[i].stale = rect_union(&memory->pictures[i].stale, rect);
}

struct wayland_picture *wayland_memory_free(struct wayland_memory *memory)
{
	for (uint32_t i = 0; i < WAYLAND_PICTURES; i++)
		if (memory->pictures[i].buffer.handle && !memory->pictures[i].buffer.busy)
			return &memory->pictures[i];
	return NULL;
}
