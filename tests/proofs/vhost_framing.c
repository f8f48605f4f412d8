/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a VMM sends becomes whole messages (src/vhost/connection.c).
 *
 * Whatever a connection has received so far, and however the peer cuts or joins what it sends: nothing is
 * written but the header and then the payload, and of that no more than the header says; a message is
 * handed on when it is whole, once, and has a size and a version that can be. A call makes up to three
 * reads here, from any state that calls leave behind: so this holds for any number of them. Payloads
 * are not looked at, and descriptors are another proof (vhost_descriptors.c).
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c tests/proofs/stubs/log.c
 * #cbmc --unwind 10
 * #bug src/vhost/connection.c: if (header->size > VHOST_USER_MAX_PAYLOAD) => if (header->size > VHOST_USER_MAX_PAYLOAD + 4)
 * #bug src/vhost/connection.c: *ret_size = HEADER_SIZE - connection->received; => *ret_size = sizeof(message->payload);
 * #bug src/vhost/connection.c: const char *fault = header_fault(&connection->message.header); => const char *fault = NULL;
 * #bug src/vhost/connection.c: if (got == 0) => if (got == 0 && connection->ended)
 */
#include "vhost/connection.c"

#include "peer.h"

#define READS 3

static struct vhost_connection connection;
static int handed_on, reads;

/* The kernel: gives some of what there is room for. */
ssize_t recvmsg(int sock, struct msghdr *message, int flags)
{
	const struct iovec *iov = message->msg_iov;
	errno = nondet_int();
	assume(errno > 0 && (reads < READS || errno == EAGAIN));
	ssize_t got = reads++ < READS ? nondet_ssize() : -1;
	assume(got >= -1 && (got < 0 || (size_t)got <= iov->iov_len));
	if (got <= 0)
		return got;
	prove(__CPROVER_w_ok(iov->iov_base, iov->iov_len));
	if ((uint8_t *)iov->iov_base < connection.message.payload)
		ANY_VALUE(connection.message.header);
	message->msg_controllen = 0;
	message->msg_flags = nondet_int() & ~MSG_CTRUNC;
	return got;
}

struct cmsghdr *__cmsg_nxthdr(struct msghdr *message, struct cmsghdr *control)
{
	return NULL;
}

void loop_source_destroy(struct loop_source *source)
{
}

void loop_defer_arm(struct loop_source *deferred)
{
}

static bool is_consistent(void)
{
	const struct vhost_user_header *header = &connection.message.header;
	return connection.received < HEADER_SIZE ||
		(!header_fault(header) && connection.received - HEADER_SIZE <= header->size);
}

static int on_message(void *data, struct vhost_message *message)
{
	handed_on++;
	prove(connection.received == HEADER_SIZE + message->header.size);
	prove(message->header.size <= sizeof(message->payload));
	prove((message->header.flags & VHOST_USER_VERSION_MASK) == VHOST_USER_VERSION);
	return any_status();
}

static const struct vhost_connection_events proof_events = { .message = on_message };

void proof(void)
{
	connection.events = &proof_events;
	connection.received = nondet_size();
	connection.message.header.flags = nondet_u32();
	connection.message.header.size = nondet_u32();
	assume(is_consistent());
	list_init(&connection.output);

	on_socket(&connection, LOOP_READABLE);
	prove(handed_on <= 1);
	prove(handed_on == 0 || connection.received == 0);
	prove(connection.ended || is_consistent());
	prove(connection.ended || handed_on || reads > 0);
}
