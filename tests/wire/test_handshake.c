/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How a connection begins: what is on offer, in which pieces and orders it may be asked for. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire.h"

#define BIT(n) (UINT64_C(1) << (n))

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu,
	&kit_profile_qemu_gpu_all,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};

/* Every VMM's way to a running device. */
static void profiles_start(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m =
			wire_machine("none", &(struct kit_machine_spec){ .profile = profiles[i] });
		wire_check_alive(m);
		wire_end(m);
	}
}

/* The same with every message in single bytes. */
static void profiles_start_bytewise(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = wire_machine(
			"none", &(struct kit_machine_spec){ .profile = profiles[i], .piece = 1 });
		wire_check_alive(m);
		wire_end(m);
	}
}

static void features_on_offer(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	uint64_t offered = m->vmm.offered;
	CHECK(offered & BIT(VIRTIO_F_VERSION_1));
	CHECK(offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	CHECK(offered & BIT(VIRTIO_RING_F_INDIRECT_DESC));
	CHECK(offered & BIT(VIRTIO_RING_F_EVENT_IDX));
	CHECK(offered & BIT(VIRTIO_F_RING_PACKED));
	CHECK(offered & BIT(VIRTIO_GPU_F_EDID));
	/* what cannot be served must not be there: 3D without a renderer, logging */
	CHECK(!(offered & BIT(VIRTIO_GPU_F_VIRGL)));
	CHECK(!(offered & BIT(VIRTIO_GPU_F_CONTEXT_INIT)));
	CHECK(!(offered & BIT(26)));
	wire_end(m);
}

static void features_on_offer_3d(void)
{
	struct kit_machine *m =
		wire_machine("null", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	CHECK(m->vmm.offered & BIT(VIRTIO_GPU_F_VIRGL));
	CHECK(m->vmm.offered & BIT(VIRTIO_GPU_F_CONTEXT_INIT));
	wire_end(m);
}

static void protocol_features_on_offer(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	uint64_t offered = m->vmm.protocol_offered;
	CHECK(offered & BIT(VHOST_USER_PROTOCOL_F_MQ));
	CHECK(offered & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	CHECK(offered & BIT(VHOST_USER_PROTOCOL_F_CONFIG));
	CHECK(offered & BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ));
	CHECK(offered & BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE));
	/* a VMM that trusts one of these would wait for ever, or migrate and lose everything */
	CHECK(!(offered & BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD)));
	CHECK(!(offered & BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD)));
	CHECK(!(offered & BIT(VHOST_USER_PROTOCOL_F_STATUS)));
	CHECK(!(offered & BIT(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS)));
	CHECK(m->vmm.queue_num >= VIRTIO_GPU_QUEUES);
	wire_end(m);
}

/* Everything a VMM may ask for at once, in one write. */
static void joined_messages(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_CONNECTED });
	static const uint32_t requests[] = { VHOST_USER_SET_OWNER, VHOST_USER_GET_FEATURES,
		VHOST_USER_GET_PROTOCOL_FEATURES, VHOST_USER_GET_FEATURES };
	struct vhost_user_header headers[ARRAY_SIZE(requests)];
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		headers[i] = (struct vhost_user_header){ requests[i], VHOST_USER_VERSION, 0 };
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, headers, sizeof(headers), NULL, 0));
	uint64_t value[3];
	for (size_t i = 1; i < ARRAY_SIZE(requests); i++)
		CHECK_OK(m, kit_vmm_receive_answer(&m->vmm, requests[i], &value[i - 1], 8));
	CHECK(value[0] == value[2]);
	CHECK(value[0] & BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	wire_end(m);
}

/* One write that ends in the middle of the next message's header: descriptors stay with theirs. */
static void descriptors_stay_with_their_message(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	struct kit_message call, err;
	CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_VRING_CALL, 0, 0, &call));
	CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_VRING_ERR, 0, 0, &err));
	uint8_t bytes[40];
	memcpy(bytes, &call.header, 12);
	memcpy(bytes + 12, call.payload, 8);
	memcpy(bytes + 20, &err.header, 12);
	memcpy(bytes + 32, err.payload, 8);
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, bytes, 20, call.fds, 1));
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, bytes + 20, 5, err.fds, 1));
	CHECK_OK(m, kit_vmm_send_bytes(&m->vmm, bytes + 25, 15, NULL, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	kit_message_finish(&call);
	kit_message_finish(&err);
	wire_end(m);
}

/* Without VHOST_USER_F_PROTOCOL_FEATURES a ring runs as soon as it is kicked off. */
static void no_protocol_features(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){ .stage = KIT_STAGE_CONNECTED, .no_display = true });
	struct kit_vmm *vmm = &m->vmm;
	CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_OWNER, 0, 0));
	CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_GET_FEATURES, 0, 0));
	CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_FEATURES, 0, BIT(VIRTIO_F_VERSION_1)));
	CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	for (uint32_t i = 0; i < KIT_QUEUES; i++) {
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_VRING_NUM, i, 0));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_VRING_BASE, i, 0));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_VRING_ADDR, i, 0));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_VRING_CALL, i, 0));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_VRING_KICK, i, 0));
	}
	wire_check_alive(m);
	wire_end(m);
}

