/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Page faults per process, split by what the kernel really did: the task's own
 * counters, which getrusage shows too, are differenced. They move when a fault
 * has been dealt with; the hooks fire when it begins, and tell its mode. So each
 * hook counts the fault before it, and a switch counts the last one.
 *
 * What the kernel faults in on behalf of the task without taking a fault (pinning
 * pages for I/O) moves the counters too, and counts as kernel mode.
 */
#pragma once

#include "../programs.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_memory = true;

/* Mode of the last fault, in the record and in the state. */
#define FAULT_NONE 0
#define FAULT_USER 1
#define FAULT_KERNEL 2

/* Counts the faults that the task has completed since the last look. */
static __always_inline void settle_faults(struct cpu_record *current, struct task_struct *task, __u64 identity)
{
	__u32 minor = READ(task, min_flt), major = READ(task, maj_flt);
	__u32 minors = minor - current->minor, majors = major - current->major;
	__u32 mode = current->fault;

	current->fault = FAULT_NONE;
	if (!minors && !majors)
		return;
	current->minor = minor;
	current->major = major;
	if (is_denied(identity, COLLECTOR_MEMORY))
		return;
	struct slot_counters *slot = slot_counters(identity, current->stripe);

	if (!slot)
		return;
	__u32 faults = minors + majors;

	/* A hook announces one fault. */
	if (mode == FAULT_USER && majors) {
		ADD(slot->memory.major_user, 1);
		majors--;
	} else if (mode == FAULT_USER) {
		ADD(slot->memory.minor_user, 1);
		minors--;
	}
	if (minors)
		ADD(slot->memory.minor_kernel, minors);
	if (majors)
		ADD(slot->memory.major_kernel, majors);
	ADD(current->counted[COLLECTOR_MEMORY], faults);
}

/* A fault begins. */
static __always_inline void faulted(struct cpu_record *current, __u32 mode)
{
	settle_faults(current, running_task(), current->identity);
	current->fault = mode;
}

/* Called in the last switch of a process. */
static __always_inline void process_ended(struct cpu_record *current, struct task_struct *task, __u64 identity)
{
	if (!BPF_CORE_READ(task, signal, oom_mm))
		return;
	struct cell *cell = cell_of(identity, INDEX_OOM_KILL, current->stripe);

	if (cell)
		ADD(cell->count, 1);
}
