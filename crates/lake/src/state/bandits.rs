//! The log of bandits: every choice with the probability that it was made with, every reward, in the order in which they came.
//!
//! Lines are only appended, many in one transaction ([`State::note_bandits`]): what a server has answered is in the log before
//! the answer goes out, so that a process that is killed loses nothing. A sheet that is kept now and then
//! ([`State::keep_bandit`]) spares a restart from reading the log from its beginning; it says nothing that the log does not.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::State;
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS bandit_log (
        bandit TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, choice INTEGER NOT NULL,
        arm TEXT NOT NULL, propensity REAL NOT NULL, reward REAL, segment TEXT NOT NULL, guards TEXT NOT NULL,
        PRIMARY KEY (bandit, seq)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS bandit_sheets (
        bandit TEXT PRIMARY KEY, seq INTEGER NOT NULL, sheet TEXT NOT NULL) WITHOUT ROWID";

/// One line of a bandit's log.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BanditLine {
    /// Name of the bandit.
    pub bandit: String,
    /// Its place in the bandit's log, from 1 on.
    pub seq: i64,
    /// When, microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// `choice`, `reward`, or `nothing` where no reward came in time and the choice counts as without one.
    pub what: String,
    /// Number of the choice.
    pub choice: i64,
    /// The arm that was chosen.
    pub arm: String,
    /// The probability that it was chosen with.
    pub propensity: f64,
    /// What came back; `None` for a choice.
    pub reward: Option<f64>,
    /// Kind of visitor; empty where nobody said.
    pub segment: String,
    /// What came back for guard-rails, as JSON; empty for none.
    pub guards: String,
}

/// How often an arm was chosen on a day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BanditDay {
    /// The day, as ISO text.
    pub day: String,
    /// The arm.
    pub arm: String,
    /// Choices of it.
    pub n_choices: i64,
    /// Rewards that came on that day, added up.
    pub reward: f64,
    /// How many rewards came on that day.
    pub n_rewards: i64,
}

const COLUMNS: &str = "bandit, seq, at, what, choice, arm, propensity, reward, segment, guards";

fn line(row: &Row<'_>) -> rusqlite::Result<BanditLine> {
    Ok(BanditLine {
        bandit: row.get(0)?,
        seq: row.get(1)?,
        at: row.get(2)?,
        what: row.get(3)?,
        choice: row.get(4)?,
        arm: row.get(5)?,
        propensity: row.get(6)?,
        reward: row.get(7)?,
        segment: row.get(8)?,
        guards: row.get(9)?,
    })
}

fn append(connection: &Connection, lines: &[BanditLine]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO bandit_log (bandit, seq, at, what, choice, arm, propensity, reward, segment, guards)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for line in lines {
        statement.execute(params![
            line.bandit,
            line.seq,
            line.at,
            line.what,
            line.choice,
            line.arm,
            line.propensity,
            line.reward,
            line.segment,
            line.guards
        ])?;
    }
    Ok(())
}

impl State {
    /// Appends lines, all or none.
    ///
    /// # Errors
    /// Where a line's place is taken (another process serves the same bandit), or the disk is full.
    pub fn note_bandits(&self, lines: &[BanditLine]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            append(&transaction, lines)?;
            transaction.commit()
        })
    }

    /// Keeps what a bandit knew after the line `seq`, instead of what was kept before.
    ///
    /// # Errors
    /// Where the state cannot be written.
    pub fn keep_bandit(&self, bandit: &str, seq: i64, sheet: &str) -> Result<()> {
        self.with(|connection| {
            connection.execute(
                "INSERT INTO bandit_sheets (bandit, seq, sheet) VALUES (?1, ?2, ?3)
                 ON CONFLICT (bandit) DO UPDATE SET seq = ?2, sheet = ?3 WHERE seq < ?2",
                params![bandit, seq, sheet],
            )
        })?;
        Ok(())
    }

    /// What was kept of a bandit last, and after which line.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn kept_bandit(&self, bandit: &str) -> Result<Option<(i64, String)>> {
        self.with(|connection| {
            let sql = "SELECT seq, sheet FROM bandit_sheets WHERE bandit = ?1";
            connection.query_row(sql, params![bandit], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
    }

    /// Hands over the lines of a bandit's log after `seq`, in their order, without holding all of them; gives how many there were.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn bandit_lines(&self, bandit: &str, seq: i64, mut take: impl FnMut(BanditLine)) -> Result<usize> {
        self.with(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM bandit_log WHERE bandit = ?1 AND seq > ?2 ORDER BY seq");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![bandit, seq])?;
            let mut n_lines = 0;
            while let Some(row) = rows.next()? {
                take(line(row)?);
                n_lines += 1;
            }
            Ok(n_lines)
        })
    }

    /// Names of the bandits that have a log.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn bandits_logged(&self) -> Result<Vec<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT bandit FROM bandit_log ORDER BY bandit")?;
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect()
        })
    }

    /// Choices and rewards of a bandit by day (UTC) and arm, from a moment on.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn bandit_days(&self, bandit: &str, since: i64) -> Result<Vec<BanditDay>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT date(at / 1000000, 'unixepoch') AS day, arm, sum(what = 'choice'), total(reward), sum(what <> 'choice')
                 FROM bandit_log WHERE bandit = ?1 AND at >= ?2 GROUP BY day, arm ORDER BY day, arm",
            )?;
            let days = statement.query_map(params![bandit, since], |row| {
                Ok(BanditDay {
                    day: row.get(0)?,
                    arm: row.get(1)?,
                    n_choices: row.get(2)?,
                    reward: row.get(3)?,
                    n_rewards: row.get(4)?,
                })
            })?;
            days.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(seq: i64) -> BanditLine {
        BanditLine {
            bandit: "home".into(),
            seq,
            at: seq * 86_400_000_000,
            what: "choice".into(),
            choice: seq,
            arm: "a".into(),
            propensity: 0.5,
            ..BanditLine::default()
        }
    }

    #[test]
    fn lines_come_back_in_order_and_a_place_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        state.note_bandits(&[choice(1), choice(2)]).unwrap();
        assert!(state.note_bandits(&[choice(3), choice(2)]).is_err());
        let mut seen = Vec::new();
        assert_eq!(state.bandit_lines("home", 1, |line| seen.push(line.seq)).unwrap(), 1);
        assert_eq!(seen, [2], "of a transaction that failed nothing stays");
        state.keep_bandit("home", 2, "{}").unwrap();
        state.keep_bandit("home", 1, "older").unwrap();
        assert_eq!(state.kept_bandit("home").unwrap(), Some((2, "{}".into())));
        assert_eq!(state.bandits_logged().unwrap(), ["home"]);
        let days = state.bandit_days("home", 0).unwrap();
        assert_eq!((days.len(), days[0].day.as_str(), days[0].n_choices), (2, "1970-01-02", 1));
    }
}
