/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Where an identity has its row, its keys and its counters: in the page of its slot.
 */
#pragma once

#include "loss.h"

#define FIRST_GENERATION (1ull << IDENTITY_GENERATION_SHIFT)
#define OVERFLOW_IDENTITY (FIRST_GENERATION | (__u64)OVERFLOW_SLOT << IDENTITY_SLOT_SHIFT)
#define UNATTRIBUTED_IDENTITY (FIRST_GENERATION | (__u64)UNATTRIBUTED_SLOT << IDENTITY_SLOT_SHIFT)

static __always_inline __u32 slot_of(__u64 identity)
{
	return (identity >> IDENTITY_SLOT_SHIFT) & IDENTITY_SLOT_MASK;
}

static __always_inline bool is_process(__u64 identity)
{
	return slot_of(identity) < UNATTRIBUTED_SLOT;
}

/* Keeps clang from adding an offset to a pointer before it is known not to be NULL, which the verifier refuses. */
#define CHECKED(pointer) barrier_var(pointer)

/* What is no process has its keys in the first page. */
static __always_inline __u32 page_of(__u64 identity)
{
	return is_process(identity) ? slot_of(identity) >> PAGE_SHIFT : 0;
}

static __always_inline struct directory_page *directory_page(__u32 page)
{
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&tfo_directory, &page);

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

static __always_inline struct counter_page *counter_page(__u32 page, __u32 stripe)
{
	__u32 zero = 0;
	__u32 index = page * stripe_count + stripe;
	void *map = bpf_map_lookup_elem(&tfo_counters, &index);

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* Whether what tasks do is counted for the identity by nobody but this CPU, where one task comes after the other. */
static __always_inline bool counts_alone(struct cpu_record *current, __u64 identity)
{
	return !preemptible && page_of(identity) < current->exclusive_pages;
}

static __always_inline struct overflow_page *overflow_page(__u32 stripe)
{
	return bpf_map_lookup_elem(&tfo_overflow, &stripe);
}

/* Whom something is counted for, and where the keys of that stand. */
struct owner {
	__u64 identity;
	struct directory_page *page; /* NULL: there is none */
};

static __always_inline struct owner owner_with(__u64 identity)
{
	return (struct owner){ .identity = identity, .page = directory_page(page_of(identity)) };
}

static __always_inline struct process_row *process_of(__u64 identity)
{
	if (!is_process(identity))
		return NULL;
	struct directory_page *page = directory_page(page_of(identity));

	if (!page)
		return NULL;
	CHECKED(page);
	return &page->rows[slot_of(identity) & (PAGE_SLOTS - 1)];
}

static __always_inline struct slot_counters *slot_counters(__u64 identity, __u32 stripe)
{
	if (is_process(identity)) {
		struct counter_page *page = counter_page(page_of(identity), stripe);

		if (!page)
			return NULL;
		CHECKED(page);
		return &page->slots[slot_of(identity) & (PAGE_SLOTS - 1)];
	}
	struct overflow_page *page = overflow_page(stripe);

	return page ? &page->slot : NULL;
}

/* Bits of the collectors for which nobody wants to know of the process. A verdict is
 * about one name: a rename makes it void. */
static __always_inline __u32 denials(__u64 identity)
{
	if (!filtering)
		return 0;
	struct process_row *row = process_of(identity);

	if (!row)
		return 0;
	__u64 verdict = *(volatile __u64 *)&row->verdict;

	return verdict >> 32 == row->comm_sequence ? verdict : 0;
}

static __always_inline bool is_denied(__u64 identity, enum collector collector)
{
	return denials(identity) >> collector & 1;
}
