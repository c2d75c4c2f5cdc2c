/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * File I/O per process, operation and type of file: operations, bytes, time,
 * errors by errno. It rides on the syscalls' hooks.
 *
 * The type is looked up at the entry, since another thread may close the
 * descriptor while the call sleeps; of an open, at the return.
 */
#pragma once

#include "../calls.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_fileio = true;
const volatile bool fileio_histograms = false;

/* By call: 0, or 1 + the operation. Filled by the agent from its tables of names. */
const volatile __u8 file_operations[2 * SYSCALL_NUMBERS] = {};

static __always_inline enum file_type type_of_mode(__u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return FILE_REGULAR;
	case S_IFDIR:
		return FILE_DIRECTORY;
	case S_IFCHR:
		return FILE_CHARACTER_DEVICE;
	case S_IFBLK:
		return FILE_BLOCK_DEVICE;
	case S_IFIFO:
		return FILE_PIPE;
	case S_IFSOCK:
		return FILE_SOCKET;
	}
	return FILE_OTHER;
}

/* The open file behind a descriptor of the running task; NULL where there is none. */
static __always_inline struct file *file_of(struct task_struct *task, __u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files;
	struct file *file = NULL;

	if (!table || descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	return file;
}

static __always_inline __u32 file_type(struct task_struct *task, __u32 descriptor)
{
	struct file *file = file_of(task, descriptor);

	return file ? type_of_mode(BPF_CORE_READ(file, f_inode, i_mode)) : FILE_UNKNOWN;
}

static __always_inline bool is_file_call(__s32 call)
{
	return file_operations[call & (2 * SYSCALL_NUMBERS - 1)];
}

/* What begin_call is to note of a file call: the type of its file. */
static __always_inline __u32 file_of_call(void *registers, struct task_struct *task, __s32 call)
{
	if (file_operations[call & (2 * SYSCALL_NUMBERS - 1)] == 1 + FILE_OPEN)
		return FILE_UNKNOWN;
	return file_type(task, first_argument(registers, call));
}

static __always_inline void file_call_ended(struct cpu_record *current, __u64 identity, struct ended_call *ended, long result)
{
	__u32 operation = file_operations[ended->call & (2 * SYSCALL_NUMBERS - 1)];
	__u32 type = ended->file & 7;

	/* One that the kernel will enter again is not an operation yet. */
	if (!operation || is_restart(result))
		return;
	operation -= 1;
	if (operation == FILE_OPEN && result >= 0)
		type = file_type(running_task(), result);
	__u32 index = INDEX_FILE | operation << 3 | type;
	struct cell *cell = cell_of(identity, index, current->stripe);

	if (!cell)
		return;
	ADD(cell->count, 1);
	ADD(current->counted[COLLECTOR_FILEIO], 1);
	if (operation <= FILE_WRITE && result > 0)
		ADD(cell->bytes, result);
	if (ended->nanoseconds) {
		ADD(cell->nanoseconds, scaled(ended->nanoseconds));
		if (fileio_histograms)
			observe(identity, index, ended->nanoseconds, current->stripe);
	}
	if (is_error(result))
		count_error(cell, identity, index, -result, current->stripe);
}
