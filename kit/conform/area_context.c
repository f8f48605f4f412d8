/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Contexts: made, named, attached to, destroyed. */
#include <stdlib.h>

#include "kit/conform/gl.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static void create_and_destroy(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t round = 0; round < 20; round++) {
		gl_context(m, 1);
		CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	}
	conform_end(c, m);
}

static void id(struct conform *c)
{
	static const uint32_t ids[] = { 1, 64, 65, 1000, 0x10000, 0x80000000, UINT32_MAX };
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t ctx_id = ids[c->variant];
	CHECK_GOOD_OR_REJECT(c, m, kit_gpu_ctx_create(&m->gpu, ctx_id, 0, ""));
	CHECK_ERROR(m, kit_gpu_ctx_create(&m->gpu, ctx_id, 0, ""));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, ctx_id));
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, ctx_id, 0, ""));
	conform_end(c, m);
}

static void id_zero(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	CHECK_ERROR(m, kit_gpu_ctx_create(&m->gpu, 0, 0, ""));
	conform_end(c, m);
}

static void destroy_unknown(struct conform *c)
{
	static const uint32_t ids[] = { 0, 2, 77, UINT32_MAX };
	struct kit_machine *m = gl_machine(c);
	CHECK_ERROR(m, kit_gpu_ctx_destroy(&m->gpu, ids[c->variant]));
	conform_end(c, m);
}

/* Any name: it is for people who debug. One that claims to be longer than it can be may be refused. */
static void name_length(struct conform *c)
{
	static const uint32_t lengths[] = { 0, 1, 63, 64, 65, 0x80000000, UINT32_MAX };
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_ctx_create create = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_CREATE, 1),
		.nlen = lengths[c->variant],
	};
	memset(create.debug_name, 0xc3, sizeof(create.debug_name));
	if (create.nlen > sizeof(create.debug_name))
		CHECK_GOOD_OR_REJECT(c, m, kit_gpu_simple(&m->gpu, &create, sizeof(create)));
	else
		CHECK_GOOD(m, kit_gpu_simple(&m->gpu, &create, sizeof(create)));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	conform_end(c, m);
}

/* Each set that the device has makes a context. */
static void capset_of_each_kind(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_config config = conform_config(m);
	for (uint32_t i = 0; i < config.num_capsets; i++) {
		struct virtio_gpu_resp_capset_info info;
		CHECK_TYPE(
			m, kit_gpu_capset_info(&m->gpu, i, &info), VIRTIO_GPU_RESP_OK_CAPSET_INFO);
		CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, i + 1, info.capset_id, "kind"));
	}
	conform_end(c, m);
}

static void capset_unknown(struct conform *c)
{
	static const uint32_t inits[] = { 63, 255, 0x100, 0x80000001, 0xffffff00 };
	struct kit_machine *m = conform_machine(c, NULL);
	CHECK_ERROR(m, kit_gpu_ctx_create(&m->gpu, 1, inits[c->variant], ""));
	conform_end(c, m);
}

static void old_drivers(struct conform *c)
{
	struct kit_machine *m = conform_machine(
		c, &(struct kit_machine_spec){ .unwanted = CONFORM_FEATURE(GPU_F_CONTEXT_INIT) });
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, 1, 0, ""));
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, 2, 0xdeadbeef, ""));
	conform_end(c, m);
}

static void many_at_once(struct conform *c)
{
	enum { COUNT = 64 };
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t i = 1; i <= COUNT; i++)
		CHECK_GOOD_OR_REJECT(c, m, kit_gpu_ctx_create(&m->gpu, i, 0, ""));
	for (uint32_t i = 1; i <= COUNT; i++)
		CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, i));
	conform_end(c, m);
}

static void attach_and_detach(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 5, BGRX, 16, 16);
	for (uint32_t round = 0; round < 5; round++) {
		CHECK_GOOD(m, kit_gpu_ctx_detach(&m->gpu, GL_CONTEXT, 5));
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, GL_CONTEXT, 5));
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* What names nothing is refused, or means nothing: drivers do not depend on which. */
static void attach_unknown(struct conform *c)
{
	static const uint32_t pairs[][2] = { { 2, 5 }, { 0, 5 }, { GL_CONTEXT, 6 },
		{ GL_CONTEXT, 0 }, { UINT32_MAX, UINT32_MAX } };
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 5, BGRX, 16, 16);
	const uint32_t *pair = pairs[c->variant];
	int attach = kit_gpu_ctx_attach(&m->gpu, pair[0], pair[1]);
	int detach = kit_gpu_ctx_detach(&m->gpu, pair[0], pair[1]);
	CHECK_OK(m, attach);
	CHECK_OK(m, detach);
	gl_clear(m, &s, 0xff00ff00);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* The same resource in several contexts: what one draws the other one sees. */
static void shared_resource(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 5, BGRX, 32, 32);
	struct kit_picture *expected = kit_picture_create(32, 32);
	CHECK(expected);
	gl_context(m, 2);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 2, 5));
	gl_clear(m, &s, 0xff336699);
	kit_picture_fill(expected, kit_rect(0, 0, 32, 32), 0x336699);
	struct virtio_gpu_transfer_host_3d transfer = { .box = { 0, 0, 0, 32, 32, 1 },
		.resource_id = 5 };
	CHECK_GOOD(m, kit_gpu_transfer_from_3d(&m->gpu, 2, transfer));
	gl_check_picture(m, &s, expected);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 2));
	gl_check_picture(m, &s, expected);
	kit_surface_finish(&s);
	kit_picture_destroy(expected);
	conform_end(c, m);
}

