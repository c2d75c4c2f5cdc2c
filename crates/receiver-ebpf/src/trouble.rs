//! What is wrong with a machine and what mends it, in the same words at the start of the agent and in `doctor`.

use std::fmt;

/// Something that does not work here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong, and where.
    pub what: String,
    /// What to do: `run: ` and a command, or a few words; empty where nothing is known to help.
    pub mend: String,
}

impl Trouble {
    /// The two of them.
    #[must_use]
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "; {}", self.mend) }
    }
}
