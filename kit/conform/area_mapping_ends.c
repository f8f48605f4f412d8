/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Mappings, and the end of what they are of: of the resource, the context, the device's state, the connection. */
#include "kit/conform/mapping.h"

#define COUNT 5u

static void map_many(struct kit_machine *m, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		mapping_create(m, i + 1, MAPPING_SIZE);
		mapping_write(mapping_map(m, i + 1, (uint64_t)i * MAPPING_SIZE), MAPPING_SIZE, i);
	}
}

static void check_many(struct kit_machine *m, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *bytes = kit_channel_shmem(
			&m->vmm.channel, MAPPING_SHM, (uint64_t)i * MAPPING_SIZE, MAPPING_SIZE);
		CHECK(bytes);
		mapping_check(bytes, MAPPING_SIZE, i);
	}
}

static void unref(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	map_many(m, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
		CHECK_ERROR(m, mapping_try_unmap(m, i + 1));
	}
	mapping_wait_count(m, 0);
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* A resource is not its context's: its memory stays until it goes itself. */
static void context_destroyed(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	map_many(m, COUNT);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, MAPPING_CONTEXT));
	check_many(m, COUNT);
	mapping_unmap(m, 1, 0);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	mapping_check_works(c, m, 1, 0);
	for (uint32_t i = 1; i < COUNT; i++)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
	mapping_wait_count(m, 0);
	conform_end(c, m);
}

static void detached(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	map_many(m, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		CHECK_OK(m, kit_gpu_ctx_attach(&m->gpu, MAPPING_CONTEXT, i + 1));
		CHECK_OK(m, kit_gpu_ctx_detach(&m->gpu, MAPPING_CONTEXT, i + 1));
	}
	check_many(m, COUNT);
	conform_end(c, m);
}

/* Whether the VMM drops them or not. */
static void reset(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	for (uint32_t round = 0; round < 3; round++) {
		map_many(m, COUNT);
		CHECK_OK(m, kit_machine_reset(m));
		mapping_wait_count(m, 0);
		CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
		CHECK_ERROR(m, mapping_try_unmap(m, 1));
		mapping_context(c, m, MAPPING_CONTEXT);
	}
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* The guest is reset as it maps. */
static void reset_in_flight(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	for (uint32_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			kit_command_forget(mapping_send_create(m, i + 1, MAPPING_SIZE));
			kit_command_forget(mapping_send_map(m, i + 1, (uint64_t)i * MAPPING_SIZE));
			if (round % 2)
				kit_command_forget(mapping_send_unmap(m, i + 1));
		}
		if (round > 1)
			CHECK_OK(m, kit_pump(&m->kit, (int)round));
		CHECK_OK(m, kit_machine_reset(m));
		mapping_need_channel(c, m);
		mapping_wait_count(m, 0);
		mapping_context(c, m, MAPPING_CONTEXT);
	}
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* With QEMU no more than it has places for, as it cannot start the device again else. */
static uint32_t how_many(uint32_t variant)
{
	return variant < 2 ? 6 : 40;
}

static void paused(struct conform *c)
{
	uint32_t count = how_many(c->variant);
	struct kit_machine *m = mapping_machine(c, c->variant);
	map_many(m, count);
	for (uint32_t round = 0; round < 3; round++) {
		CHECK_OK(m, kit_machine_stop(m));
		check_many(m, count);
		CHECK_OK(m, kit_machine_start(m));
		conform_check_alive(m);
		mapping_wait_count(m, count);
		check_many(m, count);
	}
	for (uint32_t i = 0; i < count; i++)
		mapping_unmap(m, i + 1, (uint64_t)i * MAPPING_SIZE);
	mapping_check_works(c, m, 100, 0);
	conform_end(c, m);
}

/* What is under way is done before the pause or after it. */
static void paused_in_flight(struct conform *c)
{
	const uint32_t count = how_many(c->variant);
	struct kit_machine *m = mapping_machine(c, c->variant);
	struct kit_command *commands[40];
	for (uint32_t i = 0; i < count; i++)
		mapping_create(m, i + 1, MAPPING_SIZE);
	for (uint32_t i = 0; i < count; i++)
		commands[i] = mapping_send_map(m, i + 1, (uint64_t)i * MAPPING_SIZE);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_pump(&m->kit, 20));
	CHECK_OK(m, kit_machine_start(m));
	mapping_need_channel(c, m);
	for (uint32_t i = 0; i < count; i++)
		CHECK_TYPE(m, mapping_answer(m, commands[i]), VIRTIO_GPU_RESP_OK_MAP_INFO);
	mapping_wait_count(m, count);
	for (uint32_t i = 0; i < count; i++)
		commands[i] = mapping_send_unmap(m, i + 1);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_pump(&m->kit, 20));
	CHECK_OK(m, kit_machine_start(m));
	mapping_need_channel(c, m);
	for (uint32_t i = 0; i < count; i++)
		CHECK_GOOD(m, mapping_answer(m, commands[i]));
	mapping_wait_count(m, 0);
	conform_end(c, m);
}

