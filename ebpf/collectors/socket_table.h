/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The states of TCP sockets by address, from the first that is seen of one until it
 * closes. Not kept with the sockets themselves: the kernel allocates, copies to
 * every listener's child and frees such storage, which takes longer than all else that is
 * done at a transition; and it is to be had from a typed pointer only.
 *
 * A page is a set-associative table as cells.h has one. The first page for a
 * socket depends on how many there are; one that came before the last page did is
 * found in another.
 */
#pragma once

#include "../programs.h"

#define NO_SOCKET 0xffffffff
#define SOCKET_HASH(address) (((address) >> 6) * 0x9e3779b97f4a7c15ull)
#define FIRST_SOCKETS(hash) ((__u32)((hash) >> 40) & (SOCKET_BUCKETS - 1))
#define SECOND_SOCKETS(hash) ((__u32)((hash) >> 24) & (SOCKET_BUCKETS - 1))
#define SOCKET_INDEX(page, bucket, way) ((page) << 13 | (bucket) << 3 | (way))
#define LOCK_SOCKET(index) (1ull << 42 | (index))

static __always_inline struct socket_bucket *socket_bucket(__u32 page, __u32 bucket)
{
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&tfo_sockets, &page);
	struct socket_page *sockets = map ? bpf_map_lookup_elem(map, &zero) : NULL;

	if (!sockets)
		return NULL;
	CHECKED(sockets);
	return &sockets->buckets[bucket & (SOCKET_BUCKETS - 1)];
}

static __always_inline int way_of_socket(struct socket_bucket *bucket, __u64 address)
{
#pragma unroll
	for (int way = 0; way < BUCKET_WAYS; way++)
		if (bucket->address[way] == address)
			return way;
	return -1;
}

/* Pages that there are, and the one to begin with for a hash. */
static __always_inline __u32 socket_pages(struct control *control, __u64 hash, __u32 *first)
{
	__u32 pages = *(volatile __u64 *)&control->socket_pages;

	*first = pages > 1 ? (__u32)hash % pages : 0;
	return pages < MOST_SOCKET_PAGES ? pages : MOST_SOCKET_PAGES;
}

/* Takes a free way of a bucket. On its own, for the verifier's sake. */
__noinline __u32 claim_socket(__u32 page, __u32 number, __u64 address)
{
	struct socket_bucket *bucket = socket_bucket(page, number);

	if (!bucket)
		return NO_SOCKET;
	CHECKED(bucket);
#pragma unroll
	for (__u32 way = 0; way < BUCKET_WAYS; way++) {
		__u32 index = SOCKET_INDEX(page, number, way);

		if (bucket->address[way] || !SWAP(bucket->address[way], LOCK_SOCKET(index), 0, address))
			continue;
		__builtin_memset(&bucket->state[way], 0, sizeof(bucket->state[way]));
		return index;
	}
	return NO_SOCKET;
}

/* Where the state of a socket stands. */
struct socket_place {
	struct socket_bucket *bucket; /* NULL: nowhere */
	__u32 index;                  /* its way in the low bits */
};

static __always_inline struct socket_place place_at(__u32 index)
{
	struct socket_place place = {
		.bucket = index == NO_SOCKET ? NULL : socket_bucket(index >> 13, index >> 3),
		.index = index,
	};

	return place;
}

/* Of the socket at `address`, where it is the first bucket of the first page for it: there most stand. */
static __always_inline struct socket_place near_place(__u64 address)
{
	__u32 zero = 0, first;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);
	__u64 hash = SOCKET_HASH(address);
	struct socket_place nowhere = {};

	if (!control)
		return nowhere;
	socket_pages(control, hash, &first);
	struct socket_bucket *bucket = socket_bucket(first, FIRST_SOCKETS(hash));
	int way = bucket ? way_of_socket(bucket, address) : -1;

	if (way < 0)
		return nowhere;
	return (struct socket_place){ .bucket = bucket, .index = SOCKET_INDEX(first, FIRST_SOCKETS(hash), way) };
}

/* Bucket number `tried` of those in which a socket may stand: both buckets of each page in turn. */
static __always_inline __u32 bucket_to_try(__u64 hash, __u32 pages, __u32 first, __u32 tried, __u32 *page)
{
	*page = first + tried / 2 < pages ? first + tried / 2 : first + tried / 2 - pages;
	return tried % 2 ? SECOND_SOCKETS(hash) : FIRST_SOCKETS(hash);
}

/* Makes a state for the socket at `address`; NO_SOCKET where there is no place. */
__noinline __u32 make_socket(__u64 address)
{
	struct cpu_record *record = this_cpu();
	__u32 zero = 0, first;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);
	__u64 hash = SOCKET_HASH(address);

	if (!control || !record)
		return NO_SOCKET;
	__u32 pages = socket_pages(control, hash, &first);

	for (__u32 tried = 0; tried < 2 * MOST_SOCKET_PAGES && tried < 2 * pages; tried++) {
		__u32 page, number = bucket_to_try(hash, pages, first, tried, &page);
		__u32 index = claim_socket(page, number, address);

		if (index != NO_SOCKET) {
			ADD(record->open_sockets, 1);
			return index;
		}
	}
	count_loss(LOSS_SOCKET_STORAGE);
	return NO_SOCKET;
}

/* Where the state of the socket at `address` stands that near_place() did not find; where there is none, it may `make`
 * one. It tries the near bucket again: with a page that came in between another one is near. */
__noinline __u32 settle_socket(__u64 address, bool make)
{
	__u32 zero = 0, first;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);
	__u64 hash = SOCKET_HASH(address);

	if (!control)
		return NO_SOCKET;
	__u32 pages = socket_pages(control, hash, &first);

	for (__u32 tried = 0; tried < 2 * MOST_SOCKET_PAGES && tried < 2 * pages; tried++) {
		__u32 page, number = bucket_to_try(hash, pages, first, tried, &page);
		struct socket_bucket *bucket = socket_bucket(page, number);
		int way = bucket ? way_of_socket(bucket, address) : -1;

		if (way >= 0)
			return SOCKET_INDEX(page, number, way);
	}
	return make ? make_socket(address) : NO_SOCKET;
}

static __always_inline struct socket_place place_of(__u64 address)
{
	struct socket_place place = near_place(address);

	return place.bucket ? place : place_at(settle_socket(address, false));
}

static __always_inline struct socket_state *socket_at(struct socket_place *place)
{
	struct socket_bucket *bucket = place->bucket;

	if (!bucket)
		return NULL;
	CHECKED(bucket);
	return &bucket->state[place->index & (BUCKET_WAYS - 1)];
}

/* The state of the socket at `address`, which stands at `place`, goes. */
static __always_inline void forget_socket(struct cpu_record *record, struct socket_place *place, __u64 address)
{
	struct socket_bucket *bucket = place->bucket;

	if (!bucket)
		return;
	CHECKED(bucket);
	if (SWAP(bucket->address[place->index & (BUCKET_WAYS - 1)], LOCK_SOCKET(place->index), address, 0))
		ADD(record->open_sockets, -1);
}
