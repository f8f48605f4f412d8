/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device towards the OpenGL renderer's process (device_side.h), whose library is played, and so is the
 * server of Vulkan, if there is one. Command streams are pieces of a recorded one, with other words here and
 * there, and transfers of any size.
 */
#include <string.h>
#include <sys/socket.h>

#include "device_side.h"
#include "library_played.h"
#include "test.h"
#include "util/checked.h"
#include "util/fd.h"
#include "venus/report.h"
#include "virgl.h"

#define MOST_WORDS 200u
#define TRANSFER   14u /* words behind the first, of the longest of them */

static int server; /* its end of the socket; -1: closed */

/* Where the command of the recorded stream begins that is the nth. */
static uint32_t find_command(const struct played_stream *stream, uint32_t n)
{
	uint32_t at = 0;
	while (n-- > 0 && at < stream->count)
		at += 1 + (stream->words[at] >> 16);
	return at < stream->count ? at : 0;
}

static uint32_t put_recorded(struct fuzz_input *input, uint32_t *words, uint32_t room)
{
	const struct played_stream *stream = library_played_stream();
	uint32_t at = find_command(stream, fuzz_below(input, 24));
	uint32_t count = min_u32(room, min_u32(stream->count - at, 1 + (stream->words[at] >> 16)));
	if (count == 0) {
		words[0] = fuzz_number(input);
		return 1;
	}
	memcpy(words, stream->words + at, count * sizeof(*words));
	if (fuzz_bit(input))
		words[fuzz_u8(input) % count] = fuzz_number(input);
	return count;
}

/* RESOURCE_INLINE_WRITE, TRANSFER3D, COPY_TRANSFER3D. */
static uint32_t put_transfer(struct fuzz_input *input, uint32_t *words, uint32_t room)
{
	static const uint32_t numbers[] = { 9, 43, 45 };
	uint32_t count = min_u32(room, 1 + TRANSFER);
	memset(words, 0, count * sizeof(*words));
	if (count < 1 + TRANSFER)
		return count;
	words[0] = numbers[fuzz_below(input, ARRAY_SIZE(numbers))] | TRANSFER << 16;
	words[1] = 1 + fuzz_below(input, 3);
	for (uint32_t i = 9; i < 11; i++)
		words[i] = 1 + fuzz_below(input, 8);
	words[11] = 1;
	for (uint32_t n = fuzz_below(input, 6); n > 0; n--)
		words[1 + fuzz_below(input, TRANSFER)] = fuzz_number(input);
	return count;
}

static void fill_stream(struct fuzz_input *input, uint32_t *words, uint32_t count)
{
	uint32_t at = 0;
	while (at < count)
		at += fuzz_bit(input) ? put_transfer(input, words + at, count - at)
				      : put_recorded(input, words + at, count - at);
}

/* It says something, mostly what it should, and may end then. */
static int start_server(struct fuzz_input *input)
{
	uint8_t odd = fuzz_u8(input);
	if (odd & 1)
		return -1;
	int socks[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	struct venus_report report = {
		.version = VENUS_REPORT_VERSION + ((odd & 0xf2) == 0xf2),
		.status = (odd & 0x32) == 0x32 ? -ENODEV : 0,
		.can_map_opaque = odd >> 2 & 1,
		.opaque_offset = fuzz_number64(input) << 12,
	};
	memset(report.text, 'x', odd & 8 ? sizeof(report.text) : 8);
	size_t size = (odd & 0xf8) == 0xf8 ? fuzz_u8(input) : sizeof(report);
	if (size > 0)
		CHECK_INT(send(socks[1], &report, size, 0), size);
	if (size == 0 || odd & 16)
		fd_close(&socks[1]);
	server = socks[1];
	return socks[0];
}

static void end_server(void)
{
	fd_close(&server);
}

static struct renderer *create(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	const struct virgl_args args = {
		.loop = loop,
		.render_node = -1,
		.server = start_server(device_side_input()),
		.events = events,
		.events_data = events_data,
	};
	return virgl_renderer_create(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct device_side side = { create, fill_stream, MOST_WORDS, end_server };
	server = -1;
	device_side_run(bytes, size, &side);
	return 0;
}
