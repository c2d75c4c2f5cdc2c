/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What the programs and the agent share: values of mapped arrays, their sizes
 * and the layout of keys. crates/receiver-ebpf/src/kernel/abi.rs mirrors this
 * file; a test has clang compare every offset and size.
 *
 * Every array is mapped into the agent: an event is an add, a read is a walk
 * over memory, and both go on after every capability has been given up.
 */
#pragma once

/* Processes, their keys and their counters stand in pages, made as they are needed. */
#define PAGE_SLOTS 1024
#define PAGE_SHIFT 10
#define PAGE_BUCKETS 4096
#define PAGE_CELLS 32768 /* PAGE_BUCKETS * BUCKET_WAYS */

/* Ways of a bucket: eight keys are one cache line. */
#define BUCKET_WAYS 8

/* An identity names a process slot for one life of it: bits 63..40 generation
 * (from 1), 39..20 slot, 19..0 zero. With an index in the low bits it is a key.
 * Zero is no identity. */
#define IDENTITY_SLOT_SHIFT 20
#define IDENTITY_GENERATION_SHIFT 40
#define IDENTITY_SLOT_MASK 0xfffff
#define GENERATION_MASK 0xffffff
/* In a row's generation: no identity is of it any more, though its counters are still to be read. */
#define GENERATION_CLOSED (1u << 31)
#define INDEX_MASK 0xfffff

/* Two that are no process. Their keys stand in the first page. */
#define OVERFLOW_SLOT 0xfffff    /* takes the processes for which there is no slot */
#define UNATTRIBUTED_SLOT 0xffffe /* takes what no process is known for */

/* An index says what is counted: a plain index, and above it a detail of that. */
#define PLAIN_INDICES 2048
#define DETAIL_SHIFT 11
#define DETAIL_NONE 0     /* the counters of the plain index itself */
#define MAX_ERRNO_DETAIL 191 /* 1..190 errors by errno, 191 all larger ones */
#define DETAIL_OCTAVE 192 /* 192..255 four buckets of its histogram, see histogram.h */

#define INDEX_SYSCALL 0 /* 0..1023: number, and 512 more for a compat call */
#define SYSCALL_NUMBERS 512
#define OTHER_SYSCALL 511 /* numbers beyond, in either half */
#define INDEX_FILE 1024 /* operation << 3 | type */
#define INDEX_NETWORK 1056 /* udp << 2 | receive << 1 | ipv6 */
#define INDEX_CONNECTION 1064 /* passive << 1 | ipv6 */
#define INDEX_CONNECT_FAILURE 1068 /* errors by errno */
#define INDEX_RETRANSMIT 1069
#define INDEX_RTT 1070
#define INDEX_CONNECTION_END 1071
#define INDEX_OOM_KILL 1072
#define INDEX_RUNQUEUE 1073 /* its histogram; count: waits of no time at all */
#define INDEX_TRANSITION 1088 /* old state << 4 | new state */
#define INDEX_END 1344

/* What the agent says of a call in call_kinds, by its number and 512 more for a compat call. */
#define CALL_OPERATION 7   /* the file operation that it is, from 1 */
#define CALL_SIGRETURN 8   /* returns the register that a signal interrupted */
#define CALL_BIRTH 16      /* a new task returns from it */
#define CALL_ACCEPT 32     /* returns an accepted connection */
#define CALL_SPLICE 64     /* moves bytes out of a socket past all hooks */
#define CALL_RENAME 128    /* a process may have another name after it */

enum file_operation {
	FILE_READ = 0,
	FILE_WRITE = 1,
	FILE_OPEN = 2,
	FILE_FSYNC = 3,
};

enum file_type {
	FILE_UNKNOWN = 0, /* the open failed, or the descriptor is no file */
	FILE_REGULAR = 1,
	FILE_DIRECTORY = 2,
	FILE_CHARACTER_DEVICE = 3,
	FILE_BLOCK_DEVICE = 4,
	FILE_PIPE = 5,
	FILE_SOCKET = 6,
	FILE_OTHER = 7,
};

/* One process. Written by the kernel from fork (or attach) to exit, read by the
 * agent, which clears it when it gives the slot back. */
