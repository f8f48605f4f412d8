/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Saving gives the bytes of one section after another as they lie in memory: pixels straight out of
 * the images. Loading is the reverse: each part of the state (a header, a struct, a block) is copied to
 * where it belongs as it comes in, and looked at when it is whole. So nothing is kept in between,
 * whatever the size of the state, and nothing has to be there at once.
 */
#include "gpu/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/snapshot_sections.h"
#include "gpu/state.h"
#include "util/checked.h"
#include "util/log.h"

/* What comes next of a state. */
enum stage {
	STAGE_HEADER,
	STAGE_SECTION, /* its header */
	STAGE_FIXED,
	STAGE_BLOCK,
	STAGE_WHOLE, /* nothing */
};

struct gpu_snapshot {
	struct gpu_sections sections;
	enum stage stage;
	const struct gpu_section_spec *spec; /* of the section at hand; at first the first one */
	bool begun; /* there has been a section of that type */
	struct gpu_section section;
	uint32_t block; /* of the section at hand */

	/* saving */
	struct {
		struct gpu_snapshot_section section;
		uint8_t fixed[sizeof(((struct gpu_section *)0)->fixed)];
	} out;

	/* loading */
	struct gpu_snapshot_header header;
	struct gpu_snapshot_section head;
	uint8_t *to; /* where the part at hand goes … */
	uint64_t left; /* … and how much of it has not come yet */
};

static struct gpu_snapshot *snapshot_create(struct gpu_device *device)
{
	struct gpu_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	assert(!device->snapshot);
	if (!snapshot)
		return NULL;
	snapshot->sections.device = device;
	snapshot->spec = gpu_section_specs;
	device->snapshot = snapshot;
	return snapshot;
}

static uint64_t blocks_size(const struct gpu_section *section)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < GPU_SECTION_BLOCKS; i++)
		size += section->blocks[i].size;
	return size;
}

/* --- saving --------------------------------------------------------------------------------- */

static int save_begin(void *data, const struct vhost_session_state *session)
{
	struct gpu_device *device = data;
	const char *reason = gpu_sections_unsaved(device);
	if (reason) {
		log_limited(LOG_WARN, "the device's state cannot be saved while %s", reason);
		return -EOPNOTSUPP;
	}
	struct gpu_snapshot *snapshot = snapshot_create(device);
	if (!snapshot) {
		log_limited(LOG_ERROR, "no memory to save the device's state");
		return -ENOMEM;
	}
	snapshot->sections.session = *session;
	return 0;
}

static size_t give_header(struct gpu_snapshot *snapshot, const void **ret_bytes)
{
	snapshot->header.version = GPU_SNAPSHOT_VERSION;
	memcpy(snapshot->header.magic, GPU_SNAPSHOT_MAGIC, sizeof(snapshot->header.magic));
	snapshot->stage = STAGE_SECTION;
	*ret_bytes = &snapshot->header;
	return sizeof(snapshot->header);
}

/* Finds what is to be saved next. */
static void next_section(struct gpu_snapshot *snapshot)
{
	struct gpu_sections *sections = &snapshot->sections;
	snapshot->section = (struct gpu_section){ 0 };
	while (!snapshot->spec->save(sections, &snapshot->section)) {
		snapshot->spec++;
		sections->position = 0;
		sections->link = NULL;
	}
}

static size_t give_section(struct gpu_snapshot *snapshot, const void **ret_bytes)
{
	next_section(snapshot);
	const struct gpu_section_spec *spec = snapshot->spec;
	snapshot->out.section = (struct gpu_snapshot_section){
		.type = spec->type,
		.length = spec->fixed_size + blocks_size(&snapshot->section),
	};
	memcpy(snapshot->out.fixed, &snapshot->section.fixed, spec->fixed_size);
	snapshot->block = 0;
	snapshot->stage = spec->type == GPU_SNAPSHOT_END ? STAGE_WHOLE : STAGE_BLOCK;
	*ret_bytes = &snapshot->out;
	return sizeof(snapshot->out.section) + spec->fixed_size;
}

static ssize_t save_next(void *data, const void **ret_bytes)
{
	struct gpu_snapshot *snapshot = ((struct gpu_device *)data)->snapshot;
	if (snapshot->stage == STAGE_HEADER)
		return (ssize_t)give_header(snapshot, ret_bytes);
	while (snapshot->stage == STAGE_BLOCK && snapshot->block < GPU_SECTION_BLOCKS) {
		const struct gpu_section_block *block =
			&snapshot->section.blocks[snapshot->block++];
		*ret_bytes = block->bytes;
		if (block->size > 0)
			return (ssize_t)block->size;
	}
	if (snapshot->stage == STAGE_WHOLE)
		return 0;
	return (ssize_t)give_section(snapshot, ret_bytes);
}

/* --- loading -------------------------------------------------------------------------------- */

static void expect(struct gpu_snapshot *snapshot, enum stage stage, void *to, uint64_t size)
{
	snapshot->stage = stage;
	snapshot->to = to;
	snapshot->left = size;
}

static int load_begin(void *data)
{
	struct gpu_snapshot *snapshot = snapshot_create(data);
	if (!snapshot) {
		log_limited(LOG_ERROR, "no memory to load the device's state");
		return -ENOMEM;
	}
	expect(snapshot, STAGE_HEADER, &snapshot->header, sizeof(snapshot->header));
	return 0;
}

static void expect_section(struct gpu_snapshot *snapshot)
{
	expect(snapshot, STAGE_SECTION, &snapshot->head, sizeof(snapshot->head));
}

