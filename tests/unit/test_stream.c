/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How a session takes its messages from the socket: cut, joined, never read. */
#include "test.h"

#include <sys/socket.h>

#include "loop/loop.h"
#include "rig.h"

/* two numbers of 32 bits */
#define PAIR(low, high) ((uint64_t)(low) | (uint64_t)(high) << 32)

/* A whole start of a VMM, composed beforehand. */
struct script {
	struct {
		size_t end; /* of the message in bytes */
		int fd; /* -1 or not owned */
	} messages[16];
	size_t count;
	uint8_t bytes[1024];
	size_t size;
};

static void add_message(
	struct script *script, uint32_t request, const void *payload, size_t size, int fd)
{
	script->size += peer_compose(script->bytes + script->size, request, 0, payload, size);
	script->messages[script->count].end = script->size;
	script->messages[script->count++].fd = fd;
}

static struct script boot_script(void)
{
	struct script script = { 0 };
	const uint64_t features =
		VHOST_BIT(VIRTIO_F_VERSION_1) | VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	const uint64_t protocol = VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIG);
	const uint64_t table[5] = { 1, RIG_GUEST, RIG_MEMORY, RIG_USER, 0 };
	const uint64_t num = PAIR(0, RIG_SIZE), base = 0, zero = 0, enable = PAIR(0, 1);
	const struct virtqueue_addresses ring = vring_addresses(&rig.rings[0]);
	const uint64_t addresses[5] = { 0, ring.descriptors, ring.used, ring.available, 0 };
	add_message(&script, VHOST_USER_SET_OWNER, NULL, 0, -1);
	add_message(&script, VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, 8, -1);
	add_message(&script, VHOST_USER_SET_FEATURES, &features, 8, -1);
	add_message(&script, VHOST_USER_SET_MEM_TABLE, table, sizeof(table), rig.memory_fd);
	add_message(&script, VHOST_USER_SET_VRING_NUM, &num, 8, -1);
	add_message(&script, VHOST_USER_SET_VRING_ADDR, addresses, sizeof(addresses), -1);
	add_message(&script, VHOST_USER_SET_VRING_BASE, &base, 8, -1);
	add_message(&script, VHOST_USER_SET_VRING_CALL, &zero, 8, rig.calls[0]);
	add_message(&script, VHOST_USER_SET_VRING_KICK, &zero, 8, rig.kicks[0]);
	add_message(&script, VHOST_USER_SET_VRING_ENABLE, &enable, 8, -1);
	return script;
}

/* Sends bytes [0, end) of the script, at most step at once and never over the end of a message
 * that is followed by one with a descriptor. */
static void play(const struct script *script, size_t end, size_t step)
{
	size_t message = 0, start = 0, at = 0;
	while (at < end) {
		if (at == script->messages[message].end) {
			start = at;
			message++;
		}
		size_t limit = script->messages[message].end;
		for (size_t i = message + 1; i < script->count && script->messages[i].fd < 0; i++)
			limit = script->messages[i].end;
		size_t size = min_size(min_size(step, limit - at), end - at);
		int fd = script->messages[message].fd;
		peer_send_bytes(rig.peer, script->bytes + at, size, &fd, at == start && fd >= 0);
		at += size;
		while (at > script->messages[message].end)
			start = script->messages[message++].end;
		CHECK_INT(loop_round(rig.loop, 0), 0);
	}
	for (int i = 0; i < 12; i++)
		CHECK_INT(loop_round(rig.loop, 0), 0);
}

static void takes_messages_however_they_are_cut(void)
{
	static const size_t steps[] = { 1, 3, 12, 13, 100, 1000 };
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		rig_setup();
		struct script script = boot_script();
		play(&script, script.size, steps[i]);
		rig_echo(0);
		rig_teardown();
	}
}

static void ends_at_any_byte(void)
{
	rig_setup();
	struct script script = boot_script();
	size_t size = script.size;
	rig_teardown();
	for (size_t end = 0; end <= size; end++) {
		rig_setup();
		script = boot_script();
		play(&script, end, 1000);
		rig_teardown(); /* counts descriptors */
	}
}

static void ends_when_answers_are_not_read(void)
{
	rig_setup();
	for (int i = 0; i < 100000 && !rig.ended; i++) {
		const struct vhost_user_header header = { VHOST_USER_GET_FEATURES,
			VHOST_USER_VERSION, 0 };
		if (send(rig.peer, &header, sizeof(header), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			CHECK(errno == EAGAIN || errno == EPIPE);
		CHECK_INT(loop_round(rig.loop, 0), 0);
	}
	CHECK_INT(rig.ended, 1);
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(takes_messages_however_they_are_cut),
		TEST_CASE(ends_at_any_byte),
		TEST_CASE(ends_when_answers_are_not_read),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
