/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The kit's display and backend channel, with the test on the backend's end of the socket. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire.h"

/* Receives exactly so many bytes from the kit, serving it meanwhile; false at the end of the file.
 * */
static bool receive(struct kit *kit, int sock, void *data, size_t size)
{
	uint8_t *bytes = data;
	for (size_t got = 0; got < size;) {
		CHECK_INT(kit_wait_fd(kit, sock, POLLIN, -1), 0);
		ssize_t ret = recv(sock, bytes + got, size - got, 0);
		if (ret <= 0)
			return false;
		got += (size_t)ret;
	}
	return true;
}

static void serve(struct kit *kit)
{
	CHECK_INT(kit_pump(kit, 10), 0);
}

/* --- display ------------------------------------------------------------------------------- */

struct screen {
	struct kit kit;
	struct kit_display display;
	int sock;
};

static struct screen *screen(void)
{
	struct screen *s = calloc(1, sizeof(*s));
	CHECK(s);
	kit_init(&s->kit);
	CHECK_INT(kit_display_init(&s->display, &s->kit), 0);
	s->sock = kit_display_open(&s->display);
	CHECK(s->sock >= 0);
	return s;
}

static void screen_end(struct screen *s)
{
	close(s->sock);
	kit_display_finish(&s->display);
	free(s);
}

static void tell(struct screen *s, uint32_t request, const void *payload, uint32_t size, int fd)
{
	uint8_t message[256];
	struct vhost_user_gpu_header header = { request, 0, size };
	struct kit_bytes bytes = { message, sizeof(header) + size, &fd, fd >= 0 ? 1 : 0, 1 };
	CHECK(sizeof(header) + size <= sizeof(message));
	memcpy(message, &header, sizeof(header));
	if (size)
		memcpy(message + sizeof(header), payload, size);
	CHECK_INT(kit_stream_send(&s->kit, s->sock, &bytes), 0);
	serve(&s->kit);
}

static void display_answers(void)
{
	struct screen *s = screen();
	struct {
		struct vhost_user_gpu_header header;
		uint8_t payload[VHOST_USER_GPU_EDID_REPLY_SIZE];
	} answer;
	uint64_t features = 1;
	uint32_t scanout = 3;
	tell(s, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0, -1);
	CHECK(receive(&s->kit, s->sock, &answer, 12 + 8));
	CHECK_INT(answer.header.flags, VHOST_USER_GPU_FLAG_REPLY);
	CHECK_INT(answer.payload[0], 3);
	tell(s, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, &features, 8, -1);
	tell(s, VHOST_USER_GPU_GET_DISPLAY_INFO, NULL, 0, -1);
	CHECK(receive(&s->kit, s->sock, &answer, 12 + VHOST_USER_GPU_DISPLAY_INFO_SIZE));
	tell(s, VHOST_USER_GPU_GET_EDID, &scanout, 4, -1);
	CHECK(receive(&s->kit, s->sock, &answer, 12 + VHOST_USER_GPU_EDID_REPLY_SIZE));
	CHECK_MEM(answer.payload + 32, s->display.edid[3], 256);
	CHECK_INT(s->display.violations, 0);
	screen_end(s);
}

