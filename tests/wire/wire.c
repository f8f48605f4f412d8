/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "wire.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "control.h"

#define REST_MS      10000u
#define REST_LOOK_MS 10
#define REST_LOOKS   10u /* with the same numbers */
#define MORE_MS      30 /* in which it is seen that nothing else comes */

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

struct kit_machine *wire_machine_with_blobs(void)
{
	struct kit_machine *machine = wire_machine(
		"none", &(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all });
	CHECK(kit_vmm_feature(&machine->vmm, VIRTIO_GPU_F_RESOURCE_BLOB));
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

void wire_check_lines(struct kit_machine *machine, const char *text, uint32_t count)
{
	CHECK_OK(machine, kit_backend_wait_lines(machine->backend, text, count));
	CHECK_INT(kit_backend_log_lines(machine->backend, text), count);
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

/* How often a process has a file open whose name begins like this. */
static uint32_t count_named(pid_t pid, const char *name)
{
	uint32_t count = 0;
	char path[64], to[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *folder = opendir(path);
	const struct dirent *entry;
	while (folder && (entry = readdir(folder))) {
		ssize_t size = readlinkat(dirfd(folder), entry->d_name, to, sizeof(to));
		count += size >= (ssize_t)strlen(name) && memcmp(to, name, strlen(name)) == 0;
	}
	if (folder)
		closedir(folder);
	return count;
}

static uint32_t count_frames(struct kit_machine *machine)
{
	pid_t pids[KIT_MAX_PROCESSES];
	uint32_t processes = kit_backend_processes(machine->backend, pids, KIT_MAX_PROCESSES);
	uint32_t count = 0;
	for (uint32_t i = 0; i < processes; i++)
		count += count_named(pids[i], "/memfd:virtiogpud-frame ");
	return count;
}

struct kit_usage wire_usage_at_rest(struct kit_machine *machine)
{
	uint64_t end = kit_now() + REST_MS;
	struct kit_usage now = { 0 }, last;
	uint32_t same = 0;
	wire_check_alive(machine);
	while (same < REST_LOOKS) {
		uint32_t frames = count_frames(machine);
		last = now;
		now = wire_usage(machine); /* skips where nothing is to be seen */
		bool still = now.fds == last.fds && now.processes == last.processes;
		same = still && frames == CONTROL_MEMORY_STOCK ? same + 1 : 0;
		if (kit_now() >= end)
			test_fail(__FILE__, __LINE__,
				"no rest: %u memories for frames, %u descriptors, %u processes",
				frames, now.fds, now.processes);
		CHECK_OK(machine, kit_pump(&machine->kit, REST_LOOK_MS));
	}
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

struct kit_surface wire_plain_surface(
	struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_set_scanout_blob like = wire_plain_blob(id, width, height);
	return wire_blob(machine, &like, 0);
}

bool wire_poll(struct kit_machine *machine, bool (*done)(void *data), void *data)
{
	uint64_t end = kit_now() + (uint64_t)machine->kit.timeout_ms;
	while (!done(data)) {
		if (kit_now() >= end)
			return false;
		CHECK_OK(machine, kit_pump(&machine->kit, 1));
	}
	return true;
}

struct interrupts {
	struct kit_ring *ring;
	uint64_t wanted;
};

static bool have_come(void *data)
{
	struct interrupts *interrupts = data;
	kit_ring_interrupts(interrupts->ring);
	return interrupts->ring->interrupts >= interrupts->wanted;
}

void wire_wait_interrupts(struct kit_machine *machine, uint32_t queue, uint64_t count)
{
	struct interrupts interrupts = { &machine->rings[queue], count };
	if (!wire_poll(machine, have_come, &interrupts))
		test_fail(__FILE__, __LINE__, "%llu interrupts, not %llu",
			(unsigned long long)interrupts.ring->interrupts, (unsigned long long)count);
}

void wire_check_interrupts(struct kit_machine *machine, uint32_t queue, uint64_t count)
{
	wire_wait_interrupts(machine, queue, count);
	CHECK_OK(machine, kit_pump(&machine->kit, MORE_MS));
	kit_ring_interrupts(&machine->rings[queue]);
	CHECK_INT(machine->rings[queue].interrupts, count);
}

static uint32_t count_updates(const struct kit_machine *machine)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		count += machine->display.scanouts[i].updates;
	return count;
}

void wire_settle(struct kit_machine *machine)
{
	uint32_t before;
	do {
		before = count_updates(machine);
		wire_check_alive(machine);
		CHECK_OK(machine, kit_pump(&machine->kit, MORE_MS));
	} while (count_updates(machine) != before);
}

struct virtio_gpu_set_scanout_blob wire_plain_blob(uint32_t id, uint32_t w, uint32_t h)
{
	return (struct virtio_gpu_set_scanout_blob){
		.r = { .width = w, .height = h },
		.resource_id = id,
		.width = w,
		.height = h,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = { w * 4 },
	};
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
