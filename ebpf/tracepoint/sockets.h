/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * Whose a TCP socket is, its transitions, connections and retransmits.
 *
 * All that is known of a socket is its address and its port. A child belongs to whoever listens on its port; of several
 * that share a port, in one network namespace or in many, to the one that began last. Who accepts it is not seen: it has
 * another owner when one closes it.
 */
#pragma once

#include "calls.h"

/* Whether a process makes this transition by a call of its own: connect, listen, close, shutdown. */
static __always_inline bool is_own_act(__u32 old, __u32 new)
{
	return (old == TCP_CLOSE && (new == TCP_SYN_SENT || new == TCP_LISTEN)) || new == TCP_LAST_ACK ||
	       (new == TCP_FIN_WAIT1 && (old == TCP_ESTABLISHED || old == TCP_SYN_RECV));
}

/* A change of state, as the event says it. */
struct transition {
	__u64 socket;
	__u32 old, new;
	__u32 port;
	bool ipv6;
};

static __always_inline __u64 inherited(struct transition *change)
{
	__u64 *listening = bpf_map_lookup_elem(&tfo_listeners, &change->port);

	return listening ? *listening : UNATTRIBUTED_LIFE;
}

/* Notes who listens on a port, and that nobody does any more. */
static __always_inline void follow_listener(struct transition *change, __u64 owner)
{
	if (change->new == TCP_LISTEN) {
		bpf_map_update_elem(&tfo_listeners, &change->port, &owner, BPF_ANY);
	} else if (change->old == TCP_LISTEN && change->new == TCP_CLOSE) {
		__u64 *listening = bpf_map_lookup_elem(&tfo_listeners, &change->port);

		if (listening && *listening == owner)
			bpf_map_delete_elem(&tfo_listeners, &change->port);
	}
}

/* The socket's entry; made where there is none. */
static __always_inline struct socket_entry *socket_of(struct cpu_record *record, __u64 address)
{
	struct socket_entry *known = bpf_map_lookup_elem(&tfo_sockets, &address);

	if (known)
		return known;
	struct socket_entry fresh = {};

	/* As an initialiser it would be a constant, which is data. */
	fresh.life = UNATTRIBUTED_LIFE;
	if (bpf_map_update_elem(&tfo_sockets, &address, &fresh, BPF_NOEXIST))
		count_loss(record, LOSS_SOCKET_STORAGE);
	return bpf_map_lookup_elem(&tfo_sockets, &address);
}

/* Brings the socket's entry up to date; returns its owner, for whom the transition counts. */
static __always_inline __u64 follow_transition(struct cpu_record *record, struct socket_entry *entry, struct transition *change)
{
	__u64 owner = entry ? entry->life : UNATTRIBUTED_LIFE;

	if (change->old == TCP_LISTEN && change->new == TCP_SYN_RECV)
		owner = inherited(change);
	else if (is_own_act(change->old, change->new))
		owner = life_of_thread(current_thread(record));
	if (owner > UNATTRIBUTED_LIFE)
		owner = still(record, owner);
	if (!entry)
		return owner;
	entry->life = owner;
	if (change->old == TCP_LISTEN)
		entry->established = 0;
	if (change->new == TCP_ESTABLISHED)
		entry->established = bpf_ktime_get_ns();
	return owner;
}

static __always_inline void count_connection(struct cpu_record *record, struct transition *change, __u64 owner)
{
	bool passive = change->old == TCP_SYN_RECV;

	if (change->new == TCP_ESTABLISHED && (passive || change->old == TCP_SYN_SENT)) {
		struct cell *cell = cell_of(record, owner, INDEX_CONNECTION | passive << 1 | change->ipv6);

		if (cell)
			ADD(cell->count, 1);
	} else if (change->new == TCP_CLOSE && change->old == TCP_SYN_SENT) {
		struct cell *cell = cell_of(record, owner, INDEX_CONNECT_FAILURE);

		/* Why is not in the event. */
		if (cell)
			ADD(cell->errors, 1);
	}
}

static __always_inline void count_connection_end(struct cpu_record *record, __u64 owner, __u64 established)
{
	__u64 nanoseconds = bpf_ktime_get_ns() - established;
	struct cell *cell = cell_of(record, owner, INDEX_CONNECTION_END);

	if (!cell)
		return;
	ADD(cell->count, 1);
	ADD(cell->nanoseconds, nanoseconds);
	if (SETTING(tcpstate_histograms))
		observe(record, owner, INDEX_CONNECTION_END, nanoseconds);
}

static __always_inline void changed_state(struct cpu_record *record, struct transition *change)
{
	struct socket_entry *entry = socket_of(record, change->socket);
	__u64 established = entry ? entry->established : 0;
	__u64 owner = follow_transition(record, entry, change);

	follow_listener(change, owner);
	if (SETTING(collect_tcpstate)) {
		struct cell *cell =
			cell_of(record, owner, INDEX_TRANSITION + ((change->old & 15) << 4 | (change->new & 15)));

		if (cell) {
			ADD(cell->count, 1);
			ADD(record->counted[COLLECTOR_TCPSTATE], 1);
		}
	}
	if (SETTING(collect_network))
		count_connection(record, change, owner);
	if (change->new != TCP_CLOSE)
		return;
	if (SETTING(collect_tcpstate) && established)
		count_connection_end(record, owner, established);
	bpf_map_delete_elem(&tfo_sockets, &change->socket);
}

/* A segment was sent again, or a listener's answer to a SYN. */
static __always_inline void retransmitted(struct cpu_record *record, __u64 address)
{
	struct socket_entry *entry = bpf_map_lookup_elem(&tfo_sockets, &address);
	__u64 owner = entry && entry->life > UNATTRIBUTED_LIFE ? still(record, entry->life) : UNATTRIBUTED_LIFE;
	struct cell *cell = cell_of(record, owner, INDEX_RETRANSMIT);

	if (cell)
		ADD(cell->count, 1);
}
