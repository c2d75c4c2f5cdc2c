/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Where state is kept on kernels that cannot keep it with tasks and sockets, and
 * that have no atomics but adding: hashes by address. Linux 5.8 to 5.12.
 *
 * An address belongs to one task or socket from its birth until its memory is
 * freed, and the entry goes just before that (tiers/hash.bpf.c). So an entry is never another's, and nobody holds a pointer
 * to one that is gone. Both hashes are preallocated, since tfo_switch must not allocate
 * memory; what does not fit is counted as loss.
 */
#pragma once

#include "../loss.h"

#define ADDRESSED_HASH(name, entries, entry)                    \
	struct {                                                \
		__uint(type, BPF_MAP_TYPE_HASH);                \
		__uint(max_entries, entries);                   \
		__type(key, __u64);                             \
		__type(value, entry);                           \
	} name SEC(".maps")

ADDRESSED_HASH(tfo_tasks, 1, struct task_state);     /* as many as the agent says */
/* Words that somebody is changing right now: as many as there are CPUs and interrupts on them. */
ADDRESSED_HASH(tfo_locks, 4096, __u32);

#define READ(pointer, field) BPF_CORE_READ((pointer), field)
#define READ_AT(address, structure, field) BPF_CORE_READ((struct structure *)(address), field)

/* To put a key into a hash that must not be there yet is the one thing that only one of many can do. */
static __always_inline bool lock(__u64 key)
{
	__u32 held = 1;

	return bpf_map_update_elem(&tfo_locks, &key, &held, BPF_NOEXIST) == 0;
}

static __always_inline void unlock(__u64 key)
{
	bpf_map_delete_elem(&tfo_locks, &key);
}

/* Whoever has the lock looks and stores; whoever does not get it has lost, without waiting. */
#define SWAP(word, number, from, to)                                            \
	({                                                                      \
		volatile __typeof__(word) *swap_word = &(word);                 \
		__u64 swap_lock = (number);                                     \
		bool swapped = false;                                           \
		if (*swap_word == (from) && lock(swap_lock)) {                  \
			swapped = *swap_word == (from);                         \
			if (swapped)                                            \
				*swap_word = (to);                              \
			unlock(swap_lock);                                      \
		}                                                               \
		swapped;                                                        \
	})

/* Addresses in the kernel have all upper bits set, these have none. */
#define LOCK_SLOTS 1
#define LOCK_WAY(page, bucket, way) (1ull << 40 | (__u64)(page) << 20 | (bucket) << 3 | (way))
#define LOCK_TASK(task) ((__u64)(task))
#define LOCK_ROW(identity) (1ull << 41 | slot_of(identity))

#define PUBLISH(word, value) ADD(word, value)

#define ADD_AND_FENCE(word, amount) ADD(word, amount)

static __always_inline struct task_struct *running_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline struct task_state *known_task(struct task_struct *task)
{
	__u64 address = (__u64)task;

	return bpf_map_lookup_elem(&tfo_tasks, &address);
}

static __noinline int make_task_state(__u64 address)
{
	struct task_state state = {};

	return bpf_map_update_elem(&tfo_tasks, &address, &state, BPF_NOEXIST);
}

static __always_inline struct task_state *state_of_task(struct task_struct *task)
{
	struct task_state *state = known_task(task);

	if (state)
		return state;
	make_task_state((__u64)task);
	return known_task(task);
}

static __always_inline struct sock *sock_of_file(struct file *file)
{
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	struct socket *socket = READ(file, private_data);

	return socket ? READ(socket, sk) : NULL;
}
