//! `/cluster`: which questions run on the cluster at this moment, and how far they are.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::{Answer, Job, questions};

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::say;

pub(crate) struct Cluster;

struct JobLine {
    id: String,
    stages: String,
    again: String,
    seconds: String,
}

impl JobLine {
    fn new(job: Job, now: i64) -> Self {
        let seconds = (now - job.started_at).max(0) / 1_000_000;
        Self {
            stages: numbers::count(i64::try_from(job.n_stages_done).unwrap_or_default()),
            again: numbers::count(i64::try_from(job.n_retries).unwrap_or_default()),
            seconds: numbers::count(seconds),
            id: job.id,
        }
    }
}

#[async_trait]
impl Page for Cluster {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        Ok(questions::cluster(&request.lake)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let config = &request.lake.market().config;
        let page = Frame::new(request, say(request.language, "cluster.title"));
        let now = jiff::Timestamp::now().as_microsecond();
        let view = ClusterView {
            page: &page,
            address: config.cluster.clone().unwrap_or_default(),
            from_rows: numbers::count(i64::try_from(config.cluster_from_rows).unwrap_or(i64::MAX)),
            lines: request.lake.jobs().into_iter().map(|job| JobLine::new(job, now)).collect(),
        };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "cluster.html")]
struct ClusterView<'a> {
    page: &'a Frame,
    address: String,
    from_rows: String,
    lines: Vec<JobLine>,
}
