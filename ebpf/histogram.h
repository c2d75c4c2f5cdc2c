/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Exponential histograms of times, in seconds at scale 2: four buckets an
 * octave. Four buckets make one cell, and only octaves that were met have one.
 */
#pragma once

#include "cells.h"
#include "histogram_bucket.h"

/* Whether cells are kept for counts: histograms go first. */
static __always_inline bool is_thrifty(void)
{
	__u32 zero = 0;
	struct control *control = bpf_map_lookup_elem(&tfo_control, &zero);

	return control && *(volatile __u64 *)&control->thrifty;
}

/* Puts a time above zero into the histogram of (identity, plain index). */
__noinline int observe(__u64 identity, __u32 index, __u64 nanoseconds, __u32 stripe)
{
	__u32 bucket = histogram_bucket(nanoseconds);
	__u32 detail = DETAIL_OCTAVE + ((bucket >> 2) & 63);
	struct cell *cell = find_cell(owner_with(identity), index | detail << DETAIL_SHIFT, stripe, !is_thrifty());

	if (!cell) {
		count_loss(LOSS_BUCKET_FOLDED);
		return 0;
	}
	__u64 *buckets = (__u64 *)cell;

	/* Not an index into the cell: the verifier knows these four better. */
	switch (bucket & 3) {
	case 0:
		ADD(buckets[0], 1);
		break;
	case 1:
		ADD(buckets[1], 1);
		break;
	case 2:
		ADD(buckets[2], 1);
		break;
	default:
		ADD(buckets[3], 1);
	}
	return 0;
}
