//! What stands around a value in its file, by which it is known to be whole.
//!
//! `TFOSTATE`, then little-endian: format version (4 bytes), length of the value (8), CRC-32 of all before it and of
//! the value (4), and the value.

use std::fmt;

/// Why a file holds no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Shorter or longer than it says, or not even a head.
    Length,
    /// Something else altogether.
    Magic,
    /// Of a format that this agent does not know.
    Version(u32),
    /// Not what was written.
    Checksum,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("its length is wrong"),
            Self::Magic => f.write_str("it is no file of this storage"),
            Self::Version(version) => write!(f, "its format {version} is unknown"),
            Self::Checksum => f.write_str("its checksum is wrong"),
        }
    }
}

/// What stands before `value`.
pub(crate) fn head_of(value: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..20].copy_from_slice(&(value.len() as u64).to_le_bytes());
    let sum = checksum(&head[..20], value);
    head[20..].copy_from_slice(&sum.to_le_bytes());
    head
}

/// The value in `file`.
pub(crate) fn open(mut file: Vec<u8>) -> Result<Vec<u8>, Damage> {
    let Some((head, value)) = file.split_at_checked(HEAD) else { return Err(Damage::Length) };
    let number = |from: usize| u32::from_le_bytes([head[from], head[from + 1], head[from + 2], head[from + 3]]);
    if head[..8] != *MAGIC {
        return Err(Damage::Magic);
    }
    if number(8) != VERSION {
        return Err(Damage::Version(number(8)));
    }
    let length = u64::from(number(12)) | u64::from(number(16)) << 32;
    if length != value.len() as u64 {
        return Err(Damage::Length);
    }
    if number(20) != checksum(&head[..20], value) {
        return Err(Damage::Checksum);
    }
    Ok(file.split_off(HEAD))
}

fn checksum(head: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(value);
    hasher.finalize()
}

const MAGIC: &[u8; 8] = b"TFOSTATE";
const VERSION: u32 = 1;
const HEAD: usize = 24;
