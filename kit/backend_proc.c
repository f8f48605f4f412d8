/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What /proc says of the backend's processes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/backend.h"

/* What ASan's quarantine holds, and some more. */
#define SANITIZERS_KEEP_KIB (320u << 10)

/* Appends the children of all threads of a process. */
static uint32_t add_children(pid_t pid, pid_t *pids, uint32_t count, uint32_t max)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *tasks = opendir(path);
	const struct dirent *task;
	while (tasks && (task = readdir(tasks))) {
		char children[400];
		snprintf(
			children, sizeof(children), "/proc/%d/task/%s/children", pid, task->d_name);
		FILE *file = task->d_name[0] == '.' ? NULL : fopen(children, "re");
		if (!file)
			continue;
		while (count < max && fscanf(file, "%d", &pids[count]) == 1)
			count++;
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return count;
}

uint32_t kit_process_tree(pid_t pid, pid_t *pids, uint32_t max)
{
	uint32_t count = 0;
	if (max > 0)
		pids[count++] = pid;
	for (uint32_t i = 0; i < count; i++)
		count = add_children(pids[i], pids, count, max);
	return count;
}

uint32_t kit_backend_processes(struct kit_backend *backend, pid_t *pids, uint32_t max)
{
	return kit_backend_alive(backend) ? kit_process_tree(backend->pid, pids, max) : 0;
}

static bool runs_program(pid_t pid, const char *program)
{
	char path[64], name[512];
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t size = fread(name, 1, sizeof(name) - 1, file);
	fclose(file);
	name[size] = '\0';
	const char *slash = strrchr(name, '/');
	return strcmp(slash ? slash + 1 : name, program) == 0;
}

pid_t kit_backend_find(struct kit_backend *backend, const char *program)
{
	pid_t pids[KIT_MAX_PROCESSES];
	uint32_t count = kit_backend_processes(backend, pids, KIT_MAX_PROCESSES);
	for (uint32_t i = 0; i < count; i++)
		if (runs_program(pids[i], program))
			return pids[i];
	return 0;
}

static int count_fds(pid_t pid)
{
	char path[64];
	int count = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *folder = opendir(path);
	if (!folder)
		return -errno;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 2;
}

static uint64_t memory_of(pid_t pid)
{
	char path[64], line[128];
	unsigned long long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

int kit_backend_usage(struct kit_backend *backend, struct kit_usage *ret_usage)
{
	pid_t pids[KIT_MAX_PROCESSES];
	struct kit_usage usage = {
		.processes = kit_backend_processes(backend, pids, KIT_MAX_PROCESSES),
	};
	int ret = 0;
	for (uint32_t i = 0; i < usage.processes; i++) {
		int fds = count_fds(pids[i]);
		if (fds == -EACCES)
			ret = kit_fail(
				backend->kit, EACCES, "process %d may not be looked into", pids[i]);
		usage.fds += fds > 0 ? (uint32_t)fds : 0;
		usage.memory_kib += memory_of(pids[i]);
	}
	*ret_usage = usage;
	return ret;
}
bool kit_usage_grew(const struct kit_usage *before, const struct kit_usage *after, uint64_t kib)
{
	uint64_t most = kib + (getenv("KIT_SANITIZED") ? SANITIZERS_KEEP_KIB : 0);
	return after->memory_kib > before->memory_kib + most;
}
