/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "rig.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/input-event-codes.h>
#include <linux/virtio_input.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "display/protocol.h"
#include "util/fd.h"

#define EVENT_SIZE    (uint32_t)sizeof(struct virtio_input_event)
#define QUIET_MS      60
#define HANDSHAKE_SEC 10

/* --- the backend's end --------------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(sock >= 0 && strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	CHECK(bind(sock, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(sock, 1) == 0);
	return sock;
}

static void tell_viewer(struct rig *rig, uint32_t request, const void *payload, uint32_t size)
{
	struct {
		uint32_t request, flags, size;
		uint8_t payload[32];
	} message = { .request = request, .size = size };
	CHECK(size <= sizeof(message.payload));
	if (size > 0)
		memcpy(message.payload, payload, size);
	CHECK_INT(kit_stream_send(&rig->kit, rig->backend,
			  &(struct kit_bytes){ .data = &message, .size = 12 + size }),
		0);
}

/* Everything that the backend sent has been taken in. */
static void settle(struct rig *rig)
{
	uint8_t answer[20];
	tell_viewer(rig, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0);
	CHECK_INT(kit_stream_receive(&rig->kit, rig->backend,
			  &(struct kit_room){ .data = answer, .size = sizeof(answer) }),
		0);
}

/* --- the viewer ---------------------------------------------------------------------------- */

/* The first of so many ports that nobody uses. */
static uint16_t free_ports(uint32_t count)
{
	for (uint32_t first = 20000 + (uint32_t)getpid() % 20000; first < 60000; first += count) {
		uint32_t good = 0;
		for (uint32_t i = 0; i < count; i++) {
			struct sockaddr_in address = { .sin_family = AF_INET,
				.sin_port = htons((uint16_t)(first + i)),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
			_cleanup_fd_ int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
			good += bind(sock, (struct sockaddr *)&address, sizeof(address)) == 0;
		}
		if (good == count)
			return (uint16_t)first;
	}
	test_skip("no free ports");
}

static void start_viewer(struct rig *rig, uint32_t heads, const char *options)
{
	char command[512];
	const char *program = getenv("VIEWER");
	CHECK(program);
	rig->port = free_ports(heads);
	snprintf(command, sizeof(command),
		"%s --socket {viewer} --keyboard-socket {socket} --pointer-socket {socket}.pointer "
		"--vnc %u --mode 640x480 %s %s",
		program, rig->port, heads > 1 ? "--mode 320x240" : "", options);
	rig->viewer = kit_backend_create(&rig->kit, command);
	CHECK(rig->viewer);
	_cleanup_fd_ int listening = listen_at(rig->viewer->viewer);
	CHECK_INT(kit_wait_fd(&rig->kit, listening, POLLIN, 10000), 0);
	rig->backend = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(rig->backend >= 0);
}

struct rig *rig_create(uint32_t heads, const char *options)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char path[128];
	CHECK(rig);
	kit_init(&rig->kit);
	start_viewer(rig, heads, options);
	for (uint32_t i = 0; i < RIG_DEVICES; i++) {
		snprintf(path, sizeof(path), "%s%s", rig->viewer->socket, i ? ".pointer" : "");
		rig->guests[i].at = kit_backend_attach(&rig->kit, rig->viewer->pid, path);
		CHECK(rig->guests[i].at);
	}
	for (uint32_t i = 0; i < heads; i++) {
		const struct vhost_user_gpu_scanout scanout = { i, i ? 320 : 640, i ? 240 : 480 };
		tell_viewer(rig, VHOST_USER_GPU_SCANOUT, &scanout, sizeof(scanout));
	}
	settle(rig);
	return rig;
}

static void guest_finish(struct rig_guest *guest)
{
	if (!guest->machine)
		return;
	kit_free(&guest->machine->memory, guest->events, RIG_BUFFERS * EVENT_SIZE);
	kit_free(&guest->machine->memory, guest->status, EVENT_SIZE);
	CHECK_INT(kit_machine_destroy(guest->machine), 0);
	guest->machine = NULL;
}

