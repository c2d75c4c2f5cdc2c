/* System calls that fail, each with an errno that is known beforehand. */
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static void fails(long result, int expected, const char *what)
{
	must(result == -1 && errno == expected, what);
}

static void ignore(int signal)
{
	(void)signal;
}

/* errnos N: N calls of each kind, and as many that succeed:
 * openat ENOENT and ENOTDIR, close EBADF, read EAGAIN, epoll_pwait EINTR; and N times pselect6 ended by a signal,
 * which the kernel returns as "restart me unless there is a handler" and which is no error for that */
static void errnos(const long *n)
{
	struct sigaction action = {.sa_handler = ignore};
	/* It repeats, since the first may come before the call that it is to end. */
	struct itimerval timer = {{0, 2000}, {0, 300}}, never = {{0, 0}, {0, 0}};
	struct epoll_event event;
	int ends[2], queue = epoll_create1(0);
	char byte;

	must(queue >= 0 && pipe2(ends, O_NONBLOCK) == 0, "pipe2");
	sigaction(SIGALRM, &action, NULL);
	for (long i = 0; i < n[0]; i++) {
		fails(syscall(SYS_openat, AT_FDCWD, "/nonexistent", O_RDONLY), ENOENT, "openat of what is not there");
		fails(syscall(SYS_openat, AT_FDCWD, "/dev/null/x", O_RDONLY), ENOTDIR, "openat through a device");
		int fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);

		must(fd >= 0 && syscall(SYS_close, fd) == 0, "openat, close");
		fails(syscall(SYS_close, -1), EBADF, "close of nothing");
		fails(syscall(SYS_read, ends[0], &byte, 1), EAGAIN, "read of an empty pipe");
		must(syscall(SYS_write, ends[1], "", 1) == 1 && syscall(SYS_read, ends[0], &byte, 1) == 1, "pipe");
	}
	for (long i = 0; i < n[0]; i++) {
		setitimer(ITIMER_REAL, &timer, NULL);
		fails(syscall(SYS_epoll_pwait, queue, &event, 1, -1, NULL, 8), EINTR, "epoll_pwait");
		fails(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, NULL), EINTR, "pselect6");
		setitimer(ITIMER_REAL, &never, NULL);
	}
}

/* compat N: N times getpid by the 32-bit entry, where 20 is its number; for 64 bits it is writev's */
static void compat(const long *n)
{
#ifdef __x86_64__
	for (long i = 0; i < n[0]; i++) {
		long result;

		__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "r8", "r9", "r10", "r11", "memory");
		must(result == getpid(), "32-bit getpid");
	}
#else
	(void)n;
	must(0, "compat: this architecture has no int $0x80");
#endif
}

static void run_errnos(const long *n) { in_child(errnos, n); }

const struct command error_commands[] = {{"errnos", run_errnos}, {"compat", compat}, {0}};
