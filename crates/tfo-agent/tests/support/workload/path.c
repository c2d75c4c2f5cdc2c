/* Two network namespaces and the path between them, which holds every packet for a while and loses those that it is
 * told to. The namespaces have no name: they end with the last process in them, whatever happens. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HELD 8192
#define SYN 2
#define ACK 16

/* A packet on its way. */
struct packet {
	double due;
	int length;
	unsigned char bytes[2048];
};

/* One end: its device, what is on the way from it, and what of that shall be lost. */
static struct end {
	int tun, space;
	struct packet *held;
	unsigned head, tail;
	long lose_every, lose_next, lose_syns, lose_synacks, lose_all;
	long segments, passed, lost;
} ends[2];

static double delay_ns;

/* struct in6_ifreq of linux/ipv6.h, which does not go with netinet/in.h */
struct address6 {
	struct in6_addr address;
	unsigned prefix;
	int index;
};

static void raise_interface(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	must(ioctl(fd, SIOCGIFFLAGS, &request) == 0, "SIOCGIFFLAGS");
	request.ifr_flags |= IFF_UP;
	must(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "SIOCSIFFLAGS");
	close(fd);
}

static void give_address(int host)
{
	struct ifreq request = {0};
	struct address6 six = {.prefix = 64};
	int fd4 = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_storage address = address_of(4, host, 0);

	snprintf(request.ifr_name, IFNAMSIZ, "path");
	must(ioctl(fd4, SIOCGIFINDEX, &request) == 0, "SIOCGIFINDEX");
	six.index = request.ifr_ifindex;
	memcpy(&request.ifr_addr, &address, sizeof(struct sockaddr));
	must(ioctl(fd4, SIOCSIFADDR, &request) == 0, "SIOCSIFADDR");
	address = (struct sockaddr_storage){.ss_family = AF_INET};
	((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&request.ifr_netmask, &address, sizeof(struct sockaddr));
	must(ioctl(fd4, SIOCSIFNETMASK, &request) == 0, "SIOCSIFNETMASK");
	raise_interface("path");
	address = address_of(6, host, 0);
	six.address = ((struct sockaddr_in6 *)&address)->sin6_addr;
	must(ioctl(fd6, SIOCSIFADDR, &six) == 0, "SIOCSIFADDR 6");
	close(fd4);
	close(fd6);
}

static void set(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY);

	/* One that this kernel has not got. */
	if (fd < 0)
		return;
	must(write(fd, value, strlen(value)) == (ssize_t)strlen(value), file);
	close(fd);
}

/* Makes one namespace with its end of the path; this thread is in it afterwards. */
static void make_end(struct end *end, int host)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	must(unshare(CLONE_NEWNET) == 0, "unshare");
	end->space = open("/proc/thread-self/ns/net", O_RDONLY);
	end->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	must(end->space >= 0 && end->tun >= 0, "/dev/net/tun");
	snprintf(request.ifr_name, IFNAMSIZ, "path");
	must(ioctl(end->tun, TUNSETIFF, &request) == 0, "TUNSETIFF");
	raise_interface("lo");
	/* What is lost is sent again every second at the latest (since 6.15; before it the tests are slower), however often. */
	set("/proc/sys/net/ipv4/tcp_rto_max_ms", "1000");
	set("/proc/sys/net/ipv4/tcp_orphan_retries", "30");
	give_address(host);
	end->held = calloc(HELD, sizeof(struct packet));
	must(end->held != NULL, "calloc");
}

/* Flags and length of the data of a TCP segment; -1 for what is none. */
static int tcp_segment(const struct packet *packet, int *data)
{
	const unsigned char *bytes = packet->bytes;
	int six = bytes[0] >> 4 == 6, header = six ? 40 : (bytes[0] & 15) * 4;

	if (bytes[six ? 6 : 9] != IPPROTO_TCP || packet->length < header + 20)
		return -1;
	*data = packet->length - header - (bytes[header + 12] >> 4) * 4;
	return bytes[header + 13];
}

