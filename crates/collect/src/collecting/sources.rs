//! A source that is ready to run: its file, checked, with its connector, mapping, secrets and limits.

use std::time::Duration;

use crowsnest_lake::{Market, SourceCard, SourceCollect, files};

use crate::connector::{Configured, Entry, Via};
use crate::fetch::{Limits, Secrets};
use crate::import::of_preset;
use crate::mapping::Mapping;
use crate::{ImportError, Result, connectors};

/// A source, ready.
pub(crate) struct Source {
    pub(crate) card: SourceCard,
    pub(crate) collect: SourceCollect,
    pub(crate) entry: &'static Entry,
    pub(crate) configured: Box<dyn Configured>,
    /// Without a recipe.
    pub(crate) mapping: Mapping,
    pub(crate) limits: Limits,
}

impl Source {
    /// Checks a source's file.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as it can be seen at once.
    pub(crate) fn of(card: &SourceCard, market: &Market) -> Result<Self> {
        let fault = |message: String, hint: &str| ImportError::Source {
            name: card.name.clone(),
            message: format!("{}: {message}", card.path.display()),
            hint: hint.to_owned(),
        };
        let Some(collect) = card.collect.clone() else {
            return Err(fault("it has no [collect] part".into(), "add one, or import its files by hand"));
        };
        let Some(entry) = connectors::connector(&collect.connector) else {
            let names: Vec<&str> = connectors::CONNECTORS.iter().map(|entry| entry.spec.name).collect();
            let message =
                format!("there is no connector {:?}: expected one of {}", collect.connector, names.join(", "));
            return Err(fault(message, "see `crowsnest source connectors`"));
        };
        let configured = entry
            .configure(&card.options)
            .map_err(|message| fault(message, &format!("see `crowsnest source connectors {}`", entry.spec.name)))?;
        let mapping = mapping_of(card, &collect, entry, market)?;
        for (name, text) in [("schedule", &collect.schedule), ("start", &collect.start)] {
            let Some(text) = text else { continue };
            let is_right = match name {
                "start" => text.parse::<jiff::civil::Date>().is_ok(),
                _ => schedule_of(text, &collect.time_zone).is_ok(),
            };
            if !is_right {
                let message = match name {
                    "start" => format!("start {text:?} is not a day such as \"2024-01-01\""),
                    _ => schedule_of(text, &collect.time_zone).err().unwrap_or_default(),
                };
                return Err(fault(message, "correct it in [collect]"));
            }
        }
        let limits = limits_of(&collect, entry);
        Ok(Self { card: card.clone(), collect, entry, configured, mapping, limits })
    }

    /// The secrets that its options and a request name.
    ///
    /// # Errors
    /// The name of one that is not set.
    pub(crate) fn secrets(&self, via: &Via, market: &Market) -> Result<Secrets, String> {
        let mut texts = Vec::new();
        match via {
            Via::Http(http) => {
                texts.push(http.url.clone());
                texts.extend(http.headers.iter().map(|(_, value)| value.clone()));
                texts.extend(http.body.clone());
                if let Some(oauth2) = &http.oauth2 {
                    texts.extend([oauth2.client_id.clone(), oauth2.client_secret.clone()]);
                }
            }
            Via::Sql { database, .. } => texts.push(database.clone()),
            Via::Files { .. } | Via::Table { .. } => {}
        }
        Secrets::of(market, &texts)
    }

    /// The currency of its costs.
    pub(crate) fn currency(&self, market: &Market) -> String {
        self.card.cost.currency.clone().unwrap_or_else(|| market.config.currency.clone())
    }
}

/// Whether a source's file can be run; what is wrong with it if not.
///
/// # Errors
/// [`ImportError::Source`], [`ImportError::Mapping`].
pub fn ready(card: &SourceCard, market: &Market) -> Result<()> {
    Source::of(card, market).map(|_| ())
}

/// When a schedule next comes round.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn schedule_of(schedule: &str, time_zone: &str) -> Result<cronexpr::Crontab, String> {
    cronexpr::parse_crontab(&format!("{schedule} {time_zone}")).map_err(|error| {
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        format!("schedule {schedule:?} in time zone {time_zone:?} cannot be read: {first}")
    })
}

fn mapping_of(card: &SourceCard, collect: &SourceCollect, entry: &Entry, market: &Market) -> Result<Mapping> {
    let path = card.path.display().to_string();
    let mapping = match &collect.map {
        None if collect.preset.is_some() => of_preset(collect.preset.as_deref().unwrap_or_default())?.0,
        Some(file) => {
            let path = market.dir.join(file);
            Mapping::parse(&path.display().to_string(), &files::read_text(&path)?)?
        }
        None if card.map.is_empty() => Mapping::lake_names(),
        None => {
            let text = toml::to_string(&card.map)
                .map_err(|error| ImportError::Mapping { name: path.clone(), faults: vec![error.to_string()] })?;
            Mapping::parse(&format!("{path}, [map]"), &text)?
        }
    };
    if !entry.spec.needs_map && !mapping.is_lake_names() {
        let faults = vec![format!("connector {} gives records by the lake's names: leave [map] out", entry.spec.name)];
        return Err(ImportError::Mapping { name: path, faults });
    }
    Ok(mapping)
}

fn limits_of(collect: &SourceCollect, entry: &Entry) -> Limits {
    let per_minute = collect.requests_per_minute.unwrap_or(entry.spec.requests_per_minute);
    let interval = if per_minute > 0.0 { Duration::from_secs_f64(60.0 / per_minute) } else { Duration::ZERO };
    Limits {
        allows_private: collect.allow_private_addresses,
        timeout: Duration::from_secs(collect.timeout_seconds.max(1)),
        n_bytes_max: collect.response_mib_max.max(1) << 20,
        retry_max: collect.retry_max,
        interval,
        obeys_robots: entry.spec.is_crawler || collect.obey_robots,
    }
}
