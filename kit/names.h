/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What there is of commands and responses (virtio 1.4, 5.7.6.7), by name. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct kit_command_spec {
	uint32_t type;
	const char *name;
	uint32_t size; /* of the fixed part */
	int feature; /* bit number that it needs; -1: none */
	uint32_t queue;
};

/* Every command, in order of its type; *ret_count of them. */
const struct kit_command_spec *kit_command_specs(size_t *ret_count);

/* NULL for an unknown type. */
const struct kit_command_spec *kit_command_spec(uint32_t type);

/* The name of a response type, without VIRTIO_GPU_RESP_. */
const char *kit_response_name(int type);

/* The name of a feature bit of the device or the transport; NULL: none that the kit knows. */
const char *kit_feature_name(uint32_t bit);

/* The same of a protocol feature. */
const char *kit_protocol_feature_name(uint32_t bit);
