/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a process that was taken over would try, as tables of actions: most are one system call, with
 * placeholders for what belongs to others; some are a function. Each really works for somebody who is not
 * confined (breakout --control shows where), and none does harm when it works.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Kinds of processes, as bits: who may do an action, because it is what that kind is there for. */
enum kind {
	LAUNCHER = 1,
	DEVICE = 2,
	NULL_RENDERER = 4,
	VIRGL = 8,
	VIEWER = 16,
	VENUS = 32,
	RENDERERS = NULL_RENDERER | VIRGL,
};

/* What is outside, and what is inherited, in the place of the system calls' arguments. */
struct target {
	pid_t victim; /* a process of the same user, outside: a VMM */
	void *secret; /* in its memory: 8 bytes */
	int guest_memory; /* its memory file, which the process has; GUEST_MEMORY_SIZE bytes */
	int seals; /* that it has: none, or those of most VMMs */
	int program; /* a file of memory with a program: with --nothing it does nothing */
	int terminal; /* of somebody else, which the process has */
	int shared_memory; /* SysV: an identifier */
	uint16_t tcp_port; /* where something listens */
	int tcp_listening; /* elsewhere: a socket that the process has, as a viewer for VNC clients */
	char pictures[64]; /* a folder in which a viewer makes files */
	char folder[64]; /* outside: the file "secret", the sockets "socket" and "datagrams" */
	char secret_path[96], new_path[96], socket_path[96], datagram_path[96];
	char abstract_name[64]; /* of a listening socket, without the zero in front */
	char victim_memory[64], victim_maps[64], victim_net[64], victim_root[64];
	char guest_path[64], program_path[64]; /* those files, under /proc */
};

#define GUEST_MEMORY_SIZE (1 << 20)
#define FILE_EXEC         0x0010 /* MFD_EXEC, which older C libraries do not have */

/* Placeholders: replaced in the arguments of a call. */
enum placeholder {
	VICTIM = 0x5a000001,
	GUEST_MEMORY,
	TERMINAL,
	SHARED_MEMORY,
	SECRET_PATH,
	NEW_PATH,
	FOLDER,
	VICTIM_MEMORY,
	VICTIM_MAPS,
	VICTIM_NET,
	VICTIM_ROOT,
	GUEST_PATH,
	PLACEHOLDER_END,
};

struct action {
	const char *name;
	unsigned allowed; /* kinds that may do this */
	int (*run)(const struct target
			*target); /* >= 0: it worked; else -1 and errno. NULL: the call */
	long number;
	long arguments[6];
};

struct action_table {
	const struct action *actions;
	size_t count;
};

extern const struct action_table file_actions;
extern const struct action_table process_actions;
extern const struct action_table network_actions;
extern const struct action_table memory_actions;
extern const struct action_table kernel_actions;

/* A pointer in a table of arguments. */
#define POINTER(object) ((long)(object))
