/* The life of TCP connections, every change of state of which is known. */
#include "net.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char byte;
static int ports[2];

/* The server's half of this file's workloads: listens by itself, and tells the client the port. */
static int listen_and_tell(long family)
{
	int port = 0, listener = bound(family, SOCK_STREAM, &port);

	must(write(ports[1], &port, sizeof(port)) == sizeof(port), "port");
	return listener;
}

static int told_port(void)
{
	int port;

	must(read(ports[0], &port, sizeof(port)) == sizeof(port), "port");
	return port;
}

static int client_of(long family, int port)
{
	int fd = new_socket(family, SOCK_STREAM);

	must(connect_to(fd, family, 0, port) == 0, "connect");
	return fd;
}

/* script FAMILY N MS: N connections between cli and srv, one after the other; the client closes each MS
 * milliseconds after it was made, and then the server. Prints the pids of both, and the ns from connect to close that the
 * client saw. */
static void script(const long *n)
{
	must(pipe(ports) == 0, "pipe");
	if (fork_as("srv") == 0) {
		say("srv_pid %d", getpid());
		int listener = listen_and_tell(n[0]);

		for (long i = 0; i < n[1]; i++) {
			int fd = accept(listener, NULL, NULL);

			must(fd >= 0 && recv(fd, &byte, 1, 0) == 0, "end");
			close(fd);
		}
		_exit(0);
	}
	if (fork_as("cli") == 0) {
		int port = told_port();
		double total = 0;

		say("cli_pid %d", getpid());
		for (long i = 0; i < n[1]; i++) {
			int fd = client_of(n[0], port);
			double begin = now_ns(CLOCK_MONOTONIC);

			pause_ms(n[2]);
			total += now_ns(CLOCK_MONOTONIC) - begin;
			close(fd);
		}
		say("lived_ns %.0f", total);
		_exit(0);
	}
	wait_all();
}

/* prefork FAMILY N EARLY: mum listens and kid, its child, accepts N connections of cli and closes
 * each at once without a byte. Where EARLY is 1 the client has closed before the accept; else it closes after the
 * server did. */
static void prefork(const long *n)
{
	int turns[2];

	must(pipe(ports) == 0 && pipe(turns) == 0, "pipe");
	if (fork_as("mum") == 0) {
		int listener = listen_and_tell(n[0]);

		if (fork_as("kid") == 0) {
			for (long i = 0; i < n[1]; i++) {
				must(!n[2] || read(turns[0], &byte, 1) == 1, "turn");
				int fd = accept(listener, NULL, NULL);

				must(fd >= 0, "accept");
				close(fd);
			}
			_exit(0);
		}
		wait_all();
		_exit(0);
	}
	if (fork_as("cli") == 0) {
		int port = told_port();

		for (long i = 0; i < n[1]; i++) {
			int fd = client_of(n[0], port);

			must(n[2] || recv(fd, &byte, 1, 0) == 0, "end");
			close(fd);
			/* This host's own path delivers before the close returns. */
			must(!n[2] || write(turns[1], &byte, 1) == 1, "turn");
		}
		_exit(0);
	}
	wait_all();
}

/* existing FAMILY N: N connections between cli and srv that stand before the test's word, and end after
 * it, the client first */
static void existing(const long *n)
{
	int turns[2], fds[64];

	must(n[1] <= 64 && pipe(ports) == 0 && pipe(turns) == 0, "pipe");
	if (fork_as("srv") == 0) {
		int listener = listen_and_tell(n[0]);

		for (long i = 0; i < n[1]; i++)
			must((fds[i] = accept(listener, NULL, NULL)) >= 0, "accept");
		for (long i = 0; i < n[1]; i++) {
			must(recv(fds[i], &byte, 1, 0) == 0, "end");
			close(fds[i]);
		}
		_exit(0);
	}
	if (fork_as("cli") == 0) {
		int port = told_port();

		for (long i = 0; i < n[1]; i++)
			fds[i] = client_of(n[0], port);
		step("standing");
		for (long i = 0; i < n[1]; i++)
			close(fds[i]);
		_exit(0);
	}
	wait_all();
}

/* standing N: a listener, N connections that stand, N that the client has closed and the server has not, N that have ended,
 * and N that nobody has accepted; then rests */
static void standing(const long *n)
{
	int port = 0, listener = bound(4, SOCK_STREAM, &port);

	for (long i = 0; i < 4 * n[0]; i++) {
		int client = client_of(4, port), server = i < 3 * n[0] ? accept(listener, NULL, NULL) : 0;

		must(server >= 0, "accept");
		if (i >= n[0] && i < 2 * n[0])
			must(shutdown(client, SHUT_WR) == 0, "shutdown");
		if (i >= 2 * n[0] && i < 3 * n[0]) {
			close(client);
			must(recv(server, &byte, 1, 0) == 0, "end");
			close(server);
		}
	}
	rest();
}

/* fetch PORT: prints what http://127.0.0.1:PORT/metrics answers, for a test in another network namespace */
static void fetch(const long *n)
{
	char buffer[65536];
	int fd = client_of(4, n[0]);
	ssize_t length = snprintf(buffer, sizeof(buffer),
				  "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\nConnection: close\r\n\r\n", n[0]);

	must(send(fd, buffer, length, 0) == length, "request");
	while ((length = recv(fd, buffer, sizeof(buffer), 0)) > 0)
		for (ssize_t from = 0, put; from < length; from += put)
			must((put = write(1, buffer + from, length - from)) > 0, "write");
	must(length == 0, "answer");
}

const struct command state_commands[] = {
	{"script", script}, {"prefork", prefork}, {"existing", existing}, {"standing", standing}, {"fetch", fetch}, {0},
};
