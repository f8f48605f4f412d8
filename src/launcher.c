/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For each renderer of the configuration the device process has a spare socket (supplies.h). When it asks
 * for the renderer, a process is started at the other end and the next spare made. At most one process of
 * each renderer lives at a time.
 *
 * One VMM is served at a time; others wait in the listening socket's queue. A device process that
 * dies is a bug, but the next VMM can still be served: it is started again. If it dies again and again, somebody may be
 * trying something, and has to wait longer each time.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backoff.h"
#include "config.h"
#include "containment.h"
#include "control.h"
#include "gpu/udmabuf.h"
#include "logs.h"
#include "loop/loop.h"
#include "process.h"
#include "supplies.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/listener.h"
#include "util/log.h"
#include "util/shm.h"

struct launcher {
	const struct config *config;
	char **argv;
	int self; /* owned: this program */
	struct loop *loop;
	struct loop_source *signals[4];
	struct sandbox sandbox;
	struct logs logs;
	struct listener vmms;
	struct listener viewers;
	int connection; /* owned: of a VMM, until a device process can have it; -1: none */
	int render_node; /* owned; -1: none */
	int udmabuf; /* owned; -1: none */
	int memo; /* owned: see struct process_args; -1: none */
	struct loop_source *listen_source; /* may be NULL */
	struct loop_source *display_source; /* may be NULL */

	pid_t device_pid;
	int control; /* owned; -1: no device process */
	struct loop_source *control_source;
	bool device_ready, session_open;
	bool was_ready; /* this device process, or one before it */
	struct backoff backoff;
	struct loop_source *restart; /* armed: there is no device process until then */

	struct supplies supplies;
	struct process_pids renderers[GPU_MAX_RENDERERS];
	struct process_program programs[GPU_MAX_RENDERERS];
};

static int send_device(struct launcher *launcher, enum control_type type, int fd)
{
	const struct control_packet packet = { .type = type };
	return fd_send_packet(launcher->control, &packet, sizeof(packet), &fd, 1);
}

static void start_renderer(struct launcher *launcher, uint32_t index, uint32_t number)
{
	_cleanup_fd_ int spare = supplies_take(&launcher->supplies, index, number);
	if (spare < 0)
		return;
	struct process_pids *pids = &launcher->renderers[index];
	process_kill(pids);
	/* The device sees the other end close when there is no process to hold it. */
	const struct process_args args = {
		.sock = spare,
		.render_node = launcher->render_node,
		.memo = launcher->memo,
		.capsets = launcher->config->capset_mask,
		.log_level = launcher->config->log_level,
		.sandbox = &launcher->sandbox,
		.null = launcher->logs.null,
		.log = &launcher->logs.renderers[index],
		.server_log = &launcher->logs.servers[index],
	};
	if (process_start_renderer(&launcher->programs[index], &args, pids) == 0)
		log_debug("renderer %s is process %d", launcher->config->renderers[index],
			(int)pids->renderer);
	supplies_renew(&launcher->supplies, index);
}

static void end_renderer(struct launcher *launcher, uint32_t index)
{
	if (index < launcher->config->renderer_count)
		process_kill(&launcher->renderers[index]);
}

static void watch_listeners(struct launcher *launcher)
{
	bool idle = launcher->device_ready && !launcher->session_open && launcher->connection < 0;
	if (launcher->listen_source)
		loop_source_watch(launcher->listen_source, idle ? LOOP_READABLE : 0);
	if (launcher->display_source)
		loop_source_watch(
			launcher->display_source, launcher->device_ready ? LOOP_READABLE : 0);
}

static void hand_over(struct launcher *launcher)
{
	int ret = send_device(launcher, CONTROL_SESSION, launcher->connection);
	/* A device process that has died is started again, and the next one gets it. */
	if (ret != -EPIPE && ret != -ECONNRESET && ret != -ECONNREFUSED && ret != -ENOTCONN)
		fd_close(&launcher->connection);
	if (ret == 0)
		launcher->session_open = true;
	else if (launcher->connection < 0)
		log_error("the device process does not take the connection: %s", strerror(-ret));
	watch_listeners(launcher);
}

static void accept_vmm(void *data, uint32_t events)
{
	struct launcher *launcher = data;
	_cleanup_fd_ int fd = listener_accept(launcher->vmms.fd);
	if (fd >= 0) {
		launcher->connection = fd_steal(&fd);
		hand_over(launcher);
	} else if (fd != -EAGAIN) {
		log_limited(LOG_ERROR, "cannot accept a VMM's connection: %s", strerror(-fd));
	}
}