static void display_misbehaves_as_told(void)
{
	static const struct {
		enum kit_display_answer answer;
		uint32_t request, flags, size;
		size_t bytes;
	} rows[] = {
		{ KIT_DISPLAY_WRONG, 2, 4, 408, 420 },
		{ KIT_DISPLAY_NO_FLAG, 3, 0, 408, 420 },
		{ KIT_DISPLAY_SHORT, 3, 4, 407, 419 },
		{ KIT_DISPLAY_LONG, 3, 4, 409, 421 },
		{ KIT_DISPLAY_HUGE, 3, 4, UINT32_MAX, 420 },
		{ KIT_DISPLAY_HALF, 3, 4, 408, 210 },
		{ KIT_DISPLAY_TWICE, 3, 4, 408, 840 },
		{ KIT_DISPLAY_WITH_FDS, 3, 4, 408, 420 },
		{ KIT_DISPLAY_CLOSE, 0, 0, 0, 0 },
		{ KIT_DISPLAY_SILENT, 0, 0, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct screen *s = screen();
		uint8_t bytes[1024];
		struct vhost_user_gpu_header header;
		s->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = rows[i].answer;
		tell(s, VHOST_USER_GPU_GET_DISPLAY_INFO, NULL, 0, -1);
		ssize_t got = recv(s->sock, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (rows[i].bytes) {
			CHECK_INT(got, rows[i].bytes);
			memcpy(&header, bytes, sizeof(header));
			CHECK_INT(header.request, rows[i].request);
			CHECK_INT(header.flags, rows[i].flags);
			CHECK_INT(header.size, rows[i].size);
		} else {
			CHECK_INT(got, rows[i].answer == KIT_DISPLAY_CLOSE ? 0 : -1);
		}
		screen_end(s);
	}
}

static void display_delays(void)
{
	struct screen *s = screen();
	uint8_t answer[20];
	s->display.delay_ms[VHOST_USER_GPU_GET_PROTOCOL_FEATURES] = 100;
	uint64_t start = kit_now();
	tell(s, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0, -1);
	CHECK(receive(&s->kit, s->sock, answer, sizeof(answer)));
	CHECK(kit_now() - start >= 95);
	screen_end(s);
}

static void display_keeps_pictures(void)
{
	struct screen *s = screen();
	struct vhost_user_gpu_scanout scanout = { 1, 4, 2 };
	struct {
		struct vhost_user_gpu_update update;
		uint32_t pixels[2];
	} update = { { 1, 2, 1, 2, 1 }, { 0xff112233, 0x00445566 } };
	const struct {
		struct vhost_user_gpu_update update;
		uint32_t pixels[8];
	} black = { { 1, 0, 0, 4, 2 }, { 0 } };
	struct kit_picture *expected = kit_picture_create(4, 2);
	s->kit.timeout_ms = 20;
	tell(s, VHOST_USER_GPU_SCANOUT, &scanout, sizeof(scanout), -1);
	CHECK_INT(kit_display_wait_picture(&s->display, 1, expected), -ETIMEDOUT);
	tell(s, VHOST_USER_GPU_UPDATE, &black, sizeof(black), -1);
	CHECK_INT(kit_display_wait_picture(&s->display, 1, expected), 0);
	tell(s, VHOST_USER_GPU_UPDATE, &update, sizeof(update), -1);
	expected->pixels[6] = 0x112233;
	expected->pixels[7] = 0x445566;
	CHECK_INT(kit_display_wait_picture(&s->display, 1, expected), 0);
	expected->pixels[0] = 1;
	CHECK_INT(kit_display_wait_picture(&s->display, 1, expected), -ETIMEDOUT);
	CHECK(strstr(s->kit.why, "pixel 0,0"));
	CHECK_INT(s->display.violations, 0);
	scanout.width = 0;
	tell(s, VHOST_USER_GPU_SCANOUT, &scanout, sizeof(scanout), -1);
	CHECK(!s->display.scanouts[1].picture);
	kit_picture_destroy(expected);
	screen_end(s);
}

static void display_shows_dmabufs(void)
{
	struct screen *s = screen();
	uint32_t pixels[2][4] = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } };
	int fd = memfd_create("pixels", MFD_CLOEXEC);
	CHECK(write(fd, pixels, sizeof(pixels)) == sizeof(pixels));
	struct vhost_user_gpu_dmabuf_scanout info = { .scanout_id = 0,
		.x = 1,
		.width = 2,
		.height = 2,
		.fd_width = 4,
		.fd_height = 2,
		.fd_stride = 16,
		.fd_drm_fourcc = 0x34325258 };
	struct vhost_user_gpu_update update = { 0, 0, 0, 2, 2 };
	struct vhost_user_gpu_header acknowledgement;
	tell(s, VHOST_USER_GPU_DMABUF_SCANOUT, &info, sizeof(info), fd);
	tell(s, VHOST_USER_GPU_DMABUF_UPDATE, &update, sizeof(update), -1);
	CHECK(receive(&s->kit, s->sock, &acknowledgement, sizeof(acknowledgement)));
	CHECK_INT(acknowledgement.request, VHOST_USER_GPU_DMABUF_UPDATE);
	const uint32_t *shown = s->display.scanouts[0].picture->pixels;
	CHECK(shown[0] == 2 && shown[1] == 3 && shown[2] == 6 && shown[3] == 7);
	/* upside down */
	info.fd_flags = VHOST_USER_GPU_DMABUF_Y_0_TOP;
	tell(s, VHOST_USER_GPU_DMABUF_SCANOUT, &info, sizeof(info), fd);
	tell(s, VHOST_USER_GPU_DMABUF_UPDATE, &update, sizeof(update), -1);
	shown = s->display.scanouts[0].picture->pixels;
	CHECK(shown[0] == 6 && shown[2] == 2);
	CHECK_INT(s->display.violations, 0);
	close(fd);
	screen_end(s);
}

