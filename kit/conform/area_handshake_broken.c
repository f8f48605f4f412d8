/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Messages that a correct VMM does not send: refused or ignored, and nobody is harmed. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit/conform/conform.h"
#include "kit/mutation.h"
#include "util/fd.h"

#define KEEP       0xfffffffeu /* in a row of values: as it is */
#define GROWTH_KIB (64u << 10) /* far more than any good message needs */

static const char *const request_names[] = { "GET_FEATURES", "SET_FEATURES", "SET_OWNER",
	"RESET_OWNER", "SET_MEM_TABLE", "SET_LOG_BASE", "SET_LOG_FD", "SET_VRING_NUM",
	"SET_VRING_ADDR", "SET_VRING_BASE", "GET_VRING_BASE", "SET_VRING_KICK", "SET_VRING_CALL",
	"SET_VRING_ERR", "GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES", "GET_QUEUE_NUM",
	"SET_VRING_ENABLE", "SET_BACKEND_REQ_FD", "GET_CONFIG", "SET_CONFIG", "GET_INFLIGHT_FD",
	"SET_INFLIGHT_FD", "GPU_SET_SOCKET", "RESET_DEVICE", "GET_MAX_MEM_SLOTS", "ADD_MEM_REG",
	"REM_MEM_REG", "SET_STATUS", "GET_STATUS", "GET_SHARED_OBJECT", "SET_DEVICE_STATE_FD",
	"CHECK_DEVICE_STATE", "GET_SHMEM_CONFIG", NULL };

/* Those that need a protocol feature. */
static const char *const optional_names[] = { "SET_LOG_BASE", "GET_QUEUE_NUM", "SET_BACKEND_REQ_FD",
	"GET_CONFIG", "SET_CONFIG", "GET_INFLIGHT_FD", "SET_INFLIGHT_FD", "RESET_DEVICE",
	"GET_MAX_MEM_SLOTS", "ADD_MEM_REG", "REM_MEM_REG", "SET_STATUS", "GET_STATUS",
	"GET_SHARED_OBJECT", "SET_DEVICE_STATE_FD", "CHECK_DEVICE_STATE", "GET_SHMEM_CONFIG",
	NULL };

static struct kit_machine *realized(struct conform *c)
{
	return conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

/* The backend may close before it has read all: that is as good. */
static void send_broken(struct kit_machine *m, struct kit_message *message)
{
	CHECK_OK_OR_REFUSED(m, kit_vmm_send_message(&m->vmm, message));
}

static void start_and_end(struct conform *c, struct kit_machine *m)
{
	conform_start(m);
	conform_end(c, m);
}

static void not_negotiated(struct conform *c)
{
	const struct kit_request_spec *spec = conform_request(c);
	struct kit_machine *m = conform_machine(c,
		&(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED,
			.protocol_unwanted = UINT64_C(1) << spec->needs });
	struct kit_message message;
	conform_compose(m, spec->request, &message);
	send_broken(m, &message);
	start_and_end(c, conform_check_refused(c, m, spec->name));
}

/* --- shapes -------------------------------------------------------------------------------- */

static void misshapen(struct conform *c)
{
	const struct kit_request_spec *spec = conform_request(c);
	struct kit_machine *m = realized(c);
	for (size_t i = 0; i < KIT_MUTATIONS; i++) {
		struct kit_message message;
		conform_compose(m, spec->request, &message);
		if (!kit_mutate(&kit_mutations[i], &message))
			continue;
		send_broken(m, &message);
		m = conform_check_refused(c, m, kit_mutations[i].name);
	}
	start_and_end(c, m);
}

/* A header that promises more than there will be: memory is not taken on its word. Whoever waits
 * for the rest waits until the VMM has gone. */
static const uint32_t huge_sizes[] = { 1u << 20, 0x80000000, 0xffffffff };
static const char *const huge_names[] = { "1_MiB", "2_GiB", "4_GiB", NULL };

static void huge(struct conform *c)
{
	static const uint32_t requests[] = { VHOST_USER_GET_FEATURES, VHOST_USER_SET_MEM_TABLE,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_CONFIG };
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct kit_machine *m = realized(c);
		struct vhost_user_header header = { requests[i], VHOST_USER_VERSION,
			huge_sizes[c->variant] };
		struct kit_usage before, after;
		bool known = kit_backend_usage(m->backend, &before) == 0;
		CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, &header, sizeof(header), NULL, 0));
		kit_wait_fd(&m->kit, m->vmm.sock, POLLIN, 30);
		if (known && kit_backend_usage(m->backend, &after) == 0)
			CHECK(!kit_usage_grew(&before, &after, GROWTH_KIB));
		kit_machine_disconnect(m);
		if (c->probe->many)
			CHECK_OK(m, kit_machine_reconnect(m));
		conform_end(c, m);
	}
	start_and_end(c, realized(c));
}

