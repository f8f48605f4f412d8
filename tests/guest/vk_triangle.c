/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * vk-triangle: draws a triangle into an image that is shown nowhere, copies it into memory that is mapped here, and
 * compares the pixels: inside of the triangle they are between the colours of its corners, outside they are the
 * background. --output: as a PPM file, too.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "triangle_frag_spv.h"
#include "triangle_vert_spv.h"
#include "vk.h"

#define SIDE      256u
#define FORMAT    VK_FORMAT_R8G8B8A8_UNORM
#define TOLERANCE 2.0f /* of 255 */
#define EDGE      0.02f /* of a corner's weight: nearer to an edge, a pixel may be either */

struct corners {
	float positions[3][4];
	float colours[3][4];
};

static const struct corners corners = {
	.positions = { { 0, -0.8f, 0, 1 }, { 0.8f, 0.7f, 0, 1 }, { -0.7f, 0.8f, 0, 1 } },
	.colours = { { 1, 0, 0, 1 }, { 0, 1, 0, 1 }, { 0, 0, 1, 1 } },
};
static const float background[4] = { 0.2f, 0.4f, 0.6f, 1 };

struct drawing {
	VkImage image;
	VkDeviceMemory memory;
	VkImageView view;
	VkPipelineLayout layout;
	VkPipeline pipeline;
	VkShaderModule vertex, fragment;
};

/* --- making things ------------------------------------------------------------------------- */

static const VkImageSubresourceRange whole = {
	.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
	.levelCount = 1,
	.layerCount = 1,
};

static void create_image(const struct vk *vk, struct drawing *drawing)
{
	VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = FORMAT,
		.extent = { SIDE, SIDE, 1 },
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.tiling = VK_IMAGE_TILING_OPTIMAL,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};
	VK(vkCreateImage(vk->device, &info, NULL, &drawing->image));
	VkMemoryRequirements needs;
	vkGetImageMemoryRequirements(vk->device, drawing->image, &needs);
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = needs.size,
		.memoryTypeIndex = vk_memory_type(
			vk, needs.memoryTypeBits, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT),
	};
	VK(vkAllocateMemory(vk->device, &allocate, NULL, &drawing->memory));
	VK(vkBindImageMemory(vk->device, drawing->image, drawing->memory, 0));
	VkImageViewCreateInfo view = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.image = drawing->image,
		.viewType = VK_IMAGE_VIEW_TYPE_2D,
		.format = FORMAT,
		.subresourceRange = whole,
	};
	VK(vkCreateImageView(vk->device, &view, NULL, &drawing->view));
}

static void create_layout(const struct vk *vk, struct drawing *drawing)
{
	VkPushConstantRange push = {
		.stageFlags = VK_SHADER_STAGE_VERTEX_BIT,
		.size = sizeof(corners),
	};
	VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.pushConstantRangeCount = 1,
		.pPushConstantRanges = &push,
	};
	VK(vkCreatePipelineLayout(vk->device, &layout, NULL, &drawing->layout));
	drawing->vertex = vk_shader(vk, triangle_vert_spv, sizeof(triangle_vert_spv));
	drawing->fragment = vk_shader(vk, triangle_frag_spv, sizeof(triangle_frag_spv));
}

static const VkPipelineVertexInputStateCreateInfo no_vertices = {
	.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
};
static const VkPipelineInputAssemblyStateCreateInfo triangles = {
	.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
	.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
};
static const VkViewport viewport = { 0, 0, SIDE, SIDE, 0, 1 };
static const VkRect2D scissor = { { 0, 0 }, { SIDE, SIDE } };
static const VkPipelineViewportStateCreateInfo whole_image = {
	.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
	.viewportCount = 1,
	.pViewports = &viewport,
	.scissorCount = 1,
	.pScissors = &scissor,
};
static const VkPipelineRasterizationStateCreateInfo filled = {
	.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
	.polygonMode = VK_POLYGON_MODE_FILL,
	.lineWidth = 1,
};
static const VkPipelineMultisampleStateCreateInfo one_sample = {
	.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
	.rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
};
static const VkPipelineColorBlendAttachmentState all_channels = { .colorWriteMask = 0xf };
static const VkPipelineColorBlendStateCreateInfo no_blending = {
	.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
	.attachmentCount = 1,
	.pAttachments = &all_channels,
};
static const VkFormat format = FORMAT;
static const VkPipelineRenderingCreateInfo one_image = {
	.sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
	.colorAttachmentCount = 1,
	.pColorAttachmentFormats = &format,
};

