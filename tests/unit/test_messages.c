/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transfer_rig.h"
#include "util/fd.h"

#define NUM(number) ((uint64_t)(number))

enum kind {
	NO_FD,
	EVENT_FD,
	SOCKET_FD,
	MEMORY_FD,
	FILE_FD,
};

/* A well-formed message of each kind that is served. */
struct sample {
	uint32_t request;
	uint32_t size;
	uint64_t words[6];
	enum kind fd;
	uint32_t answer; /* bytes of its own answer, or BARE: it has none; 0: it has no answer */
};

#define BARE UINT32_MAX

/* two numbers of 32 bits */
#define PAIR(low, high) (NUM(low) | NUM(high) << 32)

static const struct sample samples[] = {
	{ VHOST_USER_GET_FEATURES, 0, { 0 }, NO_FD, 8 },
	{ VHOST_USER_SET_FEATURES, 8, { UINT64_C(0x170000003) }, NO_FD, 0 },
	{ VHOST_USER_SET_OWNER, 0, { 0 }, NO_FD, 0 },
	{ VHOST_USER_RESET_OWNER, 0, { 0 }, NO_FD, 0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, RIG_MEMORY, RIG_USER, 0 }, MEMORY_FD, 0 },
	{ VHOST_USER_SET_VRING_NUM, 8, { PAIR(0, 64) }, NO_FD, 0 },
	{ VHOST_USER_SET_VRING_ADDR, 40, { 1, RIG_USER, RIG_USER + 0x1000, RIG_USER + 0x2000 },
		NO_FD, 0 },
	{ VHOST_USER_SET_VRING_BASE, 8, { PAIR(1, 65535) }, NO_FD, 0 },
	{ VHOST_USER_GET_VRING_BASE, 8, { PAIR(1, 0) }, NO_FD, 8 },
	{ VHOST_USER_SET_VRING_KICK, 8, { 1 }, EVENT_FD, 0 },
	{ VHOST_USER_SET_VRING_CALL, 8, { 1 }, EVENT_FD, 0 },
	{ VHOST_USER_SET_VRING_ERR, 8, { 0 }, EVENT_FD, 0 },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, 0, { 0 }, NO_FD, 8 },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, 8, { 0xa629 }, NO_FD, 0 },
	{ VHOST_USER_GET_QUEUE_NUM, 0, { 0 }, NO_FD, 8 },
	{ VHOST_USER_SET_VRING_ENABLE, 8, { PAIR(1, 1) }, NO_FD, 0 },
	{ VHOST_USER_SET_BACKEND_REQ_FD, 0, { 0 }, SOCKET_FD, 0 },
	{ VHOST_USER_GET_CONFIG, 20, { PAIR(4, 8), 0, 0 }, NO_FD, 20 },
	{ VHOST_USER_SET_CONFIG, 20, { PAIR(4, 8), 0, 0 }, NO_FD, 0 },
	{ VHOST_USER_GPU_SET_SOCKET, 0, { 0 }, SOCKET_FD, 0 },
	{ VHOST_USER_RESET_DEVICE, 0, { 0 }, NO_FD, 0 },
	{ VHOST_USER_GET_MAX_MEM_SLOTS, 0, { 0 }, NO_FD, 8 },
	{ VHOST_USER_ADD_MEM_REG, 40, { 0, 4096, 4096, 4096, 0 }, MEMORY_FD, 0 },
	{ VHOST_USER_REM_MEM_REG, 40, { 0, RIG_GUEST, RIG_MEMORY, RIG_USER, 0 }, NO_FD, 0 },
	{ VHOST_USER_SET_DEVICE_STATE_FD, 8, { PAIR(0, 0) }, FILE_FD, 8 },
	{ VHOST_USER_CHECK_DEVICE_STATE, 0, { 0 }, NO_FD, 8 },
	{ VHOST_USER_GET_SHARED_OBJECT, 16, { 1, 2 }, NO_FD, BARE },
	{ VHOST_USER_GET_SHMEM_CONFIG, 0, { 0 }, NO_FD, sizeof(struct vhost_user_shmem_config) },
};

