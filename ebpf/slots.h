/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Slots of processes: how one is taken, described and left.
 *
 * Slots come from a ring that the agent fills; it alone takes them back, after
 * it has read them, so nothing counted is lost with an exit.
 */
#pragma once

#include "pages.h"

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
		if (SWAP(control->free_head, LOCK_SLOTS, head, head + 1))
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
	ADD_AND_FENCE(row->comm_sequence, 1);
	bpf_probe_read_kernel_str(row->comm, sizeof(row->comm), comm);
	ADD_AND_FENCE(row->comm_sequence, 1);
}

/* Opens a slot for the process led by `leader`; returns its identity. */
static __always_inline __u64 open_process(struct task_struct *leader)
{
	__u64 slot = take_slot();
	struct process_row *row = NULL;

	if (slot < UNATTRIBUTED_SLOT)
		row = process_of(slot << IDENTITY_SLOT_SHIFT);
	if (!row) {
		count_loss(LOSS_PROCESS_FOLDED);
		return OVERFLOW_IDENTITY;
	}
	row->start_boottime = READ(leader, start_boottime);
	row->tgid = READ(leader, tgid);
	row->threads = 0;
	describe_process(row, leader);
	write_comm(row, leader->comm);
	*(volatile __u64 *)&row->born = bpf_ktime_get_ns();
	return ((__u64)row->generation << IDENTITY_GENERATION_SHIFT) | (slot << IDENTITY_SLOT_SHIFT);
}

/* The identity while its process has the slot, and what no process is known for afterwards. */
static __always_inline struct owner still(__u64 identity)
{
	struct owner same = owner_with(identity);

	if (!is_process(identity) || !same.page)
		return same;
	CHECKED(same.page);
	if (same.page->rows[slot_of(identity) & (PAGE_SLOTS - 1)].generation == identity >> IDENTITY_GENERATION_SHIFT)
		return same;
	count_loss(LOSS_TASK_GONE);
	return owner_with(UNATTRIBUTED_IDENTITY);
}

/* Called once per thread, in its last switch: nothing of it is counted later. A
 * process has exited when no thread is left, also none that was never adopted. */
static __always_inline bool leave_process(__u64 identity, struct task_struct *task)
{
	struct process_row *row = process_of(identity);
	bool last = BPF_CORE_READ(task, signal, live.counter) == 0;

	if (!row)
		return last;
	ADD(row->threads, -1);
	/* Two may see that nobody is left; one of them was the last. */
	return last && *(volatile __u32 *)&row->threads == 0 &&
	       SWAP(row->exited, LOCK_ROW(identity), 0, bpf_ktime_get_ns());
}