static void accept_viewer(void *data, uint32_t events)
{
	struct launcher *launcher = data;
	_cleanup_fd_ int fd = listener_accept(launcher->viewers.fd);
	if (fd >= 0)
		send_device(launcher, CONTROL_VIEWER, fd);
	else if (fd != -EAGAIN)
		log_limited(LOG_ERROR, "cannot accept a viewer's connection: %s", strerror(-fd));
}

static void session_ended(struct launcher *launcher)
{
	launcher->session_open = false;
	if (launcher->vmms.fd < 0)
		loop_stop(launcher->loop, EXIT_OK);
	watch_listeners(launcher);
}

static void device_ready(struct launcher *launcher)
{
	launcher->device_ready = launcher->was_ready = true;
	log_info("ready for a VMM%s%s", launcher->config->socket_path ? " at " : "",
		launcher->config->socket_path ? launcher->config->socket_path : "");
	if (launcher->connection >= 0)
		hand_over(launcher);
	watch_listeners(launcher);
}

static void handle_packet(struct launcher *launcher, const struct control_packet *packet)
{
	switch (packet->type) {
	case CONTROL_READY:
		device_ready(launcher);
		break;
	case CONTROL_SESSION_ENDED:
		session_ended(launcher);
		break;
	case CONTROL_START_RENDERER:
		start_renderer(launcher, packet->index, packet->number);
		break;
	case CONTROL_END_RENDERER:
		end_renderer(launcher, packet->index);
		break;
	case CONTROL_SPARE_LOST:
		supplies_spare_lost(&launcher->supplies, packet->index, packet->number);
		break;
	case CONTROL_MEMORY_TAKEN:
		supplies_memory_taken(&launcher->supplies);
		break;
	case CONTROL_MEMORY_LOST:
		supplies_memory_lost(&launcher->supplies);
		break;
	default:
		log_limited(
			LOG_ERROR, "the device process sent an unknown packet %u", packet->type);
	}
}

static void control_event(void *data, uint32_t events)
{
	struct launcher *launcher = data;
	struct control_packet packet;
	ssize_t size = fd_recv_packet(launcher->control, &packet, sizeof(packet), NULL, 0);
	logs_drain(&launcher->logs);
	if (size == (ssize_t)sizeof(packet)) {
		handle_packet(launcher, &packet);
	} else if (size == 0 || (size < 0 && size != -EAGAIN)) {
		/* Its exit is reported by SIGCHLD. Hang-ups are reported to any source: none is left. */
		loop_source_destroy(launcher->control_source);
		launcher->control_source = NULL;
	}
}

