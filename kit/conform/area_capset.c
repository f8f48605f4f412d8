/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Capability sets: what a 3D driver reads before everything else. */
#include <stdlib.h>

#include "kit/conform/conform.h"

#define MAX_SETS 64u
#define MAX_SIZE 65536u

/* All that the device has. */
struct sets {
	uint32_t count;
	struct virtio_gpu_resp_capset_info infos[MAX_SETS];
};

static struct sets read_sets(struct kit_machine *m)
{
	struct sets sets = { 0 };
	struct virtio_gpu_config config = conform_config(m);
	CHECK(config.num_capsets <= MAX_SETS);
	sets.count = config.num_capsets;
	for (uint32_t i = 0; i < sets.count; i++)
		CHECK_TYPE(m, kit_gpu_capset_info(&m->gpu, i, &sets.infos[i]),
			VIRTIO_GPU_RESP_OK_CAPSET_INFO);
	return sets;
}

static void every_index(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct sets sets = read_sets(m);
	CHECK(sets.count > 0);
	for (uint32_t i = 0; i < sets.count; i++) {
		CHECK(sets.infos[i].capset_id >= 1 && sets.infos[i].capset_id <= 63);
		CHECK(sets.infos[i].capset_max_size > 0);
		for (uint32_t j = 0; j < i; j++)
			CHECK(sets.infos[j].capset_id != sets.infos[i].capset_id);
	}
	conform_end(c, m);
}

/* Some devices answer with a set of id 0, which drivers take for none. */
static void index_past_the_end(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	const uint32_t past[] = { read_sets(m).count, 64, 0x80000000, UINT32_MAX };
	struct virtio_gpu_resp_capset_info info = { 0 };
	int type = kit_gpu_capset_info(&m->gpu, past[c->variant], &info);
	CHECK_OK(m, type);
	CHECK(type >= VIRTIO_GPU_RESP_ERR_UNSPEC || info.capset_id == 0);
	conform_end(c, m);
}

/* A set of at most its size, the same each time. */
static void contents(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct sets sets = read_sets(m);
	uint8_t *first = malloc(MAX_SIZE), *second = malloc(MAX_SIZE);
	CHECK(first && second);
	for (uint32_t i = 0; i < sets.count; i++) {
		const struct virtio_gpu_resp_capset_info *info = &sets.infos[i];
		CHECK(info->capset_max_size <= MAX_SIZE);
		for (uint32_t version = 0; version <= info->capset_max_version; version++) {
			uint32_t a = info->capset_max_size, b = info->capset_max_size;
			memset(first, 0x11, a);
			memset(second, 0x22, b);
			CHECK_TYPE(m, kit_gpu_capset(&m->gpu, info->capset_id, version, first, &a),
				VIRTIO_GPU_RESP_OK_CAPSET);
			CHECK_TYPE(m, kit_gpu_capset(&m->gpu, info->capset_id, version, second, &b),
				VIRTIO_GPU_RESP_OK_CAPSET);
			CHECK(a <= info->capset_max_size);
			CHECK_INT(a, b);
			CHECK_MEM(first, second, a);
		}
	}
	free(first);
	free(second);
	conform_end(c, m);
}

static void virgl_has_formats(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct sets sets = read_sets(m);
	uint32_t words[MAX_SIZE / 4];
	bool found = false;
	for (uint32_t i = 0; i < sets.count; i++) {
		const struct virtio_gpu_resp_capset_info *info = &sets.infos[i];
		uint32_t size = sizeof(words);
		if (info->capset_id != VIRTIO_GPU_CAPSET_VIRGL)
			continue;
		memset(words, 0, sizeof(words));
		CHECK_TYPE(m,
			kit_gpu_capset(
				&m->gpu, info->capset_id, info->capset_max_version, words, &size),
			VIRTIO_GPU_RESP_OK_CAPSET);
		/* its version, and then the formats that can be sampled, a bit for each */
		CHECK(words[0] >= 1);
		CHECK(words[1] >> VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM & 1);
		found = true;
	}
	CHECK(found);
	conform_end(c, m);
}

static void unknown_id(struct conform *c)
{
	static const uint32_t ids[] = { 0, 63, 64, 0x80000000, UINT32_MAX };
	struct kit_machine *m = conform_machine(c, NULL);
	uint8_t bytes[64];
	uint32_t size = sizeof(bytes);
	CHECK_ERROR(m, kit_gpu_capset(&m->gpu, ids[c->variant], 0, bytes, &size));
	conform_end(c, m);
}

