/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A case in its process: machines for it, and its end. There is one case for each process, so what
 * runs is known to the whole file; whatever ends the case sends the verdict and ends the process.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/conform/plan.h"
#include "util/checked.h"

#define MAX_MACHINES    16u
#define LEAK_TIMEOUT_MS 20000u
#define REST_MS         2000u
#define REST_LOOK_US    2000u
#define PROMPT_MS       100u
#define PROMPT_TRIES    3u
#define LOG_TAIL        3000u /* bytes of the backend's log that are shown */

static struct {
	struct conform_plan *plan;
	struct kit_backend *kept; /* NULL: each machine starts its own */
	uint32_t rest_fds; /* what that has without a connection; 0: not known */
	int result_fd;
	bool blind;
	struct {
		struct kit_machine *machine; /* NULL: gone */
		/* of the backend: at rest if others were served before, else when it was connected;
		 * 0: not known */
		uint32_t fds;
	} machines[MAX_MACHINES];
	uint32_t count;
} running;

static void show_log(struct kit_backend *backend)
{
	backend->log_mark = 0;
	char *log = kit_backend_log(backend);
	size_t length = log ? strlen(log) : 0;
	if (length > 0)
		fprintf(stderr, "the backend's log ends with:\n%s",
			log + (length > LOG_TAIL ? length - LOG_TAIL : 0));
	free(log);
}

static bool is_own(const struct kit_machine *machine)
{
	return machine->backend && machine->own_backend;
}

