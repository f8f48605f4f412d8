/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Connects to the backend, from a process of its own: one that has been connected is given descriptors, and
 * what reads a backend's messages needs no right to make connections. That process reads nothing of
 * the backend, and of the viewer nothing but that it is asked.
 */
#pragma once

struct loop;
struct connector;

/* Starts the process, which ends with the connector, and has all that is open now. Must not be called with a second
 * thread. `connected` is
 * called from the loop with the socket (the callee's) or -errno (logged) for what was asked. NULL: no
 * memory, no process (logged). path must stay. */
struct connector *connector_create(
	struct loop *loop, const char *path, void (*connected)(void *data, int sock), void *data);

/* Asks for a connection; the backend is waited for if it does not listen yet. Not again before the answer. 0, or
 * -errno: the process has gone (logged). */
int connector_ask(struct connector *connector);

/* NULL is fine. */
void connector_destroy(struct connector *connector);
