//! `POST /v1/allocate` and `POST /v1/reward`: which arm a visitor gets, and what came back for it.
//!
//! In: small JSON objects. Out: the choice with its probability, after its line is in the log. Requests that come together are
//! written in one transaction, so that thousands a second cost one disk write each few milliseconds; none is answered before its line
//! is written. The choosing itself is `grow`'s.
//!
//! Invariants: a page of another site can send nothing here (only JSON is taken, which browsers ask leave for, and foreign origins are
//! refused); beyond loopback nothing is taken ([`may_write`], where users and tokens have their place); so many requests wait at most.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use crowsnest_grow::bandit::live::Reward;
use crowsnest_grow::bandit::served::{Bandits, Sheet};
use crowsnest_lake::Lake;
use crowsnest_lake::state::bandits::BanditLine;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::ServeError;
use crate::security::AllowedHosts;
use crate::site::{CurrentSite, Site};

pub(crate) const ALLOCATE_PATH: &str = "/v1/allocate";
pub(crate) const REWARD_PATH: &str = "/v1/reward";
/// Requests that may wait for their lines to be written.
const WAITING_MAX: usize = 8_192;
/// Requests whose lines are written in one transaction.
const TOGETHER_MAX: usize = 1_024;
const BODY_BYTES_MAX: usize = 16 << 10;

/// Who asks for an arm.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    bandit: String,
    /// Kind of visitor, for judging other ways of choosing later.
    #[serde(default)]
    segment: String,
}

/// Lines on their way into the log.
struct Note {
    bandit: String,
    lines: Vec<BanditLine>,
    sheet: Sheet,
    written: oneshot::Sender<bool>,
}

/// Where bandits are asked.
struct Desk {
    lake: Lake,
    bandits: Arc<Bandits>,
    hosts: Arc<AllowedHosts>,
    notes: OnceLock<mpsc::Sender<Note>>,
}

/// Adds the two addresses.
pub(crate) fn add(
    router: Router<CurrentSite>,
    current: &CurrentSite,
    hosts: &Arc<AllowedHosts>,
) -> Router<CurrentSite> {
    let lake = current.now().lake;
    let bandits = Arc::new(Bandits::new(lake.clone()));
    let desk = Arc::new(Desk { lake, bandits, hosts: Arc::clone(hosts), notes: OnceLock::new() });
    let (for_arms, for_rewards) = (Arc::clone(&desk), desk);
    let allocate = post(move |State(site): State<Site>, headers: HeaderMap, body: Bytes| {
        let desk = Arc::clone(&for_arms);
        async move { answered(desk.allocate(&site, &headers, &body).await) }
    });
    let reward = post(move |State(site): State<Site>, headers: HeaderMap, body: Bytes| {
        let desk = Arc::clone(&for_rewards);
        async move { answered(desk.reward(&site, &headers, &body).await) }
    });
    let limited = || DefaultBodyLimit::max(BODY_BYTES_MAX);
    router.route(ALLOCATE_PATH, allocate.layer(limited())).route(REWARD_PATH, reward.layer(limited()))
}

fn answered(result: Result<Value, ServeError>) -> Response {
    let (status, value) = match result {
        Ok(value) => (StatusCode::OK, value),
        Err(error) if error.status() == StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(%error, "a bandit could not answer");
            (error.status(), json!({ "error": "the bandit could not answer; the server's log says why" }))
        }
        Err(error) => (error.status(), json!({ "error": error.to_string(), "hint": error.hint() })),
    };
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], value.to_string()).into_response()
}

/// Whether whoever asks may steer traffic. On loopback that is everybody on this machine. Beyond, nobody yet: users' tokens
/// are looked at here.
fn may_write(site: &Site, _headers: &HeaderMap) -> Result<(), ServeError> {
    if site.shared.is_shared {
        return Err(ServeError::Forbidden("bandits answer on the server's own machine only".to_owned()));
    }
    Ok(())
}

