/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Commands of any kind: what is carried out, what is refused, and that everything is answered. */
#include <stdlib.h>

#include "kit/conform/guest.h"

#define HEADER (uint32_t)sizeof(struct virtio_gpu_ctrl_hdr)
#define LARGE  4096u
#define ERROR  VIRTIO_GPU_RESP_ERR_UNSPEC /* the first of them */

static const char *variant(const struct conform *c)
{
	return c->row->variants[c->variant];
}

/* --- good commands ------------------------------------------------------------------------- */

/* The response is the one of the command, whole, and has no flags that were not asked for. */
static void carried_out(struct conform *c)
{
	struct guest guest;
	struct guest_request request;
	struct virtio_gpu_ctrl_hdr header;
	guest_init(c, &guest, NULL);
	guest_compose(&guest, variant(c), &request);
	guest_need(guest.m, request.spec);
	struct kit_command *command = kit_gpu_submit(&guest.m->gpu, request.spec->queue,
		request.bytes, request.size, request.response_size);
	CHECK(command);
	CHECK_TYPE(guest.m, kit_gpu_wait(&guest.m->gpu, command), request.response);
	memcpy(&header, kit_command_response(command), sizeof(header));
	CHECK_INT(command->written, request.response_size);
	CHECK_INT(header.flags, 0);
	kit_command_finish(command);
	guest_end(c, &guest);
}

/* A ring full of good and bad ones behind one kick: each gets its own answer, once. */
static void each_its_own_answer(struct conform *c)
{
	enum { COUNT = 120, ROUNDS = 5 };
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct kit_command *commands[COUNT];
		for (uint32_t i = 0; i < COUNT; i++) {
			struct virtio_gpu_resource_create_2d create = {
				.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
				.resource_id =
					round * COUNT + i / 3 + 1, /* two of three are taken */
				.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
				.width = 8,
				.height = 8,
			};
			commands[i] = kit_gpu_queue(
				&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &create, sizeof(create), HEADER);
			CHECK(commands[i]);
		}
		kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]);
		for (uint32_t i = 0; i < COUNT; i++) {
			int type = kit_gpu_complete(&m->gpu, commands[i], NULL, 0);
			CHECK_OK(m, type);
			CHECK((type < (int)ERROR) == (i % 3 == 0));
		}
	}
	CHECK_INT(kit_ring_in_flight(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]), 0);
	conform_end(c, m);
}

/* Bytes behind the command, as a longer one of a later version would have. */
static void longer_than_needed(struct conform *c)
{
	struct guest guest;
	struct guest_request request;
	uint8_t bytes[LARGE];
	guest_init(c, &guest, NULL);
	guest_compose(&guest, variant(c), &request);
	guest_need(guest.m, request.spec);
	memset(bytes, 0xff, sizeof(bytes));
	memcpy(bytes, request.bytes, request.size);
	int type = guest_send(
		guest.m, request.spec->queue, bytes, sizeof(bytes), request.response_size);
	if (type >= (int)ERROR)
		conform_reject(c, guest.m, "it is %s", kit_response_name(type));
	CHECK(type == 0 || type == (int)request.response);
	guest_end(c, &guest);
}

/* Fields of the header that mean nothing without the flags that say so. */
static const char *const header_fields[] = { "flags", "fence_id", "ctx_id", "ring_idx", "padding",
	NULL };

