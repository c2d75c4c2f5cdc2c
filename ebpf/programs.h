/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What every program does first and last: finds out whether it is its turn, and
 * keeps the book of its own runs and time.
 *
 * While one set of programs takes over from another both are attached; a word in
 * each CPU's record says which one counts. One run of many is timed, so that the
 * cost is known without CAP_SYS_ADMIN and without a clock read in each.
 */
#pragma once

#include "current.h"

struct run {
	struct program_ledger *ledger;
	__u64 began; /* 0: not timed */
	__u64 clock; /* what reading the clock itself takes */
};

static __always_inline bool is_our_turn(struct cpu_record *record)
{
	return record && *(volatile __u64 *)&record->generation == program_generation;
}

static __always_inline struct run begin_run(struct cpu_record *record, enum program program)
{
	struct run run = { .ledger = &record->programs[program] };
	__u64 runs = record->runs[program];

	/* The book is this CPU's. */
	ADD_ALONE(!recursive, record->runs[program], 1);
	if (runs % SAMPLE_EVERY == SAMPLE_EVERY / 2) {
		__u64 before = bpf_ktime_get_ns();

		run.began = bpf_ktime_get_ns();
		run.clock = run.began - before;
	}
	return run;
}

static __always_inline void end_run(struct run *run)
{
	if (!run->began)
		return;
	__u64 took = bpf_ktime_get_ns() - run->began;

	ADD(run->ledger->samples, 1);
	ADD(run->ledger->nanoseconds, took > run->clock ? took - run->clock : 0);
}
