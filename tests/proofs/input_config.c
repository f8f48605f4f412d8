/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The configuration space of an input device (viewer/input_device.c): after any write in it, whatever is asked for is
 * answered, for devices with any two ranges of up to three codes. A write reaches the two fields that are the
 * driver's and nothing else. The answer repeats them; its size is what there is room for, and behind so many bytes there
 * are zeros.
 *
 * #cbmc --unwind 4
 * #bug viewer/input_device.c: i < size && offset + i < ARRAY_SIZE(fields) => i < size
 * #bug viewer/input_device.c: fields[offset + i] = bytes[i]; => fields[i] = bytes[i];
 * #bug viewer/input_device.c: if (device->select < ARRAY_SIZE(parts) && parts[device->select]) => if
 *	(device->select <= ARRAY_SIZE(parts) && parts[device->select])
 * #bug viewer/input_device.c: if (device->select < ARRAY_SIZE(parts) && parts[device->select]) => if
 *	(device->select < ARRAY_SIZE(parts))
 * #bug viewer/input_device.c: return (uint8_t)max_u32(size, bit / 8 + 1); => return (uint8_t)(bit / 8);
 */
#include "short_queue.h"

#include "input_device.c"

#include "peer.h"

#define RANGE_MAX  3u
#define HEAD_BYTES offsetof(struct virtio_input_config, u)

static struct input_device device;

static struct input_device_codes any_codes(void)
{
	struct input_device_codes codes;
	ANY_VALUE(codes);
	assume(codes.first <= codes.last && codes.last < KEY_CNT);
	assume(codes.last - codes.first < (int)RANGE_MAX);
	return codes;
}

void proof(void)
{
	static struct input_device_codes codes[2];
	static struct input_device_spec spec = { .name = "in", .serial = "", .codes = codes };
	codes[0] = any_codes();
	codes[1] = any_codes();
	spec.code_count = any_size(0, ARRAY_SIZE(codes));
	spec.property = (int)any_below(INPUT_PROP_CNT + 1) - 1;
	spec.product = nondet_u16();
	device.spec = &spec;
	device.leds = nondet_u32();
	uint8_t select = device.select = nondet_u8();
	uint8_t subsel = device.subsel = nondet_u8();
	uint32_t leds = device.leds;

	static uint8_t bytes[sizeof(struct virtio_input_config)];
	uint32_t offset = any_below(sizeof(bytes));
	uint32_t size = any_below((uint32_t)sizeof(bytes) - offset + 1);
	ANY_VALUE(bytes);
	write_config(&device, offset, bytes + offset, size);
	prove(device.select == (offset == 0 && size > 0 ? bytes[0] : select));
	prove(device.subsel == (offset <= 1 && offset + size > 1 ? bytes[1] : subsel));
	prove(device.leds == leds && device.spec == &spec);

	static uint8_t answer[sizeof(struct virtio_input_config)];
	ANY_VALUE(answer);
	read_config(&device, answer);
	prove(answer[0] == device.select && answer[1] == device.subsel);
	uint32_t taken = answer[offsetof(struct virtio_input_config, size)];
	prove(taken <= sizeof(answer) - HEAD_BYTES);
	uint32_t beyond = any_below(sizeof(answer) - HEAD_BYTES);
	prove(beyond < taken || answer[HEAD_BYTES + beyond] == 0);
}
