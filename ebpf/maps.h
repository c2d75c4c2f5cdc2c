/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The maps that all tiers have, and the settings. Sizes of the arrays are set by the agent before
 * loading (receiver-ebpf/src/host/sizing.rs has the arithmetic).
 */
#pragma once

#include "abi.h"

/* Settings, constant once loaded. Each collector has one of its own, in its file. */
const volatile __u32 stripe_count = 1;  /* entries of a page in tfo_counters; a power of two */
const volatile __u32 free_mask = 0;     /* entries of tfo_free - 1 */
const volatile bool filtering = false;  /* the agent gives verdicts on processes */
const volatile __u32 sample_rate = 100; /* of 100 events so many have their latency measured */
const volatile __u64 program_generation = 1; /* these programs count while a CPU says the same */
const volatile bool preemptible = true; /* a task may leave its CPU within a program, as from Linux 7.0 on */
const volatile bool recursive = true;   /* a program may interrupt itself (before Linux 6.2) or one that keeps its book (6.3) */

/* A pending syscall: plain index, and the type of the file that it works on. */
#define PENDING_FILE_SHIFT 10
#define PENDING_FIRST (1 << 30) /* noted by the first of two hooks, and the second has not come yet */
#define NO_SYSCALL (-1) /* nothing pending */
#define FORKED (-2)     /* a new task: its first return to user space is not a call of its own */
#define UNWANTED (-3)   /* one is, but nobody wants to know of it */

/* What a thread carries while it is off the CPU. Lives and dies with the task: ebpf/storage says where. */
struct task_state {
	__u64 identity;  /* of its process; written last, 0 = not adopted yet */
	__u64 process;   /* leaders only: identity of the process, before the leader itself is adopted */
	__u64 entered;
	__u64 runtime;   /* figures of the task that are accounted for already */
	__u64 run_delay;
	__u32 minor;
	__u32 major;
	__s32 syscall;
	__u32 claimed;   /* one of the states below; each is reached once */
	__u16 voluntary; /* low bits are enough: a task is looked at in every switch */
	__u16 involuntary;
	__u16 migrations;
	__u16 fault;
};

#define UNCLAIMED 0
#define CLAIMED 1 /* somebody adopts the task, or has */
#define LEFT 2    /* it is counted out of its process */

#define MAPPED_ARRAY(name, entry)                       \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_ARRAY);       \
		__uint(map_flags, BPF_F_MMAPABLE);      \
		__uint(max_entries, 1);                 \
		__type(key, __u32);                     \
		__type(value, entry);                   \
	} name SEC(".maps")

/* Pages are maps of their own, put in while the programs run. */
#define PAGED_ARRAY(name, page)                                       \
	struct name##_page {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY);                     \
		__uint(map_flags, BPF_F_MMAPABLE);                    \
		__uint(max_entries, 1);                               \
		__uint(key_size, sizeof(__u32));                      \
		__uint(value_size, sizeof(page));                     \
	};                                                            \
	struct {                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);             \
		__uint(max_entries, 1);                               \
		__type(key, __u32);                                   \
		__array(values, struct name##_page);                  \
	} name SEC(".maps")

MAPPED_ARRAY(tfo_control, struct control);
MAPPED_ARRAY(tfo_free, __u64);                      /* ring of free slots */
MAPPED_ARRAY(tfo_cpus, struct cpu_record);          /* by CPU */
MAPPED_ARRAY(tfo_overflow, struct overflow_page);   /* by stripe */
PAGED_ARRAY(tfo_directory, struct directory_page);  /* by page */
PAGED_ARRAY(tfo_counters, struct counter_page);     /* by page, stripe */
PAGED_ARRAY(tfo_sockets, struct socket_page);       /* by page */

/* Exact whoever else adds: another CPU of the stripe, an interrupt, another program. */
#define ADD(counter, amount) __sync_fetch_and_add(&(counter), (amount))

/* The same at a tenth of the time where nobody else adds. */
#define ADD_ALONE(alone, counter, amount)       \
	do {                                    \
		if (alone)                      \
			(counter) += (amount);  \
		else                            \
			ADD(counter, amount);   \
	} while (0)
