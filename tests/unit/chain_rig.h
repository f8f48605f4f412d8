/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Guest memory with a ring of descriptors in it, and a walker of their chains, for tests. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "test.h"
#include "vhost/chain.h"

/* Two regions side by side, a gap, and a third. */
#define LOW    UINT64_C(0x100000)
#define HIGH   UINT64_C(0x200000)
#define FAR    UINT64_C(0x800000)
#define REGION UINT64_C(0x100000)
#define QUEUE  256u
#define TABLE  (LOW + 0x80000) /* room for indirect tables */
#define DATA   (HIGH + 0x80000)

typedef const char *(*chain_walk_fn)(const struct vq_chain_source *source, struct vq_chain *chain);

struct chain_rig {
	struct vhost_memory *memory;
	uint8_t *direct; /* the ring's descriptors, QUEUE of them */
	chain_walk_fn walk;
	struct vq_chain_source source;
	struct vq_chain chain;
};

extern struct chain_rig at;

/* A ring that begins at 0, with indirect descriptors, and all of it free. */
void chain_setup(chain_walk_fn walk);
void chain_teardown(void);

/* Our pointer to a guest address. */
uint8_t *chain_guest(uint64_t address);

/* The walk finds nothing wrong. */
void chain_walks(void);

/* What it gives is the same in numbers and in bytes. */
void chain_check_sums(void);

#define CHECK_FAULT(text)                                                                          \
	do {                                                                                       \
		const char *test_fault = at.walk(&at.source, &at.chain);                           \
		if (!test_fault || !strstr(test_fault, text))                                      \
			test_fail(__FILE__, __LINE__, "the fault is \"%s\", not \"%s\"",           \
				test_fault ? test_fault : "none", text);                           \
	} while (0)
