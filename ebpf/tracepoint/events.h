/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The fields of tracepoints that are read. Where they stand differs between kernels and distributions: the agent reads
 * tracefs's `format` of each, writes structs of these names, and every access is relocated against those. Integers are
 * without sign here as there, since a relocated load may be of another size.
 */
#pragma once

#include "../kernel_types.h"

struct event_sys_enter {
	__u64 id;
} CORE;

struct event_sys_exit {
	__u64 id;
	__u64 ret;
} CORE;

struct event_sched_switch {
	__u32 prev_pid;
	__u64 prev_state;
	__u32 next_pid;
} CORE;

struct event_sched_wakeup {
	__u32 pid;
} CORE;

struct event_sched_wakeup_new {
	__u32 pid;
} CORE;

struct event_sched_migrate_task {
	__u32 pid;
	__u32 orig_cpu;
	__u32 dest_cpu;
} CORE;

struct event_sched_process_exit {
	__u32 pid;
} CORE;

struct event_sched_process_exec {
	__u32 pid;
	__u32 old_pid;
} CORE;

struct event_task_newtask {
	__u32 pid;
	__u64 clone_flags;
} CORE;

struct event_task_rename {
	__u32 pid;
	char newcomm[16];
} CORE;

struct event_mark_victim {
	__u32 pid;
} CORE;

/* In 4.15 it is tcp_set_state, which has no protocol: all are TCP there. */
struct event_inet_sock_set_state {
	__u64 skaddr;
	__u32 oldstate;
	__u32 newstate;
	__u16 sport;
	__u16 protocol;
	__u8 daddr_v6[16];
} CORE;

struct event_tcp_retransmit_skb {
	__u64 skaddr;
	__u32 err; /* since 6.15 */
} CORE;

struct event_tcp_retransmit_synack {
	__u64 skaddr;
} CORE;

#define CLONE_THREAD 0x10000
