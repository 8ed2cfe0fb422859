//! `POST /v1/allocate` and `POST /v1/reward`: which arm a visitor gets, and what came back for it.
//!
//! In: small JSON objects. Out: the choice with its probability, after its line is in the log; errors as the API has them
//! (`api/steering.rs` describes all that). Requests that come together are written in one transaction, so that thousands a second
//! cost one disk write each few milliseconds; none is answered before its line is written. The choosing itself is `grow`'s.
//!
//! Invariants: who may steer traffic is in [`crate::access`], and [`crate::guard`] has asked before: a page of another site can send
//! nothing here, because only JSON is taken, which browsers ask leave for; so many requests wait at most.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
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
use crate::api::operations::Kind;
use crate::api::problem::Problem;
use crate::site::CurrentSite;

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
    notes: OnceLock<mpsc::Sender<Note>>,
}

/// Adds the two addresses.
pub(crate) fn add(router: Router<CurrentSite>, current: &CurrentSite) -> Router<CurrentSite> {
    let lake = current.now().lake;
    let bandits = Arc::new(Bandits::new(lake.clone()));
    let desk = Arc::new(Desk { lake, bandits, notes: OnceLock::new() });
    let (for_arms, for_rewards) = (Arc::clone(&desk), desk);
    let allocate = post(move |body: Bytes| {
        let desk = Arc::clone(&for_arms);
        async move { answered(desk.allocate(&body).await) }
    });
    let reward = post(move |body: Bytes| {
        let desk = Arc::clone(&for_rewards);
        async move { answered(desk.reward(&body).await) }
    });
    let limited = || DefaultBodyLimit::max(BODY_BYTES_MAX);
    router.route("/v1/allocate", allocate.layer(limited())).route("/v1/reward", reward.layer(limited()))
}

fn answered(result: Result<Value, ServeError>) -> Response {
    match result {
        Ok(value) => ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], value.to_string()).into_response(),
        Err(error) => Problem::of(&error, Kind::OwnOfNow).into_response(),
    }
}

impl Desk {
    async fn allocate(&self, body: &[u8]) -> Result<Value, ServeError> {
        let asked: Asked = read(body)?;
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

    async fn reward(&self, body: &[u8]) -> Result<Value, ServeError> {
        let told: Reward = read(body)?;
        let place = self.place()?;
        let now = jiff::Timestamp::now().as_microsecond();
        let (written, done) = oneshot::channel();
        let bandit = told.bandit.clone();
        let hand_over = |lines, sheet| place.send(Note { bandit, lines, sheet, written });
        self.bandits.reward(&told, now, |lines, sheet| _ = hand_over(lines, sheet))?;
        is_written(done).await?;
        Ok(json!({ "bandit": told.bandit, "choice": told.choice, "is_counted": true }))
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

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServeError> {
    serde_json::from_slice(body).map_err(|error| {
        ServeError::bad_request(
            format!("the body cannot be read: {error}"),
            r#"{"bandit": "NAME", "segment": "new"} asks for an arm, {"bandit": "NAME", "choice": 1, "reward": 1} tells what came back"#,
        )
    })
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
