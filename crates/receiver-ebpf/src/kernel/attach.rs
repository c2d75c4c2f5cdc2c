//! Programs into the kernel, in the order that keeps every count exact.

use std::mem::offset_of;
use std::sync::atomic::Ordering;

use aya::Btf;
use aya::programs::{BtfTracePoint, Iter};

use super::abi::Control;
use super::load::{Hook, Kernel};
use super::requirements::LoadError;
use super::system;

/// What every collector stands on: who runs where, who is born, what it is called.
const BASE: [Hook; 3] = [
    Hook { program: "tfo_switch", tracepoint: "sched_switch" },
    Hook { program: "tfo_fork", tracepoint: "sched_process_fork" },
    Hook { program: "tfo_rename", tracepoint: "task_rename" },
];

/// Hooks of one collector, and what came of attaching them.
pub(crate) type Attached = Result<(), LoadError>;

impl Kernel {
    /// Attaches the base, adopts every task that lives, then attaches each of `collectors`.
    ///
    /// A collector that fails harms no other; its hooks are taken off again.
    ///
    /// # Errors
    /// Where the base itself cannot be attached.
    pub(crate) fn attach(&mut self, collectors: &[&'static [Hook]]) -> Result<Vec<Attached>, LoadError> {
        let btf = Btf::from_sys_fs().map_err(|error| LoadError::of("BTF of", "the kernel", &error))?;
        self.control.at(0, offset_of!(Control, attached)).store(system::boottime_now(), Ordering::Release);
        self.attach_all(&BASE, &btf)?;
        for iterator in ["tfo_adopt", "tfo_running"] {
            self.iterator(iterator)?.load("task", &btf).map_err(|error| LoadError::program(iterator, &error))?;
        }
        self.adopt_tasks()?;
        let outcomes = collectors.iter().map(|hooks| self.attach_all(hooks, &btf)).collect();
        self.descriptors.clear();
        Ok(outcomes)
    }

    /// Loads all before attaching the first, so that little time passes between two attachments.
    fn attach_all(&mut self, hooks: &[Hook], btf: &Btf) -> Attached {
        let before = self.attached.len();
        let outcome = hooks
            .iter()
            .try_for_each(|hook| self.load_hook(*hook, btf))
            .and_then(|()| hooks.iter().try_for_each(|hook| self.attach_hook(*hook)));
        if outcome.is_err() {
            self.attached.truncate(before);
            for hook in hooks.iter().filter(|hook| !self.attached.contains(&hook.program)).copied().collect::<Vec<_>>()
            {
                if let Ok(program) = self.tracepoint(hook.program) {
                    // It may not even be loaded, which is what is wanted.
                    let _ = program.unload();
                }
            }
        }
        outcome
    }

    fn load_hook(&mut self, hook: Hook, btf: &Btf) -> Result<(), LoadError> {
        if self.attached.contains(&hook.program) {
            return Ok(());
        }
        let program = self.tracepoint(hook.program)?;
        program.load(hook.tracepoint, btf).map_err(|error| LoadError::program(hook.program, &error))
    }

    /// A program that several collectors need is attached once.
    fn attach_hook(&mut self, hook: Hook) -> Result<(), LoadError> {
        if !self.attached.contains(&hook.program) {
            let program = self.tracepoint(hook.program)?;
            program.attach().map_err(|error| LoadError::program(hook.program, &error))?;
        }
        self.attached.push(hook.program);
        Ok(())
    }

    fn tracepoint(&mut self, name: &str) -> Result<&mut BtfTracePoint, LoadError> {
        let program = self.ebpf.program_mut(name).ok_or_else(|| absent(name))?;
        program.try_into().map_err(|error| LoadError::program(name, &error))
    }

    pub(super) fn iterator(&mut self, name: &str) -> Result<&mut Iter, LoadError> {
        let program = self.ebpf.program_mut(name).ok_or_else(|| absent(name))?;
        program.try_into().map_err(|error| LoadError::program(name, &error))
    }
}

fn absent(name: &str) -> LoadError {
    LoadError::Other { what: format!("program {name}"), reason: "not in the object".to_owned() }
}
