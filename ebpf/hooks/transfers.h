/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What calls send and receive.
 */
#pragma once

#include "../collectors/network.h"
#include "../collectors/network_calls.h"

static __always_inline int transfer(enum program program, struct sock *sk, int result, int flags, bool receive)
{
	struct cpu_record *current = current_task();

	if (!is_our_turn(current))
		return 0;
	struct run run = begin_run(current, program);

	if (sk && !(flags & (MSG_PEEK | MSG_ERRQUEUE)))
		transferred(current, sk, result, receive);
	end_run(&run);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(tfo_sock_send, struct sock *sk, int result, int flags)
{
	return transfer(PROGRAM_SOCK_SEND, sk, result, flags, false);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(tfo_sock_recv, struct sock *sk, int result, int flags)
{
	return transfer(PROGRAM_SOCK_RECV, sk, result, flags, true);
}

/* The same before 6.3, where no tracepoint is. They keep the books of tfo_sock_send and tfo_sock_recv. */
SEC("fexit/inet_sendmsg")
int BPF_PROG(tfo_inet_send, struct socket *socket, struct msghdr *message, unsigned long size, int result)
{
	return transfer(PROGRAM_SOCK_SEND, socket->sk, result, 0, false);
}

SEC("fexit/inet6_sendmsg")
int BPF_PROG(tfo_inet6_send, struct socket *socket, struct msghdr *message, unsigned long size, int result)
{
	return transfer(PROGRAM_SOCK_SEND, socket->sk, result, 0, false);
}

/* Of both families; gone since 6.5, where inet_sendmsg does it. */
SEC("fexit/inet_sendpage")
int BPF_PROG(tfo_inet_page, struct socket *socket, void *page, int offset, unsigned long size, int flags, long result)
{
	return transfer(PROGRAM_SOCK_SEND, socket->sk, result, 0, false);
}

SEC("fexit/inet_recvmsg")
int BPF_PROG(tfo_inet_recv, struct socket *socket, struct msghdr *message, unsigned long size, int flags, int result)
{
	return transfer(PROGRAM_SOCK_RECV, socket->sk, result, flags, true);
}

SEC("fexit/inet6_recvmsg")
int BPF_PROG(tfo_inet6_recv, struct socket *socket, struct msghdr *message, unsigned long size, int flags, int result)
{
	return transfer(PROGRAM_SOCK_RECV, socket->sk, result, flags, true);
}

/* The same where neither is: from the calls. */
SEC("tp_btf/sys_exit")
int BPF_PROG(tfo_sock_call, void *registers, long result)
{
	struct cpu_record *current = current_task();

	if (result < 0 || !is_our_turn(current))
		return 0;
	struct network_call call = network_call(registers, running_task());

	if (call.direction) {
		struct run run = begin_run(current, call.direction == CALL_RECEIVES ? PROGRAM_SOCK_RECV : PROGRAM_SOCK_SEND);

		socket_call_ended(current, &call, result);
		end_run(&run);
	}
	return 0;
}
