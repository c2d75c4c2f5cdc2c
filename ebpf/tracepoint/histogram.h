/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The same buckets as ebpf/histogram_bucket.h has, without its table: in every octave of whole ns the four edges stand
 * at the same mantissas, 10^9 / 2^29.75 * 2^(step / 4), here in 63 binary places. A test (receiver-ebpf's
 * kernel/histogram.rs) asks this search too.
 */
#pragma once

#include "cells.h"
#include "histogram_bucket.h"

/* Puts a time above zero into the histogram of (life, plain index). */
static __always_inline void observe(struct cpu_record *record, __u64 life, __u32 index, __u64 nanoseconds)
{
	__u32 bucket = plain_histogram_bucket(nanoseconds);
	__u32 detail = DETAIL_OCTAVE + ((bucket >> 2) & 63);
	struct cell *cell = life == OVERFLOW_LIFE ? NULL : find_cell(record, life, index | detail << DETAIL_SHIFT);

	if (!cell) {
		count_loss(record, LOSS_BUCKET_FOLDED);
		return;
	}
	if ((bucket & 3) == 0)
		ADD(cell->count, 1);
	else if ((bucket & 3) == 1)
		ADD(cell->nanoseconds, 1);
	else if ((bucket & 3) == 2)
		ADD(cell->bytes, 1);
	else
		ADD(cell->errors, 1);
}
