/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How a connection begins: what is on offer, in which pieces and orders it may be asked for. */
#include <sys/socket.h>

#include "kit/conform/conform.h"
#include "util/fd.h"

#define FEATURE(bit)     (UINT64_C(1) << (bit))
#define MESSAGE_SIZE     12u /* of a header */
#define DESCRIPTOR_BYTES 20u /* of a message about a vring's descriptor */

static struct kit_machine *realized(struct conform *c)
{
	return conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

/* --- front ends ---------------------------------------------------------------------------- */

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu,
	&kit_profile_qemu_gpu_all,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};
static const char *const profile_names[] = { "qemu_gpu", "qemu_gpu_all", "qemu_generic", "crosvm",
	NULL };

static void front_end(struct conform *c)
{
	conform_end(c,
		conform_machine(c, &(struct kit_machine_spec){ .profile = profiles[c->variant] }));
}

static void front_end_in_bytes(struct conform *c)
{
	conform_end(c,
		conform_machine(c,
			&(struct kit_machine_spec){ .profile = profiles[c->variant], .piece = 1 }));
}

static void start_without(struct conform *c, uint64_t features, uint64_t protocol)
{
	if (!((c->probe->features & features) | (c->probe->protocol & protocol)))
		conform_skip("it is not offered");
	struct kit_machine *m = conform_machine(c,
		&(struct kit_machine_spec){ .unwanted = features, .protocol_unwanted = protocol });
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	conform_end(c, m);
}

/* With those that need it. */
static const uint64_t declined_features[] = {
	CONFORM_FEATURE(GPU_F_VIRGL) | CONFORM_FEATURE(GPU_F_CONTEXT_INIT),
	CONFORM_FEATURE(GPU_F_EDID),
	CONFORM_FEATURE(GPU_F_RESOURCE_UUID),
	CONFORM_FEATURE(GPU_F_RESOURCE_BLOB) | CONFORM_FEATURE(GPU_F_BLOB_ALIGNMENT),
	CONFORM_FEATURE(GPU_F_CONTEXT_INIT),
	CONFORM_FEATURE(RING_F_INDIRECT_DESC),
	CONFORM_FEATURE(RING_F_EVENT_IDX),
};
static const char *const declined_feature_names[] = { "virgl", "edid", "resource_uuid",
	"resource_blob", "context_init", "indirect_desc", "event_idx", NULL };

static void feature_declined(struct conform *c)
{
	start_without(c, declined_features[c->variant], 0);
}

static const uint32_t declined_protocol[] = { VHOST_USER_PROTOCOL_F_MQ,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD, VHOST_USER_PROTOCOL_F_REPLY_ACK,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ, VHOST_USER_PROTOCOL_F_CONFIG,
	VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS,
	VHOST_USER_PROTOCOL_F_STATUS, VHOST_USER_PROTOCOL_F_DEVICE_STATE,
	VHOST_USER_PROTOCOL_F_SHMEM };
static const char *const declined_protocol_names[] = { "mq", "log_shmfd", "reply_ack",
	"backend_req", "config", "backend_send_fd", "inflight_shmfd", "reset_device",
	"configure_mem_slots", "status", "device_state", "shmem", NULL };

static void protocol_feature_declined(struct conform *c)
{
	start_without(c, 0, FEATURE(declined_protocol[c->variant]));
}

/* --- what is on offer ---------------------------------------------------------------------- */

static const struct {
	uint64_t features, protocol;
} needed[] = {
	{ FEATURE(VIRTIO_F_VERSION_1), 0 },
	{ FEATURE(VHOST_USER_F_PROTOCOL_FEATURES), 0 },
	{ 0, CONFORM_PROTOCOL(CONFIG) },
};
static const char *const needed_names[] = { "version_1", "protocol_features", "config", NULL };

static void offers(struct conform *c)
{
	struct kit_machine *m = realized(c);
	uint64_t features = needed[c->variant].features, protocol = needed[c->variant].protocol;
	CHECK((m->vmm.offered & features) == features);
	CHECK((m->vmm.protocol_offered & protocol) == protocol);
	conform_close(c, m);
}

