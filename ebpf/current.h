/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Who is running: the state of a task, how a task joins its process, and the
 * per-CPU record that every hook reads.
 */
#pragma once

#include "histogram.h"

/* process: somebody is opening the slot right now. Never an identity. */
#define OPENING 1

/* A task older than the attach counts from here on. One that is younger counts from
 * zero, however late it was adopted: io_uring's workers are born without a fork event. */
static __always_inline void set_baseline(struct task_state *state, struct task_struct *task)
{
	__u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);

	if (control && READ(task, start_boottime) >= control->attached)
		return;
	state->runtime = READ(task, se.sum_exec_runtime);
	if (bpf_core_field_exists(task->sched_info.run_delay))
		state->run_delay = READ(task, sched_info.run_delay);
	state->voluntary = READ(task, nvcsw);
	state->involuntary = READ(task, nivcsw);
	state->migrations = READ(task, se.nr_migrations);
	state->minor = READ(task, min_flt);
	state->major = READ(task, maj_flt);
}

static __always_inline void join_process(struct task_state *state, __u64 identity)
{
	struct process_row *row = process_of(identity);

	if (row)
		ADD(row->threads, 1);
	PUBLISH(state->identity, identity);
}

/* Identity of the process of a task that has none yet; 0 while another CPU is opening it. */
static __always_inline __u64 identify(struct task_struct *task)
{
	struct task_struct *leader = READ(task, group_leader);

	if (!leader)
		return 0;
	struct task_state *leading = state_of_task(leader);

	if (!leading)
		return 0;
	if (leading->identity)
		return leading->identity;
	if (SWAP(leading->process, LOCK_TASK(leader), 0, OPENING)) {
		__u64 opened = open_process(leader);

		*(volatile __u64 *)&leading->process = opened;
		return opened;
	}
	__u64 process = *(volatile __u64 *)&leading->process;

	return process == OPENING ? 0 : process;
}

/* Makes a task that is older than the attach one of ours. The iterator and the
 * task's own hooks may meet here; whoever claims it writes it. */
static __noinline int adopt(struct task_struct *task, struct task_state *state)
{
	if (!task || !state || !SWAP(state->claimed, LOCK_TASK(task), UNCLAIMED, CLAIMED))
		return 0;
	__u64 identity = identify(task);

	if (!identity) {
		state->claimed = UNCLAIMED;
		return 0;
	}
	if (state->syscall != FORKED)
		state->syscall = NO_SYSCALL;
	set_baseline(state, task);
	join_process(state, identity);
	return 0;
}

/* Makes a task that is being forked one of ours: it counts from zero. */
static __always_inline void adopt_child(struct task_struct *child)
{
	struct task_state *state = state_of_task(child);

	if (!state) {
		count_loss(LOSS_TASK_STORAGE);
		return;
	}
	/* It has not run yet. What stands here is of a task whose end was not seen, at the same address. */
	if (state->claimed != UNCLAIMED)
		__builtin_memset(state, 0, sizeof(*state));
	state->syscall = FORKED;
	if (!SWAP(state->claimed, LOCK_TASK(child), UNCLAIMED, CLAIMED))
		return;
	__u64 identity = identify(child);

	if (identity)
		join_process(state, identity);
	else
		state->claimed = UNCLAIMED;
}

/* Counts a task out of its process, once, whoever notices first that it is dead; true for the one that does. */
static __always_inline bool leave(struct task_struct *task, struct task_state *state)
{
	return state->identity && SWAP(state->claimed, LOCK_TASK(task), CLAIMED, LEFT);
}

static __always_inline void load_current(struct cpu_record *current, struct task_state *state)
{
	current->identity = state->identity;
	current->entered = state->entered;
	current->syscall = state->syscall;
	current->fault = state->fault;
}

/* Fills this CPU's record where tfo_switch has not done it: right after the attach. */
static __noinline int find_current(struct cpu_record *current)
{
	if (!current)
		return 0;
	struct task_struct *task = running_task();
	struct task_state *state = state_of_task(task);

	if (!state) {
		count_loss(LOSS_TASK_STORAGE);
	} else {
		if (!state->identity)
			adopt(task, state);
		if (state->identity) {
			load_current(current, state);
			return 0;
		}
	}
	/* Nobody knows the process yet, the event counts all the same. */
	current->identity = OVERFLOW_IDENTITY;
	current->syscall = NO_SYSCALL;
	return 0;
}

/* The record of the task that this hook runs in. */
static __always_inline struct cpu_record *current_task(void)
{
	struct cpu_record *current = this_cpu();

	if (current && !current->identity)
		find_current(current);
	return current;
}
