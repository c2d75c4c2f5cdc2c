//! `tfo-agent components`: what there is, with every key, its default and its meaning.

use std::io::{self, Write};
use std::process::ExitCode;

use component::config::{Key, Section};
use component::{Factory, Stability};

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
    section(out, "receivers", COMPONENTS.receivers)?;
    section(out, "processors", COMPONENTS.processors)?;
    section(out, "exporters", COMPONENTS.exporters)?;
    section(out, "connectors", COMPONENTS.connectors)?;
    section(out, "extensions", COMPONENTS.extensions)?;
    out.flush()
}

fn section<T>(out: &mut dyn Write, heading: &str, factories: &[&Factory<T>]) -> io::Result<()> {
    writeln!(out, "{heading}:")?;
    factories.iter().try_for_each(|factory| entry(out, factory))
}

fn entry<T>(out: &mut dyn Write, factory: &Factory<T>) -> io::Result<()> {
    let keys = Section::describe(factory.configure);
    let stability = match factory.stability {
        Stability::Alpha => "alpha",
        Stability::Beta => "beta",
        Stability::Stable => "stable",
    };
    writeln!(out, "  - name: {}", factory.component_type)?;
    if let Some(alias) = factory.alias {
        writeln!(out, "    alias: {alias}")?;
    }
    writeln!(out, "    stability: {stability}")?;
    writeln!(out, "    summary: {:?}", factory.summary)?;
    writeln!(out, "    keys:")?;
    let width = keys.iter().map(|key| key.path.len() + key.default.len()).max().unwrap_or(0);
    for Key { path, takes, default, doc } in &keys {
        let padding = " ".repeat(width - path.len() - default.len());
        writeln!(out, "      {path}: {default}{padding}  # {takes}: {doc}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of<T>(factories: &[&Factory<T>]) -> Vec<Key> {
        factories.iter().flat_map(|factory| Section::describe(factory.configure)).collect()
    }

    #[test]
    fn the_page_of_keys_is_what_the_code_reads() {
        let page = include_str!("../../../docs/configuration.md");
        let mut keys = keys_of(COMPONENTS.receivers);
        keys.extend(keys_of(COMPONENTS.processors));
        keys.extend(keys_of(COMPONENTS.exporters));
        keys.extend(keys_of(COMPONENTS.extensions));
        for Key { path, takes, default, doc } in keys {
            let row = format!("| `{path}` | `{default}` | {takes} | {doc} |");
            assert!(page.contains(&row), "docs/configuration.md lacks: {row}");
        }
    }
}