static const struct {
	uint64_t feature, needs; /* of the device */
	uint64_t protocol, protocol_needs;
} pairs[] = {
	{ FEATURE(VIRTIO_GPU_F_CONTEXT_INIT), FEATURE(VIRTIO_GPU_F_VIRGL), 0, 0 },
	{ FEATURE(VIRTIO_GPU_F_BLOB_ALIGNMENT), FEATURE(VIRTIO_GPU_F_RESOURCE_BLOB), 0, 0 },
	{ 0, 0, CONFORM_PROTOCOL(INBAND_NOTIFICATIONS),
		CONFORM_PROTOCOL(BACKEND_REQ) | CONFORM_PROTOCOL(REPLY_ACK) },
	{ 0, 0, CONFORM_PROTOCOL(GET_VRING_BASE_INFLIGHT), CONFORM_PROTOCOL(INFLIGHT_SHMFD) },
};
static const char *const pair_names[] = { "context_init", "blob_alignment", "inband_notifications",
	"get_vring_base_inflight", NULL };

static void offers_what_it_needs(struct conform *c)
{
	uint64_t features = c->probe->features, protocol = c->probe->protocol;
	if (!((features & pairs[c->variant].feature) | (protocol & pairs[c->variant].protocol)))
		conform_skip("it is not offered");
	CHECK(!(pairs[c->variant].needs & ~features));
	CHECK(!(pairs[c->variant].protocol_needs & ~protocol));
}

static void offers_queues(struct conform *c)
{
	struct kit_machine *m = realized(c);
	CHECK(m->vmm.queue_num >= VIRTIO_GPU_QUEUES);
	conform_start(m);
	conform_end(c, m);
}

/* The same at the beginning, with a driver, and behind a reset. */
static void offer_stays(struct conform *c)
{
	struct kit_machine *m = realized(c);
	uint64_t offered = m->vmm.offered;
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	CHECK_INT(m->vmm.offered, offered);
	m->vmm.wanted = ~FEATURE(VIRTIO_GPU_F_EDID);
	conform_start(m);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	CHECK_INT(m->vmm.offered, offered);
	CHECK_OK(m, kit_machine_renew(m));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	CHECK_INT(m->vmm.offered, offered);
	conform_end(c, m);
}

static const uint32_t not_offered[] = { VIRTIO_GPU_F_VIRGL, VIRTIO_GPU_F_EDID,
	VIRTIO_GPU_F_RESOURCE_UUID, VIRTIO_GPU_F_RESOURCE_BLOB, VIRTIO_GPU_F_CONTEXT_INIT,
	VIRTIO_GPU_F_BLOB_ALIGNMENT, 23, VHOST_F_LOG_ALL, VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER,
	63 };
static const char *const not_offered_names[] = { "virgl", "edid", "resource_uuid", "resource_blob",
	"context_init", "blob_alignment", "bit_23", "log_all", "ring_packed", "in_order", "bit_63",
	NULL };

static void feature_not_offered(struct conform *c)
{
	struct kit_machine *m = realized(c);
	uint64_t features = m->vmm.offered | FEATURE(not_offered[c->variant]);
	if (features == m->vmm.offered)
		conform_skip("it is offered");
	CHECK_OK_OR_REFUSED(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_FEATURES, 0, features));
	m = conform_check_refused(c, m, "a feature that is not on offer");
	conform_start(m);
	conform_end(c, m);
}

static const uint32_t protocol_not_offered[] = { VHOST_USER_PROTOCOL_F_MQ,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD, VHOST_USER_PROTOCOL_F_REPLY_ACK,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ, VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD, VHOST_USER_PROTOCOL_F_RESET_DEVICE,
	VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS,
	VHOST_USER_PROTOCOL_F_STATUS, VHOST_USER_PROTOCOL_F_SHARED_OBJECT,
	VHOST_USER_PROTOCOL_F_DEVICE_STATE, VHOST_USER_PROTOCOL_F_GET_VRING_BASE_INFLIGHT,
	VHOST_USER_PROTOCOL_F_GPA_ADDRESSES, VHOST_USER_PROTOCOL_F_SHMEM, 63 };
