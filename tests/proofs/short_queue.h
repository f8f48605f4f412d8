/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * struct virtqueue with its long members elsewhere, for proofs of what does not look at them: a queue that
 * is one of several, it is open which, is costly when it is large. To be included before all else.
 */
#pragma once

#define in_flight_ids (*in_flight_ids)
#define chain         (*chain)
#include "vhost/virtqueue.h"
#undef in_flight_ids
#undef chain
