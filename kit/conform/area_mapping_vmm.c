/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Mappings, and VMMs that refuse, are late, say nothing, talk nonsense, or do not map at all. */
#include "kit/conform/mapping.h"

#define LATE_MS 150

static const struct {
	enum kit_channel_answer answer;
	int delay_ms;
} ways[] = {
	{ KIT_CHANNEL_REFUSE, 0 },
	{ KIT_CHANNEL_GOOD, LATE_MS },
	{ KIT_CHANNEL_SILENT, 0 },
	{ KIT_CHANNEL_WRONG, 0 },
	{ KIT_CHANNEL_WRONG_SIZE, 0 },
	{ KIT_CHANNEL_UNSOLICITED, 0 },
	{ KIT_CHANNEL_CLOSE, 0 },
	{ KIT_CHANNEL_CLOSE, LATE_MS },
};
static const char *const way_names[] = { "refuses", "is_late", "is_silent",
	"answers_something_else", "answers_half", "answers_twice", "closes", "closes_late", NULL };

static void behave(struct kit_machine *m, uint32_t way)
{
	m->vmm.channel.answer = ways[way].answer;
	m->vmm.channel.delay_ms = ways[way].delay_ms;
}

/* The device goes on with everything else, and is as good as new after a reset with a VMM that is well. */
static void check_recovers(struct conform *c, struct kit_machine *m)
{
	conform_check_alive(m);
	conform_check_cursor(m);
	behave(m, 1);
	m->vmm.channel.delay_ms = 0;
	CHECK_OK(m, kit_machine_reset(m));
	conform_check_alive(m);
	if (m->vmm.channel.sock < 0)
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_BACKEND_REQ_FD, 0, 0));
	mapping_context(c, m, MAPPING_CONTEXT);
}

static void map_answered(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_create(m, 1, MAPPING_SIZE);
	behave(m, c->variant);
	struct kit_command *map = mapping_send_map(m, 1, 0);
	CHECK_OK(m, kit_pump(&m->kit, 2 * LATE_MS));
	conform_check_alive(m);
	conform_check_cursor(m);
	if (map->done && c->variant == 0)
		CHECK_ERROR(m, mapping_answer(m, map));
	else if (map->done && c->variant == 1)
		CHECK_TYPE(m, mapping_answer(m, map), VIRTIO_GPU_RESP_OK_MAP_INFO);
	else
		mapping_leave(m, map);
	check_recovers(c, m);
	conform_end(c, m);
}

static void unmap_answered(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_create(m, 1, MAPPING_SIZE);
	mapping_map(m, 1, 0);
	behave(m, c->variant);
	struct kit_command *unmap = mapping_send_unmap(m, 1);
	CHECK_OK(m, kit_pump(&m->kit, 2 * LATE_MS));
	conform_check_alive(m);
	conform_check_cursor(m);
	mapping_leave(m, unmap);
	check_recovers(c, m);
	conform_end(c, m);
}

/* Refused is only what was asked for then. */
static void refused_once(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	mapping_create(m, 1, MAPPING_SIZE);
	for (uint32_t round = 0; round < 5; round++) {
		m->vmm.channel.answer = KIT_CHANNEL_REFUSE;
		CHECK_ERROR(m, mapping_try(m, 1, 0));
		m->vmm.channel.answer = KIT_CHANNEL_GOOD;
		mapping_map(m, 1, 0);
		mapping_unmap(m, 1, 0);
	}
	conform_end(c, m);
}

