/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Bytes per process where no hook of the network's own can be had: from the
 * calls, when they return. io_uring and 32-bit processes are not seen, and the
 * descriptor is looked up at the end: another thread may have changed it.
 */
#pragma once

#include "network.h"

/* By call: a direction below, the argument that holds flags, whether messages are counted. Filled by the agent. */
const volatile __u8 network_calls[SYSCALL_NUMBERS] = {};

#define CALL_SENDS 1
#define CALL_RECEIVES 2
#define CALL_DIRECTION 3
#define CALL_FLAGS_THIRD 4
#define CALL_FLAGS_FOURTH 8
#define CALL_MESSAGES 16
#define CALL_TARGET_THIRD 32 /* the third argument is the descriptor; what splice receives is counted elsewhere */

struct network_call {
	__u32 direction; /* 0: none */
	bool messages;
	__u32 descriptor;
	__u64 vector; /* second argument */
};

static __always_inline __u64 argument(void *registers, __u32 number)
{
	struct pt_regs___x86_64 *x86_64 = registers;
	struct pt_regs___aarch64 *arm64 = registers;

	if (bpf_core_field_exists(x86_64->orig_ax)) {
		if (number == 2)
			return x86_64->si;
		return number == 3 ? x86_64->dx : x86_64->r10;
	}
	if (!bpf_core_field_exists(arm64->syscallno))
		return 0;
	if (number == 2)
		return arm64->regs[1];
	return number == 3 ? arm64->regs[2] : arm64->regs[3];
}

/* What the call that returns here is for the network. */
static __always_inline struct network_call network_call(void *registers, struct task_struct *task)
{
	struct network_call call = {};
	__s32 number = call_in_registers(registers, task);

	/* 32-bit calls have numbers beyond. */
	if (number < 0 || number >= SYSCALL_NUMBERS)
		return call;
	__u8 kind = network_calls[number & (SYSCALL_NUMBERS - 1)];
	__u32 flags = 0;

	if (!kind)
		return call;
	if (kind & CALL_FLAGS_THIRD)
		flags = argument(registers, 3);
	else if (kind & CALL_FLAGS_FOURTH)
		flags = argument(registers, 4);
	if (flags & (MSG_PEEK | MSG_ERRQUEUE))
		return call;
	call.direction = kind & CALL_DIRECTION;
	call.messages = kind & CALL_MESSAGES;
	call.descriptor = kind & CALL_TARGET_THIRD ? argument(registers, 3) : first_argument(registers, number);
	call.vector = call.messages ? argument(registers, 2) : 0;
	return call;
}

/* struct mmsghdr of 64-bit processes */
#define MESSAGE_SIZE 64
#define MESSAGE_LENGTH 56
#define MOST_MESSAGES 1024

/* A global function: the verifier follows the loop once. */
__noinline __u64 bytes_of_messages(__u64 vector, __u64 messages)
{
	__u64 bytes = 0;

	for (__u64 message = 0; message < MOST_MESSAGES && message < messages; message++) {
		__u32 length = 0;

		bpf_probe_read_user(&length, sizeof(length), (void *)(vector + message * MESSAGE_SIZE + MESSAGE_LENGTH));
		bytes += length;
	}
	return bytes;
}

static __noinline int socket_call_ended(struct cpu_record *current, struct network_call *call, long result)
{
	struct sock *sk = current ? internet_socket_of(call->descriptor) : NULL;

	if (!sk)
		return 0;
	struct transfer transfer = {
		.protocol = READ_AT(sk, sock, sk_protocol),
		.ipv6 = is_ipv6(sk, READ_AT(sk, sock, __sk_common.skc_family)),
		.receive = call->direction == CALL_RECEIVES,
		.pieces = call->messages ? result : 1,
		.bytes = call->messages ? bytes_of_messages(call->vector, result) : result,
	};

	if (count_transfer(current, &transfer) && transfer.protocol == IPPROTO_TCP)
		observe_round_trip(current, transfer.receive ? PROGRAM_SOCK_RECV : PROGRAM_SOCK_SEND, sk);
	return 0;
}