impl Desk {
    async fn allocate(&self, site: &Site, headers: &HeaderMap, body: &[u8]) -> Result<Value, ServeError> {
        let asked: Asked = self.read(site, headers, body)?;
        let place = self.place()?;
        let now = jiff::Timestamp::now().as_microsecond();
        let (written, done) = oneshot::channel();
        let bandit = asked.bandit.clone();
        let hand_over = |lines, sheet| place.send(Note { bandit, lines, sheet, written });
        let chosen =
            self.bandits.allocate(&asked.bandit, &asked.segment, now, |lines, sheet| _ = hand_over(lines, sheet))?;
        is_written(done).await?;
        Ok(serde_json::to_value(chosen)?)
    }

    async fn reward(&self, site: &Site, headers: &HeaderMap, body: &[u8]) -> Result<Value, ServeError> {
        let told: Reward = self.read(site, headers, body)?;
        let place = self.place()?;
        let now = jiff::Timestamp::now().as_microsecond();
        let (written, done) = oneshot::channel();
        let bandit = told.bandit.clone();
        let hand_over = |lines, sheet| place.send(Note { bandit, lines, sheet, written });
        self.bandits.reward(&told, now, |lines, sheet| _ = hand_over(lines, sheet))?;
        is_written(done).await?;
        Ok(json!({ "bandit": told.bandit, "choice": told.choice, "is_counted": true }))
    }

    fn read<T: DeserializeOwned>(&self, site: &Site, headers: &HeaderMap, body: &[u8]) -> Result<T, ServeError> {
        may_write(site, headers)?;
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if text(header::ORIGIN).is_some_and(|origin| !self.hosts.allows_origin(origin)) {
            return Err(ServeError::Forbidden("pages of other sites may not steer traffic here".to_owned()));
        }
        let media_type = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/json") {
            return Err(ServeError::bad_request(
                "the body is not said to be JSON",
                "send content-type: application/json",
            ));
        }
        serde_json::from_slice(body).map_err(|error| {
            ServeError::bad_request(
                format!("the body cannot be read: {error}"),
                r#"{"bandit": "NAME", "segment": "new"} asks for an arm, {"bandit": "NAME", "choice": 1, "reward": 1} tells what came back"#,
            )
        })
    }

    /// A place in the queue, taken before anything is chosen: what is chosen is surely handed over.
    fn place(&self) -> Result<mpsc::OwnedPermit<Note>, ServeError> {
        let notes = self.notes.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(WAITING_MAX);
            tokio::spawn(keep(self.lake.clone(), Arc::clone(&self.bandits), receiver));
            sender
        });
        notes.clone().try_reserve_owned().map_err(|_| ServeError::Busy)
    }
}

async fn is_written(done: oneshot::Receiver<bool>) -> Result<(), ServeError> {
    match done.await {
        Ok(true) => Ok(()),
        _ => Err(ServeError::NotKept),
    }
}

/// Writes lines as they come, all that wait at once.
async fn keep(lake: Lake, bandits: Arc<Bandits>, mut notes: mpsc::Receiver<Note>) {
    let mut waiting = Vec::new();
    while notes.recv_many(&mut waiting, TOGETHER_MAX).await > 0 {
        let (batch, lake, bandits) = (std::mem::take(&mut waiting), lake.clone(), Arc::clone(&bandits));
        if let Err(error) = tokio::task::spawn_blocking(move || write(&lake, &bandits, batch)).await {
            tracing::error!(%error, "lines of bandits were not written");
        }
    }
}

fn write(lake: &Lake, bandits: &Bandits, mut batch: Vec<Note>) {
    let lines: Vec<BanditLine> = batch.iter_mut().flat_map(|note| std::mem::take(&mut note.lines)).collect();
    let written = lake.state().note_bandits(&lines);
    if let Err(error) = &written {
        tracing::error!(%error, n_lines = lines.len(), "lines of bandits could not be written");
    }
    for note in batch {
        if written.is_err() {
            // What was chosen is not in the log, so what is known begins again from there.
            bandits.forget(&note.bandit);
        } else if let Some((seq, sheet)) = note.sheet
            && let Err(error) = lake.state().keep_bandit(&note.bandit, seq, &sheet)
        {
            tracing::warn!(%error, "a bandit's sheet could not be kept; its log says the same");
        }
        // Nobody waits any more where the visitor hung up.
        let _ = note.written.send(written.is_ok());
    }
}
