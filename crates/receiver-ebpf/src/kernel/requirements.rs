//! What the kernel side needs of the machine, and what to say where it is missing.

use std::fmt;
use std::path::{Path, PathBuf};

use aya::Btf;
use aya::programs::ProgramError;

use super::privileges;
use crate::trouble::Trouble;

/// Where the running kernel describes its types.
pub(super) const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Why the kernel side cannot work. Says what, where and what to do.
#[derive(Debug, Clone)]
pub(crate) enum LoadError {
    /// Without it nothing can be relocated, and an object that is not must never be loaded.
    NoBtf,
    /// What the tier without BTF needs in its place, and why that does not work either.
    NoBtfNorTracepoints(Trouble),
    /// Where tracepoints are described and switched on, or one of them.
    Tracepoints(Trouble),
    /// The file given as `btf_path`.
    BtfPath {
        /// As configured.
        path: PathBuf,
        /// The parser's words.
        reason: String,
    },
    /// One agent a pin path.
    Locked {
        /// As configured.
        path: PathBuf,
    },
    /// The kernel says no to this process.
    Permission(Trouble),
    /// A struct field that this kernel does not have under the name we know.
    Relocation {
        /// Name of the program.
        program: String,
    },
    /// Anything else, with the chain of causes.
    Other {
        /// What was being done.
        what: String,
        /// Causes, outermost first.
        reason: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trouble().fmt(f)
    }
}

/// The running kernel's own description of its types: some 20 MB, to be dropped soon.
///
/// # Errors
/// Where it is not there or not readable.
pub(super) fn kernel_btf() -> Result<Btf, LoadError> {
    Btf::from_sys_fs().map_err(|error| LoadError::of("BTF of", "the kernel", &error))
}

/// A helper call that the loader put in place of an access it could not relocate.
const POISON: &str = "unknown#195896080";

/// At the end of what the verifier says of a program that it has looked at.
const VERIFIED: &str = "processed ";

impl LoadError {
    /// The same in two parts.
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::NoBtf => Trouble::new(
                format!("BTF not available: {KERNEL_BTF} does not exist"),
                format!("use a kernel built with CONFIG_DEBUG_INFO_BTF=y (check: ls -l {KERNEL_BTF})"),
            ),
            Self::NoBtfNorTracepoints(reason) => {
                Trouble::new(format!("{}; and without it: {}", Self::NoBtf, reason.what), reason.mend.clone())
            }
            Self::Tracepoints(trouble) => trouble.clone(),
            Self::BtfPath { path, reason } => Trouble::new(
                format!("btf_path {}: {reason}", path.display()),
                "make one with: pahole --btf_encode_detached vmlinux.btf vmlinux",
            ),
            Self::Locked { path } => Trouble::new(
                format!("another tfo-agent runs on pin_path {}", path.display()),
                "stop it, or give this one its own extensions::ebpf::pin_path",
            ),
            Self::Permission(reason) => {
                let what = format!("Operation not permitted loading BPF programs: {}", reason.what);
                Trouble::new(what, reason.mend.clone())
            }
            Self::Relocation { program } => Trouble::new(
                format!("CO-RE relocation of program {program} failed: this kernel lacks a field that it reads"),
                "if the kernel's own BTF is wrong, give a better one as extensions::ebpf::btf_path",
            ),
            Self::Other { what, reason } => Trouble::new(format!("{what}: {reason}"), ""),
        }
    }

    /// From an error of aya while doing `what` to `program`.
    pub(super) fn of(what: &str, program: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let reason = chain(error);
        if reason.contains(POISON) {
            return Self::Relocation { program: program.to_owned() };
        }
        // The verifier, too, says no with "Permission denied", and then why.
        if !reason.contains(VERIFIED)
            && (reason.contains("Operation not permitted") || reason.contains("Permission denied"))
        {
            return Self::Permission(privileges::refusal());
        }
        Self::Other { what: format!("{what} {program}"), reason: shorten(&reason) }
    }

    /// Why none of several ways leads there.
    pub(super) fn all(mut failures: Vec<Self>) -> Self {
        if failures.len() == 1 {
            return failures.remove(0);
        }
        let reasons: Vec<_> = failures.iter().map(Self::to_string).collect();
        let reason = if reasons.is_empty() {
            "none is allowed by extensions::ebpf::tiers".to_owned()
        } else {
            reasons.join("; ")
        };
        Self::Other { what: "objects".to_owned(), reason }
    }

    pub(super) fn program(program: &str, error: &ProgramError) -> Self {
        Self::of("program", program, error)
    }
}

/// What there is of the kernel's BTF.
///
/// # Errors
/// Where there is none.
pub fn btf() -> Result<String, Trouble> {
    check_btf().map_err(|error| error.trouble())?;
    let bytes = std::fs::metadata(KERNEL_BTF).map_or(0, |file| file.len());
    Ok(format!("{KERNEL_BTF}, {} KiB", bytes >> 10))
}

/// Whether the kernel's BTF is there; aya would go on without it, silently, and read nonsense.
pub(super) fn check_btf() -> Result<(), LoadError> {
    if Path::new(KERNEL_BTF).exists() { Ok(()) } else { Err(LoadError::NoBtf) }
}

/// An error with its causes, outermost first.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A verifier log is pages long; its last lines say what was wrong, but for its statistics.
fn shorten(text: &str) -> String {
    let counts = |line: &str| ["verification time", "stack depth", VERIFIED].iter().any(|word| line.starts_with(word));
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty() && !counts(line)).collect();
    let from = lines.len().saturating_sub(4);
    lines[from..].join(" | ")
}