/* What QEMU would choke on is counted. */
static void display_sees_violations(void)
{
	struct vhost_user_gpu_update early = { 0, 0, 0, 1, 1 };
	struct vhost_user_gpu_scanout scanout = { 0, 4, 4 };
	struct {
		struct vhost_user_gpu_update update;
		uint32_t pixels[2];
	} shorter = { { 0, 0, 0, 2, 2 }, { 0 } }, outside = { { 0, 3, 0, 2, 1 }, { 0 } };
	uint32_t edid = 16;
	uint64_t features = 8;
	struct screen *s = screen();
	const struct {
		uint32_t request;
		const void *payload;
		uint32_t size;
		uint32_t violations;
	} steps[] = {
		{ VHOST_USER_GPU_UPDATE, &early, sizeof(early), 1 },
		{ VHOST_USER_GPU_SCANOUT, &scanout, sizeof(scanout), 1 },
		{ VHOST_USER_GPU_UPDATE, &shorter, sizeof(shorter), 2 },
		{ VHOST_USER_GPU_UPDATE, &outside, sizeof(outside), 3 },
		{ VHOST_USER_GPU_GET_EDID, &edid, sizeof(edid), 5 }, /* and without the feature */
		{ VHOST_USER_GPU_SET_PROTOCOL_FEATURES, &features, 8, 6 },
		{ VHOST_USER_GPU_CURSOR_POS, &scanout, 8, 7 },
		{ VHOST_USER_GPU_DMABUF_UPDATE, &early, sizeof(early), 8 },
		{ 13, NULL, 0, 9 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		tell(s, steps[i].request, steps[i].payload, steps[i].size, -1);
		CHECK_INT(s->display.violations, steps[i].violations);
	}
	screen_end(s);
}

/* What QEMU does not look at is counted by itself. */
static void display_counts_flags(void)
{
	struct screen *s = screen();
	struct vhost_user_gpu_header header = { VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0xab00, 0 };
	struct kit_bytes bytes = { &header, sizeof(header), NULL, 0, 0 };
	CHECK_INT(kit_stream_send(&s->kit, s->sock, &bytes), 0);
	serve(&s->kit);
	CHECK_INT(s->display.flagged, 1);
	CHECK_INT(s->display.last_flags, 0xab00);
	tell(s, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0, -1);
	CHECK_INT(s->display.flagged, 1);
	CHECK_INT(s->display.violations, 0);
	screen_end(s);
}

static void display_leaves_the_socket_full(void)
{
	struct screen *s = screen();
	char bytes[4096] = { 0 };
	ssize_t sent;
	kit_display_set_reading(&s->display, false);
	do {
		sent = send(s->sock, bytes, sizeof(bytes), MSG_DONTWAIT);
		CHECK_INT(kit_pump(&s->kit, 0), 0);
	} while (sent > 0);
	CHECK_INT(s->display.count, 0);
	screen_end(s);
}

/* --- backend channel ----------------------------------------------------------------------- */

struct line {
	struct kit kit;
	struct kit_channel channel;
	int sock, memfd;
	uint64_t answer;
};

static struct line *line(void)
{
	struct line *l = calloc(1, sizeof(*l));
	struct vhost_user_shmem_config config = { .nregions = 1, .sizes = { [1] = 1 << 20 } };
	CHECK(l);
	kit_init(&l->kit);
	kit_channel_init(&l->channel, &l->kit);
	CHECK_INT(kit_channel_set_shmem(&l->channel, &config), 0);
	l->sock = kit_channel_open(&l->channel);
	l->memfd = memfd_create("blob", MFD_CLOEXEC);
	CHECK(l->sock >= 0 && ftruncate(l->memfd, 65536) == 0);
	return l;
}

static void line_end(struct line *l)
{
	close(l->sock);
	close(l->memfd);
	kit_channel_finish(&l->channel);
	free(l);
}

static void ask(struct line *l, uint32_t request, const struct vhost_user_mmap *mmap, bool with_fd)
{
	struct vhost_user_header header = { request,
		VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK, sizeof(*mmap) };
	uint8_t message[sizeof(header) + sizeof(*mmap)];
	struct kit_bytes bytes = { message, sizeof(message), &l->memfd, with_fd ? 1 : 0, 7 };
	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), mmap, sizeof(*mmap));
	CHECK_INT(kit_stream_send(&l->kit, l->sock, &bytes), 0);
}

