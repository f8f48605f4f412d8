/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "png_output.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

#define MAX_PATH 4096u

struct png_output {
	struct output base;
	char *folder;
	enum png_when when;
	uint64_t interval_ms;
	struct loop_source *timer;
	bool armed;
	struct {
		bool changed;
		uint32_t number; /* of pictures so far */
	} heads[SCREEN_HEADS];
};

static struct png_output *png_output(struct output *output)
{
	return container_of(output, struct png_output, base);
}

/* --- a file -------------------------------------------------------------------------------- */

static uint8_t *to_rgb(const struct head *head)
{
	size_t count = (size_t)head->width * head->height;
	uint8_t *rgb = malloc(count * 3);
	for (size_t i = 0; rgb && i < count; i++) {
		rgb[3 * i] = (uint8_t)(head->pixels[i] >> 16);
		rgb[3 * i + 1] = (uint8_t)(head->pixels[i] >> 8);
		rgb[3 * i + 2] = (uint8_t)head->pixels[i];
	}
	return rgb;
}

/* The sandbox lets nobody write to a file that was there before. NULL and errno.
 * #syscalls viewer: open:new openat:new-at unlink unlinkat newfstatat lseek fcntl:flags */
static FILE *make_file(const char *path)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		fd_close(&fd);
	return file;
}

/* 0 or -errno. */
static int write_file(png_image *image, const uint8_t *rgb, const char *path)
{
	FILE *file = make_file(path);
	if (!file)
		return -errno;
	errno = 0;
	bool good = png_image_write_to_stdio(image, file, 0, rgb, 0, NULL);
	int error = good ? 0 : -(errno ? errno : EIO);
	if (fclose(file) != 0 && error == 0)
		error = -errno;
	if (error)
		unlink(path);
	return error;
}

/* 0, or -errno (logged). */
static int write_png(const struct head *head, const char *path)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = head->width,
		.height = head->height,
		.format = PNG_FORMAT_RGB,
		.flags = PNG_IMAGE_FLAG_FAST,
	};
	uint8_t *rgb = to_rgb(head);
	if (!rgb)
		return -ENOMEM;
	int error = write_file(&image, rgb, path);
	if (error)
		log_limited(LOG_ERROR, "%s cannot be written: %s", path, strerror(-error));
	free(rgb);
	return error;
}

/* #syscalls viewer: rename renameat renameat2 */
static int save_head(struct png_output *output, uint32_t number)
{
	char path[MAX_PATH], part[MAX_PATH + 8], count[16] = "";
	const struct head *head = &output->base.screen->heads[number];
	if (output->when == PNG_ON_CHANGE)
		snprintf(count, sizeof(count), "-%06u", output->heads[number].number + 1);
	int length =
		snprintf(path, sizeof(path), "%s/head-%u%s.png", output->folder, number, count);
	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	snprintf(part, sizeof(part), "%s.part", path);
	int error = write_png(head, part);
	if (error == 0 && rename(part, path) < 0) {
		error = -errno;
		log_limited(LOG_ERROR, "%s cannot be renamed: %s", part, strerror(-error));
	}
	output->heads[number].number += error == 0;
	output->heads[number].changed = false;
	return error;
}

int png_output_save(struct output *base)
{
	struct png_output *output = png_output(base);
	int result = 0;
	for (uint32_t i = 0; i < SCREEN_HEADS; i++) {
		int error = base->screen->heads[i].width ? save_head(output, i) : 0;
		if (result == 0)
			result = error;
	}
	return result;
}

/* --- when ---------------------------------------------------------------------------------- */

static void on_time(void *data)
{
	struct png_output *output = data;
	output->armed = false;
	for (uint32_t i = 0; i < SCREEN_HEADS; i++)
		if (output->heads[i].changed && output->base.screen->heads[i].width)
			save_head(output, i);
}

static void damaged(struct output *base, uint32_t head, const struct rect *rect)
{
	struct png_output *output = png_output(base);
	output->heads[head].changed = true;
	if (output->when == PNG_ON_SIGNAL || output->armed)
		return;
	output->armed = true;
	loop_timer_arm(output->timer, output->interval_ms);
}

/* The picture comes with the damage after it. */
static void resized(struct output *base, uint32_t head)
{
	png_output(base)->heads[head].changed = false;
}

static void destroy(struct output *base)
{
	struct png_output *output = png_output(base);
	loop_source_destroy(output->timer);
	free(output->folder);
	free(output);
}

struct output *png_output_create(
	struct loop *loop, struct screen *screen, const struct png_args *args)
{
	static const struct output_impl impl = {
		.resized = resized,
		.damaged = damaged,
		.destroy = destroy,
	};
	struct png_output *output = calloc(1, sizeof(*output));
	if (!output)
		return NULL;
	output->folder = strdup(args->folder);
	output->when = args->when;
	output->interval_ms = args->interval_ms;
	output->timer = loop_add_timer(loop, on_time, output);
	if (!output->folder || !output->timer) {
		destroy(&output->base);
		return NULL;
	}
	screen_add(screen, &output->base, &impl);
	return &output->base;
}
