//! The bandits that one process answers for: each is read from its file and its log when it is first asked for.
//!
//! In: names, visitors, rewards, and a `taker` that brings the lines to the log, and now and then a sheet with the line it was
//! written after. Out: choices and counts. Invariants: lines
//! are handed over in the order of their places; one process answers for a bandit, held by a lock that ends with the process; a file
//! that changed counts within [`LOOK_EVERY`], and one that cannot be read leaves what was there before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crowsnest_lake::state::bandits::BanditLine;
use crowsnest_lake::{Lake, files};

use super::file::{self, BanditFile};
use super::live::{Allocation, Live, Reward};
use crate::error::GrowError;

/// How often files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Kinds of visitors are short words.
const SEGMENT_BYTES_MAX: usize = 100;

/// What a bandit knew, and after which line; only now and then.
pub type Sheet = Option<(i64, String)>;

/// All that this process answers for.
#[derive(Debug)]
pub struct Bandits {
    lake: Lake,
    served: Mutex<HashMap<String, Arc<Mutex<Served>>>>,
}

#[derive(Debug)]
struct Served {
    live: Live,
    text: String,
    looked_at: Instant,
    _lock: files::Lock,
}

impl Bandits {
    /// None yet; each begins when it is first asked for.
    pub fn new(lake: Lake) -> Self {
        Self { lake, served: Mutex::default() }
    }

    /// Chooses an arm; `taker` gets the lines before another request to the same bandit does.
    ///
    /// # Errors
    /// An unknown bandit or one that another process answers for; a file that is wrong; a kind of visitor that is no short word.
    pub fn allocate(
        &self,
        name: &str,
        segment: &str,
        now: i64,
        taker: impl FnOnce(Vec<BanditLine>, Sheet),
    ) -> Result<Allocation, GrowError> {
        if segment.len() > SEGMENT_BYTES_MAX {
            let message = format!("a segment is a word of at most {SEGMENT_BYTES_MAX} bytes");
            return Err(GrowError::Bandit { name: name.to_owned(), message });
        }
        self.with(name, |live| {
            let (allocation, lines) = live.allocate(segment, now);
            taker(lines, live.due_sheet());
            Ok(allocation)
        })
    }

    /// Counts a reward; `taker` gets the line.
    ///
    /// # Errors
    /// Those of [`Bandits::allocate`] and [`Live::reward`].
    pub fn reward(&self, told: &Reward, now: i64, taker: impl FnOnce(Vec<BanditLine>, Sheet)) -> Result<(), GrowError> {
        self.with(&told.bandit, |live| {
            let lines = live.reward(told, now)?;
            taker(lines, live.due_sheet());
            Ok(())
        })
    }

    /// Forgets a bandit whose lines did not come into the log, so that the log brings it back.
    pub fn forget(&self, name: &str) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Live) -> Result<T, GrowError>) -> Result<T, GrowError> {
        let served = self.served_of(name)?;
        let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
        if served.looked_at.elapsed() >= LOOK_EVERY {
            self.look_again(name, &mut served)?;
        }
        work(&mut served.live)
    }

    fn served_of(&self, name: &str) -> Result<Arc<Mutex<Served>>, GrowError> {
        let mut all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(served) = all.get(name) {
            return Ok(Arc::clone(served));
        }
        let market = &self.lake.market().dir;
        let (path, text) = file::text(market, name)?;
        let parsed = BanditFile::parse(&text, &path)?;
        let locks = market.join("state.locks");
        files::create_folder(&locks)?;
        let lock = files::try_lock(&locks.join(format!("bandit-{name}")))?;
        let lock = lock.ok_or_else(|| GrowError::BanditTaken(name.to_owned()))?;
        let live = Live::restore(&self.lake, name, parsed)?;
        let served = Arc::new(Mutex::new(Served { live, text, looked_at: Instant::now(), _lock: lock }));
        all.insert(name.to_owned(), Arc::clone(&served));
        Ok(served)
    }

    fn look_again(&self, name: &str, served: &mut Served) -> Result<(), GrowError> {
        served.looked_at = Instant::now();
        let (path, text) = file::text(&self.lake.market().dir, name)?;
        if text == served.text {
            return Ok(());
        }
        match BanditFile::parse(&text, &path).and_then(|parsed| served.live.adopt(parsed)) {
            Ok(()) => served.text = text,
            Err(error) => {
                tracing::warn!(bandit = name, %error, "the file cannot be taken over; what it said before still holds")
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_lake::{LakeOptions, Market};

    #[tokio::test]
    async fn one_process_answers_and_the_next_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let dir = market.dir.clone();
        let lake = Lake::open(market, LakeOptions::default()).await.unwrap();
        let bandits = Bandits::new(lake.clone());
        let log = |lines: Vec<BanditLine>, _: Sheet| lake.state().note_bandits(&lines).unwrap();
        let unknown = bandits.allocate("home", "", 1, log).unwrap_err();
        assert!(matches!(unknown, GrowError::NoBandit { .. }), "{unknown}");
        std::fs::create_dir(dir.join("bandits")).unwrap();
        std::fs::write(dir.join("bandits/home.toml"), "[[arms]]\nname = \"a\"\n[[arms]]\nname = \"b\"\n").unwrap();
        let choice = bandits.allocate("home", "new", 1, log).unwrap();
        assert!(bandits.allocate("home", &"x".repeat(101), 1, log).is_err());
        let second = Bandits::new(lake.clone());
        assert!(matches!(second.allocate("home", "", 1, log), Err(GrowError::BanditTaken(_))));
        drop(bandits);
        let told = Reward { bandit: "home".into(), choice: choice.choice, reward: 1.0, guards: Default::default() };
        second.reward(&told, 2, log).unwrap();
        assert!(matches!(second.reward(&told, 3, log), Err(GrowError::NotWaiting { .. })));
        assert_eq!(second.allocate("home", "", 4, log).unwrap().choice, choice.choice + 1);
    }
}