static int make_fd(enum kind kind)
{
	int ours, theirs;
	switch (kind) {
	case EVENT_FD:
		return fd_eventfd();
	case MEMORY_FD:
		return fd_dup(rig.memory_fd);
	case FILE_FD:
		return memfd_create("file", MFD_CLOEXEC);
	case SOCKET_FD:
		peer_pair(&ours, &theirs);
		fd_close(&theirs);
		return ours;
	case NO_FD:
		break;
	}
	return -1;
}

/* Everything is negotiated and queue 1 could start. */
static void setup(void)
{
	rig.memory_slots = rig.shares = true;
	transfer_setup(1000);
	rig_share_memory();
	rig_set_queue(1, 0);
	CHECK(!rig.ended);
}

/* Sends bytes of payload with a number of descriptors of the kind (or eventfds). */
static void send_sample(const struct sample *sample, uint32_t flags, size_t size, size_t fd_count)
{
	uint8_t payload[VHOST_USER_MAX_PAYLOAD] = { 0 };
	uint8_t bytes[sizeof(payload) + 12];
	int fds[10];
	memcpy(payload, sample->words, sizeof(sample->words));
	for (size_t i = 0; i < fd_count; i++)
		fds[i] = make_fd(sample->fd == NO_FD ? EVENT_FD : sample->fd);
	size = peer_compose(bytes, sample->request, flags, payload, size);
	peer_send_bytes(rig.peer, bytes, size, fds, fd_count);
	fd_close_all(fds, fd_count);
	rig_run();
}

static size_t own_size(const struct sample *sample)
{
	return sample->answer == BARE ? 0 : sample->answer;
}

static void serves_every_request(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *sample = &samples[i];
		setup();
		send_sample(sample, 0, sample->size, sample->fd != NO_FD);
		CHECK(!rig.ended);
		uint8_t answer[VHOST_USER_MAX_PAYLOAD];
		if (sample->answer)
			rig_answer(sample->request, answer, own_size(sample));
		CHECK(rig_silent());
		rig_teardown();
	}
}

static void acknowledges_every_request(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *sample = &samples[i];
		setup();
		send_sample(sample, VHOST_USER_NEED_REPLY_MASK, sample->size, sample->fd != NO_FD);
		uint64_t status[VHOST_USER_MAX_PAYLOAD / sizeof(uint64_t)] = { 0 };
		rig_answer(sample->request, status, sample->answer ? own_size(sample) : 8);
		if (!sample->answer)
			CHECK_INT(status[0], 0);
		CHECK(rig_silent());
		CHECK(!rig.ended);
		rig_teardown();
	}
}

static void acknowledges_only_what_was_negotiated(void)
{
	rig_setup();
	rig_send_u64(VHOST_USER_SET_PROTOCOL_FEATURES, 0);
	peer_send(rig.peer, VHOST_USER_SET_OWNER, VHOST_USER_NEED_REPLY_MASK, NULL, 0);
	rig_run();
	CHECK(rig_silent());
	CHECK(!rig.ended);
	rig_teardown();
}

static void refuses_wrong_sizes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *sample = &samples[i];
		const size_t wrong[] = { 0, 1, sample->size - 1, sample->size + 1, sample->size + 8,
			VHOST_USER_MAX_PAYLOAD };
		for (size_t j = 0; j < ARRAY_SIZE(wrong); j++) {
			if (wrong[j] == sample->size || wrong[j] > VHOST_USER_MAX_PAYLOAD ||
				(sample->answer == BARE && wrong[j] == 0))
				continue;
			setup();
			int log = rig_log_begin();
			send_sample(sample, 0, wrong[j], sample->fd != NO_FD);
			rig_log_check(log, " bytes");
			rig_teardown();
		}
	}
}