/* With it a ring waits for SET_VRING_ENABLE, and then takes what was kicked before. */
static void enable_starts_late(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 0));
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_command *command = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &request,
		sizeof(request), sizeof(struct virtio_gpu_resp_display_info));
	CHECK(command);
	CHECK_OK(m, kit_pump(&m->kit, 100));
	CHECK_OK(m, kit_gpu_collect(&m->gpu));
	CHECK(!command->done);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 1));
	CHECK_TYPE(m, kit_gpu_complete(&m->gpu, command, NULL, 0), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	wire_end(m);
}

/* A second VMM has to wait until the first has gone. */
static void one_after_another(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	int second = kit_backend_connect(m->backend);
	CHECK_OK(m, second);
	struct kit_vmm vmm;
	kit_vmm_init(&vmm, &m->kit, second);
	struct kit_message message;
	CHECK_OK(m, kit_vmm_compose(&vmm, VHOST_USER_GET_FEATURES, 0, 0, &message));
	CHECK_OK(m, kit_vmm_send_message(&vmm, &message));
	CHECK_OK(m, kit_pump(&m->kit, 100));
	char byte;
	CHECK(recv(second, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
	wire_check_alive(m);

	kit_vmm_finish(&m->vmm);
	uint64_t features;
	CHECK_OK(m, kit_vmm_receive_answer(&vmm, VHOST_USER_GET_FEATURES, &features, 8));
	kit_vmm_finish(&vmm);
	wire_end(m);
}

/* A VMM that goes away at any byte of its first messages leaves the backend to the next one. */
static void gone_at_every_byte(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	static const uint32_t requests[] = { VHOST_USER_SET_OWNER, VHOST_USER_GET_FEATURES,
		VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_CALL };
	uint8_t bytes[128];
	int fd = -1;
	size_t size = 0;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct kit_message message;
		CHECK_OK(m, kit_vmm_compose(&m->vmm, requests[i], 0, 0, &message));
		memcpy(bytes + size, &message.header, 12);
		memcpy(bytes + size + 12, message.payload, message.header.size);
		size += 12 + message.header.size;
		if (message.fd_count)
			fd = fd_steal(&message.fds[0]);
		kit_message_finish(&message);
	}
	kit_vmm_finish(&m->vmm);
	for (size_t cut = 1; cut <= size; cut++) {
		int sock = kit_backend_connect(m->backend);
		CHECK_OK(m, sock);
		/* the last message's descriptor comes with its header, 32 bytes from the end */
		struct kit_bytes head = { bytes, cut < size - 20 ? cut : size - 20, NULL, 0, 0 };
		struct kit_bytes tail = { bytes + size - 20, cut - head.size, &fd, 1, 0 };
		CHECK_OK(m, kit_stream_send(&m->kit, sock, &head));
		if (tail.size)
			CHECK_OK(m, kit_stream_send(&m->kit, sock, &tail));
		close(sock);
	}
	close(fd);
	CHECK_OK(m, kit_machine_reconnect(m));
	CHECK(kit_backend_alive(m->backend));
	wire_end(m);
}

/* The display is asked what it can do, and told what of it is used. */
static void display_greeting(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 1));
	CHECK_INT(m->display.counts[VHOST_USER_GPU_GET_PROTOCOL_FEATURES], 1);
	CHECK(m->display.features_set & BIT(VHOST_USER_GPU_PROTOCOL_F_EDID));
	CHECK(!(m->display.features_set & ~m->display.features));
	wire_end(m);
}

/* A device feature that was not on offer: the backend may close, or carry on without it. */
static void feature_not_on_offer(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	uint64_t features = m->vmm.offered | BIT(VIRTIO_GPU_F_VIRGL);
	wire_expect_close(m);
	int ret = kit_vmm_do(&m->vmm, VHOST_USER_SET_FEATURES, 0, features);
	if (ret == -ECONNRESET) {
		wire_check_closed(m, "VIRGL without an offer");
		CHECK_OK(m, kit_machine_start(m));
	} else {
		m->vmm.wanted = 0;
		CHECK_OK(m, ret);
		CHECK_OK(m, kit_machine_start(m));
		CHECK_TYPE(m, kit_gpu_ctx_create(&m->gpu, 1, 0, ""), VIRTIO_GPU_RESP_ERR_UNSPEC);
	}
	wire_check_alive(m);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(profiles_start),
		TEST_CASE(profiles_start_bytewise),
		TEST_CASE(features_on_offer),
		TEST_CASE(features_on_offer_3d),
		TEST_CASE(protocol_features_on_offer),
		TEST_CASE(joined_messages),
		TEST_CASE(descriptors_stay_with_their_message),
		TEST_CASE(no_protocol_features),
		TEST_CASE(enable_starts_late),
		TEST_CASE(one_after_another),
		TEST_CASE(gone_at_every_byte),
		TEST_CASE(display_greeting),
		TEST_CASE(feature_not_on_offer),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
