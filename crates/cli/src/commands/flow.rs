//! `flow`, `completions` and `reference`: what the program is made of.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use crowsnest_run::FLOW;

use crate::args::{Arguments, Global};
use crate::failure::Failure;
use crate::print;

/// `flow`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest flow\n  crowsnest flow --format json")]
pub(crate) struct Flow {}

impl Flow {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let list = |names: &[&str]| if names.is_empty() { "-".to_owned() } else { names.join(", ") };
        let mut text = vec!["step      reads                 writes".to_owned()];
        for step in FLOW {
            text.push(format!("{:<9} {:<21} {:<40} {}", step.name, list(step.reads), list(step.writes), step.doc));
        }
        print::value(global, &FLOW, &text.join("\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  crowsnest completions bash > /etc/bash_completion.d/crowsnest")]
pub(crate) struct Completions {
    /// Shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "crowsnest", &mut script);
        print::out_bytes(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `reference`.
#[derive(Debug, Args)]
pub(crate) struct Reference {
    /// commands, metrics, tables or sql
    page: String,
}

impl Reference {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let text = match self.page.as_str() {
            "commands" => commands(),
            "metrics" => metrics(),
            "tables" => tables(),
            "sql" => sql(),
            other => return Err(Failure::users(format!("no reference page {other:?}"), None)),
        };
        print::out_bytes(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

const HEAD: &str = "<!-- Made by `./x reference` from the code; edit the code instead. -->\n";

fn commands() -> String {
    let mut text = format!("{HEAD}# Commands\n");
    let root = Arguments::command().term_width(100);
    let mut add = |name: String, command: &clap::Command| {
        let mut command = command.clone().bin_name(name.clone()).term_width(100);
        text.push_str(&format!("\n## `{name}`\n\n```text\n{}```\n", trimmed(&command.render_help().to_string())));
    };
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("crowsnest {}", command.get_name());
        add(name.clone(), command);
        for inner in command.get_subcommands() {
            add(format!("{name} {}", inner.get_name()), inner);
        }
    }
    text
}

/// Help without blanks at line ends.
fn trimmed(help: &str) -> String {
    help.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn metrics() -> String {
    let registry = crowsnest_model::MetricRegistry::built_in();
    let mut text = format!(
        "{HEAD}# Metrics\n\nThe built-in ones; a market adds its own in `metrics.toml`.\n\n\
         | id | English | 简体 | 繁體 | unit | kind | over time | lower is better | meaning |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    for metric in registry.iter() {
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} | {:?} | {:?} | {} | {} |\n",
            metric.id,
            metric.label_en,
            metric.label_zh_hans,
            metric.label_zh_hant,
            metric.unit,
            metric.kind,
            metric.over_time,
            if metric.lower_is_better { "yes" } else { "no" },
            metric.description
        ));
    }
    text
}

fn tables() -> String {
    let mut text = format!("{HEAD}# Tables\n\nDelta tables below `lake/`; views and functions are in [SQL](sql.md).\n");
    for table in crowsnest_model::tables::TABLES {
        text.push_str(&format!("\n## `{}`\n\n{}\n\n", table.name, table.doc));
        text.push_str(&format!("A row is known by {}.\n\n", table.unique_by.join(" and ")));
        text.push_str("| column | type | may be empty | meaning |\n|---|---|---|---|\n");
        for column in table.columns {
            let empty = if column.nullable { "yes" } else { "no" };
            text.push_str(&format!("| `{}` | {:?} | {empty} | {} |\n", column.name, column.column_type, column.doc));
        }
    }
    text
}

fn sql() -> String {
    let mut text = format!("{HEAD}# SQL\n\n## Views\n\n| view | what it is |\n|---|---|\n");
    for (name, doc, _) in crowsnest_lake::VIEWS {
        text.push_str(&format!("| `{name}` | {doc} |\n"));
    }
    text.push_str("| `entities` | products, companies and segments with their names and owners |\n");
    text.push_str("| `identities` | which entity each mention is |\n");
    text.push_str("\n## Functions\n\n| function | what it gives |\n|---|---|\n");
    for function in crowsnest_lake::functions::FUNCTIONS {
        let (call, doc) = function.doc.split_once("): ").unwrap_or((function.name, function.doc));
        text.push_str(&format!("| `{call})` | {doc} |\n"));
    }
    text.push_str("| `claim_ref(mention_id, claim_id)` | the claim's 32 hexadecimal digits |\n");
    text.push_str("| `entity_hex(entity_id)` | the entity's 16 hexadecimal digits |\n");
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn pages_are_made() {
        for text in [super::commands(), super::metrics(), super::tables(), super::sql()] {
            assert!(text.lines().count() > 10, "{text}");
        }
    }
}
