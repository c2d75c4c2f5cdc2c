/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The maps of the tracepoint tier: types and flags that 4.15 has. All hashes are preallocated, since programs run
 * under locks where memory must not be asked for; their sizes are the agent's.
 */
#pragma once

#include "abi.h"
#include "settings.h"

#define SIZED_MAP(name, kind, entries, key_type, value_type) \
	struct {                                             \
		__uint(type, kind);                          \
		__uint(max_entries, entries);                \
		__type(key, key_type);                       \
		__type(value, value_type);                   \
	} name SEC(".maps")

SIZED_MAP(tfo_lives, BPF_MAP_TYPE_HASH, 1, __u32, __u64);                     /* the present life of each tgid */
SIZED_MAP(tfo_processes, BPF_MAP_TYPE_HASH, 1, __u64, struct life_entry);
SIZED_MAP(tfo_threads, BPF_MAP_TYPE_HASH, 1, __u32, struct thread_entry);     /* by pid */
SIZED_MAP(tfo_cells, BPF_MAP_TYPE_HASH, 1, struct cell_key, struct cell);
SIZED_MAP(tfo_sockets, BPF_MAP_TYPE_HASH, 1, __u64, struct socket_entry);
SIZED_MAP(tfo_listeners, BPF_MAP_TYPE_HASH, 4096, __u32, __u64);              /* who listens, by port */
SIZED_MAP(tfo_cpus, BPF_MAP_TYPE_ARRAY, 1, __u32, struct cpu_record);         /* by CPU */
SIZED_MAP(tfo_overflow, BPF_MAP_TYPE_ARRAY, PLAIN_INDICES, __u32, struct cell);
SIZED_MAP(tfo_calls, BPF_MAP_TYPE_ARRAY, SYSCALL_NUMBERS, __u32, __u32);      /* what calls are, by number */
SIZED_MAP(tfo_learned, BPF_MAP_TYPE_ARRAY, 1, __u32, __u64);                  /* see scheduler.h */

/* Exact whoever else adds: another CPU, an interrupt. */
#define ADD(counter, amount) __sync_fetch_and_add(&(counter), (amount))
