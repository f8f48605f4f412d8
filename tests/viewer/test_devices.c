/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The keyboard and the tablet of virtiogpu-view: what VMMs and guests find, and what comes of it when VNC
 * clients type and point. */
#include <endian.h>
#include <linux/input.h>
#include <linux/virtio_input.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"
#include "util/fd.h"

enum {
	SYM_SHIFT_L = 0xffe1,
	WAITING_MAX = 1024, /* reports that wait for buffers */
	ABS_SPAN = 32768,
};

/* --- the configuration space --------------------------------------------------------------- */

/* As VMMs do: all of it in one, or the driver's byte. */
static struct virtio_input_config select_config(
	struct rig_guest *guest, uint8_t select, uint8_t subsel, bool whole)
{
	struct kit_machine *m = guest->machine;
	struct virtio_input_config config = { 0 };
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	config.select = select;
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 0, &config, whole ? sizeof(config) : 1));
	config.subsel = subsel;
	CHECK_OK(m,
		kit_vmm_write_config(&m->vmm, whole ? 0 : 1,
			whole ? &config.select : &config.subsel, whole ? sizeof(config) : 1));
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_INT(config.select, select);
	CHECK_INT(config.subsel, subsel);
	return config;
}

static bool has_bit(const struct virtio_input_config *config, uint32_t bit)
{
	return bit / 8 < config->size && config->u.bitmap[bit / 8] >> (bit % 8) & 1;
}

static void check_text(struct rig_guest *guest, uint8_t select, const char *text)
{
	struct virtio_input_config config = select_config(guest, select, 0, true);
	CHECK_INT(config.size, strlen(text));
	CHECK_MEM(config.u.string, text, strlen(text));
}

static struct rig_guest *realized(struct rig *rig, uint32_t device)
{
	return rig_connect(rig, device,
		&(struct kit_machine_spec){
			.profile = &kit_profile_qemu_generic, .stage = KIT_STAGE_REALIZED });
}

static void keyboard_says_what_it_is(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = realized(rig, RIG_KEYBOARD);
	check_text(guest, VIRTIO_INPUT_CFG_ID_NAME, "virtiogpu-view keyboard");
	check_text(guest, VIRTIO_INPUT_CFG_ID_SERIAL, "keyboard");
	struct virtio_input_config config =
		select_config(guest, VIRTIO_INPUT_CFG_ID_DEVIDS, 0, true);
	CHECK_INT(config.size, sizeof(config.u.ids));
	CHECK_INT(le16toh(config.u.ids.bustype), BUS_VIRTUAL);
	CHECK_INT(select_config(guest, VIRTIO_INPUT_CFG_PROP_BITS, 0, true).size, 0);
	config = select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_KEY, true);
	for (uint32_t code = 0; code < KEY_CNT; code++)
		CHECK_INT(has_bit(&config, code), code >= KEY_ESC && code <= KEY_MICMUTE);
	config = select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_LED, true);
	CHECK(config.size == 1 && config.u.bitmap[0] == 7);
	CHECK(select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_REP, true).size > 0);
	CHECK_INT(select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_ABS, true).size, 0);
	CHECK_INT(select_config(guest, VIRTIO_INPUT_CFG_ABS_INFO, ABS_X, true).size, 0);
	rig_destroy(rig);
}

static void pointer_says_what_it_is(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = realized(rig, RIG_POINTER);
	check_text(guest, VIRTIO_INPUT_CFG_ID_NAME, "virtiogpu-view pointer");
	struct virtio_input_config config =
		select_config(guest, VIRTIO_INPUT_CFG_PROP_BITS, 0, true);
	CHECK(config.size == 1 && has_bit(&config, INPUT_PROP_POINTER));
	config = select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_KEY, true);
	CHECK(has_bit(&config, BTN_LEFT) && has_bit(&config, BTN_RIGHT) &&
		has_bit(&config, BTN_MIDDLE) && !has_bit(&config, KEY_A));
	config = select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_REL, true);
	CHECK(has_bit(&config, REL_WHEEL) && has_bit(&config, REL_HWHEEL) &&
		!has_bit(&config, REL_X));
	config = select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_ABS, true);
	CHECK(config.size == 1 && config.u.bitmap[0] == 3);
	for (uint8_t axis = 0; axis < 3; axis++) {
		config = select_config(guest, VIRTIO_INPUT_CFG_ABS_INFO, axis, true);
		CHECK_INT(config.size, axis < 2 ? sizeof(config.u.abs) : 0);
		CHECK(config.u.abs.min == 0 && config.u.abs.fuzz == 0 && config.u.abs.flat == 0);
		CHECK_INT(le32toh(config.u.abs.max), axis < 2 ? ABS_SPAN - 1 : 0);
	}
	rig_destroy(rig);
}

