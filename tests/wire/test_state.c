/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Snapshots: the device's state is saved, and loaded into another process, where the guest goes on as
 * if nothing had been, with memory that lies elsewhere.
 */
#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ARGB VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};

static struct kit_machine *machine(const struct kit_profile *profile)
{
	return wire_machine("none", &(struct kit_machine_spec){ .profile = profile });
}

/* Another process, whose VMM has not started the device. */
static struct kit_machine *realized(const struct kit_profile *profile)
{
	return wire_machine("none",
		&(struct kit_machine_spec){ .profile = profile, .stage = KIT_STAGE_REALIZED });
}

/* Lets a guest go on in a process of its own: m is gone then. */
static struct kit_machine *move(struct kit_machine *m)
{
	struct kit_state state;
	struct kit_machine *other = realized(m->spec.profile);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_save(m, &state));
	CHECK_OK(other, kit_machine_take_over(other, m, &state));
	kit_state_finish(&state);
	wire_end(m);
	return other;
}

/* Brings a display to a VMM that has none of its own. */
static void bring_display(struct kit_machine *m)
{
	if (m->vmm.display)
		return;
	m->vmm.display = &m->display;
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GPU_SET_SOCKET, 0, 0));
}

static void check_same(const struct kit_state *a, const struct kit_state *b)
{
	CHECK_INT(a->size, b->size);
	CHECK_MEM(a->bytes, b->bytes, a->size);
}

/* A surface that is shown as a whole, with a picture. */
static struct kit_surface shown(
	struct kit_machine *m, uint32_t id, uint32_t scanout, const struct kit_picture *picture)
{
	uint32_t w = picture->width, h = picture->height;
	struct kit_surface s = wire_surface_chunked(m,
		&(struct virtio_gpu_resource_create_2d){
			.resource_id = id, .format = XRGB, .width = w, .height = h },
		5000);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, scanout, id, kit_rect(0, 0, w, h)));
	wire_show(m, &s, picture);
	return s;
}

static void pictures_are_the_same(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = machine(profiles[i]);
		struct kit_picture *picture = wire_pattern(100, 80, 1);
		struct kit_surface s = shown(m, 1, 0, picture);
		/* in the backing, but not yet transferred: it is not to be seen */
		struct kit_picture *next = wire_pattern(100, 80, 2);
		kit_surface_draw(&s, next);

		for (int round = 0; round < 2; round++) {
			m = move(m);
			s.gpu = &m->gpu;
			bring_display(m);
			CHECK_PICTURE(m, 0, round ? next : picture);
			CHECK_TYPE(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 1, 1),
				VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
			CHECK_GOOD(m, kit_surface_show(&s, kit_rect(0, 0, 100, 80)));
			CHECK_PICTURE(m, 0, next);
		}
		kit_picture_pattern(next, kit_rect(0, 0, 100, 80), 3);
		wire_show(m, &s, next);
		CHECK_PICTURE(m, 0, next);
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
		kit_picture_destroy(next);
		wire_end(m);
	}
}

