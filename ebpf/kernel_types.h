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
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
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

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
} CORE;

struct task_struct {
	unsigned int __state; /* `state` before 5.14 */
	int on_cpu;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned long nvcsw;
	unsigned long nivcsw;
	__u64 start_boottime;
	const struct cred *real_cred;
	struct signal_struct *signal;
	struct css_set *cgroups;
	char comm[16];
} CORE;

struct task_struct___before_5_14 {
	long state;
} CORE;

/* Registers of a syscall, for the one number that they still hold at its end. */
struct pt_regs___x86_64 {
	unsigned long orig_ax;
} CORE;

struct pt_regs___arm64 {
	__s32 syscallno;
} CORE;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CORE;

/* include/linux/sched.h: the state of a task in its very last switch. */
#define TASK_DEAD 0x80