/* Every question has an answer, and the same one whether the VMM writes bytes or all of it. */
static void every_question(void)
{
	static const uint8_t zeros[sizeof(struct virtio_input_config)];
	struct rig *rig = rig_create(1, "");
	for (uint32_t device = 0; device < RIG_DEVICES; device++) {
		struct rig_guest *guest = realized(rig, device);
		for (uint32_t select = 0; select < 256; select += select < 0x20 ? 1 : 37) {
			for (uint32_t subsel = 0; subsel < 256; subsel += subsel < 0x20 ? 1 : 37) {
				struct virtio_input_config one = select_config(
					guest, (uint8_t)select, (uint8_t)subsel, true);
				struct virtio_input_config other = select_config(
					guest, (uint8_t)select, (uint8_t)subsel, false);
				CHECK_MEM(&one, &other, sizeof(one));
				CHECK(one.size <= sizeof(one.u));
				CHECK_MEM(one.u.bitmap + one.size, zeros, sizeof(one.u) - one.size);
				CHECK(one.size == 0 ||
					(select > VIRTIO_INPUT_CFG_UNSET &&
						select <= VIRTIO_INPUT_CFG_ABS_INFO));
			}
		}
	}
	rig_destroy(rig);
}

/* crosvm reads small pieces, older versions of QEMU 128 bytes. */
static void pieces_of_configuration(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = realized(rig, RIG_KEYBOARD);
	struct kit_machine *m = guest->machine;
	uint8_t all[VHOST_USER_MAX_CONFIG_SIZE], part[VHOST_USER_MAX_CONFIG_SIZE];
	select_config(guest, VIRTIO_INPUT_CFG_EV_BITS, EV_KEY, true);
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, all, sizeof(all)));
	for (uint32_t size = 1; size <= 128; size *= 2)
		for (uint32_t offset = 0; offset + size <= sizeof(all); offset += size) {
			CHECK_OK(m, kit_vmm_read_config(&m->vmm, offset, part, size));
			CHECK_MEM(part, all + offset, size);
		}
	for (uint32_t i = sizeof(struct virtio_input_config); i < sizeof(all); i++)
		CHECK_INT(all[i], 0);
	/* what is not the driver's to write */
	memset(part, 0xff, sizeof(part));
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 2, part, 254));
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, part, sizeof(part)));
	CHECK_MEM(part, all, sizeof(all));
	rig_destroy(rig);
}

/* --- events -------------------------------------------------------------------------------- */

static void keys_in_order(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_start(rig, RIG_KEYBOARD);
	int vnc = rig_vnc(rig, 0);
	rig_vnc_type(vnc, "aB");
	rig_expect_key(guest, KEY_A, true);
	rig_expect_key(guest, KEY_A, false);
	rig_expect_key(guest, KEY_LEFTSHIFT, true);
	rig_expect_key(guest, KEY_B, true);
	rig_expect_key(guest, KEY_B, false);
	rig_expect_key(guest, KEY_LEFTSHIFT, false);
	/* more than there are buffers: each is given again */
	for (int i = 0; i < 200; i++)
		rig_vnc_type(vnc, "x");
	for (int i = 0; i < 200; i++) {
		rig_expect_key(guest, KEY_X, true);
		rig_expect_key(guest, KEY_X, false);
	}
	rig_expect_nothing(guest);
	CHECK_OK(guest->machine, kit_machine_stop(guest->machine));
	fd_close(&vnc);
	rig_destroy(rig);
}

static void layout_is_an_option(void)
{
	struct rig *rig = rig_create(1, "--keymap de");
	struct rig_guest *guest = rig_start(rig, RIG_KEYBOARD);
	int vnc = rig_vnc(rig, 0);
	rig_vnc_type(vnc, "z@");
	rig_expect_key(guest, KEY_Y, true);
	rig_expect_key(guest, KEY_Y, false);
	rig_expect_key(guest, KEY_RIGHTALT, true);
	rig_expect_key(guest, KEY_Q, true);
	rig_expect_key(guest, KEY_Q, false);
	rig_expect_key(guest, KEY_RIGHTALT, false);
	fd_close(&vnc);
	rig_destroy(rig);
}

static int32_t position(int32_t pixel, int32_t pixels)
{
	return (2 * pixel + 1) * (ABS_SPAN / 2) / pixels;
}