/* A blob's pictures are the guest's memory, which comes along by itself. */
static void blobs_are_the_same(void)
{
	uint8_t uuid[16], again[16];
	struct kit_machine *m = machine(&kit_profile_qemu_gpu_all);
	struct kit_picture *picture = wire_pattern(100, 80, 1);
	const struct virtio_gpu_set_scanout_blob like = { .resource_id = 1,
		.width = 100,
		.height = 80,
		.format = ARGB,
		.strides = { 411 },
		.offsets = { 9 } };
	struct kit_surface s = wire_blob(m, &like, 1000);
	CHECK_GOOD(m, kit_surface_set_scanout(&s, 0, kit_rect(0, 0, 100, 80)));
	CHECK_TYPE(m, kit_gpu_assign_uuid(&m->gpu, 1, uuid), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	for (uint32_t round = 0; round < 3; round++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), round);
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		m = move(m);
		s.gpu = &m->gpu;
		CHECK_PICTURE(m, 0, picture);
		CHECK_TYPE(m, kit_gpu_assign_uuid(&m->gpu, 1, again),
			VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
		CHECK_MEM(again, uuid, 16);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

static void every_number_of_scanouts(void)
{
	for (uint32_t count = 1; count <= KIT_MAX_SCANOUTS; count++) {
		struct kit_machine *m = machine(&kit_profile_qemu_gpu);
		struct kit_surface surfaces[KIT_MAX_SCANOUTS];
		struct kit_picture *pictures[KIT_MAX_SCANOUTS];
		for (uint32_t i = 0; i < count; i++) {
			pictures[i] = wire_pattern(20 + i, 30 - i, i);
			/* not in the order of their ids */
			surfaces[i] =
				shown(m, 100 - i, (i * 5 + 3) % KIT_MAX_SCANOUTS, pictures[i]);
		}
		m = move(m);
		for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
			CHECK(i < count ||
				!m->display.scanouts[(i * 5 + 3) % KIT_MAX_SCANOUTS].picture);
		for (uint32_t i = 0; i < count; i++) {
			CHECK_PICTURE(m, (i * 5 + 3) % KIT_MAX_SCANOUTS, pictures[i]);
			surfaces[i].gpu = &m->gpu;
			kit_surface_finish(&surfaces[i]);
			kit_picture_destroy(pictures[i]);
		}
		wire_end(m);
	}
}

/* Part of a resource is shown, twice. */
static void scanouts_of_parts(void)
{
	struct kit_machine *m = machine(&kit_profile_qemu_gpu);
	struct kit_picture *picture = wire_pattern(100, 80, 1), *part = wire_pattern(30, 40, 0);
	struct kit_surface s = shown(m, 1, 0, picture);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(50, 20, 30, 40)));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 1, 1, kit_rect(50, 20, 30, 40)));
	kit_picture_copy(part, 0, 0, picture, kit_rect(50, 20, 30, 40));
	m = move(m);
	s.gpu = &m->gpu;
	CHECK_PICTURE(m, 0, part);
	CHECK_PICTURE(m, 1, part);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(part);
	wire_end(m);
}

static void cursor_is_the_same(void)
{
	struct kit_machine *m = machine(&kit_profile_qemu_gpu);
	uint32_t pixels[64 * 64];
	struct kit_surface s = wire_surface(m, 2, ARGB, 64, 64);
	for (uint32_t i = 0; i < ARRAY_SIZE(pixels); i++)
		pixels[i] = i * 0x01030507;
	kit_surface_write(&s, 0, pixels, sizeof(pixels));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 2, kit_rect(0, 0, 64, 64), 0));
	CHECK_GOOD(m,
		kit_gpu_update_cursor(&m->gpu,
			(struct virtio_gpu_update_cursor){ .pos = { .x = 5, .y = 6 },
				.resource_id = 2,
				.hot_x = 1,
				.hot_y = 2 }));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 50, 60));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 2));
	m = move(m);
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_UPDATE, 1));
	CHECK(m->display.cursor.visible);
	CHECK_INT(m->display.cursor.x, 50);
	CHECK_INT(m->display.cursor.y, 60);
	CHECK_INT(m->display.cursor.hot_x, 1);
	CHECK_INT(m->display.cursor.hot_y, 2);
	CHECK_MEM(m->display.cursor.pixels, pixels, sizeof(pixels));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 70, 80));
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_POS, 1));
	CHECK_GOOD(m,
		kit_gpu_update_cursor(
			&m->gpu, (struct virtio_gpu_update_cursor){ .pos = { .x = 1 } }));

	/* one that is hidden stays so */
	m = move(m);
	wire_check_alive(m);
	CHECK_OK(m, kit_pump(&m->kit, 30));
	CHECK(!m->display.cursor.visible);
	s.gpu = &m->gpu;
	kit_surface_finish(&s);
	wire_end(m);
}

static void thousands_of_resources(void)
{
	struct kit_machine *m = machine(&kit_profile_crosvm);
	struct kit_state first, second;
	const uint32_t count = 3000;
	for (uint32_t id = 1; id <= count; id++)
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, id * 1000003, XRGB, 1 + id % 9, 2));
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_save(m, &first));
	struct kit_machine *other = realized(&kit_profile_crosvm);
	CHECK_OK(other, kit_machine_take_over(other, m, &first));
	wire_end(m);
	CHECK_OK(other, kit_machine_stop(other));
	CHECK_OK(other, kit_machine_save(other, &second));
	check_same(&first, &second);
	CHECK_OK(other, kit_machine_start(other));
	for (uint32_t id = 1; id <= count; id++)
		CHECK_GOOD(other, kit_gpu_unref(&other->gpu, id * 1000003));
	kit_state_finish(&first);
	kit_state_finish(&second);
	wire_end(other);
}

