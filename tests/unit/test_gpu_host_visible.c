/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs of renderers' memory, and mappings of them. */
#include "mapping_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/fd.h"

/* Whoever made the memory tries to cut it off when its size has been looked at. */
static bool cuts;

int __real_fd_stat(int fd, struct stat *file);
int __wrap_fd_stat(int fd, struct stat *file);

int __wrap_fd_stat(int fd, struct stat *file)
{
	int status = __real_fd_stat(fd, file);
	if (cuts)
		CHECK(ftruncate(memory.fd, PAGE) < 0);
	return status;
}

static void creates_in_the_contexts_renderer(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	const struct fake_op *op;
	do
		op = &rig.fakes[0]->ops[rig.fakes[0]->next++];
	while (op->type != FAKE_RESOURCE_CREATE_BLOB);
	CHECK(op->blob_args.host);
	CHECK_INT(op->blob_args.id, 5);
	CHECK_INT(op->blob_args.context, CTX);
	CHECK_INT(op->blob_args.blob_id, 7);
	CHECK_INT(op->blob_args.size, SIZE);
	CHECK_INT(rig.device->renderer_bytes, SIZE);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	CHECK_INT(rig.device->renderer_bytes, 0);
	mapping_finish();
}

static void judges_creation(void)
{
	mapping_start();
	struct virtio_gpu_resource_create_blob request = mapping_blob(5);
	request.hdr.ctx_id = 2;
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), BAD_CONTEXT);
	request = mapping_blob(5);
	request.nr_entries = 1;
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), BAD_NUMBER);
	request = mapping_blob(0);
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), BAD_ID);
	request = mapping_blob(5);
	request.size = rig.device->args.limits.renderer_bytes + PAGE;
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), NO_MEMORY);
	rig.fakes[0]->fail_type = FAKE_RESOURCE_CREATE_BLOB;
	rig.fakes[0]->fail_status = -ENOMEM;
	CHECK_INT(mapping_create_blob(5), NO_MEMORY);
	CHECK(!gpu_resource_find(rig.device, 5));
	CHECK_INT(rig.device->blob_count, 0);
	mapping_finish();
}

static void maps_and_unmaps(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	uint16_t number = mapping_begin_map(5, 2 * SIZE);
	mapping_expect_map(2 * SIZE);
	CHECK_INT(mapping_answer_of(number), 0);
	mapping_show(1);
	mapping_say(MAP, 0);
	uint32_t length;
	const struct virtio_gpu_resp_map_info *info =
		(const void *)gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, &length);
	CHECK(info && length == sizeof(*info));
	CHECK_INT(info->hdr.type, OK_MAP);
	CHECK_INT(info->map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	number = mapping_begin_unmap(5);
	mapping_expect_unmap(2 * SIZE);
	CHECK_INT(mapping_answer_of(number), 0);
	mapping_say(UNMAP, 0);
	CHECK_INT(mapping_answer_of(number), OK);
	mapping_map(5, 0, 1); /* and again */
	mapping_finish();
}

/* Its answer is not the end of it. */
static void waits_for_the_memory_table(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	uint16_t number = mapping_begin_map(5, 0);
	mapping_expect_map(0);
	mapping_say(MAP, 0);
	CHECK_INT(mapping_answer_of(number), 0);
	mapping_show(1);
	CHECK_INT(mapping_answer_of(number), OK_MAP);
	mapping_finish();
}

/* Some never do; those are waited for once. */
static void does_not_wait_for_ever(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(mapping_create_blob(6), OK);
	uint64_t before = loop_now_ms();
	uint16_t number = mapping_begin_map(5, 0);
	mapping_expect_map(0);
	mapping_say(MAP, 0);
	while (!mapping_answer_of(number))
		CHECK_INT(loop_round(rig.loop, 10), 0);
	CHECK_INT(mapping_answer_of(number), OK_MAP);
	CHECK(loop_now_ms() - before >= GPU_ECHO_MS / 2);
	mapping_map(6, SIZE, 0);
	mapping_finish();
}

