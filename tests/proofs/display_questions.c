/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Questions to a display peer and its answers (src/display/display_question.c): one event of any kind, which
 * is an answer with any contents, a question asked, the choice of what to send, or a question's time running
 * out, in any state of the queue.
 *
 * An answer is told to who asked, once, and only if it answers the question that was sent; the first one
 * that comes too late is dropped, and what nobody asked for is an error. The queue stays a queue. Of an EDID
 * there are as many bytes as are told, which are at least one and at most what a reply holds; of
 * display information there are 16 modes. While a question waits there is time running for it.
 *
 * #proof tests/proofs/stubs/log.c
 * #cbmc --unwind 5 --unwindset display_questions_info.0:17
 * #bug src/display/display_question.c: if (size < 1 || size > DISPLAY_EDID_MAX) { => if (size < 1) {
 * #bug src/display/display_question.c: q->asking == ASKING_QUESTION && nth_question(q, 0)->kind == kind)
 *	=> nth_question(q, 0)->kind == kind)
 * #bug src/display/display_question.c: if (q->late != kind)
 *	return -EPROTO; =>
 * #bug src/display/display_question.c: if (q->count == DISPLAY_QUESTIONS_MAX) => if (q->count > DISPLAY_QUESTIONS_MAX)
 * #bug src/display/display_question.c: if (q->asking != ASKING_FEATURES) => if (q->asking == ASKING_FEATURES_DUE)
 * #bug src/display/display_question.c: question.edid_fn(question.data, -EPROTO, NULL, 0);
 *	return 0; => question.edid_fn(question.data, -EPROTO, NULL, 0);
 * #bug src/display/display_question.c: if (q->asking != ASKING_NOTHING || q->count == 0) => if (q->asking != ASKING_NOTHING)
 */
#include "display/display_question.c"

#include "peer.h"

#define WAITING 3u
#define FIRST   (DISPLAY_QUESTIONS_MAX - 2)

static struct display display;
static int told, sent, flushes;
static bool timer_armed;

static void on_info(void *data, int status, const struct display_mode *modes)
{
	told++;
	prove(data == &display && status <= 0 && (status < 0) == (modes == NULL));
	prove(!modes || readable(modes, DISPLAY_MAX_SCANOUTS * sizeof(*modes)));
}

static void on_edid(void *data, int status, const uint8_t *edid, uint32_t size)
{
	told++;
	prove(data == &display && status <= 0 && (status < 0) == (edid == NULL));
	prove(!edid || (size >= 1 && size <= DISPLAY_EDID_MAX && readable(edid, size)));
}

uint64_t loop_now_ms(void)
{
	uint64_t now = nondet_u64();
	assume(now <= UINT64_MAX - DISPLAY_REPLY_MS);
	return now;
}

void loop_timer_arm(struct loop_source *timer, uint64_t delay_ms)
{
	timer_armed = true;
}

void loop_timer_disarm(struct loop_source *timer)
{
	timer_armed = false;
}

void loop_source_destroy(struct loop_source *source)
{
}

struct loop_source *loop_add_timer(struct loop *loop, loop_fn fn, void *data)
{
	return NULL;
}

void display_enter(struct display *of)
{
}

void display_leave(struct display *of)
{
}

void display_want_flush(struct display *of)
{
	flushes++;
}

void display_set_features(struct display *of, uint64_t features)
{
	display.features_known = true;
}

void display_output_put(
	struct display *of, uint32_t request, const void *payload, size_t size, size_t more)
{
	sent++;
	prove((size == 0 || readable(payload, size)) && more == 0);
	prove(size <= sizeof(uint64_t));
}

static bool is_consistent(void)
{
	const struct display_questions *q = &display.questions;
	return q->first < DISPLAY_QUESTIONS_MAX && q->count <= DISPLAY_QUESTIONS_MAX &&
		q->asking <= ASKING_QUESTION && q->late <= QUESTION_EDID &&
		(q->asking != ASKING_QUESTION || (q->count > 0 && q->late == QUESTION_NONE)) &&
		(q->asking != ASKING_NOTHING || q->late == QUESTION_NONE) &&
		(q->count == 0 || timer_armed);
}

static void any_question(struct question *question)
{
	question->kind = nondet_bool() ? QUESTION_INFO : QUESTION_EDID;
	question->info_fn = on_info;
	question->edid_fn = on_edid;
	question->data = &display;
	question->scanout = any_below(DISPLAY_MAX_SCANOUTS);
}

static void an_answer_comes(void)
{
	static uint8_t payload[VHOST_USER_GPU_EDID_REPLY_SIZE];
	struct display_questions *q = &display.questions;
	enum asking_state asking = q->asking;
	enum question_kind late = q->late, kind = nondet_bool() ? QUESTION_INFO : QUESTION_EDID;
	bool is_first = q->count > 0 && nth_question(q, 0)->kind == kind;
	uint32_t count = q->count;
	ANY_VALUE(payload);
	int error = kind == QUESTION_INFO ? display_questions_info(&display, payload)
					  : display_questions_edid(&display, payload);
	bool asked = asking == ASKING_QUESTION && is_first;
	prove(told == asked && q->count == count - asked);
	prove(error == (asked || late == kind ? 0 : -EPROTO));
	prove(asked || error || q->late == QUESTION_NONE);
}

static void features_come(void)
{
	uint8_t payload[sizeof(uint64_t)];
	enum asking_state asking = display.questions.asking;
	int error = display_questions_features(&display, payload);
	prove(told == 0 && (error == 0) == (asking == ASKING_FEATURES));
}

static void something_is_asked(uint32_t count)
{
	display.questions.count = count;
	assume(is_consistent());
	int error = nondet_bool()
		? display_get_info(&display, on_info, &display)
		: display_get_edid(&display, any_below(DISPLAY_MAX_SCANOUTS), on_edid, &display);
	prove(told == 0 && display.questions.count == count + (error == 0));
	prove(error == 0 || count == DISPLAY_QUESTIONS_MAX);
}

static void something_is_sent(void)
{
	bool any = display_questions_put(&display);
	prove(sent == any && told == 0);
}

void proof(void)
{
	struct display_questions *q = &display.questions;
	q->first = FIRST;
	q->count = any_below(WAITING + 1);
	q->asking = (enum asking_state)nondet_int();
	q->late = (enum question_kind)nondet_int();
	display.features = nondet_u64();
	display.features_due = nondet_bool();
	timer_armed = nondet_bool();
	assume(is_consistent());
	any_question(&q->queue[FIRST]);

	switch (any_below(6)) {
	case 0:
		an_answer_comes();
		break;
	case 1:
		features_come();
		break;
	case 2:
		something_is_asked(0);
		break;
	case 3:
		something_is_asked(WAITING);
		break;
	case 4:
		something_is_asked(DISPLAY_QUESTIONS_MAX);
		break;
	case 5:
		something_is_sent();
		break;
	}
	prove(is_consistent());
}
