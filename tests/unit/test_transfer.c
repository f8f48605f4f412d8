/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A device's state over descriptors of all kinds, by VMMs of all kinds. */
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "transfer_rig.h"
#include "util/fd.h"
#include "vhost/transfer.h"

#define GOOD    VHOST_USER_TRANSFER_NOFD_MASK
#define REFUSED (VHOST_USER_TRANSFER_NOFD_MASK | 1u)

static void is_offered_by_devices_that_can(void)
{
	for (int can = 0; can < 2; can++) {
		rig.state = can ? &transfer_state_impl : NULL;
		rig_setup();
		uint64_t bit = VHOST_BIT(VHOST_USER_PROTOCOL_F_DEVICE_STATE);
		CHECK_INT(rig_ask_u64(VHOST_USER_GET_PROTOCOL_FEATURES) & bit, can ? bit : 0);
		rig_teardown();
	}
	rig.state = NULL;
}

static void needs_the_feature(void)
{
	rig.state = &transfer_state_impl;
	rig_setup();
	rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
	CHECK(rig_over());
	transfer_teardown();
}

static void saves(void)
{
	static const uint32_t sizes[] = { 200, 3000, 6000, 65536, 1000003, TRANSFER_MAX_STATE };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		transfer_setup(sizes[i]);
		int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
		transfer_check_saved(transfer_read(fd, 100000));
		CHECK_INT(transfer_check(), 0);
		CHECK_INT(transfer_check(), 1); /* only once */
		fd_close(&fd);
		transfer_teardown();
	}
}

static void loads(void)
{
	static const uint32_t sizes[] = { 200, 65536, 1000003, TRANSFER_MAX_STATE };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		transfer_setup(sizes[i]);
		transfer_make_saved(sizes[i]);
		int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
		transfer_write(fd, transfer_rig.saved, sizes[i], 100000);
		fd_close(&fd);
		CHECK_INT(transfer_check(), 0);
		transfer_check_loaded();
		CHECK_INT(rig.device.resets, 1);
		transfer_teardown();
	}
}

static void moves_single_bytes(void)
{
	transfer_setup(5000);
	transfer_rig.piece = 7;
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	transfer_check_saved(transfer_read(fd, 1));
	fd_close(&fd);
	CHECK_INT(transfer_check(), 0);

	fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	transfer_write(fd, transfer_rig.saved, 5000, 1);
	fd_close(&fd);
	CHECK_INT(transfer_check(), 0);
	transfer_check_loaded();
	transfer_teardown();
}

/* The answer to CHECK comes when all has been read; everything else waits only behind it. */
static void check_waits_for_a_slow_reader(void)
{
	transfer_setup(1000000);
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	rig_ask_u64(VHOST_USER_GET_FEATURES); /* nothing else waits */
	rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
	rig_send(VHOST_USER_GET_FEATURES, NULL, 0);
	CHECK(rig_silent());
	transfer_check_saved(transfer_read(fd, 4096));
	rig_run();
	uint64_t value;
	rig_answer(VHOST_USER_CHECK_DEVICE_STATE, &value, sizeof(value));
	CHECK_INT(value, 0);
	rig_answer(VHOST_USER_GET_FEATURES, &value, sizeof(value));
	fd_close(&fd);
	transfer_teardown();
}

static void check_waits_for_a_slow_writer(void)
{
	transfer_setup(100000);
	transfer_make_saved(100000);
	int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	transfer_write(fd, transfer_rig.saved, 40000, 4096);
	rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
	CHECK(rig_silent());
	transfer_write(fd, transfer_rig.saved + 40000, 60000, 4096);
	fd_close(&fd);
	rig_run();
	uint64_t value;
	rig_answer(VHOST_USER_CHECK_DEVICE_STATE, &value, sizeof(value));
	CHECK_INT(value, 0);
	transfer_check_loaded();
	transfer_teardown();
}

