//! `tfo-agent components`: what there is, with every key, its default and its meaning.

use std::io::{self, Write};
use std::process::ExitCode;

use component::Stability;
use component::config::{Key, Section};

use crate::components::COMPONENTS;

/// Prints the inventory as YAML.
pub(crate) fn print() -> ExitCode {
    match write(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // Somebody closed the pipe, as `| head` does.
        Err(_) => ExitCode::FAILURE,
    }
}

fn write(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "receivers:")?;
    for factory in COMPONENTS.receivers {
        let keys = Section::describe(factory.configure);
        entry(out, factory.component_type, factory.stability, factory.summary, &keys)?;
    }
    writeln!(out, "processors:")?;
    for factory in COMPONENTS.processors {
        let keys = Section::describe(factory.configure);
        entry(out, factory.component_type, factory.stability, factory.summary, &keys)?;
    }
    writeln!(out, "exporters:")?;
    for factory in COMPONENTS.exporters {
        let keys = Section::describe(factory.configure);
        entry(out, factory.component_type, factory.stability, factory.summary, &keys)?;
    }
    writeln!(out, "extensions:")?;
    for factory in COMPONENTS.extensions {
        let keys = Section::describe(factory.configure);
        entry(out, factory.component_type, factory.stability, factory.summary, &keys)?;
    }
    out.flush()
}

fn entry(out: &mut dyn Write, name: &str, stability: Stability, summary: &str, keys: &[Key]) -> io::Result<()> {
    let stability = match stability {
        Stability::Alpha => "alpha",
        Stability::Beta => "beta",
        Stability::Stable => "stable",
    };
    writeln!(out, "  - name: {name}")?;
    writeln!(out, "    stability: {stability}")?;
    writeln!(out, "    summary: {summary:?}")?;
    writeln!(out, "    keys:")?;
    let width = keys.iter().map(|key| key.path.len() + key.default.len()).max().unwrap_or(0);
    for Key { path, takes, default, doc } in keys {
        let padding = " ".repeat(width - path.len() - default.len());
        writeln!(out, "      {path}: {default}{padding}  # {takes}: {doc}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_keys_is_what_the_code_reads() {
        let page = include_str!("../../../docs/configuration.md");
        let receivers = COMPONENTS.receivers.iter().map(|factory| Section::describe(factory.configure));
        let processors = COMPONENTS.processors.iter().map(|factory| Section::describe(factory.configure));
        let exporters = COMPONENTS.exporters.iter().map(|factory| Section::describe(factory.configure));
        let extensions = COMPONENTS.extensions.iter().map(|factory| Section::describe(factory.configure));
        for Key { path, takes, default, doc } in
            receivers.chain(processors).chain(exporters).chain(extensions).flatten()
        {
            let row = format!("| `{path}` | `{default}` | {takes} | {doc} |");
            assert!(page.contains(&row), "docs/configuration.md lacks: {row}");
        }
    }
}
