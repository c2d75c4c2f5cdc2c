/* Files: every call that reads, writes, opens or syncs, made in the directory that this runs in. */
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* What this process did, by the results of its calls. */
static long opens, reads, writes, syncs, bytes_read, bytes_written;
static long directories, failed_opens, failed_reads, failed_writes, failed_syncs;
static char buffer[65536];

static int opened(long fd)
{
	must(fd >= 0, "open");
	opens++;
	return fd;
}

static void has_read(long result, long expected, const char *what)
{
	must(result == expected, what);
	reads++;
	bytes_read += result;
}

static void has_written(long result, long expected, const char *what)
{
	must(result == expected, what);
	writes++;
	bytes_written += result;
}

static void failed(long result, int error, long *counter, const char *what)
{
	must(result == -1 && errno == error, what);
	(*counter)++;
}

static void synced(long result, const char *what)
{
	must(result == 0, what);
	syncs++;
}

static void write_all_ways(void)
{
	struct iovec pieces[3] = {{buffer, 100}, {buffer, 200}, {buffer, 300}};
	int fd = opened(syscall(SYS_openat, AT_FDCWD, "file", O_RDWR | O_CREAT | O_TRUNC, 0600));

	has_written(write(fd, buffer, 1000), 1000, "write");
	has_written(pwrite(fd, buffer, 500, 1000), 500, "pwrite");
	has_written(writev(fd, pieces, 3), 600, "writev");
	has_written(pwritev(fd, pieces, 3, 2000), 600, "pwritev");
	has_written(pwritev2(fd, pieces, 3, 3000, 0), 600, "pwritev2");
	has_written(write(fd, buffer, 0), 0, "write of nothing");
	synced(fsync(fd), "fsync");
	synced(fdatasync(fd), "fdatasync");
	must(ftruncate(fd, 5000) == 0, "ftruncate");
	/* A second descriptor of the same file, and one that takes the number of one that is gone. */
	int twin = dup(fd), third = fcntl(fd, F_DUPFD_CLOEXEC, 100);

	must(twin >= 0 && third >= 100 && close(fd) == 0, "dup");
	has_written(pwrite(twin, buffer, 7, 0), 7, "pwrite by a twin");
	has_read(pread(third, buffer, 9, 0), 9, "pread by a third");
	must(dup2(third, fd) == fd, "dup2");
	has_read(pread(fd, buffer, 11, 0), 11, "pread by a number used again");
	close(twin);
	close(third);
	close(fd);
}

static void read_all_ways(void)
{
	struct iovec pieces[3] = {{buffer, 100}, {buffer, 200}, {buffer, 300}};
	int fd = opened(syscall(SYS_openat, AT_FDCWD, "file", O_RDONLY));

	has_read(read(fd, buffer, 1000), 1000, "read");
	has_read(pread(fd, buffer, 500, 100), 500, "pread");
	has_read(readv(fd, pieces, 3), 600, "readv");
	has_read(preadv(fd, pieces, 3, 0), 600, "preadv");
	has_read(preadv2(fd, pieces, 3, 0, 0), 600, "preadv2");
	/* 5000 bytes: short at the end, and nothing behind it. */
	has_read(pread(fd, buffer, 4096, 4900), 100, "short read");
	has_read(pread(fd, buffer, 4096, 5000), 0, "read at the end");
	has_read(preadv(fd, pieces, 3, 4950), 50, "short preadv");
	failed(syscall(SYS_read, fd, 1L, 10), EFAULT, &failed_reads, "read to nowhere");
	failed(write(fd, buffer, 10), EBADF, &failed_writes, "write of what is open for reading");
	close(fd);
}

static void open_all_ways(void)
{
	struct open_how how = {.flags = O_RDONLY};

	close(opened(open("file", O_RDONLY)));
	close(opened(openat(AT_FDCWD, "file", O_WRONLY)));
	close(opened(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how))));
	close(opened(creat("created", 0600)));
#ifdef SYS_open
	close(opened(syscall(SYS_open, "file", O_RDONLY)));
	close(opened(syscall(SYS_creat, "created", 0600)));
#endif
	int directory = open(".", O_RDONLY | O_DIRECTORY);

	must(directory >= 0, "O_DIRECTORY");
	directories++;
	close(opened(openat(directory, "file", O_RDONLY)));
	close(directory);
}

static void fail_all_ways(void)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = ~0ULL};
	char byte;

	for (int i = 0; i < 3; i++)
		failed(open("missing", O_RDONLY), ENOENT, &failed_opens, "open of what is missing");
	failed(openat(AT_FDCWD, "file", O_RDONLY | O_DIRECTORY), ENOTDIR, &failed_opens, "open as a directory");
	failed(open("file", O_CREAT | O_EXCL, 0600), EEXIST, &failed_opens, "open exclusively");
	failed(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how)), EINVAL, &failed_opens, "bad openat2");
	failed(read(-1, &byte, 1), EBADF, &failed_reads, "read of nothing");
	failed(fsync(-1), EBADF, &failed_syncs, "fsync of nothing");
}

/* N times EACCES, as somebody who is not root. */
static void fail_for_rights(long count)
{
	int fd = opened(creat("secret", 0));

	close(fd);
	must(setresuid(-1, 65534, -1) == 0, "setresuid");
	for (long i = 0; i < count; i++)
		failed(open("secret", O_RDONLY), EACCES, &failed_opens, "open of a secret");
	must(setresuid(-1, 0, -1) == 0, "setresuid back");
}

/* Not a regular file, so not counted unless it is asked for. */
static void other_types(void)
{
	int ends[2], pair[2], null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);
	char eight[8] = {0};

	must(null >= 0 && zero >= 0 && pipe(ends) == 0, "pipe");
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	for (int i = 0; i < 10; i++) {
		must(write(ends[1], eight, 8) == 8 && read(ends[0], eight, 8) == 8, "pipe");
		must(write(pair[1], eight, 8) == 8 && read(pair[0], eight, 8) == 8, "socket");
		must(write(null, eight, 8) == 8 && read(zero, eight, 8) == 8, "devices");
	}
}

/* files N: N rounds of everything; prints what it did to regular files, and what failed */
static void files(const long *n)
{
	for (long i = 0; i < n[0]; i++) {
		write_all_ways();
		read_all_ways();
		open_all_ways();
		fail_all_ways();
		fail_for_rights(2);
		other_types();
	}
	say("opens %ld\nreads %ld\nwrites %ld\nsyncs %ld\nbytes_read %ld\nbytes_written %ld", opens, reads, writes, syncs,
	    bytes_read, bytes_written);
	say("directories %ld\nfailed_opens %ld\nfailed_reads %ld\nfailed_writes %ld\nfailed_syncs %ld", directories,
	    failed_opens, failed_reads, failed_writes, failed_syncs);
}

static void run_files(const long *n) { in_child(files, n); }

const struct command file_commands[] = {{"files", run_files}, {0}};
