/* Loads for the benchmark of the kernel programs: one operation over and over on one CPU,
 * timed from inside.
 *
 *     workload NAME MILLISECONDS
 *
 * prints ns per operation of the least disturbed and of the median chunk, and how many
 * operations there were in all. Whatever goes wrong ends it, time too. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNKS = 20, PAGES = 256, DEADLINE_S = 20 };

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

/* The last CPU that we may use: the first often serves interrupts. Children inherit it. */
static void pin(void)
{
	cpu_set_t set;
	int last = 0;

	must(!sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			last = cpu;
	CPU_ZERO(&set);
	CPU_SET(last, &set);
	must(!sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

static char byte[1];
static int out, in, listener;
static pid_t child;
static struct sockaddr_in address;

static void getppid_once(void)
{
	syscall(SYS_getppid);
}

/* A memfd is a file of a tmpfs that nobody has to remove. */
static void open_file(void)
{
	in = memfd_create("workload", 0);
	must(in >= 0 && write(in, "x", 1) == 1, "memfd_create");
}

static void pread_once(void)
{
	must(pread(in, byte, 1, 0) == 1, "pread");
}

static void fork_echo(void)
{
	int to[2], from[2];
	pid_t parent = getpid();

	must(!pipe(to) && !pipe(from), "pipe");
	child = fork();
	must(child >= 0, "fork");
	if (!child) {
		must(!prctl(PR_SET_PDEATHSIG, SIGKILL) && getppid() == parent, "prctl");
		close(to[1]);
		close(from[0]);
		while (read(to[0], byte, 1) == 1 && write(from[1], byte, 1) == 1)
			;
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	out = to[1];
	in = from[0];
}

static void pipe_once(void)
{
	must(write(out, byte, 1) == 1 && read(in, byte, 1) == 1, "pipe");
}

/* A socket of ours on a free port of the loopback; `address` is then where it is. */
static int bound(int type)
{
	socklen_t size = sizeof address;
	int made = socket(AF_INET, type, 0);

	address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	must(made >= 0 && !bind(made, (void *)&address, size), "bind");
	must(!getsockname(made, (void *)&address, &size), "getsockname");
	return made;
}

static int connected(int type)
{
	int made = socket(AF_INET, type, 0);

	must(made >= 0 && !connect(made, (void *)&address, sizeof address), "connect");
	return made;
}

static void open_listener(void)
{
	listener = bound(SOCK_STREAM);
	must(!listen(listener, 16), "listen");
}

static void open_tcp(void)
{
	int one = 1;

	open_listener();
	out = connected(SOCK_STREAM);
	in = accept4(listener, NULL, NULL, 0);
	must(in >= 0 && !setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "accept");
}

static void open_udp(void)
{
	in = bound(SOCK_DGRAM);
	out = connected(SOCK_DGRAM);
}

static void send_once(void)
{
	must(send(out, byte, 1, 0) == 1 && recv(in, byte, 1, 0) == 1, "send and recv");
}

/* Reset at its end: a TIME_WAIT would keep the port, and there are not so many. */
static void connect_once(void)
{
	struct linger reset = {1, 0};
	int theirs, ours = connected(SOCK_STREAM);

	theirs = accept4(listener, NULL, NULL, 0);
	must(theirs >= 0, "accept");
	setsockopt(ours, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(ours);
	close(theirs);
}

/* One operation is one page; mapping and unmapping are shared by all of them. */
static void fault_once(void)
{
	static char *pages;
	static int next = PAGES;

	if (next == PAGES) {
		if (pages)
			munmap(pages, PAGES * 4096);
		pages = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(pages != MAP_FAILED, "mmap");
		madvise(pages, PAGES * 4096, MADV_NOHUGEPAGE);
		next = 0;
	}
	*(volatile char *)(pages + next++ * 4096) = 1;
}

static void nothing(void)
{
}

static const struct load {
	const char *name;
	void (*open)(void);
	void (*once)(void);
	long unit; /* a chunk is a multiple of it */
} loads[] = {
	{"getppid", nothing, getppid_once, 1}, {"pread", open_file, pread_once, 1},
	{"pipe", fork_echo, pipe_once, 1},     {"tcp", open_tcp, send_once, 1},
	{"udp", open_udp, send_once, 1},       {"fault", nothing, fault_once, PAGES},
	{"connect", open_listener, connect_once, 1},
};

static double run(const struct load *load, long operations)
{
	double began = now_ns();

	for (long i = 0; i < operations; i++)
		load->once();
	return now_ns() - began;
}

/* A single run may have been interrupted for long. */
static double least_of_three(const struct load *load, long operations)
{
	double least = run(load, operations);

	for (int i = 1; i < 3; i++) {
		double took = run(load, operations);

		least = took < least ? took : least;
	}
	return least;
}

static int by_value(const void *a, const void *b)
{
	return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b);
}

int main(int count, char **arguments)
{
	const struct load *load = NULL;
	double each[CHUNKS], chunk_ns;
	long all, operations;

	for (size_t i = 0; (count == 3 || count == 4) && i < sizeof loads / sizeof *loads; i++)
		if (!strcmp(arguments[1], loads[i].name))
			load = &loads[i];
	if (!load) {
		fprintf(stderr, "usage: workload NAME MILLISECONDS [SECONDS OF REST BEFORE]\n");
		return 2;
	}
	alarm(DEADLINE_S);
	pin();
	load->open();
	if (count == 4)
		must(!usleep(atof(arguments[3]) * 1e6), "usleep");
	chunk_ns = atof(arguments[2]) * 1e6 / CHUNKS;
	/* Warms up, and finds how many operations make a chunk. */
	for (all = 0, operations = load->unit;; operations *= 2) {
		double took = least_of_three(load, operations);

		all += 3 * operations;
		if (took < chunk_ns / 2)
			continue;
		operations = operations * chunk_ns / took / load->unit;
		operations = (operations ? operations : 1) * load->unit;
		break;
	}
	for (int i = 0; i < CHUNKS; i++) {
		each[i] = run(load, operations) / operations;
		all += operations;
	}
	if (child) {
		close(out);
		must(waitpid(child, NULL, 0) == child, "waitpid");
	}
	qsort(each, CHUNKS, sizeof *each, by_value);
	printf("%.2f %.2f %ld\n", each[0], each[CHUNKS / 2], all);
	return 0;
}
