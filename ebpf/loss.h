/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What a CPU keeps for itself: its record, and the ledger of whatever lost detail, by reason.
 */
#pragma once

#include "maps.h"

static __always_inline struct cpu_record *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&tfo_cpus, &cpu);
}

static __noinline int count_loss(__u32 reason)
{
	struct cpu_record *record = this_cpu();

	if (record && reason < LOSS_REASONS)
		ADD(record->loss[reason], 1);
	return 0;
}
