//! `/review`: pairs of names that are unsure, side by side, with what speaks for and against each. Reading it changes
//! nothing; judging is for `crowsnest review`, which knows who judges.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::{Answer, Language};
use crowsnest_run::{Evidence, Side, open_questions};
use serde::Serialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::{say, say_word};

const N_PAIRS: usize = 20;
const N_PAIRS_MAX: usize = 200;

pub(crate) struct Review;

const FIELDS: &[(&str, Holds)] = &[
    ("left", Holds::Text),
    ("right", Holds::Text),
    ("kind", Holds::Text),
    ("left_entity", Holds::Text),
    ("right_entity", Holds::Text),
    ("probability", Holds::Number),
    ("verdict", Holds::Text),
    ("left_sources", Holds::Text),
    ("right_sources", Holds::Text),
    ("evidence", Holds::Text),
];

#[derive(Debug, Serialize)]
struct Row {
    left: String,
    right: String,
    kind: String,
    left_entity: String,
    right_entity: String,
    probability: f64,
    verdict: &'static str,
    left_sources: String,
    right_sources: String,
    evidence: String,
}

fn limit(request: &PageRequest) -> Result<usize, ServeError> {
    request.number("limit", N_PAIRS, N_PAIRS_MAX)
}

/// The pairs that this visitor may see: beyond this machine, without what sources that may not be passed on say.
async fn pairs(request: &PageRequest) -> Result<Vec<Evidence>, ServeError> {
    let mut pairs = open_questions(&request.lake, limit(request)?).await?;
    if request.shared.is_shared {
        let kept_back = &request.shared.kept_back;
        for side in pairs.iter_mut().flat_map(|pair| [&mut pair.left, &mut pair.right]) {
            let n_before = side.sources.len();
            side.sources.retain(|source| !kept_back.contains(source));
            if side.sources.len() < n_before {
                (side.ids, side.developers, side.domains) = (Vec::new(), Vec::new(), Vec::new());
            }
        }
        pairs.retain(|pair| !pair.left.sources.is_empty() && !pair.right.sources.is_empty());
    }
    Ok(pairs)
}

fn row(pair: Evidence) -> Row {
    let reasons =
        pair.reasons.iter().map(|reason| format!("{:+.2} {}: {}", reason.weight, reason.comparison, reason.found));
    Row {
        evidence: reasons.collect::<Vec<_>>().join("; "),
        kind: pair.left.kind,
        left_sources: pair.left.sources.join(", "),
        right_sources: pair.right.sources.join(", "),
        left: pair.left.name,
        right: pair.right.name,
        left_entity: pair.left.entity,
        right_entity: pair.right.entity,
        probability: pair.probability,
        verdict: pair.verdict,
    }
}

#[async_trait]
impl Page for Review {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let pairs = pairs(request).await?;
        Ok(own_rows::answer(FIELDS, &pairs.into_iter().map(row).collect::<Vec<_>>())?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "review.title"));
        let pairs = pairs(request).await?;
        let pairs = pairs.into_iter().map(|pair| Pair::new(pair, request.language, &page)).collect();
        Ok(ReviewView { page: &page, pairs }.render()?)
    }
}

struct Pair {
    left: SideView,
    right: SideView,
    probability: String,
    reasons: Vec<(String, String)>,
}

struct SideView {
    name: String,
    link: String,
    kind: String,
    sources: String,
    ids: String,
    developers: String,
    domains: String,
}

impl SideView {
    fn new(side: Side, language: Language, page: &Frame) -> Self {
        let folder = if side.kind == "company" { "company" } else { "product" };
        Self {
            link: page.link(&format!("/{folder}/{}", side.entity)),
            kind: say_word(language, "kind", &side.kind),
            sources: side.sources.join(", "),
            ids: side.ids.join(", "),
            developers: side.developers.join(", "),
            domains: side.domains.join(", "),
            name: side.name,
        }
    }
}

impl Pair {
    fn new(pair: Evidence, language: Language, page: &Frame) -> Self {
        let reasons = pair.reasons.iter();
        let reasons = reasons
            .map(|reason| (format!("{:+.2}", reason.weight), format!("{}: {}", reason.comparison, reason.found)));
        Self {
            reasons: reasons.collect(),
            probability: format!("{:.0} %", pair.probability * 100.0),
            left: SideView::new(pair.left, language, page),
            right: SideView::new(pair.right, language, page),
        }
    }
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewView<'a> {
    page: &'a Frame,
    pairs: Vec<Pair>,
}