static void pointer_and_buttons(void)
{
	struct rig *rig = rig_create(2, "");
	struct rig_guest *guest = rig_start(rig, RIG_POINTER);
	int vnc = rig_vnc(rig, 0), second = rig_vnc(rig, 1);
	rig_vnc_pointer(vnc, 0, 0, 479);
	rig_expect_position(guest, position(0, 960), position(479, 480));
	rig_vnc_pointer(second, 0, 319, 10);
	rig_expect_position(guest, position(959, 960), position(10, 480));
	rig_vnc_pointer(vnc, 1, 5, 6);
	rig_expect_position(guest, position(5, 960), position(6, 480));
	rig_expect_key(guest, BTN_LEFT, true);
	rig_vnc_pointer(vnc, 6, 5, 6);
	rig_expect_position(guest, position(5, 960), position(6, 480));
	rig_expect_key(guest, BTN_LEFT, false);
	rig_expect_key(guest, BTN_MIDDLE, true);
	rig_expect_key(guest, BTN_RIGHT, true);
	rig_vnc_pointer(vnc, 8, 5, 6);
	rig_expect_position(guest, position(5, 960), position(6, 480));
	rig_expect_key(guest, BTN_MIDDLE, false);
	rig_expect_key(guest, BTN_RIGHT, false);
	rig_expect(guest, EV_REL, REL_WHEEL, 1);
	rig_expect(guest, EV_SYN, SYN_REPORT, 0);
	rig_vnc_pointer(vnc, 16 | 32, 5, 6);
	rig_expect_position(guest, position(5, 960), position(6, 480));
	rig_expect(guest, EV_REL, REL_WHEEL, -1);
	rig_expect(guest, EV_SYN, SYN_REPORT, 0);
	rig_expect(guest, EV_REL, REL_HWHEEL, -1);
	rig_expect(guest, EV_SYN, SYN_REPORT, 0);
	rig_expect_nothing(guest);
	fd_close(&vnc);
	fd_close(&second);
	rig_destroy(rig);
}

/* The queues of QEMU's device have four entries. */
static void four_buffers(void)
{
	struct rig *rig = rig_create(1, "");
	const struct kit_machine_spec spec = { .profile = &kit_profile_qemu_generic,
		.sizes = { 4, 4 } };
	struct rig_guest *keyboard = rig_connect(rig, RIG_KEYBOARD, &spec);
	struct rig_guest *pointer = rig_connect(rig, RIG_POINTER, &spec);
	int vnc = rig_vnc(rig, 0);
	rig_give(keyboard, 0, 4);
	rig_give(pointer, 0, 4);
	rig_vnc_type(vnc, "hello");
	rig_vnc_pointer(vnc, 1, 1, 1);
	static const uint16_t keys[] = { KEY_H, KEY_E, KEY_L, KEY_L, KEY_O };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		rig_expect_key(keyboard, keys[i], true);
		rig_expect_key(keyboard, keys[i], false);
	}
	rig_expect_position(pointer, position(1, 640), position(1, 480));
	rig_expect_key(pointer, BTN_LEFT, true);
	fd_close(&vnc);
	rig_expect_key(pointer, BTN_LEFT, false);
	rig_destroy(rig);
}

/* --- no buffers ---------------------------------------------------------------------------- */

