/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Questions to the peer, one at a time, in the order they were asked.
 *
 * A peer may leave a question without an answer, and may also be just slow. When the time of a
 * question that was sent is over, the peer is asked for its protocol features again: it answers in
 * order, so once that answer is there, the late one cannot come any more and the next question may
 * be asked. Before that, a late answer is dropped. The first question of all is the one for the
 * features.
 */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stddef.h>
#include <string.h>

#include "display/internal.h"
#include "loop/loop.h"
#include "util/log.h"

static_assert(sizeof(struct virtio_gpu_resp_display_info) == VHOST_USER_GPU_DISPLAY_INFO_SIZE,
	"wire size");
static_assert(sizeof(struct virtio_gpu_resp_edid) == VHOST_USER_GPU_EDID_REPLY_SIZE, "wire size");
static_assert(VIRTIO_GPU_MAX_SCANOUTS == DISPLAY_MAX_SCANOUTS, "one mode each");

static struct question *nth_question(struct display_questions *q, uint32_t n)
{
	return &q->queue[(q->first + n) % DISPLAY_QUESTIONS_MAX];
}

/* Arms the timer for the first question, if there is one. */
static void restart_timer(struct display_questions *q)
{
	uint64_t now = loop_now_ms();
	if (q->count > 0) {
		uint64_t deadline = nth_question(q, 0)->deadline_ms;
		loop_timer_arm(q->timer, deadline > now ? deadline - now : 0);
	} else {
		loop_timer_disarm(q->timer);
	}
}

/* The peer has answered something, or the question in front is gone: the others' time begins
 * anew. */
static void restart_clocks(struct display_questions *q)
{
	uint64_t deadline = loop_now_ms() + DISPLAY_REPLY_MS;
	for (uint32_t i = 0; i < q->count; i++)
		nth_question(q, i)->deadline_ms = deadline;
	restart_timer(q);
}

static struct question take_first(struct display_questions *q)
{
	assert(q->count > 0);
	struct question question = *nth_question(q, 0);
	q->first = (q->first + 1) % DISPLAY_QUESTIONS_MAX;
	q->count--;
	return question;
}

static void answer_error(const struct question *question, int status)
{
	if (question->kind == QUESTION_INFO)
		question->info_fn(question->data, status, NULL);
	else
		question->edid_fn(question->data, status, NULL, 0);
}

static void on_timer(void *data)
{
	struct display *display = data;
	struct display_questions *q = &display->questions;
	uint64_t now = loop_now_ms();
	display_enter(display);
	if (q->asking == ASKING_QUESTION) {
		struct question question = take_first(q);
		q->asking = ASKING_FEATURES_DUE;
		q->late = question.kind;
		restart_clocks(q);
		display_want_flush(display);
		answer_error(&question, -ETIMEDOUT);
	} else {
		/* The peer does not even answer what came before. */
		while (display_open(display) && q->count > 0 &&
			nth_question(q, 0)->deadline_ms <= now) {
			struct question question = take_first(q);
			answer_error(&question, -ETIMEDOUT);
		}
		if (display_open(display))
			restart_timer(q);
	}
	display_leave(display);
}

int display_questions_init(struct display *display)
{
	struct display_questions *q = &display->questions;
	q->asking = ASKING_FEATURES_DUE;
	q->timer = loop_add_timer(display->loop, on_timer, display);
	return q->timer ? 0 : -ENOMEM;
}

void display_questions_finish(struct display *display)
{
	struct display_questions *q = &display->questions;
	loop_source_destroy(q->timer);
	q->timer = NULL;
	while (q->count > 0) {
		struct question question = take_first(q);
		answer_error(&question, -ECONNRESET);
	}
}

static int ask(struct display *display, const struct question *question)
{
	struct display_questions *q = &display->questions;
	if (!display_open(display))
		return -ENOTCONN;
	if (q->count == DISPLAY_QUESTIONS_MAX)
		return -ENOMEM;
	struct question *last = nth_question(q, q->count++);
	*last = *question;
	last->deadline_ms = loop_now_ms() + DISPLAY_REPLY_MS;
	if (q->count == 1)
		restart_timer(q);
	display_want_flush(display);
	return 0;
}

int display_get_info(struct display *display, display_info_fn fn, void *data)
{
	const struct question question = { .kind = QUESTION_INFO, .info_fn = fn, .data = data };
	return ask(display, &question);
}