static void refuses_wrong_descriptors(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *sample = &samples[i];
		for (size_t fd_count = 0; fd_count < 10; fd_count++) {
			bool may_have_one =
				sample->fd != NO_FD || sample->request == VHOST_USER_REM_MEM_REG;
			if (fd_count == (sample->fd != NO_FD) || (may_have_one && fd_count == 1))
				continue;
			setup();
			int log = rig_log_begin();
			send_sample(sample, 0, sample->size, fd_count);
			rig_log_check(log, "descriptors");
			rig_teardown();
		}
	}
}

static void refuses_answers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		setup();
		int log = rig_log_begin();
		send_sample(&samples[i], VHOST_USER_REPLY_MASK, samples[i].size,
			samples[i].fd != NO_FD);
		rig_log_check(log, "an answer to nothing");
		rig_teardown();
	}
}

static void refuses_what_was_not_negotiated(void)
{
	static const uint32_t requests[] = { VHOST_USER_GET_QUEUE_NUM,
		VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_GET_CONFIG, VHOST_USER_SET_CONFIG,
		VHOST_USER_RESET_DEVICE, VHOST_USER_GET_MAX_MEM_SLOTS, VHOST_USER_ADD_MEM_REG,
		VHOST_USER_REM_MEM_REG, VHOST_USER_GET_SHARED_OBJECT, VHOST_USER_GET_SHMEM_CONFIG };
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(requests); j++) {
			if (samples[i].request != requests[j])
				continue;
			setup();
			rig_send_u64(VHOST_USER_SET_PROTOCOL_FEATURES, 0);
			int log = rig_log_begin();
			send_sample(&samples[i], 0, samples[i].size, samples[i].fd != NO_FD);
			rig_log_check(log, "not negotiated");
			rig_teardown();
		}
	}
}

static bool is_served(uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		if (samples[i].request == request)
			return true;
	return false;
}

static void refuses_unknown_requests(void)
{
	for (uint32_t request = 0; request < 1100; request++) {
		if (is_served(request))
			continue;
		setup();
		int log = rig_log_begin();
		rig_send(request, NULL, 0);
		rig_log_check(log, "unknown request: number ");
		rig_teardown();
	}
	setup();
	int log = rig_log_begin();
	rig_send(UINT32_MAX, NULL, 0);
	rig_log_check(log, "unknown request: number 4294967295");
	rig_teardown();
}

static void tells_of_shared_memory(void)
{
	struct vhost_user_shmem_config config;
	setup();
	rig_send(VHOST_USER_GET_SHMEM_CONFIG, NULL, 0);
	rig_answer(VHOST_USER_GET_SHMEM_CONFIG, &config, sizeof(config));
	CHECK_INT(config.nregions, 2);
	for (uint32_t i = 0; i < VHOST_USER_MAX_SHMEMS; i++)
		CHECK_INT(config.sizes[i],
			i == 1             ? RIG_SHARED_MEMORY
				: i == 255 ? 2 * RIG_SHARED_MEMORY
					   : 0);
	rig_teardown();
}

