// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * Tier 2: the same programs with state in hashes; Linux 5.8 to 5.12 with BTF.
 *
 * What tier 1 has from the kernel is done by three programs here: the end of a
 * task's entry, the end of a socket's, and who a connection's listener is.
 */
#include "../kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "../storage/hash.h"
#include "../tracing.h"

/* Nobody can find the task any more, and its memory goes next. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(tfo_task_free, struct task_struct *task)
{
	__u64 address = (__u64)task;

	bpf_map_delete_elem(&tfo_tasks, &address);
	return 0;
}

/* After the last change of its state. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tfo_sock_free, struct sock *sk)
{
	__u64 address = (__u64)sk;

	bpf_map_delete_elem(&tfo_sockets, &address);
	bpf_map_delete_elem(&tfo_accepted, &address);
	return 0;
}

/* Makes the socket of a new connection; its first change of state comes within, undisturbed on this CPU. */
SEC("fentry/inet_csk_clone_lock")
int BPF_PROG(tfo_tcp_clone, struct sock *listener)
{
	struct cpu_record *record = this_cpu();

	if (record)
		record->listener = (__u64)listener;
	return 0;
}
