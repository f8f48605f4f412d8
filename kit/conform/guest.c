/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/conform/guest.h"

#include <errno.h>

#include "util/checked.h"

#define XRGB     VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ARGB     VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
#define WATCH_MS 30

#define SPARE_CONTEXT 0x7ffu /* cases use lower ones */

#define WHOLE ((struct virtio_gpu_rect){ 0, 0, GUEST_SIDE, GUEST_SIDE })

void guest_init(struct conform *c, struct guest *guest, const struct kit_machine_spec *spec)
{
	struct kit_machine *m = conform_machine(c, spec);
	guest->m = m;
	guest->shown = conform_surface(m, GUEST_SHOWN, XRGB, GUEST_SIDE, GUEST_SIDE);
	guest->cursor = guest_cursor(m, GUEST_CURSOR, GUEST_SIDE, GUEST_SIDE);
	guest->memory = kit_alloc(&m->memory, GUEST_SIZE, KIT_PAGE);
	CHECK(guest->memory);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, GUEST_BARE, XRGB, GUEST_SIDE, GUEST_SIDE));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, GUEST_SHOWN, WHOLE));
}

void guest_end(struct conform *c, struct guest *guest)
{
	conform_check_alive(guest->m);
	kit_surface_finish(&guest->shown);
	kit_surface_finish(&guest->cursor);
	kit_free(&guest->m->memory, guest->memory, GUEST_SIZE);
	conform_close(c, guest->m);
}

/* --- requests ------------------------------------------------------------------------------ */

#define COMMANDS_2D                                                                                \
	"GET_DISPLAY_INFO", "RESOURCE_CREATE_2D", "RESOURCE_UNREF", "SET_SCANOUT",                 \
		"RESOURCE_FLUSH", "TRANSFER_TO_HOST_2D", "RESOURCE_ATTACH_BACKING",                \
		"RESOURCE_DETACH_BACKING", "UPDATE_CURSOR", "MOVE_CURSOR"
#define COMMANDS_OPTIONAL                                                                          \
	"GET_EDID", "GET_CAPSET_INFO", "GET_CAPSET", "RESOURCE_ASSIGN_UUID",                       \
		"RESOURCE_CREATE_BLOB", "SET_SCANOUT_BLOB", "CTX_CREATE", "CTX_DESTROY",           \
		"CTX_ATTACH_RESOURCE", "CTX_DETACH_RESOURCE", "RESOURCE_CREATE_3D",                \
		"TRANSFER_TO_HOST_3D", "TRANSFER_FROM_HOST_3D", "SUBMIT_3D", "RESOURCE_MAP_BLOB",  \
		"RESOURCE_UNMAP_BLOB"

const char *const guest_commands[] = { COMMANDS_2D, COMMANDS_OPTIONAL, NULL };
const char *const guest_commands_2d[] = { COMMANDS_2D, "GET_EDID", NULL };
const char *const guest_commands_optional[] = { COMMANDS_OPTIONAL, NULL };

