/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Results for other programs. They are written to a file beside the one that is wanted, which is
 * there before the first case runs and takes its place in the end: what is there is always whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/conform/plan.h"
#include "util/fd.h"

static int complain(const struct conform_plan *plan, int error)
{
	fprintf(stderr, "virtiogpu-conform: %s: %s\n", plan->options.json, strerror(error));
	return -error;
}

/* --- the file ------------------------------------------------------------------------------ */

/* Pipes and devices are written to as they are. */
static bool can_be_replaced(const char *path, mode_t *ret_mode)
{
	struct stat info;
	mode_t mask = umask(0);
	umask(mask);
	*ret_mode = 0666 & ~mask;
	if (stat(path, &info) < 0)
		return errno == ENOENT;
	*ret_mode = info.st_mode & 0777;
	return S_ISREG(info.st_mode);
}

static int open_beside(struct conform_plan *plan, mode_t mode)
{
	/* where a link leads to */
	plan->json_path = realpath(plan->options.json, NULL);
	if (!plan->json_path)
		plan->json_path = strdup(plan->options.json);
	if (!plan->json_path || asprintf(&plan->json_temp, "%s.XXXXXX", plan->json_path) < 0)
		return -ENOMEM;
	int fd = mkostemp(plan->json_temp, O_CLOEXEC);
	int error = errno;
	if (fd >= 0 && fchmod(fd, mode) == 0)
		return fd;
	if (fd < 0) {
		free(plan->json_temp);
		plan->json_temp = NULL;
		return -error;
	}
	error = errno;
	fd_close(&fd);
	return -error;
}

static int open_somewhere(struct conform_plan *plan)
{
	mode_t mode;
	if (can_be_replaced(plan->options.json, &mode))
		return open_beside(plan, mode);
	int fd = open(plan->options.json, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int conform_json_open(struct conform_plan *plan)
{
	if (!plan->options.json)
		return 0;
	int fd = open_somewhere(plan);
	if (fd < 0)
		return complain(plan, -fd);
	plan->json = fdopen(fd, "w");
	if (plan->json)
		return 0;
	fd_close(&fd);
	return complain(plan, ENOMEM);
}

void conform_json_finish(struct conform_plan *plan)
{
	if (plan->json)
		fclose(plan->json);
	if (plan->json_temp)
		unlink(plan->json_temp);
	free(plan->json_temp);
	free(plan->json_path);
	plan->json = NULL;
	plan->json_path = plan->json_temp = NULL;
}

/* --- what is in it ------------------------------------------------------------------------- */

/* Bytes of the character that text (not empty) begins with; 0: it is no UTF-8. */
static size_t utf8_length(const unsigned char *text)
{
	unsigned char first = text[0], second = text[1];
	size_t length = 0;
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		length = 2;
	else if ((first & 0xf0) == 0xe0)
		length = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		length = 4;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	bool too_long = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
	bool surrogate = first == 0xed && second >= 0xa0;
	bool too_large = first == 0xf4 && second >= 0x90;
	return too_long || surrogate || too_large ? 0 : length;
}

/* What a backend says may be anything: bytes that are no text are written as \xNN. */
static void put_string(FILE *file, const char *string)
{
	const unsigned char *text = (const unsigned char *)string;
	fputc('"', file);
	while (*text) {
		size_t length = utf8_length(text);
		if (length == 0)
			fprintf(file, "\\\\x%02x", *text);
		else if (*text == '"' || *text == '\\')
			fprintf(file, "\\%c", *text);
		else if (*text < 0x20 || *text == 0x7f)
			fprintf(file, "\\u%04x", *text);
		else
			fwrite(text, 1, length, file);
		text += length ? length : 1;
	}
	fputc('"', file);
}

static void put_item(FILE *file, const struct conform_item *item)
{
	fprintf(file, "    {\"name\": ");
	put_string(file, item->name);
	fprintf(file, ", \"verdict\": \"%s\", \"ms\": %u, \"source\": ",
		conform_verdict_names[item->verdict], item->duration_ms);
	put_string(file, item->row->source);
	if (item->why[0]) {
		fprintf(file, ", \"why\": ");
		put_string(file, item->why);
	}
	fprintf(file, "}");
}

struct names {
	FILE *file;
	uint32_t count;
};

static void put_name(void *data, const char *name)
{
	struct names *names = data;
	fprintf(names->file, "%s", names->count++ ? ", " : "");
	put_string(names->file, name);
}

static void put_plan(FILE *file, const struct conform_plan *plan)
{
	struct names names = { .file = file };
	fprintf(file, "{\n  \"backend\": ");
	put_string(file, plan->options.backend);
	fprintf(file, ",\n  \"totals\": {");
	for (uint32_t i = 0; i < CONFORM_VERDICTS; i++)
		fprintf(file, "%s\"%s\": %u", i ? ", " : "", conform_verdict_names[i],
			conform_plan_count(plan, (enum conform_verdict)i));
	fprintf(file, "},\n  \"never_sent\": [");
	conform_plan_never_sent(plan, put_name, &names);
	fprintf(file, "],\n  \"cases\": [\n");
	for (size_t i = 0; i < plan->count; i++) {
		put_item(file, &plan->items[i]);
		fprintf(file, "%s\n", i + 1 < plan->count ? "," : "");
	}
	fprintf(file, "  ]\n}\n");
}

int conform_json_write(struct conform_plan *plan)
{
	FILE *file = plan->json;
	if (!file)
		return 0;
	plan->json = NULL;
	/* that of the first write that fails: no later one happens to succeed */
	errno = 0;
	put_plan(file, plan);
	int error = fflush(file) == 0 && !ferror(file) ? 0 : errno ? errno : EIO;
	if (fclose(file) != 0 && error == 0)
		error = errno;
	if (error == 0 && plan->json_temp && rename(plan->json_temp, plan->json_path) < 0)
		error = errno;
	return error ? complain(plan, error) : 0;
}
