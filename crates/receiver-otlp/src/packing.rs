//! How requests are packed, and unpacking them within a bound.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderValue;

/// A compression that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// What a header names: none, one of ours, or another, which is an error.
    pub(crate) fn of(header: Option<&HeaderValue>) -> Result<Option<Self>, &HeaderValue> {
        match header.map(|header| (header, header.as_bytes())) {
            None | Some((_, b"" | b"identity")) => Ok(None),
            Some((_, b"gzip")) => Ok(Some(Self::Gzip)),
            Some((_, b"zstd")) => Ok(Some(Self::Zstd)),
            Some((other, _)) => Err(other),
        }
    }

    /// What is packed in `bytes`, if that is no more than `most` bytes.
    pub(crate) fn unpack(self, bytes: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Gzip => gunzip(bytes, most),
            Self::Zstd => match zstd::zstd_safe::decompress_bound(bytes).map(usize::try_from) {
                // In one go, straight to where it stays.
                Ok(Ok(bound)) if bound <= most => {
                    let mut unpacked = zstd::bulk::decompress(bytes, bound)?;
                    unpacked.shrink_to_fit();
                    Ok(Some(unpacked))
                }
                _ => read(zstd::Decoder::with_buffer(bytes)?, most),
            },
        }
    }
}

/// What the members in `bytes` hold together, one after the other: in one go, where the last says how much that is.
fn gunzip(mut bytes: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    // The last four bytes say how many there were, of the last member if there are several.
    let said = bytes.last_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    // One more than there may be, which tells.
    let room = most.saturating_add(1);
    let mut unpacked = Vec::with_capacity(said.min(room));
    let mut member = Decompress::new_gzip(WINDOW_BITS);
    loop {
        let before = member.total_in();
        let status = member.decompress_vec(bytes, &mut unpacked, FlushDecompress::Finish)?;
        bytes = bytes.get((member.total_in() - before) as usize..).unwrap_or_default();
        if unpacked.len() > most {
            return Ok(None);
        }
        match status {
            Status::StreamEnd if bytes.is_empty() => break,
            Status::StreamEnd => member = Decompress::new_gzip(WINDOW_BITS),
            _ if unpacked.len() < unpacked.capacity() => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => unpacked.reserve_exact(unpacked.len().max(LEAST_ROOM).min(room - unpacked.len())),
        }
    }
    // It may be kept for long.
    unpacked.shrink_to_fit();
    Ok(Some(unpacked))
}

/// The largest there is: a window is no larger than what is unpacked.
const WINDOW_BITS: u8 = 15;
/// In bytes, for what was not told.
const LEAST_ROOM: usize = 32 << 10;

/// All that `reader` yields, if that is no more than `most` bytes.
fn read(reader: impl Read, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(most as u64 + 1).read_to_end(&mut bytes)?;
    // It may be kept for long.
    bytes.shrink_to_fit();
    Ok((bytes.len() <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_bounded_whatever_it_says_of_itself() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let told = zstd::bulk::compress(&bytes, 3).unwrap();
        let untold = zstd::encode_all(&*bytes, 3).unwrap();
        let gzip = gzip(&bytes);
        let twice = [&*told, &*told].concat();
        for (packing, packed) in [(Packing::Zstd, &told), (Packing::Zstd, &untold), (Packing::Gzip, &gzip)] {
            assert!(packing.unpack(packed, bytes.len()).unwrap().is_some_and(|unpacked| unpacked == bytes));
            assert_eq!(packing.unpack(packed, bytes.len() - 1).unwrap(), None);
            assert!(packing.unpack(&packed[..packed.len() - 9], bytes.len()).is_err());
            assert!(packing.unpack(&[7; 9], 100).is_err());
        }
        assert_eq!(Packing::Zstd.unpack(&twice, usize::MAX / 2).unwrap().map(|all| all.len()), Some(2 * bytes.len()));
        assert_eq!(Packing::Zstd.unpack(&twice, bytes.len()).unwrap(), None);
    }

    #[test]
    fn members_of_gzip_are_unpacked_one_after_the_other_and_nothing_else_may_follow() {
        let (none, few, many) = (vec![], b"points".to_vec(), vec![7; 1_000_000]);
        for members in [[&many, &few], [&few, &many], [&many, &none], [&none, &none], [&few, &few]] {
            let (packed, all) = (members.map(|bytes| gzip(bytes)).concat(), members.map(|bytes| &**bytes).concat());
            let unpack = |most| Packing::Gzip.unpack(&packed, most).unwrap();
            assert!(unpack(all.len()).is_some_and(|unpacked| unpacked == all && unpacked.capacity() == all.len()));
            assert!(unpack(MOST).is_some_and(|unpacked| unpacked == all));
            assert!(all.is_empty() || unpack(all.len() - 1).is_none(), "all members count");
            for behind in [&b"x"[..], &[0], &[0; 100], &packed[..9]] {
                assert!(Packing::Gzip.unpack(&[&*packed, behind].concat(), MOST).is_err(), "{behind:?}");
            }
        }
        assert!(Packing::Gzip.unpack(&[], 100).is_err(), "not even one");
    }

    #[test]
    fn gzip_is_taken_whole_or_not_at_all() {
        let bytes: Vec<u8> = (0..1000_u32).flat_map(u32::to_le_bytes).collect();
        let packed = gzip(&bytes);
        for end in 0..packed.len() {
            assert!(Packing::Gzip.unpack(&packed[..end], bytes.len()).is_err(), "{end} of {}", packed.len());
        }
        // Of eight bytes at the end four are a checksum and four the size.
        for (back, change) in [(8, 1), (5, 128), (4, 1), (1, 255), (2, 255)] {
            let mut packed = packed.clone();
            let at = packed.len() - back;
            packed[at] ^= change;
            assert!(Packing::Gzip.unpack(&packed, MOST).is_err(), "{back}");
            assert!(Packing::Gzip.unpack(&packed, bytes.len()).is_err(), "{back}");
        }
    }

    #[test]
    fn a_bomb_of_gzip_never_has_more_room_than_there_may_be() {
        let bomb = gzip(&vec![0; 10_000_000]);
        let mut lying = bomb.clone();
        let size = lying.len() - 4;
        lying[size..].fill(0);
        for packed in [&bomb, &lying, &[&*bomb, &*gzip(b"")].concat()] {
            let (mut result, most) = (None, 5_000_000);
            let seen = allocation_counter::measure(|| result = Some(Packing::Gzip.unpack(packed, most)));
            assert!(matches!(result, Some(Ok(None))), "{result:?}");
            // It is copied where it grows, and there is a window.
            assert!(seen.bytes_max < 2 * most as u64 + 200_000, "{seen:?}");
        }
    }

    /// More than any of these has.
    const MOST: usize = 16 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(bytes, flate2::Compression::default()).read_to_end(&mut packed).unwrap();
        packed
    }

    #[test]
    fn headers_name_what_is_taken() {
        let of = |text| Packing::of(Some(&HeaderValue::from_static(text))).map_err(|other| other.len());
        assert_eq!((of("gzip"), of("zstd")), (Ok(Some(Packing::Gzip)), Ok(Some(Packing::Zstd))));
        assert_eq!((of("identity"), of("")), (Ok(None), Ok(None)));
        assert_eq!((of("br"), Packing::of(None)), (Err(2), Ok(None)));
    }
}