static const char *const protocol_not_offered_names[] = { "mq", "log_shmfd", "reply_ack",
	"backend_req", "backend_send_fd", "inflight_shmfd", "reset_device", "inband_notifications",
	"configure_mem_slots", "status", "shared_object", "device_state", "get_vring_base_inflight",
	"gpa_addresses", "shmem", "bit_63", NULL };

static void protocol_feature_not_offered(struct conform *c)
{
	struct kit_machine *m = realized(c);
	uint64_t features = m->vmm.protocol_offered | FEATURE(protocol_not_offered[c->variant]);
	if (features == m->vmm.protocol_offered)
		conform_skip("it is offered");
	CHECK_OK_OR_REFUSED(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_PROTOCOL_FEATURES, 0, features));
	m = conform_check_refused(c, m, "a protocol feature that is not on offer");
	conform_start(m);
	conform_end(c, m);
}

/* It is for the VMM not to do that; the backend should close. */
static void inband_notifications_alone(struct conform *c)
{
	struct kit_machine *m = realized(c);
	CHECK_OK_OR_REFUSED(m,
		kit_vmm_do(&m->vmm, VHOST_USER_SET_PROTOCOL_FEATURES, 0,
			CONFORM_PROTOCOL(INBAND_NOTIFICATIONS)));
	m = conform_check_refused(c, m, "INBAND_NOTIFICATIONS alone");
	conform_start(m);
	conform_end(c, m);
}

/* --- pieces -------------------------------------------------------------------------------- */

/* Everything a VMM may ask for at once, in one write. */
static void joined_messages(struct conform *c)
{
	static const uint32_t requests[] = { VHOST_USER_SET_OWNER, VHOST_USER_GET_FEATURES,
		VHOST_USER_GET_PROTOCOL_FEATURES, VHOST_USER_GET_FEATURES };
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_CONNECTED });
	struct vhost_user_header headers[ARRAY_SIZE(requests)];
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		headers[i] = (struct vhost_user_header){ requests[i], VHOST_USER_VERSION, 0 };
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, headers, sizeof(headers), NULL, 0));
	uint64_t value[3];
	for (size_t i = 1; i < ARRAY_SIZE(requests); i++)
		CHECK_OK(m, kit_vmm_receive_answer(&m->vmm, requests[i], &value[i - 1], 8));
	CHECK_INT(value[0], value[2]);
	CHECK(value[0] & FEATURE(VHOST_USER_F_PROTOCOL_FEATURES));
	CHECK_OK(m, kit_vmm_realize(&m->vmm));
	conform_start(m);
	conform_end(c, m);
}

/* One write that ends in the middle of the next message's header: descriptors stay with theirs. */
static void descriptors_stay_with_their_message(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct kit_message call, err;
	uint8_t bytes[2 * DESCRIPTOR_BYTES];
	CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_VRING_CALL, 0, 0, &call));
	CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_VRING_ERR, 0, 0, &err));
	memcpy(bytes, &call.header, MESSAGE_SIZE);
	memcpy(bytes + MESSAGE_SIZE, call.payload, 8);
	memcpy(bytes + DESCRIPTOR_BYTES, &err.header, MESSAGE_SIZE);
	memcpy(bytes + DESCRIPTOR_BYTES + MESSAGE_SIZE, err.payload, 8);
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, bytes, 20, call.fds, 1));
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, bytes + 20, 5, err.fds, 1));
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, bytes + 25, 15, NULL, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	kit_message_finish(&call);
	kit_message_finish(&err);
	conform_start(m);
	conform_end(c, m);
}

/* --- the order of things ------------------------------------------------------------------- */

