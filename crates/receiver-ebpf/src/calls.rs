//! Syscalls and errors by name: what the numbers of this machine, and of its 32-bit calls, mean.

use std::str::FromStr as _;

use pdata::AttributeValue;
#[cfg(target_arch = "aarch64")]
use syscalls::arm as compat;
#[cfg(not(target_arch = "aarch64"))]
use syscalls::x86 as compat;

use crate::kernel::{
    CALL_ACCEPT, CALL_BIRTH, CALL_RENAME, CALL_SIGRETURN, CALL_SPLICE, MAX_ERRNO_DETAIL, OTHER_SYSCALL,
    SYSCALL_NUMBERS, Setting,
};

/// Calls that are file operations, in the order of `enum file_operation`.
const FILE_OPERATIONS: [&[&str]; 4] = [
    &["read", "pread64", "readv", "preadv", "preadv2"],
    &["write", "pwrite64", "writev", "pwritev", "pwritev2"],
    &["open", "openat", "openat2", "creat"],
    &["fsync", "fdatasync"],
];

/// Calls that are special, by what they are to `ebpf/abi.h`.
const SPECIAL: [(u8, &[&str]); 5] = [
    (CALL_SIGRETURN, &["rt_sigreturn", "sigreturn"]),
    (CALL_BIRTH, &["fork", "vfork", "clone", "clone3"]),
    (CALL_ACCEPT, &["accept", "accept4"]),
    (CALL_SPLICE, &["splice"]),
    (CALL_RENAME, &["execve", "execveat", "prctl"]),
];

/// Calls that move bytes over a socket, as `ebpf/collectors/network_calls.h` wants them.
const NETWORK_CALLS: [(&str, u8); 14] = [
    ("write", SENDS),
    ("writev", SENDS),
    ("pwritev2", SENDS),
    ("sendto", SENDS),
    ("sendmsg", SENDS),
    ("sendmmsg", SENDS | MESSAGES),
    ("sendfile", SENDS),
    ("splice", SENDS | TARGET_THIRD),
    ("read", RECEIVES),
    ("readv", RECEIVES),
    ("preadv2", RECEIVES),
    ("recvfrom", RECEIVES | FLAGS_FOURTH),
    ("recvmsg", RECEIVES | FLAGS_THIRD),
    ("recvmmsg", RECEIVES | FLAGS_FOURTH | MESSAGES),
];
const SENDS: u8 = 1;
const RECEIVES: u8 = 2;
const FLAGS_THIRD: u8 = 4;
const FLAGS_FOURTH: u8 = 8;
const MESSAGES: u8 = 16;
const TARGET_THIRD: u8 = 32;

/// The number of the call `name` as the programs know it, in the machine's table and in that of 32-bit calls.
fn numbers(name: &str) -> impl Iterator<Item = u32> {
    let native = syscalls::Sysno::from_str(name).ok().map(|call| call.id());
    let compat = compat::Sysno::from_str(name).ok().map(|call| call.id());
    let within = |id: i32| u32::try_from(id).ok().filter(|id| *id < OTHER_SYSCALL);
    native.and_then(within).into_iter().chain(compat.and_then(within).map(|id| id + SYSCALL_NUMBERS))
}

/// The constants of the programs that are about calls.
pub(crate) fn settings() -> Vec<(&'static str, Setting)> {
    let operations = (1u8..).zip(FILE_OPERATIONS);
    let kinds = operations.chain(SPECIAL).flat_map(|(kind, names)| names.iter().map(move |name| (*name, kind)));
    let mut kinds = table(kinds);
    // A number beyond the table may be a new task's too.
    for other in [OTHER_SYSCALL, OTHER_SYSCALL + SYSCALL_NUMBERS] {
        kinds[other as usize] = CALL_BIRTH;
    }
    let network = table(NETWORK_CALLS.into_iter())[..SYSCALL_NUMBERS as usize].to_vec();
    vec![("call_kinds", Setting::U8s(kinds)), ("network_calls", Setting::U8s(network))]
}

/// By number: all that is said of a call.
fn table(said: impl Iterator<Item = (&'static str, u8)>) -> Vec<u8> {
    let mut table = vec![0; 2 * SYSCALL_NUMBERS as usize];
    for (name, value) in said {
        numbers(name).for_each(|number| table[number as usize] |= value);
    }
    table
}

/// Whether `call` is of the table of 32-bit calls.
pub(crate) fn is_compat(call: u32) -> bool {
    call >= SYSCALL_NUMBERS
}

/// The kernel's name of `call`.
pub(crate) fn name(call: u32) -> AttributeValue {
    let number = call % SYSCALL_NUMBERS;
    if number == OTHER_SYSCALL {
        return AttributeValue::Static("other");
    }
    let known = if is_compat(call) {
        compat::Sysno::new(number as usize).map(|known| known.name())
    } else {
        syscalls::Sysno::new(number as usize).map(|known| known.name())
    };
    known.map_or_else(|| AttributeValue::Text(format!("syscall_{number}").into()), AttributeValue::Static)
}

/// `error.type` of an error that has no number of its own.
pub(crate) const OTHER_ERROR: AttributeValue = AttributeValue::Static("_OTHER");

/// The kernel's name of error `errno`, such as `ENOENT`.
pub(crate) fn error(errno: u32) -> AttributeValue {
    if errno >= MAX_ERRNO_DETAIL {
        return OTHER_ERROR;
    }
    let known = i32::try_from(errno).ok().and_then(|errno| syscalls::Errno::new(errno).name());
    known.map_or_else(|| AttributeValue::Text(format!("{errno}").into()), AttributeValue::Static)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_kernel_s_names() {
        let number = |name: libc::c_long| u32::try_from(name).unwrap();
        assert_eq!(name(number(libc::SYS_getppid)).as_str(), Some("getppid"));
        assert_eq!(name(number(libc::SYS_openat)).as_str(), Some("openat"));
        assert_eq!(name(OTHER_SYSCALL).as_str(), Some("other"));
        assert_eq!(name(510).as_str(), Some("syscall_510"));
        assert_eq!(error(2).as_str(), Some("ENOENT"));
        assert_eq!(error(115).as_str(), Some("EINPROGRESS"));
        assert_eq!(error(MAX_ERRNO_DETAIL).as_str(), Some("_OTHER"));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn thirty_two_bit_calls_have_names_of_their_own() {
        assert_eq!(name(20).as_str(), Some("writev"));
        assert_eq!(name(20 + SYSCALL_NUMBERS).as_str(), Some("getpid"));
        assert_eq!(numbers("fork").collect::<Vec<_>>(), [57, 2 + SYSCALL_NUMBERS]);
        assert!(numbers("no_such_call").next().is_none());
    }
}
