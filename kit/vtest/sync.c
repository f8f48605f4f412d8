/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/vtest/commands.h"
#include "util/checked.h"
#include "util/fd.h"

#define MAX_SYNCS      65536u
#define MAX_WAITS      1024u /* of one client at a time; each has a descriptor */
#define MAX_WAIT_TERMS 4096u

struct sync {
	uint32_t id;
	uint64_t value;
};

/* Waits for sync objects of one client. */
struct sync_wait {
	struct list link; /* client::sync_waits */
	int fd; /* owned: our end */
	uint64_t until_ms; /* after that nobody looks at it */
	bool any;
	uint32_t count;
	struct vtest_sync_value terms[]; /* those that were signalled have id 0 */
};

/* --- waits --------------------------------------------------------------------------------- */

static void drop_wait(struct client *client, struct sync_wait *wait)
{
	list_remove(&wait->link);
	client->sync_wait_count--;
	fd_close(&wait->fd);
	free(wait);
}

/* Takes note; true when the wait is over. */
static bool hear(struct sync_wait *wait, const struct sync *sync)
{
	uint32_t open = 0;
	bool heard = false;
	for (uint32_t i = 0; i < wait->count; i++) {
		struct vtest_sync_value *term = &wait->terms[i];
		if (term->id == sync->id && sync->value >= sync_value(term)) {
			term->id = 0;
			heard = true;
		}
		open += term->id != 0;
	}
	return heard && (open == 0 || wait->any);
}

static void tell_waits(struct client *client, const struct sync *sync)
{
	uint64_t now = loop_now_ms();
	list_for_each_safe (link, after, &client->sync_waits) {
		struct sync_wait *wait = container_of(link, struct sync_wait, link);
		bool over = hear(wait, sync);
		if (over)
			fd_eventfd_signal(wait->fd);
		if (over || now > wait->until_ms)
			drop_wait(client, wait);
	}
}

static struct sync *find(const struct client *client, uint32_t id)
{
	return idmap_find(&client->syncs, id);
}

bool sync_exists(const struct client *client, uint32_t id)
{
	return find(client, id);
}

void sync_signal(struct client *client, uint32_t id, uint64_t value)
{
	struct sync *sync = find(client, id);
	if (!sync)
		return;
	sync->value = value;
	tell_waits(client, sync);
}

void sync_finish(struct client *client)
{
	uint32_t position = 0;
	struct sync *sync;
	while (!list_empty(&client->sync_waits))
		drop_wait(client, container_of(client->sync_waits.next, struct sync_wait, link));
	while ((sync = idmap_next(&client->syncs, &position)))
		free(sync);
	idmap_finish(&client->syncs);
	idmap_init(&client->syncs);
}

/* --- messages ------------------------------------------------------------------------------ */

static int no_sync(const struct client *client, uint32_t id)
{
	return client_fail(client, ESRCH, "no sync object %u", id);
}

static uint32_t choose_id(const struct client *client)
{
	uint32_t id = client->syncs.count + 1;
	while (id == 0 || find(client, id))
		id++;
	return id;
}

int sync_take_create(struct client *client, const uint32_t *words, uint32_t count)
{
	if (client->syncs.count == MAX_SYNCS)
		return client_fail(client, ENOSPC, "more than %u sync objects", MAX_SYNCS);
	struct sync *sync = malloc(sizeof(*sync));
	if (!sync)
		return -ENOMEM;
	*sync = (struct sync){ choose_id(client), (uint64_t)words[1] << 32 | words[0] };
	if (idmap_insert(&client->syncs, sync->id, sync) < 0) {
		free(sync);
		return -ENOMEM;
	}
	return client_reply_word(client, VCMD_SYNC_CREATE, sync->id);
}

int sync_take_unref(struct client *client, const uint32_t *words, uint32_t count)
{
	free(idmap_remove(&client->syncs, words[0]));
	return 0;
}

int sync_take_read(struct client *client, const uint32_t *words, uint32_t count)
{
	const struct sync *sync = find(client, words[0]);
	if (!sync)
		return no_sync(client, words[0]);
	const uint32_t value[2] = { (uint32_t)sync->value, (uint32_t)(sync->value >> 32) };
	return client_reply(client, VCMD_SYNC_READ, value, ARRAY_SIZE(value));
}

int sync_take_write(struct client *client, const uint32_t *words, uint32_t count)
{
	struct vtest_sync_value value;
	memcpy(&value, words, sizeof(value));
	if (!find(client, value.id))
		return no_sync(client, value.id);
	sync_signal(client, value.id, sync_value(&value));
	return 0;
}

/* Fills in what is still to be waited for; true when that is nothing. */
static bool is_over(const struct client *client, struct sync_wait *wait)
{
	uint32_t open = 0;
	for (uint32_t i = 0; i < wait->count; i++) {
		struct vtest_sync_value *term = &wait->terms[i];
		if (find(client, term->id)->value >= sync_value(term))
			term->id = 0;
		else
			open++;
	}
	return open == 0 || (wait->any && open < wait->count);
}

static int judge_terms(const struct client *client, const struct sync_wait *wait)
{
	for (uint32_t i = 0; i < wait->count; i++)
		if (!find(client, wait->terms[i].id))
			return no_sync(client, wait->terms[i].id);
	return 0;
}

/* Makes the wait known and hands its descriptor over. Takes the wait. */
static int start_wait(struct client *client, struct sync_wait *wait, bool later)
{
	list_append(&client->sync_waits, &wait->link);
	client->sync_wait_count++;
	wait->fd = fd_eventfd();
	int copy = wait->fd < 0 ? wait->fd : fd_dup(wait->fd);
	bool over = copy >= 0 && is_over(client, wait);
	if (over)
		fd_eventfd_signal(wait->fd);
	if (copy < 0 || over || !later)
		drop_wait(client, wait);
	int ret = copy < 0 ? copy : client_reply(client, VCMD_SYNC_WAIT, NULL, 0);
	if (ret == 0)
		return client_reply_fd(client, copy);
	fd_close(&copy);
	return ret;
}

int sync_take_wait(struct client *client, const uint32_t *words, uint32_t count)
{
	uint32_t terms = (count - VTEST_SYNC_WAIT_WORDS) / VTEST_SYNC_VALUE_WORDS;
	if (count < VTEST_SYNC_WAIT_WORDS || terms > MAX_WAIT_TERMS ||
		count != VTEST_SYNC_WAIT_WORDS + terms * VTEST_SYNC_VALUE_WORDS)
		return client_fail(client, EINVAL, "SYNC_WAIT of %u words", count);
	if (client->sync_wait_count == MAX_WAITS)
		return client_fail(
			client, ENOSPC, "more than %u waits for sync objects", MAX_WAITS);
	struct sync_wait *wait = calloc(1, sizeof(*wait) + terms * sizeof(wait->terms[0]));
	if (!wait)
		return -ENOMEM;
	uint32_t timeout_ms = words[1];
	wait->fd = -1;
	wait->any = words[0] & VCMD_SYNC_WAIT_FLAG_ANY;
	wait->count = terms;
	wait->until_ms =
		timeout_ms > VTEST_SYNC_WAIT_NO_LIMIT ? UINT64_MAX : loop_now_ms() + timeout_ms;
	memcpy(wait->terms, words + VTEST_SYNC_WAIT_WORDS, terms * sizeof(wait->terms[0]));
	int ret = judge_terms(client, wait);
	if (ret < 0) {
		free(wait);
		return ret;
	}
	return start_wait(client, wait, timeout_ms);
}
