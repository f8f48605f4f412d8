/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What must hold in a case: each macro ends the running case when it does not. m is a struct
 * kit_machine. Who uses these provides the two functions.
 */
#pragma once

#include <string.h>

#include "kit/machine.h"
#include "kit/names.h"

struct kit_place {
	const char *file;
	int line;
};

#define KIT_HERE ((struct kit_place){ __FILE__, __LINE__ })

/* Ends the running case: it has failed, for this reason. */
void kit_check_failed(struct kit_place place, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* The same when a function of the kit returned -errno on this machine: kit.why says why. */
void kit_check_error(struct kit_place place, struct kit_machine *machine, const char *expression,
	int error) __attribute__((noreturn));

/* Test programs that have these already keep theirs. */
#ifndef CHECK
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			kit_check_failed(KIT_HERE, "%s", #condition);                              \
	} while (0)

#define CHECK_INT(value, expected)                                                                 \
	do {                                                                                       \
		long long kit_value = (long long)(value);                                          \
		long long kit_expected = (long long)(expected);                                    \
		if (kit_value != kit_expected)                                                     \
			kit_check_failed(KIT_HERE, "%s is %lld (0x%llx), not %lld (0x%llx)",       \
				#value, kit_value, (unsigned long long)kit_value, kit_expected,    \
				(unsigned long long)kit_expected);                                 \
	} while (0)

#define CHECK_MEM(value, expected, size)                                                           \
	do {                                                                                       \
		if (memcmp((value), (expected), (size)) != 0)                                      \
			kit_check_failed(KIT_HERE, "%s differs from %s", #value, #expected);       \
	} while (0)
#endif

/* A kit function that must not fail. */
#define CHECK_OK(m, expression)                                                                    \
	do {                                                                                       \
		int kit_ret = (expression);                                                        \
		if (kit_ret < 0)                                                                   \
			kit_check_error(KIT_HERE, m, #expression, kit_ret);                        \
	} while (0)

/* A command's response. */
#define CHECK_TYPE(m, expression, expected)                                                        \
	do {                                                                                       \
		int kit_type = (expression);                                                       \
		if (kit_type < 0)                                                                  \
			kit_check_error(KIT_HERE, m, #expression, kit_type);                       \
		if (kit_type != (int)(expected))                                                   \
			kit_check_failed(KIT_HERE, "%s is %s, not %s", #expression,                \
				kit_response_name(kit_type), kit_response_name((int)(expected)));  \
	} while (0)

#define CHECK_GOOD(m, expression) CHECK_TYPE(m, expression, VIRTIO_GPU_RESP_OK_NODATA)

/* Any error response will do: virtio does not say which. */
#define CHECK_ERROR(m, expression)                                                                 \
	do {                                                                                       \
		int kit_type = (expression);                                                       \
		if (kit_type < 0)                                                                  \
			kit_check_error(KIT_HERE, m, #expression, kit_type);                       \
		if (kit_type < VIRTIO_GPU_RESP_ERR_UNSPEC)                                         \
			kit_check_failed(KIT_HERE, "%s is %s, not an error", #expression,          \
				kit_response_name(kit_type));                                      \
	} while (0)

#define CHECK_PICTURE(m, scanout, expected)                                                        \
	CHECK_OK(m, kit_display_wait_picture(&(m)->display, scanout, expected))