/* What is said of each queue; the rest is said before. */
static const struct kit_step before_the_queues[] = {
	{ KIT_ONCE, 0, { VHOST_USER_GPU_SET_SOCKET, VHOST_USER_SET_FEATURES, KIT_SEND_MEMORY } },
	{ 0 },
};
static const struct kit_step orders[][3] = {
	{ { KIT_EACH_QUEUE, 1,
		{ VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_BASE,
			VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_KICK,
			VHOST_USER_SET_VRING_ENABLE } } },
	{ { KIT_EACH_QUEUE, 1,
		{ VHOST_USER_SET_VRING_ENABLE, VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
			VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL,
			VHOST_USER_SET_VRING_KICK } } },
	{ { KIT_EACH_QUEUE, 1,
		{ VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
			VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_ENABLE,
			VHOST_USER_SET_VRING_CALL } } },
	{ { KIT_EACH_QUEUE, 1,
		  { VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
			  VHOST_USER_SET_VRING_KICK } },
		{ KIT_EACH_QUEUE, 1, { VHOST_USER_SET_VRING_ENABLE } } },
};
static const char *const order_names[] = { "enable_last", "enable_first", "call_last",
	"queue_by_queue", NULL };

static void order(struct conform *c)
{
	struct kit_machine *m = realized(c);
	CHECK_OK(m, kit_vmm_play(&m->vmm, before_the_queues));
	CHECK_OK(m, kit_vmm_play(&m->vmm, orders[c->variant]));
	m->spec.stage = KIT_STAGE_STARTED;
	conform_check_cursor(m);
	conform_end(c, m);
}

/* The rings run as soon as they are started, without SET_VRING_ENABLE. */
static const char *const never_enabled_names[] = { "not_asked_for", "not_acknowledged", NULL };

static void never_enabled(struct conform *c)
{
	static const struct kit_step queues[] = {
		{ KIT_EACH_QUEUE, 0,
			{ VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
				VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL,
				VHOST_USER_SET_VRING_KICK } },
		{ 0 },
	};
	static const enum kit_machine_stage stages[] = { KIT_STAGE_CONNECTED, KIT_STAGE_REALIZED };
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = stages[c->variant] });
	struct kit_vmm *vmm = &m->vmm;
	if (c->variant == 0) {
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_OWNER, 0, 0));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_GET_FEATURES, 0, 0));
	}
	vmm->wanted = FEATURE(VIRTIO_F_VERSION_1);
	CHECK_OK(m, kit_vmm_play(vmm, before_the_queues));
	CHECK_OK(m, kit_vmm_play(vmm, queues));
	m->spec.stage = KIT_STAGE_STARTED;
	conform_check_cursor(m);
	conform_end(c, m);
}

/* What was added while the queue was disabled is done when it is enabled, at the latest. */
static void enabled_late(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 0));
		struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
		struct kit_command *command = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL,
			&request, sizeof(request), sizeof(struct virtio_gpu_resp_display_info));
		CHECK(command);
		CHECK_OK(m, kit_pump(&m->kit, 20));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 1));
		CHECK_OK(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	}
	conform_end(c, m);
}

static void features_change_while_running(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint64_t features = m->vmm.features & ~FEATURE(VIRTIO_GPU_F_EDID);
	CHECK_OK_OR_REFUSED(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_FEATURES, 0, features));
	m = conform_check_refused(c, m, "SET_FEATURES while queues run");
	conform_end(c, m);
}

/* --- others -------------------------------------------------------------------------------- */

/* Another VMM comes while one is served: the first is not disturbed, and when it has gone the next
 * one is served. */
static void second_connection(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	int second = kit_backend_connect(m->backend);
	CHECK_OK(m, second);
	struct vhost_user_header question = { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0 };
	CHECK(send(second, &question, sizeof(question), MSG_NOSIGNAL) == sizeof(question));
	CHECK_OK(m, kit_pump(&m->kit, 20));
	conform_check_alive(m);
	conform_check_cursor(m);
	fd_close(&second);
	CHECK_OK(m, kit_machine_reconnect(m));
	conform_end(c, m);
}