/* With more than the VMM's table has places for. */
static void reset_many(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	map_many(m, 20);
	CHECK_OK(m, kit_machine_reset(m));
	mapping_wait_count(m, 0);
	mapping_context(c, m, MAPPING_CONTEXT);
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* The next VMM has a window of its own. */
static void disconnected(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	for (uint32_t round = 0; round < 3; round++) {
		map_many(m, COUNT);
		kit_command_forget(mapping_send_unmap(m, 1));
		CHECK_OK(m, kit_machine_reconnect(m));
		CHECK_INT(m->vmm.channel.map_count, 0);
		CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 2));
		mapping_context(c, m, MAPPING_CONTEXT);
	}
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* Whatever it answers at last: QEMU ends when it has more than 512 pieces of memory. */
static void as_many_as_there_may_be(struct conform *c)
{
	enum { MOST = 480 };
	struct kit_machine *m = mapping_machine(c, c->variant);
	uint32_t count = 0;
	int type = VIRTIO_GPU_RESP_OK_MAP_INFO;
	while (count < MOST && type == VIRTIO_GPU_RESP_OK_MAP_INFO) {
		mapping_create(m, count + 1, KIT_PAGE);
		type = mapping_try(m, count + 1, (uint64_t)count * KIT_PAGE);
		count += type == VIRTIO_GPU_RESP_OK_MAP_INFO;
	}
	if (type == VIRTIO_GPU_RESP_OK_MAP_INFO)
		kit_check_failed(KIT_HERE, "%u blobs are mapped, and there is no end", count);
	CHECK(count >= 16);
	mapping_unmap(m, 1, 0);
	CHECK_TYPE(m, mapping_try(m, count + 1, (uint64_t)count * KIT_PAGE),
		VIRTIO_GPU_RESP_OK_MAP_INFO);
	for (uint32_t i = 1; i <= count; i++)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
	mapping_wait_count(m, 0);
	conform_end(c, m);
}

#define UNREF  "virtio 1.4, 5.7.6.8: RESOURCE_UNREF: "
#define PAUSED "QEMU 11.1 ends when it is asked to map or unmap while the device is stopped"
#define MAPS                                                                                       \
	.features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB), .protocol = CONFORM_PROTOCOL(SHMEM),     \
	.needs = CONFORM_NEEDS_MAPPED
#define MANY                                                                                       \
	.features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB), .protocol = CONFORM_PROTOCOL(SHMEM),     \
	.needs = CONFORM_NEEDS_MAPPED | CONFORM_NEEDS_MANY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "unref", UNREF "what is mapped of it goes as well", unref, mapping_vmm_names, MAPS,
		HOSTILE },
	{ "context_destroyed", UNREF "a resource lives until then", context_destroyed,
		mapping_vmm_names, MAPS, HOSTILE },
	{ "detached", UNREF "a resource lives until then", detached, MAPS },
	{ "reset", "QEMU drops mappings when the guest resets the device, crosvm does not", reset,
		mapping_vmm_names, MAPS, HOSTILE },
	{ "reset_in_flight", "a guest may be reset at any time", reset_in_flight, mapping_vmm_names,
		MAPS, HOSTILE },
	{ "paused", PAUSED, paused, mapping_vmm_names, MAPS },
	{ "paused_in_flight", PAUSED, paused_in_flight, mapping_vmm_names, MAPS, HOSTILE },
	{ "reset_many", PAUSED, reset_many, mapping_vmm_names, MAPS, HOSTILE },
	{ "disconnected", "a VMM that is gone has no mappings", disconnected, mapping_vmm_names,
		MANY, HOSTILE },
	{ "as_many_as_there_may_be", "QEMU 11.1 has 512 places for memory, and ends with more",
		as_many_as_there_may_be, mapping_vmm_names, MAPS, HOSTILE },
};
DEFINE_CONFORM_PART(mapping, ends, cases);
