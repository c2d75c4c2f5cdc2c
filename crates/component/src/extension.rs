//! Extensions: what components share, such as the kernel programs of all six eBPF receivers.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// Something that lives beside the pipelines.
pub trait Extension: Send {
    /// What other components may use of it, found by [`Extensions::get`].
    fn shared(&self) -> Arc<dyn Any + Send + Sync>;

    /// Called once on the main thread, after every component has been built and told its predicate,
    /// and before any other thread exists: what is set or given up here, all threads inherit.
    ///
    /// # Errors
    /// A text for people; the agent does not start then.
    fn prepare(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Called once after every pipeline has ended.
    fn shutdown(&mut self) {}
}

/// The shared parts of all extensions, by component type, and by id where somebody may mean one of several.
#[derive(Default, Clone)]
pub struct Extensions(HashMap<String, Arc<dyn Any + Send + Sync>>);

impl Extensions {
    /// Registers the shared part of the extension of type `component_type`, or of that id.
    pub fn insert(&mut self, component_type: &str, shared: Arc<dyn Any + Send + Sync>) {
        self.0.insert(component_type.to_owned(), shared);
    }

    /// The shared part of the extension of type `component_type`, or of that id, if it is there and a `T`.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self, component_type: &str) -> Option<Arc<T>> {
        self.0.get(component_type)?.clone().downcast().ok()
    }
}
