/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Page faults, by the kernel's own software events: one for each fault that it has completed, when it knows what it
 * took. Those that it makes for itself on behalf of a task, pinning pages, have no event.
 */
#pragma once

#include "calls.h"

/* What a program on a perf event gets: the registers where the fault came. */
struct fault_context {
#ifdef __TARGET_ARCH_arm64
	__u64 before[33];
	__u64 pstate;
#else
	__u64 before[17];
	__u64 cs;
#endif
};

static __always_inline bool in_user_mode(struct fault_context *context)
{
#ifdef __TARGET_ARCH_arm64
	return (context->pstate & 0xf) == 0;
#else
	return (context->cs & 3) == 3;
#endif
}

static __always_inline int faulted(struct fault_context *context, bool major)
{
	struct cpu_record *record = this_cpu();
	bool user = in_user_mode(context);

	if (!record)
		return 0;
	struct run run = {};

	/* Major ones take so long that nobody asks what counting them costs. */
	if (!major)
		run = begin_run(record, PROGRAM_FAULT_MINOR);
	struct life_entry *process = process_of(life_of_thread(current_thread(record)));

	if (process) {
		struct memory_counters *memory = &process->counters.memory;

		if (user && major)
			ADD(memory->major_user, 1);
		else if (user)
			ADD(memory->minor_user, 1);
		else if (major)
			ADD(memory->major_kernel, 1);
		else
			ADD(memory->minor_kernel, 1);
		ADD(record->counted[COLLECTOR_MEMORY], 1);
	}
	end_run(&run);
	/* Nobody reads samples. */
	return 0;
}

/* The kernel has chosen a process to kill for want of memory. */
static __always_inline void victim_marked(struct cpu_record *record, __u32 pid)
{
	struct thread_entry *thread = thread_of(pid);
	struct cell *cell = cell_of(record, life_of_thread(thread), INDEX_OOM_KILL);

	if (cell)
		ADD(cell->count, 1);
}
