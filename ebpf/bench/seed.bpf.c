// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * The seed's design, for comparison only, all six sub-collectors: one hash map of
 * 10240 entries per thing counted, shared by all CPUs and added to atomically; hash
 * maps by thread for what is pending; a clock read at either end. Written as its
 * operations guide describes it, without its gaps: what it never wrote is not here.
 *
 * Its hooks are those that its guide asks for: tracepoints, as kernels from 4.15 on
 * have them, for system calls and page faults; where one needs the kernel's own
 * pointers (scheduler, sockets) it is given the cheaper BTF tracepoints. Where it
 * hangs on functions that are probed (files, connect, accept) the tracepoints of
 * those system calls stand in, because not every kernel has kprobes: like a probe
 * they cost other calls little, and come in pairs.
 */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

#define HASH(name, key_type, value_type)          \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_HASH);  \
		__uint(max_entries, 10240);       \
		__type(key, key_type);            \
		__type(value, value_type);        \
	} name SEC(".maps")

/* Adds to the entry of `key`, which the first event makes. */
#define ADD_OR_MAKE(map, key, add, ...)                                    \
	do {                                                               \
		typeof(&(typeof(*(map)->value)){}) totals =                \
			bpf_map_lookup_elem(map, &(key));                  \
		if (totals) {                                              \
			add;                                               \
		} else {                                                   \
			typeof(*(map)->value) first = {__VA_ARGS__};       \
			bpf_map_update_elem(map, &(key), &first, BPF_ANY); \
		}                                                          \
	} while (0)
#define ADD(field, more) __sync_fetch_and_add(&totals->field, more)

struct pending {
	__u64 entered;
	__u64 number;
};

struct pid_and {
	__u32 pid;
	__u32 what;
};

static __always_inline __u32 tid(void)
{
	return bpf_get_current_pid_tgid();
}

static __always_inline __u32 pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* -- syscalls ----------------------------------------------------------- */

struct syscall_totals {
	__u64 count;
	__u64 latency_ns;
	__u64 errors;
};

HASH(in_syscall, __u32, struct pending);
HASH(syscalls, struct pid_and, struct syscall_totals);

struct syscall_enter {
	__u64 common;
	__s64 number;
	__u64 args[6];
};

struct syscall_exit {
	__u64 common;
	__s64 number;
	__s64 result;
};