static const uint32_t unknown_requests[] = { 0, 19, 20, 22, 23, 26, 28, 30, 35, 45, 255, 1004, 1006,
	0x10000, 0x7fffffff, 0xffffffff };
static const char *const unknown_names[] = { "0", "19", "20", "22", "23", "26", "28", "30", "35",
	"45", "255", "1004", "1006", "65536", "2147483647", "4294967295", NULL };

static void unknown(struct conform *c)
{
	struct kit_machine *m = realized(c);
	for (uint32_t fds = 0; fds < 3; fds++) {
		struct kit_message message = {
			.header = { unknown_requests[c->variant], VHOST_USER_VERSION, 8 },
		};
		kit_message_add_fds(&message, fds);
		send_broken(m, &message);
		m = conform_check_refused(c, m, "an unknown request");
	}
	start_and_end(c, m);
}

/* --- values -------------------------------------------------------------------------------- */

static const struct {
	uint32_t request;
	uint32_t index;
	uint32_t num; /* of a vring state; KEEP: what a correct VMM would say */
} values[] = {
	{ VHOST_USER_SET_VRING_NUM, 2, KEEP },
	{ VHOST_USER_SET_VRING_NUM, UINT32_MAX, KEEP },
	{ VHOST_USER_SET_VRING_NUM, 0, 0 },
	{ VHOST_USER_SET_VRING_NUM, 0, 3 },
	{ VHOST_USER_SET_VRING_NUM, 0, 1025 },
	{ VHOST_USER_SET_VRING_NUM, 0, 65535 },
	{ VHOST_USER_SET_VRING_NUM, 0, 65536 },
	{ VHOST_USER_SET_VRING_NUM, 0, 0x80000000 },
	{ VHOST_USER_SET_VRING_BASE, 2, KEEP },
	{ VHOST_USER_SET_VRING_BASE, 0, 65536 },
	{ VHOST_USER_SET_VRING_BASE, 0, UINT32_MAX },
	{ VHOST_USER_GET_VRING_BASE, 2, KEEP },
	{ VHOST_USER_SET_VRING_ENABLE, 2, KEEP },
	{ VHOST_USER_SET_VRING_ENABLE, 0, 2 },
	{ VHOST_USER_SET_VRING_ADDR, 2, KEEP },
	{ VHOST_USER_SET_VRING_KICK, 2, KEEP },
	{ VHOST_USER_SET_VRING_KICK, 255, KEEP },
	{ VHOST_USER_SET_VRING_CALL, 2, KEEP },
	{ VHOST_USER_SET_VRING_ERR, 2, KEEP },
};
static const char *const value_names[] = { "num_of_queue_2", "num_of_queue_4294967295", "num_0",
	"num_3", "num_1025", "num_65535", "num_65536", "num_2147483648", "base_of_queue_2",
	"base_65536", "base_4294967295", "get_base_of_queue_2", "enable_queue_2", "enable_2",
	"addresses_of_queue_2", "kick_of_queue_2", "kick_of_queue_255", "call_of_queue_2",
	"err_of_queue_2", NULL };

