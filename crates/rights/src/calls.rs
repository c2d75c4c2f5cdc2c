//! System calls: by a list of those that are allowed.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
use syscalls::Sysno;

use crate::Refused;

/// Which are left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Calls {
    /// Of a program that works on files, talks over sockets and has threads, and starts no other program.
    #[default]
    Service,
    /// The same, and bpf(2).
    ServiceWithBpf,
    /// bpf(2), and what it takes to be asked for it over a socket.
    Bpf,
}

/// Those without which nothing runs at all.
const BASE: &str = "read write readv writev close close_range fcntl lseek brk munmap mremap madvise futex futex_wait
    futex_wake rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall exit exit_group getrandom gettid
    getpid recvmsg sendmsg clock_gettime clock_getres gettimeofday time nanosleep clock_nanosleep fstat newfstatat
    sched_yield rseq set_robust_list statx";

/// What reads and writes files and talks over sockets.
const SERVICE: &str = "pread64 pwrite64 preadv pwritev preadv2 pwritev2 dup dup2 dup3 pipe pipe2 eventfd2 epoll_create1
    epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6 fsync fdatasync sync_file_range ftruncate
    fallocate fadvise64 flock sendfile copy_file_range open openat openat2 stat lstat statfs fstatfs access
    faccessat faccessat2 readlink readlinkat getdents64 getcwd mkdir mkdirat unlink unlinkat rmdir rename renameat
    renameat2 chmod fchmod fchmodat fchmodat2 umask utimensat
    get_robust_list futex_waitv membarrier sched_getaffinity getcpu getppid getuid geteuid getgid getegid getresuid
    getresgid getgroups getrusage getrlimit times uname sysinfo capget wait4 waitid clone3
    bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt sendto sendmmsg recvfrom recvmmsg
    shutdown";

const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
/// The resolver asks over it which addresses this machine has.
const AF_NETLINK: u64 = 16;
const PROT_WRITE: u64 = 2;
const PROT_EXEC: u64 = 4;
const CLONE_THREAD: u64 = 0x1_0000;
const PR_SET_NAME: u64 = 15;
/// `PR_SET_VMA`, by which allocators name their memory.
const PR_SET_VMA: u64 = 0x5356_4d41;
/// Is it a terminal (two ways to ask), how wide is it, how much is there to read, do not block, close at exec; and which
/// number has an interface, where an address names one (`fe80::1%eth0`).
const IOCTLS: [u64; 7] = [0x5401, 0x802c_542a, 0x5413, 0x541b, 0x5421, 0x5451, 0x8933];
/// Create a map, put a map into another, pin, tell of a map, and walk by an iterator.
const BPF_COMMANDS: [u64; 6] = [0, 2, 6, 15, 28, 33];

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Says what is left.
pub(crate) fn filter(calls: Calls) -> Result<String, Refused> {
    let refused = |error: &dyn std::fmt::Display| Refused(error.to_string());
    let rules = rules(calls).map_err(|error| refused(&error))?;
    let number = rules.len();
    // Its flags are in memory, where no filter looks; without it the C library takes clone(2).
    let clone3 = numbers("clone3").map(|number| (number, Vec::new())).collect();
    // First, since the other filter lets no filter come after it.
    install(clone3, SeccompAction::Allow, SeccompAction::Errno(ENOSYS))?;
    install(rules, SeccompAction::Errno(EPERM), SeccompAction::Allow)?;
    Ok(format!("{number} system calls, the others fail with EPERM"))
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn install(rules: Rules, others: SeccompAction, these: SeccompAction) -> Result<(), Refused> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| Refused(error.to_string()))?;
    let program = SeccompFilter::new(rules, others, these, arch).and_then(BpfProgram::try_from);
    let program = program.map_err(|error| Refused(error.to_string()))?;
    apply_filter(&program).map_err(|error| Refused(error.to_string()))
}

fn rules(calls: Calls) -> Result<Rules, BackendError> {
    let mut rules: Rules = numbers(BASE).map(|number| (number, Vec::new())).collect();
    // Memory may be written or executed, never both.
    only(&mut rules, "mmap", [has_none(2, PROT_EXEC)?, has_none(2, PROT_WRITE)?]);
    only(&mut rules, "mprotect", [has_none(2, PROT_EXEC)?]);
    // As abort(3) does.
    only(&mut rules, "tgkill", [is(0, std::process::id().into())?]);
    if calls != Calls::Service {
        only(&mut rules, "bpf", BPF_COMMANDS.map(|command| is(0, command)).into_iter().collect::<Result<Vec<_>, _>>()?);
    }
    if calls == Calls::ServiceWithBpf {
        rules.extend(numbers("bpf").map(|number| (number, Vec::new())));
    }
    if calls != Calls::Bpf {
        rules.extend(numbers(SERVICE).map(|number| (number, Vec::new())));
        let threads = SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(CLONE_THREAD), CLONE_THREAD)?])?;
        only(&mut rules, "clone", [threads]);
        only(&mut rules, "socket", [is(0, AF_UNIX)?, is(0, AF_INET)?, is(0, AF_INET6)?, is(0, AF_NETLINK)?]);
        only(&mut rules, "socketpair", [is(0, AF_UNIX)?]);
        only(&mut rules, "ioctl", IOCTLS.map(|request| is(1, request)).into_iter().collect::<Result<Vec<_>, _>>()?);
        only(&mut rules, "prctl", [is(0, PR_SET_NAME)?, is(0, PR_SET_VMA)?]);
        // Limits may be looked at.
        only(&mut rules, "prlimit64", [whole(2, 0)?]);
    }
    Ok(rules)
}

/// Allows the call `name` where one of `rules` fits.
fn only(all: &mut Rules, name: &str, rules: impl Into<Vec<SeccompRule>>) {
    let rules = rules.into();
    all.extend(numbers(name).map(|number| (number, rules.clone())));
}

fn is(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![condition(argument, SeccompCmpOp::Eq, value)?])
}

fn has_none(argument: u8, bits: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![condition(argument, SeccompCmpOp::MaskedEq(bits), 0)?])
}

/// Of an argument that is a pointer.
fn whole(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)?])
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// Numbers of the calls that this architecture has, of `names`.
fn numbers(names: &str) -> impl Iterator<Item = i64> {
    names.split_ascii_whitespace().filter_map(|name| Sysno::from_str(name).ok()).map(|call| i64::from(call.id()))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_of_a_system_call() {
        let unknown: Vec<&str> =
            [BASE, SERVICE, "mmap mprotect tgkill bpf clone socket socketpair ioctl prctl prlimit64"]
                .iter()
                .flat_map(|names| names.split_ascii_whitespace())
                .filter(|name| Sysno::from_str(name).is_err())
                .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn no_call_of_other_processes_mounts_or_programs_is_on_a_list() {
        let dangerous = "execve execveat fork vfork ptrace process_vm_readv process_vm_writev kill mount umount2 setns
            unshare pivot_root chroot init_module finit_module kexec_load reboot perf_event_open io_uring_setup
            open_by_handle_at userfaultfd keyctl add_key capset setuid setgid setresuid seccomp bpf";
        let service = rules(Calls::Service).unwrap();
        for number in numbers(dangerous) {
            assert!(!service.contains_key(&number), "{number}");
        }
        let own = rules(Calls::Bpf).unwrap();
        for number in numbers("openat socket connect clone execve") {
            assert!(!own.contains_key(&number), "{number}");
        }
    }
}
