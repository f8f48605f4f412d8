/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* EDID: the display's handed on, or one of the device's own that a guest can read. */
#include "kit/conform/guest.h"

#define MAX_BLOCKS 8u

static struct kit_machine *realized(struct conform *c)
{
	return conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

static void get(struct kit_machine *m, uint32_t scanout, struct virtio_gpu_resp_edid *ret_edid)
{
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, scanout, ret_edid), VIRTIO_GPU_RESP_OK_EDID);
}

/* --- of the device's own ------------------------------------------------------------------- */

static void check_header(
	const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode)
{
	static const uint8_t magic[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	CHECK_MEM(edid->edid, magic, sizeof(magic));
}

static void check_size(const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode)
{
	CHECK_INT(edid->size, (edid->edid[126] + 1u) * KIT_EDID_BLOCK);
}

static void check_sums(const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode)
{
	for (uint32_t block = 0; block < edid->size / KIT_EDID_BLOCK; block++) {
		uint8_t sum = 0;
		for (uint32_t i = 0; i < KIT_EDID_BLOCK; i++)
			sum = (uint8_t)(sum + edid->edid[block * KIT_EDID_BLOCK + i]);
		if (sum != 0)
			kit_check_failed(
				KIT_HERE, "the bytes of block %u add up to %u", block, sum);
	}
}

static void check_version(
	const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode)
{
	CHECK_INT(edid->edid[18], 1);
	CHECK(edid->edid[19] >= 3);
}

/* The first detailed timing is the preferred one. */
static void check_timing(
	const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode)
{
	const uint8_t *timing = edid->edid + 54;
	CHECK(timing[0] | timing[1]);
	CHECK_INT(timing[2] | (timing[4] & 0xf0) << 4, mode->width);
	CHECK_INT(timing[5] | (timing[7] & 0xf0) << 4, mode->height);
}

static void check_manufacturer(
	const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode)
{
	uint32_t name = (uint32_t)edid->edid[8] << 8 | edid->edid[9];
	for (uint32_t shift = 0; shift < 15; shift += 5)
		CHECK((name >> shift & 31) >= 1 && (name >> shift & 31) <= 26);
}

static void (*const checks[])(
	const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode) = {
	check_header,
	check_size,
	check_sums,
	check_version,
	check_timing,
	check_manufacturer,
};
static const char *const check_names[] = { "header", "size", "sums", "version", "timing",
	"manufacturer", NULL };

static void check_own(
	const struct virtio_gpu_resp_edid *edid, const struct virtio_gpu_rect *mode, uint32_t which)
{
	CHECK(edid->size >= KIT_EDID_BLOCK && edid->size <= sizeof(edid->edid));
	checks[which](edid, mode);
}

/* A VMM without a display socket. */
static void without_a_display(struct conform *c)
{
	struct kit_machine *m = conform_machine(
		c, &(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	struct virtio_gpu_resp_display_info info;
	struct virtio_gpu_resp_edid edid;
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	int type = kit_gpu_edid(&m->gpu, 0, &edid);
	if (type >= VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "without a display it is %s", kit_response_name(type));
	CHECK_TYPE(m, type, VIRTIO_GPU_RESP_OK_EDID);
	check_own(&edid, &info.pmodes[0].r, c->variant);
	conform_end(c, m);
}

/* A display that has no EDID is not asked for it. */
static void of_a_display_without_it(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct virtio_gpu_resp_edid edid;
	m->display.features = 0;
	CHECK_OK(m, kit_machine_start(m));
	conform_check_alive(m);
	int type = kit_gpu_edid(&m->gpu, 0, &edid);
	CHECK_INT(m->display.counts[VHOST_USER_GPU_GET_EDID], 0);
	if (type >= VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "it is %s", kit_response_name(type));
	CHECK_TYPE(m, type, VIRTIO_GPU_RESP_OK_EDID);
	check_own(&edid, &m->display.modes[0].r, c->variant);
	conform_end(c, m);
}

/* --- of the display ------------------------------------------------------------------------ */

static const uint32_t blocks[] = { 1, 2, 3, 4, MAX_BLOCKS };
static const char *const block_names[] = { "1", "2", "3", "4", "8", NULL };

static void handed_on(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct virtio_gpu_resp_edid edid;
	uint8_t expected[MAX_BLOCKS * KIT_EDID_BLOCK] = { 0 };
	uint32_t count = blocks[c->variant];
	m->display.edid_size = count * KIT_EDID_BLOCK;
	m->display.edid[0][126] = (uint8_t)(count - 1);
	kit_edid_sum(m->display.edid[0], 2);
	memcpy(expected, m->display.edid[0], sizeof(m->display.edid[0]));
	CHECK_OK(m, kit_machine_start(m));
	get(m, 0, &edid);
	CHECK_INT(edid.size, count * KIT_EDID_BLOCK);
	CHECK_MEM(edid.edid, expected, edid.size);
	conform_end(c, m);
}

static void check_handed_on(
	const struct kit_machine *m, uint32_t scanout, const struct virtio_gpu_resp_edid *edid)
{
	CHECK_INT(edid->size, m->display.edid_size);
	CHECK_MEM(edid->edid, m->display.edid[scanout], edid->size);
}

static const uint32_t scanouts[] = { 0, 1, 2, 7, 15 };
static const char *const scanout_names[] = { "0", "1", "2", "7", "15", NULL };

static void scanout(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct virtio_gpu_resp_edid edid;
	uint32_t id = scanouts[c->variant];
	kit_display_set_mode(&m->display, id, 1024, 768);
	CHECK_OK(m, kit_machine_start(m));
	int type = kit_gpu_edid(&m->gpu, id, &edid);
	if (id > 0 && type >= VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "of scanout %u it is %s", id, kit_response_name(type));
	CHECK_TYPE(m, type, VIRTIO_GPU_RESP_OK_EDID);
	check_handed_on(m, id, &edid);
	conform_end(c, m);
}

/* Many questions at once: each gets the answer to its own. */
static void all_at_once(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct kit_command *commands[KIT_MAX_SCANOUTS];
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		kit_display_set_mode(&m->display, i, 1024, 768);
	CHECK_OK(m, kit_machine_start(m));
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++) {
		struct virtio_gpu_get_edid request = { .hdr = kit_header(VIRTIO_GPU_CMD_GET_EDID),
			.scanout = i };
		commands[i] = kit_gpu_queue(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &request,
			sizeof(request), sizeof(struct virtio_gpu_resp_edid));
		CHECK(commands[i]);
	}
	kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]);
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++) {
		struct virtio_gpu_resp_edid edid;
		int type = kit_gpu_complete(&m->gpu, commands[i], &edid, sizeof(edid));
		CHECK_OK(m, type);
		if (type == VIRTIO_GPU_RESP_OK_EDID)
			check_handed_on(m, i, &edid);
		CHECK(i > 0 || type == VIRTIO_GPU_RESP_OK_EDID);
	}
	conform_end(c, m);
}

