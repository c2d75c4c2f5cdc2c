/* Reads and writes that take a known time, or lose their descriptor while they wait. */
#include "workload.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends[2];

static void *write_late(void *milliseconds)
{
	pause_ms((long)milliseconds);
	must(write(ends[1], "12345678", 8) == 8, "write");
	return NULL;
}

/* slow-pipe N MS: N reads of a FIFO, each of which waits MS milliseconds for its eight bytes; prints the ns that they took
 * by this process's own clock */
static void slow_pipe(const long *n)
{
	char eight[8];
	double total = 0;

	must(mkfifo("fifo", 0600) == 0, "mkfifo");
	/* Both ways, so that the open does not wait. */
	ends[0] = ends[1] = open("fifo", O_RDWR);
	must(ends[0] >= 0, "open");
	for (long i = 0; i < n[0]; i++) {
		pthread_t id;

		must(pthread_create(&id, NULL, write_late, (void *)n[1]) == 0, "pthread_create");
		double begin = now_ns(CLOCK_MONOTONIC);

		must(syscall(SYS_read, ends[0], eight, 8) == 8, "read");
		total += now_ns(CLOCK_MONOTONIC) - begin;
		pthread_join(id, NULL);
	}
	/* Not on a pipe, or it were one more of them. */
	int fd = open("facts", O_WRONLY | O_CREAT, 0600);

	must(fd >= 0 && dup2(fd, 1) == 1, "facts");
	say("read_ns %.0f", total);
}

static void *close_early(void *milliseconds)
{
	pause_ms((long)milliseconds);
	/* Closes what the other thread reads from, and puts a regular file in its place. */
	int fd = open("file", O_RDONLY | O_CREAT, 0600);

	must(fd >= 0 && dup2(fd, ends[0]) == ends[0], "dup2");
	must(write(ends[1], "12345678", 8) == 8, "write");
	return NULL;
}

/* closed-pipe N: N reads that begin on a pipe, and when they end their descriptor is a regular file */
static void closed_pipe(const long *n)
{
	char eight[8];

	for (long i = 0; i < n[0]; i++) {
		pthread_t id;

		must(pipe(ends) == 0, "pipe");
		must(pthread_create(&id, NULL, close_early, (void *)20L) == 0, "pthread_create");
		must(syscall(SYS_read, ends[0], eight, 8) == 8, "read");
		pthread_join(id, NULL);
		close(ends[0]);
		close(ends[1]);
	}
}

static void run_slow_pipe(const long *n) { in_child(slow_pipe, n); }
static void run_closed_pipe(const long *n) { in_child(closed_pipe, n); }

const struct command waiting_commands[] = {{"slow-pipe", run_slow_pipe}, {"closed-pipe", run_closed_pipe}, {0}};
