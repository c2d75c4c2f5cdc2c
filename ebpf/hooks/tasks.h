/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Tasks: who leaves a CPU and who gets it, who is born, who changes its name, who takes a fault.
 */
#pragma once

#include "../collectors/memory.h"
#include "../collectors/scheduler.h"
#include "../collectors/syscalls.h"

static __always_inline bool is_dead(struct task_struct *task)
{
	struct task_struct___before_5_14 *older = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return READ(task, __state) & TASK_DEAD;
	return BPF_CORE_READ(older, state) & TASK_DEAD;
}

/* The last that is counted of a thread, and with the last thread of its process. */
static __always_inline void thread_ended(struct cpu_record *current, struct task_struct *task, struct task_state *state)
{
	__u64 identity = state->identity;

	if (!leave(task, state))
		return;
	/* exit, or a call that a kill interrupted: it does not return any more. */
	if (collect_syscalls && state->syscall >= 0 && !is_denied(identity, COLLECTOR_SYSCALLS))
		count_syscall(current, identity, pending_call(state->syscall).call, 0, 0, 0);
	if (leave_process(identity, task) && collect_memory)
		process_ended(current, task, identity);
}

static __always_inline void switch_out(struct cpu_record *current, struct task_struct *task)
{
	struct task_state *state = state_of_task(task);

	if (!state) {
		count_loss(LOSS_TASK_STORAGE);
		return;
	}
	if (!state->identity) {
		adopt(task, state);
	} else if (current->identity) {
		/* The record was filled for this task: by the last switch, or by one of its hooks. */
		state->syscall = current->syscall;
		state->entered = current->entered;
	}
	if (collect_memory && state->identity)
		faults_switched_out(current, task, state);
	if (collect_scheduler && state->identity)
		scheduled_out(current, task, state);
	if (is_dead(task))
		thread_ended(current, task, state);
}

static __always_inline void switch_in(struct cpu_record *current, struct task_struct *task)
{
	struct task_state *state = known_task(task);

	if (state && state->identity)
		load_current(current, state);
	else
		current->identity = 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(tfo_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu_record *current = this_cpu();

	if (!is_our_turn(current))
		return 0;
	struct run run = begin_run(current, PROGRAM_SWITCH);

	/* pid 0 is the idle task of each CPU */
	if (prev->pid)
		switch_out(current, prev);
	if (next->pid)
		switch_in(current, next);
	else
		current->identity = 0;
	end_run(&run);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tfo_fork, struct task_struct *parent, struct task_struct *child)
{
	if (is_our_turn(this_cpu()))
		adopt_child(child);
	return 0;
}

/* Fires for exec and for prctl(PR_SET_NAME) alike, before the new name is in the task. */
SEC("tp_btf/task_rename")
int BPF_PROG(tfo_rename, struct task_struct *task, const char *comm)
{
	if (task->pid != task->tgid || !is_our_turn(this_cpu()))
		return 0;
	struct task_state *state = state_of_task(task);

	if (!state)
		return 0;
	if (!state->identity)
		adopt(task, state);
	struct process_row *row = process_of(state->identity);

	if (row) {
		describe_process(row, task);
		write_comm(row, comm);
	}
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int tfo_fault_kern(void *context)
{
	struct cpu_record *current = current_task();

	if (!is_our_turn(current))
		return 0;
	struct run run = begin_run(current, PROGRAM_FAULT_KERNEL);

	kernel_faults(current);
	end_run(&run);
	return 0;
}
