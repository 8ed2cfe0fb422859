//! `/reports`: the market's reports. `/report/NAME`: one of them, filled in as known on the day chosen above.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_run::alerts::read_alerts;
use crowsnest_run::watch::watch_lists;
use serde::Serialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::page::Page;
use crate::reports::pdf::Paper;
use crate::reports::{self, Audience, Report as Filled, ReportRequest, to_html};
use crate::request::PageRequest;
use crate::words::say;

/// So many characters of a moment's text say its minute, and its day.
const MINUTE: usize = "2025-02-01T12:00".len();
const DAY: usize = "2025-02-01".len();

pub(crate) struct Reports;
pub(crate) struct Report;

#[derive(Debug, Serialize)]
struct Name {
    report: String,
}

#[async_trait]
impl Page for Reports {
    /// Files are not the lake's.
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let names = reports::reports(request.lake.market())?;
        let rows: Vec<Name> = names.into_iter().map(|report| Name { report }).collect();
        Ok(own_rows::answer(&[("report", Holds::Text)], &rows)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "reports.title"));
        let names = reports::reports(request.lake.market())?;
        let link = |name: String| (page.link(&format!("/report/{}", encoded(&name))), name);
        let view = ReportsView { reports: names.into_iter().map(link).collect(), page: &page };
        Ok(view.render()?)
    }
}

fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

#[derive(Debug, Serialize)]
struct Row {
    report: String,
    title: String,
    as_of: Option<String>,
    markdown: String,
    problems: String,
}

const FIELDS: &[(&str, Holds)] = &[
    ("report", Holds::Text),
    ("title", Holds::Text),
    ("as_of", Holds::Text),
    ("markdown", Holds::Text),
    ("problems", Holds::Text),
];

#[async_trait]
impl Page for Report {
    /// On its files, and on when it is: what happened of late is told by the minute, as digests are, the rest by the day.
    fn also_depends_on(&self, request: &PageRequest) -> Option<String> {
        let market = request.lake.market();
        let template = reports::template(market, &request.parameter).ok()?;
        let lists = watch_lists(market).ok()?;
        let address = pages_address(request).ok()?;
        let now = jiff::Timestamp::now().to_string();
        let until = if template.contains(reports::TELLS_OF_LATE) { MINUTE } else { DAY };
        let moment = if request.as_of.is_some() { "" } else { now.get(..until)? };
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&template);
        Some(format!(" report {hash:x} {lists:?} {address:?} {moment}"))
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let filled = filled(request, None).await?;
        let row = Row {
            report: filled.name,
            title: filled.title,
            as_of: filled.as_of,
            markdown: filled.markdown,
            problems: filled.problems.join("\n"),
        };
        Ok(own_rows::answer(FIELDS, &[row])?)
    }

    async fn paper(&self, request: &PageRequest) -> Result<Option<Paper>, ServeError> {
        let base_url = pages_address(request)?;
        let filled = filled(request, Some(base_url.clone())).await?;
        Ok(Some(filled.paper(request.language, Some(&base_url))))
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let filled = filled(request, None).await?;
        let page = Frame::new(request, filled.title.clone()).with_paper();
        // The report was made HTML by us: everything in it is escaped.
        let view = ReportView { body: to_html(&filled.markdown), problems: filled.problems, page: &page };
        Ok(view.render()?)
    }
}

/// Where the pages are, for documents that leave them: as `alerts.toml` says, or as they were asked for.
pub(crate) fn pages_address(request: &PageRequest) -> Result<String, ServeError> {
    let said = read_alerts(request.lake.market())?.and_then(|file| file.base_url);
    Ok(said.unwrap_or_else(|| request.site_address.clone()))
}

async fn filled(request: &PageRequest, base_url: Option<String>) -> Result<Filled, ServeError> {
    if !reports::reports(request.lake.market())?.contains(&request.parameter) {
        return Err(ServeError::NotFound(format!("/report/{}", request.parameter)));
    }
    let asked = ReportRequest {
        name: request.parameter.clone(),
        as_of: request.as_of_day.clone().zip(request.as_of),
        language: request.language,
        base_url,
        audience: if request.shared.is_shared { Audience::Others } else { Audience::Owner },
    };
    Ok(Box::pin(reports::report(&request.lake, &asked)).await?)
}

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsView<'a> {
    page: &'a Frame,
    reports: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportView<'a> {
    page: &'a Frame,
    body: String,
    problems: Vec<String>,
}