static void judges_mappings(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(mapping_create_blob(6), OK);
	CHECK_INT(gpu_rig_create_blob(&rig, 7, SIZE, GUEST_PAGES), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 8, 8, 8), OK);
	struct virtio_gpu_resource_create_blob odd = mapping_blob(9);
	odd.size = SIZE - 1;
	CHECK_INT(gpu_rig_do(&rig, &odd, sizeof(odd)), OK);
	odd = mapping_blob(10);
	odd.blob_flags = 0;
	CHECK_INT(gpu_rig_do(&rig, &odd, sizeof(odd)), OK);
	mapping_map(5, SIZE, 1);
	CHECK_INT(mapping_answer_of(mapping_begin_map(99, 0)), BAD_ID);
	CHECK_INT(mapping_answer_of(mapping_begin_unmap(99)), BAD_ID);
	CHECK_INT(mapping_answer_of(mapping_begin_unmap(6)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(5, 5 * SIZE)), BAD_NUMBER); /* twice */
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, 1)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, PAGE)), BAD_NUMBER); /* overlaps */
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, 2 * SIZE - PAGE)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, WINDOW)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, WINDOW - SIZE + PAGE)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, UINT64_MAX - SIZE + 1)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(7, 4 * SIZE)),
		BAD_NUMBER); /* the guest's memory */
	CHECK_INT(mapping_answer_of(mapping_begin_map(8, 4 * SIZE)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(9, 4 * SIZE)), BAD_NUMBER);
	CHECK_INT(mapping_answer_of(mapping_begin_map(10, 4 * SIZE)), BAD_NUMBER);
	mapping_expect_not_asked();
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, SIZE), BAD_NUMBER);
	mapping_finish();
}

static void has_limits(void)
{
	mapping_start();
	rig.device->args.limits.mappings = 1;
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(mapping_create_blob(6), OK);
	mapping_map(5, 0, 1);
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, SIZE)), NO_MEMORY);
	rig.device->args.limits.mappings = 1000;
	/* With slots the table is as long as a VMM may have it. */
	vmm.features |= VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
	mapping_show(54);
	uint16_t number = mapping_begin_map(6, SIZE);
	mapping_expect_map(SIZE);
	mapping_say(MAP, 0);
	CHECK_INT(mapping_answer_of(number), OK_MAP);
	CHECK_INT(mapping_create_blob(7), OK);
	mapping_show(55);
	CHECK_INT(mapping_answer_of(mapping_begin_map(7, 2 * SIZE)), NO_MEMORY);
	mapping_finish();
}

static void needs_memory_that_can_be_mapped(void)
{
	mapping_start();
	rig.fakes[0]->memory = NULL;
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(mapping_answer_of(mapping_begin_map(5, 0)), UNSPEC);
	rig.fakes[0]->memory = &memory;
	memory.offset = 2 * PAGE; /* behind its end */
	CHECK_INT(mapping_create_blob(6), OK);
	CHECK_INT(mapping_answer_of(mapping_begin_map(6, 0)), UNSPEC);
	int ends[2];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	int file = memory.fd;
	memory = (struct renderer_memory){ .fd = ends[0] };
	CHECK_INT(mapping_create_blob(7), OK);
	CHECK_INT(mapping_answer_of(mapping_begin_map(7, 0)), UNSPEC);
	memory.fd = memfd_create("cannot be sealed", MFD_CLOEXEC);
	CHECK_INT(ftruncate(memory.fd, SIZE), 0);
	CHECK_INT(mapping_create_blob(8), OK);
	CHECK_INT(mapping_answer_of(mapping_begin_map(8, 0)), UNSPEC);
	fd_close(&memory.fd);
	memory.fd = file;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	mapping_expect_not_asked();
	mapping_finish();
}

/* Who made it can cut it off no more. */
static void seals_memory(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK(fcntl(memory.fd, F_GET_SEALS) & F_SEAL_SHRINK);
	CHECK(ftruncate(memory.fd, PAGE) < 0);
	mapping_finish();
}

