//! `shared`: gives a word to those who ask for it.

use std::any::Any;
use std::sync::Arc;

use component::config::Section;
use component::{Builder, Extension, ExtensionFactory, Stability};

use super::note;

pub(crate) static FACTORY: ExtensionFactory = ExtensionFactory {
    component_type: "shared",
    alias: None,
    stability: Stability::Stable,
    summary: "shares a word",
    requires: &[],
    configure,
};

fn configure(section: &mut Section<'_>) -> Builder<Box<dyn Extension>> {
    let word = Arc::new(section.field("word", "what is shared", "default".to_owned()));
    let broken = section.field("broken", "cannot be prepared", false);
    Box::new(move |context| Ok(Box::new(Shared { id: context.id.to_string(), word: word.clone(), broken })))
}

struct Shared {
    id: String,
    word: Arc<String>,
    broken: bool,
}

impl Extension for Shared {
    fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        self.word.clone()
    }

    fn prepare(&mut self) -> Result<(), String> {
        note(format!("{} prepared", self.id));
        if self.broken { Err("not permitted".into()) } else { Ok(()) }
    }

    fn shutdown(&mut self) {
        note(format!("{} shut down", self.id));
    }
}
