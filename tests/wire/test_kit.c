/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The kit's own parts: memory, rings, pictures, backends, the way through a whole machine. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring_rig.h"
#include "util/fd.h"
#include "wire.h"

/* --- memory -------------------------------------------------------------------------------- */

static void memory_allocates(void)
{
	static const struct kit_region_spec spec = { .guest = 0, .size = 1 << 20, .offset = 8192 };
	struct kit kit;
	struct kit_memory memory;
	uint64_t at[64];
	kit_init(&kit);
	kit_memory_init(&memory, &kit);
	CHECK_INT(kit_memory_add(&memory, &spec), 0);
	for (uint64_t i = 0; i < ARRAY_SIZE(at); i++) {
		at[i] = kit_alloc(&memory, 100 * i + 1, i % 2 ? 4096 : 1);
		CHECK(at[i] != 0 && (i % 2 == 0 || at[i] % 4096 == 0));
		memset(kit_ptr(&memory, at[i], 100 * i + 1), (int)i + 1, 100 * i + 1);
	}
	for (uint64_t i = 0; i < ARRAY_SIZE(at); i++) {
		const uint8_t *bytes = kit_ptr(&memory, at[i], 100 * i + 1);
		CHECK(bytes[0] == i + 1 && bytes[100 * i] == i + 1);
		CHECK(kit_guest(&memory, bytes) == at[i]);
		kit_free(&memory, at[i], 100 * i + 1);
	}
	CHECK_INT(kit_memory_allocated(&memory), 0);
	/* all of it again and again, and no more than there is */
	for (int i = 0; i < 5; i++) {
		uint64_t half = kit_alloc(&memory, 500000, 64);
		CHECK(half);
		CHECK(!kit_alloc(&memory, 600000, 64));
		kit_free(&memory, half, 500000);
	}
	kit_memory_finish(&memory);
}

/* A region for one purpose is kept for it. */
static void memory_allocates_in_a_region(void)
{
	static const struct kit_region_spec specs[] = {
		{ .guest = 0, .size = 65536 },
		{ .guest = 1 << 20, .size = 65536, .unusable = true },
	};
	struct kit kit;
	struct kit_memory memory;
	kit_init(&kit);
	kit_memory_init(&memory, &kit);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		CHECK_INT(kit_memory_add(&memory, &specs[i]), i);
	CHECK(!kit_alloc(&memory, 65536, 1));
	CHECK_INT(kit_alloc_in(&memory, 1, 65536, 4096), 1 << 20);
	CHECK(!kit_alloc_in(&memory, 1, 1, 1));
	uint64_t low = kit_alloc(&memory, 1000, 1);
	CHECK(low && low < 65536);
	kit_free(&memory, low, 1000);
	kit_free(&memory, 1 << 20, 65536);
	CHECK_INT(kit_memory_allocated(&memory), 0);
	kit_memory_finish(&memory);
}

static void memory_translates(void)
{
	struct kit kit;
	struct kit_memory memory;
	int fds = test_open_fds();
	kit_init(&kit);
	kit_memory_init(&memory, &kit);
	for (size_t i = 0; i < ARRAY_SIZE(kit_memory_default); i++)
		CHECK_INT(kit_memory_add(&memory, &kit_memory_default[i]), i);
	uint64_t high = UINT64_C(4) << 30;
	CHECK(kit_ptr(&memory, high, 1) == memory.regions[1].host);
	CHECK(kit_ptr(&memory, high - 1, 1) == NULL);
	CHECK(kit_ptr(&memory, (64 << 20) - 1, 2) == NULL);
	CHECK(kit_ptr(&memory, UINT64_MAX, 2) == NULL);
	CHECK_INT(kit_user(&memory, high + 5), memory.regions[1].user + 5);
	CHECK_INT(kit_user(&memory, high - 5), 0);
	CHECK(fcntl(memory.regions[0].fd, F_GET_SEALS) & F_SEAL_SHRINK);
	CHECK(ftruncate(memory.regions[0].fd, 0) < 0);
	kit_memory_finish(&memory);
	CHECK_INT(test_open_fds(), fds);
}

static void unsealed_memory_shrinks(void)
{
	static const struct kit_region_spec spec = { .size = 1 << 20, .unsealed = true };
	struct kit kit;
	struct kit_memory memory;
	kit_init(&kit);
	kit_memory_init(&memory, &kit);
	CHECK_INT(kit_memory_add(&memory, &spec), 0);
	CHECK_INT(ftruncate(memory.regions[0].fd, 4096), 0);
	kit_memory_finish(&memory);
}

/* --- rings --------------------------------------------------------------------------------- */

