/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The configuration space: any part of it can be read, whatever the VMM's habits. */
#include "kit/conform/conform.h"

#define CONFIG_SIZE     (uint32_t)sizeof(struct virtio_gpu_config)
#define OLD_CONFIG_SIZE 16u /* before virtio 1.4 */
#define FIELD           4u /* bytes of each */
#define EVENTS_CLEAR    4u /* its offset */

static struct kit_machine *realized(struct conform *c, const struct kit_profile *profile)
{
	return conform_machine(
		c, &(struct kit_machine_spec){ .profile = profile, .stage = KIT_STAGE_REALIZED });
}

/* A VMM with these flags, whatever it does else. */
static struct kit_machine *with_flags(struct conform *c, uint32_t flags)
{
	static struct kit_profile profile; /* outlives the machine */
	profile = kit_profile_qemu_gpu_all;
	profile.read_flags = profile.write_flags = flags;
	return realized(c, &profile);
}

/* blob_alignment is there when its feature is. */
static uint32_t size_of(const struct conform *c)
{
	bool blob_alignment = c->probe->features & CONFORM_FEATURE(GPU_F_BLOB_ALIGNMENT);
	return blob_alignment ? CONFIG_SIZE : OLD_CONFIG_SIZE;
}

static void start_and_end(struct conform *c, struct kit_machine *m)
{
	conform_start(m);
	conform_end(c, m);
}

/* --- what is in it ------------------------------------------------------------------------- */

static void scanouts(struct conform *c)
{
	struct kit_machine *m = realized(c, NULL);
	uint32_t count = conform_config(m).num_scanouts;
	CHECK(count >= 1 && count <= VIRTIO_GPU_MAX_SCANOUTS);
	start_and_end(c, m);
}

/* Those that there are can be asked for, all of them. */
static void capsets(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_capset_info info;
	uint32_t count = conform_config(m).num_capsets;
	CHECK(count >= 1);
	for (uint32_t i = 0; i < count; i++)
		CHECK_TYPE(
			m, kit_gpu_capset_info(&m->gpu, i, &info), VIRTIO_GPU_RESP_OK_CAPSET_INFO);
	conform_end(c, m);
}

static void blob_alignment(struct conform *c)
{
	struct kit_machine *m = realized(c, NULL);
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	uint32_t alignment = config.blob_alignment;
	CHECK(alignment > 0 && (alignment & (alignment - 1)) == 0);
	start_and_end(c, m);
}

/* --- reading ------------------------------------------------------------------------------- */

static void read_whole(struct conform *c)
{
	struct kit_machine *m = realized(c, &kit_profile_qemu_gpu);
	struct virtio_gpu_config first, again;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &first, sizeof(first)));
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &again, sizeof(again)));
	CHECK_MEM(&again, &first, sizeof(first));
	start_and_end(c, m);
}

static void read_old(struct conform *c)
{
	struct kit_machine *m = realized(c, &kit_profile_qemu_gpu);
	struct virtio_gpu_config first = conform_config(m), again = conform_config(m);
	CHECK_MEM(&again, &first, OLD_CONFIG_SIZE);
	start_and_end(c, m);
}

static const char *const field_names[] = { "events_read", "events_clear", "num_scanouts",
	"num_capsets", "blob_alignment", NULL };

static void read_field(struct conform *c)
{
	uint32_t offset = c->variant * FIELD, field;
	if (offset >= size_of(c))
		conform_skip("VIRTIO_GPU_F_BLOB_ALIGNMENT is not offered");
	struct kit_machine *m = with_flags(c, 1);
	uint8_t whole[CONFIG_SIZE];
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, whole, size_of(c)));
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, offset, &field, sizeof(field)));
	CHECK_MEM(&field, whole + offset, sizeof(field));
	start_and_end(c, m);
}

/* Every part of these sizes, at every offset that is a multiple of the smallest. */
static const struct {
	uint32_t step, longest;
} parts[] = { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 1, CONFIG_SIZE } };
static const char *const part_names[] = { "bytes", "half_words", "words", "any_length", NULL };

static void read_parts(struct conform *c)
{
	struct kit_machine *m = realized(c, NULL);
	uint32_t step = parts[c->variant].step, end = size_of(c);
	uint8_t all[CONFIG_SIZE], part[CONFIG_SIZE];
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, all, end));
	for (uint32_t offset = 0; offset < end; offset += step) {
		uint32_t longest = min_u32(parts[c->variant].longest, end - offset);
		for (uint32_t size = step; size <= longest; size += step) {
			CHECK_OK(m, kit_vmm_read_config(&m->vmm, offset, part, size));
			CHECK_MEM(part, all + offset, size);
		}
	}
	start_and_end(c, m);
}

static const char *const flag_names[] = { "0", "1", NULL };

