// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * Programs that do nothing, one for each hook that is measured: what the kernel's
 * clock says of one of these is subtracted from what it says of others there.
 */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

#define BTF(hook)                                \
	SEC("tp_btf/" #hook) int btf_##hook(void *args) \
	{                                        \
		return 0;                        \
	}
#define CLASSIC(category, hook)                                         \
	SEC("tracepoint/" #category "/" #hook) int tp_##hook(void *args) \
	{                                                               \
		return 0;                                               \
	}
#define BOTH(category, hook) BTF(hook) CLASSIC(category, hook)

BOTH(raw_syscalls, sys_enter)
BOTH(raw_syscalls, sys_exit)
CLASSIC(syscalls, sys_enter_pread64)
CLASSIC(syscalls, sys_exit_pread64)
BOTH(sched, sched_switch)
BOTH(sched, sched_wakeup)
BOTH(exceptions, page_fault_user)
BTF(page_fault_kernel)
BOTH(sock, sock_send_length)
BOTH(sock, sock_recv_length)
BOTH(sock, inet_sock_set_state)
BTF(tcp_retransmit_skb)
