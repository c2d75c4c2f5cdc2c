/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Numbers as typed pointers, from Linux 6.2 on: what lies behind such a pointer is
 * read as memory of ours is, at a tenth of what bpf_probe_read_kernel takes.
 *
 * The kernel's function bpf_rdonly_cast does it, and leaves nothing of itself in
 * the program. aya cannot call functions of the kernel; so the call stands here as
 * a number, into which the agent writes the function's own (kernel/casts.rs).
 */
#pragma once

#include "maps.h"

/* BTF ids of the running kernel, filled by the agent; all 0 where there is no such function. */
const volatile __u32 type_list_head = 0;
const volatile __u32 type_file = 0;
const volatile __u32 type_inode = 0;
const volatile __u32 type_socket = 0;
const volatile __u32 type_sock = 0;
const volatile __u32 type_tcp_sock = 0;

#define CAN_CAST (type_list_head != 0)

static __always_inline void *cast(const void *address, __u32 type)
{
	register const void *first asm("r1") = address;
	register __u64 second asm("r2") = type;
	register void *result asm("r0");

	/* call, of a function of the kernel, whose number is to be filled in */
	asm volatile(".quad 0x7f0ca57f00002085" : "=r"(result), "+r"(first), "+r"(second) : : "r3", "r4", "r5");
	return result;
}

#define CAST(address, structure) ((struct structure *)cast((const void *)(address), type_##structure))