int display_get_edid(struct display *display, uint32_t scanout, display_edid_fn fn, void *data)
{
	assert(scanout < DISPLAY_MAX_SCANOUTS);
	const struct question question = {
		.kind = QUESTION_EDID,
		.scanout = scanout,
		.edid_fn = fn,
		.data = data,
	};
	return ask(display, &question);
}

void display_questions_settle(struct display *display)
{
	struct display_questions *q = &display->questions;
	bool edid = display->features >> VHOST_USER_GPU_PROTOCOL_F_EDID & 1;
	while (display_open(display) && q->asking == ASKING_NOTHING && q->count > 0 &&
		nth_question(q, 0)->kind == QUESTION_EDID && !edid) {
		struct question question = take_first(q);
		restart_clocks(q);
		answer_error(&question, -EOPNOTSUPP);
	}
}

static void put_question(struct display *display, const struct question *question)
{
	const struct vhost_user_gpu_edid_request request = { question->scanout };
	if (question->kind == QUESTION_EDID)
		display_output_put(display, VHOST_USER_GPU_GET_EDID, &request, sizeof(request), 0);
	else
		display_output_put(display, VHOST_USER_GPU_GET_DISPLAY_INFO, NULL, 0, 0);
}

bool display_questions_put(struct display *display)
{
	struct display_questions *q = &display->questions;
	if (display->features_due) {
		display->features_due = false;
		display_output_put(display, VHOST_USER_GPU_SET_PROTOCOL_FEATURES,
			&display->features, sizeof(display->features), 0);
		return true;
	}
	if (q->asking == ASKING_FEATURES_DUE) {
		q->asking = ASKING_FEATURES;
		display_output_put(display, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0, 0);
		return true;
	}
	if (q->asking != ASKING_NOTHING || q->count == 0)
		return false;
	q->asking = ASKING_QUESTION;
	put_question(display, nth_question(q, 0));
	return true;
}

int display_questions_features(struct display *display, const uint8_t *payload)
{
	struct display_questions *q = &display->questions;
	uint64_t features;
	if (q->asking != ASKING_FEATURES)
		return -EPROTO;
	memcpy(&features, payload, sizeof(features));
	q->asking = ASKING_NOTHING;
	q->late = QUESTION_NONE;
	if (!display->features_known)
		display_set_features(display, features);
	restart_clocks(q);
	display_want_flush(display);
	return 0;
}

/* An answer of this kind has come. *ret_question is what it answers; -EAGAIN when it is too late
 * for that, -EPROTO when nobody asked. */
static int match_answer(
	struct display *display, enum question_kind kind, struct question *ret_question)
{
	struct display_questions *q = &display->questions;
	if (q->asking == ASKING_QUESTION && nth_question(q, 0)->kind == kind) {
		*ret_question = take_first(q);
		q->asking = ASKING_NOTHING;
		restart_clocks(q);
		display_want_flush(display);
		return 0;
	}
	if (q->late != kind)
		return -EPROTO;
	q->late = QUESTION_NONE;
	return -EAGAIN;
}

int display_questions_info(struct display *display, const uint8_t *payload)
{
	struct question question;
	int error = match_answer(display, QUESTION_INFO, &question);
	if (error)
		return error == -EAGAIN ? 0 : error;
	struct virtio_gpu_resp_display_info info;
	struct display_mode modes[DISPLAY_MAX_SCANOUTS];
	memcpy(&info, payload, sizeof(info));
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++) {
		const struct virtio_gpu_display_one *one = &info.pmodes[i];
		modes[i] = (struct display_mode){
			.rect = { le32toh(one->r.x), le32toh(one->r.y), le32toh(one->r.width),
				le32toh(one->r.height) },
			.enabled = one->enabled != 0,
			.flags = le32toh(one->flags),
		};
	}
	question.info_fn(question.data, 0, modes);
	return 0;
}

int display_questions_edid(struct display *display, const uint8_t *payload)
{
	struct question question;
	int error = match_answer(display, QUESTION_EDID, &question);
	if (error)
		return error == -EAGAIN ? 0 : error;
	struct virtio_gpu_resp_edid reply;
	memcpy(&reply, payload, sizeof(reply));
	uint32_t size = le32toh(reply.size);
	if (size < 1 || size > DISPLAY_EDID_MAX) {
		log_limited(LOG_WARN, "the display says that an EDID has %u bytes", size);
		question.edid_fn(question.data, -EPROTO, NULL, 0);
		return 0;
	}
	question.edid_fn(question.data, 0, reply.edid, size);
	return 0;
}
