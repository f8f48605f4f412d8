/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Intrusive doubly linked list. The head is a struct list; so is each member's link. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev;
	struct list *next;
};

#define container_of(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Makes an empty head, or a link that list_remove() may be called on. */
static inline void list_init(struct list *list)
{
	list->prev = list;
	list->next = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

/* Puts link behind position: at the front of a list when position is its head. */
static inline void list_insert(struct list *position, struct list *link)
{
	link->prev = position;
	link->next = position->next;
	position->next->prev = link;
	position->next = link;
}

static inline void list_append(struct list *head, struct list *link)
{
	list_insert(head->prev, link);
}

/* Takes link out of its list and leaves it empty: removing it twice is harmless. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#define list_for_each(pos, head)                                                                   \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

/* Allows the current member, and only that one, to be removed inside the loop. */
#define list_for_each_safe(pos, after, head)                                                       \
	for (struct list *pos = (head)->next, *after = pos->next; pos != (head);                   \
		pos = after, after = pos->next)