/* What a device does: puts an element into the used ring. */
static void use(struct ring_rig *rig, uint32_t id, uint32_t length, uint16_t index)
{
	uint8_t *used = kit_ptr(&rig->memory, rig->ring.used, 4);
	uint32_t element[2] = { id, length };
	memcpy(used + 4 + 8 * ((index - 1) % rig->ring.size), element, sizeof(element));
	memcpy(used + 2, &index, sizeof(index));
}

static void ring_judges_the_device(void)
{
	struct ring_rig rig;
	struct kit_used used;
	struct kit_piece piece = { 0x8000, 100, true };
	int token;
	ring_rig_init(&rig, 8, false);
	CHECK_INT(kit_ring_take(&rig.ring, &used), 0);
	CHECK_INT(kit_ring_wait(&rig.ring, 10), -ETIMEDOUT);
	int head = kit_ring_add(&rig.ring, &piece, 1, &token);
	CHECK(head >= 0);
	/* answers without an interrupt, of an unknown id, too long, too many */
	use(&rig, (uint32_t)head, 100, 1);
	CHECK_INT(kit_ring_wait(&rig.ring, 10), 0);
	CHECK_INT(kit_ring_take(&rig.ring, &used), 1);
	CHECK(used.token == &token && used.length == 100);
	head = kit_ring_add(&rig.ring, &piece, 1, &token);
	use(&rig, 7 - (uint32_t)head, 0, 2);
	CHECK_INT(kit_ring_take(&rig.ring, &used), -EPROTO);
	use(&rig, 8, 0, 2);
	CHECK_INT(kit_ring_take(&rig.ring, &used), -EPROTO);
	use(&rig, (uint32_t)head, 101, 2);
	CHECK_INT(kit_ring_take(&rig.ring, &used), -EPROTO);
	use(&rig, (uint32_t)head, 0, 3);
	CHECK_INT(kit_ring_take(&rig.ring, &used), -EPROTO);
	ring_rig_finish(&rig);
}

static int late_answer(void *data, short events)
{
	struct ring_rig *rig = data;
	use(rig, 0, 0, 1);
	return 0;
}

static void ring_misses_the_interrupt(void)
{
	struct ring_rig rig;
	struct kit_piece piece = { 0x8000, 100, true };
	struct kit_source source = { .fd = -1, .due = kit_now() + 10 };
	int token;
	ring_rig_init(&rig, 8, false);
	CHECK_INT(kit_ring_add(&rig.ring, &piece, 1, &token), 0);
	/* the answer comes while the driver sleeps, the interrupt does not */
	source.ready = late_answer;
	source.data = &rig;
	kit_source_add(&rig.kit, &source);
	CHECK_INT(kit_ring_wait(&rig.ring, 300), -EPROTO);
	kit_source_remove(&source);
	ring_rig_finish(&rig);
}

static void ring_fills_up(void)
{
	struct ring_rig rig;
	struct kit_piece pieces[3] = { { 0x8000, 1, false }, { 0x9000, 1, true },
		{ 0xa000, 1, true } };
	int tokens[8];
	ring_rig_init(&rig, 8, false);
	CHECK(kit_ring_add(&rig.ring, pieces, 3, &tokens[0]) >= 0);
	CHECK(kit_ring_add(&rig.ring, pieces, 3, &tokens[1]) >= 0);
	CHECK_INT(kit_ring_add(&rig.ring, pieces, 3, &tokens[2]), -ENOSPC);
	CHECK(kit_ring_add(&rig.ring, pieces, 2, &tokens[2]) >= 0);
	rig.ring.indirect = true;
	CHECK_INT(kit_ring_add(&rig.ring, pieces, 3, &tokens[3]), -ENOSPC);
	kit_ring_reset(&rig.ring);
	for (int i = 0; i < 8; i++)
		CHECK(kit_ring_add(&rig.ring, pieces, 3, &tokens[i]) >= 0);
	CHECK_INT(kit_ring_in_flight(&rig.ring), 8);
	ring_rig_finish(&rig);
}

/* --- pictures ------------------------------------------------------------------------------ */

static void pictures_compare(void)
{
	struct kit_picture *a = wire_pattern(50, 40, 1), *b = wire_pattern(50, 40, 1);
	struct kit_picture *c = wire_pattern(50, 41, 1);
	uint32_t x, y;
	CHECK(kit_picture_same(a, b, &x, &y));
	b->pixels[13 * 50 + 7] ^= 0xff000000;
	CHECK(kit_picture_same(a, b, &x, &y));
	b->pixels[13 * 50 + 7] ^= 1;
	CHECK(!kit_picture_same(a, b, &x, &y));
	CHECK(x == 7 && y == 13);
	CHECK(!kit_picture_same(a, c, &x, &y));
	kit_picture_copy(a, 45, 35, c, kit_rect(0, 0, 50, 41));
	CHECK_INT(a->pixels[35 * 50 + 45], c->pixels[0]);
	kit_picture_destroy(a);
	kit_picture_destroy(b);
	kit_picture_destroy(c);
}

