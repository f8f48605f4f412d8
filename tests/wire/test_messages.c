/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Messages that are wrong in shape: each closes the session, with one line in the log, and the next
 * VMM is served.
 */
#include "kit/mutation.h"
#include "wire.h"

#define KEEP 0xfffffffeu /* in a mutation: as it is */

static struct kit_machine *realized(void)
{
	return wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

/* What a correct message of this kind would be about. */
static void compose(struct kit_machine *m, uint32_t request, struct kit_message *message)
{
	uint64_t value = 0;
	if (request == VHOST_USER_GET_CONFIG || request == VHOST_USER_SET_CONFIG)
		value = 16;
	CHECK_OK(m, kit_vmm_compose(&m->vmm, request, 0, value, message));
}

/* The backend may close before it has read all: that is as good. */
static void send_broken(struct kit_machine *m, struct kit_message *message, const char *what)
{
	int ret = kit_vmm_send_message(&m->vmm, message);
	if (ret < 0 && ret != -ECONNRESET)
		test_fail(__FILE__, __LINE__, "%s: %s", what, m->kit.why);
}

static void break_message(struct kit_machine *m, const struct kit_request_spec *spec,
	const struct kit_mutation *mutation)
{
	char what[128];
	struct kit_message message;
	snprintf(what, sizeof(what), "%s with %s", spec->name, mutation->name);
	compose(m, spec->request, &message);
	if (!kit_mutate(mutation, &message))
		return;
	/* QEMU asks for shared objects without saying which. */
	if (spec->request == VHOST_USER_GET_SHARED_OBJECT && message.header.size == 0) {
		kit_message_finish(&message);
		return;
	}
	wire_expect_close(m);
	send_broken(m, &message, what);
	wire_check_closed(m, what);
}

static void one_fd_more(struct kit_message *message)
{
	kit_message_add_fds(message, 1);
}

static void every_message_misshapen(void)
{
	static const struct kit_mutation one_more = {
		.name = "one descriptor more",
		.apply = one_fd_more,
	};
	struct kit_machine *m = realized();
	size_t count;
	const struct kit_request_spec *specs = kit_requests(&count);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < KIT_MUTATIONS; k++)
			break_message(m, &specs[i], &kit_mutations[k]);
		/* REM_MEM_REG may come with one, which is to be ignored. */
		if (specs[i].request != VHOST_USER_REM_MEM_REG)
			break_message(m, &specs[i], &one_more);
	}
	wire_end(m);
}

/* A header that promises more than there is: nobody waits for it, nothing is allocated. */
static void every_message_huge(void)
{
	struct kit_machine *m = realized();
	static const uint32_t sizes[] = { 0xffffffff, 0x80000000, 1u << 20 };
	size_t count;
	const struct kit_request_spec *specs = kit_requests(&count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			struct vhost_user_header header = { specs[i].request, VHOST_USER_VERSION,
				sizes[k] };
			char what[128];
			snprintf(what, sizeof(what), "%s of %u bytes", specs[i].name, sizes[k]);
			wire_expect_close(m);
			CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, &header, sizeof(header), NULL, 0));
			wire_check_closed(m, what);
		}
	wire_end(m);
}

static void unknown_requests(void)
{
	static const uint32_t requests[] = { 0, 19, 20, 22, 23, 26, 30, 35, 45, 46, 255, 1004, 1006,
		0x10000, 0x7fffffff, 0xffffffff };
	struct kit_machine *m = realized();
	for (uint32_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct kit_message message = {
			.header = { requests[i], VHOST_USER_VERSION, 8 },
		};
		char what[64];
		snprintf(what, sizeof(what), "request %u", requests[i]);
		kit_message_add_fds(&message, i % 3);
		wire_expect_close(m);
		send_broken(m, &message, what);
		wire_check_closed(m, what);
	}
	wire_end(m);
}

/* Well-formed messages whose protocol feature was not negotiated. */
static void feature_not_negotiated(void)
{
	size_t count;
	const struct kit_request_spec *specs = kit_requests(&count);
	for (size_t i = 0; i < count; i++) {
		if (specs[i].needs < 0)
			continue;
		struct kit_machine *m = wire_machine("none",
			&(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED,
				.protocol_unwanted = UINT64_C(1) << specs[i].needs });
		struct kit_message message;
		compose(m, specs[i].request, &message);
		wire_expect_close(m);
		send_broken(m, &message, specs[i].name);
		wire_check_closed(m, specs[i].name);
		wire_end(m);
	}
}

