/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"

#define READ_SIZE 65536u

void kit_state_finish(struct kit_state *state)
{
	free(state->bytes);
	*state = (struct kit_state){ 0 };
}

/* Makes room for size bytes more. */
static int reserve(struct kit_state *state, size_t size)
{
	if (size <= state->capacity - state->size)
		return 0;
	size_t capacity = 2 * (state->size + size);
	uint8_t *bytes = realloc(state->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	state->bytes = bytes;
	state->capacity = capacity;
	return 0;
}

static bool saves(const struct kit_transfer *transfer)
{
	return transfer->direction == VHOST_USER_TRANSFER_SAVE;
}

void kit_transfer_drop(struct kit_transfer *transfer)
{
	kit_source_remove(&transfer->source);
	fd_close(&transfer->fd);
}

/* How much to move now; 0: nothing. */
static size_t portion(struct kit_transfer *transfer, size_t most)
{
	if (transfer->piece)
		most = min_size(most, transfer->piece);
	return min_size(most, transfer->stop_at - min_size(transfer->moved, transfer->stop_at));
}

static void update_watch(struct kit_transfer *transfer)
{
	transfer->source.events = (short)(saves(transfer) ? POLLIN : POLLOUT);
	if (transfer->moved >= transfer->stop_at)
		transfer->source.fd = -1; /* hang-ups would be reported for ever */
}

static int read_some(struct kit_transfer *transfer)
{
	struct kit_state *state = transfer->state;
	size_t size = portion(transfer, READ_SIZE);
	if (reserve(state, size) < 0)
		return kit_fail(transfer->vmm->kit, ENOMEM, "no memory for a state");
	ssize_t got = read(transfer->fd, state->bytes + state->size, size);
	if (got < 0)
		return errno == EAGAIN ? 0
				       : kit_fail(transfer->vmm->kit, errno, "reading a state: %s",
						 strerror(errno));
	transfer->ended = got == 0 && size > 0;
	state->size += (size_t)got;
	transfer->moved += (size_t)got;
	return 0;
}

static int write_some(struct kit_transfer *transfer)
{
	const struct kit_state *state = transfer->state;
	size_t size = portion(transfer, state->size - transfer->moved);
	ssize_t put = size ? write(transfer->fd, state->bytes + transfer->moved, size) : 0;
	if (put < 0)
		return errno == EAGAIN ? 0
				       : kit_fail(transfer->vmm->kit, errno, "writing a state: %s",
						 strerror(errno));
	transfer->moved += (size_t)put;
	transfer->ended = transfer->moved == state->size;
	return 0;
}

static int serve(void *data, short events)
{
	struct kit_transfer *transfer = data;
	int ret = saves(transfer) ? read_some(transfer) : write_some(transfer);
	if (ret < 0 || transfer->ended)
		kit_transfer_drop(transfer);
	else
		update_watch(transfer);
	return ret;
}

/* Makes both ends; [0] is ours. */
static int make_pipe(int fds[2], bool ours_reads)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fds[0] = ends[ours_reads ? 0 : 1];
	fds[1] = ends[ours_reads ? 1 : 0];
	return 0;
}

static int make_file(struct kit_transfer *transfer, int fds[2])
{
	const struct kit_state *state = transfer->state;
	fds[0] = memfd_create("state", MFD_CLOEXEC);
	if (fds[0] < 0)
		return -errno;
	if (!saves(transfer) &&
		pwrite(fds[0], state->bytes, state->size, 0) != (ssize_t)state->size)
		return -EIO;
	fds[1] = fd_dup(fds[0]);
	return fds[1] < 0 ? fds[1] : 0;
}

static int make_channel(struct kit_transfer *transfer, int fds[2])
{
	switch (transfer->channel) {
	case KIT_TRANSFER_PIPE:
		return make_pipe(fds, saves(transfer));
	case KIT_TRANSFER_SOCKET:
		return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
	case KIT_TRANSFER_FILE:
		return make_file(transfer, fds);
	}
	return -EINVAL;
}

int kit_transfer_begin(struct kit_transfer *transfer, struct kit_vmm *vmm, uint32_t direction,
	enum kit_transfer_channel channel, struct kit_state *state)
{
	int fds[2] = { -1, -1 };
	*transfer = (struct kit_transfer){ .vmm = vmm,
		.direction = direction,
		.channel = channel,
		.state = state,
		.fd = -1,
		.stop_at = SIZE_MAX };
	/* the backend may close its end at any time */
	signal(SIGPIPE, SIG_IGN);
	int ret = make_channel(transfer, fds);
	if (ret < 0) {
		fd_close_all(fds, 2);
		return kit_fail(vmm->kit, -ret, "a channel for a state: %s", strerror(-ret));
	}
	transfer->fd = fds[0];
	ret = kit_vmm_set_state_fd(vmm, direction, fds[1]);
	if (ret < 0) {
		fd_close(&transfer->fd);
		return ret;
	}
	if (channel == KIT_TRANSFER_FILE) {
		transfer->ended = true;
		return 0;
	}
	fd_set_nonblocking(transfer->fd);
	transfer->source =
		(struct kit_source){ .fd = transfer->fd, .ready = serve, .data = transfer };
	update_watch(transfer);
	kit_source_add(vmm->kit, &transfer->source);
	return 0;
}

static bool has_ended(void *data)
{
	return ((struct kit_transfer *)data)->ended;
}

int kit_transfer_wait(struct kit_transfer *transfer)
{
	struct kit *kit = transfer->vmm->kit;
	transfer->source.fd = transfer->fd;
	update_watch(transfer);
	int ret = kit_wait(kit, has_ended, transfer, -1);
	if (ret == -ETIMEDOUT)
		return kit_fail(
			kit, ETIMEDOUT, "a state does not end after %zu bytes", transfer->moved);
	return ret;
}

static int read_file(struct kit_transfer *transfer)
{
	struct kit_state *state = transfer->state;
	off_t size = lseek(transfer->fd, 0, SEEK_END);
	if (size < 0 || reserve(state, (size_t)size) < 0 ||
		pread(transfer->fd, state->bytes, (size_t)size, 0) != (ssize_t)size)
		return kit_fail(transfer->vmm->kit, EIO, "the file of a state cannot be read");
	state->size = (size_t)size;
	return 0;
}

int kit_transfer_finish(struct kit_transfer *transfer)
{
	int ret = kit_transfer_wait(transfer);
	if (ret == 0)
		ret = kit_vmm_do(transfer->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0);
	if (ret == 0 && saves(transfer) && transfer->channel == KIT_TRANSFER_FILE)
		ret = read_file(transfer);
	kit_transfer_drop(transfer);
	return ret;
}
