//! Attribute sets: the identity of a stream, built once and shared.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use crate::Process;

/// One attribute value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AttributeValue {
    /// A text known at compile time, such as the name of a syscall.
    Static(&'static str),
    /// A text shared between attribute sets.
    Text(Arc<str>),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

impl AttributeValue {
    /// The text, where the value is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Static(text) => Some(text),
            Self::Text(text) => Some(text),
            Self::Int(_) | Self::Bool(_) => None,
        }
    }
}

impl std::fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Static(text) => f.write_str(text),
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Bool(truth) => write!(f, "{truth}"),
        }
    }
}

/// A key and its value.
pub type Attribute = (&'static str, AttributeValue);

/// The attributes of one stream.
///
/// A set that is about a process yields `process.pid` and `ebpf.comm` first and
/// then its own entries. The process is shared by all of its sets, the own part by
/// all processes (every process that calls `openat` has the same one), which is
/// what keeps tens of thousands of streams small. Equality and hash are by
/// content, the hash is computed once.
#[derive(Debug)]
pub struct Attributes {
    hash: u64,
    process: Option<Arc<Process>>,
    own: OwnAttributes,
    /// Boxed twice, so that the many sets that are never encoded carry one word, not two.
    encoded: OnceLock<Box<Box<[u8]>>>,
}

/// The attributes of a set beside those of its process, sorted by key and shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnAttributes(Arc<Box<[Attribute]>>);

impl OwnAttributes {
    /// Keys must differ, order does not matter.
    #[must_use]
    pub fn new(mut attributes: Vec<Attribute>) -> Self {
        attributes.sort_by_key(|(key, _)| *key);
        Self(Arc::new(attributes.into()))
    }
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
    pub fn new(own: Vec<Attribute>) -> Self {
        Self::assemble(None, OwnAttributes::new(own))
    }

    /// A set about `process`, with `own` attributes beside its pid and comm.
    #[must_use]
    pub fn of_process(process: Arc<Process>, own: OwnAttributes) -> Self {
        Self::assemble(Some(process), own)
    }

    fn assemble(process: Option<Arc<Process>>, own: OwnAttributes) -> Self {
        let mut hasher = DefaultHasher::new();
        if let Some(process) = &process {
            (process.pid, &process.comm).hash(&mut hasher);
        }
        own.hash(&mut hasher);
        Self { hash: hasher.finish(), process, own, encoded: OnceLock::new() }
    }

    /// Hash of the content, computed when the set was made.
    #[must_use]
    pub fn stored_hash(&self) -> u64 {
        self.hash
    }

    /// The process that the stream is about, if it is about one.
    #[must_use]
    pub fn process(&self) -> Option<&Arc<Process>> {
        self.process.as_ref()
    }

    /// All attributes: pid and comm of the process, then the others sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = Attribute> + '_ {
        let identity = self.process.iter().flat_map(|process| {
            [
                (Self::PID, AttributeValue::Int(i64::from(process.pid))),
                (Self::COMM, AttributeValue::Text(process.comm.clone())),
            ]
        });
        identity.chain(self.own.0.iter().cloned())
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<AttributeValue> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The encoded form, made by `encode` on first use and kept.
    ///
    /// There is one such form per set: the OTLP writer's.
    pub fn encoded(&self, encode: impl FnOnce(&Self) -> Box<[u8]>) -> &[u8] {
        self.encoded.get_or_init(|| Box::new(encode(self)))
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        let same_process = match (&self.process, &other.process) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || (a.pid, &a.comm) == (b.pid, &b.comm),
            (None, None) => true,
            _ => false,
        };
        self.hash == other.hash && same_process && (Arc::ptr_eq(&self.own.0, &other.own.0) || self.own == other.own)
    }
}

impl Eq for Attributes {}

impl Hash for Attributes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
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
}
