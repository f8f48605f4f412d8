/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The cursor queue: pictures, places, and that it does not wait for the other queue. */
#include <poll.h>

#include "kit/conform/guest.h"

#define SIDE VHOST_USER_GPU_CURSOR_SIDE
#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ARGB VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM

static struct virtio_gpu_update_cursor at(uint32_t id, uint32_t x, uint32_t y)
{
	return (struct virtio_gpu_update_cursor){
		.pos = { .x = x, .y = y }, .resource_id = id, .hot_x = 3, .hot_y = 4
	};
}

static void update(struct kit_machine *m, uint32_t id, uint32_t x, uint32_t y)
{
	struct virtio_gpu_update_cursor cursor = at(id, x, y);
	guest_cursor_update(m, &cursor);
}

static void move(struct kit_machine *m, uint32_t id, uint32_t x, uint32_t y)
{
	struct virtio_gpu_update_cursor cursor = at(id, x, y);
	guest_cursor_move(m, &cursor);
}

static void expect(struct kit_machine *m, uint32_t x, uint32_t y)
{
	struct virtio_gpu_update_cursor cursor = at(0, x, y);
	guest_wait_cursor(m, &cursor);
}

/* --- pictures ------------------------------------------------------------------------------ */

static void picture(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 10, 20);
	expect(m, 10, 20);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		CHECK_INT(m->display.cursor.pixels[i], guest_cursor_pixel(i));
	kit_surface_finish(&s);
	conform_end(c, m);
}

static const uint32_t spots[][2] = { { 0, 0 }, { 1, 2 }, { 31, 32 }, { 63, 63 }, { 63, 0 } };
static const char *const spot_names[] = { "first_pixel", "1_2", "middle", "last_pixel",
	"last_column", NULL };

static void hot_spot(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	struct virtio_gpu_update_cursor cursor = at(1, 5, 6);
	cursor.hot_x = spots[c->variant][0];
	cursor.hot_y = spots[c->variant][1];
	guest_cursor_update(m, &cursor);
	guest_wait_cursor(m, &cursor);
	CHECK_INT(m->display.cursor.hot_x, cursor.hot_x);
	CHECK_INT(m->display.cursor.hot_y, cursor.hot_y);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* Every format has its components somewhere else; the display gets a8r8g8b8. */
static const uint32_t formats[] = { VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
	VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM,
	VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM };
static const char *const format_names[] = { "B8G8R8A8", "A8R8G8B8", "R8G8B8A8", "A8B8G8R8", NULL };

static void format(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *drawn = conform_pattern(SIDE, SIDE, 5);
	struct kit_surface s = conform_surface(m, 1, formats[c->variant], SIDE, SIDE);
	kit_surface_draw(&s, drawn);
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE), 0));
	update(m, 1, 1, 1);
	expect(m, 1, 1);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		/* kit_surface_draw() puts this into the alpha channel */
		uint32_t alpha = (i % SIDE + i / SIDE) & 0xff;
		CHECK_INT(m->display.cursor.pixels[i], drawn->pixels[i] | alpha << 24);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(drawn);
	conform_end(c, m);
}

/* Another size than 64 x 64: it is refused, cut and filled up, or scaled; in any case it is a
 * picture of 64 x 64 with nothing in it but the cursor, which is of one colour here. */
static const uint32_t sizes[][2] = { { 1, 1 }, { 16, 16 }, { 32, 32 }, { 63, 64 }, { 64, 63 },
	{ 63, 65 }, { 65, 63 }, { 128, 128 }, { 64, 1 }, { 1, 64 }, { 2048, 1 } };
static const char *const size_names[] = { "1x1", "16x16", "32x32", "63x64", "64x63", "63x65",
	"65x63", "128x128", "64x1", "1x64", "2048x1", NULL };

/* Mixed with transparency, if not the colour itself. */
static bool is_mixed(uint32_t pixel, uint32_t color)
{
	for (uint32_t shift = 0; shift < 32; shift += 8)
		if ((pixel >> shift & 0xff) > (color >> shift & 0xff) + 1)
			return false;
	return true;
}

