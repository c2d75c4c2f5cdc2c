/* Connections: made, accepted, refused, and never answered. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* Lets the connection attempt go on by itself, waits for its end, and returns its errno or 0. */
static int connect_without_blocking(int fd, long family, long host, int port)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t length = sizeof(error);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	int begun = connect_to(fd, family, host, port);

	must(begun == 0 || begun == EINPROGRESS || begun == ECONNREFUSED, "connect");
	if (begun != EINPROGRESS)
		return begun;
	must(poll(&wait, 1, -1) == 1, "poll");
	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0, "SO_ERROR");
	return error;
}

/* connects FAMILY N M: cli connects N times to srv, every other time without blocking, and M times
 * to a port where nobody is */
static void connects(const long *n)
{
	int port = 0, closed = 0, listener = bound(n[0], SOCK_STREAM, &port);

	close(bound(n[0], SOCK_STREAM, &closed));
	if (fork_as("srv") == 0) {
		for (long i = 0; i < n[1]; i++) {
			int fd = accept(listener, NULL, NULL);
			char byte;

			must(fd >= 0 && read(fd, &byte, 1) == 0, "accept");
			close(fd);
		}
		_exit(0);
	}
	close(listener);
	if (fork_as("cli") == 0) {
		for (long i = 0; i < n[1] + n[2]; i++) {
			int fd = new_socket(n[0], SOCK_STREAM), to = i < n[1] ? port : closed;
			int error = i % 2 ? connect_without_blocking(fd, n[0], 0, to) : connect_to(fd, n[0], 0, to);

			must(error == (i < n[1] ? 0 : ECONNREFUSED), "connect");
			close(fd);
		}
		_exit(0);
	}
	wait_all();
}

/* timeouts FAMILY PORT N: N attempts at once to the other end of a path that swallows everything, each with one
 * retransmitted SYN */
static void timeouts(const long *n)
{
	int fds[64], once = 1;

	must(n[2] <= 64, "at most 64 attempts");
	for (long i = 0; i < n[2]; i++) {
		fds[i] = new_socket(n[0], SOCK_STREAM);
		must(setsockopt(fds[i], IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once)) == 0, "TCP_SYNCNT");
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
		must(connect_to(fds[i], n[0], 2, n[1]) == EINPROGRESS, "connect");
	}
	for (long i = 0; i < n[2]; i++) {
		struct pollfd wait = {.fd = fds[i], .events = POLLOUT};
		int error = 0;
		socklen_t length = sizeof(error);

		must(poll(&wait, 1, 60000) == 1, "poll");
		must(getsockopt(fds[i], SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == ETIMEDOUT, "ETIMEDOUT");
	}
	rest();
}

const struct command connection_commands[] = {{"connects", connects}, {"timeouts", timeouts}, {0}};