/* Waits for this one only: whoever became this program may have left it children of its own. */
static void end_child(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* There is none any more. */
static void forget_device(struct launcher *launcher)
{
	launcher->device_pid = 0;
	launcher->device_ready = false;
	launcher->session_open = false;
	loop_source_destroy(launcher->control_source);
	launcher->control_source = NULL;
	supplies_deliver(&launcher->supplies, -1);
	fd_close(&launcher->control);
}

/* control: the device process's end. */
static int run_device(struct launcher *launcher, int control)
{
	const struct process_device_args args = {
		.self = launcher->self,
		.argv = launcher->argv,
		.control = control,
		.sandbox = &launcher->sandbox,
		.null = launcher->logs.null,
		.log = &launcher->logs.device,
	};
	pid_t pid = process_start_device(&args);
	if (pid < 0)
		return pid;
	launcher->device_pid = pid;
	launcher->control_source = loop_add_fd(
		launcher->loop, launcher->control, LOOP_READABLE, control_event, launcher);
	return launcher->control_source ? 0 : -ENOMEM;
}

/* Whatever comes of it: forget_device() undoes it. */
static int start_device(struct launcher *launcher)
{
	int ends[2];
	backoff_started(&launcher->backoff, loop_now_ms());
	int ret = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0
		? -errno
		: 0;
	if (ret == 0) {
		launcher->control = ends[0];
		supplies_deliver(&launcher->supplies, launcher->control);
		if (launcher->udmabuf >= 0)
			send_device(launcher, CONTROL_UDMABUF, launcher->udmabuf);
		ret = run_device(launcher, ends[1]);
		fd_close(&ends[1]);
	}
	if (ret < 0)
		log_error("cannot start the device process: %s", strerror(-ret));
	return ret;
}

/* In so many milliseconds; 0: before anything else happens. */
static void restart_in(struct launcher *launcher, uint32_t delay_ms)
{
	watch_listeners(launcher);
	if (delay_ms > 0)
		log_info("the device process is started again in %u ms", delay_ms);
	loop_timer_arm(launcher->restart, delay_ms);
}

static void restart(void *data)
{
	struct launcher *launcher = data;
	if (start_device(launcher) == 0)
		return;
	end_child(launcher->device_pid);
	forget_device(launcher);
	restart_in(launcher, backoff_ended(&launcher->backoff, loop_now_ms()));
}

static void device_died(struct launcher *launcher, int status)
{
	/* One that dies before any was ready would die again. */
	const bool again = launcher->vmms.fd >= 0 && launcher->was_ready;
	char text[96];
	child_log_close(&launcher->logs.device);
	process_describe_status(status, text, sizeof(text));
	log_error("the device process %s%s", text,
		again ? "; starting it again for the next VMM" : "");
	forget_device(launcher);
	if (again)
		restart_in(launcher, backoff_ended(&launcher->backoff, loop_now_ms()));
	else
		loop_stop(launcher->loop, EXIT_FAILED);
}

/* pid: where it is kept. The renderer itself sees its server end, and the server the renderer. */
static void renderer_died(struct launcher *launcher, uint32_t index, pid_t *pid, int status)
{
	char text[96];
	process_describe_status(status, text, sizeof(text));
	log_debug(
		"renderer %s, process %d, %s", launcher->config->renderers[index], (int)*pid, text);
	*pid = 0;
}

static void child_event(void *data)
{
	struct launcher *launcher = data;
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		logs_drain(&launcher->logs);
		if (pid == launcher->device_pid)
			device_died(launcher, status);
		for (uint32_t i = 0; i < launcher->config->renderer_count; i++) {
			struct process_pids *pids = &launcher->renderers[i];
			if (pids->renderer == pid)
				renderer_died(launcher, i, &pids->renderer, status);
			if (pids->server == pid)
				renderer_died(launcher, i, &pids->server, status);
		}
	}
}

static void quit_event(void *data)
{
	struct launcher *launcher = data;
	loop_stop(launcher->loop, EXIT_OK);
}

static int open_render_node(struct launcher *launcher)
{
	const char *path = launcher->config->render_node;
	if (!path)
		return 0;
	launcher->render_node = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (launcher->render_node >= 0)
		return 0;
	int ret = -errno;
	log_error("cannot open the render node %s: %s%s", path, strerror(-ret),
		ret == -EACCES ? "; is this user in the group that owns it (render)?" : "");
	return ret;
}

/* The device process does without it. */
static void open_udmabuf(struct launcher *launcher)
{
	launcher->udmabuf = open(GPU_UDMABUF_PATH, O_RDWR | O_CLOEXEC);
	if (launcher->udmabuf < 0)
		log_debug("%s: %s; no dma-bufs of guest memory", GPU_UDMABUF_PATH, strerror(errno));
}