static void odd_size(struct conform *c)
{
	const uint32_t color = 0xff402010;
	uint32_t w = sizes[c->variant][0], h = sizes[c->variant][1];
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, ARGB, w, h);
	for (uint32_t i = 0; i < w * h; i++)
		kit_surface_write(&s, (uint64_t)i * 4, &color, sizeof(color));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, w, h), 0));
	update(m, 1, 7, 8);
	guest_watch(m);
	if (m->display.cursor.updates == 0)
		conform_reject(c, m, "a cursor of %u x %u is not shown", w, h);
	expect(m, 7, 8);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		if (!is_mixed(m->display.cursor.pixels[i], color))
			kit_check_failed(KIT_HERE, "pixel %u,%u is %08x, which is not the cursor's",
				i % SIDE, i / SIDE, m->display.cursor.pixels[i]);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* The picture is the one of UPDATE_CURSOR: what happens to the resource later does not matter. */
static void picture_is_copied(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 1, 1);
	expect(m, 1, 1);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	move(m, 1, 30, 40);
	guest_watch(m);
	CHECK(!m->display.cursor.visible || m->display.cursor.x == 30);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* Another picture in the same resource, and the same again. */
static void new_picture(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	for (uint32_t i = 1; i <= 5; i++) {
		uint32_t pixel = 0x01010101u * i;
		for (uint32_t k = 0; k < SIDE * SIDE; k++)
			kit_surface_write(&s, k * sizeof(pixel), &pixel, sizeof(pixel));
		CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE), 0));
		update(m, 1, i, 1);
		expect(m, i, 1);
		CHECK_INT(m->display.cursor.pixels[0], pixel);
		CHECK_INT(m->display.cursor.pixels[SIDE * SIDE - 1], pixel);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- places -------------------------------------------------------------------------------- */

static void moves(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 0, 0);
	for (uint32_t i = 0; i < 50; i++)
		move(m, 1, 100 + i, 200 + i);
	expect(m, 149, 249);
	CHECK_INT(m->display.cursor.updates, 1);
	CHECK_INT(m->display.cursor.pixels[77], guest_cursor_pixel(77));
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* "The other fields are not used": one of 0 does not hide. */
static void moves_without_a_resource(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 1, 1);
	expect(m, 1, 1);
	move(m, 0, 50, 60);
	expect(m, 50, 60);
	move(m, 999, 51, 61);
	expect(m, 51, 61);
	CHECK_INT(m->display.cursor.hot_x, 3);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* Faster than any display: in the end the cursor is where it was moved last. */
static void many_moves(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 0, 0);
	for (uint32_t i = 1; i <= 3000; i++)
		move(m, 1, i, i / 2);
	expect(m, 3000, 1500);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* A whole ring of moves behind one kick. */
static void moves_in_batches(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	struct virtio_gpu_update_cursor cursor = at(1, 0, 0);
	guest_cursor_update(m, &cursor);
	cursor.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR;
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < m->rings[VIRTIO_GPU_QUEUE_CURSOR].size; i++) {
			cursor.pos.x++;
			struct kit_command *command = kit_gpu_queue(
				&m->gpu, VIRTIO_GPU_QUEUE_CURSOR, &cursor, sizeof(cursor), 0);
			CHECK(command);
			kit_command_forget(command);
		}
		kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CURSOR]);
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
		guest_wait_cursor(m, &cursor);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

static const uint32_t scanouts[] = { 0, 1, 7, 15 };
static const char *const scanout_names[] = { "0", "1", "7", "15", NULL };

