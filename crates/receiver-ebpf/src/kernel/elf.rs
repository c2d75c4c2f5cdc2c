//! What tests look for in an object: its sections and the instructions of its programs.

/// An ELF file of 64 bits, least significant byte first.
pub(super) struct Elf<'a> {
    bytes: &'a [u8],
}

/// A section.
pub(super) struct Section<'a> {
    pub(super) name: String,
    pub(super) is_code: bool,
    bytes: &'a [u8],
}

/// One instruction, see Documentation/bpf/standardization/instruction-set.rst of the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instruction {
    pub(super) code: u8,
    pub(super) source: u8,
    pub(super) offset: i16,
    pub(super) constant: i32,
}

/// Atomics on 32 and on 64 bits.
pub(super) const ATOMICS: [u8; 2] = [0xc3, 0xdb];
pub(super) const HELPER_CALL: u8 = 0x85;
/// The first half of the only instruction of two.
pub(super) const LOAD_64: u8 = 0x18;

impl<'a> Elf<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn number(&self, at: usize, bytes: usize) -> usize {
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(&self.bytes[at..at + bytes]);
        usize::try_from(u64::from_le_bytes(word)).unwrap()
    }

    pub(super) fn sections(&self) -> Vec<Section<'a>> {
        let (table, size, count) = (self.number(40, 8), self.number(58, 2), self.number(60, 2));
        let header = |section: usize| table + section * size;
        let names = self.number(header(self.number(62, 2)) + 24, 8);
        let section = |section: usize| {
            let header = header(section);
            let name = &self.bytes[names + self.number(header, 4)..];
            let end = name.iter().position(|byte| *byte == 0).unwrap();
            let (from, length) = (self.number(header + 24, 8), self.number(header + 32, 8));
            Section {
                name: String::from_utf8(name[..end].to_vec()).unwrap(),
                is_code: self.number(header + 8, 8) & 4 != 0,
                bytes: &self.bytes[from..from + length],
            }
        };
        (1..count).map(section).collect()
    }

    /// Of all programs, one after the other.
    pub(super) fn instructions(&self) -> Vec<Instruction> {
        self.sections().iter().filter(|section| section.is_code).flat_map(Section::instructions).collect()
    }
}

impl Section<'_> {
    /// As numbers of 32 bits.
    pub(super) fn words(&self) -> Vec<u32> {
        self.bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
    }

    pub(super) fn instructions(&self) -> Vec<Instruction> {
        let instruction = |code: &[u8]| Instruction {
            code: code[0],
            source: code[1] >> 4,
            offset: i16::from_le_bytes([code[2], code[3]]),
            constant: i32::from_le_bytes([code[4], code[5], code[6], code[7]]),
        };
        self.bytes.chunks_exact(8).map(instruction).collect()
    }
}