/* Somebody has the other end still open: the state says itself that it is whole. */
static void does_not_wait_for_the_pipe_to_close(void)
{
	transfer_setup(100000);
	transfer_make_saved(100000);
	int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	transfer_write(fd, transfer_rig.saved, 100000, 100000);
	rig_run();
	CHECK(transfer_rig.loading);
	CHECK_INT(transfer_check(), 0);
	transfer_check_loaded();
	fd_close(&fd);

	/* nor to say that it is none */
	transfer_rig.fail_at = 10;
	fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	transfer_write(fd, transfer_rig.saved, 100000, 100000);
	CHECK_INT(transfer_check(), 1);
	fd_close(&fd);
	transfer_teardown();
}

/* The same, told of before the last whole portion is read: what is behind it has to be looked for. */
static void ends_after_whole_portions(void)
{
	const uint32_t size = 2 * VHOST_TRANSFER_PORTION;
	transfer_setup(size);
	transfer_make_saved(size);
	int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	CHECK(fcntl(fd, F_SETPIPE_SZ, 2 * size) >= (int)size);
	CHECK_INT(write(fd, transfer_rig.saved, size), size);
	CHECK_INT(transfer_check(), 0);
	transfer_check_loaded();
	fd_close(&fd);
	transfer_teardown();
}

static void ends_with_the_connection(void)
{
	for (uint32_t direction = 0; direction < 2; direction++)
		for (int checking = 0; checking < 2; checking++) {
			transfer_setup(1000000);
			int fd = transfer_begin(direction);
			if (checking) {
				rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
				CHECK(rig_silent());
			}
			CHECK(transfer_rig.saving || transfer_rig.loading);
			fd_close(&rig.peer);
			rig_run();
			CHECK(!transfer_rig.saving && !transfer_rig.loading);
			fd_close(&fd);
			transfer_teardown();
		}
	/* the owner may end it, too */
	transfer_setup(1000000);
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	vhost_session_destroy(rig.session);
	rig.session = NULL;
	rig.ended = 1;
	fd_close(&fd);
	transfer_teardown();
}

static void reader_that_goes(void)
{
	transfer_setup(1000000);
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	fd_close(&fd);
	rig_run();
	CHECK(!transfer_rig.saving);
	CHECK_INT(transfer_check(), 1);
	CHECK_INT(rig.device.resets, 0);
	fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
	fd_close(&fd);
	rig_run();
	uint64_t value;
	rig_answer(VHOST_USER_CHECK_DEVICE_STATE, &value, sizeof(value));
	CHECK_INT(value, 1);
	transfer_teardown();
}

static void state_that_stops_short(void)
{
	transfer_setup(1000);
	transfer_make_saved(1000);
	static const uint32_t sizes[] = { 0, 1, 999 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
		transfer_write(fd, transfer_rig.saved, sizes[i], 1000);
		fd_close(&fd);
		CHECK_INT(transfer_check(), 1);
		CHECK_INT(rig.device.resets, 2 * (i + 1));
	}
	transfer_teardown();
}

static void state_that_does_not_stop(void)
{
	transfer_setup(1000);
	transfer_make_saved(300000);
	int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	transfer_write(fd, transfer_rig.saved, 300000, 1000);
	fd_close(&fd);
	CHECK_INT(transfer_check(), 1);
	CHECK_INT(rig.device.resets, 2);
	transfer_teardown();
}

/* A writer is not made to die of a state that is no good. */
static void reads_on_after_a_failure(void)
{
	transfer_setup(TRANSFER_MAX_STATE);
	transfer_make_saved(TRANSFER_MAX_STATE);
	transfer_rig.fail_at = 1;
	int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	transfer_write(fd, transfer_rig.saved, TRANSFER_MAX_STATE, 100000);
	fd_close(&fd);
	CHECK_INT(transfer_check(), 1);
	CHECK_INT(rig.device.resets, 2);
	transfer_teardown();
}

static void device_that_fails_while_saving(void)
{
	transfer_setup(100000);
	transfer_rig.fail_at = 50000;
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	CHECK(transfer_read(fd, 4096) < 100000);
	fd_close(&fd);
	CHECK_INT(transfer_check(), 1);
	transfer_teardown();
}

