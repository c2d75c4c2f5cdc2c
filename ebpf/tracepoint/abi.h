/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What the programs of the tracepoint tier and the agent share beside ebpf/abi.h: keys and values of hashes that the
 * agent walks. crates/receiver-ebpf/src/kernel/abi.rs mirrors this file too; a test has clang compare both.
 */
#pragma once

#include "../abi.h"

/* A life is one process from its birth to its end: bits 63..22 when it began, in 1024 ns of CLOCK_MONOTONIC, 21..0
 * its tgid. What is no process began at no time. */
#define LIFE_TGID_BITS 22
#define LIFE_TGID_MASK 0x3fffff
#define LIFE_TIME_SHIFT 10
#define OVERFLOW_LIFE 1     /* what found no entry of its own */
#define UNATTRIBUTED_LIFE 2 /* what no process is known for */

/* One process, by its life. Counters come first: a copy of the entry has no counter that is younger than its name. */
struct life_entry {
	struct slot_counters counters;
	__u64 born; /* CLOCK_MONOTONIC ns */
	__u64 left; /* CLOCK_MONOTONIC ns of the last final switch of one of its threads */
	__s32 threads; /* born or first seen under the programs' eyes, less those that left; those the agent found come on top */
	__u32 uid;
	__u32 comm_sequence; /* odd while comm is being written */
	char comm[16];
	__u32 pad;
};

/* What a thread carries, by its pid. */
struct thread_entry {
	__u64 life;
	__u64 entered;  /* CLOCK_MONOTONIC ns of the pending syscall's entry; 0 = not measured */
	__u64 running;  /* since when it is on a CPU; 0 = it is not, or nobody saw it */
	__u64 runnable; /* since when it waits for one; 0 = it does not */
	__s32 syscall;  /* pending call, or one of the states in threads.h */
	__u32 exiting;  /* it has begun to exit */
};

/* Whose counters, and what of: an index as in ebpf/abi.h. */
struct cell_key {
	__u64 life;
	__u32 index;
	__u32 zero;
};

/* A TCP socket, by its address in the kernel. */
struct socket_entry {
	__u64 life;        /* of its owner */
	__u64 established; /* CLOCK_MONOTONIC ns; 0 = not seen */
};

/* Entries that were made, in `counted` behind the collectors: how fast the hashes fill up. */
#define COUNTED_PROCESSES COLLECTORS
#define COUNTED_CELLS (COLLECTORS + 1)
_Static_assert(COUNTED_CELLS < sizeof(((struct cpu_record *)0)->counted) / sizeof(__u64), "room in counted");

