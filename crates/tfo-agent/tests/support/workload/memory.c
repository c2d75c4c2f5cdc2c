/* Page faults of every kind, and a process that wants more memory than it may have. */
#include "workload.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
/* Faults bring in up to this many neighbours of a page of a file. */
#define AROUND (16 * PAGE)

static struct rusage usage(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
	return usage;
}

static volatile char *pages(long count)
{
	void *address = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(address != MAP_FAILED, "mmap");
	/* So that each page is a fault of its own. */
	madvise(address, count * PAGE, MADV_NOHUGEPAGE);
	return address;
}

/* A file of SIZE bytes in this directory, filled with BYTE and on the disk. */
static int file_of(long size, int byte)
{
	char block[PAGE];
	int fd = open("pages", O_RDWR | O_CREAT | O_TRUNC, 0600);

	must(fd >= 0, "open");
	memset(block, byte, sizeof(block));
	for (long i = 0; i < size; i += PAGE)
		must(write(fd, block, PAGE) == PAGE, "write");
	must(fsync(fd) == 0, "fsync");
	return fd;
}

/* Prints what getrusage says that WORK faulted, and rests. */
static void report(struct rusage before)
{
	struct rusage after = usage();

	say("minor %ld", after.ru_minflt - before.ru_minflt);
	say("major %ld", after.ru_majflt - before.ru_majflt);
	rest();
}

/* user-faults N: touches N new pages */
static void user_faults(const long *n)
{
	volatile char *memory = pages(n[0]);
	struct rusage before = usage();

	for (long i = 0; i < n[0]; i++)
		memory[i * PAGE] = 1;
	report(before);
}

/* kernel-faults N: has the kernel fill N new pages */
static void kernel_faults(const long *n)
{
	char *memory = (char *)pages(n[0]);
	int zero = open("/dev/zero", O_RDONLY);
	struct rusage before = usage();

	for (long i = 0; i < n[0]; i++)
		must(read(zero, memory + i * PAGE, 100) == 100, "read");
	report(before);
}

/* major-faults N: touches N places of a file that is on the disk and not in memory */
static void major_faults(const long *n)
{
	long size = n[0] * AROUND;
	int fd = file_of(size, 1);

	must(posix_fadvise(fd, 0, size, POSIX_FADV_DONTNEED) == 0, "posix_fadvise");
	volatile char *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	must(memory != MAP_FAILED, "mmap");
	/* So that no page is there before it is touched. */
	madvise((void *)memory, size, MADV_RANDOM);
	struct rusage before = usage();

	for (long i = 0; i < n[0]; i++)
		must(memory[i * AROUND] == 1, "what was written");
	unlink("pages");
	report(before);
}

/* fetch-faults N: runs code on N pages that are in memory but not yet in this process */
static void fetch_faults(const long *n)
{
#ifdef __x86_64__
	long size = n[0] * AROUND;
	/* "return" everywhere */
	int fd = file_of(size, 0xc3);
	char *code = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);

	must(code != MAP_FAILED, "mmap");
	struct rusage before = usage();

	for (long i = 0; i < n[0]; i++)
		((void (*)(void))(code + i * AROUND))();
	unlink("pages");
	report(before);
#else
	(void)n;
	must(0, "fetch-faults: no code for this architecture");
#endif
}

static void eat(long megabytes)
{
	long count = megabytes << 20 >> 12;
	volatile char *memory = pages(count);

	for (long i = 0; i < count; i++)
		memory[i * PAGE] = 1;
}

/* eater N MB: N times, one after the other, a child called eater touches MB megabytes, of which the kernel
 * is to kill it; prints the pids */
static void eater(const long *n)
{
	for (long i = 0; i < n[0]; i++) {
		int status;
		pid_t child = fork_as("eater");

		if (child == 0) {
			eat(n[1]);
			_exit(0);
		}
		must(waitpid(child, &status, 0) == child, "waitpid");
		must(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the eater was not killed");
		say("victim %d", child);
	}
}

const struct command memory_commands[] = {
	{"user-faults", user_faults}, {"kernel-faults", kernel_faults}, {"major-faults", major_faults},
	{"fetch-faults", fetch_faults}, {"eater", eater}, {0},
};