/* Saved, loaded and saved again without anything in between: not a byte is different. */
static void saves_what_was_loaded(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = machine(profiles[i]);
		struct kit_picture *picture = wire_pattern(640, 480, 1);
		struct kit_surface s = shown(m, 1, 0, picture);
		struct kit_state first, second;
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_save(m, &first));
		CHECK_OK(m, kit_machine_save(m, &second));
		check_same(&first, &second);
		kit_state_finish(&second);

		struct kit_machine *other = realized(profiles[i]);
		CHECK_OK(other, kit_vmm_play(&other->vmm, profiles[i]->load));
		CHECK_OK(other, kit_machine_load(other, &first));
		CHECK_OK(other, kit_machine_save(other, &second));
		check_same(&first, &second);
		kit_state_finish(&second);
		wire_end(other);

		/* the one that was saved goes on, too */
		CHECK_OK(m, kit_machine_start(m));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 640, 480)));
		kit_state_finish(&first);
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

/* A device that no driver has looked at. */
static void device_that_never_ran(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = realized(profiles[i]);
		struct kit_state state;
		CHECK_OK(m, kit_machine_save(m, &state));
		CHECK_OK(m, kit_machine_load(m, &state));
		CHECK_OK(m, kit_machine_start(m));
		wire_check_alive(m);
		kit_state_finish(&state);
		wire_end(m);
	}
}

/* Commands that the device had not taken are done where the guest goes on, once. */
static void commands_in_the_ring(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = machine(profiles[i]);
		struct virtio_gpu_resource_create_2d request = {
			.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
			.format = XRGB,
			.width = 8,
			.height = 8,
		};
		struct kit_command *commands[10];
		wire_check_alive(m);
		struct kit_state state;
		CHECK_OK(m, kit_machine_stop(m));
		for (uint32_t k = 0; k < ARRAY_SIZE(commands); k++) {
			request.resource_id = k + 1;
			commands[k] = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 24);
			CHECK(commands[k]);
		}
		CHECK_OK(m, kit_machine_save(m, &state));
		struct kit_machine *other = realized(profiles[i]);
		CHECK_OK(other, kit_machine_take_over(other, m, &state));
		wire_end(m);
		for (uint32_t k = 0; k < ARRAY_SIZE(commands); k++) {
			CHECK_GOOD(other, kit_gpu_complete(&other->gpu, commands[k], NULL, 0));
			CHECK_GOOD(other, kit_gpu_unref(&other->gpu, k + 1));
		}
		kit_state_finish(&state);
		wire_end(other);
	}
}

/* After a restore a reset is a reset, a pause is a pause, and the driver's features hold. */
static void lives_on(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = machine(profiles[i]);
		struct virtio_gpu_resp_edid edid;
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
		m = move(m);
		CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_TYPE(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8),
			VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
		wire_end(m);
	}
}

/* Another guest starts in its place: there is nothing of the first. */
static void another_guest_starts(void)
{
	struct kit_machine *m = machine(&kit_profile_qemu_gpu);
	struct kit_state state;
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_save(m, &state));
	struct kit_machine *other = realized(&kit_profile_qemu_gpu);
	CHECK_OK(other, kit_machine_load(other, &state));
	CHECK_OK(other, kit_machine_start(other));
	CHECK_TYPE(other, kit_gpu_unref(&other->gpu, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	kit_state_finish(&state);
	wire_end(other);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(pictures_are_the_same),
		TEST_CASE(blobs_are_the_same),
		TEST_CASE(every_number_of_scanouts),
		TEST_CASE(scanouts_of_parts),
		TEST_CASE(cursor_is_the_same),
		TEST_CASE(thousands_of_resources),
		TEST_CASE(saves_what_was_loaded),
		TEST_CASE(device_that_never_ran),
		TEST_CASE(commands_in_the_ring),
		TEST_CASE(lives_on),
		TEST_CASE(another_guest_starts),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
