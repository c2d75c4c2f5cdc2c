//! Attribute sets: the identity of a stream, built once and shared.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::wire::{Field, Reader, any_value, key_value};
use crate::{AttributeValue, Key, Process, Value};

/// A key and its value.
pub type Attribute = (Key, AttributeValue);

/// A key that is known at compile time, and its value.
pub type StaticAttribute = (&'static str, AttributeValue);

/// The attributes of one stream.
///
/// A set that is about a process yields `process.pid` and `ebpf.comm` first and
/// then its own entries. The process is shared by all of its sets, the own part by
/// all processes (every process that calls `openat` has the same one), which is
/// what keeps tens of thousands of streams small. A set that came over the wire stays in the bytes that it came in,
/// and is read from there. Equality and hash are by content, the hash is computed once.
#[derive(Debug)]
pub struct Attributes {
    /// Zero where it has not been asked for yet.
    hash: AtomicU64,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Made {
        process: Option<Arc<Process>>,
        own: OwnAttributes,
        /// Boxed twice, so that the many sets that are never encoded carry one word, not two.
        encoded: OnceLock<Box<Box<[u8]>>>,
    },
    Came(Came),
}

/// Attributes as they came: fields of a `NumberDataPoint`, within a block that some sets share.
#[derive(Debug)]
struct Came {
    block: Arc<[u8]>,
    at: u32,
    length: u32,
}

impl Came {
    fn bytes(&self) -> &[u8] {
        let at = self.at as usize;
        self.block.get(at..at + self.length as usize).unwrap_or_default()
    }
}

/// The attributes of a set beside those of its process, sorted by key and shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnAttributes(Arc<Box<[Attribute]>>);

impl OwnAttributes {
    /// Keys must differ, order does not matter.
    #[must_use]
    pub fn new(attributes: Vec<StaticAttribute>) -> Self {
        Self::of(owning(attributes))
    }

    /// The same, of keys from anywhere.
    #[must_use]
    pub fn of(mut attributes: Vec<Attribute>) -> Self {
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(Arc::new(attributes.into()))
    }
}

/// The same attributes, as lists hold them whose keys may come from anywhere.
#[must_use]
pub fn owning(attributes: Vec<StaticAttribute>) -> Vec<Attribute> {
    attributes.into_iter().map(|(key, value)| (Key::Static(key), value)).collect()
}

impl Attributes {
    /// Key of the process id.
    pub const PID: &'static str = "process.pid";
    /// Key of the process name.
    pub const COMM: &'static str = "ebpf.comm";
    /// Key that marks the stream which takes what found no place of its own.
    pub const OVERFLOW: &'static str = "otel.metric.overflow";

    /// A set of `own` attributes; keys must differ, order does not matter.
    #[must_use]
    pub fn new(own: Vec<StaticAttribute>) -> Self {
        Self::assemble(None, OwnAttributes::new(own))
    }

    /// The same, of keys from anywhere.
    #[must_use]
    pub fn of(own: Vec<Attribute>) -> Self {
        Self::assemble(None, OwnAttributes::of(own))
    }

    /// A set about `process`, with `own` attributes beside its pid and comm.
    #[must_use]
    pub fn of_process(process: Arc<Process>, own: OwnAttributes) -> Self {
        Self::assemble(Some(process), own)
    }

    /// A set in the bytes that it came in: those of `block` from `at` on are its [`encoded`](Self::encoded) form.
    ///
    /// Keys must differ and be in order. Bytes that are no attributes end the set; the block may be shared by few
    /// sets only, since one of them keeps all of it.
    #[must_use]
    pub fn came(block: Arc<[u8]>, at: u32, length: u32) -> Self {
        Self { hash: AtomicU64::new(0), form: Form::Came(Came { block, at, length }) }
    }

    fn assemble(process: Option<Arc<Process>>, own: OwnAttributes) -> Self {
        let set = Self { hash: AtomicU64::new(0), form: Form::Made { process, own, encoded: OnceLock::new() } };
        set.hash.store(set.content_hash(), Ordering::Relaxed);
        set
    }

    /// Hash of the content, computed once.
    #[must_use]
    pub fn stored_hash(&self) -> u64 {
        // Whoever computes it finds the same, so order does not matter.
        match self.hash.load(Ordering::Relaxed) {
            0 => {
                let hash = self.content_hash();
                self.hash.store(hash, Ordering::Relaxed);
                hash
            }
            hash => hash,
        }
    }

    fn content_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        if let Some(process) = self.process() {
            (process.pid, &process.comm).hash(&mut hasher);
        }
        for (key, value) in self.own() {
            key.hash(&mut hasher);
            value.hash(&mut hasher);
        }
        hasher.finish().max(1)
    }

    /// The process that the stream is about, if it is about one.
    #[must_use]
    pub fn process(&self) -> Option<&Arc<Process>> {
        if let Form::Made { process, .. } = &self.form { process.as_ref() } else { None }
    }

    /// All attributes: pid and comm of the process, then the others sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        let identity = self.process().into_iter().flat_map(|process| {
            [(Self::PID, Value::Int(i64::from(process.pid))), (Self::COMM, Value::Text(&process.comm))]
        });
        identity.chain(self.own())
    }

    /// All attributes, to be changed.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Attribute> {
        let (process, own) = match &self.form {
            Form::Made { process, own, .. } => (process.as_ref(), own),
            Form::Came(_) => {
                return self.iter().map(|(key, value)| (Key::Shared(key.into()), value.to_owned())).collect();
            }
        };
        let identity = process.into_iter().flat_map(|process| {
            [
                (Key::Static(Self::PID), AttributeValue::Int(i64::from(process.pid))),
                (Key::Static(Self::COMM), AttributeValue::Text(process.comm.clone())),
            ]
        });
        identity.chain(own.0.iter().cloned()).collect()
    }

    /// Those that are not the process's.
    fn own(&self) -> Own<'_> {
        match &self.form {
            Form::Made { own, .. } => Own::Made(own.0.iter()),
            Form::Came(came) => Own::Came(Reader::new(came.bytes())),
        }
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<AttributeValue> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    }

    /// The encoded form, made by `encode` on first use and kept.
    ///
    /// There is one such form per set: the OTLP writer's.
    pub fn encoded(&self, encode: impl FnOnce(&Self) -> Box<[u8]>) -> &[u8] {
        match &self.form {
            Form::Made { encoded, .. } => encoded.get_or_init(|| Box::new(encode(self))),
            Form::Came(came) => came.bytes(),
        }
    }
}