/* The answer: 0, or 1 when refused; -1 when there is none. */
static int answer_of(struct line *l, uint32_t request)
{
	struct {
		struct vhost_user_header header;
		uint8_t value[8];
	} answer;
	serve(&l->kit);
	if (recv(l->sock, &answer.header, sizeof(answer.header), MSG_DONTWAIT) <= 0)
		return -1;
	CHECK_INT(answer.header.request, request);
	CHECK_INT(answer.header.size, 8);
	CHECK(receive(&l->kit, l->sock, answer.value, 8));
	return answer.value[0];
}

static void channel_maps(void)
{
	struct line *l = line();
	struct vhost_user_mmap map = { .shmid = 1,
		.fd_offset = 4096,
		.shm_offset = 8192,
		.length = 8192,
		.flags = VHOST_USER_FLAG_MAP_RW };
	CHECK(pwrite(l->memfd, "hello", 6, 4096 + 100) == 6);
	ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &map, true);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 0);
	char *view = kit_channel_shmem(&l->channel, 1, 8192 + 100, 6);
	CHECK(view && strcmp(view, "hello") == 0);
	view[0] = 'j';
	char byte;
	CHECK(pread(l->memfd, &byte, 1, 4096 + 100) == 1 && byte == 'j');
	CHECK(!kit_channel_shmem(&l->channel, 1, 8191, 2));
	CHECK(!kit_channel_shmem(&l->channel, 1, 16384, 1));
	uint64_t offset;
	_cleanup_fd_ int fd = kit_channel_shmem_fd(&l->channel, 1, 8192, &offset);
	CHECK(fd >= 0 && pread(fd, &byte, 1, (off_t)offset + 101) == 1 && byte == 'e');
	CHECK_INT(kit_channel_shmem_fd(&l->channel, 1, 0, &offset), -ENOENT);
	ask(l, VHOST_USER_BACKEND_SHMEM_UNMAP, &map, false);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_UNMAP), 0);
	CHECK(!kit_channel_shmem(&l->channel, 1, 8192, 1));
	CHECK_INT(kit_channel_shmem_fd(&l->channel, 1, 8192, &offset), -ENOENT);
	CHECK_INT(l->channel.count, 2);
	CHECK_INT(l->channel.refused, 0);
	line_end(l);
}

