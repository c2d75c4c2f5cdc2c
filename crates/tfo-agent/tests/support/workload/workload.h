/* What the files of the workload share. Each has a table of commands; workload.c finds the one that was asked for. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#define _GNU_SOURCE
#include <sys/types.h>
#include <time.h>

/* A command and what it does with the numbers after its name; what is not given is 0. */
struct command {
	const char *name;
	void (*run)(const long *numbers);
};

/* Each ends with an entry without a name. */
extern const struct command error_commands[], ending_commands[], stream_commands[], datagram_commands[],
	connection_commands[], path_commands[], peer_commands[], hand_over_commands[], file_commands[],
	waiting_commands[], memory_commands[], state_commands[], churn_commands[],
	sandbox_commands[];

/* The arguments of main. */
extern char **self;

/* Ends the process with what errno says where OK is 0. */
void must(int ok, const char *what);

double now_ns(clockid_t clock);

/* Prints one line with one write(2), so that lines of several processes do not mix. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says that the work is done, with the CPU time used so far, and waits in read(2) until stdin closes. */
void rest(void);

/* Prints a line, and waits in read(2) for a line from the test. */
void step(const char *what);

/* Sleeps. */
void pause_ms(long milliseconds);

/* Calls this process by the name of this run and test, and SUFFIX: RUN-TEST.SUFFIX. Elsewhere in these files SUFFIX
 * alone stands for that. */
void rename_to(const char *suffix);

/* fork() where the child has a name of its own by rename_to, and ends with its parent. */
pid_t fork_as(const char *suffix);

/* Does WORK in a child called "work", to which nothing belongs but the work: what loads a program opens, reads and
 * fails to find files, too, and all that a process did since the last read goes by its name at the next. */
void in_child(void (*work)(const long *), const long *numbers);

/* Waits for the end of all children, each of which has to end well. */
void wait_all(void);

#endif