/* A version that is not there may be refused, or answered with the one that is. */
static void unknown_version(struct conform *c)
{
	static const uint32_t above[] = { 1, 100, 0x80000000 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct sets sets = read_sets(m);
	uint8_t *bytes = malloc(MAX_SIZE);
	CHECK(bytes);
	for (uint32_t i = 0; i < sets.count; i++) {
		uint32_t version = sets.infos[i].capset_max_version + above[c->variant];
		uint32_t size = sets.infos[i].capset_max_size;
		int type = kit_gpu_capset(&m->gpu, sets.infos[i].capset_id, version, bytes, &size);
		CHECK_OK(m, type);
	}
	free(bytes);
	conform_end(c, m);
}

/* With less room than the set has nothing is written behind it; with more room it is as long. */
static void room(struct conform *c)
{
	static const struct {
		uint32_t times, bytes; /* of room */
	} rooms[] = { { 0, 0 }, { 0, 1 }, { 0, 100 }, { 1, 1 }, { 2, 0 }, { 1, 4096 } };
	struct kit_machine *m = conform_machine(c, NULL);
	struct sets sets = read_sets(m);
	uint8_t *bytes = malloc(3 * MAX_SIZE);
	CHECK(bytes);
	for (uint32_t i = 0; i < sets.count; i++) {
		const struct virtio_gpu_resp_capset_info *info = &sets.infos[i];
		uint32_t given =
			rooms[c->variant].times * info->capset_max_size + rooms[c->variant].bytes;
		uint32_t size = given;
		int type = kit_gpu_capset(
			&m->gpu, info->capset_id, info->capset_max_version, bytes, &size);
		CHECK_OK(m, type);
		CHECK(size <= given);
		CHECK(type >= VIRTIO_GPU_RESP_ERR_UNSPEC || size <= info->capset_max_size ||
			given > info->capset_max_size);
	}
	free(bytes);
	conform_end(c, m);
}

/* A driver that did not take VIRGL has none of the 3D commands. */
static void without_virgl(struct conform *c)
{
	struct kit_machine *m = conform_machine(c,
		&(struct kit_machine_spec){ .unwanted = CONFORM_FEATURE(GPU_F_VIRGL) |
				CONFORM_FEATURE(GPU_F_CONTEXT_INIT) });
	struct virtio_gpu_resp_capset_info info = { 0 };
	int type = kit_gpu_capset_info(&m->gpu, 0, &info);
	CHECK_OK(m, type);
	if (type < VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "the device serves 3D without the feature");
	conform_end(c, m);
}

static const char *const past_names[] = { "by_one", "64", "2_31", "max", NULL };
static const char *const id_names[] = { "0", "63", "64", "2_31", "max", NULL };
static const char *const version_names[] = { "by_one", "by_100", "by_2_31", NULL };
static const char *const room_names[] = { "none", "one_byte", "100_bytes", "one_byte_more", "twice",
	"a_page_more", NULL };

#define THREE_D .features = CONFORM_FEATURE(GPU_F_VIRGL)

static const struct conform_case cases[] = {
	{ "every_index", "virtio 1.4, 5.7.6.8: GET_CAPSET_INFO for each index below num_capsets",
		every_index, THREE_D },
	{ "index_past_the_end", "virtio 1.4, 5.7.6.8: there are num_capsets sets and no more",
		index_past_the_end, past_names, THREE_D, .hostile = true },
	{ "contents", "virtio 1.4, 5.7.6.8: GET_CAPSET gives at most capset_max_size bytes",
		contents, THREE_D },
	{ "virgl_has_formats", "Mesa's virgl driver needs a version and BGRA from set 1",
		virgl_has_formats, .needs = CONFORM_NEEDS_VIRGL },
	{ "unknown_id", "virtio 1.4, 5.7.6.8: only sets that GET_CAPSET_INFO has told of",
		unknown_id, id_names, THREE_D, .hostile = true },
	{ "unknown_version", "virtio 1.4, 5.7.6.8: versions go up to capset_max_version",
		unknown_version, version_names, THREE_D, .hostile = true },
	{ "room", "no byte is written outside of the response's buffer", room, room_names, THREE_D,
		.hostile = true },
	{ "without_virgl", "virtio 1.4, 5.7.3: the commands belong to VIRTIO_GPU_F_VIRGL",
		without_virgl, THREE_D },
};
DEFINE_CONFORM_AREA(capset, cases);
