/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * One syscall from entry to return, whoever counts it: its number, its time, its end.
 *
 * A call is named by number | 512 for a 32-bit (compat) call, since the two have
 * numbers of their own; numbers beyond either half are OTHER_SYSCALL of it.
 */
#pragma once

#include "programs.h"

/* What each call is, in the bits of abi.h. Filled by the agent from its tables of names. */
const volatile __u8 call_kinds[2 * SYSCALL_NUMBERS] = {};

/* -4095..-1 is an error. Four of them never reach user space: the call is entered again, or ends as EINTR. */
#define MAX_ERRNO 4095
#define is_restart(result) ((result) >= -516 && (result) <= -512 && (result) != -515)
#define is_error(result) ((result) < 0 && (result) >= -MAX_ERRNO && !is_restart(result))
#define UNKNOWN_RESULT (-MAX_ERRNO - 1) /* neither an error nor anything transferred */

/* arch/x86/include/asm/thread_info.h, arch/arm64/include/asm/thread_info.h */
#define TS_COMPAT 2
#define TIF_32BIT 22

static __always_inline __u8 kind_of(__s32 call)
{
	return call_kinds[call & (2 * SYSCALL_NUMBERS - 1)];
}

/* Whether a call of this number gives another name, be it the 64-bit or the 32-bit one. */
static __always_inline bool may_rename(long number)
{
	__u32 call = number & (SYSCALL_NUMBERS - 1);

	return (call_kinds[call] | call_kinds[call + SYSCALL_NUMBERS]) & CALL_RENAME;
}

static __always_inline bool is_compat(struct task_struct *task)
{
	struct thread_info___x86 *x86 = (void *)&task->thread_info;

	if (bpf_core_field_exists(x86->status))
		return READ(x86, status) & TS_COMPAT;
#ifdef __TARGET_ARCH_arm64
	return READ(task, thread_info.flags) >> TIF_32BIT & 1;
#else
	return false;
#endif
}

static __always_inline __s32 call_of(long number, struct task_struct *task)
{
	__u32 call = number >= 0 && number < OTHER_SYSCALL ? number : OTHER_SYSCALL;

	return is_compat(task) ? call + SYSCALL_NUMBERS : call;
}

static __always_inline __s32 call_in_registers(void *registers, struct task_struct *task)
{
	struct pt_regs___x86_64 *x86_64 = registers;
	struct pt_regs___aarch64 *arm64 = registers;
	long number = -1;

	if (bpf_core_field_exists(x86_64->orig_ax))
		number = (int)x86_64->orig_ax;
	else if (bpf_core_field_exists(arm64->syscallno))
		number = arm64->syscallno;
	return call_of(number, task);
}

static __always_inline __u64 first_argument(void *registers, __s32 call)
{
	struct pt_regs___x86_64 *x86_64 = registers;
	struct pt_regs___aarch64 *arm64 = registers;

	if (bpf_core_field_exists(x86_64->di))
		return call < SYSCALL_NUMBERS ? x86_64->di : x86_64->bx;
	if (bpf_core_field_exists(arm64->orig_x0))
		return arm64->orig_x0;
	return -1;
}

/* Whether a new task returns here from the call that made it, which was its parent's. */
static __always_inline bool is_birth(void *registers, struct task_struct *task, long result)
{
	return result == 0 && kind_of(call_in_registers(registers, task)) & CALL_BIRTH;
}

/* A sum that stands for all calls, where only some are measured. */
static __always_inline __u64 scaled(__u64 nanoseconds)
{
	return sample_rate < 100 ? nanoseconds * 100 / sample_rate : nanoseconds;
}

/* Whether the latency of the next call is measured: sample_rate of every 100. */
static __always_inline bool is_measured(struct cpu_record *current)
{
	if (sample_rate >= 100)
		return true;
	__u32 sampling = current->sampling + sample_rate;
	bool measured = sampling >= 100;

	current->sampling = measured ? sampling - 100 : sampling;
	return measured;
}

/* Whether all collectors are denied for which calls are followed, and that are on: `served` has their bits. */
static __always_inline bool is_unwanted(__u32 denied, __u32 served)
{
	return filtering && (denied & served) == served;
}

/* Notes a call of which nobody wants to know. */
static __always_inline void begin_unwanted_call(struct cpu_record *current)
{
	current->syscall = UNWANTED;
	current->entered = 0;
}

/* Notes the call that begins; `file` is the type of the file that it works on. */
static __always_inline void begin_call(struct cpu_record *current, __s32 call, __u32 file, bool wanted)
{
	current->syscall = call | file << PENDING_FILE_SHIFT;
	current->entered = wanted && is_measured(current) ? bpf_ktime_get_ns() : 0;
}

/* How a call ended. */
struct ended_call {
	__s32 call; /* -1: nothing to count */
	__u32 file;
	__u64 nanoseconds; /* 0: not measured */
};

/* The call that is pending, without a time. */
static __always_inline struct ended_call pending_call(__s32 pending)
{
	return (struct ended_call){ .call = pending & ((1 << PENDING_FILE_SHIFT) - 1), .file = pending >> PENDING_FILE_SHIFT & 7 };
}

static __always_inline struct ended_call end_call(struct cpu_record *current, void *registers, long result)
{
	struct ended_call ended = { .call = -1 };
	__s32 pending = current->syscall;
	struct task_struct *task = running_task();

	current->syscall = NO_SYSCALL;
	/* Between tfo_fork and tfo_sys_exit at the attach a birth can go unseen: then it is a call of its own. */
	if (pending == FORKED && is_birth(registers, task, result))
		return ended;
	if (pending < 0) {
		/* Not known when it began, or wanted only since. */
		ended.call = call_in_registers(registers, task);
		count_loss(LOSS_START_MISSING);
		return ended;
	}
	ended = pending_call(pending);
	if (current->entered)
		ended.nanoseconds = bpf_ktime_get_ns() - current->entered;
	return ended;
}
