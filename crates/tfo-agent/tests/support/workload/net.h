/* Addresses and sums of the workloads that talk. */
#ifndef WORKLOAD_NET_H
#define WORKLOAD_NET_H

#include "workload.h"

#include <netinet/in.h>
#include <linux/tcp.h>
#include <sys/socket.h>

/* What this process has sent and received, by the results of its calls: never by what it asked for. */
struct tally {
	long sent, received;
};

extern struct tally tally;

/* Adds a call's result where it is one, and returns it. */
long sent(long result);
long received(long result);

/* A socket of FAMILY, which is 4, 6, or 64 for IPv4 over a socket of IPv6. */
int new_socket(long family, int type);

/* Address HOST of FAMILY: 0 is this host, 1 and 2 are the two ends of the path. */
struct sockaddr_storage address_of(long family, long host, int port);

/* A bound socket of FAMILY, listening where it is a stream; sets *PORT where that is 0. */
int bound(long family, int type, int *port);

/* Connects FD; returns errno or 0. */
int connect_to(int fd, long family, long host, int port);

/* What the kernel knows of a TCP socket. */
struct tcp_info tcp_info_of(int fd);

/* Receives exactly LENGTH bytes of a stream. */
void receive_exactly(int fd, long length);

/* Sends exactly LENGTH bytes of a stream, in pieces of at most PIECE. */
void send_exactly(int fd, long length, long piece);

/* Prints what this process sent and received, after its role. */
void say_tally(const char *role);

#endif
