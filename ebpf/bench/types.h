/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What the benchmark's programs need to know of the kernel. Theirs alone, so that
 * they stay as they are when ours change; fields are relocated by name.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#include <bpf/bpf_helpers.h>

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_ANY = 0,
};

#define CORE __attribute__((preserve_access_index))

struct task_struct {
	unsigned int __state;
	int pid;
	int tgid;
} CORE;

struct sock {
	__u16 sk_protocol;
} CORE;

struct tcp_sock {
	__u32 srtt_us;
} CORE;
