/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * SET_MEM_TABLE, ADD_MEM_REG and REM_MEM_REG (src/vhost/messages_memory.c), of the shapes that the table of
 * messages lets through, with any payload.
 *
 * A new table is in force when all of its regions could be had, and the old one stays otherwise; no table
 * is kept by nobody. SET_MEM_TABLE has one region for each descriptor, and their number says the size.
 * Each region is added with the descriptor of its place, from bytes that came. Descriptors are left or
 * taken.
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c tests/proofs/stubs/log.c
 * #cbmc --unwind 9
 * #bug src/vhost/messages_memory.c: if (header.nregions != message->fd_count) => if (header.nregions < message->fd_count)
 * #bug src/vhost/messages_memory.c: if (message->header.size != => if (message->header.size <
 * #bug src/vhost/messages_memory.c: vhost_memory_unref(memory); => (void)memory;
 * #bug src/vhost/messages_memory.c: &message->fds[i], session->memory); => &message->fds[0], session->memory);
 * #bug src/vhost/messages_memory.c: if (status < 0)
 *	return status;
 *	} => }
 * #bug src/vhost/messages_memory.c: int status = memory ? fill_table(session, message, memory) : -ENOMEM;
 *	=> int status = fill_table(session, message, memory);
 */
#include "short_queue.h"

#include "vhost/messages_memory.c"

#include "peer.h"

/* A table of which only the references count. */
struct table {
	struct vhost_memory memory;
	int references;
	bool whole;
	uint32_t added;
};

static struct table *tables[2]; /* the one in force at first, and the new one */
static struct vhost_session session;
static struct vhost_message message;
static int violations, refusals, changes;

static struct table *table_of(const struct vhost_memory *memory)
{
	prove(memory == &tables[0]->memory || memory == &tables[1]->memory);
	return memory == &tables[0]->memory ? tables[0] : tables[1];
}

int vhost_session_violation(struct vhost_session *of, const char *format, ...)
{
	violations++;
	return -EPROTO;
}

int vhost_session_refusal(struct vhost_session *of, int error, const char *text)
{
	prove(error > 0 && readable(text, 1));
	refusals++;
	return -error;
}

static struct vhost_memory *new_table(void)
{
	prove(!tables[1]);
	tables[1] = malloc(sizeof(*tables[1]));
	if (!tables[1])
		return NULL;
	tables[1]->references = 1;
	tables[1]->whole = true;
	tables[1]->added = 0;
	return &tables[1]->memory;
}

struct vhost_memory *vhost_memory_create(void)
{
	return new_table();
}

struct vhost_memory *vhost_memory_clone(const struct vhost_memory *memory)
{
	prove(memory == &tables[0]->memory);
	return new_table();
}

int vhost_memory_without(const struct vhost_memory *memory, const struct vhost_region_info *info,
	struct vhost_memory **ret_memory)
{
	prove(memory == &tables[0]->memory);
	struct vhost_memory *without = nondet_bool() ? new_table() : NULL;
	if (!without)
		return any_error();
	*ret_memory = without;
	return 0;
}

int vhost_memory_add(struct vhost_memory *memory, const struct vhost_region_info *info, int *fd,
	const struct vhost_memory *like)
{
	struct table *table = table_of(memory);
	prove(table == tables[1] && table->whole && like == &tables[0]->memory);
	uint32_t i = table->added++;
	prove(i < VHOST_USER_MAX_FDS && fd == &message.fds[i] && descriptor_is_open(*fd));
	uint64_t address;
	bool single = message.header.request != VHOST_USER_SET_MEM_TABLE;
	memcpy(&address, message.payload + 8 + i * sizeof(struct vhost_user_memory_region),
		sizeof(address));
	prove(info->guest_address == address && (!single || i == 0));
	prove(8 + (i + 1) * sizeof(struct vhost_user_memory_region) <= message.header.size);
	if (nondet_bool())
		descriptor_gone(fd_steal(fd));
	int status = any_status();
	table->whole = status == 0;
	return status;
}

void vhost_memory_unref(struct vhost_memory *memory)
{
	if (!memory)
		return;
	struct table *table = table_of(memory);
	prove(table->references == 1);
	table->references = 0;
}

void vhost_session_set_memory(struct vhost_session *of, struct vhost_memory *memory)
{
	changes++;
	prove(table_of(memory) == tables[1] && tables[1]->whole && tables[1]->references == 1);
	vhost_memory_unref(session.memory);
	session.memory = memory;
}

static int handle(void)
{
	uint32_t size = message.header.size;
	switch (message.header.request) {
	case VHOST_USER_SET_MEM_TABLE:
		assume(size >= 8 + 32 && size <= 8 + 32 * VHOST_USER_MAX_FDS);
		assume(message.fd_count >= 1);
		return vhost_handle_set_mem_table(&session, &message);
	case VHOST_USER_ADD_MEM_REG:
		assume(size == 40 && message.fd_count == 1);
		return vhost_handle_add_mem_reg(&session, &message);
	default:
		assume(message.header.request == VHOST_USER_REM_MEM_REG);
		assume(size == 40 && message.fd_count <= 1);
		return vhost_handle_rem_mem_reg(&session, &message);
	}
}

void proof(void)
{
	tables[0] = malloc(sizeof(*tables[0]));
	assume(tables[0]);
	tables[0]->references = 1;
	session.memory = &tables[0]->memory;
	ANY_VALUE(message);
	assume(message.fd_count <= VHOST_USER_MAX_FDS);
	for (uint32_t i = 0; i < VHOST_USER_MAX_FDS; i++)
		message.fds[i] = i < message.fd_count ? descriptor_new() : -1;

	int status = handle();
	prove(status <= 0 && (status < 0) == (violations + refusals == 1));
	prove((status == 0) == (changes == 1));
	prove(tables[0]->references == (status < 0));
	prove(session.memory == (status < 0 ? &tables[0]->memory : &tables[1]->memory));
	prove(!tables[1] || tables[1]->references == (status == 0));
	if (status == 0 && message.header.request == VHOST_USER_SET_MEM_TABLE) {
		prove(tables[1]->added == message.fd_count);
		prove(message.header.size == 8 + 32 * message.fd_count);
	}
	uint64_t held = 0;
	for (uint32_t i = 0; i < VHOST_USER_MAX_FDS; i++)
		if (message.fds[i] >= 0)
			held |= UINT64_C(1) << message.fds[i];
	prove(held == descriptors_open);
}
