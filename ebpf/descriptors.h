/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What is behind a descriptor of the running task: its file, the type of it.
 */
#pragma once

#include "calls.h"

/* To be read with READ_AT; NULL where there is none. */
static __always_inline struct file *file_of(__u32 descriptor)
{
	struct task_struct *task = running_task();
	struct files_struct *open = READ(task, files);
	struct fdtable *table = open ? READ(open, fdt) : NULL;

	if (!table || descriptor >= READ(table, max_fds))
		return NULL;
	struct file **files = READ(table, fd);

	/* A list_head begins with a pointer. */
	return (struct file *)READ_AT(files + descriptor, list_head, next);
}

/* The mode of the file's inode. */
static __always_inline __u32 mode_of(struct file *file)
{
	struct inode *inode = READ_AT(file, file, f_inode);

	return READ_AT(inode, inode, i_mode);
}

static __always_inline enum file_type file_type(__u32 descriptor)
{
	struct file *file = file_of(descriptor);
	__u32 mode = file ? mode_of(file) : 0;

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
	return file ? FILE_OTHER : FILE_UNKNOWN;
}
