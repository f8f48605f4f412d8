/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The loader puts the address of a table at the beginning of whatever a handle points to, the same one for an instance
 * or device and for all that is inside.
 */
#include "layer_object.h"

#include <stddef.h>

void layer_object_add(struct layer_objects *objects, struct layer_object *object, void *handle)
{
	object->handle = handle;
	pthread_mutex_lock(&objects->lock);
	list_insert(&objects->list, &object->link);
	pthread_mutex_unlock(&objects->lock);
}

void layer_object_remove(struct layer_objects *objects, struct layer_object *object)
{
	pthread_mutex_lock(&objects->lock);
	list_remove(&object->link);
	pthread_mutex_unlock(&objects->lock);
}

static const void *table_of(const void *handle)
{
	return *(const void *const *)handle;
}

void *layer_object_find(struct layer_objects *objects, const void *handle)
{
	struct layer_object *found = NULL;
	pthread_mutex_lock(&objects->lock);
	list_for_each (link, &objects->list) {
		struct layer_object *object = container_of(link, struct layer_object, link);
		if (table_of(object->handle) == table_of(handle))
			found = object;
	}
	pthread_mutex_unlock(&objects->lock);
	return found;
}