static const struct kit_command_spec *find_spec(const char *name)
{
	size_t count;
	const struct kit_command_spec *specs = kit_command_specs(&count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	kit_check_failed(KIT_HERE, "no command is called %s", name);
}

/* What stands behind the header of the commands that the guest can send. */
union body {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_resource_create_2d create;
	struct virtio_gpu_resource_unref id;
	struct virtio_gpu_set_scanout scanout;
	struct virtio_gpu_resource_flush flush;
	struct virtio_gpu_transfer_to_host_2d transfer;
	struct {
		struct virtio_gpu_resource_attach_backing fixed;
		struct virtio_gpu_mem_entry entry;
	} attach;
	struct virtio_gpu_get_edid edid;
	struct virtio_gpu_update_cursor cursor;
};

/* False: the command is not one of 2D. */
static bool fill_body(const struct guest *guest, uint32_t type, union body *body)
{
	switch (type) {
	case VIRTIO_GPU_CMD_GET_DISPLAY_INFO:
	case VIRTIO_GPU_CMD_GET_EDID: /* of scanout 0 */
		return true;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
		body->create.resource_id = GUEST_NEW;
		body->create.format = XRGB;
		body->create.width = body->create.height = GUEST_SIDE;
		return true;
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
	case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
		body->id.resource_id = GUEST_SHOWN;
		return true;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
		body->scanout.r = WHOLE;
		body->scanout.resource_id = GUEST_SHOWN;
		return true;
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		body->flush.r = WHOLE;
		body->flush.resource_id = GUEST_SHOWN;
		return true;
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		body->transfer.r = WHOLE;
		body->transfer.resource_id = GUEST_SHOWN;
		return true;
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		body->attach.fixed.resource_id = GUEST_BARE;
		body->attach.fixed.nr_entries = 1;
		body->attach.entry = (struct virtio_gpu_mem_entry){ guest->memory, GUEST_SIZE, 0 };
		return true;
	case VIRTIO_GPU_CMD_UPDATE_CURSOR:
	case VIRTIO_GPU_CMD_MOVE_CURSOR:
		body->cursor.pos.x = body->cursor.pos.y = 1;
		body->cursor.resource_id = GUEST_CURSOR;
		return true;
	default:
		return false;
	}
}

/* The size of the entries' padding, and of the last field where that is padding. */
static uint32_t padding_of(uint32_t type)
{
	static const uint32_t padded[] = { VIRTIO_GPU_CMD_RESOURCE_UNREF,
		VIRTIO_GPU_CMD_RESOURCE_FLUSH, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
		VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
		VIRTIO_GPU_CMD_GET_EDID, VIRTIO_GPU_CMD_UPDATE_CURSOR };
	for (size_t i = 0; i < ARRAY_SIZE(padded); i++)
		if (padded[i] == type)
			return 4;
	/* a move is a position only */
	return type == VIRTIO_GPU_CMD_MOVE_CURSOR ? 20 : 0;
}

static void fill_response(struct guest_request *request)
{
	switch (request->spec->type) {
	case VIRTIO_GPU_CMD_GET_DISPLAY_INFO:
		request->response = VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
		request->response_size = sizeof(struct virtio_gpu_resp_display_info);
		return;
	case VIRTIO_GPU_CMD_GET_EDID:
		request->response = VIRTIO_GPU_RESP_OK_EDID;
		request->response_size = sizeof(struct virtio_gpu_resp_edid);
		return;
	default:
		request->response = VIRTIO_GPU_RESP_OK_NODATA;
		request->response_size = sizeof(struct virtio_gpu_ctrl_hdr);
	}
}

void guest_compose(const struct guest *guest, const char *name, struct guest_request *ret_request)
{
	union body body;
	struct guest_request request = { .spec = find_spec(name), .response_size = 2048 };
	uint32_t type = request.spec->type;
	memset(&body, 0, sizeof(body));
	body.hdr.type = type;
	request.size = request.spec->size;
	if (fill_body(guest, type, &body))
		fill_response(&request);
	if (type == VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING)
		request.size += (uint32_t)sizeof(struct virtio_gpu_mem_entry);
	request.needed = request.size - padding_of(type);
	memcpy(request.bytes, &body, sizeof(body));
	*ret_request = request;
}

void guest_need(const struct kit_machine *machine, const struct kit_command_spec *spec)
{
	if (spec->feature >= 0 && !kit_vmm_feature(&machine->vmm, spec->feature))
		conform_skip("%s is not offered", kit_feature_name((uint32_t)spec->feature));
}

static const char *name_of(const void *request, uint32_t size)
{
	uint32_t type = 0;
	memcpy(&type, request, min_size(size, sizeof(type)));
	const struct kit_command_spec *spec = kit_command_spec(type);
	return spec ? spec->name : "a command of no type";
}

int guest_send(struct kit_machine *machine, uint32_t queue, const void *request, uint32_t size,
	uint32_t room)
{
	struct kit_command *command = kit_gpu_submit(&machine->gpu, queue, request, size, room);
	CHECK(command);
	int type = kit_gpu_complete(&machine->gpu, command, NULL, 0);
	if (type < 0 && type != -EBADMSG)
		kit_check_error(KIT_HERE, machine, name_of(request, size), type);
	return type < 0 ? 0 : type;
}

int guest_send_request(struct kit_machine *machine, const struct guest_request *request)
{
	return guest_send(machine, request->spec->queue, request->bytes, request->size,
		request->response_size);
}

/* --- the display --------------------------------------------------------------------------- */

static bool is_off(void *data)
{
	const struct kit_scanout *scanout = data;
	return !scanout->picture;
}

void guest_wait_off(struct kit_machine *machine, uint32_t scanout)
{
	int ret = kit_wait(&machine->kit, is_off, &machine->display.scanouts[scanout], -1);
	if (ret == -ETIMEDOUT)
		kit_check_failed(KIT_HERE, "scanout %u is still on", scanout);
	CHECK_OK(machine, ret);
}

struct kit_usage guest_usage(struct kit_machine *machine)
{
	struct kit_usage usage;
	if (kit_backend_usage(machine->backend, &usage) < 0)
		conform_blind(machine->kit.why);
	return usage;
}

struct kit_usage guest_usage_before(struct kit_machine *machine)
{
	if (kit_vmm_feature(&machine->vmm, VIRTIO_GPU_F_VIRGL) &&
		kit_gpu_ctx_create(&machine->gpu, SPARE_CONTEXT, 0, "conform") > 0)
		kit_gpu_ctx_destroy(&machine->gpu, SPARE_CONTEXT);
	return guest_usage(machine);
}

void guest_check_usage(struct kit_machine *machine, const struct kit_usage *before, uint64_t kib)
{
	struct kit_usage after = guest_usage(machine);
	if (after.fds > before->fds)
		kit_check_failed(KIT_HERE, "%u descriptors, %u before", after.fds, before->fds);
	if (kit_usage_grew(before, &after, kib))
		kit_check_failed(KIT_HERE, "%llu KiB, %llu before",
			(unsigned long long)after.memory_kib,
			(unsigned long long)before->memory_kib);
}

void guest_watch(struct kit_machine *machine)
{
	CHECK_OK(machine, kit_pump(&machine->kit, WATCH_MS));
}

#define ALL_OF_IT kit_rect(0, 0, SCENE_WIDTH, SCENE_HEIGHT)

void scene_init(struct scene *scene, struct kit_machine *m)
{
	scene->m = m;
	scene->s = conform_surface(m, 1, XRGB, SCENE_WIDTH, SCENE_HEIGHT);
	scene->picture = conform_pattern(SCENE_WIDTH, SCENE_HEIGHT, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, ALL_OF_IT));
	conform_show(m, &scene->s, scene->picture);
}

