/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/racer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a process of its own, so that the kit stays single-threaded; guest memory is shared with it.
 * */
static void race_on(uint8_t *place, const struct kit_race *race, uint64_t *rounds)
{
	uint8_t values[2][KIT_RACER_MAX];
	memcpy(values[0], race->a, race->size);
	memcpy(values[1], race->b, race->size);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t i = 0;; i++) {
		memcpy(place, values[i & 1], race->size);
		__atomic_store_n(rounds, i, __ATOMIC_SEQ_CST);
	}
}

int kit_racer_start(struct kit_racer *racer, struct kit_memory *memory, const struct kit_race *race)
{
	uint8_t *place = kit_ptr(memory, race->guest, race->size);
	if (!place || race->size > KIT_RACER_MAX)
		return kit_fail(memory->kit, EINVAL, "nothing to race for");
	racer->rounds = mmap(NULL, sizeof(*racer->rounds), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (racer->rounds == MAP_FAILED)
		return kit_fail(memory->kit, errno, "mmap: %s", strerror(errno));
	racer->pid = fork();
	if (racer->pid < 0) {
		int error = errno;
		munmap(racer->rounds, sizeof(*racer->rounds));
		return kit_fail(memory->kit, error, "fork: %s", strerror(error));
	}
	if (racer->pid == 0)
		race_on(place, race, racer->rounds);
	return 0;
}

uint64_t kit_racer_rounds(const struct kit_racer *racer)
{
	return racer->pid > 0 ? __atomic_load_n(racer->rounds, __ATOMIC_RELAXED) : 0;
}

void kit_racer_stop(struct kit_racer *racer)
{
	if (racer->pid <= 0)
		return;
	kill(racer->pid, SIGKILL);
	waitpid(racer->pid, NULL, 0);
	munmap(racer->rounds, sizeof(*racer->rounds));
	racer->pid = 0;
}
