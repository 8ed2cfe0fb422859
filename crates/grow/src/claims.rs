//! A history from claims of the market: own figures that were imported like any others.
//!
//! A claim of the spend metric of a product whose segment is a channel's name is that channel's spend; the outcome is the
//! outcome metric of all segments. Controls come from `controls.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crowsnest_lake::sql::{listed, quoted};
use crowsnest_lake::{Answer, Lake};
use jiff::civil::Date;

use crate::error::GrowError;
use crate::history::History;
use crate::reading::{Row, Rows, history};
use crate::settings::{GrowFile, HistorySettings};

#[derive(Debug, serde::Deserialize)]
struct Figure {
    name: String,
    metric: String,
    segment: String,
    day: String,
    value: f64,
}

/// Reads what the file asks for.
pub(crate) async fn read(lake: &Lake, file: &GrowFile) -> Result<Result<History, Vec<String>>, GrowError> {
    let settings = &file.history;
    if settings.products.is_empty() {
        return Ok(Err(vec!["name the `products` of [history] whose claims are meant".to_owned()]));
    }
    let default = || settings.spend.clone().unwrap_or_else(|| "spend".to_owned());
    let spend_of: Vec<String> = file.channels.iter().map(|own| own.spend.clone().unwrap_or_else(default)).collect();
    let mut metrics: Vec<&str> = vec![&settings.outcome];
    metrics.extend(spend_of.iter().map(String::as_str));
    metrics.extend(file.channels.iter().filter_map(|own| own.exposure.as_deref()));
    let names = settings.products.iter().map(String::as_str);
    let figures = figures(lake, &metrics, names, settings.grain.as_deref()).await?;
    let (mut rows, mut unsaid) = (Rows::new(), Vec::new());
    for product in &settings.products {
        let of_product = rows.entry(product.clone()).or_default();
        let mut said = vec![BTreeSet::new(); file.channels.len()];
        for figure in figures.iter().filter(|figure| figure.name == *product) {
            let Ok(day) = figure.day.parse::<Date>() else { continue };
            take(figure, file, &spend_of, of_product.entry(day).or_insert_with(|| empty(file)));
            for (at, channel) in file.channels.iter().enumerate() {
                if channel.name == figure.segment && spend_of[at] == figure.metric {
                    said[at].insert(day);
                }
            }
        }
        for ((channel, metric), said) in file.channels.iter().zip(&spend_of).zip(&said) {
            let (n, n_unsaid) = (of_product.len(), of_product.len() - said.len());
            if n_unsaid > 0 {
                let name = &channel.name;
                unsaid.push(format!(
                    "{name}: {n_unsaid} of {n} periods of {product} have no claim of {metric}: they count as 0"
                ));
            }
        }
    }
    if settings.products.len() == 1 {
        rows = rows.into_values().map(|days| (String::new(), days)).collect::<BTreeMap<_, _>>();
    }
    let without_controls = HistorySettings { controls: Vec::new(), ..settings.clone() };
    Ok(history(rows, &without_controls, &file.channels).map(|mut read| {
        read.notes.extend(unsaid);
        read
    }))
}

fn empty(file: &GrowFile) -> Row {
    let n = file.channels.len();
    Row { spend: vec![0.0; n], exposure: vec![0.0; n], ..Row::default() }
}

fn take(figure: &Figure, file: &GrowFile, spend_of: &[String], row: &mut Row) {
    if figure.metric == file.history.outcome && figure.segment.is_empty() {
        row.outcome = Some(figure.value);
    }
    for (at, channel) in file.channels.iter().enumerate().filter(|(_, channel)| channel.name == figure.segment) {
        if figure.metric == spend_of[at] {
            row.spend[at] = figure.value;
            if channel.exposure.is_none() {
                row.exposure[at] = figure.value;
            }
        }
        if channel.exposure.as_deref() == Some(figure.metric.as_str()) {
            row.exposure[at] = figure.value;
        }
    }
}

/// One figure for each product, metric, segment and period: the claim in force that was known last.
async fn figures<'a>(
    lake: &Lake,
    metrics: &[&str],
    names: impl Iterator<Item = &'a str>,
    grain: Option<&str>,
) -> Result<Vec<Figure>, GrowError> {
    let identity = lake.identity();
    let mut figures = Vec::new();
    for name in names {
        let entity = identity.find(name, None)?.hex();
        let days = match grain {
            Some("month") => "28 AND 31",
            Some("day") => "1 AND 1",
            _ => "7 AND 7",
        };
        let sql = format!(
            "SELECT {} AS name, metric, segment, day, last_value(value ORDER BY known_at) AS value FROM ( \
               SELECT c.metric, coalesce(nullif(c.segment, 'all'), '') AS segment, CAST(c.period_start AS VARCHAR) AS day, c.value, c.known_at \
               FROM claims_in_force c JOIN identities i ON c.mention_id = i.mention_id JOIN entities e ON i.entity_id = e.entity_id \
               WHERE e.entity = {} AND c.metric IN ({}) AND c.value IS NOT NULL \
                 AND CAST(c.period_end AS INT) - CAST(c.period_start AS INT) BETWEEN {days}) \
             GROUP BY metric, segment, day",
            quoted(name),
            quoted(&entity),
            listed(metrics)
        );
        for batch in lake.query(&sql).await? {
            figures.extend(Answer::of_rows(batch).rows_as::<Figure>()?);
        }
    }
    Ok(figures)
}
