/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Questions to the peer: answers that are right, wrong, late or missing. */
#include <stdlib.h>
#include <sys/socket.h>

#include "display_peer.h"
#include "util/fd.h"

#define MAX_OPEN 64

/* What one question came to. */
struct outcome {
	struct peer *peer;
	int calls;
	int status;
	struct display_mode modes[DISPLAY_MAX_SCANOUTS];
	uint8_t edid[DISPLAY_EDID_MAX];
	uint32_t size;
	bool destroy; /* the display, from inside */
	int closed_before;
};

static void got_any(struct outcome *outcome, int status)
{
	outcome->calls++;
	outcome->status = status;
	outcome->closed_before = outcome->peer->closed;
	if (outcome->destroy) {
		display_destroy(outcome->peer->display);
		outcome->peer->display = NULL;
	}
}

static void got_info(void *data, int status, const struct display_mode *modes)
{
	struct outcome *outcome = data;
	CHECK((status == 0) == (modes != NULL));
	if (modes)
		memcpy(outcome->modes, modes, sizeof(outcome->modes));
	got_any(outcome, status);
}

static void got_edid(void *data, int status, const uint8_t *edid, uint32_t size)
{
	struct outcome *outcome = data;
	CHECK((status == 0) == (edid != NULL));
	CHECK((status == 0) == (size > 0));
	if (edid)
		memcpy(outcome->edid, edid, size);
	outcome->size = size;
	got_any(outcome, status);
}

static struct outcome outcome_for(struct peer *peer)
{
	return (struct outcome){ .peer = peer };
}

/* Fills answers with bytes that tell where they are. */
static void fill_answer(uint8_t *answer, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		answer[i] = (uint8_t)(i * 5 + 1);
}

static void put_u32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
}

static void answer_info(struct peer *peer)
{
	uint8_t answer[VHOST_USER_GPU_DISPLAY_INFO_SIZE] = { 0 };
	peer_answer(peer, VHOST_USER_GPU_GET_DISPLAY_INFO, answer, sizeof(answer));
}

static void answer_edid(struct peer *peer, uint32_t size)
{
	uint8_t answer[VHOST_USER_GPU_EDID_REPLY_SIZE];
	fill_answer(answer, sizeof(answer));
	put_u32(answer + 24, size);
	peer_answer(peer, VHOST_USER_GPU_GET_EDID, answer, sizeof(answer));
}

