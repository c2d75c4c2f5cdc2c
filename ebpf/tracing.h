/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The programs of every tier with BTF; a file of ebpf/tiers includes its storage, then this.
 *
 * One program per hook, shared by every receiver that needs it. Attached in this
 * order: tfo_switch, tfo_fork, tfo_rename; tfo_adopt is run once; then the
 * collectors' own. So no hook of a collector meets a task that is not ours.
 */
#pragma once

#include "collectors/fileio.h"
#include "collectors/memory.h"
#include "collectors/network.h"
#include "collectors/network_calls.h"
#include "collectors/scheduler.h"
#include "collectors/syscalls.h"
#include "collectors/tcpstate.h"

char LICENSE[] SEC("license") = "GPL";

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
		count_syscall(current, identity, state->syscall & ((1 << PENDING_FILE_SHIFT) - 1), 0, 0);
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

	if (!current || !is_our_turn())
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
	if (is_our_turn())
		adopt_child(child);
	return 0;
}

/* Fires for exec and for prctl(PR_SET_NAME) alike, before the new name is in the task. */
SEC("tp_btf/task_rename")
int BPF_PROG(tfo_rename, struct task_struct *task, const char *comm)
{
	if (task->pid != task->tgid || !is_our_turn())
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

/* Bits of the collectors that follow calls. */
#define FOLLOWED_AT_ENTRY (collect_syscalls << COLLECTOR_SYSCALLS | collect_fileio << COLLECTOR_FILEIO)
#define FOLLOWED_AT_EXIT \
	(FOLLOWED_AT_ENTRY | collect_network << COLLECTOR_NETWORK | collect_tcpstate << COLLECTOR_TCPSTATE)

SEC("tp_btf/sys_enter")
int BPF_PROG(tfo_sys_enter, void *registers, long number)
{
	struct cpu_record *current = current_task();

	if (!current || !is_our_turn())
		return 0;
	struct run run = begin_run(current, PROGRAM_SYS_ENTER);
	__u32 denied = denials(current->identity);

	if (is_unwanted(denied, FOLLOWED_AT_ENTRY) && !is_rename(number)) {
		begin_unwanted_call(current);
		end_run(&run);
		return 0;
	}
	__s32 call = call_of(number, running_task());
	bool wanted = collect_syscalls && !(denied >> COLLECTOR_SYSCALLS & 1);
	__u32 file = FILE_UNKNOWN;

	if (collect_fileio && !(denied >> COLLECTOR_FILEIO & 1) && is_file_call(call)) {
		file = file_of_call(registers, call);
		wanted = true;
	}
	begin_call(current, call, file, wanted);
	end_run(&run);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(tfo_sys_exit, void *registers, long result)
{
	struct cpu_record *current = current_task();

	if (!current || !is_our_turn())
		return 0;
	struct run run = begin_run(current, PROGRAM_SYS_EXIT);
	if (collect_memory && current->fault == FAULT_IN_CALL)
		faults_of_call_end();
	__u64 identity = current->identity;
	__u32 denied = denials(identity);

	if (is_unwanted(denied, FOLLOWED_AT_EXIT) && current->syscall == UNWANTED) {
		current->syscall = NO_SYSCALL;
		end_run(&run);
		return 0;
	}
	struct ended_call ended = { .call = -1 };

	if (collect_syscalls || collect_fileio)
		ended = end_call(current, registers, result);
	else /* Without tfo_sys_enter no start is known, and none is missed. */
		ended.call = call_in_registers(registers, running_task());
	if (ended.call >= 0) {
		if (collect_syscalls && !(denied >> COLLECTOR_SYSCALLS & 1))
			count_syscall(current, identity, ended.call, ended.nanoseconds, result);
		if (collect_fileio && !(denied >> COLLECTOR_FILEIO & 1))
			file_call_ended(current, identity, &ended, result);
		if ((collect_network || collect_tcpstate) && socket_call(ended.call) == CALL_ACCEPT)
			accepted(current, result);
		if (collect_network && socket_call(ended.call) == CALL_SPLICE)
			spliced(current, first_argument(registers, ended.call), result);
	}
	end_run(&run);
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int tfo_fault_kern(void *context)
{
	struct cpu_record *current = current_task();

	if (!current || !is_our_turn())
		return 0;
	struct run run = begin_run(current, PROGRAM_FAULT_KERNEL);

	kernel_faults(current);
	end_run(&run);
	return 0;
}

static __always_inline int transfer(enum program program, struct sock *sk, int result, int flags, bool receive)
{
	struct cpu_record *current = current_task();

	if (!current || !is_our_turn())
		return 0;
	struct run run = begin_run(current, program);

	if (sk && !(flags & (MSG_PEEK | MSG_ERRQUEUE)))
		transferred(current, sk, result, receive);
	end_run(&run);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(tfo_sock_send, struct sock *sk, int result, int flags)
{
	return transfer(PROGRAM_SOCK_SEND, sk, result, flags, false);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(tfo_sock_recv, struct sock *sk, int result, int flags)
{
	return transfer(PROGRAM_SOCK_RECV, sk, result, flags, true);
}

/* The same before 6.3, where no tracepoint is. They keep the books of tfo_sock_send and tfo_sock_recv. */
SEC("fexit/inet_sendmsg")
int BPF_PROG(tfo_inet_send, struct socket *socket, struct msghdr *message, unsigned long size, int result)
{
	return transfer(PROGRAM_SOCK_SEND, socket->sk, result, 0, false);
}

SEC("fexit/inet6_sendmsg")
int BPF_PROG(tfo_inet6_send, struct socket *socket, struct msghdr *message, unsigned long size, int result)
{
	return transfer(PROGRAM_SOCK_SEND, socket->sk, result, 0, false);
}

/* Of both families; gone since 6.5, where inet_sendmsg does it. */
SEC("fexit/inet_sendpage")
int BPF_PROG(tfo_inet_page, struct socket *socket, void *page, int offset, unsigned long size, int flags, long result)
{
	return transfer(PROGRAM_SOCK_SEND, socket->sk, result, 0, false);
}

SEC("fexit/inet_recvmsg")
int BPF_PROG(tfo_inet_recv, struct socket *socket, struct msghdr *message, unsigned long size, int flags, int result)
{
	return transfer(PROGRAM_SOCK_RECV, socket->sk, result, flags, true);
}

SEC("fexit/inet6_recvmsg")
int BPF_PROG(tfo_inet6_recv, struct socket *socket, struct msghdr *message, unsigned long size, int flags, int result)
{
	return transfer(PROGRAM_SOCK_RECV, socket->sk, result, flags, true);
}

/* The same where neither is: from the calls. */
SEC("tp_btf/sys_exit")
int BPF_PROG(tfo_sock_call, void *registers, long result)
{
	struct cpu_record *current = current_task();

	if (!current || result < 0 || !is_our_turn())
		return 0;
	struct network_call call = network_call(registers, running_task());

	if (call.direction) {
		struct run run = begin_run(current, call.direction == CALL_RECEIVES ? PROGRAM_SOCK_RECV : PROGRAM_SOCK_SEND);

		socket_call_ended(current, &call, result);
		end_run(&run);
	}
	return 0;
}

/* Any two states, and that there are two. */
#define TRANSITION(old, new) (1u << 16 | (__u32)(old) << 8 | (__u32)(new))

static __always_inline void tcp_transition(struct cpu_record *record, struct sock *sk, __u64 address, int old, int new)
{
	struct socket_state *state = socket_state(address, new);

	if (state) {
		/* Whatever stood here of a closed one is another's. */
		if (!state->seen || old == TCP_CLOSE)
			set_socket_baseline(state, tcp_of(sk));
		state->seen = TRANSITION(old, new);
	}
	__u64 owner = follow_transition(sk, state, old, new);

	if (collect_tcpstate)
		count_transition(record, owner, old, new);
	if (collect_network)
		connected(record, sk, owner, old, new);
	if (new != TCP_CLOSE)
		return;
	if (state && collect_tcpstate)
		count_connection_end(record, owner, state->established);
	forget_socket(address);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tfo_tcp_state, struct sock *sk, int old, int new)
{
	struct cpu_record *record = this_cpu();

	if (!record || !is_tcp(sk) || !is_our_turn())
		return 0;
	struct run run = begin_run(record, PROGRAM_TCP_STATE);

	record->moved = (__u64)sk;
	record->transition = TRANSITION(old, new);
	tcp_transition(record, sk, address_of(record, PROGRAM_TCP_STATE, sk), old, new);
	end_run(&run);
	return 0;
}

/* The same once more: the kernel leaves a program out while it runs already on that CPU, and an interrupt may bring
 * the next transition while one is being counted. This one counts what the first was left out of. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tfo_tcp_again, struct sock *sk, int old, int new)
{
	struct cpu_record *record = this_cpu();

	if (!record)
		return 0;
	if (record->moved == (__u64)sk && record->transition == TRANSITION(old, new)) {
		record->transition = 0;
		return 0;
	}
	if (!is_tcp(sk) || !is_our_turn())
		return 0;
	/* The word of this CPU may be another transition's, which came between the two. What stands of the socket
	 * itself decides, and nothing does of one that has been seen closing. */
	__u64 address = address_of(record, PROGRAM_TCP_AGAIN, sk);
	struct socket_state *state = socket_at(find_socket(address));

	if (state ? state->seen != TRANSITION(old, new) : old == TCP_CLOSE || old == TCP_LISTEN)
		tcp_transition(record, sk, address, old, new);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tfo_tcp_retrans, struct sock *sk)
{
	struct cpu_record *record = this_cpu();

	if (!record || !is_our_turn())
		return 0;
	struct run run = begin_run(record, PROGRAM_TCP_RETRANSMIT);

	retransmitted(record, sk);
	end_run(&run);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tfo_tcp_synack, struct sock *sk)
{
	struct cpu_record *record = this_cpu();

	if (record && is_our_turn())
		answer_retransmitted(record, sk);
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
	struct tcp_sock *tcp = tcp_of(sk);
	struct socket_state *state =
		socket_state(address_of(record, PROGRAM_ADOPT_SOCK, sk), READ(sk, __sk_common.skc_state));

	if (!owner || !state || state->identity)
		return 0;
	if (!state->seen)
		set_socket_baseline(state, tcp);
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
