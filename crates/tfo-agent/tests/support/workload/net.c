/* Addresses and sums of the workloads that talk. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct tally tally;

long sent(long result)
{
	if (result > 0)
		tally.sent += result;
	return result;
}

long received(long result)
{
	if (result > 0)
		tally.received += result;
	return result;
}

int new_socket(long family, int type)
{
	int fd = socket(family == 4 ? AF_INET : AF_INET6, type, 0);

	must(fd >= 0, "socket");
	return fd;
}

struct sockaddr_storage address_of(long family, long host, int port)
{
	struct sockaddr_storage storage = {0};
	char text[64];

	if (family == 4) {
		struct sockaddr_in *address = (struct sockaddr_in *)&storage;

		snprintf(text, sizeof(text), host ? "10.77.0.%ld" : "127.0.0.1", host);
		address->sin_family = AF_INET;
		address->sin_port = htons(port);
		must(inet_pton(AF_INET, text, &address->sin_addr) == 1, text);
	} else {
		struct sockaddr_in6 *address = (struct sockaddr_in6 *)&storage;
		const char *mapped = host ? "::ffff:10.77.0.%ld" : "::ffff:127.0.0.1";

		snprintf(text, sizeof(text), family == 64 ? mapped : host ? "fd77::%ld" : "::1", host);
		address->sin6_family = AF_INET6;
		address->sin6_port = htons(port);
		must(inet_pton(AF_INET6, text, &address->sin6_addr) == 1, text);
	}
	return storage;
}

static socklen_t length_of(long family)
{
	return family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

int bound(long family, int type, int *port)
{
	/* Any address, so that both ends of a path can serve. */
	struct sockaddr_storage address = {.ss_family = family == 4 ? AF_INET : AF_INET6};
	socklen_t length = length_of(family);
	int fd = new_socket(family, type), on = 1;

	/* Both families have their port at the same place. */
	((struct sockaddr_in *)&address)->sin_port = htons(*port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	must(bind(fd, (struct sockaddr *)&address, length) == 0, "bind");
	must(type != SOCK_STREAM || listen(fd, 1024) == 0, "listen");
	must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
	*port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	return fd;
}

int connect_to(int fd, long family, long host, int port)
{
	struct sockaddr_storage address = address_of(family, host, port);

	return connect(fd, (struct sockaddr *)&address, length_of(family)) == 0 ? 0 : errno;
}

struct tcp_info tcp_info_of(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	memset(&info, 0, sizeof(info));
	must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0, "TCP_INFO");
	return info;
}

void receive_exactly(int fd, long length)
{
	static __thread char buffer[65536];

	while (length > 0) {
		long wanted = length < (long)sizeof(buffer) ? length : (long)sizeof(buffer);
		long got = received(recv(fd, buffer, wanted, 0));

		must(got > 0, "recv");
		length -= got;
	}
}

void send_exactly(int fd, long length, long piece)
{
	static __thread char buffer[65536];

	while (length > 0) {
		long wanted = length < piece ? length : piece;
		long put = sent(send(fd, buffer, wanted < (long)sizeof(buffer) ? wanted : (long)sizeof(buffer), MSG_NOSIGNAL));

		must(put > 0, "send");
		length -= put;
	}
}

void say_tally(const char *role)
{
	say("%s_sent %ld", role, tally.sent);
	say("%s_received %ld", role, tally.received);
}