static void answer_features(struct peer *peer)
{
	const uint64_t features = PEER_FEATURES_ALL;
	peer_answer(peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
}

static void expect_edid_question(struct peer *peer, uint32_t scanout)
{
	peer_expect(peer, VHOST_USER_GPU_GET_EDID, sizeof(scanout));
	CHECK_MEM(peer->payload, &scanout, sizeof(scanout));
}

static void tells_modes(void)
{
	uint8_t answer[VHOST_USER_GPU_DISPLAY_INFO_SIZE] = { 0 };
	struct peer peer;
	struct outcome info = outcome_for(&peer);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	put_u32(answer + 24 + 8, 1920);
	put_u32(answer + 24 + 12, 1080);
	put_u32(answer + 24 + 16, 1);
	uint8_t *last = answer + 24 + 15 * 24;
	for (uint32_t i = 0; i < 6; i++)
		put_u32(last + 4 * i, UINT32_MAX - i);
	CHECK_INT(display_get_info(peer.display, got_info, &info), 0);
	CHECK_INT(info.calls, 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	CHECK_INT(info.calls, 0);
	peer_answer(&peer, VHOST_USER_GPU_GET_DISPLAY_INFO, answer, sizeof(answer));
	CHECK_INT(info.calls, 1);
	CHECK_INT(info.status, 0);
	CHECK_INT(info.modes[0].rect.w, 1920);
	CHECK_INT(info.modes[0].rect.h, 1080);
	CHECK(info.modes[0].enabled && !info.modes[1].enabled && info.modes[15].enabled);
	CHECK_INT(info.modes[15].rect.x, UINT32_MAX);
	CHECK_INT(info.modes[15].rect.h, UINT32_MAX - 3);
	CHECK_INT(info.modes[15].flags, UINT32_MAX - 5);
	peer_finish(&peer);
}

static void tells_edids(void)
{
	static const uint32_t sizes[] = { 1, 128, 1024 };
	uint8_t answer[VHOST_USER_GPU_EDID_REPLY_SIZE];
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	fill_answer(answer, sizeof(answer));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct outcome edid = outcome_for(&peer);
		CHECK_INT(display_get_edid(peer.display, 15, got_edid, &edid), 0);
		expect_edid_question(&peer, 15);
		answer_edid(&peer, sizes[i]);
		CHECK_INT(edid.calls, 1);
		CHECK_INT(edid.status, 0);
		CHECK_INT(edid.size, sizes[i]);
		CHECK_MEM(edid.edid, answer + 32, sizes[i]);
	}
	peer_finish(&peer);
}

static void refuses_edid_sizes(void)
{
	static const uint32_t sizes[] = { 0, 1025, UINT32_MAX };
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct outcome edid = outcome_for(&peer);
		CHECK_INT(display_get_edid(peer.display, 0, got_edid, &edid), 0);
		expect_edid_question(&peer, 0);
		answer_edid(&peer, sizes[i]);
		CHECK_INT(edid.calls, 1);
		CHECK_INT(edid.status, -EPROTO);
	}
	CHECK_INT(peer.closed, 0); /* the stream is still good */
	peer_finish(&peer);
}

