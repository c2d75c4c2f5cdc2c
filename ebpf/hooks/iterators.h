/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Walks over tasks and sockets, which user space starts.
 */
#pragma once

#include "tasks.h"
#include "tcp.h"

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
	struct task_state *state = state_of_task(task);

	if (!state) {
		count_loss(LOSS_TASK_STORAGE);
		return 0;
	}
	if (!state->identity)
		adopt(task, state);
	if (is_dead(task) && leave(task, state))
		leave_process(state->identity, task);
	return 0;
}

/* Run once after the attach: sockets that are open already belong to the first process that has them. */
SEC("iter/task_file")
int tfo_adopt_sock(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;

	if (!task || !file)
		return 0;
	struct sock *sk = sock_of_file(file);
	struct cpu_record *record = this_cpu();

	if (!sk || !record || !is_tcp(sk))
		return 0;
	struct task_state *owner = known_task(task);
	struct socket_state *state =
		socket_state(address_of(record, PROGRAM_ADOPT_SOCK, sk), READ(sk, __sk_common.skc_state));

	if (!owner || !state || state->identity)
		return 0;
	if (!state->seen)
		set_socket_baseline(state, sk);
	state->identity = owner->identity;
	return 0;
}

/* Run at every read of tcpstate: what is open now, whoever opened it. */
SEC("iter/tcp")
int tfo_connections(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	__u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);

	if (common && control)
		ADD(control->connections[common->skc_state & 15], 1);
	return 0;
}

/* Run at every read: a task that stays on its CPU shows up without being switched out. */
SEC("iter/task")
int tfo_running(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;

	if (!task || !task->pid || !task->on_cpu)
		return 0;
	struct task_state *state = known_task(task);

	if (!state || !state->identity)
		return 0;
	/* What is accounted for is read before what there is: a switch in between makes the difference small, not negative. */
	__u64 runtime = *(volatile __u64 *)&state->runtime;
	__u64 run_delay = *(volatile __u64 *)&state->run_delay;
	__u16 migrations = *(volatile __u16 *)&state->migrations;
	struct running_record record = {
		.identity = state->identity,
		.runtime = task->se.sum_exec_runtime - runtime,
		.migrations = (__u16)((__u16)task->se.nr_migrations - migrations),
	};
	if (collect_memory)
		running_faults(task, state, &record.minor, &record.major);
	if (bpf_core_field_exists(task->sched_info.run_delay))
		record.run_delay = task->sched_info.run_delay - run_delay;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}
