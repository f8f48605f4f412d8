/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* UUIDs of resources: what the guest is given, and what the VMM hears of it. */
#include "kit/conform/blob.h"
#include "kit/conform/gl.h"
#include "kit/conform/guest.h"
#include "util/fd.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define SIDE 64u
#define UUID 16u

static void assign(struct kit_machine *m, uint32_t id, uint8_t ret_uuid[UUID])
{
	memset(ret_uuid, 0, UUID);
	CHECK_TYPE(m, kit_gpu_assign_uuid(&m->gpu, id, ret_uuid), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
}

static void create_2d(struct kit_machine *m, uint32_t id)
{
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, id, XRGB, SIDE, SIDE));
}

static void check_refused(struct kit_machine *m, uint32_t id)
{
	uint8_t uuid[UUID];
	CHECK_ERROR(m, kit_gpu_assign_uuid(&m->gpu, id, uuid));
}

/* Resource 1 of the variant's kind. Its surface is to be finished. */
static struct kit_surface resource(struct conform *c, struct kit_machine *m)
{
	const char *kind = c->row->variants[c->variant];
	if (strcmp(kind, "blob") == 0) {
		if (!kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_RESOURCE_BLOB))
			conform_skip("VIRTIO_GPU_F_RESOURCE_BLOB is not offered");
		return blob_surface(m, 1, SIDE, SIDE);
	}
	if (strcmp(kind, "2d") == 0)
		return conform_surface(m, 1, XRGB, SIDE, SIDE);
	if (!c->probe->virgl)
		conform_skip("there is no capability set of virgl");
	gl_context(m, GL_CONTEXT);
	return gl_framebuffer(m, 1, XRGB, SIDE, SIDE);
}

static const char *const kind_names[] = { "2d", "blob", "3d", NULL };

/* --- for the guest ------------------------------------------------------------------------- */

