/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * File I/O per process, operation and type of file: operations, bytes, time,
 * errors by errno. It rides on the syscalls' hooks.
 *
 * The type is looked up at the entry, since another thread may close the
 * descriptor while the call sleeps; of an open, at the return.
 */
#pragma once

#include "../descriptors.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_fileio = true;
const volatile bool fileio_histograms = false;

/* What begin_call is to note of a file call: the type of its file. */
static __always_inline __u32 file_of_call(void *registers, __s32 call, __u8 kind)
{
	if ((kind & CALL_OPERATION) == 1 + FILE_OPEN)
		return FILE_UNKNOWN;
	return file_type(first_argument(registers, call));
}

static __always_inline void file_call_ended(struct cpu_record *current, __u64 identity, struct ended_call *ended, __u8 kind,
					    long result)
{
	__u32 operation = (kind & CALL_OPERATION) - 1;
	__u32 type = ended->file;

	/* One that the kernel will enter again is not an operation yet. */
	if (is_restart(result))
		return;
	if (operation == FILE_OPEN && result >= 0)
		type = file_type(result);
	__u32 index = INDEX_FILE | operation << 3 | type;
	struct cell *cell = cell_of(owner_with(identity), index, current->stripe);

	if (!cell)
		return;
	bool alone = counts_alone(current, identity);

	ADD_ALONE(alone, cell->count, 1);
	ADD_ALONE(!preemptible, current->counted[COLLECTOR_FILEIO], 1);
	if (operation <= FILE_WRITE && result > 0)
		ADD_ALONE(alone, cell->bytes, result);
	if (ended->nanoseconds) {
		ADD_ALONE(alone, cell->nanoseconds, scaled(ended->nanoseconds));
		if (fileio_histograms)
			observe(identity, index, ended->nanoseconds, current->stripe);
	}
	if (is_error(result))
		count_error(cell, identity, index, -result, current->stripe);
}
