//! What a program hangs on, and the rungs of a ladder of such hooks.

use aya::Btf;
use aya::programs::links::FdLink;
use aya::programs::perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy, SoftwareEvent};
use aya::programs::{BtfTracePoint, FExit, PerfEvent, Program, ProgramError, TracePoint};
use aya::util::online_cpus;

use super::privileges;
use super::requirements::LoadError;

/// A program and what it is attached to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hook {
    /// Name of the program, beginning with `tfo_`.
    pub(crate) program: &'static str,
    pub(crate) at: At,
}

/// Kinds of attachment, each with the name of its place in the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    /// A tracepoint, with typed arguments.
    TpBtf(&'static str),
    /// The return of a kernel function, with typed arguments.
    Fexit(&'static str),
    /// A tracepoint of tracefs, by category and name, with the bytes of its event.
    Tracepoint(&'static str, &'static str),
    /// A software event of the kernel, on each CPU, every time.
    Every(SoftwareEvent),
}

/// Hooks that do for one sub-collector together. The first rung of its ladder that loads and attaches is taken.
#[derive(Debug, Clone, Copy)]
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
            Self::Tracepoint(..) => "tracepoint",
            Self::Every(_) => "perf_event",
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

    pub(crate) const fn tracepoint(program: &'static str, category: &'static str, name: &'static str) -> Self {
        Self { program, at: At::Tracepoint(category, name) }
    }

    pub(crate) const fn every(program: &'static str, event: SoftwareEvent) -> Self {
        Self { program, at: At::Every(event) }
    }

    /// Hands the program to the verifier. `btf` is the kernel's, for those that it checks against that.
    pub(super) fn load(self, program: &mut Program, btf: Option<&Btf>) -> Result<(), ProgramError> {
        let btf = || btf.ok_or(ProgramError::NotLoaded);
        match self.at {
            At::TpBtf(name) => btf_tracepoint(program)?.load(name, btf()?),
            At::Fexit(name) => fexit(program)?.load(name, btf()?),
            At::Tracepoint(..) => tracepoint(program)?.load(),
            At::Every(_) => perf_event(program)?.load(),
        }
    }

    /// Attaches the loaded program. It stays attached while the link, or a pin of it, is there; where there is none,
    /// as long as the program itself.
    pub(super) fn attach(self, program: &mut Program) -> Result<Option<FdLink>, ProgramError> {
        match self.at {
            At::TpBtf(_) => {
                let program = btf_tracepoint(program)?;
                let link = program.attach()?;
                Ok(Some(program.take_link(link)?.into()))
            }
            At::Fexit(_) => {
                let program = fexit(program)?;
                let link = program.attach()?;
                Ok(Some(program.take_link(link)?.into()))
            }
            At::Tracepoint(category, name) => {
                tracepoint(program)?.attach(category, name)?;
                Ok(None)
            }
            At::Every(event) => {
                let program = perf_event(program)?;
                for cpu in online_cpus().map_err(|(_, error)| error)? {
                    let (event, scope) = (PerfEventConfig::Software(event), PerfEventScope::AllProcessesOneCpu { cpu });
                    program.attach(event, scope, SamplePolicy::Period(1), false)?;
                }
                Ok(None)
            }
        }
    }

    /// Takes the program out of the kernel, if it came so far.
    pub(super) fn unload(self, program: &mut Program) {
        let _ = match self.at {
            At::TpBtf(_) => btf_tracepoint(program).and_then(BtfTracePoint::unload),
            At::Fexit(_) => fexit(program).and_then(FExit::unload),
            At::Tracepoint(..) => tracepoint(program).and_then(TracePoint::unload),
            At::Every(_) => perf_event(program).and_then(PerfEvent::unload),
        };
    }

    pub(super) fn failed(self, error: &ProgramError) -> LoadError {
        match LoadError::program(self.program, error) {
            LoadError::Permission(trouble) if matches!(self.at, At::Tracepoint(..) | At::Every(_)) => {
                LoadError::Permission(privileges::perf_events().err().unwrap_or(trouble))
            }
            other => other,
        }
    }
}

/// What one sub-collector may hang on beyond what all share, best first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ladder {
    pub(crate) btf: &'static [Rung],
    /// Where the kernel has no BTF.
    pub(crate) tracepoint: &'static [Rung],
}

fn btf_tracepoint(program: &mut Program) -> Result<&mut BtfTracePoint, ProgramError> {
    program.try_into()
}

fn tracepoint(program: &mut Program) -> Result<&mut TracePoint, ProgramError> {
    program.try_into()
}

fn perf_event(program: &mut Program) -> Result<&mut PerfEvent, ProgramError> {
    program.try_into()
}

fn fexit(program: &mut Program) -> Result<&mut FExit, ProgramError> {
    program.try_into()
}