static void create_pipeline(const struct vk *vk, struct drawing *drawing)
{
	create_layout(vk, drawing);
	VkPipelineShaderStageCreateInfo stages[] = {
		{
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = VK_SHADER_STAGE_VERTEX_BIT,
			.module = drawing->vertex,
			.pName = "main",
		},
		{
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = VK_SHADER_STAGE_FRAGMENT_BIT,
			.module = drawing->fragment,
			.pName = "main",
		},
	};
	VkGraphicsPipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
		.pNext = &one_image,
		.stageCount = 2,
		.pStages = stages,
		.pVertexInputState = &no_vertices,
		.pInputAssemblyState = &triangles,
		.pViewportState = &whole_image,
		.pRasterizationState = &filled,
		.pMultisampleState = &one_sample,
		.pColorBlendState = &no_blending,
		.layout = drawing->layout,
	};
	VK(vkCreateGraphicsPipelines(
		vk->device, VK_NULL_HANDLE, 1, &info, NULL, &drawing->pipeline));
}

static void drawing_destroy(const struct vk *vk, struct drawing *drawing)
{
	vkDestroyPipeline(vk->device, drawing->pipeline, NULL);
	vkDestroyShaderModule(vk->device, drawing->vertex, NULL);
	vkDestroyShaderModule(vk->device, drawing->fragment, NULL);
	vkDestroyPipelineLayout(vk->device, drawing->layout, NULL);
	vkDestroyImageView(vk->device, drawing->view, NULL);
	vkDestroyImage(vk->device, drawing->image, NULL);
	vkFreeMemory(vk->device, drawing->memory, NULL);
}

/* --- drawing ------------------------------------------------------------------------------- */

static void record_layouts(
	VkCommandBuffer commands, VkImage image, VkImageLayout from, VkImageLayout to)
{
	VkImageMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		.oldLayout = from,
		.newLayout = to,
		.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.image = image,
		.subresourceRange = whole,
	};
	vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
		VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
}

static void record_triangle(VkCommandBuffer commands, const struct drawing *drawing)
{
	VkRenderingAttachmentInfo image = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageView = drawing->view,
		.imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
		.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
	};
	memcpy(image.clearValue.color.float32, background, sizeof(background));
	VkRenderingInfo rendering = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
		.renderArea = scissor,
		.layerCount = 1,
		.colorAttachmentCount = 1,
		.pColorAttachments = &image,
	};
	vkCmdBeginRendering(commands, &rendering);
	vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, drawing->pipeline);
	vkCmdPushConstants(commands, drawing->layout, VK_SHADER_STAGE_VERTEX_BIT, 0,
		sizeof(corners), &corners);
	vkCmdDraw(commands, 3, 1, 0, 0);
	vkCmdEndRendering(commands);
}

static void draw(const struct vk *vk, const struct drawing *drawing, const struct vk_buffer *pixels)
{
	VkCommandBuffer commands = vk_begin(vk);
	record_layouts(commands, drawing->image, VK_IMAGE_LAYOUT_UNDEFINED,
		VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
	record_triangle(commands, drawing);
	record_layouts(commands, drawing->image, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
		VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	VkBufferImageCopy copy = {
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageExtent = { SIDE, SIDE, 1 },
	};
	vkCmdCopyImageToBuffer(commands, drawing->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
		pixels->buffer, 1, &copy);
	VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_HOST_READ_BIT,
	};
	vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT,
		0, 1, &barrier, 0, NULL, 0, NULL);
	vk_finish(vk, commands);
}

/* --- looking ------------------------------------------------------------------------------- */

