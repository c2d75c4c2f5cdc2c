/* System calls that never return. */
#include "workload.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int silent[2];

/* exits N: N children called gone, each of which calls exit_group and nothing else */
static void exits(const long *n)
{
	for (long i = 0; i < n[0]; i++) {
		pid_t child = fork_as("gone");

		if (child == 0)
			syscall(SYS_exit_group, 0);
		must(waitpid(child, NULL, 0) == child, "waitpid");
	}
}

static void *leave(void *unused)
{
	syscall(SYS_exit, 0);
	return unused;
}

/* thread-exits N: N threads, each of which calls exit */
static void thread_exits(const long *n)
{
	for (long i = 0; i < n[0]; i++) {
		pthread_t id;

		must(pthread_create(&id, NULL, leave, NULL) == 0, "pthread_create");
		must(pthread_join(id, NULL) == 0, "pthread_join");
	}
}

static void *block(void *unused)
{
	char byte;

	syscall(SYS_read, silent[0], &byte, 1);
	must(0, "a read of a silent pipe came back");
	return unused;
}

/* Whether THREADS threads of PID exist and all are in read(2). */
static int all_blocked(pid_t pid, int threads)
{
	char path[320], text[80], wanted[16];
	struct dirent *entry;
	int blocked = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	snprintf(wanted, sizeof(wanted), "%d ", SYS_read);
	DIR *list = opendir(path);

	must(list != NULL, path);
	while ((entry = readdir(list))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid, entry->d_name);
		FILE *file = fopen(path, "r");

		if (file && fgets(text, sizeof(text), file))
			blocked += !strncmp(text, wanted, strlen(wanted));
		if (file)
			fclose(file);
	}
	closedir(list);
	return blocked == threads;
}

/* killed N: N children called killed with two threads, both killed while they block in read */
static void killed(const long *n)
{
	must(pipe(silent) == 0, "pipe");
	for (long i = 0; i < n[0]; i++) {
		pid_t child = fork_as("killed");

		if (child == 0) {
			pthread_t id;

			must(pthread_create(&id, NULL, block, NULL) == 0, "pthread_create");
			block(NULL);
		}
		while (!all_blocked(child, 2))
			pause_ms(1);
		must(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child, "kill");
	}
}

const struct command ending_commands[] = {{"exits", exits}, {"thread-exits", thread_exits}, {"killed", killed}, {0}};