static const char *take_header(struct gpu_snapshot *snapshot)
{
	const struct gpu_snapshot_header *header = &snapshot->header;
	if (memcmp(header->magic, GPU_SNAPSHOT_MAGIC, sizeof(header->magic)) != 0)
		return "it is none of this program's";
	if (header->version != GPU_SNAPSHOT_VERSION || header->zero)
		return "it is of another version";
	expect_section(snapshot);
	return NULL;
}

/* The row of the section whose header has come, if it may come here. Rows are in order, and what is
 * left behind by going on in them will not come any more. */
static const struct gpu_section_spec *find_spec(const struct gpu_snapshot *snapshot)
{
	const struct gpu_section_spec *spec = snapshot->spec;
	const struct gpu_section_spec *end = gpu_section_specs + gpu_section_spec_count;
	bool begun = snapshot->begun;
	for (; spec < end; spec++, begun = false) {
		if (spec->type == snapshot->head.type)
			return spec->once && begun ? NULL : spec;
		if (spec->once && !begun)
			return NULL;
	}
	return NULL;
}

static const char *take_section(struct gpu_snapshot *snapshot)
{
	const struct gpu_snapshot_section *head = &snapshot->head;
	const struct gpu_section_spec *spec = find_spec(snapshot);
	if (!spec)
		return "a section that is unknown, or not in its place";
	if (head->zero || head->length < spec->fixed_size)
		return "a section of a size that cannot be";
	if (spec != snapshot->spec)
		snapshot->sections.position = 0;
	snapshot->spec = spec;
	snapshot->begun = true;
	snapshot->section = (struct gpu_section){ 0 };
	expect(snapshot, STAGE_FIXED, &snapshot->section.fixed, spec->fixed_size);
	return NULL;
}

static void expect_block(struct gpu_snapshot *snapshot, uint32_t index)
{
	const struct gpu_section_block *block = &snapshot->section.blocks[index];
	snapshot->block = index;
	expect(snapshot, STAGE_BLOCK, block->bytes, block->size);
}

static const char *take_fixed(struct gpu_snapshot *snapshot)
{
	const struct gpu_section_spec *spec = snapshot->spec;
	const char *fault = spec->load(&snapshot->sections, &snapshot->section);
	if (fault)
		return fault;
	if (snapshot->head.length - spec->fixed_size != blocks_size(&snapshot->section))
		return "a section of a size that cannot be";
	expect_block(snapshot, 0);
	return NULL;
}

static const char *take_block(struct gpu_snapshot *snapshot)
{
	const struct gpu_section_spec *spec = snapshot->spec;
	if (snapshot->block + 1 < GPU_SECTION_BLOCKS) {
		expect_block(snapshot, snapshot->block + 1);
		return NULL;
	}
	const char *fault = NULL;
	if (spec->loaded)
		fault = spec->loaded(&snapshot->sections, &snapshot->section);
	if (spec->type == GPU_SNAPSHOT_END)
		expect(snapshot, STAGE_WHOLE, NULL, 0);
	else
		expect_section(snapshot);
	return fault;
}

static const char *(*const takers[])(struct gpu_snapshot *snapshot) = {
	[STAGE_HEADER] = take_header,
	[STAGE_SECTION] = take_section,
	[STAGE_FIXED] = take_fixed,
	[STAGE_BLOCK] = take_block,
};

/* Looks at what is whole. */
static const char *take(struct gpu_snapshot *snapshot)
{
	const char *fault = NULL;
	while (!fault && snapshot->left == 0 && snapshot->stage != STAGE_WHOLE)
		fault = takers[snapshot->stage](snapshot);
	return fault;
}

static int refuse(const struct gpu_snapshot *snapshot, const char *fault)
{
	bool inside = snapshot->stage == STAGE_FIXED || snapshot->stage == STAGE_BLOCK;
	log_limited(LOG_WARN, "the device's state cannot be loaded: %s%s%s",
		inside ? snapshot->spec->name : "", inside ? ": " : "", fault);
	return -EINVAL;
}

static int load(void *data, const void *bytes, size_t size)
{
	struct gpu_snapshot *snapshot = ((struct gpu_device *)data)->snapshot;
	const uint8_t *from = bytes;
	while (size > 0) {
		size_t part = (size_t)min_u64(size, snapshot->left);
		if (snapshot->stage == STAGE_WHOLE)
			return refuse(snapshot, "there is something behind its end");
		memcpy(snapshot->to, from, part);
		snapshot->to += part;
		snapshot->left -= part;
		from += part;
		size -= part;
		const char *fault = take(snapshot);
		if (fault)
			return refuse(snapshot, fault);
	}
	return snapshot->stage == STAGE_WHOLE;
}

static int load_end(void *data, struct vhost_session_state *ret_session)
{
	const struct gpu_snapshot *snapshot = ((struct gpu_device *)data)->snapshot;
	if (snapshot->stage != STAGE_WHOLE) {
		log_limited(LOG_WARN, "the device's state cannot be loaded: it is cut short");
		return -EINVAL;
	}
	*ret_session = snapshot->sections.session;
	return 0;
}

static void end(void *data)
{
	struct gpu_device *device = data;
	struct gpu_snapshot *snapshot = device->snapshot;
	device->snapshot = NULL;
	gpu_sections_finish(&snapshot->sections);
	free(snapshot);
}

const struct vhost_state_impl gpu_snapshot_impl = {
	.save_begin = save_begin,
	.save_next = save_next,
	.load_begin = load_begin,
	.load = load,
	.load_end = load_end,
	.end = end,
};
