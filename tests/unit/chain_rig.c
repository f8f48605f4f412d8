/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "chain_rig.h"

#include <sys/mman.h>
#include <unistd.h>

struct chain_rig at;

static void add_region(uint64_t address)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct vhost_region_info info = {
		.guest_address = address, .size = REGION, .user_address = address
	};
	CHECK_INT(ftruncate(fd, (off_t)REGION), 0);
	CHECK_INT(vhost_memory_add(at.memory, &info, &fd, NULL), 0);
}

void chain_setup(chain_walk_fn walk)
{
	at.memory = vhost_memory_create();
	add_region(LOW);
	add_region(HIGH);
	add_region(FAR);
	at.direct = vhost_memory_translate(at.memory, LOW, 16 * QUEUE);
	at.walk = walk;
	at.source = (struct vq_chain_source){
		.memory = at.memory,
		.descriptors = at.direct,
		.size = QUEUE,
		.indirect = true,
		.wrap = true,
		.room = QUEUE,
	};
}

void chain_teardown(void)
{
	vhost_memory_unref(at.memory);
}

uint8_t *chain_guest(uint64_t address)
{
	uint8_t *pointer = vhost_memory_translate(at.memory, address, 1);
	CHECK(pointer);
	return pointer;
}

void chain_walks(void)
{
	const char *fault = at.walk(&at.source, &at.chain);
	if (fault)
		test_fail(__FILE__, __LINE__, "%s", fault);
}

void chain_check_sums(void)
{
	uint32_t pieces = at.chain.readable_count + at.chain.writable_count;
	uint64_t size = 0;
	CHECK(pieces <= VQ_CHAIN_MAX_PIECES);
	for (uint32_t i = 0; i < pieces; i++)
		size += at.chain.pieces[i].iov_len;
	CHECK_INT(size, at.chain.readable_size + at.chain.writable_size);
}
