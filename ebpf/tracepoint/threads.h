/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Threads: whose each is, how one joins its process and leaves it.
 *
 * The agent puts in those that are older than the attach, from /proc; whoever gets an entry in, it or a program, has
 * counted it. An entry goes in the thread's last switch, or when its pid belongs to somebody else.
 */
#pragma once

#include "lives.h"

#define NO_SYSCALL (-1) /* nothing pending */
#define FORKED (-2)     /* a new thread: its first return to user space is not a call of its own */

static __always_inline struct thread_entry *thread_of(__u32 pid)
{
	return bpf_map_lookup_elem(&tfo_threads, &pid);
}

static __always_inline void count_thread(__u64 life, __s32 threads)
{
	struct life_entry *process = process_of(life);

	if (process)
		ADD(process->threads, threads);
}

/* The running thread; NULL where there is no room for it, and what it does belongs to nobody that is known. */
static __always_inline struct thread_entry *current_thread(struct cpu_record *record)
{
	__u64 ids = bpf_get_current_pid_tgid();
	__u32 pid = ids;
	struct thread_entry *thread = thread_of(pid);

	if (thread || !pid)
		return thread;
	struct thread_entry fresh = {};

	fresh.life = life_of(record, ids >> 32);
	fresh.syscall = NO_SYSCALL;
	if (bpf_map_update_elem(&tfo_threads, &pid, &fresh, BPF_NOEXIST) == 0)
		count_thread(fresh.life, 1);
	thread = thread_of(pid);
	if (!thread)
		count_loss(record, LOSS_TASK_STORAGE);
	return thread;
}

static __always_inline __u64 life_of_thread(struct thread_entry *thread)
{
	return thread ? thread->life : OVERFLOW_LIFE;
}

/* A thread is born; it does not run yet. */
static __always_inline void thread_born(struct cpu_record *record, __u32 pid, bool of_parent)
{
	struct thread_entry *former = thread_of(pid);
	struct thread_entry fresh = {};

	fresh.syscall = FORKED;
	/* Its end was not seen, which only happens while the programs are being attached. */
	if (former)
		count_thread(former->life, -1);
	if (of_parent) {
		fresh.life = life_of_thread(current_thread(record));
	} else {
		fresh.life = open_process(record, pid);
		bpf_map_update_elem(&tfo_lives, &pid, &fresh.life, BPF_ANY);
	}
	if (bpf_map_update_elem(&tfo_threads, &pid, &fresh, BPF_ANY) == 0)
		count_thread(fresh.life, 1);
	else
		count_loss(record, LOSS_TASK_STORAGE);
}

/* An exec from a thread that is not the leader: it has the leader's pid from here on, in the midst of a call. */
static __always_inline void thread_moved(__u32 from, __u32 to)
{
	struct thread_entry *thread = thread_of(from);
	struct thread_entry *leader = thread_of(to);

	if (!thread)
		return;
	if (leader)
		count_thread(leader->life, -1);
	struct thread_entry moved = *thread;

	bpf_map_update_elem(&tfo_threads, &to, &moved, BPF_ANY);
	bpf_map_delete_elem(&tfo_threads, &from);
}

/* The thread's last switch: true for whoever takes its entry away. */
static __always_inline bool thread_left(__u32 pid, __u64 life)
{
	if (bpf_map_delete_elem(&tfo_threads, &pid))
		return false;
	struct life_entry *process = process_of(life);

	if (process) {
		process->left = bpf_ktime_get_ns();
		ADD(process->threads, -1);
	}
	return true;
}
