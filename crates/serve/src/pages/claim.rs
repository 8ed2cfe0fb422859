//! `/claim/{claim}`: why a number is what it is: everything any source has said of the same thing.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, ClaimsQuestion, WhyQuestion};

use super::metric_label;
use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::{ClaimLine, ClaimRow};

pub(crate) struct Claim;

#[async_trait]
impl Page for Claim {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let this = this_claim(request).await?;
        sayings(request, &this).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let this = this_claim(request).await?;
        let answer = sayings(request, &this).await?;
        let rows: Vec<ClaimRow> = answer.rows_as()?;
        let label = metric_label(request, &this.metric);
        let name = this.name.clone().unwrap_or_default();
        let period = numbers::period(&this.period, request.language);
        let page = Frame::new(request, format!("{name} · {label} · {period}")).with_notes(&answer.notes);
        let said = |row: &ClaimRow| {
            let is_this = row.claim == this.claim;
            ClaimLine { is_this, ..ClaimLine::new(row, &page, &label) }
        };
        let lines: Vec<ClaimLine> = rows.iter().map(said).collect();
        let document = this.document.clone().unwrap_or_default();
        let view = ClaimView {
            this: ClaimLine::new(&this, &page, &label),
            is_in_force: rows.iter().any(|row| row.claim == this.claim && row.in_force == Some(true)),
            unit: numbers::unit_label(&this.unit, request.language),
            document_link: match this.record {
                Some(record) => page.link(&format!("/document/{document}?record={record}")),
                None => page.link(&format!("/document/{document}")),
            },
            document: document.get(..12).unwrap_or_default().to_owned(),
            record: this.record.map(numbers::count).unwrap_or_default(),
            lines,
            page: &page,
        };
        Ok(view.render()?)
    }
}

async fn this_claim(request: &PageRequest) -> Result<ClaimRow, ServeError> {
    let not_here = || ServeError::NotFound(request.path.clone());
    if crowsnest_model::parse_claim_ref(&request.parameter).is_none() {
        return Err(not_here());
    }
    let question = ClaimsQuestion {
        claim: Some(request.parameter.clone()),
        limit: Some(1),
        language: request.question_language(),
        ..ClaimsQuestion::default()
    };
    let answer = match request.ask(questions::claims(&request.lake, &question)).await {
        Err(error) if error.is_bad_question() => return Err(not_here()),
        other => other?,
    };
    answer.rows_as::<ClaimRow>()?.into_iter().next().ok_or_else(not_here)
}

async fn sayings(request: &PageRequest, this: &ClaimRow) -> Result<Answer, ServeError> {
    let question = WhyQuestion {
        name: this.entity.clone().unwrap_or_default(),
        kind: None,
        metric: Some(this.metric.clone()),
        period: Some(this.period.clone()),
        as_of: request.as_of,
        language: request.question_language(),
        without_figures: false,
    };
    request.ask(questions::why(&request.lake, &question)).await
}

#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimView<'a> {
    page: &'a Frame,
    this: ClaimLine,
    is_in_force: bool,
    unit: String,
    document: String,
    document_link: String,
    record: String,
    lines: Vec<ClaimLine>,
}
