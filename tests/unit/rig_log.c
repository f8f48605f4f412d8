/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"
#include "util/fd.h"

int rig_log_begin(void)
{
	int log = fd_dup(STDERR_FILENO);
	int file = memfd_create("log", MFD_CLOEXEC);
	CHECK(log >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
	fd_close(&file);
	return log;
}

void rig_log_end(int log, char *ret_text, size_t size)
{
	ssize_t got = pread(STDERR_FILENO, ret_text, size - 1, 0);
	ret_text[got > 0 ? got : 0] = '\0';
	CHECK(dup2(log, STDERR_FILENO) >= 0);
	fd_close(&log);
}

static int count(const char *text, const char *word)
{
	int found = 0;
	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		found++;
	return found;
}

void rig_log_check(int log, const char *word)
{
	char text[4096];
	rig_run();
	rig_log_end(log, text, sizeof(text));
	if (count(text, "error:") != 1 || !strstr(text, word) ||
		count(text, "; closing the session\n") != 1)
		test_fail(__FILE__, __LINE__, "the log has no \"%s\" but: %s", word, text);
	CHECK(rig_over());
}