/* Contents that are wrong although the shape is right. */
static const struct {
	struct sample sample;
	const char *word;
} wrong_contents[] = {
	{ { VHOST_USER_SET_VRING_NUM, 8, { PAIR(0, 0) }, NO_FD, 0 },
		"vhost-user: SET_VRING_NUM: size 0 is not 1 to 32768" },
	{ { VHOST_USER_SET_VRING_NUM, 8, { PAIR(0, 32769) }, NO_FD, 0 }, "size 32769 is not" },
	{ { VHOST_USER_SET_VRING_NUM, 8, { PAIR(0, 65536) }, NO_FD, 0 }, "size 65536 is not" },
	{ { VHOST_USER_SET_VRING_NUM, 8, { PAIR(2, 64) }, NO_FD, 0 }, "no queue 2" },
	{ { VHOST_USER_SET_VRING_NUM, 8, { PAIR(UINT32_MAX, 64) }, NO_FD, 0 }, "no queue" },
	{ { VHOST_USER_SET_VRING_ADDR, 40, { 2 }, NO_FD, 0 }, "no queue 2" },
	{ { VHOST_USER_SET_VRING_BASE, 8, { PAIR(2, 0) }, NO_FD, 0 }, "no queue 2" },
	{ { VHOST_USER_GET_VRING_BASE, 8, { PAIR(2, 0) }, NO_FD, 0 }, "no queue 2" },
	{ { VHOST_USER_SET_VRING_ENABLE, 8, { PAIR(2, 1) }, NO_FD, 0 }, "no queue 2" },
	{ { VHOST_USER_SET_VRING_ENABLE, 8, { PAIR(0, 2) }, NO_FD, 0 }, "neither 0 nor 1" },
	{ { VHOST_USER_SET_VRING_KICK, 8, { 2 }, EVENT_FD, 0 }, "no queue 2" },
	{ { VHOST_USER_SET_VRING_KICK, 8, { 0 }, EVENT_FD, 0 }, "no size or no address" },
	{ { VHOST_USER_SET_VRING_KICK, 8, { 0x101 }, NO_FD, 0 }, "without a kick" },
	{ { VHOST_USER_SET_VRING_KICK, 8, { 0x101 }, EVENT_FD, 0 }, "descriptors" },
	{ { VHOST_USER_SET_VRING_KICK, 8, { 1 }, SOCKET_FD, 0 }, "not an eventfd" },
	{ { VHOST_USER_SET_VRING_CALL, 8, { 255 }, EVENT_FD, 0 }, "no queue 255" },
	{ { VHOST_USER_SET_VRING_CALL, 8, { 1 }, MEMORY_FD, 0 }, "not an eventfd" },
	{ { VHOST_USER_SET_VRING_ERR, 8, { 1 }, SOCKET_FD, 0 }, "not an eventfd" },
	{ { VHOST_USER_SET_VRING_ERR, 8, { 2 }, EVENT_FD, 0 }, "no queue 2" },
	{ { VHOST_USER_SET_BACKEND_REQ_FD, 0, { 0 }, EVENT_FD, 0 }, "not a socket" },
	{ { VHOST_USER_GPU_SET_SOCKET, 0, { 0 }, MEMORY_FD, 0 }, "not a socket" },
	{ { VHOST_USER_SET_PROTOCOL_FEATURES, 8, { NUM(1) << 21 }, NO_FD, 0 }, "not offered" },
	{ { VHOST_USER_SET_PROTOCOL_FEATURES, 8, { 2 }, NO_FD, 0 }, "features 0x2 were not" },
	{ { VHOST_USER_SET_FEATURES, 8, { 8 }, NO_FD, 0 }, "features 0x8 were not offered" },
	{ { VHOST_USER_SET_FEATURES, 8, { NUM(1) << 63 }, NO_FD, 0 }, "not offered" },
	{ { VHOST_USER_SET_FEATURES, 8, { NUM(1) << 50 }, NO_FD, 0 }, "not offered" },
	{ { VHOST_USER_SET_FEATURES, 8, { NUM(1) << 26 }, NO_FD, 0 }, "logging" },
	{ { VHOST_USER_GET_CONFIG, 20, { PAIR(0, 9) }, NO_FD, 0 }, "9 bytes" },
	{ { VHOST_USER_GET_CONFIG, 20, { PAIR(0, UINT32_MAX) }, NO_FD, 0 }, "bytes" },
	{ { VHOST_USER_SET_CONFIG, 20, { PAIR(0, 7) }, NO_FD, 0 }, "7 bytes" },
	{ { VHOST_USER_SET_MEM_TABLE, 40, { 2, RIG_GUEST, RIG_MEMORY, RIG_USER }, MEMORY_FD, 0 },
		"2 regions" },
	{ { VHOST_USER_SET_MEM_TABLE, 40, { UINT32_MAX }, MEMORY_FD, 0 }, "regions" },
	{ { VHOST_USER_SET_MEM_TABLE, 40, { 0 }, MEMORY_FD, 0 }, "0 regions" },
};

