// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * Tier 1: BTF tracepoints with task storage; Linux 5.13 and later with BTF.
 *
 * One program per hook, shared by every receiver that needs it. Attached in this
 * order: tfo_switch, tfo_fork, tfo_rename; tfo_adopt is run once; then the
 * collectors' own. So no hook of a collector meets a task that is not ours.
 */
#include "../kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "../collectors/scheduler.h"
#include "../collectors/syscalls.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline bool is_dead(struct task_struct *task)
{
	struct task_struct___before_5_14 *older = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return task->__state & TASK_DEAD;
	return BPF_CORE_READ(older, state) & TASK_DEAD;
}

static __always_inline void switch_out(struct current *current, struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&tfo_tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!state) {
		count_loss(LOSS_TASK_STORAGE);
		return;
	}
	if (!state->identity) {
		adopt(task, state);
	} else if (collect_syscalls && current->identity) {
		/* The record was filled for this task: by the last switch, or by one of its hooks. */
		state->syscall = current->syscall;
		state->entered = current->entered;
	}
	if (collect_scheduler && state->identity)
		scheduled_out(task, state, current->stripe);
	if (is_dead(task))
		leave(task, state);
}

static __always_inline void switch_in(struct current *current, struct task_struct *task)
{
	struct task_state *state = bpf_task_storage_get(&tfo_tasks, task, NULL, 0);

	if (state && state->identity)
		load_current(current, state);
	else
		current->identity = 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(tfo_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct current *current = this_cpu();

	if (!current)
		return 0;
	current->stripe = bpf_get_smp_processor_id() & stripe_mask;
	/* pid 0 is the idle task of each CPU */
	if (prev->pid)
		switch_out(current, prev);
	if (next->pid)
		switch_in(current, next);
	else
		current->identity = 0;
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tfo_fork, struct task_struct *parent, struct task_struct *child)
{
	adopt_child(child);
	return 0;
}

/* Fires for exec and for prctl(PR_SET_NAME) alike, before the new name is in the task. */
SEC("tp_btf/task_rename")
int BPF_PROG(tfo_rename, struct task_struct *task, const char *comm)
{
	if (task->pid != task->tgid)
		return 0;
	struct task_state *state = bpf_task_storage_get(&tfo_tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!state)
		return 0;
	if (!state->identity)
		adopt(task, state);
	struct process_row *row = process_of(state->identity);

	if (row) {
		write_comm(row, comm);
		describe_process(row, task);
	}
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(tfo_sys_enter, void *registers, long number)
{
	syscall_entered(number);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(tfo_sys_exit, void *registers, long result)
{
	syscall_returned(registers, result);
	return 0;
}

/* Run once after the attach: every task that is there already gets its baseline. */
SEC("iter/task")
int tfo_adopt(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	__u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);

	/* The walk runs in the agent's own read(2). */
	if (control)
		control->agent = bpf_get_current_pid_tgid() >> 32;
	/* A zombie has had its last switch; nobody would count it out again. */
	if (!task || !task->pid || (is_dead(task) && !task->on_cpu))
		return 0;
	struct task_state *state = bpf_task_storage_get(&tfo_tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!state) {
		count_loss(LOSS_TASK_STORAGE);
		return 0;
	}
	if (!state->identity)
		adopt(task, state);
	if (is_dead(task))
		leave(task, state);
	return 0;
}

/* Run at every read: a task that stays on its CPU shows up without being switched out. */
SEC("iter/task")
int tfo_running(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;

	if (!task || !task->pid || !task->on_cpu)
		return 0;
	struct task_state *state = bpf_task_storage_get(&tfo_tasks, task, NULL, 0);

	if (!state || !state->identity)
		return 0;
	/* What is accounted for is read before what there is: a switch in between makes the difference small, not negative. */
	__u64 runtime = *(volatile __u64 *)&state->runtime;
	__u64 run_delay = *(volatile __u64 *)&state->run_delay;
	__u32 migrations = *(volatile __u32 *)&state->migrations;
	struct running_record record = {
		.identity = state->identity,
		.runtime = task->se.sum_exec_runtime - runtime,
		.migrations = (__u32)((__u32)task->se.nr_migrations - migrations),
	};
	if (bpf_core_field_exists(task->sched_info.run_delay))
		record.run_delay = task->sched_info.run_delay - run_delay;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}
