/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* GET_CONFIG and SET_CONFIG: any part of the configuration space. */
#include "test.h"

#include "rig.h"

static void setup(void)
{
	rig_setup();
	rig_negotiate();
}

/* A request for [offset, offset + size) with room for the bytes. */
static size_t compose_config(uint8_t *payload, uint32_t offset, uint32_t size, uint32_t flags)
{
	const struct vhost_user_config_header header = { offset, size, flags };
	memcpy(payload, &header, sizeof(header));
	memset(payload + sizeof(header), 0xee, size);
	return sizeof(header) + size;
}

static void check_config(uint32_t offset, uint32_t size, uint32_t flags)
{
	uint8_t payload[sizeof(struct vhost_user_config_header) + VHOST_USER_MAX_CONFIG_SIZE];
	uint8_t answer[sizeof(payload)];
	size_t length = compose_config(payload, offset, size, flags);
	rig_send(VHOST_USER_GET_CONFIG, payload, length);
	rig_answer(VHOST_USER_GET_CONFIG, answer, length);
	CHECK_MEM(answer, payload, sizeof(struct vhost_user_config_header));
	for (uint32_t i = 0; i < size; i++) {
		uint8_t expected = offset + i < RIG_CONFIG ? rig.device.config[offset + i] : 0;
		CHECK_INT(answer[sizeof(struct vhost_user_config_header) + i], expected);
	}
}

static void reads_the_configuration(void)
{
	setup();
	for (uint32_t i = 0; i < RIG_CONFIG; i++)
		rig.device.config[i] = (uint8_t)(i + 1);
	check_config(0, RIG_CONFIG, 0);
	check_config(0, RIG_CONFIG, 1);
	check_config(4, 4, 1);
	check_config(0, RIG_CONFIG + 4, 0);
	check_config(RIG_CONFIG, 4, 0);
	check_config(0, 256, 0);
	check_config(256, 0, 0);
	check_config(0, 0, 0);
	static const uint32_t beyond[][2] = { { 1, 256 }, { 253, 4 }, { 257, 0 }, { UINT32_MAX, 4 },
		{ UINT32_MAX - 3, 4 } };
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		uint8_t payload[300];
		size_t length = compose_config(payload, beyond[i][0], beyond[i][1], 0);
		rig_send(VHOST_USER_GET_CONFIG, payload, length);
		rig_answer(VHOST_USER_GET_CONFIG, payload, 0);
	}
	CHECK(!rig.ended);
	rig_teardown();
}

/* Each offset with each size: what there is, or an empty answer. */
static void reads_every_part_of_the_configuration(void)
{
	setup();
	for (uint32_t i = 0; i < RIG_CONFIG; i++)
		rig.device.config[i] = (uint8_t)(i + 1);
	for (uint32_t offset = 0; offset <= VHOST_USER_MAX_CONFIG_SIZE; offset++)
		for (uint32_t size = 0; size <= VHOST_USER_MAX_CONFIG_SIZE; size++) {
			uint8_t payload[300];
			uint32_t flags = (offset + size) % 2;
			if (offset + size <= VHOST_USER_MAX_CONFIG_SIZE) {
				check_config(offset, size, flags);
				continue;
			}
			size_t length = compose_config(payload, offset, size, flags);
			rig_send(VHOST_USER_GET_CONFIG, payload, length);
			rig_answer(VHOST_USER_GET_CONFIG, payload, 0);
		}
	CHECK(!rig.ended);
	rig_teardown();
}

/* The same of writes, as far as they are no violation. */
static void writes_every_part_of_the_configuration(void)
{
	uint8_t payload[300], expected[RIG_CONFIG];
	setup();
	for (uint32_t offset = 0; offset <= VHOST_USER_MAX_CONFIG_SIZE; offset++)
		for (uint32_t size = 0; offset + size <= VHOST_USER_MAX_CONFIG_SIZE; size++) {
			memset(rig.device.config, 0, RIG_CONFIG);
			memset(expected, 0, RIG_CONFIG);
			if (offset < RIG_CONFIG)
				memset(expected + offset, 0xee, min_u32(size, RIG_CONFIG - offset));
			size_t length = compose_config(payload, offset, size, size % 2);
			rig_send(VHOST_USER_SET_CONFIG, payload, length);
			CHECK_MEM(rig.device.config, expected, RIG_CONFIG);
		}
	CHECK(!rig.ended);
	rig_teardown();
}

static void writes_the_configuration(void)
{
	setup();
	uint8_t payload[300];
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, 4, 4, 1));
	CHECK_MEM(rig.device.config, "\0\0\0\0\xee\xee\xee\xee\0", 9);
	/* what lies behind the device's fields is left out */
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, RIG_CONFIG - 1, 8, 0));
	CHECK_MEM(rig.device.config + RIG_CONFIG - 2, "\0\xee", 2);
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, RIG_CONFIG, 8, 0));
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, RIG_CONFIG + 4, 8, 0));
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, 249, 8, 0));
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, 0x1000, 8, 0));
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, UINT32_MAX, 8, 0));
	rig_send(VHOST_USER_SET_CONFIG, payload, compose_config(payload, 0, 0, 0));
	CHECK_INT(rig.device.config[0], 0);
	CHECK(!rig.ended);
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(reads_the_configuration),
		TEST_CASE(reads_every_part_of_the_configuration),
		TEST_CASE(writes_the_configuration),
		TEST_CASE(writes_every_part_of_the_configuration),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