static void refuses_wrong_contents(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong_contents); i++) {
		const struct sample *sample = &wrong_contents[i].sample;
		setup();
		int log = rig_log_begin();
		/* asking for an acknowledgement does not help */
		send_sample(sample, i & 1 ? VHOST_USER_NEED_REPLY_MASK : 0, sample->size,
			sample->fd != NO_FD);
		rig_log_check(log, wrong_contents[i].word);
		CHECK(rig_silent());
		rig_teardown();
	}
}

/* Regions that cannot be served: an error for who wants to know, else the end. */
static const struct sample wrong_regions[] = {
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, 0, RIG_USER, 0 }, MEMORY_FD, 0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, RIG_MEMORY + 1, RIG_USER, 0 }, MEMORY_FD,
		0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, RIG_MEMORY, RIG_USER, 4096 }, MEMORY_FD,
		0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, NUM(1) << 63, RIG_USER, 0 }, MEMORY_FD, 0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, UINT64_MAX, 4096, RIG_USER, 0 }, MEMORY_FD, 0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, 4096, RIG_USER, 1 }, MEMORY_FD, 0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, 4096, RIG_USER, 0 }, EVENT_FD, 0 },
	{ VHOST_USER_SET_MEM_TABLE, 40, { 1, RIG_GUEST, 4096, RIG_USER, 0 }, SOCKET_FD, 0 },
	{ VHOST_USER_ADD_MEM_REG, 40, { 0, RIG_GUEST, 4096, 4096, 0 }, MEMORY_FD, 0 },
	{ VHOST_USER_ADD_MEM_REG, 40, { 0, 4096, 4096, RIG_USER, 0 }, MEMORY_FD, 0 },
	{ VHOST_USER_ADD_MEM_REG, 40, { 0, 4096, 4096, 4096, RIG_MEMORY }, MEMORY_FD, 0 },
	{ VHOST_USER_REM_MEM_REG, 40, { 0, RIG_GUEST, 4096, RIG_USER, 0 }, NO_FD, 0 },
	{ VHOST_USER_REM_MEM_REG, 40, { 0, 4096, RIG_MEMORY, RIG_USER, 0 }, NO_FD, 0 },
};

static void refuses_wrong_regions(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong_regions); i++) {
		const struct sample *sample = &wrong_regions[i];
		setup();
		send_sample(sample, VHOST_USER_NEED_REPLY_MASK, sample->size, sample->fd != NO_FD);
		uint64_t status = 0;
		rig_answer(sample->request, &status, sizeof(status));
		CHECK(status != 0);
		CHECK(!rig.ended);
		/* what was there still is */
		CHECK_INT(vhost_session_memory(rig.session)->count, 1);
		CHECK_INT(rig.device.memory_changes, 1);

		int log = rig_log_begin();
		send_sample(sample, 0, sample->size, sample->fd != NO_FD);
		rig_log_check(log, "region");
		rig_teardown();
	}
}

static void takes_transport_features_it_did_not_offer(void)
{
	setup();
	rig_send_u64(VHOST_USER_SET_FEATURES,
		VHOST_BIT(VIRTIO_F_RING_RESET) | VHOST_BIT(VIRTIO_F_IN_ORDER) |
			VHOST_BIT(VIRTIO_F_VERSION_1));
	CHECK(!rig.ended);
	rig_teardown();
}

static void keeps_features_of_running_queues(void)
{
	rig_setup();
	rig_boot();
	rig_send_u64(VHOST_USER_SET_FEATURES, rig.device.features);
	CHECK(!rig.ended);
	CHECK_INT(rig.device.set_features, 1);
	rig_echo(0);
	int log = rig_log_begin();
	rig_send_u64(VHOST_USER_SET_FEATURES, rig.device.features & ~UINT64_C(1));
	rig_log_check(log, "change while queues run");
	rig_teardown();
}

