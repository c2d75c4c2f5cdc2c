//! The `ebpf` extension: what all eBPF receivers share.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use component::config::{ByteSize, Configuration, Section};
use component::{Builder, Extension, ExtensionFactory, Stability};

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
        let pin_path =
            section.field("pin_path", "directory on a bpffs where the maps are pinned", DEFAULT_PIN_PATH.to_owned());
        let max_processes = section.field(
            "max_processes",
            "processes with a slot of their own; the rest share the overflow stream",
            10_240,
        );
        let max_map_memory = section.field("max_map_memory", "most memory that the maps may take", ByteSize(32 << 20));
        let fits = (1..=MOST_PROCESSES).contains(&max_processes);
        if !fits {
            section.fault_at("max_processes", format!("must be within [1, {MOST_PROCESSES}]"));
        }
        let processes = if fits { max_processes } else { DEFAULT_MAX_PROCESSES };
        let cpus = kernel::possible_cpus();
        let sizing = Sizing::new(processes, cpus, max_map_memory.0).unwrap_or_else(|(smallest, needed)| {
            let text = format!(
                "{max_map_memory} is too little: {processes} processes need {needed} bytes; raise it or lower max_processes"
            );
            section.fault_at("max_map_memory", text);
            smallest
        });
        if !pin_path.starts_with('/') {
            section.fault_at("pin_path", "must be an absolute path on a bpffs, such as /sys/fs/bpf/tfo-agent");
        }
        Self {
            btf_path: (!btf_path.is_empty()).then(|| PathBuf::from(btf_path)),
            pin_path: PathBuf::from(pin_path),
            sizing,
        }
    }
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

    fn shutdown(&mut self) {
        self.host.stop();
    }
}
