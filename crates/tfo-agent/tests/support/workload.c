/* Workloads that know what they did: each makes a number of events that its
 * arguments say, prints what the kernel's own books say of it, and ends.
 * Raw system calls, so that nothing is cached or made twice on the way. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long calls;
static char **self;

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static long call = SYS_getppid;

static void getppids(long count)
{
	struct timespec time;

	for (long i = 0; i < count; i++)
		syscall(call, 0, &time);
}

static void *getppid_thread(void *unused)
{
	getppids(calls);
	return unused;
}

static double now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

/* threads N T: N calls from each of T threads */
static void threads(long count, long number)
{
	pthread_t ids[64];

	calls = count;
	for (long i = 0; i < number; i++)
		must(pthread_create(&ids[i], NULL, getppid_thread, NULL) == 0, "pthread_create");
	for (long i = 0; i < number; i++)
		pthread_join(ids[i], NULL);
}

/* migrate N: N blocking receives, each answered by a child; this side changes its CPU before every one */
static void migrate(long count)
{
	int ends[2];
	char byte = 0;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	pid_t child = fork();

	if (child == 0) {
		char name[16];

		/* this run's prefix, and a name of its own */
		snprintf(name, sizeof(name), "%.*secho", (int)strcspn(self[1], "-") + 1, self[1]);
		prctl(PR_SET_NAME, name);
		close(ends[0]);
		while (recv(ends[1], &byte, 1, 0) == 1)
			must(send(ends[1], &byte, 1, 0) == 1, "send");
		_exit(0);
	}
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	close(ends[1]);
	for (long i = 0; i < count; i++) {
		pin(i % cpus);
		must(send(ends[0], &byte, 1, 0) == 1 && recv(ends[0], &byte, 1, 0) == 1, "echo");
	}
	close(ends[0]);
	waitpid(child, NULL, 0);
}

static volatile long handled;

static void handle(int signal)
{
	(void)signal;
	handled++;
}

/* signals N: N times getppid with a signal handled before it, and N blocking calls that a signal ends;
 * prints how many signals it handled */
static void signals(long count)
{
	struct sigaction action = {.sa_handler = handle};
	/* It repeats, since the first may come before the call that it is to end. */
	struct itimerval timer = {{0, 2000}, {0, 300}}, never = {{0, 0}, {0, 0}};

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	for (long i = 0; i < count; i++) {
		syscall(SYS_kill, getpid(), SIGUSR1);
		syscall(SYS_getppid);
		setitimer(ITIMER_REAL, &timer, NULL);
		/* returns only by the signal */
		must(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, NULL) == -1 && errno == EINTR, "pselect6");
		setitimer(ITIMER_REAL, &never, NULL);
	}
	printf("%ld\n", handled);
}

static void *exec_thread(void *name)
{
	char count[32];

	snprintf(count, sizeof(count), "%ld", calls);
	execl("/proc/self/exe", self[0], name, "getppid", count, NULL);
	must(0, "execl");
	return NULL;
}

/* exec N: a thread that is not the leader execs this program, which makes N calls */
static void exec_from_thread(char *name, long count)
{
	pthread_t id;

	calls = count;
	must(pthread_create(&id, NULL, exec_thread, name) == 0, "pthread_create");
	pause();
}

/* fork N C: C children, each of which makes N calls */
static void children(long count, long number)
{
	for (long i = 0; i < number; i++)
		if (fork() == 0) {
			getppids(count);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

/* sleep N MS: prints the ns that N sleeps of MS milliseconds took by this process's own clock */
static void sleeps(long count, long milliseconds)
{
	struct timespec time = {0, milliseconds * 1000000};
	double begin, total = 0;

	for (long i = 0; i < count; i++) {
		begin = now_ns(CLOCK_MONOTONIC);
		syscall(SYS_nanosleep, &time, NULL);
		total += now_ns(CLOCK_MONOTONIC) - begin;
	}
	printf("%.0f\n", total);
}

static void spin(double cpu_ns)
{
	double end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + cpu_ns;

	while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
}

/* short N MS: N children that use MS ms of CPU each and exit; prints the ns of CPU that the kernel charged them */
static void short_lived(long number, long milliseconds)
{
	double total = 0;

	for (long i = 0; i < number; i++) {
		struct rusage usage;
		pid_t child = fork();

		if (child == 0) {
			spin(milliseconds * 1e6);
			_exit(0);
		}
		must(wait4(child, NULL, 0, &usage) == child, "wait4");
		total += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9;
		total += (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
	}
	printf("%.0f\n", total);
}

/* mix N: sleeps, work and yields, as a program does */
static void mix(long count)
{
	struct timespec time = {0, 1000000};

	for (long i = 0; i < count; i++) {
		syscall(SYS_nanosleep, &time, NULL);
		spin(500000);
		syscall(SYS_sched_yield);
	}
}

/* yield N: on one CPU, so that somebody else who yields there is switched to every time */
static void yields(long count)
{
	pin(0);
	for (long i = 0; i < count; i++)
		syscall(SYS_sched_yield);
}

/* Says that the work is done, with the CPU time used so far, and waits in read(2) until stdin closes. */
static void rest(void)
{
	char byte;

	printf("resting %.0f\n", now_ns(CLOCK_PROCESS_CPUTIME_ID));
	fflush(stdout);
	while (syscall(SYS_read, 0, &byte, 1) > 0)
		;
}

/* workload NAME WHAT A [B]: NAME is set by prctl; "-" keeps the name that exec gave. */
int main(int argc, char **argv)
{
	must(argc >= 4, "usage: workload NAME WHAT A [B]");
	char *what = argv[2];
	long a = atol(argv[3]), b = argc > 4 ? atol(argv[4]) : 0;

	self = argv;
	/* Nothing here outlives the test that started it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(argv[1], "-") != 0)
		prctl(PR_SET_NAME, argv[1]);
	if (!strcmp(what, "getppid"))
		getppids(a);
	else if (!strcmp(what, "threads"))
		threads(a, b);
	else if (!strcmp(what, "migrate"))
		migrate(a);
	else if (!strcmp(what, "signals"))
		signals(a);
	else if (!strcmp(what, "exec"))
		exec_from_thread(argv[1], a);
	else if (!strcmp(what, "fork"))
		children(a, b);
	else if (!strcmp(what, "rare")) {
		/* as fork, with a call that nobody else on the machine makes */
		call = SYS_sched_rr_get_interval;
		children(a, b);
	}
	else if (!strcmp(what, "sleep"))
		sleeps(a, b);
	else if (!strcmp(what, "short"))
		short_lived(a, b);
	else if (!strcmp(what, "wait")) {
		rest();
		getppids(a);
	} else if (!strcmp(what, "mix")) {
		mix(a);
		rest();
	} else if (!strcmp(what, "yield")) {
		yields(a);
		rest();
	} else if (!strcmp(what, "spin"))
		spin(a * 1e6);
	else
		must(0, what);
	return 0;
}
