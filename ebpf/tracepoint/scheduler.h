/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Scheduler figures by the clock: what the kernel keeps of a task cannot be read without knowing where it stands.
 * A switch is involuntary where the kernel counts it so: the state in the event is that of a task that could go on.
 */
#pragma once

#include "calls.h"

/* prev_state of a task that was preempted has this bit, whatever its state. */
#define PREEMPTED 0x100
#define REPORTED 0xff
#define ZOMBIE_OR_DEAD 0x30

/* From 4.14 to 4.19 the event had states one bit too high, and a running task as 1. The idle task never leaves its CPU
 * in another state than running, so what it leaves it with says how this kernel numbers. */
static __always_inline void learn_states(__u64 state)
{
	__u32 zero = 0;
	__u64 *learned = bpf_map_lookup_elem(&tfo_learned, &zero);

	if (learned && state <= 1 && *learned != state)
		*learned = state;
}

/* Bits of the state as later kernels have them; 0: it could go on. */
static __always_inline __u64 state_left(__u64 state)
{
	__u32 zero = 0;
	__u64 *learned = bpf_map_lookup_elem(&tfo_learned, &zero);

	if (state & PREEMPTED)
		return 0;
	return learned && *learned ? (state & REPORTED) >> 1 : state & REPORTED;
}

static __always_inline void scheduled_out(struct cpu_record *record, struct thread_entry *thread, __u64 state, __u64 now)
{
	struct life_entry *process = process_of(life_of_thread(thread));

	if (!process)
		return;
	if (state)
		ADD(process->counters.scheduler.voluntary, 1);
	else
		ADD(process->counters.scheduler.involuntary, 1);
	ADD(record->counted[COLLECTOR_SCHEDULER], 1);
	if (!thread)
		return;
	if (thread->running)
		ADD(process->counters.scheduler.runtime, now - thread->running);
	thread->running = 0;
	thread->runnable = state ? 0 : now;
}

static __always_inline void scheduled_in(struct cpu_record *record, struct thread_entry *thread, __u64 now)
{
	__u64 waited = thread->runnable && thread->runnable < now ? now - thread->runnable : 0;

	thread->running = now;
	if (!thread->runnable)
		return;
	thread->runnable = 0;
	struct life_entry *process = process_of(thread->life);

	if (process)
		ADD(process->counters.scheduler.run_delay, waited);
	if (!SETTING(scheduler_histograms))
		return;
	if (waited) {
		observe(record, thread->life, INDEX_RUNQUEUE, waited);
		return;
	}
	struct cell *cell = cell_of(record, thread->life, INDEX_RUNQUEUE);

	if (cell)
		ADD(cell->count, 1);
}

/* A thread may be woken before it has left its CPU: that is noted, and forgotten when it leaves. */
static __always_inline void woken(__u32 pid)
{
	struct thread_entry *thread = thread_of(pid);

	if (thread)
		thread->runnable = bpf_ktime_get_ns();
}

static __always_inline void migrated(__u32 pid)
{
	struct thread_entry *thread = thread_of(pid);
	struct life_entry *process = thread ? process_of(thread->life) : NULL;

	if (process)
		ADD(process->counters.scheduler.migrations, 1);
}
