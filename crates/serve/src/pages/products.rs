//! `/products`: everything with a name in the market, and search in any script, by pinyin or by initials.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, ProductsQuestion};
use futures::FutureExt as _;

use crate::ServeError;
use crate::frame::{Choice, Frame};
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::{EntityLine, EntityRow};
use crate::words::{say, say_with};

const N_ROWS: usize = 50;
const N_ROWS_MAX: usize = 10_000;

pub(crate) struct Products;

#[async_trait]
impl Page for Products {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request, request.number("limit", N_ROWS, N_ROWS_MAX)?).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let limit = request.number("limit", N_ROWS, 500)?;
        let offset = request.number("offset", 0, 10_000_000)?;
        // One more than shown tells whether there is a next page.
        let answer = ask(request, limit + 1).await?;
        let mut rows: Vec<EntityRow> = answer.rows_as()?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let page = Frame::new(request, say(request.language, "products.title")).with_notes(&answer.notes);
        let step = |offset: usize| request.same_page_with(&[("offset", &offset.to_string())]);
        let view = ProductsView {
            lines: rows.iter().map(|row| EntityLine::new(row, &page)).collect(),
            page: &page,
            search: request.get("search").unwrap_or_default(),
            kinds: kinds(request),
            kind: request.get("kind").unwrap_or_default(),
            previous: if offset > 0 { step(offset.saturating_sub(limit)) } else { String::new() },
            next: if has_more { step(offset + limit) } else { String::new() },
            found: if has_more {
                say_with(request.language, "search.first", &rows.len().to_string())
            } else {
                say_with(request.language, "search.found", &(offset + rows.len()).to_string())
            },
        };
        Ok(view.render()?)
    }
}

async fn ask(request: &PageRequest, limit: usize) -> Result<Answer, ServeError> {
    let question = ProductsQuestion {
        search: request.text("search"),
        kind: request.text("kind"),
        limit: Some(limit),
        offset: Some(request.number("offset", 0, 10_000_000)?),
        as_of: request.as_of,
        language: request.question_language(),
    };
    if question.search.is_some() {
        return request.ask(questions::products(&request.lake, &question)).await;
    }
    // All there are: that goes through every claim, once for all languages.
    let question = ProductsQuestion { language: None, ..question };
    let asked = request.ask_once(question, |lake, question| questions::products(lake, question).boxed());
    Ok(request.in_own_language(asked.await?)?)
}

fn kinds(request: &PageRequest) -> Vec<Choice> {
    let kinds = [
        ("", "kind.all"),
        ("product", "kind.product.plural"),
        ("company", "kind.company.plural"),
        ("segment", "kind.segment.plural"),
    ];
    kinds
        .into_iter()
        .map(|(value, key)| Choice {
            label: say(request.language, key).to_owned(),
            value: value.to_owned(),
            address: request.same_page_with(&[("kind", value), ("offset", "")]),
            is_current: request.get("kind").unwrap_or_default() == value,
        })
        .collect()
}

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsView<'a> {
    page: &'a Frame,
    lines: Vec<EntityLine>,
    search: &'a str,
    kinds: Vec<Choice>,
    kind: &'a str,
    previous: String,
    next: String,
    found: String,
}
