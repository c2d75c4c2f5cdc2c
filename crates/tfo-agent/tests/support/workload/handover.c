/* Sockets that one process opens and another one uses. */
#include "net.h"

#include <string.h>
#include <unistd.h>

static void pass(int channel, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec piece = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	must(sendmsg(channel, &message, 0) == 1, "SCM_RIGHTS");
}

static int taken(int channel)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec piece = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	int fd;

	must(recvmsg(channel, &message, 0) == 1, "SCM_RIGHTS");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

/* heirs N: own connects twice and sends N bytes on each; a forked heir sends 2 N on the first; far,
 * which is handed the second over a Unix socket, sends 3 N on it. srv receives all of it, and the bytes on the
 * Unix socket are nobody's. */
static void heirs(const long *n)
{
	int port = 0, listener = bound(4, SOCK_STREAM, &port), channel[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0, "socketpair");
	if (fork_as("srv") == 0) {
		int first = accept(listener, NULL, NULL), second = accept(listener, NULL, NULL);

		receive_exactly(first, 3 * n[0]);
		receive_exactly(second, 4 * n[0]);
		_exit(0);
	}
	if (fork_as("far") == 0) {
		send_exactly(taken(channel[1]), 3 * n[0], 1000);
		_exit(0);
	}
	if (fork_as("own") == 0) {
		int first = new_socket(4, SOCK_STREAM), second = new_socket(4, SOCK_STREAM);

		must(connect_to(first, 4, 0, port) == 0 && connect_to(second, 4, 0, port) == 0, "connect");
		send_exactly(first, n[0], 1000);
		send_exactly(second, n[0], 1000);
		if (fork_as("heir") == 0) {
			send_exactly(first, 2 * n[0], 1000);
			_exit(0);
		}
		pass(channel[0], second);
		wait_all();
		_exit(0);
	}
	wait_all();
}

/* lossy-heirs FAMILY PORT N: own connects over the path and closes; heir, its child, sends N bytes on that
 * socket, rests, and prints how many segments went again */
static void lossy_heirs(const long *n)
{
	int fd = new_socket(n[0], SOCK_STREAM);

	rename_to("own");
	must(connect_to(fd, n[0], 2, n[1]) == 0, "connect");
	pid_t heir = fork_as("heir");

	if (heir == 0) {
		/* A socket is the heir's from its first send that has returned. */
		send_exactly(fd, 1, 1);
		send_exactly(fd, n[2] - 1, 65536);
		while (tcp_info_of(fd).tcpi_unacked > 0)
			pause_ms(10);
		say("retransmits %u", tcp_info_of(fd).tcpi_total_retrans);
		rest();
		_exit(0);
	}
	close(fd);
	wait_all();
}

const struct command hand_over_commands[] = {{"heirs", heirs}, {"lossy-heirs", lossy_heirs}, {0}};