void scene_check(struct scene *scene, uint32_t seed)
{
	kit_picture_pattern(scene->picture, ALL_OF_IT, seed);
	conform_show(scene->m, &scene->s, scene->picture);
	CHECK_PICTURE(scene->m, 0, scene->picture);
}

void scene_end(struct conform *c, struct scene *scene)
{
	kit_surface_finish(&scene->s);
	kit_picture_destroy(scene->picture);
	conform_end(c, scene->m);
}

/* --- the cursor ---------------------------------------------------------------------------- */

uint32_t guest_cursor_pixel(uint32_t index)
{
	return index * 0x01030507u;
}

struct kit_surface guest_cursor(
	struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height)
{
	struct kit_surface s = conform_surface(machine, id, ARGB, width, height);
	for (uint32_t i = 0; i < width * height; i++) {
		uint32_t pixel = guest_cursor_pixel(i);
		kit_surface_write(&s, (uint64_t)i * 4, &pixel, sizeof(pixel));
	}
	CHECK_GOOD(
		machine, kit_gpu_transfer_2d(&machine->gpu, id, kit_rect(0, 0, width, height), 0));
	return s;
}

static void send_cursor(
	struct kit_machine *machine, uint32_t type, struct virtio_gpu_update_cursor cursor)
{
	cursor.hdr.type = type;
	CHECK_INT(guest_send(machine, VIRTIO_GPU_QUEUE_CURSOR, &cursor, sizeof(cursor), 0), 0);
}

void guest_cursor_update(struct kit_machine *machine, const struct virtio_gpu_update_cursor *cursor)
{
	send_cursor(machine, VIRTIO_GPU_CMD_UPDATE_CURSOR, *cursor);
}

void guest_cursor_move(struct kit_machine *machine, const struct virtio_gpu_update_cursor *cursor)
{
	send_cursor(machine, VIRTIO_GPU_CMD_MOVE_CURSOR, *cursor);
}

struct placing {
	const struct kit_cursor *cursor;
	const struct virtio_gpu_cursor_pos *place; /* NULL: hidden */
};

static bool is_placed(void *data)
{
	const struct placing *placing = data;
	const struct kit_cursor *cursor = placing->cursor;
	const struct virtio_gpu_cursor_pos *place = placing->place;
	if (!place)
		return !cursor->visible;
	return cursor->visible && cursor->scanout == place->scanout_id && cursor->x == place->x &&
		cursor->y == place->y;
}

static void wait_placed(struct kit_machine *machine, const struct virtio_gpu_cursor_pos *place)
{
	const struct kit_cursor *cursor = &machine->display.cursor;
	struct placing placing = { cursor, place };
	int ret = kit_wait(&machine->kit, is_placed, &placing, -1);
	if (ret == -ETIMEDOUT)
		kit_check_failed(KIT_HERE,
			"the cursor is %s at %u,%u of scanout %u, and should be %s at %u,%u of %u",
			cursor->visible ? "shown" : "hidden", cursor->x, cursor->y, cursor->scanout,
			place ? "shown" : "hidden", place ? place->x : 0, place ? place->y : 0,
			place ? place->scanout_id : 0);
	CHECK_OK(machine, ret);
}

void guest_wait_cursor(struct kit_machine *machine, const struct virtio_gpu_update_cursor *cursor)
{
	wait_placed(machine, &cursor->pos);
}

void guest_wait_no_cursor(struct kit_machine *machine)
{
	wait_placed(machine, NULL);
}
