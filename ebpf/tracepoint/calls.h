/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Syscalls and file operations: as ebpf/calls.h and ebpf/collectors/{syscalls,fileio}.h have them, with two things that
 * a tracepoint does not tell: whether a call is of the 32-bit entry, and what a descriptor is.
 */
#pragma once

#include "histogram.h"

/* -4095..-1 is an error. Four of them never reach user space: the call is entered again, or ends as EINTR. */
#define MAX_ERRNO 4095
#define is_restart(result) ((result) >= -516 && (result) <= -512 && (result) != -515)
#define is_error(result) ((result) < 0 && (result) >= -MAX_ERRNO && !is_restart(result))

static __always_inline __s32 call_of(long number)
{
	return number >= 0 && number < OTHER_SYSCALL ? number : OTHER_SYSCALL;
}

/* What the agent says of the call. */
static __always_inline __u32 kind_of(__s32 call)
{
	__u32 number = call;
	__u32 *kind = bpf_map_lookup_elem(&tfo_calls, &number);

	return kind ? *kind : 0;
}

/* Whether the latency of the next call is measured: sample_rate of every 100. */
static __always_inline bool is_measured(struct cpu_record *record)
{
	__u32 rate = SETTING(sample_rate);

	if (rate >= 100)
		return true;
	__u32 sampling = record->sampling + rate;
	bool measured = sampling >= 100;

	record->sampling = measured ? sampling - 100 : sampling;
	return measured;
}

/* A sum that stands for all calls, where only some are measured. */
static __always_inline __u64 scaled(__u64 nanoseconds)
{
	__u32 rate = SETTING(sample_rate);

	return rate < 100 ? nanoseconds * 100 / rate : nanoseconds;
}

static __always_inline void begin_call(struct cpu_record *record, struct thread_entry *thread, long number)
{
	thread->entered = is_measured(record) ? bpf_ktime_get_ns() : 0;
	thread->syscall = call_of(number);
}

/* How a call ended. */
struct ended_call {
	__s32 call;
	__u32 kind;
	__u64 nanoseconds; /* 0: not measured */
	long result;
};

static __always_inline void count_syscall(struct cpu_record *record, __u64 life, struct ended_call *ended)
{
	struct cell *cell = cell_of(record, life, INDEX_SYSCALL + ended->call);

	if (!cell)
		return;
	ADD(cell->count, 1);
	ADD(record->counted[COLLECTOR_SYSCALLS], 1);
	if (ended->nanoseconds) {
		ADD(cell->nanoseconds, scaled(ended->nanoseconds));
		if (SETTING(syscall_histograms))
			observe(record, life, INDEX_SYSCALL + ended->call, ended->nanoseconds);
	} else if (SETTING(sample_rate) < 100) {
		ADD(record->loss[LOSS_SAMPLED], 1);
	}
	/* rt_sigreturn returns the register that the signal interrupted. */
	if (is_error(ended->result) && !(ended->kind & CALL_SIGRETURN))
		count_error(record, cell, life, INDEX_SYSCALL + ended->call, -ended->result);
}

static __always_inline void count_file_call(struct cpu_record *record, __u64 life, struct ended_call *ended)
{
	__u32 operation = ended->kind & CALL_OPERATION;

	/* One that the kernel will enter again is not an operation yet. */
	if (!operation || is_restart(ended->result))
		return;
	operation -= 1;
	__u32 index = INDEX_FILE | operation << 3 | FILE_UNKNOWN;
	struct cell *cell = cell_of(record, life, index);

	if (!cell)
		return;
	ADD(cell->count, 1);
	ADD(record->counted[COLLECTOR_FILEIO], 1);
	if (operation <= FILE_WRITE && ended->result > 0)
		ADD(cell->bytes, ended->result);
	if (ended->nanoseconds) {
		ADD(cell->nanoseconds, scaled(ended->nanoseconds));
		if (SETTING(fileio_histograms))
			observe(record, life, index, ended->nanoseconds);
	}
	if (is_error(ended->result))
		count_error(record, cell, life, index, -ended->result);
}

/* A call returns; `number` is what the registers say by now, which is not always which call it was. */
static __always_inline void end_call(struct cpu_record *record, struct thread_entry *thread, long number, long result)
{
	struct ended_call ended = { .call = call_of(number), .result = result };
	__s32 pending = thread ? thread->syscall : NO_SYSCALL;

	if (thread)
		thread->syscall = NO_SYSCALL;
	if (pending >= 0)
		ended.call = pending;
	ended.kind = kind_of(ended.call);
	/* A new thread returns here from the call that made it, which was its parent's. */
	if (pending == FORKED && result == 0 && (ended.call == OTHER_SYSCALL || ended.kind & CALL_BIRTH))
		return;
	if (pending < 0)
		count_loss(record, LOSS_START_MISSING);
	else if (thread->entered)
		ended.nanoseconds = bpf_ktime_get_ns() - thread->entered;
	if (SETTING(collect_syscalls))
		count_syscall(record, life_of_thread(thread), &ended);
	if (SETTING(collect_fileio))
		count_file_call(record, life_of_thread(thread), &ended);
}

/* exit, or a call that a kill interrupted: it does not return any more. */
static __always_inline void abandon_call(struct cpu_record *record, __u64 life, __s32 pending)
{
	struct ended_call ended = { .call = pending };

	if (SETTING(collect_syscalls) && pending >= 0)
		count_syscall(record, life, &ended);
}
