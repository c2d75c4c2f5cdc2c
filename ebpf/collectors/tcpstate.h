/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * TCP state transitions by (old, new) with the socket's owner, and how long connections last.
 */
#pragma once

#include "sockets.h"

/* Off: the verifier cuts all of it out. */
const volatile bool collect_tcpstate = true;
const volatile bool tcpstate_histograms = false;

/* Whether a process makes this transition by a call of its own: connect, listen, close, shutdown. */
static __always_inline bool is_own_act(int old, int new)
{
	return (old == TCP_CLOSE && (new == TCP_SYN_SENT || new == TCP_LISTEN)) || new == TCP_LAST_ACK ||
	       (new == TCP_FIN_WAIT1 && (old == TCP_ESTABLISHED || old == TCP_SYN_RECV));
}

/* When the kernel last looked at the clock for this connection, in nanoseconds: that is at every segment that comes or
 * goes and at every timer, so at whatever establishes a connection and whatever ends one. No clock is to be read. */
static __always_inline __u64 last_moved(struct sock *sk)
{
	return READ_AT(sk, tcp_sock, tcp_mstamp) * 1000;
}

/* Brings the socket's state up to date; returns its owner, for whom the transition counts. */
static __always_inline struct owner follow_transition(struct sock *sk, struct socket_state *state, int old, int new)
{
	if (!state)
		return owner_with(UNATTRIBUTED_IDENTITY);
	if (old == TCP_LISTEN && new == TCP_SYN_RECV) {
		state->identity = inherited(state, sk);
		state->established = 0;
		state->retransmitted = 0;
		state->delivered = 0;
	}
	if (is_own_act(old, new) && !is_kernel_thread()) {
		struct cpu_record *current = current_task();

		if (current)
			state->identity = current->identity;
	}
	if (new == TCP_ESTABLISHED) {
		state->established = last_moved(sk);
		/* It begins with those of its SYN-ACK, which are counted as they are sent. */
		if (old == TCP_SYN_RECV)
			state->retransmitted = READ_AT(sk, tcp_sock, total_retrans);
	}
	return owner_of(state);
}

static __always_inline void count_transition(struct cpu_record *record, enum program program, struct owner owner, int old,
					     int new)
{
	if (is_denied(owner.identity, COLLECTOR_TCPSTATE))
		return;
	struct cell *cell = cell_of(owner, INDEX_TRANSITION + ((old & 15) << 4 | (new & 15)), record->stripe);

	if (!cell)
		return;
	ADD(cell->count, 1);
	/* The two programs interrupt each other. */
	if (program == PROGRAM_TCP_STATE)
		ADD_ALONE(!recursive, record->counted[COLLECTOR_TCPSTATE], 1);
	else
		ADD_ALONE(!recursive, record->counted[COUNTED_AGAIN], 1);
}

static __always_inline void count_connection_end(struct cpu_record *record, struct sock *sk, struct owner owner, __u64 established)
{
	if (!established || is_denied(owner.identity, COLLECTOR_TCPSTATE))
		return;
	struct cell *cell = cell_of(owner, INDEX_CONNECTION_END, record->stripe);
	__u64 ended = last_moved(sk), nanoseconds = ended > established ? ended - established : 0;

	if (!cell)
		return;
	ADD(cell->count, 1);
	ADD(cell->nanoseconds, nanoseconds);
	if (tcpstate_histograms)
		observe(owner.identity, INDEX_CONNECTION_END, nanoseconds, record->stripe);
}
