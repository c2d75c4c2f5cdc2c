/* Datagrams of UDP: those that went, those that were refused, looked at, cut short, or came back as an error. */
#include "net.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <string.h>
#include <unistd.h>

static char buffer[70000];
static long datagrams_sent, datagrams_received;
/* Those of them that a socket without a peer sent. */
static long loose_datagrams, loose_bytes;

static void one_sent(long result, long expected, const char *what)
{
	must(sent(result) == expected, what);
	datagrams_sent++;
}

static void one_received(long result, long expected, const char *what)
{
	must(received(result) == expected, what);
	datagrams_received++;
}

static void say_all(const char *role)
{
	say_tally(role);
	say("%s_datagrams_sent %ld", role, datagrams_sent);
	say("%s_datagrams_received %ld", role, datagrams_received);
	say("%s_loose_datagrams %ld", role, loose_datagrams);
	say("%s_loose_bytes %ld", role, loose_bytes);
}

/* The sending half: COUNT rounds to PORT, and to a port where nobody is. */
static void sender(long family, long count, int port)
{
	int loose = new_socket(family, SOCK_DGRAM), fixed = new_socket(family, SOCK_DGRAM);
	struct sockaddr_storage address = address_of(family, 0, port);
	socklen_t length = family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	struct iovec pieces[3] = {{buffer, 31}, {buffer, 32}, {buffer, 33}};
	struct mmsghdr messages[3];

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	must(connect_to(fixed, family, 0, port) == 0, "connect");
	for (long i = 0; i < count; i++) {
		one_sent(sendto(loose, buffer, 10 + i % 100, 0, (struct sockaddr *)&address, length), 10 + i % 100, "sendto");
		loose_datagrams++;
		loose_bytes += 10 + i % 100;
		one_sent(send(fixed, buffer, 1000, 0), 1000, "send");
		/* An empty datagram is one, too. */
		one_sent(send(fixed, buffer, 0, 0), 0, "empty send");
		must(sendmmsg(fixed, messages, 3, 0) == 3, "sendmmsg");
		for (int k = 0; k < 3; k++)
			one_sent(messages[k].msg_len, 31 + k, "sendmmsg");
		must(send(fixed, buffer, sizeof(buffer), 0) == -1 && errno == EMSGSIZE, "too large");
		must(send(loose, buffer, 10, 0) == -1 && errno == EDESTADDRREQ, "send to nobody");
		/* The answer paces the rounds, so that nothing is dropped. */
		one_received(recv(fixed, buffer, sizeof(buffer), 0), 5, "answer");
		must(recv(fixed, buffer, sizeof(buffer), MSG_DONTWAIT) == -1 && errno == EAGAIN, "nothing");
	}
}

/* COUNT datagrams to a port where nobody is: each goes, is refused, and comes back by the error queue, which is
 * no receive. */
static void refused(long family, long count, int port)
{
	int fd = new_socket(family, SOCK_DGRAM), on = 1;
	struct iovec piece = {buffer, 100};
	char control[512];

	/* The protocol that carries the datagrams decides, not the socket's family. */
	must(setsockopt(fd, family == 6 ? IPPROTO_IPV6 : IPPROTO_IP, family == 6 ? IPV6_RECVERR : IP_RECVERR, &on,
			sizeof(on)) == 0, "RECVERR");
	must(connect_to(fd, family, 0, port) == 0, "connect");
	for (long i = 0; i < count; i++) {
		struct msghdr message = {
			.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

		one_sent(send(fd, buffer, 50, 0), 50, "send to a closed port");
		must(send(fd, buffer, 50, 0) == -1 && errno == ECONNREFUSED, "the refusal");
		must(recvmsg(fd, &message, MSG_ERRQUEUE) == 50, "the error queue");
		must(recv(fd, buffer, 100, MSG_DONTWAIT) == -1 && errno == EAGAIN, "nothing more");
	}
}

static void receiver(int fd, long count)
{
	struct sockaddr_storage from;
	struct iovec pieces[3] = {{buffer, 100}, {buffer, 100}, {buffer, 100}};
	struct mmsghdr messages[3];

	for (long i = 0; i < count; i++) {
		socklen_t length = sizeof(from);

		one_received(recv(fd, buffer, sizeof(buffer), 0), 10 + i % 100, "sendto's");
		for (int k = 0; k < 3; k++)
			must(recv(fd, buffer, sizeof(buffer), MSG_PEEK) == 1000, "peek");
		/* A thousand bytes into a hundred: the call returns a hundred. */
		one_received(recvfrom(fd, buffer, 100, 0, (struct sockaddr *)&from, &length), 100, "truncated");
		one_received(recv(fd, buffer, 100, 0), 0, "empty");
		memset(messages, 0, sizeof(messages));
		for (int k = 0; k < 3; k++) {
			messages[k].msg_hdr.msg_iov = &pieces[k];
			messages[k].msg_hdr.msg_iovlen = 1;
		}
		must(recvmmsg(fd, messages, 3, MSG_WAITALL, NULL) == 3, "recvmmsg");
		for (int k = 0; k < 3; k++)
			one_received(messages[k].msg_len, 31 + k, "recvmmsg");
		one_sent(sendto(fd, buffer, 5, 0, (struct sockaddr *)&from, length), 5, "answer");
	}
}

/* datagram FAMILY N: N rounds between cli and srv; each prints what it sent and received */
static void datagram(const long *n)
{
	int port = 0, closed = 0, fd = bound(n[0], SOCK_DGRAM, &port);

	close(bound(n[0], SOCK_DGRAM, &closed));
	if (fork_as("srv") == 0) {
		receiver(fd, n[1]);
		say_all("srv");
		_exit(0);
	}
	close(fd);
	if (fork_as("cli") == 0) {
		sender(n[0], n[1], port);
		refused(n[0], n[1], closed);
		say_all("cli");
		_exit(0);
	}
	wait_all();
}

const struct command datagram_commands[] = {{"datagram", datagram}, {0}};