/* The window is resized, and with it the monitor is another one. */
static void changes(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_edid edid;
	for (uint32_t i = 0; i < 10; i++) {
		kit_display_set_mode(&m->display, 0, 800 + i * 8, 600 + i);
		m->display.edid[0][60] = (uint8_t)i;
		kit_edid_sum(m->display.edid[0], 2);
		conform_check_alive(m);
		get(m, 0, &edid);
		check_handed_on(m, 0, &edid);
	}
	conform_end(c, m);
}

static void often(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_edid edid;
	for (uint32_t i = 0; i < 300; i++) {
		get(m, 0, &edid);
		check_handed_on(m, 0, &edid);
	}
	conform_end(c, m);
}

/* Each start of the device brings another display socket. */
static void of_the_next_display(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_edid edid;
	for (uint32_t i = 0; i < 5; i++) {
		get(m, 0, &edid);
		check_handed_on(m, 0, &edid);
		CHECK_OK(m, kit_machine_stop(m));
		m->display.edid[0][70] = (uint8_t)i;
		kit_edid_sum(m->display.edid[0], 2);
		CHECK_OK(m, kit_machine_start(m));
	}
	conform_end(c, m);
}

/* --- what is wrong ------------------------------------------------------------------------- */

static const uint32_t bad_scanouts[] = { 16, 17, 255, 0x7fffffff, 0x80000000, UINT32_MAX };
static const char *const bad_scanout_names[] = { "16", "17", "255", "2147483647", "2147483648",
	"max", NULL };

