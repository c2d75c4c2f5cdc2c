// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * The seed's design, for comparison only: per-TID hash maps for what is pending,
 * plain hash maps with atomic adds for what is counted, classic tracepoints.
 * Written as described, without its gaps: what it never wrote is not measured.
 */
#include "../kernel_types.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_ANY = 0,
};

#define SEED_HASH(name, key_type, value_type)           \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_HASH);        \
		__uint(max_entries, 10240);             \
		__type(key, key_type);                  \
		__type(value, value_type);              \
	} name SEC(".maps")

struct pending {
	__u64 entered;
	__u64 number;
};

struct syscall_key {
	__u32 pid;
	__u32 number;
};

struct syscall_totals {
	__u64 count;
	__u64 latency_ns;
	__u64 errors;
};

struct switch_totals {
	__u64 switches;
	__u64 runq_ns;
	__u64 oncpu_ns;
};

SEED_HASH(pending, __u32, struct pending);
SEED_HASH(syscall_totals, struct syscall_key, struct syscall_totals);
SEED_HASH(woken_at, __u32, __u64);
SEED_HASH(running_since, __u32, __u64);
SEED_HASH(switch_totals, __u32, struct switch_totals);

struct sys_enter_args {
	__u64 common;
	__s64 number;
	__u64 args[6];
};

struct sys_exit_args {
	__u64 common;
	__s64 number;
	__s64 result;
};

SEC("tracepoint/raw_syscalls/sys_enter")
int seed_sys_enter(struct sys_enter_args *args)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct pending entry = {.entered = bpf_ktime_get_ns(), .number = args->number};

	bpf_map_update_elem(&pending, &tid, &entry, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int seed_sys_exit(struct sys_exit_args *args)
{
	__u64 both = bpf_get_current_pid_tgid();
	__u32 tid = both;
	struct pending *entry = bpf_map_lookup_elem(&pending, &tid);

	if (!entry)
		return 0;
	__u64 latency = bpf_ktime_get_ns() - entry->entered;
	struct syscall_key key = {.pid = both >> 32, .number = entry->number};
	struct syscall_totals *totals = bpf_map_lookup_elem(&syscall_totals, &key);

	if (totals) {
		__sync_fetch_and_add(&totals->count, 1);
		__sync_fetch_and_add(&totals->latency_ns, latency);
		if (args->result < 0)
			__sync_fetch_and_add(&totals->errors, 1);
	} else {
		struct syscall_totals first = {1, latency, args->result < 0};

		bpf_map_update_elem(&syscall_totals, &key, &first, BPF_ANY);
	}
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

struct sched_switch_args {
	__u64 common;
	char prev_comm[16];
	__s32 prev_pid;
	__s32 prev_prio;
	__s64 prev_state;
	char next_comm[16];
	__s32 next_pid;
	__s32 next_prio;
};

struct sched_wakeup_args {
	__u64 common;
	char comm[16];
	__s32 pid;
	__s32 prio;
	__s32 target_cpu;
};

SEC("tracepoint/sched/sched_wakeup")
int seed_wakeup(struct sched_wakeup_args *args)
{
	__u32 tid = args->pid;
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&woken_at, &tid, &now, BPF_ANY);
	return 0;
}

static __always_inline void add(__u32 tid, __u64 switches, __u64 runq_ns, __u64 oncpu_ns)
{
	struct switch_totals *totals = bpf_map_lookup_elem(&switch_totals, &tid);

	if (totals) {
		if (switches)
			__sync_fetch_and_add(&totals->switches, switches);
		if (runq_ns)
			__sync_fetch_and_add(&totals->runq_ns, runq_ns);
		if (oncpu_ns)
			__sync_fetch_and_add(&totals->oncpu_ns, oncpu_ns);
	} else {
		struct switch_totals first = {switches, runq_ns, oncpu_ns};

		bpf_map_update_elem(&switch_totals, &tid, &first, BPF_ANY);
	}
}

SEC("tracepoint/sched/sched_switch")
int seed_switch(struct sched_switch_args *args)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 out = args->prev_pid, in = args->next_pid;

	if (out) {
		__u64 *since = bpf_map_lookup_elem(&running_since, &out);

		add(out, 1, 0, since ? now - *since : 0);
		if (since)
			bpf_map_delete_elem(&running_since, &out);
		if (args->prev_state == 0)
			bpf_map_update_elem(&woken_at, &out, &now, BPF_ANY);
	}
	if (in) {
		bpf_map_update_elem(&running_since, &in, &now, BPF_ANY);
		__u64 *woken = bpf_map_lookup_elem(&woken_at, &in);

		if (woken) {
			add(in, 0, now - *woken, 0);
			bpf_map_delete_elem(&woken_at, &in);
		}
	}
	return 0;
}
