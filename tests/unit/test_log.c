/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

static int capture_pipe[2];
static int saved_stderr;

/* From here on what goes to standard error is kept. A packet pipe: each write(2) is one read(2). */
static void capture_start(void)
{
	CHECK_INT(pipe2(capture_pipe, O_CLOEXEC | O_NONBLOCK | O_DIRECT), 0);
	saved_stderr = dup(STDERR_FILENO);
	CHECK(saved_stderr >= 0);
	CHECK_INT(dup2(capture_pipe[1], STDERR_FILENO), STDERR_FILENO);
}

static void capture_end(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(capture_pipe[0]);
	close(capture_pipe[1]);
}

/* The next write, as a string; empty when there was none. */
static const char *captured(void)
{
	static char text[4096];
	ssize_t n = read(capture_pipe[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void check_line(const char *expected)
{
	const char *line = captured();
	if (strcmp(line, expected) != 0)
		test_fail(__FILE__, __LINE__, "\"%s\" was logged, not \"%s\"", line, expected);
}

static void formats_one_write(void)
{
	capture_start();
	log_init(NULL, LOG_INFO);
	log_error("no role yet");
	log_init("device", LOG_DEBUG);
	log_error("cannot open %s: %d", "x", 7);
	log_warn("w");
	log_info("i");
	log_debug("d");
	log_init("renderer", LOG_DEBUG);
	log_info("other");
	check_line("virtiogpud: error: no role yet\n");
	check_line("virtiogpud[device]: error: cannot open x: 7\n");
	check_line("virtiogpud[device]: warning: w\n");
	check_line("virtiogpud[device]: info: i\n");
	check_line("virtiogpud[device]: debug: d\n");
	check_line("virtiogpud[renderer]: info: other\n");
	check_line("");
	capture_end();
}

static void copy_line(void *data, const char *line, size_t length)
{
	memcpy(data, line, length);
}

static void hides_higher_levels(void)
{
	capture_start();
	log_init("device", LOG_WARN);
	CHECK(log_enabled(LOG_ERROR) && log_enabled(LOG_WARN));
	CHECK(!log_enabled(LOG_INFO) && !log_enabled(LOG_DEBUG));
	log_info("not seen");
	log_debug("not seen");
	log_limited(LOG_INFO, "not seen");
	check_line("");
	capture_end();
}

static void replaces_controls(void)
{
	capture_start();
	log_init("device", LOG_INFO);
	log_info("a\nb\rc\033[2Jd\177e\302\233f");
	log_info("caf\303\251 \302\240");
	check_line("virtiogpud[device]: info: a?b?c?[2Jd?e??f\n");
	check_line("virtiogpud[device]: info: caf\303\251 \302\240\n");
	capture_end();
	/* bytes that are no UTF-8 */
	char text[] = "\233[2J\302x\303\251\340\233x\360\237\220\247\377\302";
	log_clean(text, strlen(text));
	CHECK(strcmp(text, "?[2J\302x\303\251\340?x\360\237\220\247\377\302") == 0);
}

static void writes_elsewhere(void)
{
	static char elsewhere[64];
	capture_start();
	log_init("device", LOG_INFO);
	log_set_writer(copy_line, elsewhere);
	log_info("there");
	check_line("");
	CHECK(strcmp(elsewhere, "virtiogpud[device]: info: there\n") == 0);
	log_set_writer(NULL, NULL);
	log_info("here");
	check_line("virtiogpud[device]: info: here\n");
	capture_end();
}

static void cuts_long_lines(void)
{
	static char longest[3000];
	memset(longest, 'x', sizeof(longest) - 1);
	capture_start();
	log_init("device", LOG_INFO);
	log_info("%s", longest);
	const char *line = captured();
	size_t length = strlen(line);
	CHECK(length > 500 && length <= 1024);
	CHECK(strcmp(line + length - 5, "x...\n") == 0);
	capture_end();
}

static void keeps_errno(void)
{
	capture_start();
	log_init("device", LOG_INFO);
	errno = ENOENT;
	log_info("%m");
	CHECK_INT(errno, ENOENT);
	check_line("virtiogpud[device]: info: No such file or directory\n");
	capture_end();
}

static void limits_call_sites(void)
{
	struct log_limit limit = { 0 };
	capture_start();
	log_init("device", LOG_INFO);
	unsigned int passed = 0;
	for (unsigned int i = 0; i < 1000; i++)
		passed += log_limit_pass(&limit);
	/* The loop may have met the end of a second, once. */
	CHECK(passed == LOG_LIMIT_BURST || passed == 2 * LOG_LIMIT_BURST);
	while (*captured() != '\0')
		;

	limit.second -= 1;
	limit.count = LOG_LIMIT_BURST + 12;
	CHECK(log_limit_pass(&limit));
	check_line("virtiogpud[device]: warning: "
		   "12 more messages like the next one were left out\n");

	limit.second -= 1;
	limit.count = LOG_LIMIT_BURST;
	CHECK(log_limit_pass(&limit));
	check_line("");
	capture_end();
}

static void parses_levels(void)
{
	enum log_level level = LOG_DEBUG;
	CHECK_INT(log_level_parse("error", &level), 0);
	CHECK_INT(level, LOG_ERROR);
	CHECK_INT(log_level_parse("warn", &level), 0);
	CHECK_INT(level, LOG_WARN);
	CHECK_INT(log_level_parse("info", &level), 0);
	CHECK_INT(level, LOG_INFO);
	CHECK_INT(log_level_parse("debug", &level), 0);
	CHECK_INT(level, LOG_DEBUG);
	CHECK_INT(log_level_parse("loud", &level), -EINVAL);
	for (enum log_level i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		CHECK_INT(log_level_parse(log_level_name(i), &level), 0);
		CHECK_INT(level, i);
	}
	CHECK_INT(log_level_parse("", &level), -EINVAL);
	CHECK_INT(level, LOG_DEBUG);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(formats_one_write),
		TEST_CASE(hides_higher_levels),
		TEST_CASE(replaces_controls),
		TEST_CASE(writes_elsewhere),
		TEST_CASE(cuts_long_lines),
		TEST_CASE(keeps_errno),
		TEST_CASE(limits_call_sites),
		TEST_CASE(parses_levels),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
