//! Extensions: what components share, such as the kernel programs of all six eBPF receivers.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::BoxFuture;

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

    /// Called once between [`prepare`](Self::prepare) and [`start`](Self::start), where the process is about to give up
    /// its rights: what takes more than a service without any may do has to be handed over, or said.
    fn give_up_rights(&mut self) -> Vec<Need> {
        Vec::new()
    }

    /// Whether it can be prepared, and started, in a process that has given up its rights already.
    ///
    /// # Errors
    /// Why not, and what to do.
    fn without_rights(&self) -> Result<(), String> {
        Ok(())
    }

    /// Opens what others reach it by, such as a port; called once, before any exporter starts.
    ///
    /// # Errors
    /// A text for people that says what, where and what to do; the agent does not start then.
    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    /// Closes what [`start`](Self::start) opened, so that another may have it.
    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Whether another one may take its place, or none, while the agent runs.
    ///
    /// # Errors
    /// Why not, and what to do.
    fn replaceable(&self) -> Result<(), String> {
        Ok(())
    }

    /// Called once after every pipeline has ended.
    fn shutdown(&mut self) {}
}

/// What a component goes on needing of the system, beside what every service may do: to read, to talk over sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// To write, make and remove files in this directory.
    Write(PathBuf),
    /// To remove empty directories in this directory.
    Remove(PathBuf),
    /// To call bpf(2).
    Bpf,
}

/// The shared parts of all extensions, by component type, and by id where somebody may mean one of several.
#[derive(Default)]
pub struct Extensions {
    shared: HashMap<String, Arc<dyn Any + Send + Sync>>,
    asked: Mutex<BTreeSet<String>>,
}

impl Extensions {
    /// Registers the shared part of the extension of type `component_type`, or of that id.
    pub fn insert(&mut self, component_type: &str, shared: Arc<dyn Any + Send + Sync>) {
        self.shared.insert(component_type.to_owned(), shared);
    }

    /// Forgets the shared part of the extension of type `component_type`.
    pub fn remove(&mut self, component_type: &str) {
        self.shared.remove(component_type);
    }

    /// The shared part of the extension of type `component_type`, or of that id, if it is there and a `T`.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self, component_type: &str) -> Option<Arc<T>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(component_type.to_owned());
        self.shared.get(component_type)?.clone().downcast().ok()
    }

    /// The types that were asked for since the last call: who asked depends on them.
    pub fn take_asked(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clone for Extensions {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), asked: Mutex::default() }
    }
}
