//! What describes metrics and their sources: the same in every request, so it is made once.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use pdata::wire::Malformed;
use pdata::{Descriptor, Instrument, NumberKind, Resource, Scope, Temporality};

/// Tables that begin anew when they are full: who sends ever other names gains nothing, and harms nobody for long.
#[derive(Debug, Default)]
pub(super) struct Known {
    resources: Table<Came<Resource>>,
    scopes: Table<Came<Scope>>,
    descriptors: Table<Arc<Descriptor>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Table<T> {
    entries: HashTable<(u64, T)>,
    /// Of what the entries were made of.
    bytes: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: HashTable::new(), bytes: 0 }
    }
}

const MOST_BYTES: usize = 1 << 20;

impl<T> Table<T> {
    fn insert(&mut self, hash: u64, bytes: usize, entry: T) {
        if self.bytes + bytes > MOST_BYTES {
            *self = Self::default();
        }
        if bytes <= MOST_BYTES {
            self.bytes += bytes;
            self.entries.insert_unique(hash, (hash, entry), |(hash, _)| *hash);
        }
    }
}

/// What a message and a schema's url became.
#[derive(Debug)]
struct Came<T> {
    message: Box<[u8]>,
    schema_url: Box<[u8]>,
    value: Arc<T>,
}

/// A descriptor in the making.
pub(super) struct Described<'a> {
    /// Name, description, unit.
    pub(super) texts: [&'a str; 3],
    pub(super) instrument: Instrument,
    pub(super) temporality: Temporality,
    pub(super) number: NumberKind,
}

impl Known {
    pub(super) fn resource(
        &mut self,
        message: &[u8],
        schema_url: &[u8],
        make: impl FnOnce() -> Result<Resource, Malformed>,
    ) -> Result<Arc<Resource>, Malformed> {
        let hash = self.hasher.hash_one((message, schema_url));
        came(&mut self.resources, hash, message, schema_url, make)
    }

    pub(super) fn scope(
        &mut self,
        message: &[u8],
        schema_url: &[u8],
        make: impl FnOnce() -> Result<Scope, Malformed>,
    ) -> Result<Arc<Scope>, Malformed> {
        let hash = self.hasher.hash_one((message, schema_url));
        came(&mut self.scopes, hash, message, schema_url, make)
    }

    pub(super) fn descriptor(&mut self, described: &Described<'_>) -> Arc<Descriptor> {
        let Described { texts: [name, description, unit], instrument, temporality, number } = *described;
        // Which of a name's few descriptors it is, comparing says.
        let hash = self.hasher.hash_one(name);
        let known = self.descriptors.entries.find(hash, |(_, known)| {
            known.name == name
                && (known.instrument, known.temporality, known.number) == (instrument, temporality, number)
                && known.unit == unit
                && known.description == description
        });
        if let Some((_, known)) = known {
            return known.clone();
        }
        let [owned_name, owned_description, owned_unit] = [name, description, unit].map(|text| text.to_owned().into());
        let descriptor = Arc::new(Descriptor {
            name: owned_name,
            unit: owned_unit,
            description: owned_description,
            instrument,
            temporality,
            number,
            seeds: &[],
        });
        self.descriptors.insert(hash, name.len() + description.len() + unit.len() + 128, descriptor.clone());
        descriptor
    }
}

fn came<T>(
    table: &mut Table<Came<T>>,
    hash: u64,
    message: &[u8],
    schema_url: &[u8],
    make: impl FnOnce() -> Result<T, Malformed>,
) -> Result<Arc<T>, Malformed> {
    let known = table.entries.find(hash, |(_, came)| *came.message == *message && *came.schema_url == *schema_url);
    if let Some((_, came)) = known {
        return Ok(came.value.clone());
    }
    let value = Arc::new(make()?);
    let came = Came { message: message.into(), schema_url: schema_url.into(), value: value.clone() };
    // What is made of a message is a few times larger than it.
    table.insert(hash, 4 * (message.len() + schema_url.len()) + 128, came);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_shared_and_bounded() {
        let mut known = Known::default();
        let mut make = |message: &[u8]| known.resource(message, b"", || Ok(Resource::default())).unwrap();
        assert!(Arc::ptr_eq(&make(b"a"), &make(b"a")));
        assert!(!Arc::ptr_eq(&make(b"a"), &make(b"b")));
        for id in 0..100_000_u32 {
            make(&[id.to_le_bytes(); 25].concat());
        }
        assert!(known.resources.bytes <= MOST_BYTES && known.resources.entries.len() < 3000);
        assert_eq!(known.resource(b"x", b"", || Err(Malformed("no"))), Err(Malformed("no")));
    }
}