static void bad_scanout(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_edid edid;
	CHECK_ERROR(m, kit_gpu_edid(&m->gpu, bad_scanouts[c->variant], &edid));
	conform_end(c, m);
}

/* A scanout that the display does not have: it leaves such a question without an answer. */
static void scanout_without_an_output(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct virtio_gpu_get_edid request = { .hdr = kit_header(VIRTIO_GPU_CMD_GET_EDID),
		.scanout = 9 };
	m->display.answers[VHOST_USER_GPU_GET_EDID] = KIT_DISPLAY_SILENT;
	CHECK_OK(m, kit_machine_start(m));
	guest_send(m, VIRTIO_GPU_QUEUE_CONTROL, &request, sizeof(request),
		sizeof(struct virtio_gpu_resp_edid));
	m->display.answers[VHOST_USER_GPU_GET_EDID] = KIT_DISPLAY_GOOD;
	conform_end(c, m);
}

/* Sizes in the display's answer that cannot be. */
static const uint32_t bad_sizes[] = { 0, 1025, 0x7fffffff, UINT32_MAX };
static const char *const bad_size_names[] = { "0", "1025", "2147483647", "max", NULL };

static void impossible_size(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct virtio_gpu_resp_edid edid;
	m->display.edid_size = bad_sizes[c->variant];
	CHECK_OK(m, kit_machine_start(m));
	int type = kit_gpu_edid(&m->gpu, 0, &edid);
	CHECK_OK(m, type);
	if (type == VIRTIO_GPU_RESP_OK_EDID)
		CHECK(edid.size <= sizeof(edid.edid));
	CHECK_OK(m, kit_machine_stop(m));
	m->display.edid_size = sizeof(m->display.edid[0]);
	CHECK_OK(m, kit_machine_start(m));
	get(m, 0, &edid);
	check_handed_on(m, 0, &edid);
	conform_end(c, m);
}

/* --- the table ----------------------------------------------------------------------------- */

#define BLOB    "virtio 1.4, 5.7.6.8: the EDID is a blob as specified by VESA"
#define NEEDS   .features = CONFORM_FEATURE(GPU_F_EDID)
#define ASKS    NEEDS, .needs = CONFORM_NEEDS_DISPLAY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "without_a_display", BLOB, without_a_display, check_names, NEEDS },
	{ "of_a_display_without_it", "vhost-user-gpu: GET_EDID needs the protocol feature; " BLOB,
		of_a_display_without_it, check_names, NEEDS },
	{ "handed_on", "vhost-user-gpu: the reply to GET_EDID is the guest's response", handed_on,
		block_names, ASKS },
	{ "scanout", "virtio 1.4, 5.7.6.8: the EDID is the scanout's", scanout, scanout_names,
		ASKS },
	{ "all_at_once", "Linux asks for all scanouts in a row", all_at_once, ASKS },
	{ "changes", "virtio 1.4, 5.7.4: the EDID is fetched again when the display has changed",
		changes, ASKS },
	{ "often", "a guest may ask at any time", often, ASKS },
	{ "of_the_next_display", "QEMU gives another display socket at each start",
		of_the_next_display, ASKS },
	{ "bad_scanout", "virtio 1.4, 5.7.4: there are at most 16 scanouts", bad_scanout,
		bad_scanout_names, NEEDS, HOSTILE },
	{ "scanout_without_an_output",
		"QEMU does not answer GET_EDID of a scanout it does not have",
		scanout_without_an_output, ASKS, HOSTILE },
	{ "impossible_size", "virtio 1.4, 5.7.6.8: an EDID has at most 1024 bytes", impossible_size,
		bad_size_names, ASKS, HOSTILE },
};
DEFINE_CONFORM_AREA(edid, cases);