enum Own<'a> {
    Made(std::slice::Iter<'a, Attribute>),
    Came(Reader<'a>),
}

impl<'a> Iterator for Own<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Made(attributes) => attributes.next().map(|(key, value)| (key.as_str(), value.borrow())),
            Self::Came(reader) => {
                let (_, Field::Bytes(bytes)) = reader.field().ok()?? else { return None };
                let (key, value) = key_value(bytes).ok()?;
                Some((key, any_value(value).ok()?))
            }
        }
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        let same_process = match (self.process(), other.process()) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || (a.pid, &a.comm) == (b.pid, &b.comm),
            (None, None) => true,
            _ => false,
        };
        let same_bytes = match (&self.form, &other.form) {
            (Form::Made { own: a, .. }, Form::Made { own: b, .. }) => Arc::ptr_eq(&a.0, &b.0),
            (Form::Came(a), Form::Came(b)) => a.bytes() == b.bytes(),
            _ => false,
        };
        same_process && (same_bytes || (self.stored_hash() == other.stored_hash() && self.own().eq(other.own())))
    }
}

impl Eq for Attributes {}

impl Hash for Attributes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.stored_hash());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, comm: &str) -> Arc<Process> {
        Arc::new(Process { pid, start_boottime: 1, comm: comm.into(), uid: 0, cgroup: None, is_agent: false })
    }

    #[test]
    fn order_of_entries_does_not_matter() {
        let a = Attributes::new(vec![("b", AttributeValue::Int(1)), ("a", AttributeValue::Bool(true))]);
        let b = Attributes::new(vec![("a", AttributeValue::Bool(true)), ("b", AttributeValue::Int(1))]);
        assert_eq!(a, b);
        assert_eq!(a.iter().next().map(|(key, _)| key), Some("a"));
    }

    #[test]
    fn a_process_yields_pid_and_comm_and_compares_by_them() {
        let read = || OwnAttributes::new(vec![("ebpf.syscall.name", AttributeValue::Static("read"))]);
        let a = Attributes::of_process(process(7, "sh"), read());
        assert_eq!(a.get(Attributes::PID), Some(AttributeValue::Int(7)));
        assert_eq!(a.get(Attributes::COMM).unwrap().as_str(), Some("sh"));
        assert_eq!(a, Attributes::of_process(process(7, "sh"), read()));
        assert_ne!(a, Attributes::of_process(process(7, "bash"), read()));
        assert_ne!(a, Attributes::of_process(process(8, "sh"), read()));
    }

    #[test]
    fn the_encoded_form_is_made_once() {
        let set = Attributes::new(vec![]);
        assert_eq!(set.encoded(|_| Box::from([1u8])), [1]);
        assert_eq!(set.encoded(|_| Box::from([2u8])), [1]);
    }

    #[test]
    fn a_set_that_came_is_the_set_that_was_made() {
        // {"a": true, "b": "x"}, and the same with the value before the key.
        let fields =
            |first: &[u8]| [&[1, 2, 3, 0x3a, 7][..], first, &[0x3a, 8, 0x0a, 1, b'b', 0x12, 3, 0x0a, 1, b'x']].concat();
        let came = |first: &[u8]| {
            let block: Arc<[u8]> = fields(first).into();
            let length = u32::try_from(block.len() - 3).unwrap();
            Attributes::came(block, 3, length)
        };
        let (plain, turned) = (came(&[0x0a, 1, b'a', 0x12, 2, 0x10, 1]), came(&[0x12, 2, 0x10, 1, 0x0a, 1, b'a']));
        let made = Attributes::new(vec![("a", AttributeValue::Bool(true)), ("b", AttributeValue::Static("x"))]);
        for set in [&plain, &turned] {
            assert_eq!((set, set.stored_hash()), (&made, made.stored_hash()));
            assert_eq!(set.to_vec(), made.to_vec());
            assert_eq!(set.get("b"), Some(AttributeValue::Static("x")));
        }
        assert_eq!(plain, turned);
        assert_ne!(plain, Attributes::new(vec![]));
        assert_eq!(plain.encoded(|_| Box::default()), &fields(&[0x0a, 1, b'a', 0x12, 2, 0x10, 1])[3..]);
        assert_eq!(
            Attributes::came(Arc::new([0x3a, 9, 1]), 0, 9).iter().count(),
            0,
            "what is not there is no attribute"
        );
    }

    #[test]
    fn a_set_is_five_words() {
        assert_eq!(size_of::<Attributes>(), 40);
    }
}
