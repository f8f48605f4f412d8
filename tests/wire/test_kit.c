/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The kit tried on the toy backend. */
#include "test.h"

#include "kit/machine.h"

static void draws(void)
{
	struct kit_machine *m = kit_machine_create(&(struct kit_machine_spec){ 0 });
	CHECK(m);
	struct kit_surface s;
	CHECK_INT(kit_surface_create(&m->gpu, &s,
			  &(struct virtio_gpu_resource_create_2d){ .resource_id = 1, .width = 64,
				  .height = 48, .format = VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM },
			  1000),
		VIRTIO_GPU_RESP_OK_NODATA);
	struct kit_picture *p = kit_picture_create(64, 48);
	kit_picture_pattern(p, kit_rect(0, 0, 64, 48), 1);
	kit_surface_draw(&s, p);
	CHECK_INT(kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 48)), 0x1100);
	CHECK_INT(kit_surface_show(&s, kit_rect(0, 0, 64, 48)), 0x1100);
	int ret = kit_display_wait_picture(&m->display, 0, p);
	if (ret)
		test_fail(__FILE__, __LINE__, "%s", m->kit.why);
	kit_surface_finish(&s);
	kit_picture_destroy(p);
	CHECK_INT(kit_machine_destroy(m), 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = { TEST_CASE(draws) };
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
