/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Counters of (life, index), and where an event goes that finds none.
 */
#pragma once

#include "threads.h"

static __always_inline struct cell *find_cell(struct cpu_record *record, __u64 life, __u32 index)
{
	struct cell_key key = { .life = life, .index = index };
	struct cell *cell = bpf_map_lookup_elem(&tfo_cells, &key);

	if (cell)
		return cell;
	struct cell empty = {};

	if (bpf_map_update_elem(&tfo_cells, &key, &empty, BPF_NOEXIST) == 0)
		ADD(record->counted[COUNTED_CELLS], 1);
	return bpf_map_lookup_elem(&tfo_cells, &key);
}

/* Counters of (life, plain index): there are always some. */
static __always_inline struct cell *cell_of(struct cpu_record *record, __u64 life, __u32 index)
{
	if (life != OVERFLOW_LIFE) {
		struct cell *cell = find_cell(record, life, index);

		if (cell)
			return cell;
		count_loss(record, LOSS_CELL_FOLDED);
	}
	return bpf_map_lookup_elem(&tfo_overflow, &index);
}

/* Counts an error of `index` by errno; in `cell`, the index's own, where there is no place for that. */
static __always_inline void count_error(struct cpu_record *record, struct cell *cell, __u64 life, __u32 index,
					__u32 errno)
{
	__u32 detail = errno < MAX_ERRNO_DETAIL ? errno : MAX_ERRNO_DETAIL;
	struct cell *error = life == OVERFLOW_LIFE ? NULL : find_cell(record, life, index | detail << DETAIL_SHIFT);

	if (error)
		ADD(error->count, 1);
	else
		ADD(cell->errors, 1);
}