static void garbage_in_the_header(struct conform *c)
{
	const uint32_t known = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX;
	const struct virtio_gpu_ctrl_hdr headers[] = {
		{ .flags = ~known },
		{ .fence_id = UINT64_MAX },
		{ .ctx_id = UINT32_MAX },
		{ .ring_idx = 255 },
		{ .padding = { 255, 255, 255 } },
	};
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_ctrl_hdr request = headers[c->variant], *header;
	struct virtio_gpu_resp_display_info response;
	header = &response.hdr;
	request.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO;
	int type = kit_gpu_command(&m->gpu, &request, sizeof(request), &response, sizeof(response));
	/* what unknown flags mean is not said */
	if (request.flags && type >= (int)ERROR)
		conform_reject(c, m, "it is %s", kit_response_name(type));
	CHECK_TYPE(m, type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK(!(header->flags & known));
	conform_end(c, m);
}

/* --- bad commands -------------------------------------------------------------------------- */

/* A command cut off at each length: an error, and nothing is done; then the whole one is. */
static void truncated(struct conform *c)
{
	struct guest guest;
	struct guest_request request;
	guest_init(c, &guest, NULL);
	guest_compose(&guest, variant(c), &request);
	for (uint32_t size = 0; size < request.needed; size++) {
		int type = guest_send(guest.m, request.spec->queue, request.bytes, size, 2048);
		bool unanswered = size < HEADER || request.spec->queue == VIRTIO_GPU_QUEUE_CURSOR;
		if (type < (int)ERROR && !(type == 0 && unanswered))
			kit_check_failed(KIT_HERE, "%u bytes of it are %s", size,
				type ? kit_response_name(type) : "not answered");
	}
	if (request.response &&
		(request.spec->feature < 0 ||
			kit_vmm_feature(&guest.m->vmm, request.spec->feature))) {
		int type = guest_send_request(guest.m, &request);
		CHECK(type == (int)request.response ||
			(type == 0 && request.spec->queue == VIRTIO_GPU_QUEUE_CURSOR));
	}
	guest_end(c, &guest);
}

/* Types that there are not, in the gaps between those that there are. */
static const struct {
	uint32_t first, last, step;
} type_ranges[] = { { 0, 0xff, 1 }, { 0x10e, 0x1ff, 1 }, { 0x20a, 0x2ff, 1 }, { 0x302, 0x3ff, 1 },
	{ 0x1100, 0x1220, 1 }, { 0x400, 0xffff, 211 }, { 0x10100, 0xfff0100, 0x110000 },
	{ 0xfffffff0, 0xffffffff, 1 } };
static const char *const type_range_names[] = { "below_2d", "behind_2d", "behind_3d",
	"behind_cursor", "responses", "16_bits", "known_in_16_bits", "highest", NULL };

static void send_unknown(struct kit_machine *m, uint32_t queue, uint32_t type)
{
	static const uint32_t sizes[] = { HEADER, 128 };
	uint8_t request[128] = { 0 };
	memcpy(request, &type, sizeof(type));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int answer = guest_send(m, queue, request, sizes[i], HEADER);
		bool fine =
			answer >= (int)ERROR || (answer == 0 && queue == VIRTIO_GPU_QUEUE_CURSOR);
		if (!fine)
			kit_check_failed(KIT_HERE, "type %#x is %s", type,
				answer ? kit_response_name(answer) : "not answered");
	}
}

static void unknown_type(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint64_t last = type_ranges[c->variant].last;
	for (uint64_t type = type_ranges[c->variant].first; type <= last;
		type += type_ranges[c->variant].step) {
		send_unknown(m, VIRTIO_GPU_QUEUE_CONTROL, (uint32_t)type);
		if (type % 8 == 0)
			send_unknown(m, VIRTIO_GPU_QUEUE_CURSOR, (uint32_t)type);
	}
	conform_end(c, m);
}

/* Refused, or done: what it must not be is said to be done and not done. */
static void not_negotiated(struct conform *c)
{
	static const struct {
		uint32_t type, response;
	} with_data[] = { { VIRTIO_GPU_CMD_GET_EDID, VIRTIO_GPU_RESP_OK_EDID },
		{ VIRTIO_GPU_CMD_GET_CAPSET_INFO, VIRTIO_GPU_RESP_OK_CAPSET_INFO },
		{ VIRTIO_GPU_CMD_GET_CAPSET, VIRTIO_GPU_RESP_OK_CAPSET },
		{ VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, VIRTIO_GPU_RESP_OK_RESOURCE_UUID },
		{ VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, VIRTIO_GPU_RESP_OK_MAP_INFO } };
	struct guest guest;
	struct guest_request request;
	guest_init(c, &guest, &(struct kit_machine_spec){ .unwanted = 0x3f });
	guest_compose(&guest, variant(c), &request);
	request.response_size = 2048;
	CHECK(!kit_vmm_feature(&guest.m->vmm, request.spec->feature));
	int type = guest_send_request(guest.m, &request);
	uint32_t own = VIRTIO_GPU_RESP_OK_NODATA;
	for (size_t i = 0; i < ARRAY_SIZE(with_data); i++)
		if (with_data[i].type == request.spec->type)
			own = with_data[i].response;
	if (type < (int)ERROR && type != (int)own)
		kit_check_failed(
			KIT_HERE, "it is %s", type ? kit_response_name(type) : "not answered");
	guest_end(c, &guest);
}