static void scanout(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	uint32_t id = scanouts[c->variant];
	kit_display_set_mode(&m->display, id, 640, 480);
	CHECK_OK(m, kit_machine_start(m));
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	struct virtio_gpu_update_cursor cursor = at(1, 3, 4);
	cursor.pos.scanout_id = id;
	guest_cursor_update(m, &cursor);
	guest_watch(m);
	if (id > 0 && m->display.cursor.updates == 0)
		conform_reject(c, m, "scanout %u has no cursor", id);
	guest_wait_cursor(m, &cursor);
	cursor.pos.x = 100;
	guest_cursor_move(m, &cursor);
	guest_wait_cursor(m, &cursor);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* The cursor goes from one output to the other, as Linux has one for each. */
static void from_scanout_to_scanout(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	kit_display_set_mode(&m->display, 1, 640, 480);
	CHECK_OK(m, kit_machine_start(m));
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	for (uint32_t i = 0; i < 6; i++) {
		struct virtio_gpu_update_cursor cursor = at(0, 0, 0);
		cursor.pos.scanout_id = 1 - i % 2;
		guest_cursor_update(m, &cursor);
		cursor = at(1, i, i);
		cursor.pos.scanout_id = i % 2;
		uint32_t updates = m->display.cursor.updates;
		guest_cursor_update(m, &cursor);
		guest_watch(m);
		if (i % 2 && m->display.cursor.updates == updates)
			conform_reject(c, m, "scanout 1 has no cursor");
		guest_wait_cursor(m, &cursor);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- hidden -------------------------------------------------------------------------------- */

static void hides_and_shows(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	for (uint32_t i = 0; i < 5; i++) {
		update(m, 1, i, i);
		expect(m, i, i);
		update(m, 0, i, i);
		guest_wait_no_cursor(m);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void moves_before_the_first_picture(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	move(m, 0, 5, 5);
	move(m, 1, 6, 6);
	guest_watch(m);
	CHECK(!m->display.cursor.visible);
	CHECK_INT(m->display.cursor.updates, 0);
	conform_end(c, m);
}

static void moves_while_hidden(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 1, 1);
	expect(m, 1, 1);
	update(m, 0, 0, 0);
	guest_wait_no_cursor(m);
	move(m, 0, 9, 9);
	guest_watch(m);
	CHECK(!m->display.cursor.visible);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* The driver's reset takes the cursor away; the next one's is shown. */
static void hidden_by_a_reset(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 1, 1);
	expect(m, 1, 1);
	kit_surface_finish(&s);
	CHECK_OK(m, kit_machine_reset(m));
	guest_watch(m);
	CHECK(!m->display.cursor.visible);
	s = guest_cursor(m, 1, SIDE, SIDE);
	update(m, 1, 2, 2);
	expect(m, 2, 2);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- the queue ----------------------------------------------------------------------------- */

/* The response that there is room for. */
static void answered(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	CHECK_GOOD(m, kit_gpu_update_cursor(&m->gpu, at(1, 1, 1)));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 2, 2));
	CHECK_GOOD(m, kit_gpu_update_cursor(&m->gpu, at(0, 1, 1)));
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* The control queue always has something to do; commands[] are in flight. */
struct work {
	struct kit_machine *m;
	struct kit_surface s;
	struct kit_command *commands[100];
};

static struct kit_command *start_work(struct work *work)
{
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = kit_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = kit_rect(0, 0, work->s.width, work->s.height),
		.resource_id = work->s.id,
	};
	struct kit_command *command = kit_gpu_submit(&work->m->gpu, VIRTIO_GPU_QUEUE_CONTROL,
		&transfer, sizeof(transfer), sizeof(struct virtio_gpu_ctrl_hdr));
	CHECK(command);
	return command;
}

/* Does what is needed to keep the queue busy, whenever the kit waits. */
static int go_on(void *data, short events)
{
	struct work *work = data;
	int ret = kit_gpu_collect_queue(&work->m->gpu, VIRTIO_GPU_QUEUE_CONTROL);
	for (size_t i = 0; i < ARRAY_SIZE(work->commands) && ret == 0; i++)
		if (work->commands[i]->done) {
			kit_command_finish(work->commands[i]);
			work->commands[i] = start_work(work);
		}
	return ret;
}

/* Transfers of whole frames, one after another without an end: moves are answered nevertheless. */
static void while_the_control_queue_is_busy(struct conform *c)
{
	struct work work = { .m = conform_machine(c, NULL) };
	struct kit_machine *m = work.m;
	struct kit_source source = { .fd = m->rings[VIRTIO_GPU_QUEUE_CONTROL].call_fd,
		.events = POLLIN,
		.due = 1, /* in every round */
		.ready = go_on,
		.data = &work };
	struct kit_surface cursor = guest_cursor(m, 2, SIDE, SIDE);
	work.s = conform_surface(m, 1, XRGB, 1600, 1200);
	update(m, 2, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(work.commands); i++)
		work.commands[i] = start_work(&work);
	kit_source_add(&m->kit, &source);
	for (uint32_t i = 1; i <= 20; i++) {
		move(m, 2, i, i);
		expect(m, i, i);
	}
	kit_source_remove(&source);
	for (size_t i = 0; i < ARRAY_SIZE(work.commands); i++)
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, work.commands[i], NULL, 0));
	kit_surface_finish(&work.s);
	kit_surface_finish(&cursor);
	conform_end(c, m);
}

/* A command of the control queue that cannot be finished yet. */
static void while_a_question_is_open(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = guest_cursor(m, 1, SIDE, SIDE);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	update(m, 1, 0, 0);
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	struct kit_command *info = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &request,
		sizeof(request), sizeof(struct virtio_gpu_resp_display_info));
	CHECK(info);
	kit_command_forget(info);
	for (uint32_t i = 1; i <= 10; i++) {
		move(m, 1, i, i);
		expect(m, i, i);
	}
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	kit_surface_finish(&s);
	/* what nobody will answer ends with the display */
	kit_display_close(&m->display);
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	conform_end(c, m);
}