void rig_destroy(struct rig *rig)
{
	for (uint32_t i = 0; i < RIG_DEVICES; i++) {
		guest_finish(&rig->guests[i]);
		kit_backend_destroy(rig->guests[i].at);
	}
	int status = kit_backend_stop(rig->viewer);
	uint32_t reports = kit_backend_log_lines(rig->viewer, "Sanitizer: ") +
		kit_backend_log_lines(rig->viewer, "runtime error: ");
	if (status != 0 || reports) {
		char *log = kit_backend_log(rig->viewer);
		fprintf(stderr, "%s", log ? log : "");
		free(log);
	}
	CHECK_INT(status, 0);
	CHECK_INT(reports, 0);
	kit_backend_destroy(rig->viewer);
	fd_close(&rig->backend);
	free(rig);
}

/* --- guests -------------------------------------------------------------------------------- */

struct rig_guest *rig_connect(struct rig *rig, uint32_t device, const struct kit_machine_spec *spec)
{
	struct rig_guest *guest = &rig->guests[device];
	guest_finish(guest);
	guest->machine = kit_machine_attach(guest->at, spec);
	CHECK(guest->machine);
	guest->events = kit_alloc(&guest->machine->memory, RIG_BUFFERS * EVENT_SIZE, 8);
	guest->status = kit_alloc(&guest->machine->memory, EVENT_SIZE, 8);
	CHECK(guest->events && guest->status);
	return guest;
}