/* Whole reports only. */
static void too_few_buffers(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_connect(rig, RIG_POINTER,
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	int vnc = rig_vnc(rig, 0);
	rig_vnc_pointer(vnc, 0, 3, 4);
	for (uint32_t i = 0; i < 2; i++) {
		rig_give(guest, i, 1);
		rig_expect_nothing(guest);
	}
	rig_give(guest, 2, 1);
	rig_expect_position(guest, position(3, 640), position(4, 480));
	fd_close(&vnc);
	rig_destroy(rig);
}

static void only_the_last_position_matters(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_connect(rig, RIG_POINTER,
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	int vnc = rig_vnc(rig, 0);
	for (uint16_t i = 0; i < 400; i++)
		rig_vnc_pointer(vnc, 0, i, i);
	rig_vnc_pointer(vnc, 1, 7, 8);
	rig_vnc_pointer(vnc, 1, 9, 10);
	rig_vnc_pointer(vnc, 1, 11, 12);
	rig_vnc_settle(vnc);
	rig_give_all(guest);
	rig_expect_position(guest, position(7, 640), position(8, 480));
	rig_expect_key(guest, BTN_LEFT, true);
	rig_expect_position(guest, position(11, 640), position(12, 480));
	rig_expect_nothing(guest);
	fd_close(&vnc);
	rig_destroy(rig);
}

/* What waits is bounded. The report that waits last is a press, whose release is dropped: it is made up
 * for. */
static void too_many_reports(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_connect(rig, RIG_KEYBOARD,
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	int vnc = rig_vnc(rig, 0);
	rig_vnc_key(vnc, SYM_SHIFT_L, true);
	for (int i = 0; i < WAITING_MAX; i++)
		rig_vnc_type(vnc, "Q");
	rig_vnc_key(vnc, SYM_SHIFT_L, false);
	rig_vnc_settle(vnc);
	rig_give_all(guest);
	rig_expect_key(guest, KEY_LEFTSHIFT, true);
	for (int i = 1; i < WAITING_MAX; i++)
		rig_expect_key(guest, KEY_Q, i % 2 == 1);
	rig_expect_key(guest, KEY_Q, false);
	rig_expect_key(guest, KEY_LEFTSHIFT, false);
	rig_expect_nothing(guest);
	fd_close(&vnc);
	rig_destroy(rig);
}

/* Before the driver is ready, and in a queue that has no room for a report, there is nothing to wait
 * for. */
static void no_driver(void)
{
	struct rig *rig = rig_create(1, "");
	int vnc = rig_vnc(rig, 0);
	rig_vnc_type(vnc, "early");
	rig_vnc_settle(vnc);
	struct rig_guest *guest = realized(rig, RIG_KEYBOARD);
	rig_vnc_type(vnc, "early");
	rig_vnc_settle(vnc);
	CHECK_OK(guest->machine, kit_machine_start(guest->machine));
	rig_give_all(guest);
	rig_expect_nothing(guest);
	rig_vnc_type(vnc, "a");
	rig_expect_key(guest, KEY_A, true);
	rig_expect_key(guest, KEY_A, false);

	guest = rig_connect(rig, RIG_KEYBOARD,
		&(struct kit_machine_spec){
			.profile = &kit_profile_qemu_generic, .sizes = { 2, 2 } });
	rig_give(guest, 0, 2);
	rig_vnc_type(vnc, "b");
	rig_vnc_settle(vnc);
	rig_expect_nothing(guest);
	fd_close(&vnc);
	rig_destroy(rig);
}

/* --- life and death ------------------------------------------------------------------------ */

static void client_goes(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *keyboard = rig_start(rig, RIG_KEYBOARD);
	struct rig_guest *pointer = rig_start(rig, RIG_POINTER);
	int vnc = rig_vnc(rig, 0), other = rig_vnc(rig, 0);
	rig_vnc_key(vnc, 'a', true);
	rig_vnc_pointer(vnc, 4, 1, 1);
	rig_expect_key(keyboard, KEY_A, true);
	rig_expect_position(pointer, position(1, 640), position(1, 480));
	rig_expect_key(pointer, BTN_RIGHT, true);
	rig_vnc_key(other, 'b', true);
	rig_expect_key(keyboard, KEY_B, true);
	fd_close(&vnc);
	rig_expect_key(keyboard, KEY_A, false);
	rig_expect_key(pointer, BTN_RIGHT, false);
	rig_expect_nothing(keyboard);
	rig_vnc_key(other, 'b', false);
	rig_expect_key(keyboard, KEY_B, false);
	fd_close(&other);
	rig_destroy(rig);
}

/* While the machine is paused nothing is typed, but what went up meanwhile is up afterwards. */
static void pause_and_resume(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_start(rig, RIG_KEYBOARD);
	int vnc = rig_vnc(rig, 0);
	rig_vnc_key(vnc, 'a', true);
	rig_expect_key(guest, KEY_A, true);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(guest->machine, kit_machine_stop(guest->machine));
		rig_vnc_key(vnc, 'a', false);
		rig_vnc_type(vnc, "bcd");
		rig_vnc_settle(vnc);
		CHECK_OK(guest->machine, kit_machine_start(guest->machine));
		rig_expect_key(guest, KEY_A, false);
		rig_vnc_key(vnc, 'a', true);
		rig_expect_key(guest, KEY_A, true);
	}
	rig_expect_nothing(guest);
	fd_close(&vnc);
	rig_destroy(rig);
}

/* Another driver knows of nothing: it is told of modifiers only. */
static void guest_reboots(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_start(rig, RIG_KEYBOARD);
	int vnc = rig_vnc(rig, 0);
	rig_vnc_key(vnc, 'a', true);
	rig_vnc_key(vnc, SYM_SHIFT_L, true);
	rig_expect_key(guest, KEY_A, true);
	rig_expect_key(guest, KEY_LEFTSHIFT, true);
	rig_status(guest, EV_LED, LED_CAPSL, 1);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(guest->machine, kit_machine_reset(guest->machine));
		rig_give_all(guest);
		rig_expect_key(guest, KEY_LEFTSHIFT, true);
		/* the LED is off */
		rig_vnc_type(vnc, "B");
		rig_expect_key(guest, KEY_B, true);
		rig_expect_key(guest, KEY_B, false);
	}
	rig_vnc_key(vnc, 'a', false);
	rig_expect_nothing(guest);
	fd_close(&vnc);
	rig_destroy(rig);
}

static void leds(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_start(rig, RIG_KEYBOARD);
	int vnc = rig_vnc(rig, 0);
	rig_status(guest, EV_LED, LED_CAPSL, 1);
	rig_vnc_type(vnc, "A");
	rig_expect_key(guest, KEY_A, true);
	rig_expect_key(guest, KEY_A, false);
	rig_status(guest, EV_LED, LED_CAPSL, 0);
	rig_vnc_type(vnc, "A");
	rig_expect_key(guest, KEY_LEFTSHIFT, true);
	rig_expect_key(guest, KEY_A, true);
	rig_expect_key(guest, KEY_A, false);
	rig_expect_key(guest, KEY_LEFTSHIFT, false);
	/* nothing that it has */
	rig_status(guest, EV_LED, 0xffff, 1);
	rig_status(guest, 0xffff, LED_CAPSL, 1);
	rig_status(guest, EV_REP, REP_DELAY, 250);
	rig_vnc_type(vnc, "a");
	rig_expect_key(guest, KEY_A, true);
	fd_close(&vnc);
	rig_destroy(rig);
}

/* One VMM after another; the next waits until the one before it has gone. */
static void one_vmm_at_a_time(void)
{
	struct rig *rig = rig_create(1, "");
	struct rig_guest *guest = rig_start(rig, RIG_KEYBOARD);
	struct kit_message features;
	int vnc = rig_vnc(rig, 0);
	int sock = kit_backend_connect(guest->at);
	CHECK_OK(guest->machine, sock);
	struct kit_vmm next;
	kit_vmm_init(&next, &guest->machine->kit, sock);
	CHECK_OK(guest->machine, kit_vmm_compose(&next, VHOST_USER_GET_FEATURES, 0, 0, &features));
	CHECK_OK(guest->machine, kit_vmm_send_message(&next, &features));
	CHECK_INT(kit_wait_fd(&guest->machine->kit, sock, POLLIN, 100), -ETIMEDOUT);
	rig_vnc_type(vnc, "a");
	rig_expect_key(guest, KEY_A, true);
	rig_expect_key(guest, KEY_A, false);
	kit_machine_disconnect(guest->machine);
	uint64_t offered;
	CHECK_OK(guest->machine,
		kit_vmm_receive_answer(&next, VHOST_USER_GET_FEATURES, &offered, sizeof(offered)));
	kit_vmm_finish(&next);
	CHECK_OK(guest->machine, kit_machine_reconnect(guest->machine));
	rig_give_all(guest);
	rig_vnc_type(vnc, "a");
	rig_expect_key(guest, KEY_A, true);
	rig_expect_key(guest, KEY_A, false);
	fd_close(&vnc);
	rig_destroy(rig);
}

/* Sockets are removed in the end; one that is left over is used again, one that is in use is not. */
static void socket_files(void)
{
	struct rig *rig = rig_create(1, "");
	char path[128];
	snprintf(path, sizeof(path), "%s", rig->viewer->socket);
	CHECK(access(path, F_OK) == 0 && access(rig->guests[1].at->socket, F_OK) == 0);
	CHECK_INT(kit_backend_stop(rig->viewer), 0);
	CHECK(access(path, F_OK) < 0 && access(rig->guests[1].at->socket, F_OK) < 0);
	for (uint32_t i = 0; i < RIG_DEVICES; i++)
		kit_backend_destroy(rig->guests[i].at);
	kit_backend_destroy(rig->viewer);
	fd_close(&rig->backend);
	free(rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(keyboard_says_what_it_is),
		TEST_CASE(pointer_says_what_it_is),
		TEST_CASE(every_question),
		TEST_CASE(pieces_of_configuration),
		TEST_CASE(keys_in_order),
		TEST_CASE(layout_is_an_option),
		TEST_CASE(pointer_and_buttons),
		TEST_CASE(four_buffers),
		TEST_CASE(too_few_buffers),
		TEST_CASE(only_the_last_position_matters),
		TEST_CASE(too_many_reports),
		TEST_CASE(no_driver),
		TEST_CASE(client_goes),
		TEST_CASE(pause_and_resume),
		TEST_CASE(guest_reboots),
		TEST_CASE(leds),
		TEST_CASE(one_vmm_at_a_time),
		TEST_CASE(socket_files),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
