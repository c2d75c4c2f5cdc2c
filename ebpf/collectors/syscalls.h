/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Syscalls per process and number: calls, time from entry to return, errors by errno.
 *
 * Counted at the return, under the number noted at the entry: at the return of
 * rt_sigreturn the registers hold -1. A call that is pending at the attach has
 * no entry; it counts under the number in its registers, without a time. One that
 * never returns (exit, or whatever a kill interrupts) counts when its thread ends.
 */
#pragma once

#include "../calls.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_syscalls = true;
const volatile bool syscall_histograms = false;

static __always_inline void count_syscall(struct cpu_record *current, __u64 identity, __u32 call, __u8 kind, __u64 nanoseconds,
					  long result)
{
	struct cell *cell = cell_of(owner_with(identity), INDEX_SYSCALL + call, current->stripe);

	if (!cell)
		return;
	bool alone = counts_alone(current, identity);

	ADD_ALONE(alone, cell->count, 1);
	ADD_ALONE(!preemptible, current->counted[COLLECTOR_SYSCALLS], 1);
	if (nanoseconds) {
		ADD_ALONE(alone, cell->nanoseconds, scaled(nanoseconds));
		if (syscall_histograms)
			observe(identity, INDEX_SYSCALL + call, nanoseconds, current->stripe);
	} else if (sample_rate < 100) {
		ADD(current->loss[LOSS_SAMPLED], 1);
	}
	if (is_error(result) && !(kind & CALL_SIGRETURN))
		count_error(cell, identity, INDEX_SYSCALL + call, -result, current->stripe);
}
