/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What a CPU keeps for itself: losses, events by collector, and what each program took, as in ebpf/programs.h.
 */
#pragma once

#include "maps.h"

static __always_inline struct cpu_record *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&tfo_cpus, &cpu);
}

static __always_inline void count_loss(struct cpu_record *record, enum loss_reason reason)
{
	ADD(record->loss[reason], 1);
}

struct run {
	struct program_ledger *ledger;
	__u64 began; /* 0: not timed */
	__u64 clock; /* what reading the clock itself takes */
};

static __always_inline struct run begin_run(struct cpu_record *record, enum program program)
{
	struct run run = { .ledger = &record->programs[program] };
	__u64 runs = record->runs[program];

	ADD(record->runs[program], 1);
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