/* --- the table ----------------------------------------------------------------------------- */

#define CURSORQ "virtio 1.4, 5.7.6.10: "
#define SCREEN  "vhost-user-gpu: "
#define SHOWN   .needs = CONFORM_NEEDS_DISPLAY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "picture", SCREEN "CURSOR_UPDATE has 64 x 64 pixels a8r8g8b8", picture, SHOWN },
	{ "hot_spot", SCREEN "CURSOR_UPDATE has the hot spot", hot_spot, spot_names, SHOWN },
	{ "format", SCREEN "CURSOR_UPDATE has 64 x 64 pixels a8r8g8b8", format, format_names,
		SHOWN },
	{ "odd_size", "virtio 1.4, 5.7.6.6: the image is 64 x 64; a guest may send others",
		odd_size, size_names, SHOWN, HOSTILE },
	{ "picture_is_copied", CURSORQ "the cursor is loaded from the resource", picture_is_copied,
		SHOWN },
	{ "new_picture", CURSORQ "UPDATE_CURSOR is a full update", new_picture, SHOWN },
	{ "moves", CURSORQ "MOVE_CURSOR moves to pos, and changes nothing else", moves, SHOWN },
	{ "moves_without_a_resource", CURSORQ "MOVE_CURSOR ignores the other fields",
		moves_without_a_resource, SHOWN },
	{ "many_moves", CURSORQ "MOVE_CURSOR moves to pos", many_moves, SHOWN },
	{ "moves_in_batches", CURSORQ "MOVE_CURSOR moves to pos", moves_in_batches, SHOWN },
	{ "scanout", CURSORQ "pos has a scanout", scanout, scanout_names, SHOWN },
	{ "from_scanout_to_scanout", CURSORQ "pos has a scanout", from_scanout_to_scanout, SHOWN },
	{ "hides_and_shows", "Linux hides the cursor by UPDATE_CURSOR of resource 0",
		hides_and_shows, SHOWN },
	{ "moves_before_the_first_picture", CURSORQ "there is nothing to move yet",
		moves_before_the_first_picture, SHOWN },
	{ "moves_while_hidden", CURSORQ "MOVE_CURSOR changes the position only", moves_while_hidden,
		SHOWN },
	{ "hidden_by_a_reset", "virtio 1.4, 2.4: a reset device is as it was at first",
		hidden_by_a_reset, .protocol = CONFORM_PROTOCOL(RESET_DEVICE), SHOWN },
	{ "answered", CURSORQ "the response type is OK_NODATA", answered },
	{ "while_the_control_queue_is_busy",
		"virtio 1.4, 5.7.2: cursor commands are not delayed by those of the control queue",
		while_the_control_queue_is_busy, SHOWN },
	{ "while_a_question_is_open",
		"virtio 1.4, 5.7.2: cursor commands are not delayed by those of the control queue",
		while_a_question_is_open, SHOWN },
};
DEFINE_CONFORM_AREA(cursor, cases);
