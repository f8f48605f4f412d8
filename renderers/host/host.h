/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What every renderer program is made of: the renderer's side of the ring. It answers the device's
 * hello, makes the renderer (any implementation of renderer.h), and then calls an operation of it for each
 * submission and writes a completion for each call that it finishes.
 *
 * One thread does everything: the renderer is made, used and destroyed on the thread that serves, and may
 * add sources of its own to the loop it is given.
 *
 *	int main(int argc, char **argv)
 *	{
 *		static const struct host_program program = { "virgl", create_virgl };
 *		return host_main(argc, argv, &program);
 *	}
 */
#pragma once

#include "sandbox/sandbox.h"
#include "util/log.h"

struct loop;
struct renderer;
struct renderer_events;

/* What the command line says: --fd N [--name NAME] [--render-node-fd N] [--debug LEVEL]
 * [--server-fd N] [--spin MICROSECONDS] [--sandbox MODE]. */
struct host_options {
	int fd; /* the socket to the device; taken by host_serve() */
	int render_node_fd; /* -1: none; the renderer's to take */
	int server_fd; /* to a program that was started with this one; -1: none; the renderer's to take */
	const char *name; /* as in --renderer */
	enum log_level level;
	/* How long to look for more work before sleeping, after there was some; 0: not at all. Shortens
	 * the way there and back where the device answers at once and has a processor of its own. */
	uint32_t spin_us;
	enum sandbox_mode sandbox_mode;
	struct sandbox *sandbox; /* to be sealed when the renderer is ready; NULL: none */
};

struct host_program {
	const char *name; /* when there is no --name */
	const struct sandbox_policy *policy;
	/* Makes the renderer, which is ready for use and knows its capsets when this returns. NULL when
	 * the host cannot (the reason has been logged). events and events_data go to renderer_init(). */
	struct renderer *(*create)(struct loop *loop, struct host_options *options,
		const struct renderer_events *events, void *events_data);
};

/* The whole of main(): parses, sets the process up (name, signals, death with its parent), serves. The
 * renderer is made with the files of its policy only, and serves with the system calls of it only.
 * Returns the exit status: 0 when the device has closed the socket, 1 when something failed (logged), 2
 * for a wrong command line. */
int host_main(int argc, char **argv, const struct host_program *program);

/* Parses a command line into *ret_options. 0, or -EINVAL after one line on standard error. */
int host_parse(int argc, char **argv, const struct host_program *program,
	struct host_options *ret_options);

/* Serves one device until it closes the socket, then destroys the renderer. Returns 0 then, or -errno
 * (logged): -EPROTO when the peer is no device of this version, -ENODEV when there is no renderer, … */
int host_serve(struct host_options *options, const struct host_program *program);
