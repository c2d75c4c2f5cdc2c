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
    for Key { path, takes, default, doc, .. } in &keys {
        let padding = " ".repeat(width - path.len() - default.len());
        writeln!(out, "      {path}: {default}{padding}  # {takes}: {doc}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn rows<T>(factories: &[&Factory<T>], into: &mut BTreeMap<&str, Vec<String>>) {
        for factory in factories {
            let keys = Section::describe(factory.configure);
            let row =
                |Key { path, default, takes, doc, .. }: &Key| format!("| `{path}` | `{default}` | {takes} | {doc} |");
            if !keys.is_empty() {
                into.insert(factory.component_type, keys.iter().map(row).collect());
            }
        }
    }

    #[test]
    fn the_tables_of_the_page_are_what_the_code_reads_and_nothing_more() {
        let page = include_str!("../../../docs/configuration.md");
        let table = |section: &str| -> Vec<String> {
            let rows = section.split("| key | default | takes | meaning |\n|---|---|---|---|\n").nth(1);
            let rows = rows.unwrap_or_default().lines().take_while(|line| line.starts_with('|'));
            rows.map(str::to_owned).collect()
        };
        let sections =
            page.split("\n### ").skip(1).map(|section| (section.lines().next().unwrap_or_default(), table(section)));
        let told: BTreeMap<&str, Vec<String>> = sections.filter(|(_, rows)| !rows.is_empty()).collect();
        let mut wanted = BTreeMap::new();
        rows(COMPONENTS.receivers, &mut wanted);
        rows(COMPONENTS.processors, &mut wanted);
        rows(COMPONENTS.exporters, &mut wanted);
        rows(COMPONENTS.connectors, &mut wanted);
        rows(COMPONENTS.extensions, &mut wanted);
        assert_eq!(told, wanted, "docs/configuration.md, until `make docs`");
    }
}