struct process_row {
	__u64 start_boottime; /* ns since boot; with tgid the identity of the process */
	__u64 born;           /* CLOCK_MONOTONIC ns when counting began; written last, 0 = row not in use */
	__u64 exited;         /* CLOCK_MONOTONIC ns of the last thread's last switch, 0 = alive */
	__u64 cgroup;         /* id in the cgroup v2 hierarchy at first sight or exec */
	__u64 verdict;        /* written by the agent: comm_sequence it was given for << 32 | bits of enum collector that deny */
	__u32 tgid;
	__u32 generation;     /* written by the agent only */
	__u32 threads;        /* threads that count here and live */
	__u32 uid;            /* real uid at first sight or exec */
	__u32 comm_sequence;  /* odd while comm is being written, grows with every rename */
	char comm[16];        /* of the thread-group leader */
	__u32 pad;
};

enum collector {
	COLLECTOR_SYSCALLS = 0,
	COLLECTOR_NETWORK = 1,
	COLLECTOR_FILEIO = 2,
	COLLECTOR_SCHEDULER = 3,
	COLLECTOR_MEMORY = 4,
	COLLECTOR_TCPSTATE = 5,
	COLLECTORS = 6,
};

enum loss_reason {
	LOSS_PROCESS_FOLDED = 0, /* processes that found no slot: counted in the overflow stream */
	LOSS_CELL_FOLDED = 1,    /* events that found no cell: counted in the overflow stream */
	LOSS_TASK_STORAGE = 2,   /* tasks whose state could not be allocated: their first slice may be missing */
	LOSS_START_MISSING = 3,  /* syscalls that returned without a known start: counted, without latency */
	LOSS_SAMPLED = 4,        /* events whose latency was not measured, as sample_rate says */
	LOSS_BUCKET_FOLDED = 5,  /* observations that found no histogram bucket: in sums, not in the histogram */
	LOSS_SOCKET_STORAGE = 6, /* sockets whose owner could not be noted */
	LOSS_TASK_GONE = 7,      /* events of sockets whose process is gone and read: counted without a process */
	LOSS_REASONS = 8,
};

/* Programs; most of them count their own runs and time. */
enum program {
	PROGRAM_SWITCH = 0,
	PROGRAM_SYS_ENTER = 1,
	PROGRAM_SYS_EXIT = 2,
	PROGRAM_FAULT_KERNEL = 3,
	PROGRAM_SOCK_SEND = 4,
	PROGRAM_SOCK_RECV = 5,
	PROGRAM_TCP_STATE = 6,
	PROGRAM_TCP_RETRANSMIT = 7,
	/* These keep no book. */
	PROGRAM_TCP_AGAIN = 8,
	PROGRAM_TCP_SYNACK = 9,
	PROGRAM_ADOPT_SOCK = 10,
	PROGRAM_FAULT_MINOR = 11,
	PROGRAM_EXIT_AGAIN = 12,
	PROGRAMS = 14, /* one to spare: whole lines */
};

/* One of SAMPLE_EVERY runs of a program is timed. */
#define SAMPLE_EVERY 1024

/* In `counted` behind the collectors: the transitions among tcpstate's that tfo_tcp_again has counted. */
#define COUNTED_AGAIN COLLECTORS

struct program_ledger {
	__u64 samples;     /* runs that were timed */
	__u64 nanoseconds; /* what they took, less the clock's own time */
};

/* What one CPU is doing and what it has counted. The first line has all that a hook
 * asks for before it counts; of the running task it is maintained by tfo_switch. */