/* As drivers do it themselves. */
static void takes_what_is_sealed_for_good(void)
{
	mapping_start();
	CHECK_INT(fcntl(memory.fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	CHECK_INT(mapping_create_blob(5), OK);
	mapping_map(5, 0, 1);
	mapping_finish();
}

static void seals_it_in_time(void)
{
	mapping_start();
	cuts = true;
	CHECK_INT(mapping_create_blob(5), OK);
	cuts = false;
	mapping_map(5, 0, 1);
	mapping_finish();
}

static void a_vmm_may_refuse(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	uint16_t number = mapping_begin_map(5, 0);
	mapping_expect_map(0);
	mapping_say(MAP, 1);
	CHECK_INT(mapping_answer_of(number), UNSPEC);
	CHECK_INT(mapping_answer_of(mapping_begin_unmap(5)), BAD_NUMBER);
	mapping_map(5, 0, 1);
	number = mapping_begin_unmap(5);
	mapping_expect_unmap(0);
	mapping_say(UNMAP, 1);
	CHECK_INT(mapping_answer_of(number), OK);
	vmm.features = 0;
	CHECK_INT(mapping_answer_of(mapping_begin_map(5, 0)), UNSPEC);
	mapping_finish();
}

/* A driver does not wait for the one before it sends the next. */
static void maps_what_is_being_created(void)
{
	mapping_start();
	rig.manual = true;
	rig.fakes[0]->at_once = false;
	const struct virtio_gpu_resource_create_blob request = mapping_blob(5);
	uint16_t created = gpu_rig_begin(&rig, &request, sizeof(request));
	uint16_t number = mapping_begin_map(5, 0);
	mapping_expect_not_asked();
	fake_finish(rig.fakes[0]);
	CHECK_INT(mapping_answer_of(created), OK);
	mapping_expect_map(0);
	mapping_show(1);
	mapping_say(MAP, 0);
	CHECK_INT(mapping_answer_of(number), OK_MAP);

	const struct virtio_gpu_resource_create_blob other = mapping_blob(6);
	created = gpu_rig_begin(&rig, &other, sizeof(other));
	number = mapping_begin_map(6, SIZE);
	uint16_t unmapped = mapping_begin_unmap(6);
	CHECK_INT(mapping_answer_of(number), UNSPEC);
	CHECK_INT(mapping_answer_of(unmapped), OK);
	number = mapping_begin_map(6, SIZE);
	fake_finish_one(rig.fakes[0], -ENOMEM);
	CHECK_INT(mapping_answer_of(created), NO_MEMORY);
	CHECK_INT(mapping_answer_of(number), UNSPEC);
	mapping_expect_not_asked();
	mapping_finish();
}

static void says_what_it_has(void)
{
	uint64_t sizes[VHOST_USER_MAX_SHMEMS] = { 0 };
	mapping_start();
	CHECK(gpu_device_impl.protocol_features(rig.device) &
		VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM));
	gpu_device_impl.shared_memory(rig.device, sizes);
	for (uint32_t i = 0; i < VHOST_USER_MAX_SHMEMS; i++)
		CHECK_INT(sizes[i], i == VIRTIO_GPU_SHM_ID_HOST_VISIBLE ? WINDOW : 0);
	rig.device->renderers.slots[1].can_map = false;
	CHECK(!(gpu_device_impl.protocol_features(rig.device) &
		VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM)));
	mapping_finish();
}

/* The VMM answers just before the guest sees the memory, and its table is full. */
static void asks_again_when_nothing_is_shown(void)
{
	mapping_start();
	vmm.features |= VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT);
	rig.device->host_visible.no_echo = true;
	CHECK_INT(mapping_create_blob(5), OK);
	uint16_t number = mapping_begin_map(5, 0);
	mapping_expect_map(0);
	mapping_say(MAP, 0);
	CHECK_INT(mapping_answer_of(number), 0);
	mapping_expect_lookup();
	mapping_say(LOOKUP, 1);
	CHECK_INT(mapping_answer_of(number), OK_MAP);
	mapping_finish();
}

/* It goes before that is answered: there are two answers more. */
static void may_go_when_it_is_asked_again(void)
{
	mapping_start();
	vmm.features |= VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT);
	rig.device->host_visible.no_echo = true;
	CHECK_INT(mapping_create_blob(5), OK);
	uint16_t number = mapping_begin_map(5, 0);
	mapping_expect_map(0);
	mapping_say(MAP, 0);
	gpu_device_impl.reset(rig.device);
	mapping_expect_lookup();
	mapping_say(LOOKUP, 1);
	CHECK_INT(rig.device->host_visible.count, 1);
	mapping_expect_unmap(0);
	mapping_say(UNMAP, 0);
	CHECK_INT(rig.device->host_visible.count, 0);
	CHECK_INT(mapping_answer_of(number), UNSPEC);
	mapping_finish();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(says_what_it_has),
		TEST_CASE(creates_in_the_contexts_renderer),
		TEST_CASE(judges_creation),
		TEST_CASE(maps_and_unmaps),
		TEST_CASE(waits_for_the_memory_table),
		TEST_CASE(does_not_wait_for_ever),
		TEST_CASE(asks_again_when_nothing_is_shown),
		TEST_CASE(may_go_when_it_is_asked_again),
		TEST_CASE(judges_mappings),
		TEST_CASE(has_limits),
		TEST_CASE(needs_memory_that_can_be_mapped),
		TEST_CASE(seals_memory),
		TEST_CASE(takes_what_is_sealed_for_good),
		TEST_CASE(seals_it_in_time),
		TEST_CASE(a_vmm_may_refuse),
		TEST_CASE(maps_what_is_being_created),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
