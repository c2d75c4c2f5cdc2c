/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Scheduler figures per process, by differencing what the kernel keeps per task
 * anyway: no clock is read, and no wakeup is traced. The tracepoint's own
 * `preempt` argument is not used; it miscounts sched_yield.
 */
#pragma once

#include "../programs.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_scheduler = true;
const volatile bool scheduler_histograms = false;

/* One wait for a CPU: as long as what the slice that ends now had to wait for. */
static __always_inline void observe_wait(__u64 identity, __u64 waited, __u32 stripe)
{
	if (waited) {
		observe(identity, INDEX_RUNQUEUE, waited, stripe);
		return;
	}
	struct cell *cell = cell_of(owner_with(identity), INDEX_RUNQUEUE, stripe);

	if (cell)
		ADD(cell->count, 1);
}

/* Adds what `task` has gathered since its last switch; called when it leaves the CPU. */
static __always_inline void scheduled_out(struct cpu_record *current, struct task_struct *task, struct task_state *state)
{
	bool denied = is_denied(state->identity, COLLECTOR_SCHEDULER);
	struct slot_counters *slot = slot_counters(state->identity, current->stripe);

	if (!slot)
		return;
	__u64 runtime = READ(task, se.sum_exec_runtime);
	__u16 voluntary = READ(task, nvcsw);
	__u16 involuntary = READ(task, nivcsw);
	__u16 migrations = READ(task, se.nr_migrations);
	__u64 waited = 0;
	/* The state first: whoever reads between the two sees too little, for a moment, never too much. */
	__u64 ran = runtime - state->runtime;

	*(volatile __u64 *)&state->runtime = runtime;
	if (bpf_core_field_exists(task->sched_info.run_delay)) {
		__u64 run_delay = READ(task, sched_info.run_delay);

		waited = run_delay - state->run_delay;
		*(volatile __u64 *)&state->run_delay = run_delay;
	}
	/* Differences of the low bits are right across their overflow. */
	__u16 went = voluntary - state->voluntary;
	__u16 pushed = involuntary - state->involuntary;
	__u16 moved = migrations - state->migrations;

	state->voluntary = voluntary;
	state->involuntary = involuntary;
	*(volatile __u16 *)&state->migrations = migrations;
	if (denied)
		return;
	ADD(slot->scheduler.runtime, ran);
	if (waited)
		ADD(slot->scheduler.run_delay, waited);
	if (went)
		ADD(slot->scheduler.voluntary, went);
	if (pushed)
		ADD(slot->scheduler.involuntary, pushed);
	if (moved)
		ADD(slot->scheduler.migrations, moved);
	/* Nothing comes into the midst of a switch. */
	current->counted[COLLECTOR_SCHEDULER] += went + pushed;
	if (scheduler_histograms && bpf_core_field_exists(task->sched_info.run_delay))
		observe_wait(state->identity, waited, current->stripe);
}
