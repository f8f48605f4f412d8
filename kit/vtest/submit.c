/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Command streams. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kit/vtest/commands.h"
#include "kit/vtest/stream.h"
#include "kit/vtest/sync.h"
#include "util/checked.h"

#define MAX_BATCHES 1024u

static bool speaks_virgl(const struct client *client)
{
	return client->capset <= VIRTIO_GPU_CAPSET_VIRGL2;
}

static int send_stream(struct client *client, struct virtio_gpu_ctrl_hdr header,
	const struct kit_request *stream, client_done_fn done, void *data)
{
	const struct virtio_gpu_cmd_submit submit = { .hdr = header, .size = stream->tail_size };
	const struct kit_request request = {
		.head = &submit,
		.head_size = sizeof(submit),
		.tail = stream->tail,
		.tail_size = stream->tail_size,
	};
	return client_send(client, &request, done, data);
}

int submit_take(struct client *client, const uint32_t *words, uint32_t count)
{
	const struct kit_request stream = { .tail = words, .tail_size = count * 4 };
	int ret = speaks_virgl(client) ? stream_prepare(client, words, count) : 0;
	return ret < 0 ? ret
		       : send_stream(client, client_fence(client, VIRTIO_GPU_CMD_SUBMIT_3D, 0),
				 &stream, NULL, NULL);
}

/* --- batches ------------------------------------------------------------------------------- */

/* What is signalled when a batch is done. */
struct signals {
	uint32_t count;
	struct vtest_sync_value values[];
};

static void on_batch(struct client *client, void *data, bool ok)
{
	struct signals *signals = data;
	for (uint32_t i = 0; i < signals->count && ok; i++)
		sync_signal(client, signals->values[i].id, sync_value(&signals->values[i]));
	free(signals);
}

static struct signals *copy_signals(const uint32_t *words, const struct vtest_batch *batch)
{
	struct signals *signals =
		malloc(sizeof(*signals) + batch->sync_count * sizeof(signals->values[0]));
	if (!signals)
		return NULL;
	signals->count = batch->sync_count;
	memcpy(signals->values, words + batch->sync_offset,
		batch->sync_count * sizeof(signals->values[0]));
	return signals;
}

static int judge_batch(const struct client *client, const struct vtest_batch *batch, uint32_t count)
{
	uint32_t known = VCMD_SUBMIT_CMD2_FLAG_RING_IDX;
	if (batch->flags & ~known)
		return client_fail(client, ENOTSUP, "a batch with flags %#x", batch->flags);
	if (!range_inside(batch->cmd_offset, batch->cmd_size, count) ||
		!range_inside(batch->sync_offset,
			(uint64_t)batch->sync_count * VTEST_SYNC_VALUE_WORDS, count) ||
		(batch->flags && batch->ring_idx >= VIRTIO_GPU_MAX_RINGS))
		return client_fail(client, EINVAL, "a batch that reaches out of its message");
	return 0;
}

static int judge_signals(const struct client *client, const struct signals *signals)
{
	for (uint32_t i = 0; i < signals->count; i++)
		if (!sync_exists(client, signals->values[i].id))
			return client_fail(
				client, ESRCH, "no sync object %u", signals->values[i].id);
	return 0;
}

static int take_batch(struct client *client, const struct vtest_batch *batch, const uint32_t *words)
{
	const uint32_t *commands = words + batch->cmd_offset;
	const struct kit_request stream = { .tail = commands, .tail_size = batch->cmd_size * 4 };
	struct virtio_gpu_ctrl_hdr header = batch->flags & VCMD_SUBMIT_CMD2_FLAG_RING_IDX
		? client_fence(client, VIRTIO_GPU_CMD_SUBMIT_3D, batch->ring_idx)
		: kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, client->id);
	struct signals *signals = copy_signals(words, batch);
	if (!signals)
		return -ENOMEM;
	int ret = judge_signals(client, signals);
	if (ret == 0 && speaks_virgl(client))
		ret = stream_prepare(client, commands, batch->cmd_size);
	if (ret == 0)
		ret = send_stream(client, header, &stream, on_batch, signals);
	if (ret < 0)
		free(signals);
	return ret;
}

int submit_take2(struct client *client, const uint32_t *words, uint32_t count)
{
	uint32_t stride = client->asked_version < VTEST_PROTOCOL_VERSION_BATCH8
		? VTEST_BATCH_WORDS
		: VTEST_BATCH8_WORDS;
	uint32_t batches = count ? words[0] : 0;
	if (batches > MAX_BATCHES || 1 + batches * stride > count)
		return client_fail(client, EINVAL, "%u batches in %u words", batches, count);
	/* those before next_batch were sent when there was room for no more */
	for (; client->next_batch < batches; client->next_batch++) {
		struct vtest_batch batch;
		memcpy(&batch, words + 1 + client->next_batch * stride, sizeof(batch));
		int ret = judge_batch(client, &batch, count);
		if (ret == 0)
			ret = take_batch(client, &batch, words);
		if (ret < 0)
			return ret;
	}
	return 0;
}
