/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The configuration space: any part of it can be read, whatever the VMM's habits. */
#include "wire.h"

#define CONFIG_SIZE (uint32_t)sizeof(struct virtio_gpu_config)
#define CONFIG_ROOM VHOST_USER_MAX_CONFIG_SIZE

static struct kit_machine *realized(const struct kit_profile *profile)
{
	return wire_machine("none",
		&(struct kit_machine_spec){ .profile = profile, .stage = KIT_STAGE_REALIZED });
}

static void whole(void)
{
	struct kit_machine *m = realized(NULL);
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_INT(config.events_read, 0);
	CHECK_INT(config.events_clear, 0);
	CHECK(config.num_scanouts >= 1 && config.num_scanouts <= VIRTIO_GPU_MAX_SCANOUTS);
	CHECK_INT(config.num_capsets, 0);
	wire_end(m);
}

static void capsets_of_a_renderer(void)
{
	struct kit_machine *m =
		wire_machine("null", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_INT(config.num_capsets, 1);
	wire_end(m);
}

/* QEMU of before virtio 1.4 reads 16 bytes; crosvm sets the flags and reads small pieces. Behind the
 * device's fields there are zeros; what is not within the 256 bytes that there can be is refused. */
static void every_part(void)
{
	static const struct kit_profile *const profiles[] = { &kit_profile_qemu_gpu,
		&kit_profile_crosvm };
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = realized(profiles[i]);
		uint8_t all[2 * CONFIG_ROOM] = { 0 }, part[CONFIG_ROOM];
		CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, all, CONFIG_SIZE));
		for (uint32_t offset = 0; offset <= CONFIG_ROOM; offset++)
			for (uint32_t size = 0; size <= CONFIG_ROOM; size++) {
				int ret = kit_vmm_read_config(&m->vmm, offset, part, size);
				CHECK_INT(ret, offset + size <= CONFIG_ROOM ? 0 : -EREMOTEIO);
				if (ret == 0)
					CHECK_MEM(part, all + offset, size);
			}
		wire_end(m);
	}
}

/* Past the end: refused by an empty answer or padded with zeros; never a hang, never other memory.
 * */
static void past_the_end(void)
{
	static const struct {
		uint32_t offset, size;
	} rows[] = { { 0, CONFIG_SIZE + 1 }, { 0, 256 }, { CONFIG_SIZE - 1, 2 }, { CONFIG_SIZE, 1 },
		{ 255, 1 }, { 256, 4 }, { 0x10000, 4 }, { UINT32_MAX, 1 }, { UINT32_MAX - 3, 8 },
		{ UINT32_MAX, 256 } };
	struct kit_machine *m = realized(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[256];
		int ret = kit_vmm_read_config(&m->vmm, rows[i].offset, bytes, rows[i].size);
		if (ret == -ECONNRESET) {
			CHECK_OK(m, kit_machine_reconnect(m));
			continue;
		}
		CHECK(ret == 0 || ret == -EREMOTEIO);
		for (uint32_t k = 0; ret == 0 && k < rows[i].size; k++)
			CHECK((uint64_t)rows[i].offset + k < CONFIG_SIZE || bytes[k] == 0);
	}
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	wire_end(m);
}

/* Sizes in the message that do not agree with each other. */
static void inner_size_differs(void)
{
	static const uint32_t sizes[] = { 0, 3, 5, 255, 257, 0x80000000, UINT32_MAX };
	static const uint32_t requests[] = { VHOST_USER_GET_CONFIG, VHOST_USER_SET_CONFIG };
	struct kit_machine *m = realized(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(requests); i++) {
		struct kit_message message;
		uint32_t request = requests[i / ARRAY_SIZE(sizes)];
		uint32_t size = sizes[i % ARRAY_SIZE(sizes)];
		CHECK_OK(m, kit_vmm_compose(&m->vmm, request, 0, 4, &message));
		memcpy(message.payload + 4, &size, sizeof(size));
		wire_expect_close(m);
		CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
		wire_check_closed(m, kit_request_spec(request)->name);
	}
	wire_end(m);
}

/* What the driver writes: events_clear takes bits out of events_read, nothing else changes. */
static void writes(void)
{
	struct kit_machine *m = realized(NULL);
	struct virtio_gpu_config before, after;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &before, sizeof(before)));
	struct virtio_gpu_config scribble = { 0xffffffff, VIRTIO_GPU_EVENT_DISPLAY, 99, 99, 99 };
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 0, &scribble, sizeof(scribble)));
	uint32_t clear = VIRTIO_GPU_EVENT_DISPLAY;
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 4, &clear, sizeof(clear)));
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &after, sizeof(after)));
	CHECK_INT(after.events_clear, 0);
	CHECK_INT(after.num_scanouts, before.num_scanouts);
	CHECK_INT(after.num_capsets, before.num_capsets);
	CHECK_INT(after.blob_alignment, before.blob_alignment);
	CHECK_INT(after.events_read & VIRTIO_GPU_EVENT_DISPLAY, 0);
	wire_end(m);
}

/* The configuration can be read while the queues run. */
static void while_running(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_config config;
	for (int i = 0; i < 20; i++) {
		wire_check_alive(m);
		CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	}
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(whole),
		TEST_CASE(capsets_of_a_renderer),
		TEST_CASE(every_part),
		TEST_CASE(past_the_end),
		TEST_CASE(inner_size_differs),
		TEST_CASE(writes),
		TEST_CASE(while_running),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
