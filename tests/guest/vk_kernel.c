/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Compute shaders: see vk.h. */
#include "vk.h"

static void create_layout(const struct vk *vk, struct vk_kernel *kernel)
{
	VkDescriptorSetLayoutBinding bindings[VK_KERNEL_BUFFERS];
	for (uint32_t i = 0; i < VK_KERNEL_BUFFERS; i++) {
		bindings[i] = (VkDescriptorSetLayoutBinding){
			.binding = i,
			.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
			.descriptorCount = 1,
			.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
		};
	}
	VkDescriptorSetLayoutCreateInfo set = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.bindingCount = VK_KERNEL_BUFFERS,
		.pBindings = bindings,
	};
	VK(vkCreateDescriptorSetLayout(vk->device, &set, NULL, &kernel->set_layout));
	VkPushConstantRange push = {
		.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
		.size = kernel->push_size,
	};
	VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.setLayoutCount = 1,
		.pSetLayouts = &kernel->set_layout,
		.pushConstantRangeCount = 1,
		.pPushConstantRanges = &push,
	};
	VK(vkCreatePipelineLayout(vk->device, &layout, NULL, &kernel->layout));
}

static void create_set(const struct vk *vk, struct vk_kernel *kernel)
{
	VkDescriptorPoolSize size = {
		.type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		.descriptorCount = VK_KERNEL_BUFFERS,
	};
	VkDescriptorPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.maxSets = 1,
		.poolSizeCount = 1,
		.pPoolSizes = &size,
	};
	VK(vkCreateDescriptorPool(vk->device, &pool, NULL, &kernel->pool));
	VkDescriptorSetAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.descriptorPool = kernel->pool,
		.descriptorSetCount = 1,
		.pSetLayouts = &kernel->set_layout,
	};
	VK(vkAllocateDescriptorSets(vk->device, &allocate, &kernel->set));
}

void vk_kernel_create(const struct vk *vk, struct vk_kernel *kernel, const uint32_t *code,
	size_t size, uint32_t push_size)
{
	*kernel = (struct vk_kernel){ .push_size = push_size };
	kernel->module = vk_shader(vk, code, size);
	create_layout(vk, kernel);
	VkComputePipelineCreateInfo pipeline = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.stage = {
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = VK_SHADER_STAGE_COMPUTE_BIT,
			.module = kernel->module,
			.pName = "main",
		},
		.layout = kernel->layout,
	};
	VK(vkCreateComputePipelines(
		vk->device, VK_NULL_HANDLE, 1, &pipeline, NULL, &kernel->pipeline));
	create_set(vk, kernel);
}

void vk_kernel_destroy(const struct vk *vk, struct vk_kernel *kernel)
{
	vkDestroyDescriptorPool(vk->device, kernel->pool, NULL);
	vkDestroyPipeline(vk->device, kernel->pipeline, NULL);
	vkDestroyPipelineLayout(vk->device, kernel->layout, NULL);
	vkDestroyDescriptorSetLayout(vk->device, kernel->set_layout, NULL);
	vkDestroyShaderModule(vk->device, kernel->module, NULL);
}

static void bind_buffers(const struct vk *vk, const struct vk_kernel *kernel,
	const struct vk_buffer *const buffers[VK_KERNEL_BUFFERS])
{
	VkDescriptorBufferInfo infos[VK_KERNEL_BUFFERS];
	for (uint32_t i = 0; i < VK_KERNEL_BUFFERS; i++) {
		infos[i] = (VkDescriptorBufferInfo){ buffers[i]->buffer, 0, VK_WHOLE_SIZE };
	}
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.dstSet = kernel->set,
		.descriptorCount = VK_KERNEL_BUFFERS,
		.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		.pBufferInfo = infos,
	};
	vkUpdateDescriptorSets(vk->device, 1, &write, 0, NULL);
}

void vk_kernel_run(const struct vk *vk, const struct vk_kernel *kernel,
	const struct vk_buffer *const buffers[VK_KERNEL_BUFFERS], const void *push, uint32_t groups)
{
	bind_buffers(vk, kernel, buffers);
	VkCommandBuffer commands = vk_begin(vk);
	vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
	vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout, 0, 1,
		&kernel->set, 0, NULL);
	vkCmdPushConstants(
		commands, kernel->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, kernel->push_size, push);
	vkCmdDispatch(commands, groups, 1, 1);
	VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_HOST_READ_BIT,
	};
	vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
		VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
	vk_finish(vk, commands);
}