static int one_of(long *left)
{
	return *left > 0 && (*left)--;
}

static int is_lost(struct end *end, const struct packet *packet)
{
	int data = 0, flags = tcp_segment(packet, &data);

	if (end->lose_all)
		return 1;
	if (flags < 0)
		return 0;
	if (flags & SYN)
		return one_of(flags & ACK ? &end->lose_synacks : &end->lose_syns);
	if (data == 0)
		return 0;
	end->segments++;
	return one_of(&end->lose_next) || (end->lose_every && end->segments % end->lose_every == 0);
}

static void take(struct end *end)
{
	while (end->tail - end->head < HELD) {
		struct packet *packet = &end->held[end->tail % HELD];

		packet->length = read(end->tun, packet->bytes, sizeof(packet->bytes));
		if (packet->length <= 0)
			return;
		packet->due = now_ns(CLOCK_MONOTONIC) + delay_ns;
		if (is_lost(end, packet))
			end->lost++;
		else
			end->tail++;
	}
}

/* Delivers what is due; returns when the next one is. */
static double deliver(struct end *end, struct end *other)
{
	while (end->head != end->tail) {
		struct packet *packet = &end->held[end->head % HELD];

		if (packet->due > now_ns(CLOCK_MONOTONIC))
			return packet->due;
		must(write(other->tun, packet->bytes, packet->length) == packet->length, "deliver");
		end->head++;
		end->passed++;
	}
	return 0;
}

/* Does what a line of the test says: WHAT END NUMBER. */
static void obey(void)
{
	char line[128] = "", what[32];
	int from = 0;
	long number = 0;

	if (read(0, line, sizeof(line) - 1) <= 0)
		exit(0);
	must(sscanf(line, "%31s %d %ld", what, &from, &number) == 3 && (from == 1 || from == 2), line);
	struct end *end = &ends[from - 1];

	if (!strcmp(what, "every"))
		end->lose_every = number;
	else if (!strcmp(what, "next"))
		end->lose_next = number;
	else if (!strcmp(what, "syns"))
		end->lose_syns = number;
	else if (!strcmp(what, "synacks"))
		end->lose_synacks = number;
	else if (!strcmp(what, "all"))
		end->lose_all = number;
	else
		must(0, line);
	say("%s: passed %ld lost %ld", what, end->passed, end->lost);
}

/* path MS: prints the two namespaces, and carries packets until stdin closes, each after MS milliseconds. A line says
 * which of those from END (1 or 2) to lose: "every END N" each Nth segment with data, "next END N" the next N of
 * them, "syns END N" and "synacks END N" the next N of these, "all END 0|1" everything */
static void path(const long *n)
{
	delay_ns = n[0] * 1e6;
	make_end(&ends[0], 1);
	make_end(&ends[1], 2);
	say("/proc/%d/fd/%d /proc/%d/fd/%d", getpid(), ends[0].space, getpid(), ends[1].space);
	for (;;) {
		struct pollfd inputs[3] = {{0, POLLIN, 0}, {ends[0].tun, POLLIN, 0}, {ends[1].tun, POLLIN, 0}};
		double first = deliver(&ends[0], &ends[1]), second = deliver(&ends[1], &ends[0]);
		double due = first == 0 || (second != 0 && second < first) ? second : first;
		double left = due == 0 ? 1e9 : due - now_ns(CLOCK_MONOTONIC);
		struct timespec timeout = {left > 0 ? left / 1e9 : 0, 0};

		timeout.tv_nsec = left > 0 ? left - timeout.tv_sec * 1e9 : 0;
		must(ppoll(inputs, 3, &timeout, NULL) >= 0, "ppoll");
		if (inputs[0].revents)
			obey();
		take(&ends[0]);
		take(&ends[1]);
	}
}

const struct command path_commands[] = {{"path", path}, {0}};