static void read_with_flags(struct conform *c)
{
	struct kit_machine *m = with_flags(c, c->variant);
	struct virtio_gpu_config first = conform_config(m), again = conform_config(m);
	CHECK_MEM(&again, &first, sizeof(first));
	start_and_end(c, m);
}

static void before_features(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	struct virtio_gpu_config before = conform_config(m);
	CHECK_INT(m->vmm.features, 0);
	conform_start(m);
	struct virtio_gpu_config after = conform_config(m);
	CHECK_INT(after.num_scanouts, before.num_scanouts);
	CHECK_INT(after.num_capsets, before.num_capsets);
	conform_end(c, m);
}

static void while_running(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_config first = conform_config(m);
	for (int i = 0; i < 20; i++) {
		conform_check_alive(m);
		CHECK_INT(conform_config(m).num_scanouts, first.num_scanouts);
	}
	conform_end(c, m);
}

/* Past the end: refused by an empty answer or filled up; never a hang. */
static const struct {
	uint32_t offset, size;
} past[] = { { 0, CONFIG_SIZE + 1 }, { 0, 256 }, { CONFIG_SIZE - 1, 2 }, { CONFIG_SIZE, 1 },
	{ 255, 1 }, { 256, 4 }, { 0x10000, 4 }, { UINT32_MAX, 1 }, { UINT32_MAX - 3, 8 },
	{ UINT32_MAX, 256 }, { 0, 0 } };
static const char *const past_names[] = { "21_bytes", "256_bytes", "2_from_19", "1_from_20",
	"1_from_255", "4_from_256", "4_from_65536", "1_from_4294967295", "8_from_4294967292",
	"256_from_4294967295", "nothing", NULL };

static void past_the_end(struct conform *c)
{
	struct kit_machine *m = realized(c, NULL);
	uint8_t bytes[256];
	CHECK_OK_OR_REFUSED(m,
		kit_vmm_read_config(
			&m->vmm, past[c->variant].offset, bytes, past[c->variant].size));
	m = conform_check_refused(c, m, past_names[c->variant]);
	conform_config(m);
	start_and_end(c, m);
}

/* --- sizes that do not agree --------------------------------------------------------------- */

static const uint32_t inner_sizes[] = { 0, 3, 5, 255, 257, 0x80000000, UINT32_MAX };
static const char *const inner_size_names[] = { "0", "3", "5", "255", "257", "2147483648",
	"4294967295", NULL };

static void check_inner_size(struct conform *c, uint32_t request)
{
	struct kit_machine *m = realized(c, NULL);
	struct kit_message message;
	CHECK_OK(m, kit_vmm_compose(&m->vmm, request, 0, 4, &message));
	memcpy(message.payload + 4, &inner_sizes[c->variant], sizeof(inner_sizes[0]));
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	start_and_end(c, conform_check_refused(c, m, "a size of its own"));
}

static void get_of_another_size(struct conform *c)
{
	check_inner_size(c, VHOST_USER_GET_CONFIG);
}

static void set_of_another_size(struct conform *c)
{
	check_inner_size(c, VHOST_USER_SET_CONFIG);
}

/* --- writing ------------------------------------------------------------------------------- */

static void check_unchanged(struct kit_machine *m, const struct virtio_gpu_config *before)
{
	struct virtio_gpu_config after = conform_config(m);
	CHECK_INT(after.num_scanouts, before->num_scanouts);
	CHECK_INT(after.num_capsets, before->num_capsets);
	CHECK_INT(after.events_read & VIRTIO_GPU_EVENT_DISPLAY, 0);
}

/* QEMU writes the whole structure, as it reads it, with the bit set; crosvm writes the field. */
static const char *const clear_names[] = { "as_qemu", "as_crosvm", NULL };

static void events_clear(struct conform *c)
{
	bool whole = c->variant == 0;
	struct kit_machine *m = with_flags(c, whole ? 1 : 0);
	struct virtio_gpu_config before = conform_config(m), config = before;
	config.events_clear = VIRTIO_GPU_EVENT_DISPLAY;
	for (int i = 0; i < 3; i++) {
		if (whole)
			CHECK_OK(m, kit_vmm_write_config(&m->vmm, 0, &config, size_of(c)));
		else
			CHECK_OK(m,
				kit_vmm_write_config(&m->vmm, EVENTS_CLEAR, &config.events_clear,
					sizeof(config.events_clear)));
		check_unchanged(m, &before);
	}
	start_and_end(c, m);
}

/* With the flags of a guest's write, not of a migration. */
static const struct {
	uint32_t offset, size;
} read_only[] = { { 0, FIELD }, { 2 * FIELD, FIELD }, { 3 * FIELD, FIELD },
	{ 0, OLD_CONFIG_SIZE } };
static const char *const read_only_names[] = { "events_read", "num_scanouts", "num_capsets",
	"whole", NULL };