static void channel_refuses(void)
{
	struct vhost_user_mmap good = { .shmid = 1, .length = 4096, .shm_offset = 4096 };
	struct vhost_user_mmap wrong[8];
	struct line *l = line();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		wrong[i] = good;
	wrong[0].shmid = 2;
	wrong[1].shm_offset = 1 << 20;
	wrong[2].length = 0;
	wrong[3].length = UINT64_MAX;
	wrong[4].fd_offset = 100;
	wrong[5].fd_offset = 65536;
	wrong[6].shm_offset = 100;
	ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &good, true);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 0);
	/* the last one lies on top of the good one */
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &wrong[i], true);
		CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 1);
	}
	ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &good, false);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 1);
	good.length = 8192;
	ask(l, VHOST_USER_BACKEND_SHMEM_UNMAP, &good, false);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_UNMAP), 1);
	ask(l, 99, &good, false);
	CHECK_INT(answer_of(l, 99), 1);
	CHECK_INT(l->channel.refused, ARRAY_SIZE(wrong) + 3);
	line_end(l);
}

/* What the VMM drops by itself may be asked for afterwards, once each; a file that is no memory is none. */
static void channel_drops(void)
{
	const struct vhost_user_mmap map = { .shmid = 1, .length = 4096, .shm_offset = 4096 };
	struct line *l = line();
	for (uint32_t round = 0; round < 2; round++) {
		ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &map, true);
		CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 0);
		l->channel.maps[0].told = true;
		kit_channel_unmap_all(&l->channel);
		CHECK_INT(l->channel.map_count, 0);
		CHECK_INT(l->channel.gone_count, round + 1);
		CHECK(!kit_channel_shmem(&l->channel, 1, 4096, 1));
		ask(l, VHOST_USER_BACKEND_SHMEM_UNMAP, &map, false);
		CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_UNMAP), 1);
		CHECK_INT(l->channel.refused, 0);
	}
	ask(l, VHOST_USER_BACKEND_SHMEM_UNMAP, &map, false);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_UNMAP), 1);
	CHECK_INT(l->channel.refused, 1);
	close(l->memfd);
	l->memfd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &map, true);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 1);
	CHECK_INT(l->channel.refused, 2);
	line_end(l);
}

static void note(void *data, const struct kit_channel_request *request)
{
	*(uint32_t *)data = request->request;
}

static void channel_answers_as_told(void)
{
	struct vhost_user_mmap map = { .shmid = 1, .length = 4096 };
	struct line *l = line();
	uint32_t noted = 0;
	l->channel.before_answer = note;
	l->channel.before_answer_data = &noted;
	l->channel.delay_ms = 100;
	uint64_t start = kit_now();
	ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &map, true);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), -1);
	CHECK_INT(kit_wait_fd(&l->kit, l->sock, POLLIN, -1), 0);
	CHECK(kit_now() - start >= 95);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 0);
	CHECK_INT(noted, VHOST_USER_BACKEND_SHMEM_MAP);
	l->channel.delay_ms = 0;
	l->channel.answer = KIT_CHANNEL_SILENT;
	ask(l, VHOST_USER_BACKEND_SHMEM_UNMAP, &map, false);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_UNMAP), -1);
	CHECK_INT(l->channel.map_count, 0);
	l->channel.answer = KIT_CHANNEL_REFUSE;
	ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &map, true);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), 1);
	CHECK_INT(l->channel.map_count, 0);
	l->channel.answer = KIT_CHANNEL_CLOSE;
	ask(l, VHOST_USER_BACKEND_SHMEM_MAP, &map, true);
	CHECK_INT(answer_of(l, VHOST_USER_BACKEND_SHMEM_MAP), -1);
	CHECK_INT(recv(l->sock, &noted, 1, MSG_DONTWAIT), 0);
	line_end(l);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(display_answers),
		TEST_CASE(display_misbehaves_as_told),
		TEST_CASE(display_delays),
		TEST_CASE(display_keeps_pictures),
		TEST_CASE(display_shows_dmabufs),
		TEST_CASE(display_sees_violations),
		TEST_CASE(display_counts_flags),
		TEST_CASE(display_leaves_the_socket_full),
		TEST_CASE(channel_maps),
		TEST_CASE(channel_refuses),
		TEST_CASE(channel_drops),
		TEST_CASE(channel_answers_as_told),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
