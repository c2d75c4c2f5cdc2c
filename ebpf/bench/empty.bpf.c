// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * A program that does nothing on every hook that is measured: what a hook costs
 * by itself is subtracted from what a program on it costs.
 */
#include "../kernel_types.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define EMPTY(name, hook)              \
	SEC(hook) int name(void *args) \
	{                              \
		return 0;              \
	}

EMPTY(btf_sys_enter, "tp_btf/sys_enter")
EMPTY(btf_sys_exit, "tp_btf/sys_exit")
EMPTY(btf_switch, "tp_btf/sched_switch")
EMPTY(tp_sys_enter, "tracepoint/raw_syscalls/sys_enter")
EMPTY(tp_sys_exit, "tracepoint/raw_syscalls/sys_exit")
EMPTY(tp_switch, "tracepoint/sched/sched_switch")
EMPTY(tp_wakeup, "tracepoint/sched/sched_wakeup")
