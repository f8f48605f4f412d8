/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The renderers there are: one row each, with the program that serves it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct renderer_type {
	const char *name; /* as in --renderer */
	const char *program; /* file name of the program in libexec */
	const char *folder; /* of the program below renderers/ of a build folder */
	const char *server; /* a program it works with, to be started beside it; NULL: none */
	const char *server_folder; /* of that below renderers/ */
	uint64_t server_capsets; /* bit n: capset id n needs it */
	const char *description; /* for --help and --check-host */
	uint64_t capsets; /* bit n: may serve capset id n */
	bool by_default; /* part of --renderer auto */
	bool render_node; /* is given the render node */
};

/* The row with this name, or NULL. */
const struct renderer_type *renderer_type_find(const char *name);

/* All rows; *ret_count says how many. */
const struct renderer_type *renderer_types(size_t *ret_count);

/* The id of a capset called name ("virgl2", "venus", …), or 0. */
uint32_t capset_id(const char *name);

/* The name of a capset id, or NULL. */
const char *capset_name(uint32_t id);
