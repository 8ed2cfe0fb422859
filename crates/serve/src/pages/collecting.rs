//! `/collecting`: the runs of all sources as they happen, and what is not as it should be; the overview shows the latest.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::state::collecting::SourceRun;
use crowsnest_run::SourceState;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::runs::{self, RunLine};
use crate::words::{say, say_source};

/// Runs among which those are looked for that go on.
const N_RUNS_LOOKED_AT: usize = 200;
const N_RUNS: usize = 50;
const N_RUNS_MAX: usize = 5000;

pub(crate) struct Collecting;

/// A source that somebody should look at.
pub(crate) struct Concern {
    pub(crate) source: String,
    pub(crate) link: String,
    /// Documents in quarantine; empty where it is late.
    pub(crate) n: String,
}

/// What is collected at this moment, and how the latest runs ended.
pub(crate) struct CollectingNow {
    pub(crate) lines: Vec<RunLine>,
    pub(crate) late: Vec<Concern>,
    pub(crate) quarantine: Vec<Concern>,
    /// Where the same is to be had again.
    pub(crate) address: String,
    pub(crate) is_running: bool,
    /// Whether any source is collected at all.
    pub(crate) is_used: bool,
}

impl CollectingNow {
    /// Looks at the state; the runs that go on come first, then the latest, together `limit` of them.
    pub(crate) fn look(request: &PageRequest, page: &Frame, limit: usize) -> Result<Self, ServeError> {
        let now = jiff::Timestamp::now().as_microsecond();
        let runs = request.lake.state().source_runs(None, 0, limit.max(N_RUNS_LOOKED_AT))?;
        let states = crowsnest_run::collecting_states(&request.lake, now)?;
        let mut lines = runs::lines(&runs, page, now);
        // Keeps the order of each kind.
        lines.sort_by_key(|line| !line.is_running);
        lines.truncate(limit);
        let is_late = |state: &&SourceState| state.is_late;
        let has_quarantine = |state: &&SourceState| state.n_in_quarantine > 0;
        Ok(Self {
            is_running: lines.iter().any(|line| line.is_running),
            is_used: !states.is_empty() || !runs.is_empty(),
            late: states.iter().filter(is_late).map(|state| concern(state, page, String::new())).collect(),
            quarantine: states
                .iter()
                .filter(has_quarantine)
                .map(|state| concern(state, page, numbers::count(state.n_in_quarantine)))
                .collect(),
            address: page.link(&format!("/collecting?limit={limit}")),
            lines,
        })
    }
}

fn concern(state: &SourceState, page: &Frame, n: String) -> Concern {
    let link = runs::source_link(page, &state.source);
    let link = if n.is_empty() { link } else { format!("{link}#quarantine") };
    Concern { source: say_source(page.language(), &state.source), link, n }
}

fn limit(request: &PageRequest) -> Result<usize, ServeError> {
    request.number("limit", N_RUNS, N_RUNS_MAX)
}

#[async_trait]
impl Page for Collecting {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let runs: Vec<SourceRun> = request.lake.state().source_runs(None, 0, limit(request)?)?;
        Ok(runs::answer(runs, request)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "collecting.title"));
        let collecting = CollectingNow::look(request, &page, limit(request)?)?;
        Ok(CollectingView { page: &page, collecting }.render()?)
    }
}

#[derive(Template)]
#[template(path = "collecting.html")]
struct CollectingView<'a> {
    page: &'a Frame,
    collecting: CollectingNow,
}
