/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/commands.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "kit/vtest/resource.h"
#include "util/checked.h"
#include "util/log.h"

#define CAPS_V1_BYTES 308u /* what programs read of GET_CAPS, whatever its length says */
#define ANY_WORDS     UINT32_MAX /* as many as the header says */

/* --- connection ---------------------------------------------------------------------------- */

static int take_create_renderer(struct client *client, const uint32_t *words, uint32_t count)
{
	const char *text = (const char *)words;
	size_t length = strnlen(text, min_u32(count, CLIENT_NAME - 1));
	for (size_t i = 0; i < length; i++)
		client->name[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
	if (length == 0)
		strcpy(client->name, "?");
	log_info("%s has context %u", client->name, client->id);
	return 0;
}

static int take_ping(struct client *client, const uint32_t *words, uint32_t count)
{
	return client_reply(client, VCMD_PING_PROTOCOL_VERSION, NULL, 0);
}

static int take_version(struct client *client, const uint32_t *words, uint32_t count)
{
	uint32_t version = min_u32(words[0], VTEST_PROTOCOL_VERSION);
	client->asked_version = words[0];
	client->version = version < VTEST_PROTOCOL_VERSION_SHM ? 0 : version;
	return client_reply_word(client, VCMD_PROTOCOL_VERSION, client->version);
}

static int take_get_param(struct client *client, const uint32_t *words, uint32_t count)
{
	uint32_t answer[2] = { false, 0 };
	bool rings = device_feature(client->bridge->device, VIRTIO_GPU_F_CONTEXT_INIT);
	if (words[0] == VCMD_PARAM_MAX_TIMELINE_COUNT && rings) {
		answer[0] = true;
		answer[1] = VIRTIO_GPU_MAX_RINGS;
	}
	return client_reply(client, VCMD_GET_PARAM, answer, ARRAY_SIZE(answer));
}

static int take_context_init(struct client *client, const uint32_t *words, uint32_t count)
{
	const struct device *device = client->bridge->device;
	uint32_t capset = words[0];
	if (client->has_context || client->capset)
		return client->capset == capset
			? 0
			: client_fail(
				  client, EBUSY, "another context with capability set %u", capset);
	if (!device_capset(device, capset) || !device_feature(device, VIRTIO_GPU_F_CONTEXT_INIT))
		return client_fail(client, ENOTSUP,
			"the backend has no contexts with capability set %u", capset);
	client->capset = capset;
	int ret = client_need_context(client);
	if (ret < 0)
		client->capset = 0;
	return ret;
}

/* --- capabilities -------------------------------------------------------------------------- */

/* Of old, their length is counted in bytes and one too many. */
static int reply_caps(struct client *client, uint32_t id, const uint8_t *caps, uint32_t size)
{
	const struct vtest_header header = { size + 1, id };
	int ret = client_reply_bytes(client, &header, sizeof(header));
	return ret < 0 ? ret : client_reply_bytes(client, caps, size);
}

static int no_opengl(const struct client *client)
{
	return client_fail(client, ENOTSUP, "the backend has no OpenGL");
}

static int take_get_caps(struct client *client, const uint32_t *words, uint32_t count)
{
	const struct device *device = client->bridge->device;
	const struct device_capset *capset = device_capset(device, VIRTIO_GPU_CAPSET_VIRGL);
	/* the second set begins as the first does */
	if (!capset)
		capset = device_capset(device, VIRTIO_GPU_CAPSET_VIRGL2);
	if (!capset || capset->size < CAPS_V1_BYTES)
		return no_opengl(client);
	return reply_caps(client, 1, capset->data, CAPS_V1_BYTES);
}

static int take_get_caps2(struct client *client, const uint32_t *words, uint32_t count)
{
	const struct device_capset *capset =
		device_capset(client->bridge->device, VIRTIO_GPU_CAPSET_VIRGL2);
	return capset ? reply_caps(client, 2, capset->data, capset->size) : no_opengl(client);
}

static int take_get_capset(struct client *client, const uint32_t *words, uint32_t count)
{
	const struct device_capset *capset = device_capset(client->bridge->device, words[0]);
	if (!capset || words[1] > capset->version)
		return client_reply_word(client, VCMD_GET_CAPSET, false);
	const struct {
		struct vtest_header header;
		uint32_t valid;
	} answer = { { 1 + capset->size / 4, VCMD_GET_CAPSET }, true };
	int ret = client_reply_bytes(client, &answer, sizeof(answer));
	return ret < 0 ? ret : client_reply_bytes(client, capset->data, capset->size);
}

/* --- waiting ------------------------------------------------------------------------------- */

int command_idle(struct client *client)
{
	resource_fetch_written(client);
	return client_reply_word(client, VCMD_RESOURCE_BUSY_WAIT, false);
}

/* Which resource does not matter: no one knows which of them a command stream uses. */
static int take_busy_wait(struct client *client, const uint32_t *words, uint32_t count)
{
	if (client->in_flight == 0)
		return command_idle(client);
	if (!(words[1] & VCMD_BUSY_WAIT_FLAG_WAIT))
		return client_reply_word(client, VCMD_RESOURCE_BUSY_WAIT, true);
	client->wait = CLIENT_WAITS_IDLE;
	return 0;
}

/* --- the table ----------------------------------------------------------------------------- */

static const struct command_spec {
	const char *name;
	uint32_t words; /* behind the header, at least; ANY_WORDS */
	uint32_t version; /* of the protocol, that it needs */
	bool context; /* needs one; it is made when it is not there */
	command_fn take;
} specs[VCMD_MAX] = {
/* clang-format off */
#define ROW(name, words, version, context, take) [VCMD_##name] = { #name, words, version, context, take }
	ROW(GET_CAPS,              0,                                0, false, take_get_caps),
	ROW(RESOURCE_CREATE,       VTEST_RESOURCE_CREATE_WORDS,      0, true,  resource_take_create),
	ROW(RESOURCE_UNREF,        1,                                0, true,  resource_take_unref),
	ROW(TRANSFER_GET,          VTEST_TRANSFER_WORDS,             0, true,  transfer_take_get),
	ROW(TRANSFER_PUT,          VTEST_TRANSFER_WORDS,             0, true,  transfer_take_put),
	ROW(SUBMIT_CMD,            ANY_WORDS,                        0, true,  submit_take),
	ROW(RESOURCE_BUSY_WAIT,    2,                                0, false, take_busy_wait),
	ROW(GET_CAPS2,             0,                                0, false, take_get_caps2),
	ROW(PING_PROTOCOL_VERSION, 0,                                0, false, take_ping),
	ROW(PROTOCOL_VERSION,      1,                                0, false, take_version),
	ROW(RESOURCE_CREATE2,      VTEST_RESOURCE_CREATE2_WORDS,     2, true,  resource_take_create2),
	ROW(TRANSFER_GET2,         VTEST_TRANSFER2_WORDS,            2, true,  transfer_take_get2),
	ROW(TRANSFER_PUT2,         VTEST_TRANSFER2_WORDS,            2, true,  transfer_take_put2),
	ROW(GET_PARAM,             1,                                3, false, take_get_param),
	ROW(GET_CAPSET,            2,                                3, false, take_get_capset),
	ROW(CONTEXT_INIT,          1,                                3, false, take_context_init),
	ROW(RESOURCE_CREATE_BLOB,  VTEST_RESOURCE_CREATE_BLOB_WORDS, 3, true,  blob_take_create),
	ROW(SYNC_CREATE,           2,                                3, false, sync_take_create),
	ROW(SYNC_UNREF,            1,                                3, false, sync_take_unref),
	ROW(SYNC_READ,             1,                                3, false, sync_take_read),
	ROW(SYNC_WRITE,            VTEST_SYNC_VALUE_WORDS,           3, false, sync_take_write),
	ROW(SYNC_WAIT,             ANY_WORDS,                        3, false, sync_take_wait),
	ROW(SUBMIT_CMD2,           ANY_WORDS,                        3, true,  submit_take2),
#undef ROW
	/* clang-format on */
};

static uint64_t put_size(const uint8_t *body, size_t there)
{
	struct vtest_transfer transfer = { 0 };
	if (there >= sizeof(transfer))
		memcpy(&transfer, body, sizeof(transfer));
	return sizeof(transfer) + (uint64_t)transfer.data_size;
}

int command_size(const struct client *client, const struct vtest_header *header,
	const uint8_t *body, size_t there, uint64_t *ret_size)
{
	uint32_t number = header->command;
	if (!client->name[0]) {
		*ret_size = header->length;
		return number == VCMD_CREATE_RENDERER
			? 0
			: client_fail(client, EPROTO, "command %u before CREATE_RENDERER", number);
	}
	if (number >= VCMD_MAX || !specs[number].take)
		return client_fail(client, EPROTO, "command %u is unknown or unexpected", number);
	const struct command_spec *spec = &specs[number];
	if (client->version < spec->version)
		return client_fail(client, EPROTO, "%s with version %u of the protocol", spec->name,
			client->version);
	uint32_t words = spec->words == ANY_WORDS ? header->length : spec->words;
	*ret_size = number == VCMD_TRANSFER_PUT ? put_size(body, there) : UINT64_C(4) * words;
	return 0;
}

int command_take(struct client *client, const struct vtest_header *header, const void *body)
{
	if (!client->name[0])
		return take_create_renderer(client, body, header->length);
	const struct command_spec *spec = &specs[header->command];
	int ret = spec->context ? client_need_context(client) : 0;
	uint32_t words = spec->words == ANY_WORDS ? header->length : spec->words;
	if (ret == 0)
		ret = spec->take(client, body, words);
	if (ret == -ENOMEM)
		client_fail(client, ENOMEM, "%s: memory is short", spec->name);
	return ret;
}
