//! The tracepoints of the tracepoint tier and the fields that it reads of each, as this kernel has them.

use aya::{Btf, Endianness};

use super::layout::Types;
use super::load::{Options, Setting};
use super::requirements::LoadError;
use super::tracefs;

/// A struct of `ebpf/tracepoint/events.h`.
struct Event {
    /// Its name without `event_`.
    name: &'static str,
    /// Tracepoints that it may stand for: the first one that there is.
    at: &'static [(&'static str, &'static str)],
    /// Fields without which nothing is counted; others are looked for by the programs.
    fields: &'static [&'static str],
    /// The first kernel that has it.
    since: &'static str,
}

macro_rules! event {
    ($category:literal, $name:literal, [$($field:literal),*], $since:literal) => {
        Event { name: $name, at: &[($category, $name)], fields: &[$($field),*], since: $since }
    };
}

const EVENTS: [Event; 14] = [
    event!("raw_syscalls", "sys_enter", ["id"], "4.15"),
    event!("raw_syscalls", "sys_exit", ["id", "ret"], "4.15"),
    event!("sched", "sched_switch", ["prev_pid", "prev_state", "next_pid"], "4.15"),
    event!("sched", "sched_wakeup", ["pid"], "4.15"),
    event!("sched", "sched_wakeup_new", ["pid"], "4.15"),
    event!("sched", "sched_migrate_task", ["pid", "orig_cpu", "dest_cpu"], "4.15"),
    event!("sched", "sched_process_exit", ["pid"], "4.15"),
    event!("sched", "sched_process_exec", ["pid", "old_pid"], "4.15"),
    event!("task", "task_newtask", ["pid", "clone_flags"], "4.15"),
    event!("task", "task_rename", ["pid", "newcomm"], "4.15"),
    event!("oom", "mark_victim", ["pid"], "4.15"),
    Event {
        name: "inet_sock_set_state",
        at: &[("sock", "inet_sock_set_state"), ("tcp", "tcp_set_state")],
        fields: &["skaddr", "oldstate", "newstate", "sport", "daddr_v6"],
        since: "4.15",
    },
    event!("tcp", "tcp_retransmit_skb", ["skaddr"], "4.15"),
    event!("tcp", "tcp_retransmit_synack", ["skaddr"], "4.15"),
];

/// What is missing, by category and name of the tracepoint.
pub(super) type Faults = Vec<((&'static str, &'static str), LoadError)>;

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
        let root = tracefs::events()?;
        let mut events = Self { faults: Vec::new(), types: Types::new() };
        for event in &EVENTS {
            let found = event.at.iter().find_map(|place| {
                let directory = root.join(place.0).join(place.1);
                Some((*place, tracefs::fields(&directory).ok()?, directory))
            });
            for place in event.at.iter().filter(|place| found.as_ref().is_none_or(|(here, ..)| here != *place)) {
                let reason = format!("this kernel has no such tracepoint; it is there since Linux {}", event.since);
                events.fault(*place, reason);
            }
            let Some((place, fields, directory)) = found else { continue };
            let missing = event.fields.iter().find(|name| !fields.iter().any(|field| field.name == **name));
            if let Some(missing) = missing {
                let format = directory.join("format");
                events.fault(
                    place,
                    format!(
                        "it has no field {missing} in {}; use a kernel with CONFIG_DEBUG_INFO_BTF=y, where no field \
                         is looked for by its place",
                        format.display()
                    ),
                );
                continue;
            }
            events.types.add_struct(&format!("event_{}", event.name), &fields);
        }
        Ok(events)
    }

    fn fault(&mut self, place: (&'static str, &'static str), reason: String) {
        let what = format!("tracepoint {}/{}", place.0, place.1);
        self.faults.push((place, LoadError::Other { what, reason }));
    }

    /// What the object is relocated against: these, and the settings as the values of an enumeration.
    pub(super) fn into_btf(mut self, options: &Options) -> Result<(Btf, Faults), LoadError> {
        let values = options.settings.iter().filter_map(|(name, setting)| match setting {
            Setting::Flag(on) => Some((*name, u32::from(*on))),
            Setting::U32(number) => Some((*name, *number)),
            Setting::I32s(_) | Setting::U8s(_) => None,
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
