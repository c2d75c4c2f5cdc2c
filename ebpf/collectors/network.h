/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Network per process: bytes that calls really transferred, UDP datagrams,
 * connections made and failed, round-trip time, retransmitted segments.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include "sockets.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_network = true;
const volatile bool network_histograms = false;

/* What carries it: a socket of IPv6 may be connected to an address of IPv4, ::ffff:192.0.2.1. One of UDP that is not
 * connected does not say what its next datagram goes by, and counts as what it is. */
static __always_inline bool is_ipv6(struct sock *sk, __u16 family)
{
	struct in6_addr peer = {};

	if (family != AF_INET6)
		return false;
	if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
		bpf_core_read(&peer, sizeof(peer), &sk->__sk_common.skc_v6_daddr);
	return peer.in6_u.u6_addr32[0] || peer.in6_u.u6_addr32[1] || peer.in6_u.u6_addr32[2] != bpf_htonl(0xffff);
}

/* An observation is the socket's smoothed round-trip time, at a send that follows newly acknowledged packets. */
static __always_inline void observe_round_trip(struct cpu_record *current, enum program program, struct sock *sk)
{
	struct socket_state *state =
		socket_state(address_of(current, program, sk), READ_AT(sk, sock, __sk_common.skc_state));
	__u64 identity = current->identity;

	if (!state)
		return;
	if (!state->seen)
		set_socket_baseline(state, sk);
	if (state->identity != identity && !is_kernel_thread())
		state->identity = identity;
	__u32 delivered = READ_AT(sk, tcp_sock, delivered), round_trip = READ_AT(sk, tcp_sock, srtt_us);

	if (delivered == state->delivered || !round_trip)
		return;
	state->delivered = delivered;
	struct cell *cell = cell_of(owner_with(identity), INDEX_RTT, current->stripe);
	__u64 nanoseconds = (__u64)round_trip * 125;

	if (!cell)
		return;
	ADD(cell->count, 1);
	ADD(cell->nanoseconds, nanoseconds);
	if (network_histograms)
		observe(identity, INDEX_RTT, nanoseconds, current->stripe);
}

/* What a call has transferred: pieces of a stream, or datagrams. */
struct transfer {
	__u16 protocol;
	bool ipv6;
	bool receive;
	__s32 pieces;
	__s64 bytes;
};

/* True for one that was counted. */
static __always_inline bool count_transfer(struct cpu_record *current, struct transfer *transfer)
{
	bool tcp = transfer->protocol == IPPROTO_TCP, udp = transfer->protocol == IPPROTO_UDP;
	__u64 identity = current->identity;

	/* A datagram may be empty, a piece of a stream is not. */
	if (transfer->bytes < 0 || (tcp && transfer->bytes == 0) || !(tcp || udp) || is_denied(identity, COLLECTOR_NETWORK))
		return false;
	__u32 index = INDEX_NETWORK | udp << 2 | transfer->receive << 1 | transfer->ipv6;
	struct cell *cell = cell_of(owner_with(identity), index, current->stripe);

	if (!cell)
		return false;
	ADD(cell->count, transfer->pieces);
	ADD(cell->bytes, transfer->bytes);
	ADD(current->counted[COLLECTOR_NETWORK], transfer->pieces);
	return true;
}

static __always_inline bool is_nth_receive(struct cpu_record *current)
{
	return current->runs[PROGRAM_SOCK_RECV] % 16 == 0;
}

/* A send or receive call has transferred `bytes`, or failed. */
static __always_inline void transferred(struct cpu_record *current, struct sock *sk, int bytes, bool receive)
{
	__u16 family = READ(sk, __sk_common.skc_family);
	struct transfer transfer = {
		.protocol = READ(sk, sk_protocol),
		.ipv6 = is_ipv6(sk, family),
		.receive = receive,
		.pieces = 1,
		.bytes = bytes,
	};

	if (family != AF_INET && family != AF_INET6)
		return;
	if (!count_transfer(current, &transfer) || transfer.protocol != IPPROTO_TCP)
		return;
	/* What only receives makes no round trips; whose it is may be noticed a little later. */
	if (!receive || is_nth_receive(current))
		observe_round_trip(current, receive ? PROGRAM_SOCK_RECV : PROGRAM_SOCK_SEND, sk);
}

/* splice(2) has returned: out of a TCP socket that is a receive, which no tracepoint sees. */
static __always_inline void spliced(struct cpu_record *current, __u32 descriptor, long bytes)
{
	struct sock *sk = bytes > 0 ? tcp_socket_of(descriptor) : NULL;

	if (!sk)
		return;
	struct transfer transfer = {
		.protocol = IPPROTO_TCP,
		.ipv6 = is_ipv6(sk, READ_AT(sk, sock, __sk_common.skc_family)),
		.receive = true,
		.pieces = 1,
		.bytes = bytes,
	};

	count_transfer(current, &transfer);
}

/* Counts the segments that were sent again since the last look. */
static __always_inline void retransmitted(struct cpu_record *record, struct sock *sk)
{
	struct socket_state *state =
		socket_state(address_of(record, PROGRAM_TCP_RETRANSMIT, sk), READ(sk, __sk_common.skc_state));
	struct owner owner = owner_of(state);
	__u32 segments = 1;

	if (state && state->seen) {
		__u32 total = READ_AT(sk, tcp_sock, total_retrans);

		/* A socket that connects a second time may begin anew. */
		segments = total < state->retransmitted ? total : total - state->retransmitted;
		state->retransmitted = total;
	} else if (state) {
		set_socket_baseline(state, sk);
	}
	if (is_denied(owner.identity, COLLECTOR_NETWORK))
		return;
	struct cell *cell = cell_of(owner, INDEX_RETRANSMIT, record->stripe);

	if (cell)
		ADD(cell->count, segments);
}

/* A listener has sent its answer to a SYN again. */
static __always_inline void answer_retransmitted(struct cpu_record *record, struct sock *listener)
{
	__u64 address = address_of(record, PROGRAM_TCP_SYNACK, listener);
	struct owner owner = owner_of(socket_state(address, TCP_LISTEN));
	struct cell *cell = is_denied(owner.identity, COLLECTOR_NETWORK) ? NULL : cell_of(owner, INDEX_RETRANSMIT, record->stripe);

	if (cell)
		ADD(cell->count, 1);
}

/* A connection was made, or was given up before it was. */
static __always_inline void connected(struct cpu_record *record, struct sock *sk, struct owner owner, int old, int new)
{
	bool made = new == TCP_ESTABLISHED && (old == TCP_SYN_SENT || old == TCP_SYN_RECV);

	if ((!made && !(new == TCP_CLOSE && old == TCP_SYN_SENT)) || is_denied(owner.identity, COLLECTOR_NETWORK))
		return;
	if (made) {
		bool ipv6 = is_ipv6(sk, READ(sk, __sk_common.skc_family));
		struct cell *cell = cell_of(owner, INDEX_CONNECTION | (old == TCP_SYN_RECV) << 1 | ipv6, record->stripe);

		if (cell)
			ADD(cell->count, 1);
	} else {
		struct cell *cell = cell_of(owner, INDEX_CONNECT_FAILURE, record->stripe);

		if (!cell)
			return;
		int error = READ(sk, sk_err);

		if (error > 0)
			count_error(cell, owner.identity, INDEX_CONNECT_FAILURE, error, record->stripe);
		else
			ADD(cell->errors, 1);
	}
}
