//! Typed configuration, read from a tree that knows where each value stands.
//!
//! Reading never stops at the first fault: a [`Section`] notes every one with
//! its line and column, gives the default back, and goes on. The same reading
//! run on an empty section tells every key with its type, default and meaning,
//! so that help and documentation cannot drift from the code.

mod fault;
mod field;
mod node;
mod section;
mod shape;
mod tls_version;
mod words;

pub use fault::{Fault, Faults, Position};
pub use field::{ByteSize, Field};
pub use node::{Entry, Node, Origin, Value};
pub use section::{Configuration, Foreign, Key, Section, Weight};
pub use shape::Shape;
pub use tls_version::TlsVersion;
pub use words::suggestion;