SEC("tracepoint/raw_syscalls/sys_enter")
int seed_sys_enter(struct syscall_enter *args)
{
	__u32 thread = tid();
	struct pending entry = {bpf_ktime_get_ns(), args->number};

	bpf_map_update_elem(&in_syscall, &thread, &entry, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int seed_sys_exit(struct syscall_exit *args)
{
	__u64 both = bpf_get_current_pid_tgid();
	__u32 thread = both;
	struct pending *entry = bpf_map_lookup_elem(&in_syscall, &thread);

	if (!entry)
		return 0;
	__u64 latency = bpf_ktime_get_ns() - entry->entered;
	struct pid_and key = {both >> 32, entry->number};
	int failed = args->result < 0;

	ADD_OR_MAKE(&syscalls, key, {
		ADD(count, 1);
		ADD(latency_ns, latency);
		if (failed)
			ADD(errors, 1);
	}, 1, latency, failed);
	bpf_map_delete_elem(&in_syscall, &thread);
	return 0;
}

/* -- files -------------------------------------------------------------- */

struct file_totals {
	__u64 operations;
	__u64 bytes;
	__u64 latency_ns;
};

enum { READ, WRITE, OPEN, FSYNC };

HASH(in_file, __u32, struct pending);
HASH(files, struct pid_and, struct file_totals);

static __always_inline int file_enter(__u64 operation)
{
	__u32 thread = tid();
	struct pending entry = {bpf_ktime_get_ns(), operation};

	bpf_map_update_elem(&in_file, &thread, &entry, BPF_ANY);
	return 0;
}

static __always_inline int file_exit(struct syscall_exit *args, int has_bytes)
{
	__u64 both = bpf_get_current_pid_tgid();
	__u32 thread = both;
	struct pending *entry = bpf_map_lookup_elem(&in_file, &thread);

	if (!entry)
		return 0;
	__u64 latency = bpf_ktime_get_ns() - entry->entered;
	struct pid_and key = {both >> 32, entry->number};
	__u64 bytes = has_bytes && args->result > 0 ? args->result : 0;

	ADD_OR_MAKE(&files, key, {
		ADD(operations, 1);
		ADD(latency_ns, latency);
		if (bytes)
			ADD(bytes, bytes);
	}, 1, bytes, latency);
	bpf_map_delete_elem(&in_file, &thread);
	return 0;
}

#define FILE_CALL(name, operation)                                \
	SEC("tracepoint/syscalls/sys_enter_" #name)               \
	int seed_in_##name(struct syscall_enter *args)            \
	{                                                         \
		return file_enter(operation);                     \
	}                                                         \
	SEC("tracepoint/syscalls/sys_exit_" #name)                \
	int seed_out_##name(struct syscall_exit *args)            \
	{                                                         \
		return file_exit(args, (operation) <= WRITE);     \
	}

FILE_CALL(read, READ)
FILE_CALL(pread64, READ)
FILE_CALL(readv, READ)
FILE_CALL(write, WRITE)
FILE_CALL(pwrite64, WRITE)
FILE_CALL(writev, WRITE)
FILE_CALL(openat, OPEN)
FILE_CALL(fsync, FSYNC)

/* -- network ------------------------------------------------------------ */

struct network_totals {
	__u64 tcp_bytes_sent;
	__u64 tcp_bytes_recv;
	__u64 udp_packets_sent;
	__u64 udp_packets_recv;
	__u64 tcp_connections;
	__u64 tcp_retransmits;
	__u64 tcp_rtt_ns;
};

enum { TCP = 6 };

HASH(network, __u32, struct network_totals);

SEC("tp_btf/sock_send_length")
int seed_send(__u64 *args)
{
	struct sock *sock = (void *)args[0];
	__s32 bytes = args[1];
	__u32 key = pid();
	int tcp = sock->sk_protocol == TCP;

	if (bytes < 0)
		return 0;
	ADD_OR_MAKE(&network, key, {
		if (tcp)
			ADD(tcp_bytes_sent, bytes);
		else
			ADD(udp_packets_sent, 1);
	}, .tcp_bytes_sent = tcp ? bytes : 0, .udp_packets_sent = !tcp);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int seed_recv(__u64 *args)
{
	struct sock *sock = (void *)args[0];
	__s32 bytes = args[1];
	__u32 key = pid();
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sock);
	__u64 rtt = tcp ? (tcp->srtt_us >> 3) * 1000ull : 0;

	if (bytes < 0)
		return 0;
	ADD_OR_MAKE(&network, key, {
		if (tcp) {
			ADD(tcp_bytes_recv, bytes);
			totals->tcp_rtt_ns = rtt;
		} else {
			ADD(udp_packets_recv, 1);
		}
	}, .tcp_bytes_recv = tcp ? bytes : 0, .udp_packets_recv = !tcp, .tcp_rtt_ns = rtt);
	return 0;
}

static __always_inline int connected(void)
{
	__u32 key = pid();

	ADD_OR_MAKE(&network, key, ADD(tcp_connections, 1), .tcp_connections = 1);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int seed_connect(struct syscall_exit *args)
{
	return args->result == 0 ? connected() : 0;
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int seed_accept(struct syscall_exit *args)
{
	return args->result >= 0 ? connected() : 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int seed_retransmit(__u64 *args)
{
	__u32 key = pid();

	ADD_OR_MAKE(&network, key, ADD(tcp_retransmits, 1), .tcp_retransmits = 1);
	return 0;
}

/* -- scheduler ---------------------------------------------------------- */

struct switch_totals {
	__u64 switches;
	__u64 runq_ns;
	__u64 oncpu_ns;
	__u64 migrations;
};

HASH(woken_at, __u32, __u64);
HASH(running_since, __u32, __u64);
HASH(switches, __u32, struct switch_totals);

SEC("tp_btf/sched_wakeup")
int seed_wakeup(__u64 *args)
{
	__u32 thread = ((struct task_struct *)args[0])->pid;
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&woken_at, &thread, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_migrate_task")
int seed_migrate(__u64 *args)
{
	__u32 key = ((struct task_struct *)args[0])->tgid;

	ADD_OR_MAKE(&switches, key, ADD(migrations, 1), .migrations = 1);
	return 0;
}

SEC("tp_btf/sched_switch")
int seed_switch(__u64 *args)
{
	struct task_struct *prev = (void *)args[1], *next = (void *)args[2];
	__u64 now = bpf_ktime_get_ns();
	__u32 out = prev->pid, in = next->pid;

	if (out) {
		__u64 *since = bpf_map_lookup_elem(&running_since, &out);
		__u64 ran = since ? now - *since : 0;
		__u32 key = prev->tgid;

		ADD_OR_MAKE(&switches, key, {
			ADD(switches, 1);
			ADD(oncpu_ns, ran);
		}, .switches = 1, .oncpu_ns = ran);
		if (since)
			bpf_map_delete_elem(&running_since, &out);
		if (args[0] || !prev->__state)
			bpf_map_update_elem(&woken_at, &out, &now, BPF_ANY);
	}
	if (in) {
		bpf_map_update_elem(&running_since, &in, &now, BPF_ANY);
		__u64 *woken = bpf_map_lookup_elem(&woken_at, &in);

		if (woken) {
			__u64 waited = now - *woken;
			__u32 key = next->tgid;

			ADD_OR_MAKE(&switches, key, ADD(runq_ns, waited), .runq_ns = waited);
			bpf_map_delete_elem(&woken_at, &in);
		}
	}
	return 0;
}

/* -- memory ------------------------------------------------------------- */

struct fault_totals {
	__u64 faults;
	__u64 major;
	__u64 minor;
};

enum { MAJOR = 0x10 }; /* another bit's place, really; to test one costs the same */

HASH(faults, __u32, struct fault_totals);

struct page_fault {
	__u64 common;
	__u64 address;
	__u64 instruction;
	__u64 error_code;
};

SEC("tracepoint/exceptions/page_fault_user")
int seed_fault(struct page_fault *args)
{
	__u32 key = pid();
	int major = !!(args->error_code & MAJOR);

	ADD_OR_MAKE(&faults, key, {
		ADD(faults, 1);
		if (major)
			ADD(major, 1);
		else
			ADD(minor, 1);
	}, 1, major, !major);
	return 0;
}

/* -- TCP state ---------------------------------------------------------- */

struct state_key {
	__u32 pid;
	__u16 from;
	__u16 to;
};

struct state_totals {
	__u64 transitions;
	__u64 time_ns;
};

enum { CLOSE = 7 };

HASH(state_since, __u64, __u64);
HASH(states, struct state_key, struct state_totals);

SEC("tp_btf/inet_sock_set_state")
int seed_state(__u64 *args)
{
	__u64 sock = args[0], now = bpf_ktime_get_ns();
	__u64 *since = bpf_map_lookup_elem(&state_since, &sock);
	__u64 spent = since ? now - *since : 0;
	struct state_key key = {pid(), args[1], args[2]};

	if ((__s32)args[2] == CLOSE)
		bpf_map_delete_elem(&state_since, &sock);
	else
		bpf_map_update_elem(&state_since, &sock, &now, BPF_ANY);
	ADD_OR_MAKE(&states, key, {
		ADD(transitions, 1);
		ADD(time_ns, spent);
	}, 1, spent);
	return 0;
}