/* Twice the area of the triangle a, b, p; negative when they go the other way around. */
static float area(const float *a, const float *b, const float *p)
{
	return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
}

/* How much of each corner there is at a point: their sum is 1, and outside one is negative. */
static void weigh(const float point[2], float ret_weights[3])
{
	const float (*p)[4] = corners.positions;
	float all = area(p[0], p[1], p[2]);
	for (int i = 0; i < 3; i++) {
		ret_weights[i] = area(p[(i + 1) % 3], p[(i + 2) % 3], point) / all;
	}
}

/* The colour that a pixel has to have; false where it is up to the GPU. */
static bool wanted_colour(uint32_t x, uint32_t y, float ret_colour[4])
{
	const float point[2] = {
		((float)x + 0.5f) / (float)SIDE * 2 - 1,
		((float)y + 0.5f) / (float)SIDE * 2 - 1,
	};
	float weights[3];
	weigh(point, weights);
	float least = weights[0] < weights[1] ? weights[0] : weights[1];
	least = least < weights[2] ? least : weights[2];
	for (int channel = 0; channel < 4; channel++) {
		ret_colour[channel] = background[channel];
		for (int i = 0; i < 3 && least > 0; i++) {
			ret_colour[channel] = (i == 0 ? 0 : ret_colour[channel]) +
				weights[i] * corners.colours[i][channel];
		}
	}
	return least > EDGE || least < -EDGE;
}

/* Gives the number of pixels that were compared. */
static uint32_t compare(const uint8_t *pixels)
{
	uint32_t compared = 0;
	for (uint32_t place = 0; place < SIDE * SIDE; place++) {
		float wanted[4];
		if (!wanted_colour(place % SIDE, place / SIDE, wanted)) {
			continue;
		}
		const uint8_t *pixel = &pixels[place * 4];
		for (int channel = 0; channel < 4; channel++) {
			float off = (float)pixel[channel] - wanted[channel] * 255;
			if (off > TOLERANCE || off < -TOLERANCE) {
				fail("the pixel at %u,%u is %u %u %u %u, its channel %d should be "
				     "%.1f",
					place % SIDE, place / SIDE, pixel[0], pixel[1], pixel[2],
					pixel[3], channel, (double)(wanted[channel] * 255));
			}
		}
		compared++;
	}
	return compared;
}

static void write_ppm(const char *path, const uint8_t *pixels)
{
	FILE *file = fopen(path, "we");
	if (!file) {
		fail("%s: %s", path, strerror(errno));
	}
	fprintf(file, "P6\n%u %u\n255\n", SIDE, SIDE);
	for (uint32_t place = 0; place < SIDE * SIDE; place++) {
		fwrite(&pixels[place * 4], 1, 3, file);
	}
	if (ferror(file) | fclose(file)) {
		fail("%s: cannot be written", path);
	}
}

int main(int argc, char **argv)
{
	static const struct option rows[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "output", required_argument, NULL, 'o' },
		{ 0 },
	};
	const char *device = "Venus", *output = NULL;
	int option;
	while ((option = getopt_long(argc, argv, "", rows, NULL)) >= 0) {
		if (option == '?') {
			fail("usage: vk-triangle [--device NAME] [--output FILE.ppm]");
		}
		*(option == 'd' ? &device : &output) = optarg;
	}
	struct vk vk;
	struct drawing drawing;
	struct vk_buffer pixels;
	vk_open(&vk, device);
	create_image(&vk, &drawing);
	create_pipeline(&vk, &drawing);
	vk_buffer_create(&vk, &pixels, SIDE * SIDE * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	memset(pixels.bytes, 0, SIDE * SIDE * 4);
	draw(&vk, &drawing, &pixels);
	if (output) {
		write_ppm(output, pixels.bytes);
	}
	printf("triangle ok: %u of %u pixels compared, on %s\n", compare(pixels.bytes), SIDE * SIDE,
		vk.properties.deviceName);
	vk_buffer_destroy(&vk, &pixels);
	drawing_destroy(&vk, &drawing);
	vk_close(&vk);
	return EXIT_SUCCESS;
}