/* Commands wait for their own mappings, and not for those of others. */
static void slow(struct conform *c)
{
	enum { COUNT = 6 };
	struct kit_machine *m = mapping_machine(c, c->variant);
	struct kit_command *commands[COUNT];
	for (uint32_t i = 0; i < COUNT; i++)
		mapping_create(m, i + 1, MAPPING_SIZE);
	m->vmm.channel.delay_ms = 30;
	for (uint32_t i = 0; i < COUNT; i++)
		commands[i] = mapping_send_map(m, i + 1, (uint64_t)i * MAPPING_SIZE);
	uint64_t before = kit_now();
	conform_check_cursor(m);
	CHECK(kit_now() - before < 1000);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_TYPE(m, mapping_answer(m, commands[i]), VIRTIO_GPU_RESP_OK_MAP_INFO);
	for (uint32_t i = 0; i < COUNT; i++)
		commands[i] = mapping_send_unref(m, i + 1);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_GOOD(m, mapping_answer(m, commands[i]));
	m->vmm.channel.delay_ms = 0;
	mapping_wait_count(m, 0);
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* The VMM hangs, for a while: it is paused and goes on, or resets the guest. */
static const char *const hang_names[] = { "and_goes_on", "and_is_paused", "and_resets", "and_goes",
	NULL };

static void hangs(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_create(m, 1, MAPPING_SIZE);
	mapping_create(m, 2, MAPPING_SIZE);
	kit_channel_set_reading(&m->vmm.channel, false);
	struct kit_command *first = mapping_send_map(m, 1, 0);
	struct kit_command *second = mapping_send_map(m, 2, MAPPING_SIZE);
	CHECK_OK(m, kit_pump(&m->kit, 30));
	conform_check_alive(m);
	conform_check_cursor(m);
	if (c->variant == 1) {
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		mapping_need_channel(c, m);
	}
	if (c->variant == 3) {
		kit_channel_close(&m->vmm.channel);
		CHECK_ERROR(m, mapping_answer(m, first));
		CHECK_ERROR(m, mapping_answer(m, second));
		conform_end(c, m);
		return;
	}
	if (c->variant == 2) {
		CHECK_OK(m, kit_machine_reset(m));
		kit_channel_set_reading(&m->vmm.channel, true);
		mapping_need_channel(c, m);
		mapping_wait_count(m, 0);
		mapping_check_works(c, m, 1, 0);
		conform_end(c, m);
		return;
	}
	kit_channel_set_reading(&m->vmm.channel, true);
	CHECK_TYPE(m, mapping_answer(m, first), VIRTIO_GPU_RESP_OK_MAP_INFO);
	CHECK_TYPE(m, mapping_answer(m, second), VIRTIO_GPU_RESP_OK_MAP_INFO);
	mapping_wait_count(m, 2);
	mapping_check_works(c, m, 3, 2 * MAPPING_SIZE);
	conform_end(c, m);
}

/* Sockets of the backend channel may be exchanged, as by a VMM that starts the device again. */
static void another_channel(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_create(m, 1, MAPPING_SIZE);
	mapping_map(m, 1, 0);
	for (uint32_t round = 0; round < 3; round++)
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_BACKEND_REQ_FD, 0, 0));
	mapping_unmap(m, 1, 0);
	mapping_check_works(c, m, 2, 0);
	conform_end(c, m);
}

static const char *const without_names[] = { "shmem", "backend_req", "reply_ack", NULL };

/* The guest is refused, or (without acknowledgements) told so when it was asked for. */
static void without(struct conform *c)
{
	static const uint64_t unwanted[] = { CONFORM_PROTOCOL(SHMEM), CONFORM_PROTOCOL(BACKEND_REQ),
		CONFORM_PROTOCOL(REPLY_ACK) };
	const struct kit_machine_spec spec = {
		.profile = &kit_profile_qemu_generic,
		.protocol_unwanted = unwanted[c->variant],
	};
	struct kit_machine *m = conform_machine(c, &spec);
	mapping_context(c, m, MAPPING_CONTEXT);
	int made = kit_gpu_create_blob(
		&m->gpu, mapping_blob(1, MAPPING_SIZE), MAPPING_CONTEXT, NULL, 0);
	CHECK_OK(m, made);
	int type = mapping_try(m, 1, 0);
	if (c->variant < 2)
		CHECK_ERROR(m, type);
	else
		mapping_wait_count(m, type == VIRTIO_GPU_RESP_OK_MAP_INFO);
	CHECK_INT(kit_gpu_unref(&m->gpu, 1) == VIRTIO_GPU_RESP_OK_NODATA,
		made == VIRTIO_GPU_RESP_OK_NODATA);
	mapping_wait_count(m, 0);
	conform_end(c, m);
}

/* The region that the virtio specification numbers, as VMMs want it. */
static void window(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	uint64_t sum = 0;
	for (uint32_t i = 0; i < VHOST_USER_MAX_SHMEMS; i++)
		sum += m->vmm.shmem.sizes[i];
	CHECK(sum > 0 && (sum & (sum - 1)) == 0);
	CHECK_INT(m->vmm.shmem.nregions, 1);
	CHECK_INT(mapping_window(m), sum);
	conform_end(c, m);
}

#define ANSWER "vhost-user, SHMEM_MAP and SHMEM_UNMAP: the front end answers when it likes"
#define MAPS                                                                                       \
	.features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB), .protocol = CONFORM_PROTOCOL(SHMEM),     \
	.needs = CONFORM_NEEDS_MAPPED
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "window", "QEMU ends unless all shared memory is a power of two; crosvm has one region",
		window, mapping_vmm_names, MAPS },
	{ "map_answered", ANSWER, map_answered, way_names, MAPS, HOSTILE },
	{ "unmap_answered", ANSWER, unmap_answered, way_names, MAPS, HOSTILE },
	{ "refused_once", "QEMU refuses what it has no memory for", refused_once, mapping_vmm_names,
		MAPS },
	{ "slow", "QEMU takes longer for each mapping that there is", slow, mapping_vmm_names,
		MAPS },
	{ "hangs", ANSWER, hangs, hang_names, MAPS, HOSTILE },
	{ "another_channel",
		"vhost-user, SET_BACKEND_REQ_FD: the socket for the backend's requests",
		another_channel, MAPS, HOSTILE },
	{ "without", "vhost-user: what is not negotiated is not sent", without, without_names, MAPS,
		HOSTILE },
};
DEFINE_CONFORM_PART(mapping, vmm, cases);
