/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Whose a TCP socket is. Most of what happens to one happens in interrupts, while
 * some other task runs; so the owner's identity, generation included, is noted for
 * the socket, and a child inherits its listener's until somebody accepts it.
 *
 * These handlers may interrupt a program that runs in a task. They share counters
 * with it; of the record they write words that are their program's own.
 */
#pragma once

#include "../descriptors.h"
#include "socket_table.h"

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* A pointer as a number that can be reckoned with: the verifier forgets what it was by way of memory. */
#define AS_NUMBER(word, pointer) (*(volatile __u64 *)&(word) = (__u64)(pointer), *(volatile __u64 *)&(word))

static __always_inline __u64 address_of(struct cpu_record *record, enum program program, struct sock *sk)
{
	return AS_NUMBER(record->sockets[program], sk);
}

static __always_inline bool is_live(__u32 state)
{
	return state != TCP_CLOSE && state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

/* The state of a socket that is seen here for the first time has `seen` 0. Only one that lives gets any: it ends with
 * the transition to TCP_CLOSE. */
static __always_inline struct socket_state *socket_state(__u64 address, __u32 tcp_state)
{
	struct socket_place place = near_place(address);

	if (!place.bucket)
		place = place_at(settle_socket(address, is_live(tcp_state)));
	return socket_at(&place);
}

/* What the kernel counted before we did is not ours to count. */
static __always_inline void set_socket_baseline(struct socket_state *state, struct sock *sk)
{
	state->seen = 1;
	state->retransmitted = READ_AT(sk, tcp_sock, total_retrans);
	state->delivered = READ_AT(sk, tcp_sock, delivered);
}

/* A listener's child is a copy of it, down to the links of the list that the listener stands in and the child does not
 * yet: what links to its place there is the listener. */
static __always_inline __u64 inherited(struct socket_state *child, struct sock *sk)
{
	struct hlist_node **link = READ(sk, __sk_common.skc_bind_node.pprev);
	/* The listener's own node; a list_head begins with a pointer as that does. */
	__u64 node = link ? AS_NUMBER(child->established, READ_AT(link, list_head, next)) : 0;
	struct sock *listener = (void *)(node - bpf_core_field_offset(struct sock, __sk_common.skc_bind_node));

	if (!node || READ_AT(listener, sock, __sk_common.skc_state) != TCP_LISTEN)
		return 0;
	struct socket_place place = place_of((__u64)listener);
	struct socket_state *state = socket_at(&place);

	return state ? state->identity : 0;
}

static __always_inline bool is_kernel_thread(void)
{
	return READ(running_task(), flags) & PF_KTHREAD;
}

static __always_inline struct owner owner_of(struct socket_state *state)
{
	return state && state->identity ? still(state->identity) : owner_with(UNATTRIBUTED_IDENTITY);
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
static __always_inline void accepted(struct cpu_record *current, enum program program, long result)
{
	struct sock *sk = result >= 0 ? internet_socket_of(result) : NULL;

	if (!sk)
		return;
	__u64 address = address_of(current, program, sk);
	struct socket_place place = near_place(address);

	/* Those that stand in the table are of TCP. */
	if (!place.bucket && READ_AT(sk, sock, sk_protocol) == IPPROTO_TCP)
		place = place_at(settle_socket(address, is_live(READ_AT(sk, sock, __sk_common.skc_state))));
	struct socket_state *state = socket_at(&place);

	if (state)
		state->identity = current->identity;
}
