/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "mapping_rig.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu/state.h"
#include "util/fd.h"

#define FEATURES (FEATURES_3D | FEATURES_BLOB)
struct gpu_rig rig;
struct renderer_memory memory;

void mapping_start(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.args.host_visible_bytes = WINDOW;
	gpu_rig_start(&rig, FEATURES);
	rig.device->renderers.slots[1].can_map = true;
	gpu_device_set_session(rig.device,
		session_in_name_begin(
			rig.loop, SESSION_LIKE_QEMU | VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM)));
	backend_channel_set_running(vmm.channel, true);
	memory = (struct renderer_memory){
		.fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
		.offset = PAGE,
	};
	CHECK_INT(ftruncate(memory.fd, PAGE + SIZE), 0);
	rig.fakes[0]->memory = &memory;
	CHECK_INT(gpu_rig_ctx_create(&rig, CTX, 0), OK);
}

void mapping_finish(void)
{
	session_in_name_close_channel();
	gpu_device_impl.closed(rig.device);
	CHECK(list_empty(&rig.device->host_visible.mappings));
	CHECK_INT(rig.device->host_visible.count, 0);
	fd_close(&vmm.sock);
	fd_close(&memory.fd);
	gpu_rig_finish(&rig);
}

struct virtio_gpu_resource_create_blob mapping_blob(uint32_t id)
{
	return (struct virtio_gpu_resource_create_blob){
		.hdr = { .type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = CTX },
		.resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.blob_id = 7,
		.size = SIZE,
	};
}

uint32_t mapping_create_blob(uint32_t id)
{
	const struct virtio_gpu_resource_create_blob request = mapping_blob(id);
	return gpu_rig_do(&rig, &request, sizeof(request));
}

uint16_t mapping_begin_map(uint32_t id, uint64_t offset)
{
	const struct virtio_gpu_resource_map_blob request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
		.resource_id = id,
		.offset = offset,
	};
	return gpu_rig_begin(&rig, &request, sizeof(request));
}

uint16_t mapping_begin_unmap(uint32_t id)
{
	const struct virtio_gpu_resource_unmap_blob request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
		.resource_id = id,
	};
	return gpu_rig_begin(&rig, &request, sizeof(request));
}

uint32_t mapping_answer_of(uint16_t number)
{
	gpu_rig_run(&rig);
	const struct virtio_gpu_ctrl_hdr *header =
		gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
	return header ? header->type : 0;
}

struct asked {
	struct vhost_user_header header;
	struct vhost_user_mmap mmap;
} __attribute__((packed));

/* The VMM is asked this; returns the descriptor that came (-1: none). */
static int expect_asked(uint32_t type, uint64_t offset)
{
	struct asked asked;
	int fd;
	gpu_rig_run(&rig);
	/* In halves: the second comes when the first has been read. */
	CHECK_INT(fd_recv_packet(vmm.sock, &asked, sizeof(asked), &fd, 1), sizeof(asked.header));
	gpu_rig_run(&rig);
	CHECK_INT(
		recv(vmm.sock, &asked.mmap, sizeof(asked.mmap), MSG_DONTWAIT), sizeof(asked.mmap));
	CHECK_INT(asked.header.request, type);
	CHECK_INT(asked.header.flags, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK);
	CHECK_INT(asked.mmap.shmid, VIRTIO_GPU_SHM_ID_HOST_VISIBLE);
	CHECK_INT(asked.mmap.shm_offset, offset);
	CHECK_INT(asked.mmap.length, SIZE);
	CHECK_INT(asked.mmap.fd_offset, type == MAP ? PAGE : 0);
	CHECK_INT(asked.mmap.flags, type == MAP ? VHOST_USER_FLAG_MAP_RW : 0);
	CHECK_INT(fd >= 0, type == MAP);
	return fd;
}

void mapping_expect_map(uint64_t offset)
{
	int fd = expect_asked(MAP, offset);
	struct stat theirs, ours;
	CHECK_INT(fstat(fd, &theirs), 0);
	CHECK_INT(fstat(memory.fd, &ours), 0);
	CHECK_INT(theirs.st_ino, ours.st_ino);
	fd_close(&fd);
}

void mapping_expect_unmap(uint64_t offset)
{
	expect_asked(UNMAP, offset);
}

void mapping_expect_lookup(void)
{
	struct {
		struct vhost_user_header header;
		uint8_t uuid[16];
	} __attribute__((packed)) asked;
	gpu_rig_run(&rig);
	CHECK_INT(recv(vmm.sock, &asked.header, sizeof(asked.header), MSG_DONTWAIT),
		sizeof(asked.header));
	gpu_rig_run(&rig);
	CHECK_INT(recv(vmm.sock, (uint8_t *)&asked + sizeof(asked.header),
			  sizeof(asked) - sizeof(asked.header), MSG_DONTWAIT),
		sizeof(asked) - sizeof(asked.header));
	CHECK_INT(asked.header.request, LOOKUP);
	CHECK_INT(asked.header.flags, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK);
}

void mapping_expect_not_asked(void)
{
	uint8_t byte;
	gpu_rig_run(&rig);
	CHECK(recv(vmm.sock, &byte, sizeof(byte), MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

void mapping_say(uint32_t type, uint64_t status)
{
	const struct {
		struct vhost_user_header header;
		uint64_t status;
	} __attribute__((packed)) answer = {
		.header = { type, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK, sizeof(status) },
		.status = status,
	};
	CHECK_INT(send(vmm.sock, &answer, sizeof(answer), 0), sizeof(answer));
	gpu_rig_run(&rig);
}

void mapping_show(uint32_t count)
{
	struct vhost_memory *table = vhost_memory_clone(rig.memory);
	for (uint32_t i = 0; i < count; i++) {
		const struct vhost_region_info info = {
			.guest_address = (UINT64_C(1) << 40) + i * SIZE,
			.size = SIZE,
			.user_address = (UINT64_C(3) << 40) + i * SIZE,
			.mmap_offset = PAGE,
		};
		int fd = fd_dup(memory.fd);
		CHECK_INT(vhost_memory_add(table, &info, &fd, NULL), 0);
	}
	gpu_device_impl.memory_changed(rig.device, table);
	vhost_memory_unref(table);
}

void mapping_map(uint32_t id, uint64_t offset, uint32_t shown)
{
	uint16_t number = mapping_begin_map(id, offset);
	mapping_expect_map(offset);
	if (shown > 0)
		mapping_show(shown);
	mapping_say(MAP, 0);
	CHECK_INT(mapping_answer_of(number), OK_MAP);
}
