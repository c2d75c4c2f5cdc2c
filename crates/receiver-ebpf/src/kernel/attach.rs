//! Programs into the kernel, in the order that keeps every count exact.

use std::fs::File;
use std::io::Read as _;
use std::mem::offset_of;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::atomic::Ordering;

use aya::Btf;
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{Iter, Program, ProgramInfo};

use super::abi::{Control, CpuRecord};
use super::hooks::{At, Hook, Rung};
use super::load::Kernel;
use super::pin::ProgramSet;
use super::requirements::{self, LoadError};
use super::{events, system};

/// What every collector stands on: who runs where, who is born, what it is called.
const BASE: [Hook; 3] = [
    Hook::tp_btf("tfo_switch", "sched_switch"),
    Hook::tp_btf("tfo_fork", "sched_process_fork"),
    Hook::tp_btf("tfo_rename", "task_rename"),
];

/// The same in the tier of tracepoints; the switch comes when it is known who lives.
const TRACEPOINTS: [Hook; 4] = [
    Hook::tracepoint("tfo_exit", "sched", "sched_process_exit"),
    Hook::tracepoint("tfo_newtask", "task", "task_newtask"),
    Hook::tracepoint("tfo_exec", "sched", "sched_process_exec"),
    Hook::tracepoint("tfo_rename", "task", "task_rename"),
];

/// Iterators, loaded but not attached.
const ITERATORS: [(&str, &str); 4] =
    [(ADOPT, "task"), ("tfo_running", "task"), ("tfo_adopt_sock", "task_file"), ("tfo_connections", "tcp")];

const ADOPT: &str = "tfo_adopt";

/// What does once more what the programs of calls were left out of: a task may leave its CPU in the midst of them, and the
/// kernel does not run a program that is under way there. Where no task may they would only be slower for it.
const AGAIN: [Hook; 2] = [Hook::tp_btf("tfo_exit_again", "sys_exit"), Hook::tp_btf("tfo_enter_again", "sys_enter")];

/// A program that is attached.
pub(crate) struct Attached {
    pub(crate) program: &'static str,
    /// Kind of its hook.
    pub(crate) rung: &'static str,
    descriptor: Option<OwnedFd>,
    /// Detaches when dropped, unless it is pinned.
    _link: Link,
}

#[expect(dead_code, reason = "held, never used")]
enum Link {
    Own(FdLink),
    Pinned(PinnedLink),
    /// By the program itself.
    Held,
}

/// The rung that a collector's ladder was attached by, or why none was.
pub(crate) type Outcome = Result<&'static str, LoadError>;

