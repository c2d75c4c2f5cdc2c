// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * Tier 3: classic tracepoints and perf events; Linux 4.15 and later, without BTF.
 *
 * No global data, no calls between functions, no loops, maps and helpers of 4.15. Relocated against structs that the
 * agent makes of tracefs's `format`, never against the kernel's own types.
 */
#include "../tracepoint/events.h"
#include "../tracepoint/faults.h"
#include "../tracepoint/scheduler.h"
#include "../tracepoint/sockets.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tracepoint/sched/sched_process_exit")
int tfo_exit(struct event_sched_process_exit *event)
{
	struct thread_entry *thread = thread_of(event->pid);

	if (thread)
		thread->exiting = 1;
	return 0;
}

SEC("tracepoint/sched/sched_switch")
int tfo_switch(struct event_sched_switch *event)
{
	__u32 prev = event->prev_pid, next = event->next_pid;
	__u64 state = event->prev_state;
	struct cpu_record *record = this_cpu();

	if (!record)
		return 0;
	struct run run = begin_run(record, PROGRAM_SWITCH);
	__u64 now = SETTING(collect_scheduler) ? bpf_ktime_get_ns() : 0;
	struct thread_entry *thread;

	/* pid 0 is the idle task of each CPU */
	if (prev) {
		state = state_left(state);
		thread = state & ZOMBIE_OR_DEAD ? thread_of(prev) : current_thread(record);
		if (SETTING(collect_scheduler))
			scheduled_out(record, thread, state, now);
		if (thread && state & ZOMBIE_OR_DEAD && thread->exiting) {
			__u64 life = thread->life;

			/* Before it leaves: with its last thread a process is final. */
			abandon_call(record, life, thread->syscall);
			thread->syscall = NO_SYSCALL;
			thread_left(prev, life);
		}
	} else {
		learn_states(state);
	}
	if (next && SETTING(collect_scheduler)) {
		thread = thread_of(next);
		if (thread)
			scheduled_in(record, thread, now);
	}
	end_run(&run);
	return 0;
}

SEC("tracepoint/task/task_newtask")
int tfo_newtask(struct event_task_newtask *event)
{
	__u32 pid = event->pid;
	bool of_parent = event->clone_flags & CLONE_THREAD;
	struct cpu_record *record = this_cpu();

	if (record && pid)
		thread_born(record, pid, of_parent);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int tfo_exec(struct event_sched_process_exec *event)
{
	__u32 to = event->pid, from = event->old_pid;

	if (from != to)
		thread_moved(from, to);
	return 0;
}

/* Fires for exec and for prctl(PR_SET_NAME) alike. */
SEC("tracepoint/task/task_rename")
int tfo_rename(struct event_task_rename *event)
{
	__u32 pid = event->pid;
	char comm[16] = {};
	struct thread_entry *thread = thread_of(pid);

	/* A process is called as its leader is. */
	if (!thread || (thread->life & LIFE_TGID_MASK) != pid)
		return 0;
	struct life_entry *process = process_of(thread->life);

	if (!process)
		return 0;
	bpf_probe_read(comm, sizeof(comm), event->newcomm);
	write_comm(process, comm);
	if ((__u32)bpf_get_current_pid_tgid() == pid)
		process->uid = bpf_get_current_uid_gid();
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int tfo_sys_enter(struct event_sys_enter *event)
{
	long number = event->id;
	struct cpu_record *record = this_cpu();

	if (!record)
		return 0;
	struct run run = begin_run(record, PROGRAM_SYS_ENTER);
	struct thread_entry *thread = current_thread(record);

	if (thread)
		begin_call(record, thread, number);
	end_run(&run);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int tfo_sys_exit(struct event_sys_exit *event)
{
	long number = event->id, result = event->ret;
	struct cpu_record *record = this_cpu();

	if (!record)
		return 0;
	struct run run = begin_run(record, PROGRAM_SYS_EXIT);

	end_call(record, current_thread(record), number, result);
	end_run(&run);
	return 0;
}

SEC("tracepoint/sched/sched_wakeup")
int tfo_wakeup(struct event_sched_wakeup *event)
{
	woken(event->pid);
	return 0;
}

SEC("tracepoint/sched/sched_wakeup_new")
int tfo_wakeup_new(struct event_sched_wakeup_new *event)
{
	woken(event->pid);
	return 0;
}

SEC("tracepoint/sched/sched_migrate_task")
int tfo_migrate(struct event_sched_migrate_task *event)
{
	if (event->orig_cpu != event->dest_cpu)
		migrated(event->pid);
	return 0;
}

SEC("perf_event/minor")
int tfo_fault_minor(struct fault_context *context)
{
	return faulted(context, false);
}

SEC("perf_event/major")
int tfo_fault_major(struct fault_context *context)
{
	return faulted(context, true);
}

SEC("tracepoint/oom/mark_victim")
int tfo_oom(struct event_mark_victim *event)
{
	__u32 pid = event->pid;
	struct cpu_record *record = this_cpu();

	if (record)
		victim_marked(record, pid);
	return 0;
}

/* An address of IPv4 stands there as ::ffff:192.0.2.1, also where the socket is of IPv6. */
static __always_inline bool is_ipv6(void *address)
{
	__u32 words[3] = {};

	bpf_probe_read(words, sizeof(words), address);
	return words[0] || words[1] || words[2] != __builtin_bswap32(0xffff);
}

SEC("tracepoint/sock/inet_sock_set_state")
int tfo_tcp_state(struct event_inet_sock_set_state *event)
{
	struct transition change = {
		.socket = event->skaddr,
		.old = event->oldstate,
		.new = event->newstate,
		.port = event->sport,
	};
	__u32 protocol = bpf_core_field_exists(event->protocol) ? event->protocol : IPPROTO_TCP;

	change.ipv6 = is_ipv6(event->daddr_v6);
	struct cpu_record *record = this_cpu();

	if (!record || protocol != IPPROTO_TCP)
		return 0;
	struct run run = begin_run(record, PROGRAM_TCP_STATE);

	changed_state(record, &change);
	end_run(&run);
	return 0;
}

SEC("tracepoint/tcp/tcp_retransmit_skb")
int tfo_tcp_retrans(struct event_tcp_retransmit_skb *event)
{
	__u64 socket = event->skaddr;
	__u32 error = bpf_core_field_exists(event->err) ? event->err : 0;
	struct cpu_record *record = this_cpu();

	if (!record || error)
		return 0;
	struct run run = begin_run(record, PROGRAM_TCP_RETRANSMIT);

	retransmitted(record, socket);
	end_run(&run);
	return 0;
}

SEC("tracepoint/tcp/tcp_retransmit_synack")
int tfo_tcp_synack(struct event_tcp_retransmit_synack *event)
{
	__u64 listener = event->skaddr;
	struct cpu_record *record = this_cpu();

	if (record)
		retransmitted(record, listener);
	return 0;
}
