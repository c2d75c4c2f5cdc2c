/* Bytes of TCP, moved by every call that moves them. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static char buffer[1 << 20];

/* Every way to send; what does not block is asked for a megabyte until it takes nothing more. */
static void send_all_ways(int fd)
{
	struct iovec three[3] = {{buffer, 10}, {buffer, 20}, {buffer, 30}}, two[2] = {{buffer, 40}, {buffer, 50}};
	struct iovec one = {buffer, 60}, other = {buffer, 70};
	struct msghdr message = {.msg_iov = two, .msg_iovlen = 2};
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &one, .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &other, .msg_iovlen = 1}}};
	int size = 16384, ends[2], file = memfd_create("sendfile", 0), rounds = 0;
	off_t from = 0;
	long put = 0;

	must(sent(write(fd, buffer, 100)) == 100, "write");
	must(sent(send(fd, buffer, 200, 0)) == 200, "send");
	must(sent(sendto(fd, buffer, 300, 0, NULL, 0)) == 300, "sendto");
	must(sent(writev(fd, three, 3)) == 60, "writev");
	must(sent(sendmsg(fd, &message, 0)) == 90, "sendmsg");
	must(sendmmsg(fd, messages, 2, 0) == 2, "sendmmsg");
	sent(messages[0].msg_len);
	sent(messages[1].msg_len);
	must(sent(send(fd, buffer, 1, MSG_MORE)) == 1, "MSG_MORE");
	must(ftruncate(file, 100000) == 0, "ftruncate");
	must(sent(sendfile(fd, file, &from, 5000)) == 5000, "sendfile");
	must(pipe(ends) == 0 && write(ends[1], buffer, 4000) == 4000, "pipe");
	must(sent(splice(ends[0], NULL, fd, NULL, 4000, 0)) == 4000, "splice");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int refused = 0; refused < 5; rounds++) {
		put = sent(send(fd, buffer, sizeof(buffer), 0));
		must(put < (long)sizeof(buffer), "a megabyte is taken at once");
		must(put > 0 || errno == EAGAIN, "send");
		if (put < 0) {
			refused++;
			pause_ms(20);
		}
	}
	must(rounds > 5, "no short send");
	fcntl(fd, F_SETFL, 0);
	must(shutdown(fd, SHUT_WR) == 0, "shutdown");
	must(sent(send(fd, buffer, 1000, MSG_NOSIGNAL)) == -1 && errno == EPIPE, "send after the end");
}

/* Every way to receive; looks at the same bytes many times and receives them once. */
static void receive_all_ways(int fd)
{
	struct iovec two[2] = {{buffer, 30}, {buffer, 40}}, one = {buffer, 50}, other = {buffer, 60};
	struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &one, .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &other, .msg_iovlen = 1}}};
	long got;

	/* Until the sender has been refused for the first time. */
	pause_ms(100);
	for (int i = 0; i < 50; i++)
		must(recv(fd, buffer, 1000, MSG_PEEK) == 1000, "MSG_PEEK");
	must(received(read(fd, buffer, 77)) == 77, "read");
	must(received(recv(fd, buffer, 88, MSG_WAITALL)) == 88, "recv");
	must(received(recvfrom(fd, buffer, 99, 0, NULL, NULL)) == 99, "recvfrom");
	must(received(readv(fd, two, 2)) == 70, "readv");
	must(received(recvmsg(fd, &message, 0)) == 50, "recvmsg");
	must(recvmmsg(fd, messages, 2, 0, NULL) == 2, "recvmmsg");
	received(messages[0].msg_len);
	received(messages[1].msg_len);
	/* Thrown away, but received. */
	must(received(recv(fd, NULL, 500, MSG_TRUNC)) == 500, "MSG_TRUNC");
	while ((got = received(recv(fd, buffer, sizeof(buffer), 0))) > 0)
		;
	must(got == 0, "recv");
	struct tcp_info info = tcp_info_of(fd);

	/* The kernel's own count, with one for the end. */
	must((long)info.tcpi_bytes_received == tally.received + 1, "not all of the kernel's bytes were received");
}

static void client(long family, int port)
{
	int fd = new_socket(family, SOCK_STREAM);

	must(connect_to(fd, family, 0, port) == 0, "connect");
	for (int i = 0; i < 10; i++)
		must(received(recv(fd, buffer, 1000, MSG_DONTWAIT)) == -1 && errno == EAGAIN, "recv of nothing");
	send_all_ways(fd);
	receive_all_ways(fd);
	close(fd);
	say_tally("cli");
	_exit(0);
}

static void server(int listener)
{
	int fd = accept(listener, NULL, NULL);

	must(fd >= 0, "accept");
	receive_all_ways(fd);
	send_all_ways(fd);
	/* The peer's end of the connection comes when it has read all of it. */
	must(recv(fd, buffer, 1, 0) == 0, "end");
	close(fd);
	say_tally("srv");
	_exit(0);
}

/* stream FAMILY: cli and srv send each other bytes in every way there is; each prints
 * what it sent and received */
static void stream(const long *n)
{
	int port = 0, listener = bound(n[0], SOCK_STREAM, &port);

	if (fork_as("srv") == 0)
		server(listener);
	if (fork_as("cli") == 0)
		client(n[0], port);
	wait_all();
}

/* splice-in N: cli sends N bytes and srv takes them out of its socket by splice(2) */
static void splice_in(const long *n)
{
	int port = 0, listener = bound(4, SOCK_STREAM, &port), ends[2];

	if (fork_as("srv") == 0) {
		int fd = accept(listener, NULL, NULL);

		must(fd >= 0 && pipe(ends) == 0, "accept");
		long got;

		while ((got = received(splice(fd, NULL, ends[1], NULL, 4096, 0))) > 0)
			must(read(ends[0], buffer, got) == got, "read");
		say_tally("srv");
		_exit(0);
	}
	if (fork_as("cli") == 0) {
		int fd = new_socket(4, SOCK_STREAM);

		must(connect_to(fd, 4, 0, port) == 0, "connect");
		send_exactly(fd, n[0], 1000);
		say_tally("cli");
		_exit(0);
	}
	wait_all();
}

const struct command stream_commands[] = {{"stream", stream}, {"splice-in", splice_in}, {0}};
