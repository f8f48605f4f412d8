/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/mutation.h"

#include <string.h>
#include <unistd.h>

#include "util/fd.h"

void kit_message_add_fds(struct kit_message *message, uint32_t count)
{
	for (uint32_t i = 0; i < count && message->fd_count < KIT_MAX_FDS; i++)
		message->fds[message->fd_count++] = fd_eventfd();
}

static void one_byte_more(struct kit_message *message)
{
	message->payload[message->header.size++] = 0;
}

static void one_byte_less(struct kit_message *message)
{
	message->header.size--;
}

static void no_payload(struct kit_message *message)
{
	message->header.size = 0;
}

static void a_page(struct kit_message *message)
{
	memset(message->payload + message->header.size, 0, KIT_MAX_PAYLOAD - message->header.size);
	message->header.size = KIT_MAX_PAYLOAD;
}

/* Two more, as REM_MEM_REG may come with one, which is to be ignored. */
static void more_fds(struct kit_message *message)
{
	kit_message_add_fds(message, 2);
}

static void fewer_fds(struct kit_message *message)
{
	close(message->fds[--message->fd_count]);
}

static void all_fds(struct kit_message *message)
{
	kit_message_add_fds(message, KIT_MAX_FDS);
}

static void reply_flag(struct kit_message *message)
{
	message->header.flags |= VHOST_USER_REPLY_MASK;
}

static void version_0(struct kit_message *message)
{
	message->header.flags &= ~VHOST_USER_VERSION_MASK;
}

static void version_2(struct kit_message *message)
{
	message->header.flags = 2;
}

const struct kit_mutation kit_mutations[KIT_MUTATIONS] = {
	{ "one byte more", false, false, one_byte_more },
	{ "one byte less", true, false, one_byte_less },
	{ "no payload", true, false, no_payload },
	{ "a page of payload", false, false, a_page },
	{ "more descriptors", false, false, more_fds },
	{ "fewer descriptors", false, true, fewer_fds },
	{ "253 descriptors", false, false, all_fds },
	{ "the reply flag", false, false, reply_flag },
	{ "version 0", false, false, version_0 },
	{ "version 2", false, false, version_2 },
};

bool kit_mutate(const struct kit_mutation *mutation, struct kit_message *message)
{
	if ((mutation->needs_payload && message->header.size == 0) ||
		(mutation->needs_fd && message->fd_count == 0)) {
		kit_message_finish(message);
		return false;
	}
	mutation->apply(message);
	return true;
}
