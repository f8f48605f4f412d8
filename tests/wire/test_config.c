/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The configuration space, as this daemon fills it. */
#include "wire.h"

#define CONFIG_SIZE (uint32_t)sizeof(struct virtio_gpu_config)
#define CONFIG_ROOM VHOST_USER_MAX_CONFIG_SIZE

static struct kit_machine *realized(void)
{
	return wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

static void whole(void)
{
	struct kit_machine *m = realized();
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
		struct kit_machine *m = wire_machine("none",
			&(struct kit_machine_spec){
				.profile = profiles[i], .stage = KIT_STAGE_REALIZED });
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

/* Sizes in the message that do not agree with each other. */
static void inner_size_differs(void)
{
	static const uint32_t sizes[] = { 0, 3, 5, 255, 257, 0x80000000, UINT32_MAX };
	static const uint32_t requests[] = { VHOST_USER_GET_CONFIG, VHOST_USER_SET_CONFIG };
	struct kit_machine *m = realized();
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

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(whole),
		TEST_CASE(capsets_of_a_renderer),
		TEST_CASE(every_part),
		TEST_CASE(inner_size_differs),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
