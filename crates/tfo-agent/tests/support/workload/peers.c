/* The two sides of a connection over the path, each a workload of its own in its own network namespace. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static char byte;

/* A connection to the other end; waits for a listener that is not there yet. */
static int reach(long family, long host, int port)
{
	for (int tries = 0; tries < 100; tries++) {
		int fd = new_socket(family, SOCK_STREAM), error = connect_to(fd, family, host, port);

		if (error == 0)
			return fd;
		must(error == ECONNREFUSED, "connect");
		close(fd);
		pause_ms(50);
	}
	must(0, "nobody listens");
	return -1;
}

static void no_delay(int fd)
{
	int on = 1;

	must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "TCP_NODELAY");
}

/* serve FAMILY PORT IN OUT: accepts one connection, receives IN bytes, sends OUT bytes, and rests when all of them
 * are acknowledged */
static void serve(const long *n)
{
	int port = n[1], listener = bound(n[0], SOCK_STREAM, &port);

	say("listening");
	int fd = accept(listener, NULL, NULL);

	must(fd >= 0, "accept");
	receive_exactly(fd, n[2]);
	send_exactly(fd, n[3], 65536);
	while (tcp_info_of(fd).tcpi_unacked > 0)
		pause_ms(10);
	say("retransmits %u", tcp_info_of(fd).tcpi_total_retrans);
	rest();
}

/* client FAMILY PORT OUT IN: the other side of serve */
static void client(const long *n)
{
	int fd = reach(n[0], 2, n[1]);

	send_exactly(fd, n[2], 65536);
	receive_exactly(fd, n[3]);
	while (tcp_info_of(fd).tcpi_unacked > 0)
		pause_ms(10);
	say("retransmits %u", tcp_info_of(fd).tcpi_total_retrans);
	rest();
}

/* echo FAMILY PORT: returns every byte of one connection, until its end */
static void echo(const long *n)
{
	int port = n[1], listener = bound(n[0], SOCK_STREAM, &port);

	say("listening");
	int fd = accept(listener, NULL, NULL);

	must(fd >= 0, "accept");
	no_delay(fd);
	while (recv(fd, &byte, 1, 0) == 1)
		must(send(fd, &byte, 1, MSG_NOSIGNAL) == 1, "send");
}

/* ping FAMILY PORT N: N bytes to echo and back, one at a time; prints the sum of what the kernel's smoothed RTT was
 * after each, in microseconds, how often it was looked at, and the least and the most that it ever was */
static void ping(const long *n)
{
	int fd = reach(n[0], 2, n[1]);
	long sum = 0, least = tcp_info_of(fd).tcpi_rtt, most = least;

	no_delay(fd);
	for (long i = 0; i < n[2]; i++) {
		must(send(fd, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1, "echo");
		long rtt = tcp_info_of(fd).tcpi_rtt;

		sum += rtt;
		least = rtt < least ? rtt : least;
		most = rtt > most ? rtt : most;
	}
	say("rtt_us %ld\nrounds %ld\nleast_us %ld\nmost_us %ld", sum, n[2], least, most);
	step("connected");
}

/* orphan FAMILY PORT N: connects, waits for the test's word, sends N bytes in one piece, and ends at once */
static void orphan(const long *n)
{
	int fd = reach(n[0], 2, n[1]);

	step("connected");
	send_exactly(fd, n[2], 65536);
}

const struct command peer_commands[] = {
	{"serve", serve}, {"client", client}, {"echo", echo}, {"ping", ping}, {"orphan", orphan}, {0},
};
