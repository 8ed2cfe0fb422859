//! `crowsnest source add`: write a source's file; what is not given is asked for where there is somebody to ask.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use crowsnest_lake::{Market, SourceCard, files};
use crowsnest_run::connector::{Class, Entry};

use super::connectors::known;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::print;

/// Write a source's file
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Name of the file, for example `npm`; lower case letters, digits, hyphens
    file: String,
    /// The connector
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// The source as its claims are to name it; the connector's title if not given
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// An option of the connector, NAME=VALUE; lists with commas between. May be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// When it is fetched, as five cron fields; what suits most if not given, `-` for never
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// Time zone of the schedule
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    time_zone: String,
    /// Who in the team looks after it
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// Ask nothing, even where there is somebody to ask
    #[arg(long)]
    no_questions: bool,
}

impl Add {
    pub(super) fn run(self, context: &Context) -> Result<Done, Failure> {
        let market = context.market()?;
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
        if self.file.is_empty() || !self.file.chars().all(is_name) {
            let message = format!("{:?} is no name for a file of a source", self.file);
            return Err(Failure::users(message, "use lower case letters, digits, hyphens and underscores"));
        }
        let path = market.dir.join("sources").join(format!("{}.toml", self.file));
        if path.exists() {
            let message = format!("{} is there already", path.display());
            return Err(Failure::users(message, "edit it, or choose another name"));
        }
        let may_ask = !self.no_questions && std::io::stdin().is_terminal();
        let connector = match (&self.connector, may_ask) {
            (Some(name), _) => name.clone(),
            (None, true) => ask("connector (see `crowsnest source connectors`)", "http_json")?,
            (None, false) => {
                return Err(Failure::users("no connector is given", "name one with --connector NAME"));
            }
        };
        let entry = known(&connector)?;
        let options = self.options(entry, may_ask)?;
        let text = self.text(entry, &options)?;
        let card: SourceCard = toml::from_str(&text).map_err(|error| {
            Failure::users(format!("what was given makes no file of a source: {error}"), "see the connector's options")
        })?;
        let relative = path.strip_prefix(&market.dir).map_or_else(|_| path.clone(), std::path::Path::to_path_buf);
        check(&SourceCard { path: relative, ..card }, &market, entry)?;
        files::create_folder(&market.dir.join("sources"))?;
        files::write_whole(&path, text.as_bytes())?;
        print::line(&format!("wrote {}", path.display()))?;
        print::line(&format!("try it: crowsnest source test {}", self.file))?;
        Ok(Done::Well)
    }

    fn options(&self, entry: &Entry, may_ask: bool) -> Result<toml::Table, Failure> {
        let mut options = toml::Table::new();
        let kinds = entry.options();
        for pair in &self.set {
            let Some((name, text)) = pair.split_once('=') else {
                return Err(Failure::users(format!("--set {pair:?} is not NAME=VALUE"), "write --set packages=openai"));
            };
            let kind = kinds.iter().find(|option| option.name == name).map_or("text", |option| option.kind.as_str());
            options.insert(name.to_owned(), value_of(text, kind));
        }
        for option in kinds.iter().filter(|option| option.is_required) {
            if options.contains_key(&option.name) {
                continue;
            }
            if !may_ask {
                let message =
                    format!("option {} ({}) of connector {} is missing", option.name, option.kind, entry.spec.name);
                return Err(Failure::users(message, format!("give --set {}=…: {}", option.name, option.doc)));
            }
            let text = ask(&format!("{} ({}): {}", option.name, option.kind, option.doc), "")?;
            options.insert(option.name.clone(), value_of(&text, &option.kind));
        }
        Ok(options)
    }

    fn text(&self, entry: &Entry, options: &toml::Table) -> Result<String, Failure> {
        let spec = entry.spec;
        let mut text = format!("# {}\n# All settings: crowsnest source connectors {}\n", spec.doc, spec.name);
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("{name} = {}\n", toml::Value::from(value)));
            }
        };
        put("name", self.name.as_deref().unwrap_or(spec.title));
        // Of what reads any interface, terms and homepage are not those of what it reads.
        let is_generic = spec.class == Class::Generic;
        if !is_generic {
            put("homepage", spec.homepage);
            put("licence", spec.licence);
            put("price", spec.price);
        }
        put("owner", self.owner.as_deref().unwrap_or_default());
        if is_generic {
            text.push_str("# What you know of it: homepage, licence, price, note.\n");
        }
        text.push_str(&format!("redistribute = {}\n\n[collect]\nconnector = \"{}\"\n", spec.redistribute, spec.name));
        let schedule = self.schedule.as_deref().unwrap_or(spec.schedule);
        if schedule != "-" {
            let (schedule, zone) = (toml::Value::from(schedule), toml::Value::from(self.time_zone.as_str()));
            text.push_str(&format!("schedule = {schedule}\ntime_zone = {zone}\n"));
        }
        let options = toml::Table::from_iter([("options".to_owned(), toml::Value::from(options.clone()))]);
        let options = toml::to_string(&options).map_err(|error| Failure::ours("writing a source's file", error))?;
        text.push_str(&format!("\n{options}"));
        if spec.needs_map {
            text.push_str(
                "\n# How a record becomes a claim; `crowsnest source test` shows what is missing.\n[map.columns]\n",
            );
            text.push_str("# subject = \"name\"\n# value = \"users\"\n\n[map.constants]\n# metric = \"mau\"\n");
        }
        Ok(text)
    }
}

/// Everything but a mapping that is still to be written.
fn check(card: &SourceCard, market: &Market, entry: &Entry) -> Result<(), Failure> {
    match crowsnest_run::ready(card, market) {
        Err(_) if entry.spec.needs_map && entry.configure(&card.options).is_ok() => Ok(()),
        checked => Ok(checked?),
    }
}

/// A text as an option of a kind.
fn value_of(text: &str, kind: &str) -> toml::Value {
    if kind.starts_with("list") {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let inner = kind.trim_start_matches("list of ");
        return toml::Value::Array(parts.map(|part| value_of(part, inner)).collect());
    }
    let number = || text.trim().parse().map(toml::Value::Integer).ok();
    let fraction = || text.trim().parse().map(toml::Value::Float).ok();
    let truth = || text.trim().parse().map(toml::Value::Boolean).ok();
    let found = match kind {
        "whole number" => number(),
        "number" => fraction(),
        "true or false" => truth(),
        _ => None,
    };
    found.unwrap_or_else(|| text.into())
}

fn ask(question: &str, default: &str) -> Result<String, Failure> {
    let shown = if default.is_empty() { format!("{question}: ") } else { format!("{question} [{default}]: ") };
    print::question(&shown);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|source| Failure::Output { source })?;
    let given = line.trim();
    Ok(if given.is_empty() { default.to_owned() } else { given.to_owned() })
}