/* Control commands on the cursor queue, cursor commands on the control queue: any answer. */
static void wrong_queue(struct conform *c)
{
	struct guest guest;
	struct guest_request request;
	guest_init(c, &guest, NULL);
	guest_compose(&guest, variant(c), &request);
	uint32_t queue = request.spec->queue == VIRTIO_GPU_QUEUE_CURSOR ? VIRTIO_GPU_QUEUE_CONTROL
									: VIRTIO_GPU_QUEUE_CURSOR;
	guest_send(guest.m, queue, request.bytes, request.size, request.response_size);
	guest_cursor_move(guest.m, &(struct virtio_gpu_update_cursor){ .resource_id = 0 });
	guest_end(c, &guest);
}

/* --- room for the answer ------------------------------------------------------------------- */

struct room {
	struct guest guest;
	struct guest_request request;
	uint64_t in, out; /* pages of guest memory */
	uint8_t *answer; /* LARGE bytes at out */
};

/* Sends the request with exactly so much room; *ret_length of it was used. The response's type, 0
 * when it does not fit. */
static int send_with_room(struct room *room, uint32_t size, uint32_t *ret_length)
{
	struct kit_machine *m = room->guest.m;
	struct kit_ring *ring = &m->rings[room->request.spec->queue];
	const struct kit_piece pieces[] = { { room->in, room->request.size, false },
		{ room->out, size, true } };
	struct virtio_gpu_ctrl_hdr header;
	struct kit_used used;
	memset(room->answer, 0xa5, LARGE);
	CHECK_OK(m, kit_ring_add(ring, pieces, size ? 2 : 1, room));
	kit_ring_kick(ring);
	CHECK_OK(m, kit_ring_wait(ring, -1));
	CHECK_OK(m, kit_ring_take(ring, &used));
	*ret_length = used.length;
	memcpy(&header, room->answer, sizeof(header));
	return used.length < HEADER ? 0 : (int)header.type;
}

static void check_room(struct room *room, uint32_t size)
{
	uint32_t length = 0;
	int type = send_with_room(room, size, &length);
	for (uint32_t i = size; i < LARGE; i++)
		if (room->answer[i] != 0xa5)
			kit_check_failed(
				KIT_HERE, "byte %u is written where there is room for %u", i, size);
	if (size < HEADER || (type == 0 && room->request.spec->queue == VIRTIO_GPU_QUEUE_CURSOR))
		return;
	if (type < VIRTIO_GPU_RESP_OK_NODATA || type > VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER)
		kit_check_failed(KIT_HERE, "with room for %u bytes there are %u of type %#x", size,
			length, (unsigned)type);
}

/* All sizes from none to more than is needed: never more than there is room for. */
static void room_for_the_answer(struct conform *c)
{
	struct room room;
	guest_init(c, &room.guest, NULL);
	guest_compose(&room.guest, variant(c), &room.request);
	struct kit_memory *memory = &room.guest.m->memory;
	guest_need(room.guest.m, room.request.spec);
	room.in = kit_alloc(memory, LARGE, LARGE);
	room.out = kit_alloc(memory, LARGE, LARGE);
	CHECK(room.in && room.out);
	room.answer = kit_ptr(memory, room.out, LARGE);
	memcpy(kit_ptr(memory, room.in, LARGE), room.request.bytes, room.request.size);
	for (uint32_t size = 0; size < room.request.response_size + 10; size++)
		check_room(&room, size);
	kit_free(memory, room.in, LARGE);
	kit_free(memory, room.out, LARGE);
	guest_end(c, &room.guest);
}

/* --- nonsense ------------------------------------------------------------------------------ */

