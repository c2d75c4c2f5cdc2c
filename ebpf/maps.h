/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The maps and the settings. Sizes of the mapped arrays are set by the agent
 * before loading (receiver-ebpf/src/host/sizing.rs has the arithmetic).
 */
#pragma once

#include "abi.h"

/* Settings, constant once loaded. Each collector has one of its own, in its file. */
const volatile __u32 stripe_mask = 0;  /* stripes - 1 */
const volatile bool stripes_shared = true; /* fewer stripes than CPUs: adds are atomic */
const volatile __u32 slot_count = 1;   /* slots per stripe of tfo_slots */
const volatile __u32 free_mask = 0;    /* entries of tfo_free - 1 */
const volatile __u32 bucket_mask = 0;  /* buckets of tfo_keys - 1 */
const volatile __u32 cell_count = CELL_INDICES; /* cells per stripe of tfo_cells */
const volatile __s32 rt_sigreturn = -1;
const volatile __s32 clone_number = -1; /* the calls that a new task returns from */
const volatile __s32 clone3_number = -1;
const volatile __s32 fork_number = -1;
const volatile __s32 vfork_number = -1;

/* What this CPU is running: maintained by tfo_switch, so that every other hook
 * finds process and pending syscall in one inlined array look-up. */
struct current {
	__u64 identity; /* 0 = not known, ask the task's own state */
	__u64 entered;  /* CLOCK_MONOTONIC ns of the pending syscall's entry */
	__s32 syscall;  /* pending number, or one of the states below */
	__u32 stripe;
};

#define NO_SYSCALL (-1) /* nothing pending */
#define FORKED (-2)     /* a new task: its first return to user space is not a call of its own */

/* What a thread carries while it is off the CPU. Lives and dies with the task. */
struct task_state {
	__u64 identity;  /* of its process; written last, 0 = not adopted yet */
	__u64 process;   /* leaders only: identity of the process, before the leader itself is adopted */
	__u64 entered;
	__u64 runtime;   /* figures of the task that are accounted for already */
	__u64 run_delay;
	__u32 voluntary;
	__u32 involuntary;
	__u32 migrations;
	__s32 syscall;
	__u32 claimed;   /* one of the states below; each is reached once */
	__u32 pad;
};

#define UNCLAIMED 0
#define CLAIMED 1 /* somebody adopts the task, or has */
#define LEFT 2    /* it is counted out of its process */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tfo_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct current);
} tfo_current SEC(".maps");

#define MAPPED_ARRAY(name, entry)                       \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_ARRAY);       \
		__uint(map_flags, BPF_F_MMAPABLE);      \
		__uint(max_entries, 1);                 \
		__type(key, __u32);                     \
		__type(value, entry);                   \
	} name SEC(".maps")

MAPPED_ARRAY(tfo_control, struct control);
MAPPED_ARRAY(tfo_free, __u64);                    /* ring of free slots */
MAPPED_ARRAY(tfo_processes, struct process_row);  /* by slot */
MAPPED_ARRAY(tfo_slots, struct slot_counters);    /* by stripe, slot */
MAPPED_ARRAY(tfo_keys, struct bucket);            /* by hash of the key */
MAPPED_ARRAY(tfo_cells, struct cell);             /* by stripe, cell */

/* Adds to a counter of this CPU's stripe. A program does not interrupt itself
 * on a CPU, so that a plain add is exact where a stripe has one CPU. */
#define ADD(counter, amount)                                             \
	do {                                                             \
		if (stripes_shared)                                      \
			__sync_fetch_and_add(&(counter), (amount));      \
		else                                                     \
			(counter) += (amount);                           \
	} while (0)
