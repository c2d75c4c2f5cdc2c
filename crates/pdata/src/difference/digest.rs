//! Who a stream is, in 128 bits that are the same in every run: what stands on a disk for it, where no name is to stand.

use crate::families::Origin;
use crate::{Attributes, Descriptor, Instrument, Value};

/// FNV-1a of the source, the metric and the attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest(pub(crate) [u64; 2]);

impl Default for Digest {
    fn default() -> Self {
        Self::from_bits(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Digest {
    /// Of no stream yet, but of all that its metric has in common.
    pub(crate) fn of_metric(source: Origin<'_>, descriptor: &Descriptor) -> Self {
        let mut digest = Self::default();
        for (key, value) in source.resource.attributes.iter().chain(&source.scope.attributes) {
            digest = digest.text(key.as_str()).value(&value.borrow());
        }
        let instrument = match descriptor.instrument {
            Instrument::Counter => 1,
            Instrument::UpDownCounter => 2,
            Instrument::Gauge => 3,
            Instrument::ExponentialHistogram => 4,
            Instrument::Histogram => 5,
            Instrument::Summary => 6,
        };
        let texts = [&source.scope.name, &source.scope.version, &descriptor.name, &descriptor.unit];
        texts.iter().fold(digest, |digest, text| digest.text(text)).bytes(&[instrument])
    }

    pub(crate) fn with(self, stream: &Attributes) -> Self {
        stream.iter().fold(self, |digest, (key, value)| digest.text(key).value(&value))
    }

    fn value(self, value: &Value<'_>) -> Self {
        match value {
            Value::Text(text) => self.bytes(&[1]).text(text),
            Value::Int(number) => self.bytes(&[2]).bytes(&number.to_le_bytes()),
            Value::Bool(truth) => self.bytes(&[3, u8::from(*truth)]),
            Value::Double(number) => self.bytes(&[4]).bytes(&number.to_bits().to_le_bytes()),
            Value::Bytes(bytes) => self.bytes(&[5]).length(bytes.len()).bytes(bytes),
            Value::List(items) => {
                items.iter().fold(self.bytes(&[6]).length(items.len()), |digest, item| digest.value(&item.borrow()))
            }
            Value::Map(entries) => {
                let digest = self.bytes(&[7]).length(entries.len());
                entries.iter().fold(digest, |digest, (key, value)| digest.text(key.as_str()).value(&value.borrow()))
            }
            Value::Empty => self.bytes(&[8]),
        }
    }

    fn text(self, text: &str) -> Self {
        self.length(text.len()).bytes(text.as_bytes())
    }

    fn length(self, length: usize) -> Self {
        self.bytes(&(length as u64).to_le_bytes())
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        let bits = u128::from(self.0[0]) << 64 | u128::from(self.0[1]);
        let step = |bits: u128, byte: &u8| (bits ^ u128::from(*byte)).wrapping_mul(PRIME);
        Self::from_bits(bytes.iter().fold(bits, step))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is asked for")]
    fn from_bits(bits: u128) -> Self {
        Self([(bits >> 64) as u64, bits as u64])
    }
}

const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;
