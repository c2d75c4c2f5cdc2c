/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Syscalls per process and number: calls, time from entry to return, errors.
 *
 * Counted at the return, under the number noted at the entry: at the return of
 * rt_sigreturn the registers hold -1. A call that is pending at the attach has
 * no entry; it counts under the number in its registers, without a time.
 */
#pragma once

#include "../current.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_syscalls = true;

/* -4095..-1 is an error. Four of them never reach user space: the call is entered again, or ends as EINTR. */
#define MAX_ERRNO 4095
#define is_restart(result) ((result) >= -516 && (result) <= -512 && (result) != -515)

static __always_inline void syscall_entered(long number)
{
	struct current *current = current_task();

	if (!current)
		return;
	current->syscall = number >= 0 && number < OTHER_SYSCALL ? number : OTHER_SYSCALL;
	current->entered = bpf_ktime_get_ns();
}

static __always_inline __s32 number_in_registers(void *registers)
{
	struct pt_regs___x86_64 *x86_64 = registers;
	struct pt_regs___arm64 *arm64 = registers;
	long number = -1;

	if (bpf_core_field_exists(x86_64->orig_ax))
		number = BPF_CORE_READ(x86_64, orig_ax);
	else if (bpf_core_field_exists(arm64->syscallno))
		number = BPF_CORE_READ(arm64, syscallno);
	return number >= 0 && number < OTHER_SYSCALL ? number : OTHER_SYSCALL;
}

/* Whether a new task returns here from the call that made it, which was its parent's. */
static __always_inline bool is_birth(void *registers, long result)
{
	__s32 number = number_in_registers(registers);

	return result == 0 && (number == clone_number || number == clone3_number || number == fork_number ||
			       number == vfork_number || number == OTHER_SYSCALL);
}

static __always_inline void syscall_returned(void *registers, long result)
{
	struct current *current = current_task();

	if (!current)
		return;
	__s32 number = current->syscall;
	__u64 nanoseconds = 0;

	/* Between tfo_fork and tfo_sys_exit at the attach a birth can go unseen: then it is a call of its own. */
	if (number == FORKED && is_birth(registers, result)) {
		current->syscall = NO_SYSCALL;
		return;
	}
	if (number >= 0) {
		nanoseconds = bpf_ktime_get_ns() - current->entered;
	} else {
		number = number_in_registers(registers);
		count_loss(LOSS_START_MISSING);
	}
	current->syscall = NO_SYSCALL;
	struct cell *cell = cell_of(current->identity, number, current->stripe);

	if (!cell)
		return;
	ADD(cell->count, 1);
	ADD(cell->nanoseconds, nanoseconds);
	/* rt_sigreturn returns the register that the signal interrupted. */
	if (result < 0 && result >= -MAX_ERRNO && !is_restart(result) && number != rt_sigreturn)
		ADD(cell->errors, 1);
}
