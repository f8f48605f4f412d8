/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Guests, VMMs and VNC clients that do to the viewer's input devices what they should not. */
#include <linux/input-event-codes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"
#include "util/fd.h"

#define MIB        (UINT64_C(1) << 20)
#define GIB        (UINT64_C(1) << 30)
#define EVENT_SIZE 8u

static struct rig_guest *started(struct rig *rig, uint32_t device)
{
	return rig_connect(
		rig, device, &(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
}

/* The device is as good as new for a driver that begins anew. */
static void check_renewed(struct rig_guest *guest, int vnc)
{
	CHECK_OK(guest->machine, kit_machine_renew(guest->machine));
	rig_give_all(guest);
	rig_vnc_key(vnc, 'z', true);
	rig_expect_key(guest, KEY_Z, true);
	rig_vnc_key(vnc, 'z', false);
	rig_expect_key(guest, KEY_Z, false);
}

/* --- buffers that are not what they should be ---------------------------------------------- */

struct shape {
	uint32_t readable, writable, pieces; /* of each, with so many bytes */
	uint32_t used; /* bytes that the device says it wrote */
};

static void add_shape(
	struct rig_guest *guest, uint32_t queue, const struct shape *shape, uint64_t at)
{
	struct kit_piece pieces[16];
	size_t count = 0;
	for (uint32_t i = 0; i < shape->pieces && shape->readable; i++)
		pieces[count++] = (struct kit_piece){ at, shape->readable, false };
	for (uint32_t i = 0; i < shape->pieces && shape->writable; i++)
		pieces[count++] = (struct kit_piece){ at, shape->writable, true };
	CHECK_OK(guest->machine, kit_ring_add(&guest->machine->rings[queue], pieces, count, guest));
}

static void check_used(struct rig_guest *guest, uint32_t queue, uint32_t length)
{
	struct kit_used used;
	struct kit_ring *ring = &guest->machine->rings[queue];
	CHECK_OK(guest->machine, kit_ring_wait(ring, -1));
	CHECK_INT(kit_ring_take(ring, &used), 1);
	CHECK_INT(used.length, length);
}

/* They are filled as far as they go; those for the next report are right again. */
static void buffers_of_other_shapes(void)
{
	static const struct shape shapes[] = { { 8, 0, 1, 0 }, { 0, 4, 1, 4 }, { 0, 1, 1, 1 },
		{ 0, 1, 8, 8 }, { 0, 7, 2, 8 }, { 0, MIB, 1, 8 }, { MIB, MIB, 4, 8 },
		{ 1, 1, 8, 8 }, { MIB, 0, 8, 0 } };
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = started(rig, RIG_KEYBOARD);
	int vnc = rig_vnc(rig, 0);
	uint64_t at = kit_alloc(&guest->machine->memory, MIB, KIT_PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		add_shape(guest, 0, &shapes[i], at);
		add_shape(guest, 0, &shapes[i], at);
		kit_ring_kick(&guest->machine->rings[0]);
		rig_vnc_key(vnc, 'a', i % 2 == 0);
		check_used(guest, 0, shapes[i].used);
		check_used(guest, 0, shapes[i].used);
	}
	rig_give(guest, 0, 2);
	rig_vnc_key(vnc, 'a', false);
	rig_expect_key(guest, KEY_A, false);
	kit_free(&guest->machine->memory, at, MIB);
	rig_check_alive(rig);
	fd_close(&vnc);
	rig_destroy(rig);
}

static void status_of_other_shapes(void)
{
	static const struct shape shapes[] = { { 0, 8, 1, 0 }, { 4, 0, 1, 0 }, { 1, 0, 8, 0 },
		{ MIB, 0, 1, 0 }, { 8, MIB, 4, 0 }, { 1, 1, 1, 0 } };
	struct rig *rig = rig_create(1, "");
	for (uint32_t device = 0; device < RIG_DEVICES; device++) {
		struct rig_guest *guest = started(rig, device);
		uint64_t at = kit_alloc(&guest->machine->memory, MIB, KIT_PAGE);
		memset(kit_ptr(&guest->machine->memory, at, MIB), 0xff, MIB);
		for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
			add_shape(guest, 1, &shapes[i], at);
			kit_ring_kick(&guest->machine->rings[1]);
			check_used(guest, 1, 0);
		}
		kit_free(&guest->machine->memory, at, MIB);
	}
	rig_check_alive(rig);
	rig_destroy(rig);
}

/* More at once than are taken at a time. */
static void flood_of_status(void)
{
	static const struct shape shape = { 8, 0, 1, 0 };
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = started(rig, RIG_KEYBOARD);
	uint64_t at = kit_alloc(&guest->machine->memory, EVENT_SIZE, 8);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 256; i++)
			add_shape(guest, 1, &shape, at);
		kit_ring_kick(&guest->machine->rings[1]);
		for (int i = 0; i < 256; i++)
			check_used(guest, 1, 0);
	}
	kit_free(&guest->machine->memory, at, EVENT_SIZE);
	rig_destroy(rig);
}