/* Values that are out of range: request, index, value. */
static void values_out_of_range(void)
{
	static const struct {
		uint32_t request;
		uint32_t index;
		uint32_t num; /* of a vring state; KEEP: what a correct VMM would say */
	} rows[] = {
		{ VHOST_USER_SET_VRING_NUM, 2, KEEP },
		{ VHOST_USER_SET_VRING_NUM, UINT32_MAX, KEEP },
		{ VHOST_USER_SET_VRING_NUM, 0, 0 },
		{ VHOST_USER_SET_VRING_NUM, 0, 32769 },
		{ VHOST_USER_SET_VRING_NUM, 0, 65535 },
		{ VHOST_USER_SET_VRING_NUM, 0, 65536 },
		{ VHOST_USER_SET_VRING_NUM, 0, 0x80000000 },
		{ VHOST_USER_SET_VRING_BASE, 2, KEEP },
		{ VHOST_USER_GET_VRING_BASE, 2, KEEP },
		{ VHOST_USER_SET_VRING_ENABLE, 2, KEEP },
		{ VHOST_USER_SET_VRING_ADDR, 2, KEEP },
		{ VHOST_USER_SET_VRING_KICK, 2, KEEP },
		{ VHOST_USER_SET_VRING_KICK, 255, KEEP },
		{ VHOST_USER_SET_VRING_CALL, 2, KEEP },
		{ VHOST_USER_SET_VRING_ERR, 2, KEEP },
	};
	struct kit_machine *m = realized();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_message message;
		char what[96];
		snprintf(what, sizeof(what), "%s of queue %u: %u",
			kit_request_spec(rows[i].request)->name, rows[i].index, rows[i].num);
		CHECK_OK(m, kit_vmm_compose(&m->vmm, rows[i].request, rows[i].index, 1, &message));
		if (rows[i].num != KEEP)
			memcpy(message.payload + 4, &rows[i].num, sizeof(rows[i].num));
		wire_expect_close(m);
		send_broken(m, &message, what);
		wire_check_closed(m, what);
	}
	wire_end(m);
}

/* Sizes and bases that a split ring cannot have: found out at the latest when it starts. */
static void values_of_no_split_ring(void)
{
	static const struct {
		uint32_t request;
		uint32_t num;
	} rows[] = {
		{ VHOST_USER_SET_VRING_NUM, 3 },
		{ VHOST_USER_SET_VRING_NUM, 1025 },
		{ VHOST_USER_SET_VRING_BASE, 65536 },
		{ VHOST_USER_SET_VRING_BASE, UINT32_MAX },
	};
	static const uint32_t before[] = { VHOST_USER_SET_MEM_TABLE, VHOST_USER_SET_VRING_NUM,
		VHOST_USER_SET_VRING_ADDR };
	struct kit_machine *m = realized();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_message message;
		const char *what = kit_request_spec(rows[i].request)->name;
		for (size_t j = 0; j < ARRAY_SIZE(before); j++)
			CHECK_OK(m, kit_vmm_do(&m->vmm, before[j], 0, 0));
		CHECK_OK(m, kit_vmm_compose(&m->vmm, rows[i].request, 0, 0, &message));
		memcpy(message.payload + 4, &rows[i].num, sizeof(rows[i].num));
		wire_expect_close(m);
		send_broken(m, &message, what);
		CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_VRING_KICK, 0, 0, &message));
		send_broken(m, &message, what);
		wire_check_closed(m, what);
	}
	wire_end(m);
}

static void kick_without_a_ring(void)
{
	struct kit_machine *m = realized();
	wire_expect_close(m);
	struct kit_message message;
	compose(m, VHOST_USER_SET_VRING_KICK, &message);
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	wire_check_closed(m, "KICK before NUM and ADDR");
	wire_end(m);
}

/* Without REPLY_ACK the flag means nothing: no acknowledgement may come. */
static void no_acknowledgements(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED,
			.protocol_unwanted = UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK });
	struct kit_message message;
	compose(m, VHOST_USER_SET_VRING_CALL, &message);
	message.header.flags |= VHOST_USER_NEED_REPLY_MASK;
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_QUEUE_NUM, 0, 0));
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(every_message_misshapen),
		TEST_CASE(every_message_huge),
		TEST_CASE(unknown_requests),
		TEST_CASE(feature_not_negotiated),
		TEST_CASE(values_out_of_range),
		TEST_CASE(values_of_no_split_ring),
		TEST_CASE(kick_without_a_ring),
		TEST_CASE(no_acknowledgements),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
