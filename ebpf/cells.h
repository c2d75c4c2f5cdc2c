/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Cells of (process, index): how an event finds its counters, and what happens
 * when there are none left.
 *
 * Cells are found through a set-associative table, one a page: a key may stand
 * in any of the eight ways of two buckets. There is no chain and no tombstone,
 * so the agent frees a cell by writing one zero. Two CPUs may put the same key
 * in at once; the agent adds both up.
 */
#pragma once

#include "slots.h"

/* receiver-ebpf/src/kernel/pages.rs computes the same two buckets. */
#define KEY_HASH(key) ((key) * 0x9e3779b97f4a7c15ull)
#define FIRST_BUCKET(hash) ((__u32)((hash) >> 40) & (PAGE_BUCKETS - 1))
#define SECOND_BUCKET(hash) ((__u32)((hash) >> 16) & (PAGE_BUCKETS - 1))

#define NO_CELL 0xffffffff

static __always_inline int find_way(struct bucket *bucket, __u64 key)
{
#pragma unroll
	for (int way = 0; way < BUCKET_WAYS; way++)
		if (bucket->key[way] == key)
			return way;
	return -1;
}

static __always_inline int claim_way(struct directory_page *page, __u32 number, __u64 key)
{
	struct bucket *bucket = &page->buckets[number];

#pragma unroll
	for (int way = 0; way < BUCKET_WAYS; way++)
		if (!bucket->key[way] && SWAP(bucket->key[way], LOCK_WAY(page_of(key), number, way), 0, key))
			return way;
	return -1;
}

/* Without a branch per way: the verifier would follow all 2^8 outcomes. */
static __always_inline __u64 used_ways(struct bucket *bucket)
{
	__u64 used = 0;

#pragma unroll
	for (int way = 0; way < BUCKET_WAYS; way++) {
		__u64 key = bucket->key[way];
		__u64 negated = -key;

		barrier_var(negated);
		used += (key | negated) >> 63;
	}
	return used;
}

/* The cell of a key that does not stand in its first bucket: in the second one,
 * or, where it may `claim` one, a free way of the emptier of both. NO_CELL = none.
 *
 * This and the other functions that are not static are looked at by the verifier
 * once each, and not again along every path that leads to a call of them. */
__noinline __u32 settle_cell(__u64 key, bool claim)
{
	struct directory_page *page = directory_page(page_of(key));

	if (!page)
		return NO_CELL;
	CHECKED(page);
	__u64 hash = KEY_HASH(key);
	__u32 first = FIRST_BUCKET(hash), second = SECOND_BUCKET(hash);
	struct bucket *near = &page->buckets[first], *far = &page->buckets[second];
	int way = find_way(far, key);

	if (way >= 0)
		return second * BUCKET_WAYS + way;
	if (!claim)
		return NO_CELL;
	if (used_ways(near) <= used_ways(far)) {
		way = claim_way(page, first, key);
		if (way >= 0)
			return first * BUCKET_WAYS + way;
	}
	way = claim_way(page, second, key);
	if (way >= 0)
		return second * BUCKET_WAYS + way;
	way = claim_way(page, first, key);
	if (way >= 0)
		return first * BUCKET_WAYS + way;
	return NO_CELL;
}

/* Counters of (owner, index) in this stripe, where the table has a place for them, or may `claim` one. */
static __always_inline struct cell *find_cell(struct owner owner, __u32 index, __u32 stripe, bool claim)
{
	__u64 identity = owner.identity, key = identity | index;
	struct directory_page *page = owner.page;

	if (!page)
		return NULL;
	CHECKED(page);
	__u32 first = FIRST_BUCKET(KEY_HASH(key));
	int way = find_way(&page->buckets[first], key);
	__u32 cell = way >= 0 ? first * BUCKET_WAYS + way : settle_cell(key, claim);

	if (cell == NO_CELL)
		return NULL;
	struct counter_page *counters = counter_page(page_of(identity), stripe);

	if (!counters)
		return NULL;
	CHECKED(counters);
	barrier_var(cell);
	return &counters->cells[cell & (PAGE_CELLS - 1)];
}

/* Counters of (owner, plain index) in this stripe: there are always some. */
static __always_inline struct cell *cell_of(struct owner owner, __u32 index, __u32 stripe)
{
	if (owner.identity != OVERFLOW_IDENTITY) {
		struct cell *cell = find_cell(owner, index, stripe, true);

		if (cell)
			return cell;
		count_loss(LOSS_CELL_FOLDED);
	}
	struct overflow_page *page = overflow_page(stripe);

	if (!page)
		return NULL;
	CHECKED(page);
	/* clang knows the index to be small and would leave the mask out; verifiers up to 6.1 forget that over a spill. */
	barrier_var(index);
	return &page->cells[index & (PLAIN_INDICES - 1)];
}

/* Counts one event in the cell of `index`; false where there is none. */
__noinline bool count_detail(__u64 identity, __u32 index, __u32 stripe)
{
	struct cell *cell = find_cell(owner_with(identity), index, stripe, true);

	if (!cell)
		return false;
	ADD(cell->count, 1);
	return true;
}

/* Counts an error of `index` by errno; in `cell`, the index's own, where there is no place for that. */
static __always_inline void count_error(struct cell *cell, __u64 identity, __u32 index, __u32 errno, __u32 stripe)
{
	__u32 detail = errno < MAX_ERRNO_DETAIL ? errno : MAX_ERRNO_DETAIL;

	if (!count_detail(identity, index | detail << DETAIL_SHIFT, stripe))
		ADD(cell->errors, 1);
}