/* There is one, it is one of 16 bytes and not the nil or the max UUID, and it stays. */
static void assigned(struct conform *c)
{
	static const uint8_t nil[UUID];
	uint8_t uuid[UUID], again[UUID], max[UUID];
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = resource(c, m);
	memset(max, 0xff, UUID);
	assign(m, 1, uuid);
	CHECK(memcmp(uuid, nil, UUID) != 0);
	CHECK(memcmp(uuid, max, UUID) != 0);
	for (int i = 0; i < 3; i++) {
		assign(m, 1, again);
		CHECK_MEM(again, uuid, UUID);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void all_differ(struct conform *c)
{
	enum { COUNT = 50 };
	uint8_t uuids[COUNT][UUID];
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t i = 0; i < COUNT; i++) {
		create_2d(m, i + 1);
		assign(m, i + 1, uuids[i]);
		for (uint32_t k = 0; k < i; k++)
			CHECK(memcmp(uuids[k], uuids[i], UUID) != 0);
	}
	conform_end(c, m);
}

static const uint32_t ids[] = { 0, 2, 0x80000000, UINT32_MAX };
static const char *const id_names[] = { "0", "2", "2_31", "max", NULL };

static void no_such_resource(struct conform *c)
{
	uint8_t uuid[UUID];
	struct kit_machine *m = conform_machine(c, NULL);
	create_2d(m, 1);
	check_refused(m, ids[c->variant]);
	assign(m, 1, uuid);
	conform_end(c, m);
}

static void without_the_feature(struct conform *c)
{
	uint8_t uuid[UUID];
	struct kit_machine *m = conform_machine(
		c, &(struct kit_machine_spec){ .unwanted = CONFORM_FEATURE(GPU_F_RESOURCE_UUID) });
	create_2d(m, 1);
	int type = kit_gpu_assign_uuid(&m->gpu, 1, uuid);
	CHECK_OK(m, type);
	if (type < VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "the device gives UUIDs without the feature");
	conform_end(c, m);
}

/* What has its id later is another object. */
static void gone_with_the_resource(struct conform *c)
{
	uint8_t uuid[UUID], next[UUID];
	struct kit_machine *m = conform_machine(c, NULL);
	for (int i = 0; i < 3; i++) {
		create_2d(m, 1);
		assign(m, 1, uuid);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		check_refused(m, 1);
		create_2d(m, 1);
		assign(m, 1, next);
		CHECK(memcmp(next, uuid, UUID) != 0);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	}
	conform_end(c, m);
}

static void gone_after_a_reset(struct conform *c)
{
	uint8_t uuid[UUID], next[UUID];
	struct kit_machine *m = conform_machine(c, NULL);
	create_2d(m, 1);
	assign(m, 1, uuid);
	CHECK_OK(m, kit_machine_reset(m));
	check_refused(m, 1);
	create_2d(m, 1);
	assign(m, 1, next);
	CHECK(memcmp(next, uuid, UUID) != 0);
	conform_end(c, m);
}

static void kept_over_a_pause(struct conform *c)
{
	uint8_t uuid[UUID], again[UUID];
	struct kit_machine *m = conform_machine(c, NULL);
	create_2d(m, 1);
	assign(m, 1, uuid);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	assign(m, 1, again);
	CHECK_MEM(again, uuid, UUID);
	conform_end(c, m);
}

/* --- for the VMM --------------------------------------------------------------------------- */

static bool has_object(struct kit_machine *m, const uint8_t *uuid)
{
	int fd;
	CHECK_OK(m, kit_vmm_get_shared_object(&m->vmm, uuid, &fd));
	bool has = fd >= 0;
	fd_close(&fd);
	return has;
}

/* Requests of these two kinds that came so far. */
static uint32_t count_shared(const struct kit_machine *m)
{
	const struct kit_channel *channel = &m->vmm.channel;
	uint32_t count = 0;
	for (uint32_t i = 0; i < channel->count && i < KIT_MAX_CHANNEL_REQUESTS; i++)
		count += channel->requests[i].request == VHOST_USER_BACKEND_SHARED_OBJECT_ADD ||
			channel->requests[i].request == VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE;
	return count;
}

/* Not every resource is one that the host can share; then the VMM hears of nothing and gets nothing. */
static void need_shared(struct conform *c, struct kit_machine *m, const uint8_t *uuid)
{
	guest_watch(m);
	if (m->vmm.channel.shared_count > 0)
		return;
	CHECK_INT(count_shared(m), 0);
	CHECK(!has_object(m, uuid));
	conform_reject(c, m, "such a resource is not shared");
}

static void shared_object(struct conform *c)
{
	uint8_t uuid[UUID];
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = resource(c, m);
	CHECK_INT(m->vmm.channel.shared_count, 0);
	assign(m, 1, uuid);
	need_shared(c, m, uuid);
	CHECK_INT(m->vmm.channel.shared_count, 1);
	CHECK(kit_channel_shares(&m->vmm.channel, uuid));
	CHECK(has_object(m, uuid));
	assign(m, 1, uuid);
	guest_watch(m);
	CHECK_INT(count_shared(m), 1);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_OK(m, kit_channel_wait_shared(&m->vmm.channel, 0));
	CHECK(!has_object(m, uuid));
	CHECK_INT(m->vmm.channel.refused, 0);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void removed_by_a_reset(struct conform *c)
{
	uint8_t uuid[UUID];
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = resource(c, m);
	assign(m, 1, uuid);
	need_shared(c, m, uuid);
	CHECK_OK(m, kit_machine_reset(m));
	CHECK_OK(m, kit_channel_wait_shared(&m->vmm.channel, 0));
	CHECK(!has_object(m, uuid));
	CHECK_INT(m->vmm.channel.refused, 0);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* No object: the answer comes without a descriptor. */
static void no_such_object(struct conform *c)
{
	uint8_t uuid[UUID];
	struct kit_machine *m = conform_machine(c, NULL);
	create_2d(m, 1);
	assign(m, 1, uuid);
	uuid[UUID - 1] ^= 1;
	CHECK(!has_object(m, uuid));
	memset(uuid, 0, UUID);
	CHECK(!has_object(m, uuid));
	conform_end(c, m);
}

static const uint64_t unwanted[] = { CONFORM_PROTOCOL(SHARED_OBJECT),
	CONFORM_PROTOCOL(BACKEND_REQ) };
static const char *const unwanted_names[] = { "objects", "channel", NULL };

static void vmm_without(struct conform *c)
{
	uint8_t uuid[UUID], again[UUID];
	struct kit_machine *m = conform_machine(
		c, &(struct kit_machine_spec){ .protocol_unwanted = unwanted[c->variant] });
	create_2d(m, 1);
	assign(m, 1, uuid);
	assign(m, 1, again);
	CHECK_MEM(again, uuid, UUID);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	guest_watch(m);
	CHECK_INT(count_shared(m), 0);
	conform_end(c, m);
}

static void vmm_refuses(struct conform *c)
{
	uint8_t uuid[UUID], again[UUID];
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = resource(c, m);
	m->vmm.channel.answer = KIT_CHANNEL_REFUSE;
	assign(m, 1, uuid);
	assign(m, 1, again);
	CHECK_MEM(again, uuid, UUID);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	guest_watch(m);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* The guest gets its UUID, and goes on. Whoever asks for it again meanwhile waits as well. */
static void vmm_is_silent(struct conform *c)
{
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID),
		.resource_id = 1,
	};
	struct virtio_gpu_resp_resource_uuid answers[2];
	struct kit_command *commands[2];
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = resource(c, m);
	m->vmm.channel.answer = KIT_CHANNEL_SILENT;
	for (int i = 0; i < 2; i++) {
		commands[i] =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), sizeof(answers[i]));
		CHECK(commands[i]);
	}
	for (int i = 0; i < 2; i++)
		CHECK_TYPE(m,
			kit_gpu_complete(&m->gpu, commands[i], &answers[i], sizeof(answers[i])),
			VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	CHECK_MEM(answers[0].uuid, answers[1].uuid, UUID);
	conform_check_alive(m);
	kit_surface_finish(&s);
	conform_end(c, m);
}

#define ASSIGN "virtio 1.4, 5.7.6.8: RESOURCE_ASSIGN_UUID: "
#define SHARE  "vhost-user: SHARED_OBJECT: "
#define GIVEN  .features = CONFORM_FEATURE(GPU_F_RESOURCE_UUID)
#define SHARED GIVEN, .protocol = CONFORM_PROTOCOL(SHARED_OBJECT) | CONFORM_PROTOCOL(BACKEND_REQ)

static const struct conform_case cases[] = {
	{ "assigned", ASSIGN "the response has a UUID that identifies the object", assigned,
		kind_names, GIVEN },
	{ "all_differ", ASSIGN "a UUID identifies one object", all_differ, GIVEN },
	{ "no_such_resource", ASSIGN "an object is created from a resource", no_such_resource,
		id_names, GIVEN, .hostile = true },
	{ "without_the_feature", ASSIGN "negotiated using VIRTIO_GPU_F_RESOURCE_UUID",
		without_the_feature, GIVEN, .hostile = true },
	{ "gone_with_the_resource", ASSIGN "it is that of the resource, not of its id",
		gone_with_the_resource, GIVEN },
	{ "gone_after_a_reset", "virtio 1.4, 2.4: a reset leaves nothing", gone_after_a_reset,
		GIVEN },
	{ "kept_over_a_pause", "QEMU stops and starts the device when the VM is paused",
		kept_over_a_pause, GIVEN },
	{ "shared_object",
		SHARE "ADD when there is an object, REMOVE when it goes, a descriptor "
		      "for who asks between",
		shared_object, kind_names, SHARED },
	{ "removed_by_a_reset", SHARE "REMOVE: others must not find what is gone",
		removed_by_a_reset, kind_names, SHARED },
	{ "no_such_object", SHARE "GET_SHARED_OBJECT of an unknown UUID gives no descriptor",
		no_such_object, SHARED },
	{ "vmm_without", SHARE "nothing is sent that was not negotiated", vmm_without,
		unwanted_names, SHARED },
	{ "vmm_refuses", SHARE "the VMM may refuse an object; the guest's UUID is its own",
		vmm_refuses, kind_names, SHARED },
	{ "vmm_is_silent", SHARE "the guest does not wait for a VMM that does not answer",
		vmm_is_silent, kind_names, SHARED },
};
DEFINE_CONFORM_AREA(uuid, cases);
