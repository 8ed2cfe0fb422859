//! `/review`: pairs of names that are unsure, side by side, with what speaks for and against each in words; for editors,
//! forms to say what they are. The first is asked about, those after it wait below; what is skipped stands in the address.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::people::Role;
use crowsnest_lake::{Answer, Language};
use crowsnest_run::{Evidence, Side, open_questions};
use serde::Serialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::{say, say_word};

const N_PAIRS: usize = 10;
const N_PAIRS_MAX: usize = 200;
const N_SKIPPED_MAX: usize = 10_000;
/// What this person did last, for those who wonder what "take back" will take back.
const N_LATEST: usize = 3;

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
    let n_skipped = request.number("skip", 0, N_SKIPPED_MAX)?;
    let mut pairs = open_questions(&request.lake, limit(request)? + n_skipped).await?;
    pairs.drain(..n_skipped.min(pairs.len()));
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

    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let language = request.language;
        let page = Frame::new(request, say(language, "review.title"));
        let pairs: Vec<Pair> = pairs(request).await?.into_iter().map(|pair| Pair::new(pair, language, &page)).collect();
        let caller = &request.caller;
        let may_judge = caller.role >= Role::Editor && request.as_of.is_none() && !request.form_token.is_empty();
        let skip = request.number("skip", 0, N_SKIPPED_MAX)?;
        let latest = if may_judge { latest(request)? } else { Vec::new() };
        let view = ReviewView {
            next: request.same_page_with(&[("skip", &(skip + 1).to_string()), ("did", "")]),
            from_first: if skip > 0 { request.same_page_with(&[("skip", ""), ("did", "")]) } else { String::new() },
            did: did(request),
            skip,
            may_judge,
            latest,
            pairs,
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// What was done a moment ago, in words.
fn did(request: &PageRequest) -> &'static str {
    let key = match request.get("did") {
        Some("same") => "did.same",
        Some("different") => "did.different",
        Some("unsure") => "did.unsure",
        Some("undone") => "did.undone",
        Some("nothing") => "did.nothing",
        _ => return "",
    };
    crate::words::find(request.language, key).unwrap_or_default()
}

/// What this person decided last.
fn latest(request: &PageRequest) -> Result<Vec<String>, ServeError> {
    let lines = request.lake.state().audit_lines(Some(&request.caller.name), 50)?;
    let decided = ["judge", "merge", "split", "rename", "own", "undo"];
    let own = lines.into_iter().filter(|line| decided.contains(&line.action.as_str()));
    Ok(own.take(N_LATEST).map(|line| line.what).collect())
}

struct Pair {
    left: SideView,
    right: SideView,
    probability: String,
    reasons: Vec<Reason>,
}

/// One comparison of the two: what was found, and how much it says.
struct Reason {
    weight: String,
    words: String,
    speaks: &'static str,
}

struct SideView {
    mention: i64,
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
            mention: side.mention,
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
        let reasons = pair.reasons.iter().map(|reason| Reason {
            weight: format!("{:+.2}", reason.weight),
            words: format!("{}: {}", reason.comparison, reason.found),
            speaks: if reason.weight >= 0.0 { "for" } else { "against" },
        });
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
    may_judge: bool,
    skip: usize,
    next: String,
    from_first: String,
    did: &'static str,
    latest: Vec<String>,
}