static void pixels_round_trip(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kit_formats); i++) {
		uint8_t bytes[4];
		kit_pixel_encode(kit_formats[i], 0x123456, 0xaa, bytes);
		CHECK_INT(kit_pixel_decode(kit_formats[i], bytes), 0x123456);
		/* the name of a format is the order of its bytes */
		for (int k = 0; k < 4; k++) {
			char component = kit_format_name(kit_formats[i])[2 * k];
			int expected = component == 'R' ? 0x12
				: component == 'G'      ? 0x34
				: component == 'B'      ? 0x56
							: 0xaa;
			CHECK_INT(bytes[k], expected);
		}
	}
}

static void pictures_are_written(void)
{
	char path[] = "/tmp/kit-png-XXXXXX";
	struct kit_picture *picture = wire_pattern(31, 17, 1);
	struct stat info;
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	CHECK_INT(kit_picture_write_png(picture, path), 0);
	CHECK(fstat(fd, &info) == 0 && info.st_size > 31 * 17);
	CHECK(kit_picture_write_png(picture, "/proc/none/x.png") < 0);
	close(fd);
	unlink(path);
	kit_picture_destroy(picture);
}

/* --- backends ------------------------------------------------------------------------------ */

static void backend_is_watched(void)
{
	struct kit kit;
	kit_init(&kit);
	struct kit_backend *backend = kit_backend_create(
		&kit, "sh -c 'echo one >&2; echo two two >&2; sleep 100 & wait' {socket}");
	CHECK(backend);
	CHECK_INT(kit_backend_wait_lines(backend, "two", 1), 0);
	CHECK_INT(kit_backend_log_lines(backend, ""), 2);
	kit_backend_log_mark(backend);
	CHECK_INT(kit_backend_log_lines(backend, ""), 0);
	for (int i = 0; kit_backend_find(backend, "sleep") == 0 && i < 200; i++)
		usleep(10000);
	CHECK(kit_backend_find(backend, "sleep") > 0);
	CHECK_INT(kit_backend_find(backend, "nothing"), 0);
	struct kit_usage usage;
	CHECK_INT(kit_backend_usage(backend, &usage), 0);
	CHECK(usage.processes >= 2 && usage.fds >= 6 && usage.memory_kib > 0);
	pid_t sleeper = kit_backend_find(backend, "sleep");
	CHECK_INT(kit_backend_stop(backend), 256 + SIGTERM);
	kit_backend_destroy(backend);
	for (int i = 0; kill(sleeper, 0) == 0 && i < 200; i++)
		usleep(10000);
	CHECK(kill(sleeper, 0) < 0);
}

static void backend_that_does_not_listen(void)
{
	struct kit kit;
	kit_init(&kit);
	int timeout = kit.timeout_ms;
	kit.timeout_ms = 200;
	struct kit_backend *backend = kit_backend_create(&kit, "sleep 100");
	CHECK(backend);
	CHECK_INT(kit_backend_connect(backend), -ETIMEDOUT);
	CHECK_INT(kit_backend_wait(backend), -ETIMEDOUT);
	kit_backend_destroy(backend);
	kit.timeout_ms = timeout;
	backend = kit_backend_create(&kit, "sh -c 'echo no such luck >&2; exit 3'");
	CHECK(backend);
	CHECK_INT(kit_backend_connect(backend), -ECHILD);
	CHECK(strstr(kit.why, "no such luck"));
	CHECK_INT(kit_backend_stop(backend), 3);
	kit_backend_destroy(backend);
}

static void backend_with_a_descriptor(void)
{
	struct kit kit;
	char byte = 0;
	kit_init(&kit);
	struct kit_backend *backend = kit_backend_create(
		&kit, "bash -c 'printf x >&$0; cat <&$0 >/dev/null; exit 5' {fd}");
	CHECK(backend);
	int sock = kit_backend_connect(backend);
	CHECK(sock >= 0);
	CHECK_INT(kit_backend_connect(backend), -ENOTCONN);
	CHECK_INT(kit_wait_fd(&kit, sock, POLLIN, -1), 0);
	CHECK(recv(sock, &byte, 1, 0) == 1 && byte == 'x');
	close(sock);
	CHECK_INT(kit_backend_wait(backend), 5);
	kit_backend_destroy(backend);
}

