/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Page faults per process, split by what the kernel really did: the task's own
 * counters, which getrusage shows too, are differenced. They move when a fault
 * has been dealt with; the hook fires when one in kernel mode begins.
 *
 * Faults in user mode are the many, and have no hook: they are what the counters
 * moved by beyond those of the kernel. A task's faults are counted where it
 * leaves its CPU, and before and after faults of the kernel.
 */
#pragma once

#include "fileio.h"
#include "syscalls.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_memory = true;

/* Whether it is known of a task that it is in a call. */
#define FOLLOWS_CALLS (collect_syscalls || collect_fileio)

/* Of a task, in its state; in the record only for tfo_sys_exit to see quickly. */
#define FAULT_NONE 0
#define FAULT_KERNEL 1 /* a fault in kernel mode has begun: one of the next belongs to the kernel */
#define FAULT_SLEPT 2  /* the same, and the task has slept since: it is a major one, if there is one */
#define FAULT_IN_CALL 3 /* it has begun within a call: all until the call returns belong to the kernel */

/* Faults that belong to the kernel, of those that were completed since the last look. */
static __always_inline void split(__u16 fault, __u32 minors, __u32 majors, struct memory_counters *faults)
{
	faults->minor_user = minors;
	faults->major_user = majors;
	if (FOLLOWS_CALLS && fault == FAULT_IN_CALL) {
		faults->minor_kernel = minors;
		faults->major_kernel = majors;
	} else if (fault != FAULT_NONE && majors && (fault == FAULT_SLEPT || !minors)) {
		faults->major_kernel = 1;
	} else if (fault != FAULT_NONE) {
		faults->minor_kernel = 1;
	}
	faults->minor_user -= faults->minor_kernel;
	faults->major_user -= faults->major_kernel;
}

/* Counts the faults that the task has completed since the last look; true if there are any. */
static __always_inline bool settle_faults(struct cpu_record *current, struct task_struct *task, struct task_state *state)
{
	__u32 minor = READ(task, min_flt), major = READ(task, maj_flt);
	__u32 minors = minor - state->minor, majors = major - state->major;
	struct memory_counters faults = {};

	if (!minors && !majors)
		return false;
	split(state->fault, minors, majors, &faults);
	/* The state first: whoever reads between the two sees too little, for a moment, never too much. */
	*(volatile __u32 *)&state->minor = minor;
	*(volatile __u32 *)&state->major = major;
	if (is_denied(state->identity, COLLECTOR_MEMORY))
		return true;
	struct slot_counters *slot = slot_counters(state->identity, current->stripe);

	if (!slot)
		return true;
	if (faults.minor_user)
		ADD(slot->memory.minor_user, faults.minor_user);
	if (faults.minor_kernel)
		ADD(slot->memory.minor_kernel, faults.minor_kernel);
	if (faults.major_user)
		ADD(slot->memory.major_user, faults.major_user);
	if (faults.major_kernel)
		ADD(slot->memory.major_kernel, faults.major_kernel);
	ADD(current->counted[COLLECTOR_MEMORY], minors + majors);
	return true;
}

static __always_inline void note_fault(struct cpu_record *current, struct task_state *state, __u16 fault)
{
	state->fault = fault;
	current->fault = fault;
}

/* The task leaves its CPU, perhaps in the middle of a fault. */
static __always_inline void faults_switched_out(struct cpu_record *current, struct task_struct *task, struct task_state *state)
{
	bool completed = settle_faults(current, task, state);

	if (state->fault != FAULT_NONE && !(FOLLOWS_CALLS && state->fault == FAULT_IN_CALL))
		note_fault(current, state, completed ? FAULT_NONE : FAULT_SLEPT);
}

/* A fault in kernel mode begins. */
static __always_inline void kernel_faults(struct cpu_record *current)
{
	struct task_struct *task = running_task();
	struct task_state *state = known_task(task);

	if (!state || !state->identity)
		return;
	settle_faults(current, task, state);
	note_fault(current, state, FOLLOWS_CALLS && (current->syscall >= 0 || current->syscall == UNWANTED) ? FAULT_IN_CALL : FAULT_KERNEL);
}

/* A call returns in which the kernel took a fault. Its faults end with it. */
__noinline int faults_of_call_end(void)
{
	struct cpu_record *current = this_cpu();
	struct task_struct *task = running_task();
	struct task_state *state = known_task(task);

	if (!current || !state)
		return 0;
	settle_faults(current, task, state);
	note_fault(current, state, FAULT_NONE);
	return 0;
}

/* Faults of a running task that are not counted yet: none where that would be to guess at their mode, or they are
 * being counted right now. */
static __always_inline void running_faults(struct task_struct *task, struct task_state *state, __u64 *minors, __u64 *majors)
{
	volatile __u32 *minor = &state->minor, *major = &state->major;
	__u32 minor_before = *minor, major_before = *major;
	__u32 minor_now = READ(task, min_flt), major_now = READ(task, maj_flt);

	if (*(volatile __u16 *)&state->fault != FAULT_NONE || *minor != minor_before || *major != major_before)
		return;
	*minors = minor_now - minor_before;
	*majors = major_now - major_before;
}

/* Called in the last switch of a process. */
static __always_inline void process_ended(struct cpu_record *current, struct task_struct *task, __u64 identity)
{
	if (!BPF_CORE_READ(task, signal, oom_mm))
		return;
	struct cell *cell = cell_of(owner_with(identity), INDEX_OOM_KILL, current->stripe);

	if (cell)
		ADD(cell->count, 1);
}