/* --- broken rings -------------------------------------------------------------------------- */

/* Of a split ring: a chain, and where it begins. */
static const struct breakage {
	const char *name;
	uint16_t head;
	struct kit_descriptor descriptor; /* number 0 */
} breakages[] = {
	{ "a head outside of the table", 0xffff, { 0x10000, 8, KIT_RING_WRITE, 0 } },
	{ "a loop", 0, { 0x10000, 8, KIT_RING_WRITE | KIT_RING_NEXT, 0 } },
	{ "a next outside of the table", 0, { 0x10000, 8, KIT_RING_WRITE | KIT_RING_NEXT, 999 } },
	{ "no memory", 0, { UINT64_C(1) << 60, 8, KIT_RING_WRITE, 0 } },
	{ "the end of the address space", 0, { UINT64_MAX - 3, 8, KIT_RING_WRITE, 0 } },
	{ "more than there is", 0, { 0x10000, UINT32_MAX, KIT_RING_WRITE, 0 } },
	{ "a table of no size", 0, { 0x10000, 0, KIT_RING_INDIRECT, 0 } },
};

static void split_only(void)
{
	if (getenv("KIT_PACKED"))
		test_skip("this is about split rings");
}

static void break_queue(struct rig *rig, uint32_t queue, const struct breakage *breakage)
{
	struct rig_guest *guest = started(rig, RIG_KEYBOARD);
	struct kit_ring *ring = &guest->machine->rings[queue];
	int vnc = rig_vnc(rig, 0);
	kit_backend_log_mark(rig->viewer);
	kit_ring_write(ring, 0, &breakage->descriptor);
	kit_ring_publish(ring, breakage->head);
	for (int i = 0; i < 20; i++) {
		kit_ring_kick_always(ring);
		rig_vnc_type(vnc, "aB");
	}
	rig_vnc_settle(vnc);
	CHECK_INT(kit_backend_wait_lines(rig->viewer, "the guest's driver made", 1), 0);
	rig_check_alive(rig);
	CHECK_INT(kit_backend_log_lines(rig->viewer, "the guest's driver made"), 1);
	check_renewed(guest, vnc);
	fd_close(&vnc);
}

static void broken_rings(void)
{
	split_only();
	struct rig *rig = rig_create(1, "");
	struct rig_guest *pointer = rig_start(rig, RIG_POINTER);
	for (size_t i = 0; i < ARRAY_SIZE(breakages); i++)
		for (uint32_t queue = 0; queue < 2; queue++)
			break_queue(rig, queue, &breakages[i]);
	/* the other device has not noticed */
	int vnc = rig_vnc(rig, 0);
	rig_vnc_pointer(vnc, 0, 1, 1);
	rig_expect(pointer, EV_ABS, ABS_X, 76);
	fd_close(&vnc);
	rig_destroy(rig);
}

static void an_index_that_jumps(void)
{
	split_only();
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = started(rig, RIG_KEYBOARD);
	int vnc = rig_vnc(rig, 0);
	rig_give(guest, 0, 3);
	kit_ring_set_available(&guest->machine->rings[0], 5000);
	kit_ring_kick_always(&guest->machine->rings[0]);
	rig_vnc_type(vnc, "abc");
	rig_vnc_settle(vnc);
	CHECK_INT(kit_backend_wait_lines(rig->viewer, "the guest's driver made", 1), 0);
	check_renewed(guest, vnc);
	fd_close(&vnc);
	rig_destroy(rig);
}

/* --- VMMs ---------------------------------------------------------------------------------- */

static uint32_t open_fds(struct rig *rig)
{
	struct kit_usage usage;
	int ret = kit_backend_usage(rig->viewer, &usage);
	if (ret == -EACCES)
		test_skip("%s", rig->kit.why);
	CHECK_INT(ret, 0);
	return usage.fds;
}

/* What others have closed is closed here a moment later. */
static void check_fds(struct rig *rig, uint32_t expected)
{
	uint64_t end = kit_now() + KIT_TIMEOUT_MS;
	while (open_fds(rig) > expected) {
		CHECK(kit_now() < end);
		CHECK_INT(kit_pump(&rig->kit, 5), 0);
	}
}

