/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The front-end of a vhost-user connection.
 *
 * Three levels, each usable by itself:
 *	bytes     kit_vmm_send_bytes(), kit_vmm_receive_message(): whatever is wanted
 *	messages  kit_vmm_compose() makes the message that a correct VMM would send now; it can be
 *	          changed before it is sent; kit_vmm_do() composes, sends and takes the answer
 *	profiles  kit_vmm_start() and so on play what a certain VMM sends (profile.h)
 */
#pragma once

#include "kit/channel.h"
#include "kit/memory.h"
#include "kit/profile.h"
#include "kit/ring.h"
#include "kit/stream.h"
#include "vhost/protocol.h"

#define KIT_MAX_PAYLOAD 4096u
#define KIT_QUEUES      2u

/* Places in the table of guest memory of a VMM without CONFIGURE_MEM_SLOTS, as QEMU has it. */
#define KIT_MEMORY_PLACES 8u

struct kit_display;

/* When the backend is told of a mapping that it has asked for, by a VMM that counts_mappings. */
enum kit_echo {
	KIT_ECHO_AFTER, /* soon after the answer, as QEMU 11.1 */
	KIT_ECHO_BEFORE, /* before the answer */
	KIT_ECHO_NEVER, /* as if the table were full */
};

struct kit_message {
	struct vhost_user_header header;
	_Alignas(8) uint8_t payload[KIT_MAX_PAYLOAD];
	uint32_t fd_count;
	int fds[KIT_MAX_FDS]; /* owned */
};

struct kit_vmm {
	struct kit *kit;
	int sock; /* owned; -1: none */
	struct kit_source hangup; /* ends every wait when the backend closes */
	const struct kit_profile *profile;
	struct kit_memory *memory;
	struct kit_ring *rings; /* KIT_QUEUES of them */
	struct kit_display *display; /* GPU_SET_SOCKET opens it; NULL: there is none */
	struct kit_channel channel;
	bool reverse; /* what is done for each queue begins with the last one */
	size_t piece; /* cut what is sent into pieces of so many bytes; 0: whole messages */
	/* Ask for an acknowledgement of what has no answer of its own, where REPLY_ACK is
	 * negotiated; set at first. */
	bool ack;

	/* Offers packed rings to the driver, whatever the backend says (QEMU's packed=on); else it
	 * never does. */
	bool packed;
	uint64_t wanted; /* virtio feature bits that the driver takes; all at first */
	uint64_t offered; /* as GET_FEATURES said */
	uint64_t features; /* as sent by SET_FEATURES */
	uint64_t protocol_wanted; /* the same of the protocol's features */
	uint64_t protocol_offered;
	uint64_t protocol;
	uint64_t queue_num, memory_slots, status; /* as the backend said */
	struct vhost_user_shmem_config shmem;
	/* For SET_VRING_BASE: what GET_VRING_BASE said, if it said something since the reset. */
	uint32_t bases[KIT_QUEUES];
	bool has_base[KIT_QUEUES];
	uint32_t regions_known; /* memory regions that the backend was told of */

	enum kit_echo echo;
	bool running; /* between start and stop: changes of memory are told at once */
	bool stopped; /* between a stop and the first queue that is enabled: nothing may be asked for */
	uint32_t asking; /* answers that are waited for; nothing else is said meanwhile */
	bool memory_changed; /* and not yet told */
	struct kit_source echo_source;
};

/* Takes sock (connected). The caller sets profile, memory, rings and display. */
void kit_vmm_init(struct kit_vmm *vmm, struct kit *kit, int sock);

/* Closes the connection and the backend channel. */
void kit_vmm_finish(struct kit_vmm *vmm);

static inline bool kit_vmm_has(const struct kit_vmm *vmm, int protocol_feature)
{
	return vmm->protocol >> protocol_feature & 1;
}

static inline bool kit_vmm_feature(const struct kit_vmm *vmm, int feature)
{
	return vmm->features >> feature & 1;
}

/* --- bytes --------------------------------------------------------------------------------- */

/* Descriptors go with the first byte and stay the caller's. */
int kit_vmm_send_bytes(
	struct kit_vmm *vmm, const void *data, size_t size, const int *fds, size_t fd_count);

/* The next message, whatever it is. On success its descriptors are the caller's. */
int kit_vmm_receive_message(struct kit_vmm *vmm, struct kit_message *ret_message);

/* Waits until the backend closes the connection. 0; -ETIMEDOUT when it does not, -EPROTO when it
 * says something before. */
int kit_vmm_wait_closed(struct kit_vmm *vmm);

/* --- messages ------------------------------------------------------------------------------ */

