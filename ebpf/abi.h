/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What the programs and the agent share: values of mapped arrays, their sizes
 * and the layout of keys. crates/receiver-ebpf/src/kernel/abi.rs mirrors this
 * file; a test has clang compare every offset and size.
 *
 * Every array but tfo_current is mapped into the agent: an event is a plain
 * add, a read is a walk over memory, and both go on after every capability has
 * been given up.
 */
#pragma once

/* The slot that takes the processes for which there is no other. */
#define OVERFLOW_SLOT 0

/* Values of a cell's index: syscall numbers 0..510, and one for all others. */
#define CELL_INDICES 512
#define OTHER_SYSCALL 511

/* Ways of a bucket of tfo_keys: eight keys are one cache line. */
#define BUCKET_WAYS 8

/* An identity names a process slot for one life of it:
 * bits 63..32 generation (from 1), 31..12 slot, 11..0 zero. With a cell's index
 * in the low bits it is a key of tfo_keys. Zero is no identity. */
#define IDENTITY_SLOT_SHIFT 12
#define IDENTITY_GENERATION_SHIFT 32
#define IDENTITY_SLOT_MASK 0xfffff

/* One process. Written by the kernel from fork (or attach) to exit, read by the
 * agent, which clears it when it gives the slot back. */
struct process_row {
	__u64 start_boottime; /* ns since boot; with tgid the identity of the process */
	__u64 born;           /* CLOCK_MONOTONIC ns when counting began; written last, 0 = row not in use */
	__u64 exited;         /* CLOCK_MONOTONIC ns of the last thread's last switch, 0 = alive */
	__u64 cgroup;         /* id in the cgroup v2 hierarchy at first sight or exec */
	__u32 tgid;
	__u32 generation;     /* written by the agent only */
	__u32 threads;        /* threads that count here and live */
	__u32 uid;            /* real uid at first sight or exec */
	__u32 comm_sequence;  /* odd while comm is being written, grows with every rename */
	char comm[16];        /* of the thread-group leader */
	__u32 pad;
};

/* Ring of free slots and the ledger of what lost detail. The kernel moves head,
 * the agent moves tail; both only grow. */
struct control {
	__u64 free_head;
	__u64 free_tail;
	__u64 loss[8]; /* indexed by enum loss_reason */
	__u64 agent;   /* tgid of the agent as the initial PID namespace counts */
	__u64 attached; /* boottime ns just before the first program was attached; written by the agent */
};

enum loss_reason {
	LOSS_PROCESS_FOLDED = 0, /* processes that found no slot: counted in the overflow stream */
	LOSS_CELL_FOLDED = 1,    /* events that found no cell: counted in the overflow stream */
	LOSS_TASK_STORAGE = 2,   /* tasks whose state could not be allocated: their first slice may be missing */
	LOSS_START_MISSING = 3,  /* syscalls that returned without a known start: counted, without latency */
	LOSS_REASONS = 4,
};

/* Eight keys that hash alike; a way holds identity | index, or 0. */
struct bucket {
	__u64 key[BUCKET_WAYS];
};

/* Counters of one (process, index). Cell number = CELL_INDICES + bucket * BUCKET_WAYS + way;
 * the first CELL_INDICES cells are the overflow stream. One stripe after the other. */
struct cell {
	__u64 count;
	__u64 nanoseconds;
	__u64 errors;
};

/* Totals of one process; ns where the name says time. */
struct scheduler_counters {
	__u64 voluntary;
	__u64 involuntary;
	__u64 runtime;   /* ns on a CPU */
	__u64 run_delay; /* ns runnable without a CPU */
	__u64 migrations;
};

/* Counters of one process that need no index. One stripe after the other. */
struct slot_counters {
	struct scheduler_counters scheduler;
};

/* What the running iterator reports of a task that is on a CPU: what it has gathered since its last switch. */
struct running_record {
	__u64 identity;
	__u64 runtime;
	__u64 run_delay;
	__u64 migrations;
};
