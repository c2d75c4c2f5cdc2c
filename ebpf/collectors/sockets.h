/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Whose a TCP socket is. Most of what happens to one happens in interrupts, while
 * some other task runs; so the owner's identity, generation included, is kept with
 * the socket, and a child inherits its listener's until somebody accepts it.
 *
 * These handlers may interrupt a program that runs in a task. They share counters
 * with it, never its record.
 */
#pragma once

#include "fileio.h"

/* Calls on sockets that have no hook of their own. Filled by the agent, by call. */
#define CALL_ACCEPT 1 /* returns an accepted connection */
#define CALL_SPLICE 2
const volatile __u8 socket_calls[2 * SYSCALL_NUMBERS] = {};

static __always_inline __u8 socket_call(__s32 call)
{
	return socket_calls[call & (2 * SYSCALL_NUMBERS - 1)];
}

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline struct socket_state *socket_state(struct sock *sk)
{
	struct socket_state *state = state_of_socket(sk);

	if (!state) {
		count_loss(LOSS_SOCKET_STORAGE);
		return NULL;
	}
	if (state->unaccepted || !state->identity) {
		__u64 address = (__u64)sk;
		__u64 *accepted = bpf_map_lookup_elem(&tfo_accepted, &address);

		if (accepted) {
			state->identity = *accepted;
			state->unaccepted = false;
			bpf_map_delete_elem(&tfo_accepted, &address);
		}
	}
	return state;
}

/* The process that is at work on the socket itself owns it from here on; a thread of the kernel works for others. */
static __always_inline void own_socket(struct sock *sk, struct socket_state *state, __u64 identity)
{
	if (state->unaccepted) {
		__u64 address = (__u64)sk;

		bpf_map_delete_elem(&tfo_accepted, &address);
		state->unaccepted = false;
	}
	state->identity = identity;
}

static __always_inline bool is_kernel_thread(void)
{
	return READ(running_task(), flags) & PF_KTHREAD;
}

static __always_inline __u64 owner_of(struct socket_state *state)
{
	return state && state->identity ? still(state->identity) : UNATTRIBUTED_IDENTITY;
}

/* The socket of the internet behind a descriptor, to be read with READ_AT; NULL where there is none. */
static __always_inline struct sock *internet_socket_of(__u32 descriptor)
{
	struct file *file = file_of(descriptor);

	if (!file || (mode_of(file) & S_IFMT) != S_IFSOCK)
		return NULL;
	struct socket *socket = READ_AT(file, file, private_data);
	struct sock *sk = READ_AT(socket, socket, sk);
	__u16 family = READ_AT(sk, sock, __sk_common.skc_family);

	return family == AF_INET || family == AF_INET6 ? sk : NULL;
}

/* The same, where it is one of TCP. */
static __always_inline struct sock *tcp_socket_of(__u32 descriptor)
{
	struct sock *sk = internet_socket_of(descriptor);

	return sk && READ_AT(sk, sock, sk_protocol) == IPPROTO_TCP ? sk : NULL;
}

/* An accept has returned a descriptor. */
static __always_inline void accepted(__u64 identity, long result)
{
	__u64 address = result >= 0 ? (__u64)tcp_socket_of(result) : 0;

	if (address)
		bpf_map_update_elem(&tfo_accepted, &address, &identity, BPF_ANY);
}