static void out_of_range(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct kit_message message;
	uint32_t num = values[c->variant].num;
	CHECK_OK(m,
		kit_vmm_compose(&m->vmm, values[c->variant].request, values[c->variant].index, 1,
			&message));
	if (num != KEEP)
		memcpy(message.payload + 4, &num, sizeof(num));
	send_broken(m, &message);
	start_and_end(c, conform_check_refused(c, m, value_names[c->variant]));
}

/* --- descriptors of the wrong kind --------------------------------------------------------- */

static int make_file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, KIT_PAGE) == 0);
	return fd;
}

static int make_folder(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int make_epoll(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

static int make_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int make_pipe(void)
{
	int fds[2];
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	close(fds[1]);
	return fds[0];
}

static const struct {
	const char *name;
	int (*make)(void);
	bool eventfd, socket;
} kinds[] = {
	{ "a file", make_file, false, false },
	{ "a folder", make_folder, false, false },
	{ "a socket", make_socket, false, true },
	{ "an eventfd", fd_eventfd, true, false },
	{ "an epoll descriptor", make_epoll, false, false },
	{ "/dev/null", make_null, false, false },
	{ "a pipe", make_pipe, false, false },
};

static const char *const descriptor_names[] = { "SET_VRING_KICK", "SET_VRING_CALL", "SET_VRING_ERR",
	"SET_BACKEND_REQ_FD", "GPU_SET_SOCKET", "SET_MEM_TABLE", NULL };

static void descriptor_of_another_kind(struct conform *c)
{
	uint32_t request = conform_request(c)->request;
	bool socket =
		request == VHOST_USER_SET_BACKEND_REQ_FD || request == VHOST_USER_GPU_SET_SOCKET;
	bool eventfd = !socket && request != VHOST_USER_SET_MEM_TABLE;
	struct kit_machine *m = realized(c);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kit_message message;
		if ((eventfd && kinds[i].eventfd) || (socket && kinds[i].socket))
			continue;
		conform_compose(m, request, &message);
		close(message.fds[0]);
		message.fds[0] = kinds[i].make();
		send_broken(m, &message);
		m = conform_check_refused(c, m, kinds[i].name);
	}
	start_and_end(c, m);
}

/* --- the order of things ------------------------------------------------------------------- */

static void kick_without_a_ring(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct kit_message message;
	conform_compose(m, VHOST_USER_SET_VRING_KICK, &message);
	send_broken(m, &message);
	start_and_end(c, conform_check_refused(c, m, "SET_VRING_KICK before NUM and ADDR"));
}

/* Messages that are good by themselves, in an order that nobody sends them in. */
static const char *const order_names[] = { "base_asked_twice", "enabled_before_features",
	"addresses_before_memory", "reset_twice", "features_twice", "kicked_twice", NULL };

static void wrong_order(struct conform *c)
{
	static const struct {
		uint32_t request;
		uint64_t value;
	} orders[][3] = {
		{ { VHOST_USER_GET_VRING_BASE, 0 }, { VHOST_USER_GET_VRING_BASE, 0 } },
		{ { VHOST_USER_SET_VRING_ENABLE, 1 }, { VHOST_USER_SET_VRING_NUM, 0 } },
		{ { VHOST_USER_SET_VRING_NUM, 0 }, { VHOST_USER_SET_VRING_ADDR, 0 },
			{ VHOST_USER_SET_VRING_KICK, 0 } },
		{ { VHOST_USER_RESET_DEVICE, 0 }, { VHOST_USER_RESET_DEVICE, 0 } },
		{ { VHOST_USER_SET_FEATURES, 0 }, { VHOST_USER_SET_FEATURES, 1 } },
		{ { VHOST_USER_SET_VRING_KICK, 0 }, { VHOST_USER_SET_VRING_KICK, 0 } },
	};
	struct kit_machine *m = realized(c);
	int ret = 0;
	for (size_t i = 0; i < ARRAY_SIZE(orders[0]) && ret == 0; i++)
		if (orders[c->variant][i].request) {
			ret = kit_vmm_do(&m->vmm, orders[c->variant][i].request, 0,
				orders[c->variant][i].value);
			CHECK_OK_OR_REFUSED(m, ret);
		}
	start_and_end(c, conform_check_refused(c, m, order_names[c->variant]));
}

/* What a queue that runs is told, as for one that does not. */
static const char *const running_names[] = { "SET_VRING_NUM", "SET_VRING_ADDR", "SET_VRING_BASE",
	"SET_VRING_KICK", "SET_VRING_CALL", "SET_VRING_ERR", "SET_OWNER", "SET_MEM_TABLE", NULL };

static void told_while_running(struct conform *c)
{
	const struct kit_request_spec *spec = conform_request(c);
	struct kit_machine *m = conform_machine(c, NULL);
	CHECK_OK_OR_REFUSED(m, kit_vmm_do(&m->vmm, spec->request, 0, 0));
	conform_end(c, conform_check_refused(c, m, spec->name));
}

/* A VMM that asks and never reads does not make the backend grow, and is forgotten when it goes. */
static void answers_nobody_reads(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct vhost_user_header header = { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0 };
	struct kit_usage before, after;
	bool known = kit_backend_usage(m->backend, &before) == 0;
	int timeout_ms = m->kit.timeout_ms, ret = 0;
	m->kit.timeout_ms = 50;
	for (uint32_t i = 0; i < 1000000 && ret == 0; i++)
		ret = kit_vmm_send_bytes(&m->vmm, &header, sizeof(header), NULL, 0);
	m->kit.timeout_ms = timeout_ms;
	if (known && kit_backend_usage(m->backend, &after) == 0)
		CHECK(!kit_usage_grew(&before, &after, GROWTH_KIB));
	if (c->probe->many)
		CHECK_OK(m, kit_machine_reconnect(m));
	conform_close(c, m);
	start_and_end(c, realized(c));
}

static const struct conform_case cases[] = {
	{ "not_negotiated", "vhost-user: the message is for VMMs that negotiated its feature",
		.run = not_negotiated, .variants = optional_names, .hostile = true },
	{ "misshapen", "vhost-user: header, payload and descriptors of the message of this name",
		.run = misshapen, .variants = request_names, .hostile = true },
	{ "huge", "vhost-user: size is that of the payload, which is bounded for each message",
		.run = huge, .variants = huge_names, .hostile = true },
	{ "unknown", "vhost-user: requests that are not a GPU's, or nobody's", .run = unknown,
		.variants = unknown_names, .hostile = true },
	{ "out_of_range",
		"vhost-user: a vring's state; virtio 1.4, 2.7: sizes are powers of two up to 32768",
		.run = out_of_range, .variants = value_names, .hostile = true },
	{ "descriptor_of_another_kind",
		"vhost-user: what the descriptor of the message of this name is",
		.run = descriptor_of_another_kind, .variants = descriptor_names, .hostile = true },
	{ "kick_without_a_ring", "vhost-user: SET_VRING_KICK starts a ring that has been set up",
		.run = kick_without_a_ring, .hostile = true },
	{ "wrong_order", "vhost-user: each message has its time", .run = wrong_order,
		.variants = order_names, .hostile = true },
	{ "told_while_running",
		"vhost-user, ring states: only some of it can be changed while a ring runs",
		.run = told_while_running, .variants = running_names, .hostile = true },
	{ "answers_nobody_reads", "a VMM that hangs takes no memory of the host",
		.run = answers_nobody_reads, .hostile = true },
};
DEFINE_CONFORM_PART(handshake, broken, cases);
