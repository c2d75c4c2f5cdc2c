/* Workloads that know what they did: each makes a number of events that its
 * arguments say, prints what the kernel's own books say of it, and ends.
 * Raw system calls, so that nothing is cached or made twice on the way. */
#include "workload/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
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
char **self;

void must(int ok, const char *what)
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

void say(const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, arguments);

	va_end(arguments);
	line[length++] = '\n';
	must(write(1, line, length) == length, "say");
}

void pause_ms(long milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	while (nanosleep(&time, &time) == -1 && errno == EINTR)
		;
}

void rename_to(const char *suffix)
{
	char name[16];

	/* Up to the dot in RUN-TEST.main, so that tests side by side do not mix; up to the dash where there is none. */
	size_t length = strcspn(self[1], strchr(self[1], '.') ? "." : "-") + 1;

	must(length + strlen(suffix) < sizeof(name), "a name that the kernel would cut");
	snprintf(name, sizeof(name), "%.*s%s", (int)length, self[1], suffix);
	prctl(PR_SET_NAME, name);
}

pid_t fork_as(const char *suffix)
{
	pid_t child = fork();

	must(child >= 0, "fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rename_to(suffix);
	}
	return child;
}

void in_child(void (*work)(const long *), const long *numbers)
{
	if (fork_as("work") == 0) {
		work(numbers);
		_exit(0);
	}
	wait_all();
}

void wait_all(void)
{
	int status;

	while (wait(&status) > 0)
		must(status == 0, "a child ended badly");
}

static void *getppid_thread(void *unused)
{
	getppids(calls);
	return unused;
}

double now_ns(clockid_t clock)
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
		rename_to("echo");
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

void rest(void)
{
	char byte;

	printf("resting %.0f\n", now_ns(CLOCK_PROCESS_CPUTIME_ID));
	fflush(stdout);
	while (syscall(SYS_read, 0, &byte, 1) > 0)
		;
}

void step(const char *what)
{
	char byte;

	say("%s", what);
	do
		must(syscall(SYS_read, 0, &byte, 1) == 1, "the test's word to go on");
	while (byte != '\n');
}

static void run_getppids(const long *n) { getppids(n[0]); }
static void run_threads(const long *n) { threads(n[0], n[1]); }
static void run_migrate(const long *n) { migrate(n[0]); }
static void run_signals(const long *n) { signals(n[0]); }
static void run_exec(const long *n) { exec_from_thread(self[1], n[0]); }
static void run_children(const long *n) { children(n[0], n[1]); }
static void run_sleeps(const long *n) { sleeps(n[0], n[1]); }
static void run_short(const long *n) { short_lived(n[0], n[1]); }
static void run_spin(const long *n) { spin(n[0] * 1e6); }

static void run_rare(const long *n)
{
	/* as fork, with a call that nobody else on the machine makes */
	call = SYS_sched_rr_get_interval;
	children(n[0], n[1]);
}

static void run_wait(const long *n)
{
	rest();
	getppids(n[0]);
}

static void run_mix(const long *n)
{
	mix(n[0]);
	rest();
}

static void run_yields(const long *n)
{
	yields(n[0]);
	rest();
}

static void run_steps(const long *n)
{
	for (long i = 0; i < n[0]; i++) {
		step("next");
		getppids(n[1]);
	}
	step("done");
}

static const struct command basic_commands[] = {
	{"getppid", run_getppids}, {"threads", run_threads}, {"migrate", run_migrate}, {"signals", run_signals},
	{"exec", run_exec},	   {"fork", run_children},   {"rare", run_rare},       {"sleep", run_sleeps},
	{"short", run_short},	   {"wait", run_wait},	     {"mix", run_mix},	       {"yield", run_yields},
	{"spin", run_spin},	   {"steps", run_steps},     {0},
};

static const struct command *const tables[] = {
	basic_commands,	  error_commands, ending_commands,    stream_commands, datagram_commands, connection_commands,
	path_commands,	  peer_commands,  hand_over_commands, file_commands,   waiting_commands,  memory_commands,
	state_commands,	  churn_commands, sandbox_commands,
};

/* workload NAME WHAT [NUMBER...]: NAME is set by prctl; "-" keeps the name that exec gave. */
int main(int argc, char **argv)
{
	long numbers[8] = {0};

	must(argc >= 3 && argc <= 3 + 8, "usage: workload NAME WHAT [NUMBER...]");
	for (int i = 3; i < argc; i++)
		numbers[i - 3] = atol(argv[i]);
	self = argv;
	/* Nothing here outlives the test that started it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(argv[1], "-") != 0)
		prctl(PR_SET_NAME, argv[1]);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct command *command = tables[i]; command->name; command++)
			if (!strcmp(command->name, argv[2])) {
				command->run(numbers);
				return 0;
			}
	must(0, argv[2]);
	return 0;
}
