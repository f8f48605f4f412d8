/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/types.h>

#include "loop/loop.h"
#include "util/fd.h"
#include "util/log.h"
#include "venus/report.h"

/* Drivers may look long for GPUs; the device process waits a bit longer for this one. */
#define REPORT_MS 10000

void server_init(struct server *server, int sock)
{
	*server = (struct server){ .sock = sock, .watched = -1 };
}

void server_finish(struct server *server)
{
	loop_source_destroy(server->source);
	server->source = NULL;
	fd_close(&server->sock);
	fd_close(&server->watched);
}

static int receive(const struct server *server, struct venus_report *ret_report)
{
	struct pollfd poll_fd = { .fd = server->sock, .events = POLLIN };
	int count;
	do {
		count = poll(&poll_fd, 1, REPORT_MS);
	} while (count < 0 && errno == EINTR);
	if (count <= 0)
		return count < 0 ? -errno : -ETIMEDOUT;
	ssize_t length = fd_recv_packet(server->sock, ret_report, sizeof(*ret_report), NULL, 0);
	if (length <= 0)
		return length < 0 ? (int)length : -ECONNRESET;
	if (length != (ssize_t)sizeof(*ret_report) || ret_report->version != VENUS_REPORT_VERSION)
		return -EPROTO;
	ret_report->text[sizeof(ret_report->text) - 1] = '\0';
	return 0;
}

int server_take(struct server *server)
{
	struct venus_report report;
	if (server->sock < 0)
		return -1;
	int error = receive(server, &report);
	if (error) {
		log_warn("virgl: no Vulkan: its server says nothing: %s", strerror(-error));
		return -1;
	}
	if (report.status < 0) {
		log_info("virgl: no Vulkan: %s", report.text);
		return -1;
	}
	server->can_map_opaque = report.can_map_opaque != 0;
	server->opaque_offset = report.opaque_offset;
	server->watched = fd_dup(server->sock);
	log_info("virgl: Vulkan by %s", report.text);
	return fd_steal(&server->sock);
}

static void on_socket(void *data, uint32_t events)
{
	struct server *server = data;
	if (!(events & LOOP_HANGUP))
		return;
	loop_source_destroy(server->source);
	server->source = NULL;
	log_error("virgl: the server of Vulkan has ended");
	server->lost(server->data);
}

int server_watch(struct server *server, struct loop *loop, void (*lost)(void *data), void *data)
{
	server->lost = lost;
	server->data = data;
	if (server->watched < 0)
		return 0;
	server->source = loop_add_fd(loop, server->watched, 0, on_socket, server);
	return server->source ? 0 : -ENOMEM;
}
