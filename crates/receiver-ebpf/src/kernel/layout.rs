//! BTF of our own making: the structs of `ebpf/tracepoint/events.h` as tracefs lays them out here, and the settings as
//! an enumeration. The object of the tracepoint tier is relocated against it, so that no load of it is left to chance.

use super::tracefs::Field;

/// Kinds of types, see Documentation/bpf/btf.rst of the kernel.
const INT: u32 = 1;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const ENUM: u32 = 6;

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: u32 = 24;

/// Type numbers of the unsigned integers, by the logarithm of their size; they come first.
const INTS: [(&str, u32); 4] = [("u8", 1), ("u16", 2), ("u32", 4), ("u64", 8)];
const U8: u32 = 1;
const U32: u32 = 3;

/// Types under way to BTF.
pub(super) struct Types {
    strings: Vec<u8>,
    words: Vec<u32>,
    count: u32,
}

impl Types {
    pub(super) fn new() -> Self {
        let mut types = Self { strings: vec![0], words: Vec::new(), count: 0 };
        for (name, bytes) in INTS {
            let name = types.string(name);
            types.push(&[name, INT << 24, bytes, bytes * 8]);
        }
        types
    }

    /// A struct with `fields`; integers where a size is one of theirs, or else bytes.
    pub(super) fn add_struct(&mut self, name: &str, fields: &[Field]) {
        let mut members = Vec::new();
        for field in fields {
            let kind = match INTS.iter().position(|(_, bytes)| *bytes == field.size) {
                Some(position) => u32::try_from(position).unwrap_or(0) + 1,
                None => self.push(&[0, ARRAY << 24, 0, U8, U32, field.size]),
            };
            members.extend([self.string(&field.name), kind, field.offset * 8]);
        }
        let size = fields.iter().map(|field| field.offset + field.size).max().unwrap_or(0);
        let name = self.string(name);
        let mut words = vec![name, STRUCT << 24 | u32::try_from(fields.len()).unwrap_or(0), size];
        words.append(&mut members);
        self.push(&words);
    }

    /// An enumeration with `values` by name.
    pub(super) fn add_enum(&mut self, name: &str, values: &[(&str, u32)]) {
        let name = self.string(name);
        let mut words = vec![name, ENUM << 24 | u32::try_from(values.len()).unwrap_or(0), 4];
        for (name, value) in values {
            words.extend([self.string(name), *value]);
        }
        self.push(&words);
    }

    fn string(&mut self, text: &str) -> u32 {
        let at = self.strings.len();
        self.strings.extend(text.bytes().chain([0]));
        u32::try_from(at).unwrap_or(0)
    }

    /// Adds a type; returns its number.
    fn push(&mut self, words: &[u32]) -> u32 {
        self.words.extend(words);
        self.count += 1;
        self.count
    }

    /// Header, types, strings.
    pub(super) fn finish(self) -> Vec<u8> {
        let types = u32::try_from(self.words.len() * 4).unwrap_or(0);
        let strings = u32::try_from(self.strings.len()).unwrap_or(0);
        // The word after the magic number: version 1, no flags.
        let mut bytes: Vec<u8> = MAGIC.to_ne_bytes().into_iter().chain([1, 0]).collect();
        let header = [HEADER_BYTES, 0, types, types, strings];
        bytes.extend(header.iter().chain(&self.words).flat_map(|word| word.to_ne_bytes()));
        bytes.extend(self.strings);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use aya::{Btf, Endianness};

    use super::*;

    #[test]
    fn what_is_written_is_btf_to_a_parser_that_did_not_write_it() {
        let field = |name: &str, offset, size| Field { name: name.to_owned(), offset, size };
        let mut types = Types::new();
        types.add_struct("event_task_rename", &[field("pid", 8, 4), field("newcomm", 28, 16)]);
        types.add_enum("tfo_settings", &[("collect_syscalls", 1), ("sample_rate", 100)]);
        let btf = Btf::parse(&types.finish(), Endianness::default()).unwrap();
        let text = format!("{btf:?}");
        assert!(text.contains("Struct"), "{text}");
        assert!(text.contains("Enum"), "{text}");
    }
}
