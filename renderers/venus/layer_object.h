/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a layer of Vulkan knows of instances and devices, found by their handles. Any thread may call. */
#pragma once

#include <pthread.h>

#include "util/list.h"

/* Embedded as the first member in what is known. */
struct layer_object {
	struct list link;
	void *handle; /* what it is to its user */
};

struct layer_objects {
	pthread_mutex_t lock;
	struct list list;
};

#define LAYER_OBJECTS_INIT(name)                                                                   \
	{                                                                                          \
		PTHREAD_MUTEX_INITIALIZER,                                                         \
		{                                                                                  \
			&(name).list, &(name).list                                                 \
		}                                                                                  \
	}

void layer_object_add(struct layer_objects *objects, struct layer_object *object, void *handle);

void layer_object_remove(struct layer_objects *objects, struct layer_object *object);

/* The object that a handle belongs to: its own, or that of something inside (a physical device's instance, a
 * queue's device). NULL: there is none. Objects outlive the calls about them, as their users see to. */
void *layer_object_find(struct layer_objects *objects, const void *handle);