static void device_that_refuses(void)
{
	int fds[2];
	transfer_setup(100);
	transfer_rig.refuse = true;
	for (uint32_t direction = 0; direction < 2; direction++) {
		CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
		bool saves = direction == VHOST_USER_TRANSFER_SAVE;
		CHECK_INT(transfer_set_fd(direction, saves ? fds[1] : fds[0]), REFUSED);
		fd_close(saves ? &fds[0] : &fds[1]);
		CHECK_INT(transfer_check(), 1);
	}
	transfer_teardown();
}

/* --- descriptors ---------------------------------------------------------------------------- */

static void moves_files(void)
{
	transfer_setup(2000000);
	int file = memfd_create("state", MFD_CLOEXEC);
	CHECK_INT(transfer_set_fd(VHOST_USER_TRANSFER_SAVE, fd_dup(file)), GOOD);
	rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
	rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
	uint64_t value;
	rig_answer(VHOST_USER_CHECK_DEVICE_STATE, &value, sizeof(value));
	CHECK_INT(value, 0);
	rig_answer(VHOST_USER_CHECK_DEVICE_STATE, &value, sizeof(value));
	CHECK_INT(lseek(file, 0, SEEK_END), 2000000);
	CHECK_INT(pread(file, transfer_rig.saved, TRANSFER_MAX_STATE, 0), 2000000);
	CHECK_MEM(transfer_rig.saved, transfer_rig.bytes, 2000000);

	CHECK_INT(lseek(file, 0, SEEK_SET), 0);
	CHECK_INT(transfer_set_fd(VHOST_USER_TRANSFER_LOAD, fd_dup(file)), GOOD);
	rig_send(VHOST_USER_CHECK_DEVICE_STATE, NULL, 0);
	rig_run();
	rig_answer(VHOST_USER_CHECK_DEVICE_STATE, &value, sizeof(value));
	CHECK_INT(value, 0);
	transfer_check_loaded();

	/* one that is no state is not read to its end */
	CHECK_INT(ftruncate(file, INT64_MAX), 0);
	CHECK_INT(lseek(file, 0, SEEK_SET), 0);
	CHECK_INT(transfer_set_fd(VHOST_USER_TRANSFER_LOAD, file), GOOD);
	rig_run();
	CHECK_INT(transfer_check(), 1);
	transfer_teardown();
}

static void moves_over_sockets(void)
{
	int pair[2];
	transfer_setup(2000000);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_INT(fd_set_nonblocking(pair[0]), 0);
	CHECK_INT(transfer_set_fd(VHOST_USER_TRANSFER_SAVE, pair[1]), GOOD);
	transfer_check_saved(transfer_read(pair[0], 10000));
	CHECK_INT(transfer_check(), 0);
	fd_close(&pair[0]);

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	CHECK_INT(fd_set_nonblocking(pair[0]), 0);
	CHECK_INT(transfer_set_fd(VHOST_USER_TRANSFER_LOAD, pair[1]), GOOD);
	transfer_write(pair[0], transfer_rig.saved, 2000000, 10000);
	shutdown(pair[0], SHUT_WR);
	CHECK_INT(transfer_check(), 0);
	transfer_check_loaded();
	fd_close(&pair[0]);
	transfer_teardown();
}

static int read_end(void)
{
	int fds[2];
	CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
	fd_close(&fds[1]);
	return fds[0];
}

static int write_end(void)
{
	int fds[2];
	CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
	fd_close(&fds[0]);
	return fds[1];
}

static void refuses_other_descriptors(void)
{
	transfer_setup(1000);
	for (uint32_t direction = 0; direction < 2; direction++) {
		const int fds[] = {
			direction == VHOST_USER_TRANSFER_SAVE ? read_end() : write_end(),
			socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
			socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
			open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			open("/dev/null", O_RDWR | O_CLOEXEC),
			open("/dev/null", O_PATH | O_CLOEXEC),
			fd_eventfd(),
			epoll_create1(EPOLL_CLOEXEC),
		};
		for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
			CHECK(fds[i] >= 0);
			CHECK_INT(transfer_set_fd(direction, fds[i]), REFUSED);
			CHECK_INT(transfer_check(), 1);
		}
		/* stream sockets that lead nowhere are found out later */
		CHECK_INT(
			transfer_set_fd(direction, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
			GOOD);
		CHECK_INT(transfer_check(), 1);
	}
	CHECK(!rig.ended);
	transfer_teardown();
}

