//! The three contestants: nothing, ours as it ships, and the seed's design.

use aya::programs::{BtfTracePoint, TracePoint};
use aya::{Btf, Ebpf, EbpfLoader};
use component::config::{Entry, Faults, Node, Position, Section, Value};
use component::{BuildContext, Extension, Extensions};

static EMPTY: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/empty.bpf.o"));
static SEED: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/seed.bpf.o"));

/// Programs that do nothing, one on each hook.
pub(crate) struct Empty(#[expect(dead_code, reason = "detached when dropped")] Ebpf);

impl Empty {
    pub(crate) fn attach() -> Self {
        let mut object = EbpfLoader::new().load(EMPTY).unwrap();
        let btf = Btf::from_sys_fs().unwrap();
        for (name, tracepoint) in
            [("btf_sys_enter", "sys_enter"), ("btf_sys_exit", "sys_exit"), ("btf_switch", "sched_switch")]
        {
            let program: &mut BtfTracePoint = object.program_mut(name).unwrap().try_into().unwrap();
            program.load(tracepoint, &btf).unwrap();
            program.attach().unwrap();
        }
        attach_tracepoints(&mut object, "tp");
        Self(object)
    }
}

/// The seed's design.
pub(crate) struct Seed(#[expect(dead_code, reason = "detached when dropped")] Ebpf);

impl Seed {
    pub(crate) fn attach() -> Self {
        let mut object = EbpfLoader::new().load(SEED).unwrap();
        attach_tracepoints(&mut object, "seed");
        Self(object)
    }
}

fn attach_tracepoints(object: &mut Ebpf, prefix: &str) {
    for (name, category, tracepoint) in [
        ("sys_exit", "raw_syscalls", "sys_exit"),
        ("sys_enter", "raw_syscalls", "sys_enter"),
        ("switch", "sched", "sched_switch"),
        ("wakeup", "sched", "sched_wakeup"),
    ] {
        let program: &mut TracePoint = object.program_mut(&format!("{prefix}_{name}")).unwrap().try_into().unwrap();
        program.load().unwrap();
        program.attach(category, tracepoint).unwrap();
    }
}

/// Both receivers on the shared host, exactly as the agent starts them.
pub(crate) struct Ours(Box<dyn Extension>);

impl Ours {
    pub(crate) fn attach() -> Self {
        let position = Position { file: "bench".into(), line: 1, column: 1 };
        let pins = Value::Text(format!("/sys/fs/bpf/tfo-bench-{}", std::process::id()));
        let node = |value| Node { position: position.clone(), value };
        let entry = Entry { key: "pin_path".into(), position: position.clone(), node: node(pins) };
        let configuration = node(Value::Map(vec![entry]));
        let mut faults = Faults::default();
        let id = "ebpf".parse().unwrap();
        let mut extensions = Extensions::default();
        let build = Section::read_node(Some(&configuration), &mut faults, receiver_ebpf::EXTENSION_FACTORY.configure);
        let mut host = build(&BuildContext { id: &id, extensions: &extensions }).unwrap();
        extensions.insert("ebpf", host.shared());
        for factory in receiver_ebpf::RECEIVERS {
            let build = Section::read_node(None, &mut faults, factory.configure);
            build(&BuildContext { id: &id, extensions: &extensions }).unwrap();
        }
        host.prepare().unwrap();
        Self(host)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}
