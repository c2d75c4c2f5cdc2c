//! The tracepoints of the tracepoint tier and the fields that it reads of each, as this kernel has them.

use std::path::Path;

use aya::{Btf, Endianness};

use super::layout::Types;
use super::load::{Options, Setting};
use super::requirements::LoadError;
use super::tracefs;
use crate::trouble::Trouble;

/// A struct of `ebpf/tracepoint/events.h`.
struct Event {
    /// Its name without `event_`: that of the first of these tracepoints.
    name: &'static str,
    /// Tracepoints that it may stand for; the first one that there is.
    at: &'static [(&'static str, &'static str)],
    /// Fields without which nothing is counted; others are looked for by the programs.
    fields: &'static [&'static str],
}

const fn event(at: &'static [(&'static str, &'static str)], fields: &'static [&'static str]) -> Event {
    Event { name: at[0].1, at, fields }
}

const EVENTS: [Event; 14] = [
    event(&[("raw_syscalls", "sys_enter")], &["id"]),
    event(&[("raw_syscalls", "sys_exit")], &["id", "ret"]),
    event(&[("sched", "sched_switch")], &["prev_pid", "prev_state", "next_pid"]),
    event(&[("sched", "sched_wakeup")], &["pid"]),
    event(&[("sched", "sched_wakeup_new")], &["pid"]),
    event(&[("sched", "sched_migrate_task")], &["pid", "orig_cpu", "dest_cpu"]),
    event(&[("sched", "sched_process_exit")], &["pid"]),
    event(&[("sched", "sched_process_exec")], &["pid", "old_pid"]),
    event(&[("task", "task_newtask")], &["pid", "clone_flags"]),
    event(&[("task", "task_rename")], &["pid", "newcomm"]),
    event(&[("oom", "mark_victim")], &["pid"]),
    event(
        &[("sock", "inet_sock_set_state"), ("tcp", "tcp_set_state")],
        &["skaddr", "oldstate", "newstate", "sport", "daddr_v6"],
    ),
    event(&[("tcp", "tcp_retransmit_skb")], &["skaddr"]),
    event(&[("tcp", "tcp_retransmit_synack")], &["skaddr"]),
];

/// What is missing, by category and name of the tracepoint.
pub(super) type Faults = Vec<((&'static str, &'static str), LoadError)>;

const NO_TRACEPOINT: &str = "this kernel has no such tracepoint";

const NO_FIELD: &str = "use a kernel with CONFIG_DEBUG_INFO_BTF=y, where no field is looked for by its place";

fn no_tracepoint(name: &str) -> String {
    let list = "/sys/kernel/tracing/available_events";
    format!("use one from 4.15 on with CONFIG_FTRACE_SYSCALLS=y (check: grep {name} {list})")
}

/// What this kernel has of them.
pub(super) struct Events {
    faults: Faults,
    types: Types,
}

impl Events {
    /// Reads `format` of each.
    ///
    /// # Errors
    /// Where there is no tracefs to read.
    pub(super) fn read() -> Result<Self, LoadError> {
        Ok(Self::of(&tracefs::events()?))
    }

    /// Of the tracepoints below `root`.
    fn of(root: &Path) -> Self {
        let mut events = Self { faults: Vec::new(), types: Types::new() };
        for event in &EVENTS {
            let found = event.at.iter().find_map(|place| {
                let directory = root.join(place.0).join(place.1);
                Some((*place, tracefs::fields(&directory).ok()?, directory))
            });
            for place in event.at.iter().filter(|place| found.as_ref().is_none_or(|(here, ..)| here != *place)) {
                events.fault(*place, NO_TRACEPOINT.to_owned(), &no_tracepoint(place.1));
            }
            let Some((place, fields, directory)) = found else { continue };
            let missing = event.fields.iter().find(|name| !fields.iter().any(|field| field.name == **name));
            if let Some(missing) = missing {
                let format = directory.join("format");
                events.fault(place, format!("it has no field {missing} in {}", format.display()), NO_FIELD);
                continue;
            }
            events.types.add_struct(&format!("event_{}", event.name), &fields);
        }
        events
    }

    fn fault(&mut self, place: (&'static str, &'static str), reason: String, mend: &str) {
        let what = format!("tracepoint {}/{}: {reason}", place.0, place.1);
        self.faults.push((place, LoadError::Tracepoints(Trouble::new(what, mend))));
    }

    /// What the object is relocated against: these, and the settings as the values of an enumeration.
    pub(super) fn into_btf(mut self, options: &Options) -> Result<(Btf, Faults), LoadError> {
        let values = options.settings.iter().filter_map(|(name, setting)| match setting {
            Setting::Flag(on) => Some((*name, u32::from(*on))),
            Setting::U32(number) => Some((*name, *number)),
            Setting::U8s(_) => None,
        });
        self.types.add_enum("tfo_settings", &values.collect::<Vec<_>>());
        let btf = Btf::parse(&self.types.finish(), Endianness::default())
            .map_err(|error| LoadError::of("layouts of", "tracepoints", &error))?;
        Ok((btf, self.faults))
    }
}

/// Why a tracepoint cannot be read, if it cannot.
pub(super) fn fault_of(faults: &Faults, category: &str, name: &str) -> Option<LoadError> {
    faults.iter().find(|((place, event), _)| *place == category && *event == name).map(|(_, error)| error.clone())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_field_or_a_tracepoint_that_is_missing_is_named_with_the_place_and_the_remedy() {
        let root = std::env::temp_dir().join(format!("tfo-events-{}", std::process::id()));
        let write = |category: &str, name: &str, fields: &[&str]| {
            let directory = root.join(category).join(name);
            fs::create_dir_all(&directory).unwrap();
            let lines = (8..).step_by(8).zip(fields);
            let line =
                |(offset, name): (u32, &&str)| format!("\tfield:long {name};\toffset:{offset};\tsize:8;\tsigned:1;\n");
            fs::write(directory.join("format"), lines.map(line).collect::<String>()).unwrap();
        };
        write("sched", "sched_switch", &["prev_pid", "next_pid"]);
        write("task", "task_rename", &["pid", "newcomm"]);
        write("tcp", "tcp_set_state", &["skaddr", "oldstate", "newstate", "sport", "daddr_v6"]);
        let events = Events::of(&root);
        let format = root.join("sched/sched_switch/format");
        let fault = |category, name| fault_of(&events.faults, category, name).map(|error| error.to_string());
        assert_eq!(
            fault("sched", "sched_switch").unwrap(),
            format!(
                "tracepoint sched/sched_switch: it has no field prev_state in {}; use a kernel with \
                 CONFIG_DEBUG_INFO_BTF=y, where no field is looked for by its place",
                format.display()
            )
        );
        assert!(fault("raw_syscalls", "sys_exit").unwrap().contains("this kernel has no such tracepoint"));
        assert!(fault("sock", "inet_sock_set_state").is_some(), "of 4.16");
        assert_eq!((fault("task", "task_rename"), fault("tcp", "tcp_set_state")), (None, None));
        fs::remove_dir_all(&root).unwrap();
    }
}
