//! The `ebpf` extension: what all eBPF receivers share.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use component::config::{ByteSize, Configuration, Section};
use component::{Builder, Extension, ExtensionFactory, Need, Stability};

use crate::collectors;
use crate::host::{Host, HostConfig, MOST_PROCESSES, Sizing};
use crate::kernel;

/// Component type of the extension.
pub(crate) const EXTENSION: &str = "ebpf";

/// Where maps are pinned unless configured otherwise.
pub const DEFAULT_PIN_PATH: &str = "/sys/fs/bpf/tfo-agent";

const DEFAULT_MAX_PROCESSES: u32 = 10_240;

/// The factory of the `ebpf` extension.
pub static EXTENSION_FACTORY: ExtensionFactory = ExtensionFactory {
    component_type: EXTENSION,
    alias: None,
    stability: Stability::Beta,
    summary: "kernel programs, maps and pins that the eBPF receivers share",
    requires: &[],
    configure,
};

impl Configuration for HostConfig {
    fn read(section: &mut Section<'_>) -> Self {
        let btf_path: String = section.field(
            "btf_path",
            "detached BTF file to relocate against, in place of the kernel's own",
            String::new(),
        );
        let pin_path: String = section.field(
            "pin_path",
            "directory on a bpffs where maps and programs are pinned; empty: nowhere, counts end with the agent",
            DEFAULT_PIN_PATH.to_owned(),
        );
        let on_stop: String = section.field(
            "on_stop",
            "what a clean stop leaves: detach (nothing) or keep (counting goes on for the next agent)",
            DETACH.to_owned(),
        );
        let push_down = section.field("push_down", "judge filters in the kernel where all pipelines allow it", true);
        let sample_rate =
            section.field("sample_rate", "of 100 events so many have their latency measured; counts stay exact", 100);
        let attach_types: Vec<String> = section.field(
            "attach_types",
            "hooks that sub-collectors may use, of tp_btf, fexit, sys_exit, sched_switch, and without BTF of tracepoint, \
             connections, tcp_set_state, perf_event; empty is all",
            Vec::new(),
        );
        let tiers: Vec<String> = section.field(
            "tiers",
            "objects that may be loaded, of task_storage, hash, tracepoint; empty is all, the first that works is taken",
            Vec::new(),
        );
        let ladders = collectors::ALL.iter().flat_map(|one| [one.ladder.btf, one.ladder.tracepoint]);
        let rungs: Vec<&str> = ladders.flatten().map(|rung| rung.name).collect();
        check_names(section, "attach_types", &attach_types, &rungs);
        let names: Vec<&str> = kernel::TIERS.iter().map(|tier| tier.name).collect();
        check_names(section, "tiers", &tiers, &names);
        if !pin_path.is_empty() && !pin_path.starts_with('/') {
            section.fault_at("pin_path", "must be an absolute path on a bpffs, such as /sys/fs/bpf/tfo-agent");
        }
        if ![DETACH, KEEP].contains(&on_stop.as_str()) {
            section.fault_at("on_stop", format!("\"{on_stop}\" is neither {DETACH} nor {KEEP}"));
        }
        if !(1..=100).contains(&sample_rate) {
            section.fault_at("sample_rate", "must be within [1, 100]");
        }
        Self {
            btf_path: (!btf_path.is_empty()).then(|| PathBuf::from(btf_path)),
            pin_path: PathBuf::from(pin_path),
            keep: on_stop == KEEP,
            push_down,
            sample_rate,
            attach_types,
            tiers,
            sizing: read_sizing(section),
        }
    }
}

fn check_names(section: &mut Section<'_>, key: &'static str, given: &[String], known: &[&str]) {
    let mut known = known.to_vec();
    known.sort_unstable();
    known.dedup();
    for name in given.iter().filter(|name| !known.contains(&name.as_str())) {
        section.fault_at(key, format!("\"{name}\" is none of {}", known.join(", ")));
    }
}

const DETACH: &str = "detach";
const KEEP: &str = "keep";

fn read_sizing(section: &mut Section<'_>) -> Sizing {
    let max_processes = section.field(
        "max_processes",
        "processes with a slot of their own; the rest share the overflow stream",
        DEFAULT_MAX_PROCESSES,
    );
    let max_map_memory = section.field("max_map_memory", "most memory that the maps may take", ByteSize(32 << 20));
    let fits = (1..=MOST_PROCESSES).contains(&max_processes);
    if !fits {
        section.fault_at("max_processes", format!("must be within [1, {MOST_PROCESSES}]"));
    }
    let processes = if fits { max_processes } else { DEFAULT_MAX_PROCESSES };
    Sizing::new(processes, kernel::possible_cpus(), max_map_memory.0).unwrap_or_else(|(smallest, needed)| {
        let text = format!(
            "{max_map_memory} is too little: {processes} processes need {needed} bytes; raise it or lower max_processes"
        );
        section.fault_at("max_map_memory", text);
        smallest
    })
}

fn configure(section: &mut Section<'_>) -> Builder<Box<dyn Extension>> {
    let config = HostConfig::read(section);
    Box::new(move |_| Ok(Box::new(EbpfExtension { host: Arc::new(Host::new(config.clone())) })))
}

struct EbpfExtension {
    host: Arc<Host>,
}

impl Extension for EbpfExtension {
    fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        self.host.clone()
    }

    fn prepare(&mut self) -> Result<(), String> {
        self.host.prepare().map_err(|error| error.to_string())
    }

    fn give_up_rights(&mut self) -> Vec<Need> {
        self.host.give_up_rights()
    }

    fn without_rights(&self) -> Result<(), String> {
        Err("its programs are loaded at the start, after which the rights to do so are given up: restart the agent"
            .into())
    }

    fn replaceable(&self) -> Result<(), String> {
        if !self.host.is_loaded() {
            return Ok(());
        }
        Err("its programs stay in the kernel as they are while the agent runs: restart it to change or remove it"
            .into())
    }

    fn shutdown(&mut self) {
        self.host.stop();
    }
}