/* Goes, at any time, while somebody types. */
static void vmm_goes(void)
{
	static const enum kit_machine_stage stages[] = { KIT_STAGE_CONNECTED, KIT_STAGE_REALIZED,
		KIT_STAGE_STARTED };
	struct rig *rig = rig_create(1, "");
	int vnc = rig_vnc(rig, 0);
	uint32_t before = open_fds(rig);
	for (int round = 0; round < 30; round++) {
		struct rig_guest *guest = rig_connect(rig, RIG_KEYBOARD,
			&(struct kit_machine_spec){
				.profile = &kit_profile_qemu_generic, .stage = stages[round % 3] });
		if (round % 3 == 2 && round % 2)
			rig_give_all(guest);
		rig_vnc_key(vnc, 'a', round % 2);
		rig_vnc_pointer(vnc, 0, 1, 1);
		if (round % 5 == 0)
			CHECK_OK(guest->machine,
				kit_vmm_send_bytes(&guest->machine->vmm, "half", 4, NULL, 0));
		kit_machine_disconnect(guest->machine);
	}
	rig_check_alive(rig);
	rig_vnc_settle(vnc);
	struct rig_guest *guest = rig_start(rig, RIG_KEYBOARD);
	rig_vnc_type(vnc, "b");
	rig_expect_key(guest, KEY_B, true);
	rig_expect_key(guest, KEY_B, false);
	kit_machine_disconnect(guest->machine);
	rig_check_alive(rig);
	check_fds(rig, before);
	fd_close(&vnc);
	rig_destroy(rig);
}

struct nonsense {
	const char *name;
	uint32_t request, size;
	uint32_t words[4];
};

/* Each ends the connection with a line in the log; the next one is served. */
static void messages(void)
{
	static const struct nonsense all[] = {
		{ "unknown", 999, 0, { 0 } },
		{ "nothing", 0, 0, { 0 } },
		{ "a long question", VHOST_USER_GET_CONFIG, 16, { 0, 255, 0, 0 } },
		{ "a short question", VHOST_USER_GET_CONFIG, 8, { 0, 4 } },
		{ "a longer write than is said", VHOST_USER_SET_CONFIG, 16, { 0, 1, 0, 0 } },
		{ "a shorter write than is said", VHOST_USER_SET_CONFIG, 16, { 0, 100, 0, 0 } },
		{ "a third queue", VHOST_USER_SET_VRING_NUM, 8, { 2, 4 } },
		{ "a queue without end", VHOST_USER_SET_VRING_NUM, 8, { 0, 0xffffffff } },
		{ "a feature", VHOST_USER_SET_FEATURES, 8, { 1, 0 } },
		{ "a GPU without a socket", VHOST_USER_GPU_SET_SOCKET, 0, { 0 } },
		{ "an object", VHOST_USER_GET_SHARED_OBJECT, 16, { 0 } },
		{ "a state", VHOST_USER_CHECK_DEVICE_STATE, 0, { 0 } },
	};
	struct rig *rig = rig_create(1, "");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct rig_guest *guest = started(rig, RIG_KEYBOARD);
		struct kit_message message = { .header = { all[i].request, VHOST_USER_VERSION,
						       all[i].size } };
		memcpy(message.payload, all[i].words, sizeof(all[i].words));
		kit_backend_log_mark(rig->viewer);
		CHECK_OK(guest->machine, kit_vmm_send_message(&guest->machine->vmm, &message));
		int ret = kit_vmm_wait_closed(&guest->machine->vmm);
		if (ret < 0)
			test_fail(
				__FILE__, __LINE__, "%s: %s", all[i].name, guest->machine->kit.why);
		CHECK_INT(kit_backend_wait_lines(rig->viewer, "closing the session", 1), 0);
	}
	rig_check_alive(rig);
	rig_destroy(rig);
}