struct cpu_record {
	__u64 identity; /* of the running task's process; 0 = not known, ask the task's own state */
	__u64 entered;  /* CLOCK_MONOTONIC ns of the pending syscall's entry; 0 = not measured */
	__s32 syscall;  /* pending call, or one of the states in maps.h */
	__u32 fault;    /* of the running task: one of the states in collectors/memory.h */
	__u32 sampling; /* sum of sample_rate since the last event that was measured */
	__u32 transition; /* what tfo_tcp_state has counted last */
	__u64 moved;      /* the socket of that transition; its address */
	__u64 generation; /* the programs that count on this CPU: those loaded with this program_generation; written by the agent */
	__u32 stripe;   /* of this CPU; written by the agent */
	__u32 exclusive_pages; /* the first so many pages have a stripe for this CPU alone; written by the agent */
	__u64 open_sockets; /* put into their table less taken out of it, on this CPU; modulo 2^64 */
	__u64 counted[8]; /* events that were counted, by collector: the self-check; COUNTED_AGAIN */
	__u64 runs[PROGRAMS]; /* of each program */
	__u64 sockets[PROGRAMS]; /* by program, and its own: address of the socket that it is about */
	struct program_ledger programs[PROGRAMS];
	__u64 loss[LOSS_REASONS];
};
/* No two CPUs share a line. */
_Static_assert(sizeof(struct cpu_record) % 64 == 0, "whole lines");

/* What all CPUs share. The kernel moves head, the agent moves tail; both only grow. */
struct control {
	__u64 free_head;
	__u64 free_tail;
	__u64 agent;      /* tgid of the agent as the initial PID namespace counts */
	__u64 attached;   /* boottime ns just before the first program was attached; written by the agent */
	__u64 generation; /* the programs that count, as each CPU's record says it; written after those */
	__u64 thrifty;    /* cells run low: no new ones for histograms; written by the agent */
	__u64 connections[16]; /* sockets by TCP state, as the tfo_sockets walk finds them */
	__u64 socket_pages; /* of the table of sockets; written by the agent */
	__u64 retired[8]; /* events of slots that were given back, by collector; written by the agent */
};

/* Eight keys that hash alike; a way holds identity | index, or 0. */
struct bucket {
	__u64 key[BUCKET_WAYS];
};

/* Counters of one key. A key of DETAIL_OCTAVE and above holds four buckets of a histogram instead. */
struct cell {
	__u64 count;
	__u64 nanoseconds;
	__u64 bytes;
	__u64 errors; /* those that found no cell by errno */
};

/* Totals of one process; ns where the name says time. */
struct scheduler_counters {
	__u64 voluntary;
	__u64 involuntary;
	__u64 runtime;   /* ns on a CPU */
	__u64 run_delay; /* ns runnable without a CPU */
	__u64 migrations;
};

/* Page faults that the kernel completed, by what it did and who made them. */
struct memory_counters {
	__u64 minor_user;
	__u64 minor_kernel;
	__u64 major_user;
	__u64 major_kernel;
};

/* Counters of one process that need no index. */
struct slot_counters {
	struct scheduler_counters scheduler;
	struct memory_counters memory;
};

/* Who has the slots of a page, and which keys stand in its table. */
struct directory_page {
	struct process_row rows[PAGE_SLOTS];
	struct bucket buckets[PAGE_BUCKETS];
};

/* One stripe of the counters of a page: by slot, and by place of the key. */
struct counter_page {
	struct slot_counters slots[PAGE_SLOTS];
	struct cell cells[PAGE_CELLS];
};

/* One stripe of what has no slot or no cell of its own. */
struct overflow_page {
	struct slot_counters slot;
	struct cell cells[PLAIN_INDICES];
};

/* Whose a TCP socket is, and what of it is counted already. */
struct socket_state {
	__u64 identity;      /* of the owner; 0 = none known */
	__u64 established;   /* CLOCK_MONOTONIC ns; 0 = not seen */
	__u32 retransmitted; /* segments that are counted already */
	__u32 delivered;     /* packets acknowledged at the last RTT observation */
	__u32 seen;          /* the last transition that was counted; 0 = the state is new */
	__u32 unused;
};

/* Eight sockets whose addresses hash alike; 0 is a free way. */
struct socket_bucket {
	__u64 address[BUCKET_WAYS];
	struct socket_state state[BUCKET_WAYS];
};

/* The table of sockets grows by pages of 8,192. */
#define SOCKET_BUCKETS 1024
#define MOST_SOCKET_PAGES 16
struct socket_page {
	struct socket_bucket buckets[SOCKET_BUCKETS];
};

/* What the running iterator reports of a task that is on a CPU: what it has gathered since its last switch. */
struct running_record {
	__u64 identity;
	__u64 runtime;
	__u64 run_delay;
	__u64 migrations;
	__u64 minor; /* page faults in user mode */
	__u64 major;
};
