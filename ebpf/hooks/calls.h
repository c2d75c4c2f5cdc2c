/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Syscalls: their entry and their return.
 */
#pragma once

#include "../collectors/fileio.h"
#include "../collectors/memory.h"
#include "../collectors/network.h"
#include "../collectors/syscalls.h"
#include "../collectors/tcpstate.h"

/* Bits of the collectors that follow calls. */
#define FOLLOWED_AT_ENTRY (collect_syscalls << COLLECTOR_SYSCALLS | collect_fileio << COLLECTOR_FILEIO)
#define FOLLOWED_AT_EXIT \
	(FOLLOWED_AT_ENTRY | collect_network << COLLECTOR_NETWORK | collect_tcpstate << COLLECTOR_TCPSTATE)

static __always_inline void count_call(struct cpu_record *current, struct ended_call *ended, __u8 kind, long result)
{
	__u64 identity = current->identity;
	__u32 denied = denials(identity);

	if (collect_syscalls && !(denied >> COLLECTOR_SYSCALLS & 1))
		count_syscall(current, identity, ended->call, kind, ended->nanoseconds, result);
	if (collect_fileio && kind & CALL_OPERATION && !(denied >> COLLECTOR_FILEIO & 1))
		file_call_ended(current, identity, ended, kind, result);
}

/* Counts the call before this one if its return was left out; its time and its result are not known. */
static __always_inline void count_left_out(struct cpu_record *current)
{
	__s32 pending = current->syscall;

	if (pending < 0)
		return;
	struct ended_call ended = pending_call(pending);

	count_call(current, &ended, kind_of(ended.call), UNKNOWN_RESULT);
}

static __always_inline void call_entered(struct cpu_record *current, void *registers, long number)
{
	__u32 denied = denials(current->identity);

	/* With another name comes another verdict. */
	if (is_unwanted(denied, FOLLOWED_AT_ENTRY) && !may_rename(number)) {
		begin_unwanted_call(current);
		return;
	}
	__s32 call = call_of(number, running_task());
	__u8 kind = kind_of(call);
	bool wanted = kind & CALL_RENAME || (collect_syscalls && !(denied >> COLLECTOR_SYSCALLS & 1));
	__u32 file = FILE_UNKNOWN;

	if (collect_fileio && !(denied >> COLLECTOR_FILEIO & 1) && kind & CALL_OPERATION) {
		file = file_of_call(registers, call, kind);
		wanted = true;
	}
	begin_call(current, call, file, wanted);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(tfo_sys_enter, void *registers, long number)
{
	struct cpu_record *current = current_task();

	if (!is_our_turn(current))
		return 0;
	struct run run = begin_run(current, PROGRAM_SYS_ENTER);

	if (preemptible)
		count_left_out(current);
	call_entered(current, registers, number);
	if (preemptible && current->syscall >= 0)
		current->syscall |= PENDING_FIRST;
	end_run(&run);
	return 0;
}

static __always_inline void call_returned(struct cpu_record *current, enum program program, void *registers, long result)
{
	struct ended_call ended = { .call = -1 };

	if (current->syscall == UNWANTED && is_unwanted(denials(current->identity), FOLLOWED_AT_EXIT)) {
		current->syscall = NO_SYSCALL;
		return;
	}
	if (collect_syscalls || collect_fileio)
		ended = end_call(current, registers, result);
	else /* Without tfo_sys_enter no start is known, and none is missed. */
		ended.call = call_in_registers(registers, running_task());
	if (ended.call < 0)
		return;
	__u8 kind = kind_of(ended.call);

	count_call(current, &ended, kind, result);
	if ((collect_network || collect_tcpstate) && kind & CALL_ACCEPT)
		accepted(current, program, result);
	if (collect_network && kind & CALL_SPLICE)
		spliced(current, first_argument(registers, ended.call), result);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(tfo_sys_exit, void *registers, long result)
{
	struct cpu_record *current = current_task();

	if (!is_our_turn(current))
		return 0;
	struct run run = begin_run(current, PROGRAM_SYS_EXIT);

	if (collect_memory && current->fault == FAULT_IN_CALL)
		faults_of_call_end();
	call_returned(current, PROGRAM_SYS_EXIT, registers, result);
	end_run(&run);
	return 0;
}

/* The same once more, from Linux 7.0 on: there a task may leave its CPU within a program, and the kernel leaves the
 * program out for whoever comes next. These do what the first were left out of; where both were left out of a
 * return, the next entry counts the call. */
SEC("tp_btf/sys_enter")
int BPF_PROG(tfo_enter_again, void *registers, long number)
{
	struct cpu_record *current = current_task();

	if (!is_our_turn(current) || current->syscall == UNWANTED)
		return 0;
	if (current->syscall >= 0 && current->syscall & PENDING_FIRST) {
		current->syscall &= ~PENDING_FIRST;
		return 0;
	}
	count_left_out(current);
	call_entered(current, registers, number);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(tfo_exit_again, void *registers, long result)
{
	struct cpu_record *current = current_task();

	if (is_our_turn(current) && current->syscall != NO_SYSCALL)
		call_returned(current, PROGRAM_EXIT_AGAIN, registers, result);
	return 0;
}