/* Fills a message as a correct VMM would send it now. What index and value are depends on the
 * request:
 *	vring messages: index: the queue; value: of SET_VRING_ENABLE; the rest comes from the ring
 *	SET_FEATURES, SET_PROTOCOL_FEATURES, SET_STATUS: value
 *	ADD_MEM_REG, REM_MEM_REG: index of the region
 *	GET_CONFIG, SET_CONFIG: index: offset, value: size; the bytes are zero
 *	SET_DEVICE_STATE_FD: index: the direction, value: the phase; over an empty file
 * GPU_SET_SOCKET and SET_BACKEND_REQ_FD open a new socket pair. Unknown requests have no payload.
 * Flags are the version; the message's descriptors are its own. 0 or -errno. */
int kit_vmm_compose(struct kit_vmm *vmm, uint32_t request, uint32_t index, uint64_t value,
	struct kit_message *ret_message);

/* Sends the message as it is and closes its descriptors. */
int kit_vmm_send_message(struct kit_vmm *vmm, struct kit_message *message);

/* Closes the descriptors of a message. */
void kit_message_finish(struct kit_message *message);

/* Receives the answer to a request: header, flags and size are checked. 0 or -errno. */
int kit_vmm_receive_answer(struct kit_vmm *vmm, uint32_t request, void *payload, size_t size);

/* Sends a message and receives its answer in place of it, whatever payload and descriptors (the
 * caller's) that has; header and flags are checked. 0 or -errno. */
int kit_vmm_ask(struct kit_vmm *vmm, struct kit_message *message);

/* Sends a message that has no answer of its own, and takes the acknowledgement if there is to be one (one that
 * is not 0 is -EREMOTEIO). */
int kit_vmm_tell(struct kit_vmm *vmm, struct kit_message *message);

/* Composes, sends, takes the answer or the acknowledgement (one that is not 0 is -EREMOTEIO), and
 * keeps in *vmm what was said. */
int kit_vmm_do(struct kit_vmm *vmm, uint32_t request, uint32_t index, uint64_t value);

/* SET_DEVICE_STATE_FD with this descriptor, which is taken. 0; -EREMOTEIO when it is refused. */
int kit_vmm_set_state_fd(struct kit_vmm *vmm, uint32_t direction, int fd);

/* The configuration space: size bytes from offset, at most VHOST_USER_MAX_CONFIG_SIZE. An empty
 * answer (the backend's way to say no) is -EREMOTEIO. */
int kit_vmm_read_config(struct kit_vmm *vmm, uint32_t offset, void *ret_bytes, uint32_t size);
int kit_vmm_write_config(struct kit_vmm *vmm, uint32_t offset, const void *bytes, uint32_t size);

/* GET_SHARED_OBJECT, with a UUID or, as QEMU asks, without (NULL). *ret_fd is the caller's, or -1:
 * there is none. 0 or -errno. */
int kit_vmm_get_shared_object(struct kit_vmm *vmm, const uint8_t *uuid, int *ret_fd);

/* --- mappings as memory -------------------------------------------------------------------- */

/* For VMMs that count mappings among the guest's memory: hooks into the channel. */
void kit_vmm_window_init(struct kit_vmm *vmm);

/* The region of the guest's memory that a mapping is. */
struct vhost_user_memory_region kit_vmm_window_region(const struct kit_map *map);

/* Whether mappings have places in the table that SET_MEM_TABLE sends now. */
bool kit_vmm_window_counts(const struct kit_vmm *vmm);

/* Tells of what has changed. 0 or -errno. */
int kit_vmm_window_tell(struct kit_vmm *vmm);

/* What was put off while an answer was waited for can be said now. */
void kit_vmm_window_resume(struct kit_vmm *vmm);

/* What is known of a request. */
struct kit_request_spec {
	uint32_t request;
	const char *name;
	int needs; /* the protocol feature it needs; -1: none */
	size_t size; /* of its payload as composed; of tables and configuration: at least */
	uint32_t fd_count; /* as composed; of SET_MEM_TABLE: at least */
	size_t answer_size; /* 0: it has no answer of its own; of GET_CONFIG: at least */
};

/* Every request of the specification, in order; *ret_count of them. */
const struct kit_request_spec *kit_requests(size_t *ret_count);

/* NULL for an unknown one. */
const struct kit_request_spec *kit_request_spec(uint32_t request);

/* --- profiles ------------------------------------------------------------------------------ */

/* Plays steps, in the state the connection has. `why` names the message that failed. */
int kit_vmm_play(struct kit_vmm *vmm, const struct kit_step *steps);

/* The life of a device as the profile's VMM plays it: realize, start, stop (a pause: start
 * resumes), reset (behind stop: the next start begins anew, with rings the caller has reset). stop
 * checks that the backend left no request it has taken without an answer. */
int kit_vmm_realize(struct kit_vmm *vmm);
int kit_vmm_start(struct kit_vmm *vmm);
int kit_vmm_stop(struct kit_vmm *vmm);
int kit_vmm_reset(struct kit_vmm *vmm);