static const char *const seeds[] = { "1", "2", "3", "4", "5", "6", "7", "8", NULL };

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Small numbers, the edges of the resources that there are, and of 32 bits. */
static uint32_t random_number(uint32_t *state)
{
	static const uint32_t edges[] = { 0, 1, 2, 3, 4, 16, 63, 64, 65, 128, 640, 16384, 65536,
		0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
	uint32_t random = next_random(state);
	return random % 8 == 0 ? next_random(state) : edges[random / 8 % ARRAY_SIZE(edges)];
}

/* Any but GET_EDID, the numbers of which an area of its own is about. */
static const char *random_name(uint32_t *state)
{
	uint32_t count = 0;
	const char *name;
	while (guest_commands[count])
		count++;
	do
		name = guest_commands[next_random(state) % count];
	while (strcmp(name, "GET_EDID") == 0);
	return name;
}

/* One in two is a good command with one of its numbers changed. */
static uint32_t compose_random(const struct guest *guest, uint32_t *state, uint8_t *bytes)
{
	struct guest_request request;
	guest_compose(guest, random_name(state), &request);
	if (next_random(state) % 2)
		for (uint32_t at = HEADER; at < request.size; at += 4) {
			uint32_t number = random_number(state);
			memcpy(request.bytes + at, &number, sizeof(number));
		}
	else if (request.size > HEADER) {
		uint32_t at = HEADER + next_random(state) % (request.size - HEADER) / 4 * 4;
		uint32_t number = random_number(state);
		memcpy(request.bytes + at, &number, sizeof(number));
	}
	memcpy(bytes, request.bytes, sizeof(request.bytes));
	return next_random(state) % 16 ? request.size
				       : next_random(state) % (uint32_t)sizeof(request.bytes);
}

/* A thousand commands of random numbers: all are answered, and the device lives. */
static void random_commands(struct conform *c)
{
	uint32_t state = 0x9e3779b9u * (c->variant + 1);
	struct guest guest;
	guest_init(c, &guest, NULL);
	for (int i = 0; i < 1000; i++) {
		uint8_t bytes[128] = { 0 };
		uint32_t type;
		uint32_t size = compose_random(&guest, &state, bytes);
		memcpy(&type, bytes, sizeof(type));
		uint32_t queue = kit_command_spec(type)->queue;
		if (next_random(&state) % 16 == 0)
			queue ^= 1;
		guest_send(guest.m, queue, bytes, size, 2048);
	}
	guest_end(c, &guest);
}

/* --- the table ----------------------------------------------------------------------------- */

#define HEADER_SECTION "virtio 1.4, 5.7.6.7: "
#define HOSTILE        .hostile = true

static const struct conform_case cases[] = {
	{ "carried_out",
		HEADER_SECTION "the type says what kind of payload there is; 2.7.8: used.len is "
			       "what was written",
		carried_out, .variants = guest_commands_2d },
	{ "each_its_own_answer",
		"virtio 1.4, 2.7.8: each chain comes back once, with the id of its head",
		each_its_own_answer },
	{ "longer_than_needed", "later versions append fields to commands", longer_than_needed,
		.variants = guest_commands_2d, HOSTILE },
	{ "garbage_in_the_header",
		HEADER_SECTION "fence_id counts with its flag only, ctx_id in 3D mode only",
		garbage_in_the_header, .variants = header_fields, HOSTILE },
	{ "truncated", HEADER_SECTION "on error the device returns one of the error codes",
		truncated, .variants = guest_commands, HOSTILE },
	{ "unknown_type", HEADER_SECTION "on error the device returns one of the error codes",
		unknown_type, .variants = type_range_names, HOSTILE },
	{ "not_negotiated",
		"virtio 1.4, 5.7.6.8 and 5.7.6.9: support is optional and negotiated by a feature",
		not_negotiated, .variants = guest_commands_optional, HOSTILE },
	{ "wrong_queue", "virtio 1.4, 5.7.2: the queue of each command; a guest may mix them up",
		wrong_queue, .variants = guest_commands_2d, HOSTILE },
	{ "room_for_the_answer",
		"virtio 1.4, 2.7.4.1: the device writes to its buffers and not beyond them",
		room_for_the_answer, .variants = guest_commands_2d, HOSTILE },
	{ "random_commands", "a guest may send anything", random_commands, .variants = seeds,
		HOSTILE },
};
DEFINE_CONFORM_AREA(commands, cases);
