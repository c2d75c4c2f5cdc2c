/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Where the state of tasks is kept, and what the kernel offers: with the tasks
 * themselves, typed pointers, atomics. Linux 5.13 and later.
 *
 * storage/hash.h has the same names for earlier kernels; handlers use nothing else.
 */
#pragma once

#include "../casts.h"
#include "../loss.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tfo_tasks SEC(".maps");

/* A field of a struct of the kernel, however deep. */
#define READ(pointer, field) ((pointer)->field)

/* A field of the `structure` at an address that is a mere number. */
#define READ_AT(address, structure, field)                                         \
	(CAN_CAST ? CAST(address, structure)->field                               \
		  : BPF_CORE_READ((struct structure *)(address), field))

/* Changes the word from one value to the other; false where it was another, or where somebody else
 * changed it just then. The lock is a number that only those have in common who change the word. */
#define SWAP(word, lock, from, to) (__sync_val_compare_and_swap(&(word), (from), (to)) == (from))

#define LOCK_SLOTS 0
#define LOCK_WAY(page, bucket, way) 0
#define LOCK_TASK(task) 0
#define LOCK_ROW(identity) 0

/* Stores what was zero. Whoever sees it sees all that was stored before. */
#define PUBLISH(word, value) ((void)__sync_lock_test_and_set(&(word), (value)))

/* Adds, and orders all that is stored before it before all that is stored after it. */
#define ADD_AND_FENCE(word, amount)                                         \
	({                                                                  \
		__u32 before = __sync_fetch_and_add(&(word), (amount));     \
		/* An unused result would make it an add without a fence. */ \
		barrier_var(before);                                        \
	})

static __always_inline struct task_struct *running_task(void)
{
	return bpf_get_current_task_btf();
}

/* The state of a task; NULL where it has none yet. */
static __always_inline struct task_state *known_task(struct task_struct *task)
{
	return bpf_task_storage_get(&tfo_tasks, task, NULL, 0);
}

/* The state of a task, made where it has none; NULL where there is no memory. */
static __always_inline struct task_state *state_of_task(struct task_struct *task)
{
	return bpf_task_storage_get(&tfo_tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);

	return socket ? socket->sk : NULL;
}
