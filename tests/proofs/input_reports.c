/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What an input device (viewer/input_device.c) does with the requests of its queues, with a guest that gives any
 * number of them, or breaks the queue, at any time.
 *
 * A report of any events either fills one request for each and one for SYN_REPORT, in the order in which they came, or
 * puts back each that it took, the last one first. Of what the guest says about LEDs, 32 are known, whatever it says; no
 * more is taken at a time than a portion, each answered without bytes, and the rest is not forgotten.
 *
 * #proof tests/proofs/stubs/request.c
 * #cbmc --unwind 5 --unwindset serve_status.0:66 --no-conversion-check
 * #bug viewer/input_device.c: virtqueue_unpop(requests[--got]); => { virtqueue_unpop(requests[0]); got--; }
 * #bug viewer/input_device.c: while (got <= report->count && ret == 1) { => while (got < report->count && ret == 1) {
 * #bug viewer/input_device.c: send_event(requests[report->count], &end); =>
 * #bug viewer/input_device.c: if (code < KEY_CNT) => if (code <= KEY_CNT)
 * #bug viewer/input_device.c: le16toh(wire.code) < 32) { => le16toh(wire.code) <= 32) {
 * #bug viewer/input_device.c: while (count < STATUS_PORTION && ( => while ((
 * #bug viewer/input_device.c: if (count == STATUS_PORTION || ret == -ENOMEM) => if (ret == -ENOMEM)
 */
#include "short_queue.h"

#include "input_device.c"

#include "peer.h"

static struct input_device device;
static struct virtqueue events_queue, status_queue;
static struct vq_request requests[INPUT_REPORT_EVENTS + 1], status_request;
static uint32_t popped, answered; /* of requests[] */
static uint32_t statuses, completed;
static bool ends; /* the last answer was SYN_REPORT */
static bool armed;

int virtqueue_pop(struct virtqueue *queue, struct vq_request **ret_request)
{
	if (nondet_bool())
		return nondet_bool() ? -EPROTO : nondet_bool() ? -ENOMEM : 0;
	if (queue == &status_queue) {
		statuses++;
		status_request.readable_left = nondet_u64();
		*ret_request = &status_request;
		return 1;
	}
	prove(answered == 0 && popped <= INPUT_REPORT_EVENTS);
	*ret_request = &requests[popped++];
	return 1;
}

void virtqueue_unpop(struct vq_request *request)
{
	prove(popped > 0 && answered == 0 && request == &requests[popped - 1]);
	popped--;
}

void vq_request_complete(struct vq_request *request, const void *answer, size_t size)
{
	if (request == &status_request) {
		prove(size == 0);
		completed++;
		prove(completed == statuses);
		return;
	}
	const struct virtio_input_event *event = answer;
	prove(size == sizeof(*event) && readable(answer, size));
	prove(answered < popped && request == &requests[answered]);
	ends = event->type == htole16(EV_SYN) && event->code == htole16(SYN_REPORT);
	answered++;
}

void vhost_session_completed(struct vhost_session *session, struct virtqueue *queue)
{
	prove(queue == &status_queue && statuses > 0);
}

void loop_timer_arm(struct loop_source *timer, uint64_t delay_ms)
{
	armed = true;
}

void proof(void)
{
	struct report report;
	ANY_VALUE(report);
	report.count = any_size(1, INPUT_REPORT_EVENTS);
	device.queues[QUEUE_EVENTS] = &events_queue;
	int status = send_report(&device, &report);
	prove(status == 1 ? answered == report.count + 1 && popped == answered && ends
			  : popped == 0 && answered == 0);

	device.queues[QUEUE_STATUS] = nondet_bool() ? &status_queue : NULL;
	device.leds = nondet_u32();
	serve_status(&device);
	prove(statuses <= STATUS_PORTION && (statuses < STATUS_PORTION || armed));
}
