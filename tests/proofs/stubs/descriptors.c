/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The kernel's table of descriptors: none is closed twice, and none that was never there. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"

uint64_t descriptors_open;
static int next_descriptor;

int descriptor_new(void)
{
	int fd = next_descriptor++;
	prove(fd < DESCRIPTORS_MAX);
	descriptors_open |= UINT64_C(1) << fd;
	return fd;
}

bool descriptor_is_open(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS_MAX && (descriptors_open >> fd & 1) != 0;
}

void descriptor_gone(int fd)
{
	prove(descriptor_is_open(fd));
	descriptors_open &= ~(UINT64_C(1) << fd);
}

int close(int fd)
{
	descriptor_gone(fd);
	return 0;
}

/* fstat(): a descriptor may be of any kind. */
long syscall(long number, ...)
{
	va_list arguments;
	va_start(arguments, number);
	int fd = va_arg(arguments, int);
	struct stat *status = va_arg(arguments, struct stat *);
	va_end(arguments);
	prove(number == SYS_fstat && descriptor_is_open(fd));
	ANY_VALUE(*status);
	return nondet_bool() ? 0 : -1;
}
