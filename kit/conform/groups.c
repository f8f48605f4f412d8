/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What there is to be done in bad faith, in groups, and which cases do it. What no case of any backend
 * can do, as it needs a part of ours or its host, names the test of the project that does.
 */
#include <fnmatch.h>

#include "kit/conform/plan.h"

#define MAX_PATTERNS 10u

struct group {
	const char *about;
	const char *cases[MAX_PATTERNS]; /* globs of names */
	const char *test; /* in tests/; NULL: the cases are enough */
};

static const struct group groups[] = {
	/* The VMM */
	{ "messages of wrong sizes, cut off, in pieces, never ending",
		{ "handshake.misshapen.*", "handshake.huge.*" } },
	{ "requests that nobody knows, or not negotiated",
		{ "handshake.unknown.*", "handshake.not_negotiated.*" } },
	{ "wrong versions and flags of messages", { "handshake.misshapen.*" } },
	{ "too few and too many descriptors", { "handshake.misshapen.*" } },
	{ "descriptors of another kind", { "handshake.descriptor_of_another_kind.*" } },
	{ "memory tables that cannot be",
		{ "memory.impossible_region.*", "memory.overlapping_regions.*",
			"memory.count_differs.*" } },
	{ "files of guest memory that are short, cut off, full of holes",
		{ "files.change.*", "memory.impossible_region.longer_than_its_file" } },
	{ "slots of memory twice, unknown, too many", { "memory.wrong_slot.*" } },
	{ "sizes and numbers of rings", { "handshake.out_of_range.*" } },
	{ "addresses of rings outside, misaligned, on top of each other",
		{ "rings.impossible_addresses.*", "memory.rings_go_away" } },
	{ "messages out of order",
		{ "handshake.wrong_order.*", "handshake.told_while_running.*",
			"handshake.kick_without_a_ring" } },
	{ "features that were not offered, or change",
		{ "handshake.feature_not_offered.*", "handshake.protocol_feature_not_offered.*",
			"handshake.features_change_while_running" } },
	{ "parts of the configuration that are not there",
		{ "config.past_the_end.*", "config.*_of_another_size.*", "config.odd_write.*" } },
	{ "VMMs that go at any byte, come by the thousand, never read",
		{ "lifecycle.gone_at_every_byte", "lifecycle.gone_at_every_message.*",
			"lifecycle.silent_connections", "floods.connections",
			"handshake.answers_nobody_reads" } },
	{ "states that are none, cut short, refused", { "state.*" } },
	{ "VMMs that do not map, hang, answer late, twice, something else",
		{ "mapping.map_answered.*", "mapping.unmap_answered.*", "mapping.hangs.*",
			"mapping.another_channel" } },

	/* The rings */
	{ "heads that are not in the ring", { "rings.chain.head_*" } },
	{ "chains that leave the ring, go in circles, never end",
		{ "rings.chain.next_out_of_range", "rings.chain.*loop", "rings.chain.two_cycle",
			"rings.chain.longer_than_the_ring" } },
	{ "indices that jump and go back", { "rings.chain.index_*" } },
	{ "descriptors without bytes, in the wrong order",
		{ "rings.chain.empty_buffers", "rings.chain.readable_behind_writable",
			"rings.no_request", "rings.chain.too_much_to_read" } },
	{ "buffers outside of memory, and in the ring itself",
		{ "rings.chain.*outside_memory", "rings.chain.in_the_hole",
			"rings.chain.address_wraps", "rings.answer_into_the_ring.*" } },
	{ "indirect tables that are odd, nested, huge, elsewhere, not negotiated",
		{ "rings.chain.indirect_*", "rings.table_not_negotiated" } },
	{ "the same chain twice",
		{ "rings.same_head_twice", "rings.breaks_again", "rings.cursor_queue" } },
	{ "descriptors and commands rewritten while they are read, a million times",
		{ "races.*" } },
	{ "notifications by the thousand, of nothing, of queues that are off",
		{ "rings.needless_kicks.*", "floods.kicks.*" } },
	{ "event indices anywhere", { "floods.kicks.event_index_anywhere" } },
	{ "answers that have no room, or a byte at a time",
		{ "rings.room_for_the_answer.*", "commands.room_for_the_answer.*",
			"floods.a_byte_each", "commands.longer_than_needed.*" } },
	{ "resets with all in flight",
		{ "lifecycle.reset_in_flight.*", "lifecycle.sudden_reset_in_flight",
			"floods.fences_at_a_reset", "fences.over_a_reset",
			"timelines.reset_in_the_middle" } },

	/* Commands */
	{ "commands cut off anywhere, unknown, at random, on the wrong queue",
		{ "commands.truncated.*", "commands.unknown_type.*", "commands.random_commands.*",
			"commands.wrong_queue.*", "commands.not_negotiated.*" } },
	{ "flags, fences and timelines that are nonsense",
		{ "commands.garbage_in_the_header.*", "fences.*", "timelines.*" } },
	{ "2D resources of impossible sizes, formats, ids",
		{ "numbers.create_2d.*", "2d.as_large_as_there_may_be",
			"numbers.unknown_resource.*" } },
	{ "3D resources of impossible shapes", { "3d.odd_arguments.*" } },
	{ "backing outside of memory, twice, endless",
		{ "numbers.entry_*", "limits.entries.*", "limits.more_entries_than_sent",
			"2d.attached_twice", "memory.backing_goes_and_comes" } },
	{ "2D transfers and flushes outside of anything",
		{ "numbers.transfer*", "numbers.flush.*", "numbers.empty_rectangles.*",
			"2d.without_backing" } },
	{ "3D transfers outside of anything",
		{ "3d.hostile_transfer.*", "3d.transfer_without_backing" } },
	{ "scanouts that are not there, of nothing, of what goes",
		{ "numbers.scanout_id.*", "numbers.set_scanout.*", "scanout.*",
			"3d.unref_while_shown", "blob.unref_while_shown" } },
	{ "command streams of wrong sizes, wrong, at random", { "submit.*" } },
	{ "capability sets that are not there", { "capset.*" } },
	{ "EDIDs, UUIDs and cursors of nothing",
		{ "edid.*", "uuid.*", "cursor.*", "numbers.cursor_*" } },
	{ "blobs of impossible sizes, places, pictures", { "blob.*" } },
	{ "contexts that are not there, taken, gone", { "context.*" } },
	{ "blobs of host memory of impossible sizes, objects, contexts", { "host_blob.*" } },
	{ "mappings where they cannot be, of what cannot be mapped, twice",
		{ "mapping.refused.*", "mapping.overlapping.*", "mapping.twice",
			"mapping.of_something_else.*", "mapping.anything.*",
			"mapping.cannot_be_cut", "mapping.without.*" } },
	{ "mappings of what goes meanwhile, at resets and pauses",
		{ "mapping.pipelined*", "mapping.unref.*", "mapping.context_destroyed.*",
			"mapping.reset*", "mapping.paused_in_flight.*", "mapping.disconnected.*",
			"mapping.as_many_as_there_may_be.*" } },
	{ "streams of Vulkan that are none, fences on any of its timelines", { "venus.*" } },

	/* Resources and time */
	{ "all there is, again and again",
		{ "exhaust.resource*", "exhaust.backing", "exhaust.cursor_cycles",
			"2d.as_many_as_there_may_be", "limits.over_large" } },
	{ "the same mistake a hundred thousand times", { "exhaust.mistake.*" } },
	{ "contexts without end, the same one again and again",
		{ "floods.contexts", "floods.one_context", "exhaust.context_cycles" } },
	{ "fences without end", { "exhaust.fence_flood" } },
	{ "fences that never signal", { NULL }, "wire_hang" },
	{ "programs for the GPU that do not end", { "shaders.endless.*" } },
	{ "VMMs that are killed with all in flight",
		{ "exhaust.vmm_killed", "lifecycle.gone_in_flight" } },

	/* Displays */
	{ "displays that do not read",
		{ "lifecycle.display_does_not_read", "display.*_while_it_does_not_read",
			"display.goes_without_having_read", "display.silence.*" } },
	{ "displays that answer with something else, with half of it, too much",
		{ "display.nonsense.*" } },
	{ "displays with impossible modes and EDIDs",
		{ "display.impossible_mode.*", "edid.impossible_size.*" } },
	{ "displays that answer what nobody asked",
		{ "display.unasked_for.*", "display.many_questions" } },
	{ "another display, in the middle of everything",
		{ "display.another_socket*", "display.sockets_do_not_pile_up" } },

	/* Processes */
	{ "renderers killed at any time", { NULL }, "kills" },
	{ "renderers that stop, hang, are slow", { NULL }, "wire_loss" },
	{ "renderers that were taken over", { NULL }, "wire_rogue" },
	{ "system calls that fail, one at a time", { NULL }, "failures" },
	{ "hosts without a GPU, drivers, files, rights", { NULL }, "cli" },
	{ "kernels without some of the sandbox", { NULL }, "layers" },
	{ "processes that were taken over", { NULL }, "breakout" },
};

static bool holds(const struct group *group, const char *name)
{
	for (uint32_t i = 0; i < MAX_PATTERNS && group->cases[i]; i++)
		if (fnmatch(group->cases[i], name, 0) == 0)
			return true;
	return false;
}

static uint32_t count_cases(const struct conform_plan *plan, const struct group *group)
{
	uint32_t count = 0;
	for (size_t i = 0; i < plan->count; i++)
		count += holds(group, plan->items[i].name);
	return count;
}

static bool is_grouped(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (holds(&groups[i], name))
			return true;
	return false;
}

bool conform_report_groups(const struct conform_plan *plan)
{
	bool good = true;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		const struct group *group = &groups[i];
		uint32_t count = count_cases(plan, group);
		if (group->test)
			printf("test %-20s %s\n", group->test, group->about);
		else
			printf("%4u cases %15s %s\n", count, "", group->about);
		good = good && (count > 0 || group->test);
	}
	for (size_t i = 0; i < plan->count; i++)
		if (!is_grouped(plan->items[i].name)) {
			printf("in no group: %s\n", plan->items[i].name);
			good = false;
		}
	printf("%zu groups, %zu cases\n", ARRAY_SIZE(groups), plan->count);
	return good;
}
