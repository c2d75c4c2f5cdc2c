//! File I/O per process: operations, bytes, time, errors. Kernel side: `ebpf/collectors/fileio.h`.

use std::ops::Range;

use component::config::Section;
use component::{ReceiverFactory, Stability};
use pdata::{AttributeValue, StaticAttribute};

use super::streams::{Figures, Streams, only};
use super::{CALLS, Collector, MakeReader, RAW_CALLS};
use crate::catalog::{self, FILE_OPERATION, FILE_TYPE, Shared};
use crate::extension::EXTENSION;
use crate::kernel::{Cell, INDEX_FILE, INDEX_NETWORK, Kernel, Ladder, Rung};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "fileio",
    number: 2,
    factory: ReceiverFactory {
        component_type: "ebpf_fileio",
        alias: None,
        stability: Stability::Beta,
        summary: "file reads, writes, opens and syncs per process: operations, bytes, time, errors",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_fileio",
    histograms: Some("fileio_histograms"),
    ladder: Ladder {
        btf: &[Rung { name: "tp_btf", hooks: CALLS }],
        tracepoint: &[Rung { name: "tracepoint", hooks: RAW_CALLS }],
    },
    reader,
};

/// In the order of `enum file_operation`.
const OPERATIONS: [&str; 4] = ["read", "write", "open", "fsync"];

/// In the order of `enum file_type`.
const TYPES: [&str; 8] =
    ["unknown", "regular", "directory", "character_device", "block_device", "pipe", "socket", "other"];

struct FileIo {
    /// By type: whether it is exported.
    wanted: [bool; TYPES.len()],
    /// Whether it has been said what is missing.
    warned: bool,
}

fn reader(section: &mut Section<'_>) -> MakeReader {
    let types: Vec<String> = section.field(
        "file_types",
        "kinds of files to report: regular (with opens that failed), directory, character_device, block_device, \
         pipe, socket, other",
        vec!["regular".to_owned()],
    );
    let mut wanted = [false; TYPES.len()];
    for name in &types {
        match TYPES.iter().position(|known| known == name).filter(|position| *position > 0) {
            Some(position) => wanted[position] = true,
            None => section.fault_at("file_types", format!("\"{name}\" is none of {}", TYPES[1..].join(", "))),
        }
    }
    // An open that failed has no type; who wants files wants to know.
    wanted[0] = wanted[1];
    Box::new(move || Box::new(Streams::new(FileIo { wanted, warned: false })))
}

fn parts(plain: u32) -> (usize, usize) {
    let index = (plain - INDEX_FILE) as usize;
    ((index >> 3) % OPERATIONS.len(), index % TYPES.len())
}

impl Figures for FileIo {
    fn settings(&self) -> u64 {
        self.wanted.iter().fold(0, |bits, wanted| bits << 1 | u64::from(*wanted))
    }

    fn prepare(&mut self, kernel: &Kernel) {
        if !kernel.tier.btf && !self.warned {
            self.warned = true;
            self.wanted[0] = true;
            tracing::warn!(
                "ebpf: without BTF no descriptor's type is known: operations on all of them are reported as unknown, \
                 whatever file_types says"
            );
        }
    }

    fn indices(&self) -> Vec<Range<u32>> {
        only(INDEX_FILE..INDEX_NETWORK)
    }

    fn metrics(&self) -> Vec<&'static Shared> {
        vec![&catalog::FILE_OPERATIONS, &catalog::FILE_OPERATION_TIME, &catalog::FILE_IO, &catalog::FILE_ERRORS]
    }

    fn histograms(&self) -> Vec<&'static Shared> {
        vec![&catalog::FILE_OPERATION_DURATION]
    }

    fn attributes(&self, plain: u32) -> Option<Vec<StaticAttribute>> {
        let (operation, kind) = parts(plain);
        self.wanted[kind].then(|| {
            vec![
                (FILE_OPERATION, AttributeValue::Static(OPERATIONS[operation])),
                (FILE_TYPE, AttributeValue::Static(TYPES[kind])),
            ]
        })
    }

    fn put(&self, plain: u32, total: &Cell, _interval: &Cell, put: &mut dyn FnMut(usize, u64)) {
        put(0, total.count);
        put(1, total.nanoseconds);
        if parts(plain).0 <= 1 {
            put(2, total.bytes);
        }
    }

    fn errors(&self, _plain: u32) -> Option<usize> {
        Some(3)
    }

    fn histogram(&self, _plain: u32) -> Option<usize> {
        Some(0)
    }
}