static int take_fd(struct launcher *launcher)
{
	bool listening;
	int fd = launcher->config->fd;
	int ret = listener_check(fd, &listening);
	if (ret < 0)
		return ret;
	ret = fd_set_nonblocking(fd);
	if (ret < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return ret < 0 ? ret : -errno;
	*(listening ? &launcher->vmms.fd : &launcher->connection) = fd;
	return 0;
}

static int open_sockets(struct launcher *launcher)
{
	const struct config *config = launcher->config;
	int ret = config->fd >= 0 ? take_fd(launcher)
				  : listener_open(&launcher->vmms, config->socket_path);
	if (ret == 0 && config->display_socket)
		ret = listener_open(&launcher->viewers, config->display_socket);
	return ret;
}

static int watch_sockets(struct launcher *launcher)
{
	if (launcher->vmms.fd >= 0) {
		launcher->listen_source =
			loop_add_fd(launcher->loop, launcher->vmms.fd, 0, accept_vmm, launcher);
		if (!launcher->listen_source)
			return -ENOMEM;
	}
	if (launcher->viewers.fd >= 0) {
		launcher->display_source = loop_add_fd(
			launcher->loop, launcher->viewers.fd, 0, accept_viewer, launcher);
		if (!launcher->display_source)
			return -ENOMEM;
	}
	return 0;
}

static int add_signals(struct launcher *launcher)
{
	static const struct {
		int number;
		loop_fn fn;
	} handled[] = {
		{ SIGCHLD, child_event },
		{ SIGINT, quit_event },
		{ SIGTERM, quit_event },
		{ SIGHUP, quit_event },
	};
	static_assert(ARRAY_SIZE(handled) == ARRAY_SIZE(((struct launcher *)0)->signals), "");
	for (size_t i = 0; i < ARRAY_SIZE(handled); i++) {
		launcher->signals[i] =
			loop_add_signal(launcher->loop, handled[i].number, handled[i].fn, launcher);
		if (!launcher->signals[i])
			return -ENOMEM;
	}
	return 0;
}

static int open_all(struct launcher *launcher)
{
	launcher->loop = loop_create();
	if (!launcher->loop)
		return -ENOMEM;
	int ret = logs_init(&launcher->logs, launcher->loop, launcher->config);
	if (ret == 0)
		ret = open_render_node(launcher);
	if (ret < 0)
		return ret;
	launcher->self = process_open_self();
	if (launcher->self < 0)
		return launcher->self;
	open_udmabuf(launcher);
	launcher->memo = shm_create("virtiogpud-memo", PROCESS_MEMO_BYTES);
	launcher->restart = loop_add_timer(launcher->loop, restart, launcher);
	ret = supplies_init(&launcher->supplies, launcher->loop);
	if (ret < 0 || !launcher->restart)
		return -ENOMEM;
	/* Before there is anything to leave behind: none is lost from here on. */
	ret = add_signals(launcher);
	if (ret < 0)
		return ret;
	ret = open_sockets(launcher);
	return ret < 0 ? ret : watch_sockets(launcher);
}

/* What needs a path has been opened; what remains is starting processes. */
static int give_up_the_rest(struct launcher *launcher)
{
	const struct config *config = launcher->config;
	for (uint32_t i = 0; i < config->renderer_count; i++)
		process_find_program(
			&launcher->programs[i], renderer_type_find(config->renderers[i]));
	const struct containment_args args = {
		.programs = launcher->programs,
		.program_count = config->renderer_count,
		.render_node = launcher->render_node,
		.self = launcher->self,
		.folders = { launcher->vmms.folder, launcher->viewers.folder },
	};
	return containment_enter(&launcher->sandbox, &args);
}

static int create(struct launcher *launcher)
{
	int ret = open_all(launcher);
	if (ret == 0)
		ret = give_up_the_rest(launcher);
	if (ret == 0)
		ret = start_device(launcher);
	if (ret == 0)
		containment_report(&launcher->sandbox);
	return ret;
}

static void finish(struct launcher *launcher)
{
	end_child(launcher->device_pid);
	for (uint32_t i = 0; i < GPU_MAX_RENDERERS; i++) {
		end_child(launcher->renderers[i].renderer);
		end_child(launcher->renderers[i].server);
	}
	supplies_finish(&launcher->supplies);
	loop_source_destroy(launcher->restart);
	loop_source_destroy(launcher->control_source);
	loop_source_destroy(launcher->listen_source);
	loop_source_destroy(launcher->display_source);
	for (size_t i = 0; i < ARRAY_SIZE(launcher->signals); i++)
		loop_source_destroy(launcher->signals[i]);
	listener_finish(&launcher->vmms);
	listener_finish(&launcher->viewers);
	fd_close(&launcher->control);
	fd_close(&launcher->connection);
	fd_close(&launcher->render_node);
	fd_close(&launcher->udmabuf);
	fd_close(&launcher->memo);
	fd_close(&launcher->self);
	logs_finish(&launcher->logs);
	loop_destroy(launcher->loop);
}

int launcher_run(const struct config *config, char **argv)
{
	struct launcher launcher = {
		.config = config,
		.argv = argv,
		.self = -1,
		.logs = { .null = -1 },
		.vmms = LISTENER_NONE,
		.viewers = LISTENER_NONE,
		.connection = -1,
		.render_node = -1,
		.udmabuf = -1,
		.memo = -1,
		.control = -1,
		.supplies = {
			.control = -1,
			.renderer_count = config->renderer_count,
			.renderers = config->renderers,
			.memory_bytes = gpu_frame_bytes_max(&config->limits),
		},
	};
	sandbox_init(&launcher.sandbox, &sandbox_launcher, config->sandbox);
	int status = EXIT_FAILED;
	if (create(&launcher) == 0)
		status = loop_run(launcher.loop);
	finish(&launcher);
	return status;
}