/* Of what the display can do the backend uses what it says, and only what is there. */
static void display_features(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	m->display.features = FEATURE(VHOST_USER_GPU_PROTOCOL_F_EDID);
	conform_start(m);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
	struct kit_picture *picture = conform_pattern(64, 64, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	CHECK(!(m->display.features_set & ~m->display.features));
	CHECK_INT(m->display.counts[VHOST_USER_GPU_DMABUF_SCANOUT2], 0);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static const struct conform_case cases[] = {
	{ "front_end", "each front end's own way from the connection to a running device",
		.run = front_end, .variants = profile_names },
	{ "front_end_in_bytes",
		"vhost-user: a stream socket keeps no boundaries, so messages may come in pieces",
		.run = front_end_in_bytes, .variants = profile_names },
	{ "feature_declined", "virtio 1.4, 2.2.2: a driver takes any valid subset of the features",
		.run = feature_declined, .variants = declined_feature_names },
	{ "protocol_feature_declined",
		"vhost-user: SET_PROTOCOL_FEATURES: a VMM takes any subset of them (crosvm takes "
		"few)",
		.run = protocol_feature_declined, .variants = declined_protocol_names },
	{ "offers",
		"virtio 1.4, 6.2: VERSION_1; QEMU realizes no GPU without protocol features and "
		"CONFIG",
		.run = offers, .variants = needed_names },
	{ "offers_what_it_needs",
		"virtio 1.4, 2.2.2 and 5.7.3; vhost-user: features that go with others only",
		.run = offers_what_it_needs, .variants = pair_names },
	{ "offers_queues", "virtio 1.4, 5.7.2: a GPU has two queues", .run = offers_queues,
		.protocol = CONFORM_PROTOCOL(MQ) },
	{ "offer_stays", "virtio 1.4, 2.2.2: the same features can be negotiated after a reset",
		.run = offer_stays },
	{ "feature_not_offered",
		"virtio 1.4, 2.2.1: a driver must not take it; QEMU passes some on all the same",
		.run = feature_not_offered, .variants = not_offered_names, .hostile = true },
	{ "protocol_feature_not_offered",
		"vhost-user: SET_PROTOCOL_FEATURES: of those that GET_PROTOCOL_FEATURES gave",
		.run = protocol_feature_not_offered, .variants = protocol_not_offered_names,
		.hostile = true },
	{ "inband_notifications_alone",
		"vhost-user: INBAND_NOTIFICATIONS without BACKEND_REQ and REPLY_ACK is an error",
		.run = inband_notifications_alone,
		.protocol = CONFORM_PROTOCOL(INBAND_NOTIFICATIONS) },
	{ "joined_messages", "vhost-user: messages need not wait for each other",
		.run = joined_messages },
	{ "descriptors_stay_with_their_message",
		"vhost-user: descriptors come with the first byte of their message",
		.run = descriptors_stay_with_their_message },
	{ "order", "vhost-user, ring states: enabled and started are states of their own",
		.run = order, .variants = order_names },
	{ "never_enabled",
		"vhost-user: without F_PROTOCOL_FEATURES in SET_FEATURES all rings are enabled",
		.run = never_enabled, .variants = never_enabled_names },
	{ "enabled_late", "vhost-user: SET_VRING_ENABLE", .run = enabled_late },
	{ "features_change_while_running",
		"virtio 1.4, 2.2: features are negotiated anew behind a reset only",
		.run = features_change_while_running, .hostile = true },
	{ "second_connection", "a VM that runs is not disturbed by somebody who connects",
		.run = second_connection, .needs = CONFORM_NEEDS_MANY },
	{ "display_features",
		"vhost-user-gpu: SET_PROTOCOL_FEATURES: of those that the display offers",
		.run = display_features, .needs = CONFORM_NEEDS_DISPLAY },
};
DEFINE_CONFORM_AREA(handshake, cases);
