/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "wire.h"

#include <stdarg.h>
#include <stdlib.h>

void kit_check_failed(struct kit_place place, const char *format, ...)
{
	char text[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	test_fail(place.file, place.line, "%s", text);
}

void kit_check_error(
	struct kit_place place, struct kit_machine *machine, const char *expression, int error)
{
	kit_check_failed(place, "%s: %s (%s)", expression, strerror(-error), machine->kit.why);
}

const char *wire_command(const char *renderer)
{
	static const char mark[] = "{renderer}";
	static char command[4096];
	const char *backend = getenv("BACKEND");
	if (!backend)
		test_fail(__FILE__, __LINE__, "BACKEND is not set");
	const char *at = strstr(backend, mark);
	if (!at && strcmp(renderer, "none") != 0)
		test_skip("the backend has no renderer %s", renderer);
	if (!at)
		return backend;
	snprintf(command, sizeof(command), "%.*s%s%s", (int)(at - backend), backend, renderer,
		at + strlen(mark));
	return command;
}

struct kit_machine *wire_machine(const char *renderer, const struct kit_machine_spec *spec)
{
	return wire_machine_with(renderer, "", spec);
}

struct kit_machine *wire_machine_with(
	const char *renderer, const char *options, const struct kit_machine_spec *spec)
{
	static char command[4096];
	struct kit_machine_spec own = { 0 };
	if (spec)
		own = *spec;
	snprintf(command, sizeof(command), "%s %s", wire_command(renderer), options);
	own.command = command;
	struct kit_machine *machine = kit_machine_create(&own);
	if (!machine)
		test_fail(__FILE__, __LINE__, "there is no machine (see standard error)");
	return machine;
}

void wire_end(struct kit_machine *machine)
{
	CHECK_INT(kit_machine_destroy(machine), 0);
}

void wire_expect_close(struct kit_machine *machine)
{
	kit_backend_log_mark(machine->backend);
}

void wire_check_closed(struct kit_machine *machine, const char *what)
{
	if (kit_vmm_wait_closed(&machine->vmm) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", what, machine->kit.why);
	if (kit_machine_reconnect(machine) < 0)
		test_fail(__FILE__, __LINE__, "after %s: %s", what, machine->kit.why);
	uint32_t lines = kit_backend_log_lines(machine->backend, "") -
		kit_backend_log_lines(machine->backend, ": info: ");
	if (lines != 1) {
		char *log = kit_backend_log(machine->backend);
		fprintf(stderr, "%s\n", log ? log : "");
		free(log);
		test_fail(__FILE__, __LINE__, "%s: %u log lines, not 1", what, lines);
	}
}

void wire_check_alive(struct kit_machine *machine)
{
	struct virtio_gpu_resp_display_info info;
	CHECK_TYPE(machine, kit_gpu_display_info(&machine->gpu, &info),
		VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

struct kit_usage wire_usage(struct kit_machine *machine)
{
	struct kit_usage now;
	int ret = kit_backend_usage(machine->backend, &now);
	if (ret == -EACCES)
		test_skip("%s", machine->kit.why);
	CHECK_OK(machine, ret);
	return now;
}

void wire_check_memory(const struct kit_usage *before, const struct kit_usage *after, uint64_t kib)
{
	if (kit_usage_grew(before, after, kib))
		test_fail(__FILE__, __LINE__, "memory grew from %llu to %llu KiB",
			(unsigned long long)before->memory_kib,
			(unsigned long long)after->memory_kib);
}

void wire_move_cursor(struct kit_machine *machine, struct wire_latency *latency)
{
	uint64_t start = kit_now();
	CHECK_GOOD(machine, kit_gpu_move_cursor(&machine->gpu, 0, latency->count, 1));
	latency->count++;
	latency->slow += kit_now() - start >= WIRE_PROMPT_MS;
}

void wire_check_prompt(const struct wire_latency *latency)
{
	if (latency->slow * 10 > latency->count)
		test_fail(__FILE__, __LINE__, "%u of %u cursor moves took %u ms or more",
			latency->slow, latency->count, WIRE_PROMPT_MS);
}

struct kit_surface wire_surface_chunked(struct kit_machine *machine,
	const struct virtio_gpu_resource_create_2d *like, uint32_t chunk)
{
	struct kit_surface surface = { 0 };
	CHECK_GOOD(machine, kit_surface_create(&machine->gpu, &surface, like, chunk));
	return surface;
}

struct kit_surface wire_surface(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_2d like = {
		.resource_id = id, .format = format, .width = width, .height = height
	};
	return wire_surface_chunked(machine, &like, 0);
}

struct kit_surface wire_blob(
	struct kit_machine *machine, const struct virtio_gpu_set_scanout_blob *like, uint32_t chunk)
{
	struct kit_surface surface = { 0 };
	CHECK_GOOD(machine, kit_surface_create_blob(&machine->gpu, &surface, like, chunk));
	return surface;
}

static bool is_off(void *data)
{
	const struct kit_scanout *scanout = data;
	return !scanout->picture;
}

void wire_wait_off(struct kit_machine *machine, uint32_t scanout)
{
	if (kit_wait(&machine->kit, is_off, &machine->display.scanouts[scanout], -1) < 0)
		test_fail(__FILE__, __LINE__, "scanout %u is still on", scanout);
}

struct kit_picture *wire_pattern(uint32_t width, uint32_t height, uint32_t seed)
{
	struct kit_picture *picture = kit_picture_create(width, height);
	CHECK(picture);
	kit_picture_pattern(picture, kit_rect(0, 0, width, height), seed);
	return picture;
}

void wire_show(
	struct kit_machine *machine, struct kit_surface *surface, const struct kit_picture *picture)
{
	kit_surface_draw(surface, picture);
	CHECK_GOOD(machine,
		kit_surface_show(surface, kit_rect(0, 0, surface->width, surface->height)));
}
