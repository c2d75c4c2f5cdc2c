//! What a program hangs on, and the rungs of a ladder of such hooks.

use aya::Btf;
use aya::programs::links::FdLink;
use aya::programs::{BtfTracePoint, FExit, Program, ProgramError};

use super::requirements::LoadError;

/// A program and what it is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Name of the program, beginning with `tfo_`.
    pub(crate) program: &'static str,
    pub(crate) at: At,
}

/// Kinds of attachment, each with the name of its place in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// A tracepoint, with typed arguments.
    TpBtf(&'static str),
    /// The return of a kernel function, with typed arguments.
    Fexit(&'static str),
}

/// Hooks that do for one sub-collector together. The first rung of its ladder that loads and attaches is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    /// Its name in logs, metrics and `attach_types`.
    pub(crate) name: &'static str,
    /// In the order of attaching.
    pub(crate) hooks: &'static [Hook],
}

impl At {
    /// Its name in metrics.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::TpBtf(_) => "tp_btf",
            Self::Fexit(_) => "fexit",
        }
    }
}

impl Hook {
    pub(crate) const fn tp_btf(program: &'static str, tracepoint: &'static str) -> Self {
        Self { program, at: At::TpBtf(tracepoint) }
    }

    pub(crate) const fn fexit(program: &'static str, function: &'static str) -> Self {
        Self { program, at: At::Fexit(function) }
    }

    /// Hands the program to the verifier.
    pub(super) fn load(self, program: &mut Program, btf: &Btf) -> Result<(), ProgramError> {
        match self.at {
            At::TpBtf(name) => tracepoint(program)?.load(name, btf),
            At::Fexit(name) => fexit(program)?.load(name, btf),
        }
    }

    /// Attaches the loaded program. It stays attached while the link, or a pin of it, is there.
    pub(super) fn attach(self, program: &mut Program) -> Result<FdLink, ProgramError> {
        match self.at {
            At::TpBtf(_) => {
                let program = tracepoint(program)?;
                let link = program.attach()?;
                Ok(program.take_link(link)?.into())
            }
            At::Fexit(_) => {
                let program = fexit(program)?;
                let link = program.attach()?;
                Ok(program.take_link(link)?.into())
            }
        }
    }

    /// Takes the program out of the kernel, if it came so far.
    pub(super) fn unload(self, program: &mut Program) {
        let _ = match self.at {
            At::TpBtf(_) => tracepoint(program).and_then(BtfTracePoint::unload),
            At::Fexit(_) => fexit(program).and_then(FExit::unload),
        };
    }

    pub(super) fn failed(self, error: &ProgramError) -> LoadError {
        LoadError::program(self.program, error)
    }
}

fn tracepoint(program: &mut Program) -> Result<&mut BtfTracePoint, ProgramError> {
    program.try_into()
}

fn fexit(program: &mut Program) -> Result<&mut FExit, ProgramError> {
    program.try_into()
}