static void knows_peers_without_edid(void)
{
	struct peer peer;
	struct outcome first = outcome_for(&peer), second = outcome_for(&peer);
	struct outcome info = outcome_for(&peer);
	peer_open_with(&peer, 1u << VHOST_USER_GPU_PROTOCOL_F_DMABUF2);
	CHECK_INT(display_get_edid(peer.display, 0, got_edid, &first), 0);
	CHECK_INT(display_get_edid(peer.display, 1, got_edid, &second), 0);
	CHECK_INT(display_get_info(peer.display, got_info, &info), 0);
	CHECK_INT(first.calls + second.calls, 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	CHECK_INT(first.status, -EOPNOTSUPP);
	CHECK_INT(second.status, -EOPNOTSUPP);
	CHECK_INT(first.calls + second.calls, 2);
	answer_info(&peer);
	CHECK_INT(info.calls, 1);
	CHECK_INT(info.status, 0);
	peer_finish(&peer);
}

static void asks_one_after_the_other(void)
{
	struct peer peer;
	struct outcome edids[2] = { outcome_for(&peer), outcome_for(&peer) };
	struct outcome info = outcome_for(&peer);
	peer_open(&peer);
	CHECK_INT(display_get_edid(peer.display, 1, got_edid, &edids[0]), 0);
	CHECK_INT(display_get_info(peer.display, got_info, &info), 0);
	CHECK_INT(display_get_edid(peer.display, 2, got_edid, &edids[1]), 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_expect_nothing(&peer); /* an EDID depends on the features */
	answer_features(&peer);
	peer_expect(&peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 8);
	expect_edid_question(&peer, 1);
	peer_expect_nothing(&peer);
	answer_edid(&peer, 128);
	CHECK_INT(edids[0].calls, 1);
	peer_expect(&peer, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	peer_expect_nothing(&peer);
	answer_info(&peer);
	CHECK_INT(info.calls, 1);
	expect_edid_question(&peer, 2);
	CHECK_INT(edids[1].calls, 0);
	answer_edid(&peer, 256);
	CHECK_INT(edids[1].size, 256);
	peer_finish(&peer);
}

static void takes_answers_byte_by_byte(void)
{
	uint8_t answer[12 + VHOST_USER_GPU_EDID_REPLY_SIZE];
	struct peer peer;
	struct outcome edid = outcome_for(&peer);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK_INT(display_get_edid(peer.display, 0, got_edid, &edid), 0);
	expect_edid_question(&peer, 0);
	fill_answer(answer, sizeof(answer));
	put_u32(answer, VHOST_USER_GPU_GET_EDID);
	put_u32(answer + 4, VHOST_USER_GPU_FLAG_REPLY);
	put_u32(answer + 8, VHOST_USER_GPU_EDID_REPLY_SIZE);
	put_u32(answer + 12 + 24, 1024);
	for (size_t i = 0; i < sizeof(answer); i++) {
		CHECK_INT(edid.calls, 0);
		peer_send(&peer, answer + i, 1);
		CHECK_INT(loop_round(peer.loop, 0), 0);
	}
	CHECK_INT(edid.calls, 1);
	CHECK_INT(edid.size, 1024);
	CHECK_MEM(edid.edid, answer + 12 + 32, 1024);
	peer_finish(&peer);
}

static void bounds_open_questions(void)
{
	struct peer peer;
	struct outcome outcomes[MAX_OPEN + 1];
	peer_open_with(&peer, PEER_FEATURES_ALL);
	for (int i = 0; i < MAX_OPEN; i++) {
		outcomes[i] = outcome_for(&peer);
		CHECK_INT(display_get_info(peer.display, got_info, &outcomes[i]), 0);
	}
	outcomes[MAX_OPEN] = outcome_for(&peer);
	CHECK_INT(display_get_info(peer.display, got_info, &outcomes[MAX_OPEN]), -ENOMEM);
	CHECK_INT(display_get_edid(peer.display, 0, got_edid, &outcomes[MAX_OPEN]), -ENOMEM);
	for (int i = 0; i < MAX_OPEN; i++) {
		peer_expect(&peer, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
		answer_info(&peer);
		CHECK_INT(outcomes[i].calls, 1);
	}
	CHECK_INT(outcomes[MAX_OPEN].calls, 0);
	peer_finish(&peer);
}

static void drops_late_answers(void)
{
	struct peer peer;
	struct outcome late = outcome_for(&peer), next = outcome_for(&peer);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK_INT(display_get_edid(peer.display, 7, got_edid, &late), 0);
	CHECK_INT(display_get_edid(peer.display, 0, got_edid, &next), 0);
	expect_edid_question(&peer, 7);
	peer_wait(&peer, DISPLAY_REPLY_MS - 200);
	CHECK_INT(late.calls, 0);
	peer_wait(&peer, 400);
	CHECK_INT(late.calls, 1);
	CHECK_INT(late.status, -ETIMEDOUT);
	CHECK_INT(next.calls, 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_expect_nothing(&peer);
	answer_edid(&peer, 1024); /* the late one */
	CHECK_INT(next.calls, 0);
	answer_features(&peer);
	expect_edid_question(&peer, 0);
	answer_edid(&peer, 128);
	CHECK_INT(next.calls, 1);
	CHECK_INT(next.status, 0);
	CHECK_INT(next.size, 128);
	CHECK_INT(late.calls, 1);
	peer_finish(&peer);
}

static void refuses_answers_after_the_barrier(void)
{
	struct peer peer;
	struct outcome late = outcome_for(&peer);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK_INT(display_get_edid(peer.display, 7, got_edid, &late), 0);
	expect_edid_question(&peer, 7);
	peer_wait(&peer, DISPLAY_REPLY_MS + 100);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	answer_features(&peer);
	CHECK_INT(peer.closed, 0);
	answer_edid(&peer, 128);
	CHECK_INT(peer.closed, 1);
	peer_finish(&peer);
}

static void survives_silence(void)
{
	struct peer peer;
	struct outcome first = outcome_for(&peer), second = outcome_for(&peer);
	struct outcome third = outcome_for(&peer);
	peer_open(&peer);
	CHECK_INT(display_get_info(peer.display, got_info, &first), 0);
	CHECK_INT(display_get_edid(peer.display, 0, got_edid, &second), 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_wait(&peer, DISPLAY_REPLY_MS + 100);
	CHECK_INT(first.status, -ETIMEDOUT);
	CHECK_INT(second.status, -ETIMEDOUT);
	CHECK_INT(first.calls + second.calls, 2);
	CHECK_INT(peer.closed, 0);

	CHECK_INT(display_get_info(peer.display, got_info, &third), 0);
	peer_expect_nothing(&peer);
	answer_features(&peer);
	peer_expect(&peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 8);
	peer_expect(&peer, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	answer_info(&peer);
	CHECK_INT(third.status, 0);
	CHECK_INT(third.calls, 1);
	peer_finish(&peer);
}

/* What a peer may not say; `asked` is an EDID question that is open meanwhile. */
static const struct odd_answer {
	uint32_t request, flags, size;
	bool asked;
} odd_answers[] = {
	{ VHOST_USER_GPU_GET_EDID, 0, 1056, true },
	{ VHOST_USER_GPU_GET_EDID, 1, 1056, true },
	{ VHOST_USER_GPU_GET_EDID, 4, 1055, true },
	{ VHOST_USER_GPU_GET_EDID, 4, 1057, true },
	{ VHOST_USER_GPU_GET_EDID, 4, 0, true },
	{ VHOST_USER_GPU_GET_EDID, 4, UINT32_MAX, true },
	{ VHOST_USER_GPU_GET_DISPLAY_INFO, 4, 408, true },
	{ VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, 8, true },
	{ VHOST_USER_GPU_DMABUF_UPDATE, 4, 0, true },
	{ VHOST_USER_GPU_DMABUF_UPDATE, 4, 1, true },
	{ VHOST_USER_GPU_GET_EDID, 4, 1056, false },
	{ VHOST_USER_GPU_GET_DISPLAY_INFO, 4, 408, false },
	{ VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, 8, false },
	{ VHOST_USER_GPU_DMABUF_UPDATE, 4, 0, false },
	{ VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 4, 0, false },
	{ VHOST_USER_GPU_UPDATE, 4, 0, false },
	{ 0, 4, 0, false },
	{ 13, 4, 0, false },
	{ UINT32_MAX, UINT32_MAX, UINT32_MAX, false },
};

static void ends_at_odd_answers(void)
{
	static uint8_t payload[2000];
	for (size_t i = 0; i < ARRAY_SIZE(odd_answers); i++) {
		const struct odd_answer *odd = &odd_answers[i];
		const struct vhost_user_gpu_header header = { odd->request, odd->flags, odd->size };
		struct peer peer;
		struct outcome edid = outcome_for(&peer);
		peer_open_with(&peer, PEER_FEATURES_ALL);
		if (odd->asked) {
			CHECK_INT(display_get_edid(peer.display, 0, got_edid, &edid), 0);
			expect_edid_question(&peer, 0);
		}
		peer_send(&peer, &header, sizeof(header));
		if (odd->size > 0)
			peer_send(&peer, payload, min_size(odd->size, sizeof(payload)));
		peer_run(&peer);
		if (peer.closed != 1)
			test_fail(__FILE__, __LINE__, "answer %zu was taken", i);
		CHECK_INT(edid.calls, odd->asked);
		if (odd->asked) {
			CHECK_INT(edid.status, -ECONNRESET);
			CHECK_INT(edid.closed_before, 0); /* questions first */
		}
		CHECK_INT(display_get_info(peer.display, got_info, &edid), -ENOTCONN);
		CHECK_INT(edid.calls, odd->asked);
		peer_finish(&peer);
	}
}

static void refuses_late_answers_twice(void)
{
	struct peer peer;
	struct outcome late = outcome_for(&peer);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK_INT(display_get_edid(peer.display, 7, got_edid, &late), 0);
	expect_edid_question(&peer, 7);
	peer_wait(&peer, DISPLAY_REPLY_MS + 100);
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	answer_edid(&peer, 128);
	CHECK_INT(peer.closed, 0);
	answer_edid(&peer, 128);
	CHECK_INT(peer.closed, 1);
	peer_finish(&peer);
}

static void ignores_descriptors(void)
{
	const struct vhost_user_gpu_header answer = { VHOST_USER_GPU_GET_PROTOCOL_FEATURES,
		VHOST_USER_GPU_FLAG_REPLY, 8 };
	const uint64_t features = PEER_FEATURES_ALL;
	struct peer peer;
	int fds[2] = { fd_eventfd(), fd_eventfd() };
	peer_open(&peer);
	int before = test_open_fds();
	peer_expect(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	CHECK_INT(fd_send_packet(peer.sock, &answer, sizeof(answer), fds, 2), 0);
	peer_send(&peer, &features, sizeof(features));
	peer_expect(&peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 8);
	CHECK_INT(test_open_fds(), before);
	peer_finish(&peer);
	fd_close_all(fds, 2);
}

static void answers_when_destroyed(void)
{
	struct peer peer;
	struct outcome first = outcome_for(&peer), second = outcome_for(&peer);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK_INT(display_get_info(peer.display, got_info, &first), 0);
	CHECK_INT(display_get_edid(peer.display, 0, got_edid, &second), 0);
	peer_expect(&peer, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	display_destroy(peer.display);
	peer.display = NULL;
	CHECK_INT(first.status, -ECONNRESET);
	CHECK_INT(second.status, -ECONNRESET);
	CHECK_INT(first.calls + second.calls, 2);
	peer_finish(&peer);
	CHECK_INT(peer.closed, 0);
}

/* The callback of a question may destroy the display, however the question ends. */
static void may_be_destroyed_by_callbacks(void)
{
	for (int way = 0; way < 4; way++) {
		struct peer peer;
		struct outcome info = { .peer = &peer, .destroy = true };
		struct outcome other = outcome_for(&peer);
		peer_open_with(&peer, way == 1 ? 0 : PEER_FEATURES_ALL);
		if (way == 1)
			CHECK_INT(display_get_edid(peer.display, 0, got_edid, &info), 0);
		else
			CHECK_INT(display_get_info(peer.display, got_info, &info), 0);
		CHECK_INT(display_get_info(peer.display, got_info, &other), 0);
		peer_run(&peer);
		if (way == 0)
			answer_info(&peer);
		else if (way == 2)
			peer_wait(&peer, DISPLAY_REPLY_MS + 100);
		else if (way == 3)
			peer_close(&peer);
		peer_run(&peer);
		CHECK_INT(info.calls, 1);
		CHECK_INT(other.calls, 1);
		CHECK_INT(other.status, -ECONNRESET);
		CHECK(!peer.display);
		CHECK_INT(peer.closed, 0); /* nobody is there to be told */
		peer_finish(&peer);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(tells_modes),
		TEST_CASE(tells_edids),
		TEST_CASE(refuses_edid_sizes),
		TEST_CASE(knows_peers_without_edid),
		TEST_CASE(asks_one_after_the_other),
		TEST_CASE(takes_answers_byte_by_byte),
		TEST_CASE(bounds_open_questions),
		TEST_CASE(drops_late_answers),
		TEST_CASE(refuses_answers_after_the_barrier),
		TEST_CASE(survives_silence),
		TEST_CASE(ends_at_odd_answers),
		TEST_CASE(refuses_late_answers_twice),
		TEST_CASE(ignores_descriptors),
		TEST_CASE(answers_when_destroyed),
		TEST_CASE(may_be_destroyed_by_callbacks),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
