// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * Tier 2: the same programs with state in hashes; Linux 5.8 to 5.12 with BTF.
 *
 * What tier 1 has from the kernel is done by a program here: the end of a task's entry.
 */
#include "../kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "../storage/hash.h"
#include "../tracing.h"

/* Nobody can find the task any more, and its memory goes next. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(tfo_task_free, struct task_struct *task)
{
	__u64 address = (__u64)task;

	bpf_map_delete_elem(&tfo_tasks, &address);
	return 0;
}
