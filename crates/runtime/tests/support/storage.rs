//! `memory`: a storage that lasts as long as the test, and fails when it is told to.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use component::{Extension, ExtensionFactory, SharedStorage, Stability, Storage};

pub(crate) static FACTORY: ExtensionFactory = ExtensionFactory {
    component_type: "memory",
    alias: None,
    stability: Stability::Stable,
    summary: "stores",
    requires: &[],
    configure: |_| Box::new(|_| Ok(Box::new(Keeps(STORED.with_borrow(Clone::clone))))),
};

/// What is stored, and whether storing works.
#[derive(Default)]
pub(crate) struct Stored {
    pub values: HashMap<String, Vec<u8>>,
    pub fails: bool,
}

thread_local! {
    static STORED: RefCell<Arc<Mutex<Stored>>> = RefCell::default();
}

/// What this test stored.
pub(crate) fn with<T>(look: impl FnOnce(&mut Stored) -> T) -> T {
    STORED.with_borrow(|stored| look(&mut stored.lock().unwrap()))
}

struct Keeps(Arc<Mutex<Stored>>);

struct Memory(Arc<Mutex<Stored>>);

impl Extension for Keeps {
    fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::new(SharedStorage(Arc::new(Memory(self.0.clone()))))
    }
}

impl Storage for Memory {
    fn load(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.lock().unwrap().values.get(key).cloned())
    }

    fn save(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let mut stored = self.0.lock().unwrap();
        if stored.fails {
            return Err("no space left on device".to_owned());
        }
        stored.values.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}