struct rig_guest *rig_start(struct rig *rig, uint32_t device)
{
	struct rig_guest *guest = rig_connect(
		rig, device, &(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	rig_give_all(guest);
	return guest;
}

static uint64_t buffer(const struct rig_guest *guest, uint32_t index)
{
	return guest->events + index % RIG_BUFFERS * EVENT_SIZE;
}

void rig_give(struct rig_guest *guest, uint32_t first, uint32_t count)
{
	struct kit_ring *ring = &guest->machine->rings[0];
	for (uint32_t i = first; i < first + count; i++) {
		const struct kit_piece piece = { buffer(guest, i), EVENT_SIZE, true };
		void *token = kit_ptr(&guest->machine->memory, piece.address, EVENT_SIZE);
		CHECK_OK(guest->machine, kit_ring_add(ring, &piece, 1, token));
	}
	kit_ring_kick(ring);
}

void rig_give_all(struct rig_guest *guest)
{
	rig_give(guest, 0, RIG_BUFFERS);
}

void rig_expect(struct rig_guest *guest, uint16_t type, uint16_t code, int32_t value)
{
	struct kit_machine *m = guest->machine;
	struct kit_used used;
	struct virtio_input_event event;
	CHECK_OK(m, kit_ring_wait(&m->rings[0], -1));
	CHECK_INT(kit_ring_take(&m->rings[0], &used), 1);
	CHECK_INT(used.length, sizeof(event));
	memcpy(&event, used.token, sizeof(event));
	if (le16toh(event.type) != type || le16toh(event.code) != code ||
		(int32_t)le32toh(event.value) != value)
		test_fail(__FILE__, __LINE__, "event %u %u %d, not %u %u %d", le16toh(event.type),
			le16toh(event.code), (int32_t)le32toh(event.value), type, code, value);
	uint64_t at = kit_guest(&m->memory, used.token) - guest->events;
	rig_give(guest, (uint32_t)(at / EVENT_SIZE), 1);
}

void rig_expect_key(struct rig_guest *guest, uint16_t code, bool down)
{
	rig_expect(guest, EV_KEY, code, down);
	rig_expect(guest, EV_SYN, SYN_REPORT, 0);
}

void rig_expect_position(struct rig_guest *guest, int32_t x, int32_t y)
{
	rig_expect(guest, EV_ABS, ABS_X, x);
	rig_expect(guest, EV_ABS, ABS_Y, y);
	rig_expect(guest, EV_SYN, SYN_REPORT, 0);
}

void rig_expect_nothing(struct rig_guest *guest)
{
	struct kit_used used;
	CHECK_OK(guest->machine, kit_pump(&guest->machine->kit, QUIET_MS));
	CHECK_INT(kit_ring_take(&guest->machine->rings[0], &used), 0);
}

void rig_status(struct rig_guest *guest, uint16_t type, uint16_t code, uint32_t value)
{
	struct kit_machine *m = guest->machine;
	const struct virtio_input_event event = { htole16(type), htole16(code), htole32(value) };
	const struct kit_piece piece = { guest->status, EVENT_SIZE, false };
	struct kit_used used;
	memcpy(kit_ptr(&m->memory, guest->status, EVENT_SIZE), &event, EVENT_SIZE);
	CHECK_OK(m, kit_ring_add(&m->rings[1], &piece, 1, guest));
	kit_ring_kick(&m->rings[1]);
	CHECK_OK(m, kit_ring_wait(&m->rings[1], -1));
	CHECK_INT(kit_ring_take(&m->rings[1], &used), 1);
	CHECK(used.token == guest);
	CHECK_INT(used.length, 0);
}

/* --- VNC (RFC 6143) ------------------------------------------------------------------------ */

static void get(int sock, void *bytes, size_t size)
{
	CHECK_INT(recv(sock, bytes, size, MSG_WAITALL), size);
}

static void put(int sock, const void *bytes, size_t size)
{
	CHECK_INT(send(sock, bytes, size, MSG_NOSIGNAL), size);
}

int rig_vnc(struct rig *rig, uint32_t head)
{
	const struct timeval patience = { .tv_sec = HANDSHAKE_SEC };
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)(rig->port + head)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t bytes[256];
	uint32_t length;
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(sock >= 0);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	CHECK(connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0);
	get(sock, bytes, 12);
	put(sock, "RFB 003.008\n", 12);
	get(sock, bytes, 1);
	get(sock, bytes + 1, bytes[0]);
	CHECK(memchr(bytes + 1, 1, bytes[0])); /* security type 1: none */
	put(sock, "\1", 1);
	get(sock, bytes, 4);
	put(sock, "\1", 1); /* others may stay */
	get(sock, bytes, 24);
	memcpy(&length, bytes + 20, sizeof(length));
	CHECK(ntohl(length) <= sizeof(bytes));
	get(sock, bytes, ntohl(length));
	return sock;
}

void rig_vnc_key(int sock, uint32_t keysym, bool down)
{
	struct {
		uint8_t type, down, padding[2];
		uint32_t keysym;
	} event = { 4, down, { 0 }, htonl(keysym) };
	put(sock, &event, sizeof(event));
}

void rig_vnc_type(int sock, const char *text)
{
	for (; *text; text++) {
		rig_vnc_key(sock, (uint8_t)*text, true);
		rig_vnc_key(sock, (uint8_t)*text, false);
	}
}

void rig_vnc_pointer(int sock, uint8_t buttons, uint16_t x, uint16_t y)
{
	struct {
		uint8_t type, buttons;
		uint16_t x, y;
	} event = { 5, buttons, htons(x), htons(y) };
	put(sock, &event, sizeof(event));
}

/* By asking for a pixel, which comes behind all that. */
void rig_vnc_settle(int sock)
{
	static const uint8_t request[] = { 3, 0, 0, 0, 0, 0, 0, 1, 0, 1 };
	uint8_t answer[4 + 12 + 4];
	put(sock, request, sizeof(request));
	get(sock, answer, sizeof(answer));
	CHECK_INT(answer[0], 0);
}

void rig_check_alive(struct rig *rig)
{
	int sock = rig_vnc(rig, 0);
	settle(rig);
	fd_close(&sock);
}
