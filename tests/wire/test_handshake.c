/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What is on offer, and to whom. */
#include <sys/socket.h>

#include "wire.h"

#define BIT(n) (UINT64_C(1) << (n))

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

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(features_on_offer),
		TEST_CASE(features_on_offer_3d),
		TEST_CASE(protocol_features_on_offer),
		TEST_CASE(one_after_another),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
