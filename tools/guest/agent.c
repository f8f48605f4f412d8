/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest's agent: runs commands for the host, which speaks to it over a virtio-serial port. It is
 * process 1 of the guest, so it never ends, and reaps every process.
 *
 * Both directions carry frames: three little-endian u32, which are type, job and payload length,
 * and the payload, of at most FRAME_MAX bytes. The host chooses job numbers.
 *
 *   host to guest   RUN   a shell command         answered by OUTPUT (any number), then DONE
 *                   KILL  u32 signal              to the process group of a job; no answer
 *                   PUT   u32 offset, path, NUL, bytes to write there (offset 0 makes a new file)
 *                                                 answered by DONE, status an errno or 0
 *                   PING                          answered by READY
 *   guest to host   READY                         also sent at start
 *                   OUTPUT                        bytes of a job's standard output and error
 *                   DONE  u32 status              exit status, or 128 + signal
 *
 * A job is done when its shell ends; what it left running may go on.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_MAX 65536
#define JOBS_MAX  64

enum frame_type {
	FRAME_RUN = 1,
	FRAME_KILL = 2,
	FRAME_PUT = 3,
	FRAME_PING = 4,
	FRAME_READY = 5,
	FRAME_OUTPUT = 6,
	FRAME_DONE = 7,
};

struct frame {
	uint32_t type;
	uint32_t job;
	uint32_t length;
};

struct job {
	pid_t pid; /* 0: the slot is free */
	uint32_t id;
	int output;
};

static struct job jobs[JOBS_MAX];
static int port = -1;
/* One byte more, so that text in it can be terminated. */
static char payload[FRAME_MAX + 1];

/* Opens the virtio-serial port called name, when it is there: returns -1 while it is not. */
static int port_open(const char *name)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	if (!dir) {
		return -1;
	}
	int fd = -1;
	struct dirent *entry;
	while (fd < 0 && (entry = readdir(dir))) {
		char path[600], text[128] = "";
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		FILE *file = fopen(path, "re");
		if (!file) {
			continue;
		}
		if (fgets(text, sizeof(text), file)) {
			text[strcspn(text, "\n")] = '\0';
		}
		fclose(file);
		if (strcmp(text, name) == 0) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
		}
	}
	closedir(dir);
	return fd;
}

static void port_write(const void *data, size_t size)
{
	const char *p = data;
	while (size > 0) {
		ssize_t n = write(port, p, size);
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		} else {
			/* The host is away: what is owed to it waits. */
			usleep(10000);
		}
	}
}

static void port_read(void *data, size_t size)
{
	char *p = data;
	while (size > 0) {
		ssize_t n = read(port, p, size);
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		} else {
			usleep(10000);
		}
	}
}

static void send_frame(enum frame_type type, uint32_t job, const void *data, size_t size)
{
	struct frame frame = {
		.type = htole32(type),
		.job = htole32(job),
		.length = htole32((uint32_t)size),
	};
	port_write(&frame, sizeof(frame));
	port_write(data, size);
}

static void send_done(uint32_t job, uint32_t status)
{
	uint32_t value = htole32(status);
	send_frame(FRAME_DONE, job, &value, sizeof(value));
}

static void child_exec(const char *command, int output)
{
	setsid();
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	close(null);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void job_start(uint32_t id, const char *command)
{
	struct job *job = NULL;
	for (size_t i = 0; i < JOBS_MAX && !job; i++) {
		if (jobs[i].pid == 0) {
			job = &jobs[i];
		}
	}
	int fds[2];
	if (!job || pipe2(fds, O_CLOEXEC) < 0) {
		send_done(id, 126);
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		child_exec(command, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		send_done(id, 126);
		return;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*job = (struct job){ .pid = pid, .id = id, .output = fds[0] };
}

/* Passes on what a job has written. False when there will be no more. */
static bool job_forward(const struct job *job)
{
	static char bytes[16384];
	for (;;) {
		ssize_t n = read(job->output, bytes, sizeof(bytes));
		if (n <= 0) {
			return n < 0 && errno == EAGAIN;
		}
		send_frame(FRAME_OUTPUT, job->id, bytes, (size_t)n);
	}
}

static void reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < JOBS_MAX; i++) {
			if (jobs[i].pid != pid) {
				continue;
			}
			if (jobs[i].output >= 0) {
				job_forward(&jobs[i]);
				close(jobs[i].output);
			}
			send_done(jobs[i].id,
				WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status)
						  : 128 + (uint32_t)WTERMSIG(status));
			jobs[i].pid = 0;
		}
	}
}

