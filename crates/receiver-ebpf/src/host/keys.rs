//! Keys of the table: whose they are, and what they count.

use crate::kernel::{
    DETAIL_OCTAVE, DETAIL_SHIFT, IDENTITY_GENERATION_SHIFT, IDENTITY_SLOT_MASK, IDENTITY_SLOT_SHIFT, INDEX_CONNECTION,
    INDEX_CONNECTION_END, INDEX_END, INDEX_MASK, INDEX_TRANSITION, PLAIN_INDICES,
};

/// What a cell counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Index {
    /// See `INDEX_*`.
    pub(crate) plain: u32,
    pub(crate) detail: Detail,
}

/// Which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Detail {
    /// All of it.
    Plain,
    /// Its errors with this number.
    Errno(u32),
    /// Four buckets of its histogram: those numbered from `octave * 4 - 128`.
    Octave(u32),
}

impl Index {
    /// From the low bits of `key`.
    pub(crate) fn of(key: u64) -> Self {
        let index = (key & u64::from(INDEX_MASK)) as u32;
        let detail = match index >> DETAIL_SHIFT {
            0 => Detail::Plain,
            errno @ 1..DETAIL_OCTAVE => Detail::Errno(errno),
            octave => Detail::Octave(octave - DETAIL_OCTAVE),
        };
        Self { plain: index % PLAIN_INDICES, detail }
    }

    /// Whether it counts what sockets do by themselves, also when their process is gone.
    pub(crate) fn is_of_sockets(self) -> bool {
        matches!(self.plain, INDEX_CONNECTION..=INDEX_CONNECTION_END | INDEX_TRANSITION..INDEX_END)
    }
}

/// Slot and generation of a key.
pub(crate) fn owner(key: u64) -> (u32, u32) {
    (((key >> IDENTITY_SLOT_SHIFT) & IDENTITY_SLOT_MASK) as u32, (key >> IDENTITY_GENERATION_SHIFT) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{INDEX_FILE, MAX_ERRNO_DETAIL};

    #[test]
    fn a_key_tells_its_owner_and_what_it_counts() {
        let key = |index: u32| (7u64 << IDENTITY_GENERATION_SHIFT) | (1234 << IDENTITY_SLOT_SHIFT) | u64::from(index);
        assert_eq!(owner(key(39)), (1234, 7));
        assert_eq!(Index::of(key(39)), Index { plain: 39, detail: Detail::Plain });
        let file = INDEX_FILE + 9;
        assert_eq!(Index::of(key(file | 2 << DETAIL_SHIFT)), Index { plain: file, detail: Detail::Errno(2) });
        let last = Index::of(key(file | MAX_ERRNO_DETAIL << DETAIL_SHIFT));
        assert_eq!(last.detail, Detail::Errno(MAX_ERRNO_DETAIL));
        assert_eq!(Index::of(key(file | 255 << DETAIL_SHIFT)).detail, Detail::Octave(63));
    }
}
