//! An array map as memory: reads and writes without a system call.

use std::marker::PhantomData;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::MapData;

use super::abi::Entry;

/// A map of the kernel in our memory.
pub(super) struct Mapping {
    base: NonNull<AtomicU64>,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and every access to it is atomic.
unsafe impl Send for Mapping {}
// SAFETY: as above; a shared reference allows atomic accesses only.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `map`, which must be a mmapable array of at least `entries` entries of `size` bytes.
    pub(super) fn new(map: &MapData, entries: usize, size: usize) -> std::io::Result<Self> {
        let info = map.info().map_err(std::io::Error::other)?;
        if info.value_size() as usize != size || (info.max_entries() as usize) < entries {
            return Err(std::io::Error::other(format!(
                "map has {} entries of {} bytes, {entries} of {size} were expected",
                info.max_entries(),
                info.value_size(),
            )));
        }
        Self::map(entries * size.next_multiple_of(8), libc::MAP_SHARED, map.fd().as_fd().as_raw_fd())
    }

    /// Maps an array with one value of `size` bytes of which no more is known than that we made it.
    pub(super) fn received(map: &OwnedFd, size: usize) -> std::io::Result<Self> {
        Self::map(size.next_multiple_of(8), libc::MAP_SHARED, map.as_raw_fd())
    }

    /// The same as memory of our own, all zeros, where the kernel shares none.
    pub(super) fn anonymous(entries: usize, size: usize) -> std::io::Result<Self> {
        Self::map(entries * size, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
    }

    fn map(bytes: usize, flags: libc::c_int, descriptor: libc::c_int) -> std::io::Result<Self> {
        let bytes = bytes.next_multiple_of(page_size());
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours; of an array the
        // kernel refuses a length beyond its pages.
        let address = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, descriptor, 0) };
        match NonNull::new(address.cast()) {
            Some(base) if address != libc::MAP_FAILED => Ok(Self { base, bytes }),
            _ => Err(std::io::Error::last_os_error()),
        }
    }

    /// `word` must be within the mapping, which every caller checks.
    fn word(&self, word: usize) -> &AtomicU64 {
        // SAFETY: within the mapping, so inside one allocation.
        let pointer = unsafe { self.base.as_ptr().add(word) };
        // SAFETY: aligned (a mapping is page-aligned), initialised by the kernel, alive as long as self,
        // and only ever accessed atomically from here.
        unsafe { &*pointer }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `map`, unmapped once; references into it borrow self.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// Entries of one kind in a mapped array, shared with the programs in the kernel.
///
/// Every access goes word by word through atomics, since the kernel writes at
/// the same time: a word is never torn, two words may be of different moments.
pub(crate) struct Mapped<T> {
    mapping: Arc<Mapping>,
    /// Word of the mapping that the first entry begins with.
    first: usize,
    len: usize,
    entry: PhantomData<T>,
}

impl<T: Entry> Mapped<T> {
    const WORDS: usize = size_of::<T>() / 8;

    /// All of `map`: an array of at least `len` entries of type `T`.
    pub(super) fn new(map: &MapData, len: usize) -> std::io::Result<Self> {
        Self::part(&Arc::new(Mapping::new(map, len, size_of::<T>())?), 0, len)
    }

    /// `len` entries of type `T` in memory of our own.
    pub(super) fn anonymous(len: usize) -> std::io::Result<Self> {
        Self::part(&Arc::new(Mapping::anonymous(len, size_of::<T>())?), 0, len)
    }

    /// The `len` entries that begin at byte `offset` of `mapping`.
    pub(super) fn part(mapping: &Arc<Mapping>, offset: usize, len: usize) -> std::io::Result<Self> {
        if !offset.is_multiple_of(8) || offset + len * size_of::<T>() > mapping.bytes {
            return Err(std::io::Error::other("a part of a map is not within it"));
        }
        Ok(Self { mapping: mapping.clone(), first: offset / 8, len, entry: PhantomData })
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Memory of the map that holds the entries, in bytes, in whole pages as the kernel gives it.
    pub(crate) fn bytes(&self) -> usize {
        self.mapping.bytes
    }

    /// A copy of entry `index`; all zeros beyond the end.
    pub(crate) fn read(&self, index: usize) -> T {
        let mut copy = std::mem::MaybeUninit::<T>::zeroed();
        if index < self.len {
            let words = copy.as_mut_ptr().cast::<u64>();
            for word in 0..Self::WORDS {
                let value = self.word(index * Self::WORDS + word).load(Ordering::Acquire);
                let target = words.wrapping_add(word);
                // SAFETY: word < WORDS, so `target` is within `copy`; no alignment is needed.
                unsafe { target.write_unaligned(value) };
            }
        }
        // SAFETY: zeroed or written, and an `Entry` is valid for every bit pattern.
        unsafe { copy.assume_init() }
    }

    /// Stores `entry` as entry `index`, word by word; nothing beyond the end.
    pub(super) fn write(&self, index: usize, entry: &T) {
        if index < self.len {
            let words = std::ptr::from_ref(entry).cast::<u64>();
            for word in 0..Self::WORDS {
                let source = words.wrapping_add(word);
                // SAFETY: word < WORDS, so `source` is within `entry`, all of which an `Entry` has written; no
                // alignment is needed.
                let value = unsafe { source.read_unaligned() };
                self.word(index * Self::WORDS + word).store(value, Ordering::Release);
            }
        }
    }

    /// Sets every word of entry `index` to zero.
    pub(crate) fn clear(&self, index: usize) {
        if index < self.len {
            for word in 0..Self::WORDS {
                self.word(index * Self::WORDS + word).store(0, Ordering::Release);
            }
        }
    }

    /// The 64-bit word at byte `offset` of entry `index`; entry 0 where either is out of range.
    pub(crate) fn at(&self, index: usize, offset: usize) -> &AtomicU64 {
        let inside = index < self.len && offset / 8 < Self::WORDS;
        self.word(if inside { index * Self::WORDS + offset / 8 } else { 0 })
    }

    /// `word` must be below `len * WORDS`, which every caller checks.
    fn word(&self, word: usize) -> &AtomicU64 {
        self.mapping.word(self.first + word)
    }
}

/// Bytes of a page of memory.
pub(super) fn page_size() -> usize {
    // SAFETY: no memory is passed.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}
