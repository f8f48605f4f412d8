// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
// The triangle of vk_triangle.c, which has its corners as push constants.
#version 450
layout(push_constant) uniform Push {
	vec4 positions[3];
	vec4 colours[3];
};
layout(location = 0) out vec4 colour;

void main()
{
	gl_Position = positions[gl_VertexIndex];
	colour = colours[gl_VertexIndex];
}
