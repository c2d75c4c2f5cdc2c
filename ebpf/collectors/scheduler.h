/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Scheduler figures per process, by differencing what the kernel keeps per task
 * anyway: no clock is read, and no wakeup is traced. The tracepoint's own
 * `preempt` argument is not used; it miscounts sched_yield.
 */
#pragma once

#include "../current.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_scheduler = true;

/* Adds what `task` has gathered since its last switch; called when it leaves the CPU. */
static __always_inline void scheduled_out(struct task_struct *task, struct task_state *state, __u32 stripe)
{
	struct slot_counters *slot = slot_counters(state->identity, stripe);

	if (!slot)
		return;
	__u64 runtime = task->se.sum_exec_runtime;
	__u32 voluntary = task->nvcsw;
	__u32 involuntary = task->nivcsw;
	__u32 migrations = task->se.nr_migrations;

	/* The state first: whoever reads between the two sees too little, for a moment, never too much. */
	__u64 ran = runtime - state->runtime;

	*(volatile __u64 *)&state->runtime = runtime;
	ADD(slot->scheduler.runtime, ran);
	if (bpf_core_field_exists(task->sched_info.run_delay)) {
		__u64 run_delay = task->sched_info.run_delay;

		__u64 waited = run_delay - state->run_delay;

		*(volatile __u64 *)&state->run_delay = run_delay;
		ADD(slot->scheduler.run_delay, waited);
	}
	/* Differences of the low 32 bits are right across their overflow. */
	if (voluntary != state->voluntary) {
		ADD(slot->scheduler.voluntary, (__u32)(voluntary - state->voluntary));
		state->voluntary = voluntary;
	}
	if (involuntary != state->involuntary) {
		ADD(slot->scheduler.involuntary, (__u32)(involuntary - state->involuntary));
		state->involuntary = involuntary;
	}
	if (migrations != state->migrations) {
		__u32 moved = migrations - state->migrations;

		*(volatile __u32 *)&state->migrations = migrations;
		ADD(slot->scheduler.migrations, moved);
	}
}
