// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
// Rounds of Marsaglia's xorshift on each number: see vk_compute.c.
#version 450
layout(local_size_x = 64) in;

layout(std430, binding = 0) readonly buffer In {
	uint numbers[];
};
layout(std430, binding = 1) writeonly buffer Out {
	uint results[];
};
layout(push_constant) uniform Push {
	uint count;
	uint rounds;
};

void main()
{
	uint place = gl_GlobalInvocationID.x;
	if (place >= count) {
		return;
	}
	uint value = numbers[place];
	for (uint i = 0; i < rounds; i++) {
		value ^= value << 13;
		value ^= value >> 17;
		value ^= value << 5;
	}
	results[place] = value;
}
