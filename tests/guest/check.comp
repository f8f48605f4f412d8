// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
// Compares each word with what follows from its place and a seed, and writes what follows from another one: blobs.c
// has the same function.
#version 450
layout(local_size_x = 64) in;

layout(std430, binding = 0) buffer Blob {
	uint words[];
};
layout(std430, binding = 1) buffer Sum {
	uint wrong;
	uint first;
};
layout(push_constant) uniform Push {
	uint count;
	uint seed;
	uint next;
};

uint word_at(uint seed, uint place)
{
	return (place ^ seed) * 0x9e3779b1u;
}

void main()
{
	uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
	for (uint place = gl_GlobalInvocationID.x; place < count; place += stride) {
		if (words[place] != word_at(seed, place)) {
			atomicAdd(wrong, 1);
			atomicMin(first, place);
		}
		words[place] = word_at(next, place);
	}
}
