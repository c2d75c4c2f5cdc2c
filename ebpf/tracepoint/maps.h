/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The maps of the tracepoint tier: types and flags that 4.15 has. All hashes are preallocated, since programs run
 * under locks where memory must not be asked for; their sizes are the agent's.
 */
#pragma once

#include "abi.h"
#include "settings.h"

/* As maps were declared before BTF: one that names the types of its key and value is refused where BTF cannot be loaded,
 * before 4.18. */
struct map_definition {
	__u32 type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 map_flags;
};

#define MAP(name, kind, entries, key, value)         \
	struct map_definition name SEC("maps") = {   \
		.type = BPF_MAP_TYPE_##kind,         \
		.key_size = sizeof(key),             \
		.value_size = sizeof(value),         \
		.max_entries = entries,              \
	}

MAP(tfo_lives, HASH, 1, __u32, __u64); /* the present life of each tgid */
MAP(tfo_processes, HASH, 1, __u64, struct life_entry);
MAP(tfo_threads, HASH, 1, __u32, struct thread_entry); /* by pid */
MAP(tfo_cells, HASH, 1, struct cell_key, struct cell);
MAP(tfo_sockets, HASH, 1, __u64, struct socket_entry);
MAP(tfo_listeners, HASH, 4096, __u32, __u64); /* who listens, by port */
MAP(tfo_cpus, ARRAY, 1, __u32, struct cpu_record); /* by CPU */
MAP(tfo_overflow, ARRAY, PLAIN_INDICES, __u32, struct cell);
MAP(tfo_calls, ARRAY, SYSCALL_NUMBERS, __u32, __u32); /* what calls are, by number */
MAP(tfo_learned, ARRAY, 1, __u32, __u64); /* see scheduler.h */

/* Exact whoever else adds: another CPU, an interrupt. */
#define ADD(counter, amount) __sync_fetch_and_add(&(counter), (amount))