impl Kernel {
    /// Attaches the base and the ladder of each of `collectors`, and has every task and socket that lives adopted.
    /// Where an earlier agent left the same programs they are taken over, where it left others they are replaced
    /// without a gap.
    ///
    /// A collector that fails harms no other; its hooks are taken off again.
    ///
    /// # Errors
    /// Where the base itself cannot be attached.
    pub(crate) fn attach(&mut self, collectors: &[&'static [Rung]]) -> Result<Vec<Outcome>, LoadError> {
        if !self.tier.btf {
            return self.attach_tracepoints(collectors);
        }
        let btf = requirements::kernel_btf()?;
        for (iterator, target) in ITERATORS {
            match self.iterator(iterator)?.load(target, &btf) {
                Err(error) if iterator == ADOPT => return Err(LoadError::program(iterator, &error)),
                Err(error) => tracing::warn!(iterator, %error, "ebpf: iterator not loaded, going on without"),
                Ok(()) => {}
            }
        }
        let outcomes = match self.earlier.take() {
            Some(set) if set.hash == self.hash && self.take_over(&set, collectors) => {
                tracing::info!(generation = set.generation, "ebpf: programs of an earlier agent taken over");
                // Whoever would have replaced them may have ended in the midst of it.
                self.set_generation();
                self.adopt_tasks()?;
                collectors.iter().map(|ladder| self.rung_of(ladder)).collect()
            }
            Some(set) => self.replace(&set, collectors, Some(&btf))?,
            None => self.attach_first(collectors, Some(&btf))?,
        };
        self.descriptors.clear();
        Ok(outcomes)
    }

    /// As [`attach_first`](Self::attach_first) in the tier that has no iterators: what lives is read from /proc, between
    /// what sees births and what sees ends.
    fn attach_tracepoints(&mut self, collectors: &[&'static [Rung]]) -> Result<Vec<Outcome>, LoadError> {
        self.control.at(0, offset_of!(Control, attached)).store(system::boottime_now(), Ordering::Release);
        self.control.at(0, offset_of!(Control, agent)).store(std::process::id().into(), Ordering::Release);
        self.attach_all(&TRACEPOINTS, None, None)?;
        if let Some(mirror) = &mut self.mirror {
            mirror.seed();
        }
        self.attach_all(&[Hook::tracepoint("tfo_switch", "sched", "sched_switch")], None, None)?;
        if let Some(mirror) = &mut self.mirror {
            mirror.weed();
        }
        let outcomes = collectors.iter().map(|ladder| self.climb(ladder, None, None)).collect();
        tracing::warn!(
            "ebpf: without BTF nothing can be pinned: counts end with the agent, and begin anew with the next"
        );
        Ok(outcomes)
    }

    /// Nothing counts yet: the base comes first, so that no hook of a collector meets a task that is not ours.
    fn attach_first(&mut self, collectors: &[&'static [Rung]], btf: Option<&Btf>) -> Result<Vec<Outcome>, LoadError> {
        self.control.at(0, offset_of!(Control, attached)).store(system::boottime_now(), Ordering::Release);
        self.set_generation();
        let set = self.make_set();
        self.attach_base(btf, set.as_ref())?;
        self.adopt_tasks()?;
        let outcomes = collectors.iter().map(|ladder| self.climb(ladder, btf, set.as_ref())).collect();
        self.adopt_sockets();
        Ok(outcomes)
    }

    /// Attaches all beside what counts now, which goes on; then one store a CPU says that the new ones count, and the
    /// old ones go. An event in that moment may be counted by both.
    fn replace(
        &mut self,
        old: &ProgramSet,
        collectors: &[&'static [Rung]],
        btf: Option<&Btf>,
    ) -> Result<Vec<Outcome>, LoadError> {
        self.attached.clear();
        if self.generation == old.generation {
            // The same programs, but not all of them are there.
            let _ = old.remove();
            return self.attach_first(collectors, btf);
        }
        let set = self.make_set();
        self.attach_base(btf, set.as_ref())?;
        let outcomes = collectors.iter().map(|ladder| self.climb(ladder, btf, set.as_ref())).collect();
        self.set_generation();
        match old.remove() {
            Ok(_) => tracing::info!(generation = self.generation, "ebpf: programs of an earlier agent replaced"),
            Err(error) => tracing::warn!(set = %old.directory.display(), %error, "ebpf: old programs not removed"),
        }
        self.adopt_tasks()?;
        self.adopt_sockets();
        Ok(outcomes)
    }

    /// From here on ours are the programs that count. Each CPU changes over by itself, and none goes back.
    fn set_generation(&self) {
        for cpu in 0..self.cpus.len() {
            self.cpus.at(cpu, offset_of!(CpuRecord, generation)).store(self.generation, Ordering::Release);
        }
        self.control.at(0, offset_of!(Control, generation)).store(self.generation, Ordering::Release);
    }

    fn make_set(&self) -> Option<ProgramSet> {
        let made = self.pins.as_ref()?.make_set(self.hash, self.generation);
        made.inspect_err(|error| tracing::warn!(%error, "ebpf: programs are not pinned, going on without")).ok()
    }

    /// Opens the pinned links of `set`; whether the base and all of `collectors` are there.
    fn take_over(&mut self, set: &ProgramSet, collectors: &[&'static [Rung]]) -> bool {
        let open = |hooks: &[Hook]| -> Option<Vec<Attached>> {
            hooks
                .iter()
                .map(|hook| {
                    let link = PinnedLink::from_pin(set.link(hook.program)).ok()?;
                    let info = ProgramInfo::from_pin(set.program(hook.program));
                    let descriptor = info.and_then(|info| info.fd()).ok().and_then(|fd| clone(&fd));
                    Some(Attached {
                        program: hook.program,
                        rung: hook.at.kind(),
                        descriptor,
                        _link: Link::Pinned(link),
                    })
                })
                .collect()
        };
        let ladders = collectors.iter().map(|ladder| ladder.iter().find_map(|rung| open(rung.hooks)));
        let base = [open(self.tier.first), open(&BASE)];
        let Some(all) = base.into_iter().chain(ladders).collect::<Option<Vec<_>>>() else {
            return false;
        };
        let again = AGAIN.iter().filter_map(|hook| open(&[*hook])).flatten();
        self.attached.extend(all.into_iter().flatten().chain(again));
        true
    }

    fn rung_of(&self, ladder: &[Rung]) -> Outcome {
        let attached = |hook: &Hook| self.attached.iter().any(|attached| attached.program == hook.program);
        let rung = ladder.iter().find(|rung| rung.hooks.iter().all(attached));
        rung.map(|rung| rung.name).ok_or_else(|| absent("a ladder"))
    }

    /// Takes the first rung of `ladder` that loads and attaches; really trying is the only probe that tells.
    fn climb(&mut self, ladder: &[Rung], btf: Option<&Btf>, set: Option<&ProgramSet>) -> Outcome {
        let allowed =
            |rung: &&Rung| self.attach_types.is_empty() || self.attach_types.iter().any(|name| name == rung.name);
        let rungs: Vec<&Rung> = ladder.iter().filter(allowed).collect();
        let mut failure = LoadError::Other {
            what: "attach_types".to_owned(),
            reason: format!("none of {:?} is allowed", ladder.iter().map(|rung| rung.name).collect::<Vec<_>>()),
        };
        for rung in rungs {
            match self.attach_all(rung.hooks, btf, set) {
                Ok(()) => {
                    self.attach_again(rung.hooks, btf, set);
                    return Ok(rung.name);
                }
                Err(error) => {
                    tracing::debug!(rung = rung.name, %error, "ebpf: rung not taken");
                    failure = error;
                }
            }
        }
        Err(failure)
    }

    fn attach_base(&mut self, btf: Option<&Btf>, set: Option<&ProgramSet>) -> Result<(), LoadError> {
        self.attach_all(self.tier.first, btf, set)?;
        self.attach_all(&BASE, btf, set)
    }

    /// Beside the hooks of calls, where the kernel leaves runs of them out.
    fn attach_again(&mut self, hooks: &[Hook], btf: Option<&Btf>, set: Option<&ProgramSet>) {
        let calls = hooks.iter().any(|hook| hook.program == "tfo_sys_enter");
        if calls
            && system::preempts_programs()
            && let Err(error) = self.attach_all(&AGAIN, btf, set)
        {
            tracing::warn!(%error, "ebpf: calls that the kernel leaves out are lost, and counted as recursion");
        }
    }

    /// Loads all before attaching the first, so that little time passes between two attachments.
    fn attach_all(&mut self, hooks: &[Hook], btf: Option<&Btf>, set: Option<&ProgramSet>) -> Result<(), LoadError> {
        // One program may be for several tracepoints of which there is one: that it is attached says nothing.
        if let Some(fault) = hooks.iter().find_map(|hook| self.fault_of(*hook)) {
            return Err(fault);
        }
        let missing: Vec<Hook> = hooks.iter().filter(|hook| !self.has(hook.program)).copied().collect();
        let before = self.attached.len();
        let outcome = missing
            .iter()
            .try_for_each(|hook| self.load_hook(*hook, btf))
            .and_then(|()| missing.iter().try_for_each(|hook| self.attach_hook(*hook, set)));
        if outcome.is_err() {
            self.attached.truncate(before);
            for hook in missing {
                for pin in set.iter().flat_map(|set| [set.link(hook.program), set.program(hook.program)]) {
                    // It may not have come so far, which is what is wanted.
                    let _ = std::fs::remove_file(pin);
                }
                if let Ok(program) = self.program(hook.program) {
                    hook.unload(program);
                }
            }
        }
        outcome
    }

    fn fault_of(&self, hook: Hook) -> Option<LoadError> {
        let At::Tracepoint(category, name) = hook.at else { return None };
        events::fault_of(&self.faults, category, name)
    }

    fn load_hook(&mut self, hook: Hook, btf: Option<&Btf>) -> Result<(), LoadError> {
        hook.load(self.program(hook.program)?, btf).map_err(|error| hook.failed(&error))
    }

    fn attach_hook(&mut self, hook: Hook, set: Option<&ProgramSet>) -> Result<(), LoadError> {
        let program = self.program(hook.program)?;
        let link = hook.attach(program).map_err(|error| hook.failed(&error))?;
        let descriptor = program.fd().ok().and_then(clone);
        let link = match (link, set) {
            (None, _) => Link::Held,
            (Some(link), None) => Link::Own(link),
            (Some(link), Some(set)) => {
                let pinned = program.pin(set.program(hook.program)).and_then(|()| link.pin(set.link(hook.program)));
                Link::Pinned(pinned.map_err(|error| LoadError::of("pin of", hook.program, &error))?)
            }
        };
        self.attached.push(Attached { program: hook.program, rung: hook.at.kind(), descriptor, _link: link });
        Ok(())
    }

    fn program(&mut self, name: &str) -> Result<&mut Program, LoadError> {
        self.ebpf.program_mut(name).ok_or_else(|| absent(name))
    }

    pub(super) fn iterator(&mut self, name: &str) -> Result<&mut Iter, LoadError> {
        self.program(name)?.try_into().map_err(|error| LoadError::program(name, &error))
    }
}

impl Attached {
    /// Runs of the program that the kernel left out, because it was running on that CPU already; 0 where the
    /// kernel does not say.
    pub(crate) fn recursion_misses(&self) -> u64 {
        let Some(descriptor) = &self.descriptor else { return 0 };
        let mut text = String::new();
        let read = File::open(format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd()))
            .and_then(|mut file| file.read_to_string(&mut text));
        let misses = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"));
        read.ok().and(misses).and_then(|number| number.trim().parse().ok()).unwrap_or(0)
    }
}

fn clone(fd: &aya::programs::ProgramFd) -> Option<OwnedFd> {
    fd.as_fd().try_clone_to_owned().ok()
}

fn absent(name: &str) -> LoadError {
    LoadError::Other { what: format!("program {name}"), reason: "not in the object".to_owned() }
}
