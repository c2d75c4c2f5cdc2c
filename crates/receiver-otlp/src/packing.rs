//! How requests are packed, and unpacking them within a bound.

use std::io::{self, Read};

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
            Self::Gzip => {
                // The last four bytes say how many there were, of the last part if it has several.
                let said = bytes.last_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize);
                read(flate2::read::MultiGzDecoder::new(bytes), said, most)
            }
            Self::Zstd => match zstd::zstd_safe::decompress_bound(bytes).map(usize::try_from) {
                // In one go, straight to where it stays.
                Ok(Ok(bound)) if bound <= most => {
                    let mut unpacked = zstd::bulk::decompress(bytes, bound)?;
                    unpacked.shrink_to_fit();
                    Ok(Some(unpacked))
                }
                _ => read(zstd::Decoder::with_buffer(bytes)?, 0, most),
            },
        }
    }
}

/// All that `reader` yields, if that is no more than `most` bytes.
fn read(reader: impl Read, expected: usize, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(expected.min(most));
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
        let mut gzip = Vec::new();
        flate2::read::GzEncoder::new(&*bytes, flate2::Compression::default()).read_to_end(&mut gzip).unwrap();
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
    fn headers_name_what_is_taken() {
        let of = |text| Packing::of(Some(&HeaderValue::from_static(text))).map_err(|other| other.len());
        assert_eq!((of("gzip"), of("zstd")), (Ok(Some(Packing::Gzip)), Ok(Some(Packing::Zstd))));
        assert_eq!((of("identity"), of("")), (Ok(None), Ok(None)));
        assert_eq!((of("br"), Packing::of(None)), (Err(2), Ok(None)));
    }
}
