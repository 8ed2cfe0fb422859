//! `crowsnest report [NAME]`: a report of the market, filled in as known on any day.

use clap::Args;
use crowsnest_lake::LakeError;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_run::alerts::read_alerts;
use crowsnest_serve::reports::{Audience, ReportRequest, report, reports};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::output::{Layout, print_pdf, refuse_terminal};
use crate::print;
use crate::table::{Cell, Column, column};

/// Fill in a report of the market, as known on any day
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest report
  crowsnest report monthly --as-of 2026-03-01
  crowsnest report monthly --format pdf > monthly.pdf

A report is a file reports/NAME.md with figures in it, such as {{ figure \"Kimi\" mau 2024-12 }}. The same day gives the same
report. HTML is such as mail programs show. Links lead to `base_url` of alerts.toml. Exit code 2 where something could not be filled in.")]
pub(crate) struct Report {
    /// Name of the file in reports/, without .md; all are listed where left out
    name: Option<String>,
}

const COLUMNS: &[Column] = &[column("report", "report", Cell::Text)];

#[derive(Debug, Serialize)]
struct Named {
    report: String,
}

impl Report {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let Some(name) = self.name else {
            let names = reports(&context.market()?)?;
            let rows: Vec<Named> = names.into_iter().map(|report| Named { report }).collect();
            let mut answer = own_rows::answer(&[("report", Holds::Text)], &rows)?;
            if rows.is_empty() {
                answer.notes.push("this market has no reports: write reports/NAME.md".to_owned());
            }
            context.print(&answer, Layout::of(COLUMNS))?;
            return Ok(Done::Well);
        };
        let lake = context.lake().await?;
        let language = context.language().unwrap_or(lake.market().config.language);
        if context.format() == Format::Pdf {
            refuse_terminal("pdf")?;
        }
        let day = context.global.as_of.as_ref().map(|day| day.trim().to_owned());
        let request = ReportRequest {
            name,
            as_of: day.zip(context.as_of()?),
            language,
            base_url: read_alerts(lake.market())?.and_then(|file| file.base_url),
            audience: Audience::Owner,
        };
        let filled = Box::pin(report(&lake, &request)).await?;
        match context.format() {
            Format::Pdf => print_pdf(context, filled.paper(language, request.base_url.as_deref())).await?,
            Format::Html => print::line(filled.html_page(language).trim_end())?,
            Format::Json => print::line(&serde_json::to_string(&filled).map_err(LakeError::from)?)?,
            _ => print::line(print::clean(&filled.markdown).trim_end())?,
        }
        filled.problems.iter().for_each(|problem| context.note(problem));
        Ok(if filled.problems.is_empty() { Done::Well } else { Done::WithRejects })
    }
}