static void keeps_running_queues_as_they_are(void)
{
	static const struct sample changes[] = {
		{ VHOST_USER_SET_VRING_NUM, 8, { PAIR(0, 32) }, NO_FD, 0 },
		{ VHOST_USER_SET_VRING_BASE, 8, { PAIR(0, 7) }, NO_FD, 0 },
		{ VHOST_USER_SET_VRING_ADDR, 40, { 0, RIG_USER, RIG_USER, RIG_USER }, NO_FD, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		rig_setup();
		rig_boot();
		int log = rig_log_begin();
		send_sample(&changes[i], 0, changes[i].size, 0);
		rig_log_check(log, "queue 0 runs");
		rig_teardown();
	}
}

static void manages_memory_slots(void)
{
	setup();
	CHECK_INT(rig_ask_u64(VHOST_USER_GET_MAX_MEM_SLOTS), VHOST_MEMORY_MAX_REGIONS);
	struct vhost_memory *memory = vhost_session_memory(rig.session);
	const struct vhost_region *first = memory->regions[0];
	uint32_t id = first->id;
	struct vhost_user_single_region slot = {
		.region = { .guest_address = 4096, .size = 4096, .user_address = 4096 }
	};
	rig_send_fd(VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot), rig.memory_fd);
	memory = vhost_session_memory(rig.session);
	CHECK_INT(memory->count, 2);
	CHECK(memory->regions[0] == first);
	/* the same again: a descriptor with REM_MEM_REG is allowed */
	rig_send_fd(VHOST_USER_REM_MEM_REG, &slot, sizeof(slot), rig.memory_fd);
	CHECK_INT(vhost_session_memory(rig.session)->count, 1);
	CHECK(rig_silent());
	rig_share_memory();
	memory = vhost_session_memory(rig.session);
	CHECK_INT(memory->regions[0]->id, id);
	CHECK_INT(rig.device.memory_changes, 4);

	for (uint32_t i = 1; i < VHOST_MEMORY_MAX_REGIONS; i++) {
		slot.region.guest_address = slot.region.user_address = (1000 + i) * UINT64_C(4096);
		rig_send_fd(VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot), rig.memory_fd);
	}
	CHECK_INT(vhost_session_memory(rig.session)->count, VHOST_MEMORY_MAX_REGIONS);
	int log = rig_log_begin();
	slot.region.guest_address = slot.region.user_address = 4096;
	rig_send_fd(VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot), rig.memory_fd);
	rig_log_check(log, "too many regions");
	rig_teardown();
}

/* Headers and payloads of random numbers, half of them with the right shape. */
static void survives_random_messages(void)
{
	srandom(7);
	for (int round = 0; round < 300; round++) {
		setup();
		int log = rig_log_begin();
		for (int i = 0; i < 50 && !rig.ended; i++) {
			struct sample sample = samples[(size_t)random() % ARRAY_SIZE(samples)];
			for (size_t j = 0; j < ARRAY_SIZE(sample.words); j++)
				if (random() % 4 == 0)
					sample.words[j] = (uint64_t)random() >> (random() & 31);
			size_t size = random() % 20 ? sample.size : (size_t)random() % 300;
			size_t fds = random() % 20 ? sample.fd != NO_FD : (size_t)random() % 9;
			send_sample(&sample, random() & VHOST_USER_NEED_REPLY_MASK, size, fds);
			while (!rig_silent())
				;
		}
		char text[64];
		rig_log_end(log, text, sizeof(text));
		rig_teardown();
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(serves_every_request),
		TEST_CASE(acknowledges_every_request),
		TEST_CASE(acknowledges_only_what_was_negotiated),
		TEST_CASE(refuses_wrong_sizes),
		TEST_CASE(refuses_wrong_descriptors),
		TEST_CASE(refuses_answers),
		TEST_CASE(refuses_what_was_not_negotiated),
		TEST_CASE(refuses_unknown_requests),
		TEST_CASE(tells_of_shared_memory),
		TEST_CASE(refuses_wrong_contents),
		TEST_CASE(refuses_wrong_regions),
		TEST_CASE(takes_transport_features_it_did_not_offer),
		TEST_CASE(keeps_features_of_running_queues),
		TEST_CASE(keeps_running_queues_as_they_are),
		TEST_CASE(manages_memory_slots),
		TEST_CASE(survives_random_messages),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