/* --- a machine ----------------------------------------------------------------------------- */

static void machine_leaves_nothing(void)
{
	int fds = test_open_fds();
	for (int i = 0; i < 3; i++) {
		struct kit_machine *m = wire_machine("none", NULL);
		struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 64, 48);
		struct kit_picture *picture = wire_pattern(64, 48, 1);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 48)));
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_OK(m, kit_machine_reconnect(m));
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
		wire_end(m);
	}
	CHECK_INT(test_open_fds(), fds);
}

/* What a test forgets is found at the end. */
static void machine_counts_leaks(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK(kit_alloc(&m->memory, 100, 1));
	CHECK_INT(kit_machine_destroy(m), 1);
	m = wire_machine("none", NULL);
	kill(m->backend->pid, SIGKILL);
	CHECK_INT(kit_machine_destroy(m), 1);
	m = wire_machine("none", NULL);
	m->display.violations++;
	CHECK_INT(kit_machine_destroy(m), 1);
}

static void commands_in_any_order(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 9);
	struct kit_command *commands[50];
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
	for (size_t i = ARRAY_SIZE(commands); i-- > 0;)
		CHECK_TYPE(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		kit_command_forget(kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408));
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	CHECK_INT(m->gpu.completed, 2 * ARRAY_SIZE(commands));
	wire_end(m);
}

/* A backend that is gone ends every wait at once. */
/* For who sleeps on the descriptor himself: it becomes readable for each answer that was asked for. */
static void ring_asks_for_interrupts(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_ring *ring = &m->rings[VIRTIO_GPU_QUEUE_CONTROL];
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (int i = 0; i < 100; i++) {
		CHECK(!kit_ring_ask(ring));
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
		CHECK_OK(m, kit_wait_fd(&m->kit, ring->call_fd, POLLIN, -1));
		CHECK(kit_ring_ask(ring));
		CHECK_OK(m, kit_gpu_collect(&m->gpu));
		CHECK(command->done);
		kit_command_finish(command);
	}
	wire_end(m);
}

/* The device sees one request, whichever part is empty. */
static void requests_in_two_parts(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr header = kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 9);
	for (uint32_t cut = 0; cut <= sizeof(header); cut += 4) {
		const struct kit_request request = { &header, cut, (const uint8_t *)&header + cut,
			(uint32_t)sizeof(header) - cut };
		struct kit_command *command = kit_gpu_queue_request(&m->gpu, 0, &request, 408);
		CHECK(command);
		kit_ring_kick(command->ring);
		CHECK_TYPE(m, kit_gpu_complete(&m->gpu, command, NULL, 0),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
	wire_end(m);
}

static void waits_end_with_the_backend(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_command *command = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
	kill(m->backend->pid, SIGKILL);
	uint64_t start = kit_now();
	CHECK_INT(kit_gpu_wait(&m->gpu, command), -ECONNRESET);
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0), -ECONNRESET);
	CHECK(kit_now() - start < KIT_TIMEOUT_MS / 2);
	kit_machine_destroy(m);
}

/* A backend that hangs does not hang the kit. */
static void waits_end_in_time(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	kill(m->backend->pid, SIGSTOP);
	m->kit.timeout_ms = 100;
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0), -ETIMEDOUT);
	CHECK_INT(kit_gpu_create_2d(&m->gpu, 1, 1, 1, 1), -ETIMEDOUT);
	CHECK_INT(kit_display_wait(&m->display, VHOST_USER_GPU_UPDATE, 99), -ETIMEDOUT);
	CHECK_INT(kit_vmm_wait_closed(&m->vmm), -ETIMEDOUT);
	kit_machine_destroy(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(memory_allocates),
		TEST_CASE(memory_allocates_in_a_region),
		TEST_CASE(memory_translates),
		TEST_CASE(unsealed_memory_shrinks),
		TEST_CASE(ring_judges_the_device),
		TEST_CASE(ring_misses_the_interrupt),
		TEST_CASE(ring_fills_up),
		TEST_CASE(pictures_compare),
		TEST_CASE(pixels_round_trip),
		TEST_CASE(pictures_are_written),
		TEST_CASE(backend_is_watched),
		TEST_CASE(backend_that_does_not_listen),
		TEST_CASE(backend_with_a_descriptor),
		TEST_CASE(machine_leaves_nothing),
		TEST_CASE(machine_counts_leaks),
		TEST_CASE(commands_in_any_order),
		TEST_CASE(ring_asks_for_interrupts),
		TEST_CASE(requests_in_two_parts),
		TEST_CASE(waits_end_with_the_backend),
		TEST_CASE(waits_end_in_time),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