static void read_only_fields(struct conform *c)
{
	struct kit_machine *m = with_flags(c, 0);
	struct virtio_gpu_config before = conform_config(m);
	const uint32_t scribble[] = { VIRTIO_GPU_EVENT_DISPLAY, VIRTIO_GPU_EVENT_DISPLAY, 99, 99 };
	uint32_t offset = read_only[c->variant].offset, size = read_only[c->variant].size;
	int ret = kit_vmm_write_config(&m->vmm, offset, &scribble[offset / FIELD], size);
	CHECK_OK_OR_REFUSED(m, ret);
	if (ret == -ECONNRESET)
		m = conform_check_refused(c, m, "a write to a field that is read only");
	check_unchanged(m, &before);
	start_and_end(c, m);
}

static const struct {
	uint32_t offset, size;
} beyond[] = { { CONFIG_SIZE, 4 }, { 0, 256 }, { 252, 4 }, { 256, 4 }, { UINT32_MAX, 4 }, { 2, 4 },
	{ 4, 1 }, { 0, 0 } };
static const char *const beyond_names[] = { "4_to_20", "256_bytes", "4_to_252", "4_to_256",
	"4_to_4294967295", "across_fields", "one_byte_of_a_field", "nothing", NULL };

static void odd_write(struct conform *c)
{
	static const uint8_t nothing[256];
	struct kit_machine *m = realized(c, NULL);
	struct virtio_gpu_config before = conform_config(m);
	CHECK_OK_OR_REFUSED(m,
		kit_vmm_write_config(
			&m->vmm, beyond[c->variant].offset, nothing, beyond[c->variant].size));
	m = conform_check_refused(c, m, beyond_names[c->variant]);
	check_unchanged(m, &before);
	start_and_end(c, m);
}

#define NEEDS_CONFIG .protocol = CONFORM_PROTOCOL(CONFIG)

static const struct conform_case cases[] = {
	{ "scanouts", "virtio 1.4, 5.7.4.1: num_scanouts is 1 to 16", .run = scanouts,
		NEEDS_CONFIG },
	{ "capsets", "virtio 1.4, 5.7.4.1: num_capsets; Linux asks for each of them",
		.run = capsets, .features = CONFORM_FEATURE(GPU_F_VIRGL), NEEDS_CONFIG },
	{ "blob_alignment", "virtio 1.4, 5.7.4.1: blob_alignment is a power of two",
		.run = blob_alignment, .features = CONFORM_FEATURE(GPU_F_BLOB_ALIGNMENT),
		NEEDS_CONFIG },
	{ "read_whole", "QEMU reads the whole structure each time", .run = read_whole,
		NEEDS_CONFIG },
	{ "read_old", "QEMU of before virtio 1.4 reads 16 bytes", .run = read_old, NEEDS_CONFIG },
	{ "read_field", "crosvm reads what the guest reads, a field at a time", .run = read_field,
		.variants = field_names, NEEDS_CONFIG },
	{ "read_parts",
		"vhost-user: GET_CONFIG: the answer is of the size that was asked for, from the "
		"offset",
		.run = read_parts, .variants = part_names, NEEDS_CONFIG },
	{ "read_with_flags", "QEMU reads with flags 0 and crosvm with 1", .run = read_with_flags,
		.variants = flag_names, NEEDS_CONFIG },
	{ "before_features", "virtio 1.4, 2.5.2: any field can be read before FEATURES_OK",
		.run = before_features, NEEDS_CONFIG },
	{ "while_running", "Linux reads events_read whenever it is told of a change",
		.run = while_running, NEEDS_CONFIG },
	{ "past_the_end", "vhost-user: GET_CONFIG: an answer without payload says no",
		.run = past_the_end, .variants = past_names, NEEDS_CONFIG, .hostile = true },
	{ "get_of_another_size", "vhost-user: GET_CONFIG: size is that of the payload",
		.run = get_of_another_size, .variants = inner_size_names, NEEDS_CONFIG,
		.hostile = true },
	{ "set_of_another_size", "vhost-user: SET_CONFIG: size is that of the payload",
		.run = set_of_another_size, .variants = inner_size_names, NEEDS_CONFIG,
		.hostile = true },
	{ "events_clear", "virtio 1.4, 5.7.4.1: events_clear takes bits out of events_read",
		.run = events_clear, .variants = clear_names, NEEDS_CONFIG },
	{ "read_only_fields",
		"vhost-user: SET_CONFIG: read-only fields are written by a migration only",
		.run = read_only_fields, .variants = read_only_names, NEEDS_CONFIG },
	{ "odd_write", "vhost-user: SET_CONFIG of bytes that are no field, or not one",
		.run = odd_write, .variants = beyond_names, NEEDS_CONFIG, .hostile = true },
};
DEFINE_CONFORM_AREA(config, cases);