/* Writes to the configuration space that go beyond it, and a GPU's socket, which is closed. */
static void messages_that_do_nothing(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = started(rig, RIG_KEYBOARD);
	struct kit_vmm *vmm = &guest->machine->vmm;
	uint8_t bytes[VHOST_USER_MAX_CONFIG_SIZE];
	int pair[2];
	memset(bytes, 0xff, sizeof(bytes));
	for (uint32_t offset = 0; offset < sizeof(bytes); offset += 17) {
		uint32_t size = (uint32_t)sizeof(bytes) - offset;
		CHECK_OK(guest->machine, kit_vmm_write_config(vmm, offset, bytes, size));
	}
	CHECK_OK(guest->machine, kit_vmm_write_config(vmm, 0xfffffff0, bytes, 64));
	CHECK_OK(guest->machine, kit_vmm_read_config(vmm, 0, bytes, sizeof(bytes)));
	CHECK(bytes[0] == 0xff && bytes[1] == 0xff && bytes[2] == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	struct kit_message message = {
		.header = { VHOST_USER_GPU_SET_SOCKET, VHOST_USER_VERSION, 0 },
		.fd_count = 1,
		.fds = { pair[0] },
	};
	CHECK_OK(guest->machine, kit_vmm_send_message(vmm, &message));
	CHECK_INT(kit_wait_fd(&guest->machine->kit, pair[1], POLLIN, -1), 0);
	CHECK_INT(read(pair[1], bytes, 1), 0);
	fd_close(&pair[1]);
	rig_check_alive(rig);
	rig_destroy(rig);
}

static void cut_off_memory(bool huge)
{
	const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = 4 * MIB },
		{ .guest = GIB, .size = 4 * MIB, .unsealed = true, .unusable = true, .huge = huge },
	};
	const struct kit_piece piece = { GIB + MIB, EVENT_SIZE, true };
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_connect(rig, RIG_KEYBOARD,
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic,
			.regions = regions,
			.region_count = ARRAY_SIZE(regions) });
	struct kit_ring *ring = &guest->machine->rings[0];
	int vnc = rig_vnc(rig, 0);
	for (int i = 0; i < 2; i++)
		CHECK_OK(guest->machine, kit_ring_add(ring, &piece, 1, guest));
	kit_ring_kick(ring);
	CHECK_INT(ftruncate(guest->machine->memory.regions[1].fd, 0), 0);
	rig_vnc_key(vnc, 'a', true);
	check_used(guest, 0, EVENT_SIZE);
	check_used(guest, 0, EVENT_SIZE);
	CHECK_INT(kit_backend_wait_lines(rig->viewer, "has cut off guest memory", 1), 0);
	rig_check_alive(rig);
	rig_give(guest, 0, 4);
	rig_vnc_key(vnc, 'a', false);
	rig_expect_key(guest, KEY_A, false);
	fd_close(&vnc);
	rig_destroy(rig);
}

static void memory_is_cut_off(void)
{
	cut_off_memory(false);
}

static void huge_pages_are_cut_off(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MAP_HUGE_2MB);
	if (fd < 0)
		test_skip("the kernel has no huge pages of 2 MiB");
	fd_close(&fd);
	cut_off_memory(true);
}

/* --- VNC clients --------------------------------------------------------------------------- */

/* They come, press and go without a word. */
static void clients_come_and_go(void)
{
	struct rig *rig = rig_create(2, "");
	struct rig_guest *keyboard = rig_start(rig, RIG_KEYBOARD);
	for (uint32_t i = 0; i < 20; i++) {
		int vnc = rig_vnc(rig, i % 2);
		rig_vnc_key(vnc, 'A' + i, true);
		rig_vnc_pointer(vnc, 0xff, 0xffff, 0xffff);
		rig_vnc_key(vnc, 0xffffffff, true);
		rig_vnc_key(vnc, 0, true);
		rig_expect(keyboard, EV_KEY, KEY_LEFTSHIFT, 1);
		if (i % 3 == 0)
			CHECK_INT(send(vnc, "\4\1", 2, MSG_NOSIGNAL), 2); /* half an event */
		fd_close(&vnc);
		/* all is up again: the last of it is Shift */
		for (int events = 1; events < 8; events++) {
			struct kit_machine *m = keyboard->machine;
			struct kit_used used;
			CHECK_OK(m, kit_ring_wait(&m->rings[0], -1));
			CHECK_INT(kit_ring_take(&m->rings[0], &used), 1);
		}
		CHECK_OK(keyboard->machine, kit_machine_reset(keyboard->machine));
		rig_give_all(keyboard);
	}
	rig_expect_nothing(keyboard);
	rig_destroy(rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(buffers_of_other_shapes),
		TEST_CASE(status_of_other_shapes),
		TEST_CASE(flood_of_status),
		TEST_CASE(broken_rings),
		TEST_CASE(an_index_that_jumps),
		TEST_CASE(vmm_goes),
		TEST_CASE(messages),
		TEST_CASE(messages_that_do_nothing),
		TEST_CASE(memory_is_cut_off),
		TEST_CASE(huge_pages_are_cut_off),
		TEST_CASE(clients_come_and_go),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