static uint32_t put_file(size_t length)
{
	uint32_t offset;
	if (length <= sizeof(offset)) {
		return EINVAL;
	}
	memcpy(&offset, payload, sizeof(offset));
	offset = le32toh(offset);
	const char *path = payload + sizeof(offset);
	size_t path_length = strnlen(path, length - sizeof(offset));
	if (path_length == length - sizeof(offset)) {
		return EINVAL;
	}
	const char *data = path + path_length + 1;
	size_t size = length - (size_t)(data - payload);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (offset == 0 ? O_TRUNC : 0), 0755);
	if (fd < 0) {
		return (uint32_t)errno;
	}
	uint32_t result = 0;
	if (pwrite(fd, data, size, offset) != (ssize_t)size) {
		result = errno ? (uint32_t)errno : EIO;
	}
	close(fd);
	return result;
}

static void kill_job(uint32_t id, size_t length)
{
	uint32_t signal;
	if (length != sizeof(signal)) {
		return;
	}
	memcpy(&signal, payload, sizeof(signal));
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (jobs[i].pid != 0 && jobs[i].id == id) {
			kill(-jobs[i].pid, (int)le32toh(signal));
		}
	}
}

static void serve_frame(void)
{
	struct frame frame;
	port_read(&frame, sizeof(frame));
	uint32_t job = le32toh(frame.job);
	size_t length = le32toh(frame.length);
	if (length > FRAME_MAX) {
		/* Not a frame: the host is asked, by a READY out of turn, to start over. */
		send_frame(FRAME_READY, 0, NULL, 0);
		return;
	}
	port_read(payload, length);
	payload[length] = '\0';
	switch (le32toh(frame.type)) {
	case FRAME_RUN:
		job_start(job, payload);
		break;
	case FRAME_KILL:
		kill_job(job, length);
		break;
	case FRAME_PUT:
		send_done(job, put_file(length));
		break;
	case FRAME_PING:
		send_frame(FRAME_READY, 0, NULL, 0);
		break;
	}
}

/* One round: waits for something to happen and deals with it. */
static void serve(int children)
{
	struct pollfd fds[2 + JOBS_MAX] = {
		{ .fd = port, .events = POLLIN },
		{ .fd = children, .events = POLLIN },
	};
	for (size_t i = 0; i < JOBS_MAX; i++) {
		fds[2 + i].fd = jobs[i].pid != 0 ? jobs[i].output : -1;
		fds[2 + i].events = POLLIN;
	}
	if (poll(fds, 2 + JOBS_MAX, -1) < 0) {
		return;
	}
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (fds[2 + i].revents && !job_forward(&jobs[i])) {
			close(jobs[i].output);
			jobs[i].output = -1;
		}
	}
	if (fds[1].revents) {
		struct signalfd_siginfo info;
		if (read(children, &info, sizeof(info)) > 0) {
			reap();
		}
	}
	if (fds[0].revents & POLLIN) {
		serve_frame();
	} else if (fds[0].revents) {
		usleep(10000);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: agent PORT\n");
		return 2;
	}
	while ((port = port_open(argv[1])) < 0) {
		usleep(50000);
	}
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	int children = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	send_frame(FRAME_READY, 0, NULL, 0);
	for (;;) {
		serve(children);
	}
}