/* --- the order of things -------------------------------------------------------------------- */

static void refuses_what_cannot_be_now(void)
{
	static const struct vhost_user_transfer_device_state wrong[] = { { 2, 0 },
		{ UINT32_MAX, 0 }, { 0, 1 }, { 1, 1 }, { 0, UINT32_MAX } };
	transfer_setup(100000);
	CHECK_INT(transfer_check(), 1);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int fd = memfd_create("state", MFD_CLOEXEC);
		rig_send_fd(VHOST_USER_SET_DEVICE_STATE_FD, &wrong[i], sizeof(wrong[i]), fd);
		fd_close(&fd);
		uint64_t answer;
		rig_answer(VHOST_USER_SET_DEVICE_STATE_FD, &answer, sizeof(answer));
		CHECK_INT(answer, REFUSED);
	}
	/* one at a time: the first goes on */
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	CHECK_INT(
		transfer_set_fd(VHOST_USER_TRANSFER_SAVE, memfd_create("x", MFD_CLOEXEC)), REFUSED);
	CHECK_INT(
		transfer_set_fd(VHOST_USER_TRANSFER_LOAD, memfd_create("x", MFD_CLOEXEC)), REFUSED);
	transfer_check_saved(transfer_read(fd, 4096));
	fd_close(&fd);
	/* nobody asked for its outcome: forgotten with the next */
	CHECK_INT(transfer_set_fd(VHOST_USER_TRANSFER_LOAD, memfd_create("x", MFD_CLOEXEC)), GOOD);
	CHECK_INT(transfer_check(), 1);

	rig_share_memory();
	rig_start(0, 0);
	CHECK_INT(
		transfer_set_fd(VHOST_USER_TRANSFER_SAVE, memfd_create("x", MFD_CLOEXEC)), REFUSED);
	CHECK_INT(
		transfer_set_fd(VHOST_USER_TRANSFER_LOAD, memfd_create("x", MFD_CLOEXEC)), REFUSED);
	rig_echo(0);
	transfer_teardown();
}

static void gives_way_to_the_guest(void)
{
	for (uint32_t direction = 0; direction < 2; direction++) {
		transfer_setup(1000000);
		int fd = transfer_begin(direction);
		rig_share_memory();
		rig_start(0, 0);
		CHECK(!transfer_rig.saving && !transfer_rig.loading);
		CHECK_INT(rig.device.resets, direction == VHOST_USER_TRANSFER_LOAD ? 2 : 0);
		rig_echo(0);
		CHECK_INT(transfer_check(), 1);
		fd_close(&fd);
		transfer_teardown();

		transfer_setup(1000000);
		fd = transfer_begin(direction);
		rig_send(VHOST_USER_RESET_DEVICE, NULL, 0);
		CHECK(!transfer_rig.saving && !transfer_rig.loading);
		CHECK_INT(transfer_check(), 1);
		fd_close(&fd);
		transfer_teardown();
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(is_offered_by_devices_that_can),
		TEST_CASE(needs_the_feature),
		TEST_CASE(saves),
		TEST_CASE(loads),
		TEST_CASE(moves_single_bytes),
		TEST_CASE(check_waits_for_a_slow_reader),
		TEST_CASE(check_waits_for_a_slow_writer),
		TEST_CASE(does_not_wait_for_the_pipe_to_close),
		TEST_CASE(ends_after_whole_portions),
		TEST_CASE(ends_with_the_connection),
		TEST_CASE(reader_that_goes),
		TEST_CASE(state_that_stops_short),
		TEST_CASE(state_that_does_not_stop),
		TEST_CASE(reads_on_after_a_failure),
		TEST_CASE(device_that_fails_while_saving),
		TEST_CASE(device_that_refuses),
		TEST_CASE(moves_files),
		TEST_CASE(moves_over_sockets),
		TEST_CASE(refuses_other_descriptors),
		TEST_CASE(refuses_what_cannot_be_now),
		TEST_CASE(gives_way_to_the_guest),
	};
	signal(SIGPIPE, SIG_IGN);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
