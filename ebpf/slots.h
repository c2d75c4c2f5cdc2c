/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Slots of processes and cells of (process, index): how an event finds its
 * counters, and what happens when there are none left.
 *
 * Slots come from a ring that the agent fills; it alone takes them back, after
 * it has read them, so nothing counted is lost with an exit.
 *
 * Cells are found through a set-associative table: a key may stand in any of
 * the eight ways of two buckets. There is no chain and no tombstone, so the
 * agent frees a cell by writing one zero. Two CPUs may put the same key in at
 * once; the agent adds both up.
 */
#pragma once

#include "loss.h"

#define FIRST_GENERATION (1ull << IDENTITY_GENERATION_SHIFT)
#define OVERFLOW_IDENTITY (FIRST_GENERATION | OVERFLOW_SLOT)

static __always_inline __u32 slot_of(__u64 identity)
{
	return (identity >> IDENTITY_SLOT_SHIFT) & IDENTITY_SLOT_MASK;
}

/* Takes a free slot, or OVERFLOW_SLOT when there is none. */
static __always_inline __u32 take_slot(void)
{
	__u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);

	if (!control)
		return OVERFLOW_SLOT;
	/* A lost race means that another CPU got a slot, so a few tries are many. */
	for (int attempt = 0; attempt < 16; attempt++) {
		__u64 head = *(volatile __u64 *)&control->free_head;

		if (head >= *(volatile __u64 *)&control->free_tail)
			return OVERFLOW_SLOT;
		__u32 entry = head & free_mask;
		__u64 *slot = bpf_map_lookup_elem(&tfo_free, &entry);

		if (!slot)
			return OVERFLOW_SLOT;
		/* Read after the exchange, which orders it; the ring is too large for the agent to come round so soon. */
		if (__sync_val_compare_and_swap(&control->free_head, head, head + 1) == head)
			return *slot;
	}
	return OVERFLOW_SLOT;
}

static __always_inline void describe_process(struct process_row *row, struct task_struct *task)
{
	row->uid = BPF_CORE_READ(task, real_cred, uid.val);
	row->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

static __always_inline void write_comm(struct process_row *row, const char *comm)
{
	/* The results are used, which makes both of them full barriers. */
	__u32 sequence = __sync_fetch_and_add(&row->comm_sequence, 1);

	bpf_probe_read_kernel_str(row->comm, sizeof(row->comm), comm);
	sequence = __sync_fetch_and_add(&row->comm_sequence, 1);
	barrier_var(sequence);
}

/* Opens a slot for the process led by `leader`; returns its identity. */
static __always_inline __u64 open_process(struct task_struct *leader)
{
	__u32 slot = take_slot();
	struct process_row *row = NULL;

	if (slot != OVERFLOW_SLOT)
		row = bpf_map_lookup_elem(&tfo_processes, &slot);
	if (!row) {
		count_loss(LOSS_PROCESS_FOLDED);
		return OVERFLOW_IDENTITY;
	}
	row->start_boottime = leader->start_boottime;
	row->tgid = leader->tgid;
	row->threads = 0;
	describe_process(row, leader);
	write_comm(row, leader->comm);
	*(volatile __u64 *)&row->born = bpf_ktime_get_ns();
	return ((__u64)row->generation << IDENTITY_GENERATION_SHIFT) | ((__u64)slot << IDENTITY_SLOT_SHIFT);
}

static __always_inline struct process_row *process_of(__u64 identity)
{
	__u32 slot = slot_of(identity);

	return slot == OVERFLOW_SLOT ? NULL : bpf_map_lookup_elem(&tfo_processes, &slot);
}

/* Called once per thread, in its last switch: nothing of it is counted later. A
 * process has exited when no thread is left, also none that was never adopted. */
static __always_inline void leave_process(__u64 identity, struct task_struct *task)
{
	struct process_row *row = process_of(identity);

	if (row && __sync_fetch_and_add(&row->threads, -1) == 1 && BPF_CORE_READ(task, signal, live.counter) == 0)
		row->exited = bpf_ktime_get_ns();
}

static __always_inline struct slot_counters *slot_counters(__u64 identity, __u32 stripe)
{
	__u32 index = stripe * slot_count + slot_of(identity);

	return bpf_map_lookup_elem(&tfo_slots, &index);
}

/* receiver-ebpf/src/host/cells.rs computes the same two buckets. */
#define KEY_HASH(key) ((key) * 0x9e3779b97f4a7c15ull)
#define FIRST_BUCKET(hash) ((__u32)((hash) >> 40) & bucket_mask)
#define SECOND_BUCKET(hash) ((__u32)((hash) >> 16) & bucket_mask)

static __always_inline int find_way(struct bucket *bucket, __u64 key)
{
#pragma unroll
	for (int way = 0; way < BUCKET_WAYS; way++)
		if (bucket->key[way] == key)
			return way;
	return -1;
}

static __always_inline int claim_way(struct bucket *bucket, __u64 key)
{
#pragma unroll
	for (int way = 0; way < BUCKET_WAYS; way++)
		if (!bucket->key[way] && __sync_val_compare_and_swap(&bucket->key[way], 0, key) == 0)
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
 * or a free way of the emptier of both. 0 = none is free. */
static __noinline __u32 settle_cell(__u64 key)
{
	__u64 hash = KEY_HASH(key);
	__u32 first = FIRST_BUCKET(hash), second = SECOND_BUCKET(hash);
	struct bucket *near = bpf_map_lookup_elem(&tfo_keys, &first);
	struct bucket *far = bpf_map_lookup_elem(&tfo_keys, &second);

	if (!near || !far)
		return 0;
	int way = find_way(far, key);

	if (way >= 0)
		return CELL_INDICES + second * BUCKET_WAYS + way;
	if (used_ways(near) <= used_ways(far)) {
		way = claim_way(near, key);
		if (way >= 0)
			return CELL_INDICES + first * BUCKET_WAYS + way;
	}
	way = claim_way(far, key);
	if (way >= 0)
		return CELL_INDICES + second * BUCKET_WAYS + way;
	way = claim_way(near, key);
	if (way >= 0)
		return CELL_INDICES + first * BUCKET_WAYS + way;
	count_loss(LOSS_CELL_FOLDED);
	return 0;
}

/* Counters of (identity, index) in this stripe; `index` is below CELL_INDICES. */
static __always_inline struct cell *cell_of(__u64 identity, __u32 index, __u32 stripe)
{
	__u32 cell = index;

	if (slot_of(identity) != OVERFLOW_SLOT) {
		__u64 key = identity | index;
		__u32 first = FIRST_BUCKET(KEY_HASH(key));
		struct bucket *bucket = bpf_map_lookup_elem(&tfo_keys, &first);
		int way = bucket ? find_way(bucket, key) : -1;
		__u32 found = way >= 0 ? CELL_INDICES + first * BUCKET_WAYS + way : settle_cell(key);

		if (found)
			cell = found;
	}
	cell += stripe * cell_count;
	return bpf_map_lookup_elem(&tfo_cells, &cell);
}
