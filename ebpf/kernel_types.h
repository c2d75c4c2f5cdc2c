/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The handful of kernel structs and fields that we read. Each access is
 * relocated against the running kernel's BTF when the object is loaded, so only
 * names matter here, not order or size.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

#define CORE __attribute__((preserve_access_index))

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
} CORE;

struct kernfs_node {
	__u64 id;
} CORE;

struct cgroup {
	struct kernfs_node *kn;
} CORE;

struct css_set {
	struct cgroup *dfl_cgrp;
} CORE;

struct sched_info {
	__u64 run_delay;
} CORE;

struct sched_entity {
	__u64 sum_exec_runtime;
	__u64 nr_migrations;
} CORE;

typedef struct {
	int counter;
} atomic_t;

struct mm_struct;

struct list_head {
	struct list_head *next;
} CORE;

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
	struct mm_struct *oom_mm; /* set where the OOM killer chose the process */
} CORE;

struct inode {
	unsigned short i_mode;
} CORE;

struct file {
	struct inode *f_inode;
	void *private_data;
} CORE;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} CORE;

struct files_struct {
	struct fdtable *fdt;
} CORE;

/* On x86 `status` tells a 32-bit call, on arm64 a flag tells a 32-bit task. */
struct thread_info {
	unsigned long flags;
} CORE;

struct thread_info___x86 {
	__u32 status;
} CORE;

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state; /* `state` before 5.14 */
	unsigned int flags;
	unsigned int on_cpu; /* a byte since 7.0; aya shrinks unsigned loads only */
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	__u64 start_boottime;
	const struct cred *real_cred;
	struct signal_struct *signal;
	struct files_struct *files;
	struct css_set *cgroups;
	char comm[16];
} CORE;

struct task_struct___before_5_14 {
	long state;
} CORE;

/* Registers of a syscall, for its first argument and the number that they still hold at its end. */
struct pt_regs___x86_64 {
	unsigned long bx; /* first argument of a 32-bit call */
	unsigned long orig_ax;
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long r10;
} CORE;

struct pt_regs___aarch64 {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
} CORE;

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
} CORE;

struct hlist_node {
	struct hlist_node **pprev; /* what points to it */
} CORE;

struct sock_common {
	unsigned short skc_family;
	unsigned char skc_state;
	struct hlist_node skc_bind_node;
	struct in6_addr skc_v6_daddr; /* not where the kernel has no IPv6 */
} CORE;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	int sk_err;
} CORE;

struct socket {
	struct sock *sk;
} CORE;

struct msghdr {
	unsigned int msg_flags;
} CORE;

struct tcp_sock {
	__u32 srtt_us; /* smoothed round trip, in eighths of a microsecond */
	__u32 delivered; /* packets acknowledged */
	__u32 total_retrans;
	__u64 tcp_mstamp; /* CLOCK_MONOTONIC us, as read for the last segment that came or went */
} CORE;

struct sk_buff;
struct request_sock;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CORE;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} CORE;

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
} CORE;

/* include/linux/sched.h: the state of a task in its very last switch. */
#define TASK_DEAD 0x80

/* include/linux/sched.h: a thread of the kernel's own. */
#define PF_KTHREAD 0x00200000

/* include/uapi/linux/stat.h */
#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFREG 0100000
#define S_IFSOCK 0140000

/* include/linux/socket.h, include/uapi/linux/in.h */
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define MSG_PEEK 2
#define MSG_ERRQUEUE 0x2000

/* include/net/tcp_states.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_TIME_WAIT 6
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_LISTEN 10
#define TCP_NEW_SYN_RECV 12
