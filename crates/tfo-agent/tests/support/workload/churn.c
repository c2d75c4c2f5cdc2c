/* Many processes and connections that live for a moment. */
#include "workload.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void calls(long number, long count)
{
	struct timespec time;

	for (long i = 0; i < count; i++)
		syscall(number, 0, &time);
}

/* crowd N C: N children, never more than a hundred at a time, each of which makes C calls that nobody else on the
 * machine makes (sched_rr_get_interval) and ends */
static void crowd(const long *n)
{
	long alive = 0;

	for (long i = 0; i < n[0]; i++) {
		pid_t child = fork();

		must(child >= 0, "fork");
		if (child == 0) {
			calls(SYS_sched_rr_get_interval, n[1]);
			_exit(0);
		}
		if (++alive == 100) {
			must(wait(NULL) > 0, "wait");
			alive--;
		}
	}
	wait_all();
}

/* Whether the test has closed stdin. */
static int told_to_end(void)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};

	return poll(&input, 1, 0) != 0;
}

/* alive N: N children, two thousand a second, that live until stdin closes */
static void alive(const long *n)
{
	int ends[2];
	char byte;

	must(pipe(ends) == 0, "pipe");
	for (long i = 0; i < n[0]; i++) {
		pid_t child = fork();

		must(child >= 0, "fork");
		if (child == 0) {
			close(ends[1]);
			_exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
		}
		if (i % 100 == 0)
			pause_ms(50);
	}
	rest();
	close(ends[1]);
	wait_all();
}

/* steady: a thousand times getppid every few milliseconds until stdin closes; prints how many that were */
static void steady(const long *n)
{
	long made = 0;

	(void)n;
	while (!told_to_end()) {
		calls(SYS_getppid, 1000);
		made += 1000;
		pause_ms(2);
	}
	say("%ld", made);
}

/* renamed N MS: N times getppid under each of one, two and three, and once more as one; after each it waits MS
 * milliseconds, so that it is read under every name */
static void renamed(const long *n)
{
	const char *names[] = {"one", "two", "three", "one"};

	for (int i = 0; i < 4; i++) {
		rename_to(names[i]);
		calls(SYS_getppid, n[0]);
		pause_ms(n[1]);
	}
}

static void connection(struct sockaddr_in *address, int listener)
{
	socklen_t length = sizeof(*address);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	must(connect(client, (struct sockaddr *)address, length) == 0, "connect");
	int server = accept(listener, NULL, NULL);
	char byte = 1;

	must(server >= 0 && write(client, &byte, 1) == 1 && read(server, &byte, 1) == 1, "a byte");
	/* A reset, so that no port waits for its minute. */
	struct linger linger = {1, 0};

	setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(client);
	close(server);
}

/* churn: until stdin closes, processes that make ten calls and end, and connections that carry a byte; prints the
 * number of processes and of connections, and of getppid calls of all */
static void churn(const long *n)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	long processes = 0, connections = 0;

	(void)n;
	must(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 128) == 0, "listen");
	must(getsockname(listener, (struct sockaddr *)&address, &length) == 0, "getsockname");
	while (!told_to_end()) {
		for (int i = 0; i < 10; i++, processes++)
			if (fork() == 0) {
				calls(SYS_getppid, 10);
				_exit(0);
			}
		wait_all();
		for (int i = 0; i < 10; i++, connections++)
			connection(&address, listener);
		pause_ms(5);
	}
	say("%ld %ld %ld", processes, connections, processes * 10);
}

const struct command churn_commands[] = {
	{"crowd", crowd}, {"alive", alive}, {"steady", steady}, {"renamed", renamed}, {"churn", churn}, {0},
};
