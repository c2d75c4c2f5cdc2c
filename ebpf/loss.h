/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The ledger: whatever loses detail is counted by reason. Rare, so one shared
 * atomic counter each will do.
 */
#pragma once

#include "maps.h"

static __noinline int count_loss(__u32 reason)
{
	__u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);

	if (control && reason < LOSS_REASONS)
		__sync_fetch_and_add(&control->loss[reason], 1);
	return 0;
}
