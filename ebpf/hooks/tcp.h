/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * TCP: changes of state, segments sent again.
 */
#pragma once

#include "../collectors/network.h"
#include "../collectors/tcpstate.h"

/* Any two states, and that there are two. */
#define TRANSITION(old, new) (1u << 16 | (__u32)(old) << 8 | (__u32)(new))

static __always_inline void tcp_transition(struct cpu_record *record, enum program program, struct sock *sk, __u64 address,
					   int old, int new)
{
	struct socket_place place = near_place(address);

	/* Those that stand in the table are of TCP. */
	if (!place.bucket) {
		bool tcp = is_tcp(sk);

		place = place_at(settle_socket(address, tcp && is_live(new)));
		if (!place.bucket && !tcp)
			return;
	}
	struct socket_state *state = socket_at(&place);

	if (state) {
		/* Whatever stood here of a closed one is another's. */
		if (!state->seen || old == TCP_CLOSE)
			set_socket_baseline(state, sk);
		state->seen = TRANSITION(old, new);
	}
	struct owner owner = follow_transition(sk, state, old, new);

	if (collect_tcpstate)
		count_transition(record, program, owner, old, new);
	if (collect_network)
		connected(record, sk, owner, old, new);
	if (new != TCP_CLOSE)
		return;
	if (state && collect_tcpstate)
		count_connection_end(record, sk, owner, state->established);
	forget_socket(record, &place, address);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tfo_tcp_state, struct sock *sk, int old, int new)
{
	struct cpu_record *record = this_cpu();

	if (!is_our_turn(record))
		return 0;
	struct run run = begin_run(record, PROGRAM_TCP_STATE);

	record->transition = TRANSITION(old, new);
	tcp_transition(record, PROGRAM_TCP_STATE, sk, AS_NUMBER(record->moved, sk), old, new);
	end_run(&run);
	return 0;
}

/* The same once more: the kernel leaves a program out while it runs already on that CPU, and an interrupt may bring
 * the next transition while one is being counted. This one counts what the first was left out of. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tfo_tcp_again, struct sock *sk, int old, int new)
{
	struct cpu_record *record = this_cpu();

	if (!is_our_turn(record))
		return 0;
	if (record->moved == (__u64)sk && record->transition == TRANSITION(old, new)) {
		record->transition = 0;
		return 0;
	}
	/* The word of this CPU may be another transition's, which came between the two. What stands of the socket
	 * itself decides, and nothing does of one that has been seen closing. */
	__u64 address = address_of(record, PROGRAM_TCP_AGAIN, sk);
	struct socket_place place = place_of(address);
	struct socket_state *state = socket_at(&place);

	if (state ? state->seen != TRANSITION(old, new) : old == TCP_CLOSE || old == TCP_LISTEN)
		tcp_transition(record, PROGRAM_TCP_AGAIN, sk, address, old, new);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tfo_tcp_retrans, struct sock *sk)
{
	struct cpu_record *record = this_cpu();

	if (!is_our_turn(record))
		return 0;
	struct run run = begin_run(record, PROGRAM_TCP_RETRANSMIT);

	retransmitted(record, sk);
	end_run(&run);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tfo_tcp_synack, struct sock *sk)
{
	struct cpu_record *record = this_cpu();

	if (is_our_turn(record))
		answer_retransmitted(record, sk);
	return 0;
}
