//! `bpf_rdonly_cast`: how an object comes to call a function of the kernel, which aya does not offer.
//! Kernel side: `ebpf/casts.h`.

use aya::Btf;
use aya_obj::btf::BtfKind;

/// What stands in the object for the call: the instruction, with a number of ours for the function's.
const CALL: u64 = 0x7f0c_a57f_0000_2085;
const FUNCTION_SHIFT: u32 = 32;
/// `r0 = 0`, where the kernel has no such function; nothing comes there then.
const NOTHING: u64 = 0xb7;

/// The constants of the object that hold ids of types, and the types.
const TYPES: [(&str, &str); 6] = [
    ("type_list_head", "list_head"),
    ("type_file", "file"),
    ("type_inode", "inode"),
    ("type_socket", "socket"),
    ("type_sock", "sock"),
    ("type_tcp_sock", "tcp_sock"),
];

/// The ids of the function and of the types that it makes pointers to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Casts {
    function: u32,
    types: [u32; TYPES.len()],
}

impl Casts {
    /// Those of the running kernel; none before 6.2.
    pub(super) fn of(kernel: &Btf) -> Option<Self> {
        let id = |name, kind| kernel.id_by_type_name_kind(name, kind).ok();
        let mut casts = Self { function: id("bpf_rdonly_cast", BtfKind::Func)?, ..Self::default() };
        for (found, (_, name)) in casts.types.iter_mut().zip(TYPES) {
            *found = id(name, BtfKind::Struct)?;
        }
        Some(casts)
    }

    /// Constants by name, all 0 where there is no function.
    pub(super) fn settings(casts: Option<&Self>) -> [(&'static str, u32); TYPES.len()] {
        let ids = casts.copied().unwrap_or_default().types;
        std::array::from_fn(|number| (TYPES[number].0, ids[number]))
    }

    /// `object` with its calls filled in, or taken out.
    pub(super) fn fill(casts: Option<&Self>, object: &[u8]) -> Vec<u8> {
        let call = casts.map_or(NOTHING, |casts| {
            (u64::from(casts.function) << FUNCTION_SHIFT) | (CALL & ((1 << FUNCTION_SHIFT) - 1))
        });
        let fill = |word: &[u8]| if word == CALL.to_le_bytes() { call.to_le_bytes().to_vec() } else { word.to_vec() };
        object.chunks(8).flat_map(fill).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tiers::TIERS;
    use super::*;

    fn calls(object: &[u8], word: u64) -> usize {
        object.chunks(8).filter(|chunk| *chunk == word.to_le_bytes()).count()
    }

    #[test]
    fn every_call_is_filled_in_or_taken_out() {
        let object = TIERS[0].object;
        let there = calls(object, CALL);
        assert!(there > 3, "{there}");
        let casts = Casts { function: 77, types: [1, 2, 3, 4, 5, 6] };
        let filled = Casts::fill(Some(&casts), object);
        assert_eq!((calls(&filled, CALL), calls(&filled, 0x4d_0000_2085), filled.len()), (0, there, object.len()));
        let without = Casts::fill(None, object);
        assert_eq!(calls(&without, NOTHING), calls(object, NOTHING) + there);
        assert_eq!(Casts::settings(None).map(|(_, id)| id), [0; 6]);
        assert_eq!(Casts::settings(Some(&casts))[4], ("type_sock", 5));
    }

    #[test]
    fn kernels_before_5_13_have_none() {
        assert_eq!(calls(TIERS[1].object, CALL), 0);
    }
}