static void destroyed_with_all_it_has(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface surfaces[8];
	for (uint32_t i = 0; i < ARRAY_SIZE(surfaces); i++) {
		surfaces[i] = gl_texture(m, i + 1, BGRX, 64, 64);
		gl_clear(m, &surfaces[i], 0xff000000 | i * 0x101010);
	}
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, GL_CONTEXT));
	for (uint32_t i = 0; i < ARRAY_SIZE(surfaces); i++) {
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
		kit_surface_finish(&surfaces[i]);
	}
	gl_context(m, GL_CONTEXT);
	conform_end(c, m);
}

static void used_after_destroy(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_virgl *stream = calloc(1, sizeof(*stream));
	CHECK(stream);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, GL_CONTEXT));
	kit_virgl_nop(stream, 0);
	CHECK_ERROR(m, kit_virgl_submit(&m->gpu, GL_CONTEXT, stream));
	free(stream);
	conform_end(c, m);
}

static void gone_after_reset(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	CHECK_OK(m, kit_machine_reset(m));
	CHECK_ERROR(m, kit_gpu_ctx_destroy(&m->gpu, GL_CONTEXT));
	gl_context(m, GL_CONTEXT);
	conform_end(c, m);
}

static void kept_over_a_pause(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 5, BGRX, 32, 32);
	for (uint32_t round = 0; round < 3; round++) {
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		gl_clear(m, &s, 0xff112233);
	}
	CHECK_ERROR(m, kit_gpu_ctx_create(&m->gpu, GL_CONTEXT, 0, ""));
	kit_surface_finish(&s);
	conform_end(c, m);
}

static const char *const id_names[] = { "1", "64", "65", "1000", "0x10000", "2_31", "max", NULL };
static const char *const unknown_names[] = { "0", "2", "77", "max", NULL };
static const char *const length_names[] = { "0", "1", "63", "64", "65", "2_31", "max", NULL };
static const char *const init_names[] = { "63", "255", "bit_8", "bit_31", "all_reserved", NULL };
static const char *const pair_names[] = { "context_2", "context_0", "resource_6", "resource_0",
	"max", NULL };

#define VIRGL .needs = CONFORM_NEEDS_VIRGL

static const struct conform_case cases[] = {
	{ "create_and_destroy", "virtio 1.4, 5.7.6.9: CTX_CREATE and CTX_DESTROY",
		create_and_destroy, VIRGL },
	{ "id", "virtio 1.4, 5.7.6.9: context ids are the driver's to choose, one context each", id,
		id_names, VIRGL },
	{ "id_zero", "virtio 1.4, 5.7.6.7: ctx_id 0 means no context", id_zero, VIRGL,
		.hostile = true },
	{ "destroy_unknown", "virtio 1.4, 5.7.6.7: ERR_INVALID_CONTEXT_ID", destroy_unknown,
		unknown_names, VIRGL, .hostile = true },
	{ "name_length", "virtio 1.4, 5.7.6.9: debug_name has 64 bytes, nlen of which count",
		name_length, length_names, VIRGL, .hostile = true },
	{ "capset_of_each_kind",
		"virtio 1.4, 5.7.6.9: context_init names one of the device's capability sets",
		capset_of_each_kind, .needs = CONFORM_NEEDS_VIRGL,
		.features = CONFORM_FEATURE(GPU_F_CONTEXT_INIT) },
	{ "capset_unknown", "virtio 1.4, 5.7.6.9: only sets that are there, other bits are 0",
		capset_unknown, init_names, .needs = CONFORM_NEEDS_VIRGL,
		.features = CONFORM_FEATURE(GPU_F_CONTEXT_INIT), .hostile = true },
	{ "old_drivers", "without VIRTIO_GPU_F_CONTEXT_INIT the field was padding", old_drivers,
		VIRGL },
	{ "many_at_once", "each program of a guest's desktop has a context of its own",
		many_at_once, VIRGL },
	{ "attach_and_detach", "virtio 1.4, 5.7.6.9: CTX_ATTACH_RESOURCE, CTX_DETACH_RESOURCE",
		attach_and_detach, VIRGL },
	{ "attach_unknown", "a context or resource that is not there harms nobody", attach_unknown,
		pair_names, VIRGL, .hostile = true },
	{ "shared_resource", "virtio 1.4, 5.7.6.9: a resource may be attached to several contexts",
		shared_resource, VIRGL },
	{ "destroyed_with_all_it_has", "a program may be killed: what it had goes with its context",
		destroyed_with_all_it_has, VIRGL, .hostile = true },
	{ "used_after_destroy", "virtio 1.4, 5.7.6.7: ERR_INVALID_CONTEXT_ID", used_after_destroy,
		VIRGL, .hostile = true },
	{ "gone_after_reset", "virtio 1.4, 2.4: a reset leaves nothing", gone_after_reset, VIRGL },
	{ "kept_over_a_pause", "QEMU's stop and cont: the guest does not notice", kept_over_a_pause,
		VIRGL },
};
DEFINE_CONFORM_AREA(context, cases);
