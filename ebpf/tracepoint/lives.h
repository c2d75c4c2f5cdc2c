/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Processes: how the entry of one is made, and named. Only the agent takes entries away, after it has read them.
 */
#pragma once

#include "record.h"

static __always_inline struct life_entry *process_of(__u64 life)
{
	return bpf_map_lookup_elem(&tfo_processes, &life);
}

static __always_inline void write_comm(struct life_entry *process, const char *comm)
{
	ADD(process->comm_sequence, 1);
	__builtin_memcpy(process->comm, comm, sizeof(process->comm));
	ADD(process->comm_sequence, 1);
}

/* Makes the entry of a process that begins now, or that nobody has seen before; it is called as the running thread is,
 * from which a new one has its name. Its life, or OVERFLOW_LIFE where there is no room. */
static __always_inline __u64 open_process(struct cpu_record *record, __u32 tgid)
{
	struct life_entry process = { .born = bpf_ktime_get_ns(), .uid = bpf_get_current_uid_gid() };
	__u64 life = process.born >> LIFE_TIME_SHIFT << LIFE_TGID_BITS | tgid;

	bpf_get_current_comm(process.comm, sizeof(process.comm));
	if (bpf_map_update_elem(&tfo_processes, &life, &process, BPF_NOEXIST)) {
		count_loss(record, LOSS_PROCESS_FOLDED);
		return OVERFLOW_LIFE;
	}
	ADD(record->counted[COUNTED_PROCESSES], 1);
	return life;
}

/* The life of a process that may be older than the attach. Threads of one may meet here; the first to say so wins. */
static __always_inline __u64 life_of(struct cpu_record *record, __u32 tgid)
{
	__u64 *known = bpf_map_lookup_elem(&tfo_lives, &tgid);

	if (known)
		return *known;
	__u64 life = open_process(record, tgid);

	if (life == OVERFLOW_LIFE || bpf_map_update_elem(&tfo_lives, &tgid, &life, BPF_NOEXIST) == 0)
		return life;
	bpf_map_delete_elem(&tfo_processes, &life);
	known = bpf_map_lookup_elem(&tfo_lives, &tgid);
	return known ? *known : OVERFLOW_LIFE;
}

/* The same life while its process has an entry, and what no process is known for afterwards. */
static __always_inline __u64 still(struct cpu_record *record, __u64 life)
{
	if (process_of(life))
		return life;
	count_loss(record, LOSS_TASK_GONE);
	return UNATTRIBUTED_LIFE;
}
