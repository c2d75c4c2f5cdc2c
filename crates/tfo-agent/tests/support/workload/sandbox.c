/* Programs that may not do what kernels have learned since. */
#include "workload.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BPF_PROG_QUERY is the last command of bpf(2) in 4.15. */
#define LAST_COMMAND 16

/* bpf-of-4-15 PROGRAM [ARGUMENT...]: becomes PROGRAM, to which bpf(2) has no command that Linux 4.15 has not */
static void bpf_of_4_15(const long *unused)
{
	struct sock_filter refuse[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_COMMAND, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
	};
	struct sock_fprog filter = {sizeof(refuse) / sizeof(refuse[0]), refuse};

	(void)unused;
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0, "seccomp");
	execv(self[3], self + 3);
	must(0, self[3]);
}

const struct command sandbox_commands[] = {{"bpf-of-4-15", bpf_of_4_15}, {0}};