static void end_case(enum conform_verdict verdict, const char *why) __attribute__((noreturn));
static void end_case(enum conform_verdict verdict, const char *why)
{
	struct conform_result result = { .verdict = verdict, .blind = running.blind };
	snprintf(result.why, sizeof(result.why), "%s", why);
	for (uint32_t i = 0; i < running.count; i++) {
		struct kit_machine *machine = running.machines[i].machine;
		if (!machine || !machine->backend)
			continue;
		if (verdict >= CONFORM_WEDGED)
			show_log(machine->backend);
		if (is_own(machine))
			kit_backend_destroy(machine->backend);
	}
	fflush(stderr);
	bool sent = write(running.result_fd, &result, sizeof(result)) == sizeof(result);
	_exit(sent ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void end_case_at(struct kit_place place, enum conform_verdict verdict, const char *text)
{
	char why[CONFORM_MAX_WHY];
	const char *slash = strrchr(place.file, '/');
	snprintf(why, sizeof(why), "%s (%s:%d)", text, slash ? slash + 1 : place.file, place.line);
	end_case(verdict, why);
}

void kit_check_failed(struct kit_place place, const char *format, ...)
{
	char text[320];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	end_case_at(place, CONFORM_FAIL, text);
	abort();
}

static bool answers(struct kit_machine *machine)
{
	struct virtio_gpu_resp_display_info info;
	return machine->vmm.sock >= 0 && machine->spec.stage == KIT_STAGE_STARTED &&
		kit_gpu_display_info(&machine->gpu, &info) == VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

/* Something did not come in time. A backend that lives but does nothing else either is wedged. */
static enum conform_verdict verdict_of(struct kit_machine *machine, int error)
{
	if (error != -ETIMEDOUT || !machine->backend || !kit_backend_alive(machine->backend))
		return CONFORM_FAIL;
	return answers(machine) ? CONFORM_FAIL : CONFORM_WEDGED;
}

void kit_check_error(
	struct kit_place place, struct kit_machine *machine, const char *expression, int error)
{
	char text[320];
	/* before the reason is lost to another question */
	snprintf(text, sizeof(text), "%s: %s (%s)", expression, strerror(-error), machine->kit.why);
	end_case_at(place, verdict_of(machine, error), text);
	abort();
}

void conform_skip(const char *format, ...)
{
	char text[320];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	end_case(CONFORM_SKIP, text);
}

void conform_blind(const char *why)
{
	running.blind = true;
	end_case(CONFORM_SKIP, why);
}

void conform_reject(struct conform *c, struct kit_machine *machine, const char *format, ...)
{
	char text[320];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (machine)
		conform_check_alive(machine);
	end_case(CONFORM_REJECT, text);
}

/* --- machines ------------------------------------------------------------------------------ */

static void forget(const struct kit_machine *machine)
{
	for (uint32_t i = 0; i < running.count; i++)
		if (running.machines[i].machine == machine)
			running.machines[i].machine = NULL;
}

static uint32_t count_fds(struct kit_backend *backend)
{
	struct kit_usage usage;
	return kit_backend_usage(backend, &usage) == 0 ? usage.fds : 0;
}

static void remember(struct kit_machine *machine)
{
	uint32_t at = 0;
	while (at < running.count && running.machines[at].machine)
		at++;
	CHECK(at < MAX_MACHINES);
	running.count = max_u32(running.count, at + 1);
	running.machines[at].machine = machine;
	running.machines[at].fds = running.rest_fds;
	/* one that has answered has begun to serve the connection */
	if (is_own(machine) && machine->spec.stage <= KIT_STAGE_REALIZED)
		running.machines[at].fds = count_fds(machine->backend);
}

/* What the last case has left is over: another renderer, if there is one, is ready. */
static void wait_rest(void)
{
	uint64_t deadline = kit_now() + REST_MS;
	if (running.rest_fds == 0 || running.count > 0)
		return;
	while (kit_backend_alive(running.kept) && count_fds(running.kept) != running.rest_fds &&
		kit_now() < deadline)
		usleep(REST_LOOK_US);
}

struct kit_machine *conform_machine(struct conform *c, const struct kit_machine_spec *spec)
{
	struct kit_machine_spec own = { 0 };
	if (spec)
		own = *spec;
	if (!own.profile)
		own.profile = &kit_profile_qemu_gpu_all;
	own.command = running.plan->options.backend;
	own.seen = &running.plan->shared->seen;
	own.end = KIT_END_SOMEHOW;
	own.patience_ms = CONFORM_START_MS;
	wait_rest();
	struct kit_machine *machine =
		running.kept ? kit_machine_attach(running.kept, &own) : kit_machine_create(&own);
	/* the reason has been said on standard error, which whoever reports looks at */
	if (!machine)
		end_case(errno == ETIMEDOUT ? CONFORM_WEDGED : CONFORM_FAIL, "");
	remember(machine);
	return machine;
}

void conform_check_alive(struct kit_machine *machine)
{
	uint32_t limit_ms = running.plan->options.hostile ? PROMPT_MS : UINT32_MAX;
	uint64_t took_ms = UINT64_MAX;
	if (machine->vmm.sock < 0 || machine->spec.stage != KIT_STAGE_STARTED)
		return;
	for (uint32_t i = 0; i < PROMPT_TRIES && took_ms > limit_ms; i++) {
		struct virtio_gpu_resp_display_info info;
		uint64_t start = kit_now();
		CHECK_TYPE(machine, kit_gpu_display_info(&machine->gpu, &info),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		took_ms = kit_now() - start;
	}
	if (took_ms > limit_ms)
		end_case(CONFORM_WEDGED, "a good command takes more than 100 ms, three times");
}

void conform_send_cursor(
	struct kit_machine *machine, const struct virtio_gpu_update_cursor *request)
{
	struct kit_command *command = kit_gpu_submit(
		&machine->gpu, VIRTIO_GPU_QUEUE_CURSOR, request, sizeof(*request), 0);
	CHECK_OK(machine, kit_gpu_complete(&machine->gpu, command, NULL, 0));
}

void conform_check_cursor(struct kit_machine *machine)
{
	const struct virtio_gpu_update_cursor request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_MOVE_CURSOR),
	};
	conform_send_cursor(machine, &request);
}

void conform_start(struct kit_machine *machine)
{
	CHECK_OK(machine, kit_machine_start(machine));
	machine->spec.stage = KIT_STAGE_STARTED;
	conform_check_alive(machine);
}

void conform_check_recovers(struct kit_machine *machine)
{
	conform_check_cursor(machine);
	CHECK_OK(machine, kit_vmm_do(&machine->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	CHECK_OK(machine, kit_machine_renew(machine));
	conform_check_alive(machine);
}

/* How many descriptors there may be without a connection; 0: not known, or another machine has one. */
static uint32_t may_have(const struct kit_machine *machine)
{
	uint32_t fds = 0;
	for (uint32_t i = 0; i < running.count; i++) {
		const struct kit_machine *other = running.machines[i].machine;
		if (other == machine)
			fds = running.machines[i].fds;
		else if (other && other->backend == machine->backend && other->vmm.sock >= 0)
			return 0;
	}
	return fds;
}

/* After a disconnect nothing is left of what the connection brought. */
static void check_leaks(struct conform *c, struct kit_machine *machine)
{
	uint32_t before = may_have(machine), now = 0;
	if (!before || !c->probe->many || !kit_backend_alive(machine->backend))
		return;
	kit_machine_disconnect(machine);
	/* what is kept is kept for ever: it does not matter how long a renderer takes to forget */
	uint64_t deadline = kit_now() + max_u32((uint32_t)machine->kit.timeout_ms, LEAK_TIMEOUT_MS);
	while ((now = count_fds(machine->backend)) > before && kit_now() < deadline)
		usleep(2000);
	if (now > before)
		kit_check_failed(KIT_HERE, "the backend keeps descriptors: %u %s, %u after it",
			before, running.kept ? "at rest" : "with a connection", now);
}

/* What a VMM refuses of mappings may end another one. */
static void check_maps(const struct kit_machine *machine)
{
	const struct kit_channel *channel = &machine->vmm.channel;
	if (channel->refused)
		kit_check_failed(KIT_HERE, "the backend channel: %s", channel->why_refused);
}

void conform_close(struct conform *c, struct kit_machine *machine)
{
	check_maps(machine);
	check_leaks(c, machine);
	forget(machine);
	/* what is wrong has been said on standard error */
	if (kit_machine_destroy(machine) > 0)
		end_case(CONFORM_FAIL, "");
}

void conform_end(struct conform *c, struct kit_machine *machine)
{
	conform_check_alive(machine);
	conform_close(c, machine);
}

/* --- refusals ------------------------------------------------------------------------------ */

/* Answers may come for what was sent before: looks for the one to GET_FEATURES. 1: there it is; 0:
 * the connection is closed; -errno. */
static int answers_or_closes(struct kit_machine *machine)
{
	struct kit_vmm *vmm = &machine->vmm;
	struct kit_message message;
	int ret = kit_vmm_compose(vmm, VHOST_USER_GET_FEATURES, 0, 0, &message);
	if (ret == 0)
		ret = kit_vmm_send_message(vmm, &message);
	while (ret == 0) {
		ret = kit_vmm_receive_message(vmm, &message);
		if (ret < 0)
			break;
		kit_message_finish(&message);
		if (message.header.request == VHOST_USER_GET_FEATURES)
			return 1;
	}
	return ret == -ECONNRESET || ret == -EPIPE ? 0 : ret;
}

/* One that has closed the connection and serves no other ends soon, and not by a crash. */
static void check_end(struct kit_machine *machine, const char *what)
{
	int status = kit_backend_wait(machine->backend);
	if (status > 256 && status != 256 + SIGTERM)
		kit_check_failed(KIT_HERE, "%s: the backend died of signal %d", what, status - 256);
}

struct kit_machine *conform_check_refused(
	struct conform *c, struct kit_machine *machine, const char *what)
{
	int ret = answers_or_closes(machine);
	if (ret < 0)
		kit_check_error(KIT_HERE, machine, what, ret);
	if (c->probe->many || running.kept) {
		if (!kit_backend_alive(machine->backend))
			kit_check_failed(KIT_HERE, "%s: the backend ended", what);
		CHECK_OK(machine, kit_machine_reconnect(machine));
		conform_check_alive(machine);
		return machine;
	}
	if (ret == 0)
		check_end(machine, what);
	const struct kit_machine_spec spec = machine->spec;
	conform_close(c, machine);
	return conform_machine(c, &spec);
}

/* --- what many cases do -------------------------------------------------------------------- */

struct kit_surface conform_surface_chunked(struct kit_machine *machine,
	const struct virtio_gpu_resource_create_2d *like, uint32_t chunk)
{
	struct kit_surface surface = { 0 };
	CHECK_GOOD(machine, kit_surface_create(&machine->gpu, &surface, like, chunk));
	return surface;
}

struct kit_surface conform_surface(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_resource_create_2d like = {
		.resource_id = id, .format = format, .width = width, .height = height
	};
	return conform_surface_chunked(machine, &like, 0);
}

const struct kit_request_spec *conform_request(const struct conform *c)
{
	const char *name = c->row->variants[c->variant];
	size_t count;
	const struct kit_request_spec *specs = kit_requests(&count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	kit_check_failed(KIT_HERE, "the kit knows no request %s", name);
}

void conform_compose(struct kit_machine *machine, uint32_t request, struct kit_message *message)
{
	bool config = request == VHOST_USER_GET_CONFIG || request == VHOST_USER_SET_CONFIG;
	CHECK_OK(machine, kit_vmm_compose(&machine->vmm, request, 0, config ? 16 : 0, message));
}

struct kit_picture *conform_pattern(uint32_t width, uint32_t height, uint32_t seed)
{
	struct kit_picture *picture = kit_picture_create(width, height);
	CHECK(picture);
	kit_picture_pattern(picture, kit_rect(0, 0, width, height), seed);
	return picture;
}

void conform_show(
	struct kit_machine *machine, struct kit_surface *surface, const struct kit_picture *picture)
{
	kit_surface_draw(surface, picture);
	CHECK_GOOD(machine,
		kit_surface_show(surface, kit_rect(0, 0, surface->width, surface->height)));
}

struct virtio_gpu_config conform_config(struct kit_machine *machine)
{
	struct virtio_gpu_config config = { 0 };
	CHECK_OK(machine,
		kit_vmm_read_config(&machine->vmm, 0, &config,
			offsetof(struct virtio_gpu_config, blob_alignment)));
	return config;
}

/* --- the process --------------------------------------------------------------------------- */

static bool has_capset(struct kit_machine *machine, uint32_t id)
{
	struct virtio_gpu_config config = conform_config(machine);
	struct virtio_gpu_resp_capset_info info;
	for (uint32_t i = 0; i < config.num_capsets; i++)
		if (kit_gpu_capset_info(&machine->gpu, i, &info) ==
				VIRTIO_GPU_RESP_OK_CAPSET_INFO &&
			info.capset_id == id)
			return true;
	return false;
}

static bool something_shown(void *data)
{
	const struct kit_machine *machine = data;
	return machine->display.counts[VHOST_USER_GPU_SCANOUT] > 0 ||
		machine->display.counts[VHOST_USER_GPU_DMABUF_SCANOUT] > 0 ||
		machine->display.counts[VHOST_USER_GPU_DMABUF_SCANOUT2] > 0;
}

/* Shows a small picture, to see whether it comes to the display. */
static bool uses_display(struct kit_machine *machine)
{
	struct kit_surface surface =
		conform_surface(machine, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
	struct virtio_gpu_rect all = kit_rect(0, 0, 64, 64);
	bool shown = kit_gpu_set_scanout(&machine->gpu, 0, 1, all) == VIRTIO_GPU_RESP_OK_NODATA &&
		kit_surface_show(&surface, all) == VIRTIO_GPU_RESP_OK_NODATA &&
		kit_wait(&machine->kit, something_shown, machine, -1) == 0;
	kit_surface_finish(&surface);
	return shown;
}

/* A blob of host memory that needs nothing but a context: venus has them, and renderers for tests. */
static bool makes_host_memory(struct kit_machine *machine, uint32_t capset)
{
	const struct virtio_gpu_resource_create_blob blob = {
		.resource_id = 2,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.size = KIT_PAGE,
	};
	if (!has_capset(machine, capset) ||
		kit_gpu_ctx_create(&machine->gpu, 1, capset, "probe") != VIRTIO_GPU_RESP_OK_NODATA)
		return false;
	bool made =
		kit_gpu_create_blob(&machine->gpu, blob, 1, NULL, 0) == VIRTIO_GPU_RESP_OK_NODATA;
	kit_gpu_ctx_destroy(&machine->gpu, 1);
	return made && kit_gpu_unref(&machine->gpu, 2) == VIRTIO_GPU_RESP_OK_NODATA;
}

static void find_host_memory(struct conform_probe *probe, struct kit_machine *machine)
{
	static const uint32_t capsets[] = { VIRTIO_GPU_CAPSET_VENUS, VIRTIO_GPU_CAPSET_VIRGL2 };
	if (!kit_vmm_feature(&machine->vmm, VIRTIO_GPU_F_CONTEXT_INIT) ||
		!kit_vmm_feature(&machine->vmm, VIRTIO_GPU_F_RESOURCE_BLOB))
		return;
	probe->venus = has_capset(machine, VIRTIO_GPU_CAPSET_VENUS);
	for (uint32_t i = 0; i < ARRAY_SIZE(capsets) && !probe->maps; i++) {
		probe->maps_capset = capsets[i];
		probe->maps = kit_vmm_has(&machine->vmm, VHOST_USER_PROTOCOL_F_SHMEM) &&
			makes_host_memory(machine, capsets[i]);
	}
}

static void find_out(struct conform_probe *probe)
{
	struct conform c = { .probe = probe };
	const struct kit_machine_spec connected = { .stage = KIT_STAGE_CONNECTED };
	conform_close(&c, conform_machine(&c, &connected));
	probe->runs = true;
	struct kit_machine *machine = conform_machine(&c, NULL);
	probe->features = machine->vmm.offered;
	probe->protocol = machine->vmm.protocol_offered;
	conform_check_alive(machine);
	probe->virgl = kit_vmm_feature(&machine->vmm, VIRTIO_GPU_F_VIRGL) &&
		has_capset(machine, VIRTIO_GPU_CAPSET_VIRGL);
	find_host_memory(probe, machine);
	probe->display = uses_display(machine);
	probe->many = kit_machine_reconnect(machine) == 0;
	probe->done = true;
	conform_close(&c, machine);
}

void conform_child(const struct conform_child *child)
{
	struct conform_plan *plan = child->plan;
	running.plan = plan;
	running.kept = child->kept;
	running.rest_fds = child->kept ? child->rest_fds : 0;
	running.result_fd = child->result_fd;
	if (child->item) {
		struct conform c = {
			.row = child->item->row,
			.variant = child->item->variant,
			.probe = &plan->shared->probe,
			.hostile = plan->options.hostile,
		};
		c.row->run(&c);
	} else {
		find_out(&plan->shared->probe);
	}
	end_case(CONFORM_PASS, "");
}
