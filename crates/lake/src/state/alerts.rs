//! What alerting has to remember: what was raised, what waits to be delivered and how that went, what digests told.
//!
//! Alerts and the deliveries that carry them are written in one transaction ([`State::raise`]), so that a process which
//! is killed leaves both or neither. A delivery is taken for a while ([`State::take_delivery`]), sent, and noted as sent
//! ([`State::delivered`]): killed in between, that one is sent again when the while is over, under the same id. An
//! alert's id is its primary key, so it is raised once; what it was about then rests for the rule's cooldown.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::State;
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS alerts (
        alert TEXT PRIMARY KEY, rule TEXT NOT NULL, subject TEXT NOT NULL, raised_at INTEGER NOT NULL,
        is_resting INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS alerts_subject ON alerts (rule, subject, raised_at);
    CREATE TABLE IF NOT EXISTS alert_rules (
        rule TEXT PRIMARY KEY, looked_at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS deliveries (
        delivery TEXT PRIMARY KEY, channel TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL,
        made_at INTEGER NOT NULL, due_at INTEGER NOT NULL, taken_until INTEGER, n_tries INTEGER NOT NULL,
        outcome TEXT NOT NULL, done_at INTEGER, message TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (outcome, due_at);
    CREATE TABLE IF NOT EXISTS digests (
        digest TEXT NOT NULL, made_at INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (digest, made_at)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS told (
        digest TEXT NOT NULL, thing TEXT NOT NULL, told_at INTEGER NOT NULL,
        PRIMARY KEY (digest, thing)) WITHOUT ROWID";

/// An alert to raise, or one that was. Moments are microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RaisedAlert {
    /// Hash of rule, subject and period.
    pub alert: String,
    /// The rule.
    pub rule: String,
    /// What it is about, as the rule counts subjects: an entity's or a source's id.
    pub subject: String,
    /// When it was raised.
    pub raised_at: i64,
    /// Whether its subject rested, so that nobody was told.
    pub is_resting: bool,
    /// All of it, as JSON.
    pub body: String,
}

/// A message that waits for its channel, or that went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its id, the same at each try.
    pub delivery: String,
    /// Name of the channel.
    pub channel: String,
    /// What it says, in a line.
    pub title: String,
    /// The message, as JSON.
    pub body: String,
    /// When it was made.
    pub made_at: i64,
    /// When it is to be tried next.
    pub due_at: i64,
    /// How often it was tried.
    pub n_tries: u32,
    /// `waiting`, `sent` or `given_up`.
    pub outcome: String,
    /// When it was sent or given up.
    pub done_at: Option<i64>,
    /// How the last try went.
    pub message: String,
}

/// A digest that was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ToldDigest {
    /// Its name.
    pub digest: String,
    /// When it was told.
    pub made_at: i64,
    /// What it begins after.
    pub since: i64,
    /// What it ends with.
    pub until: i64,
    /// All of it, as JSON.
    pub body: String,
}

const DELIVERY_COLUMNS: &str = "delivery, channel, title, body, made_at, due_at, n_tries, outcome, done_at, message";

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        delivery: row.get(0)?,
        channel: row.get(1)?,
        title: row.get(2)?,
        body: row.get(3)?,
        made_at: row.get(4)?,
        due_at: row.get(5)?,
        n_tries: row.get(6)?,
        outcome: row.get(7)?,
        done_at: row.get(8)?,
        message: row.get(9)?,
    })
}

fn put_delivery(connection: &Connection, made: &Delivery) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR IGNORE INTO deliveries (delivery, channel, title, body, made_at, due_at, n_tries, outcome, message) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 'waiting', '')",
        params![made.delivery, made.channel, made.title, made.body, made.made_at, made.due_at],
    )?;
    Ok(())
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl State {
    /// Raises those alerts that were not raised before, and in the same transaction the deliveries that `group` makes of
    /// them; gives the new ones. An alert whose subject was told of by the same rule after `rests_since` of it is kept as
    /// resting: it is new to nobody later, and nobody is told.
    ///
    /// # Errors
    /// Of the database.
    pub fn raise(
        &self,
        alerts: &[(RaisedAlert, i64)],
        group: impl FnOnce(&[RaisedAlert]) -> Vec<Delivery>,
    ) -> Result<Vec<RaisedAlert>> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let mut raised = Vec::new();
            for (alert, rests_since) in alerts {
                let is_resting: bool = transaction.query_row(
                    "SELECT EXISTS (SELECT 1 FROM alerts WHERE rule = ?1 AND subject = ?2 AND raised_at > ?3 \
                                    AND is_resting = 0 AND alert <> ?4)",
                    params![alert.rule, alert.subject, rests_since, alert.alert],
                    |row| row.get(0),
                )?;
                let n_new = transaction.execute(
                    "INSERT OR IGNORE INTO alerts (alert, rule, subject, raised_at, is_resting, body) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![alert.alert, alert.rule, alert.subject, alert.raised_at, is_resting, alert.body],
                )?;
                if n_new > 0 {
                    raised.push(RaisedAlert { is_resting, ..alert.clone() });
                }
            }
            let told: Vec<RaisedAlert> = raised.iter().filter(|alert| !alert.is_resting).cloned().collect();
            for made in group(&told) {
                put_delivery(&transaction, &made)?;
            }
            transaction.commit()?;
            Ok(raised)
        })
    }

    /// Which of some alerts were raised before.
    ///
    /// # Errors
    /// Of the database.
    pub fn raised_before(&self, alerts: &[String]) -> Result<BTreeSet<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT 1 FROM alerts WHERE alert = ?1")?;
            let mut found = BTreeSet::new();
            for alert in alerts {
                if statement.exists(params![alert])? {
                    found.insert(alert.clone());
                }
            }
            Ok(found)
        })
    }

    /// The alerts raised last, newest first.
    ///
    /// # Errors
    /// Of the database.
    pub fn alerts(&self, limit: usize) -> Result<Vec<RaisedAlert>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT alert, rule, subject, raised_at, is_resting, body FROM alerts \
                 ORDER BY raised_at DESC, alert LIMIT ?1",
            )?;
            let rows = statement.query_map(params![limit_of(limit)], |row| {
                Ok(RaisedAlert {
                    alert: row.get(0)?,
                    rule: row.get(1)?,
                    subject: row.get(2)?,
                    raised_at: row.get(3)?,
                    is_resting: row.get(4)?,
                    body: row.get(5)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Notes how the rules stood when they were last looked at: name and JSON of each. Others are forgotten.
    ///
    /// # Errors
    /// Of the database.
    pub fn note_rules(&self, looked_at: i64, rules: &[(String, String)]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM alert_rules", [])?;
            for (rule, body) in rules {
                transaction.execute(
                    "INSERT OR REPLACE INTO alert_rules (rule, looked_at, body) VALUES (?1, ?2, ?3)",
                    params![rule, looked_at, body],
                )?;
            }
            transaction.commit()
        })
    }

    /// How the rules stood, and when that was: JSON of each, by name.
    ///
    /// # Errors
    /// Of the database.
    pub fn noted_rules(&self) -> Result<Vec<(i64, String)>> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT looked_at, body FROM alert_rules ORDER BY rule")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Puts one message into the outbox, once by its id.
    ///
    /// # Errors
    /// Of the database.
    pub fn put_delivery(&self, made: &Delivery) -> Result<()> {
        self.with(|connection| put_delivery(connection, made))
    }

    /// Takes the delivery that is due longest until a moment, so that no other process sends it meanwhile.
    ///
    /// # Errors
    /// Of the database.
    pub fn take_delivery(&self, now: i64, until: i64) -> Result<Option<Delivery>> {
        self.with(|connection| {
            let sql = format!(
                "UPDATE deliveries SET taken_until = ?2, n_tries = n_tries + 1 WHERE delivery = ( \
                     SELECT delivery FROM deliveries WHERE outcome = 'waiting' AND due_at <= ?1 \
                     AND (taken_until IS NULL OR taken_until <= ?1) ORDER BY due_at, delivery LIMIT 1) \
                 RETURNING {DELIVERY_COLUMNS}"
            );
            connection.query_row(&sql, params![now, until], delivery).optional()
        })
    }

    /// Notes that a delivery was taken by its receiver.
    ///
    /// # Errors
    /// Of the database.
    pub fn delivered(&self, delivery: &str, at: i64, message: &str) -> Result<()> {
        self.end_delivery(delivery, "sent", at, message)
    }

    /// Notes that a delivery will not be tried again.
    ///
    /// # Errors
    /// Of the database.
    pub fn give_up_delivery(&self, delivery: &str, at: i64, message: &str) -> Result<()> {
        self.end_delivery(delivery, "given_up", at, message)
    }

    fn end_delivery(&self, delivery: &str, outcome: &str, at: i64, message: &str) -> Result<()> {
        self.with(|connection| {
            connection.execute(
                "UPDATE deliveries SET outcome = ?2, done_at = ?3, message = ?4, taken_until = NULL WHERE delivery = ?1",
                params![delivery, outcome, at, message],
            )
        })?;
        Ok(())
    }

    /// Notes that a try failed, and when the next one is due.
    ///
    /// # Errors
    /// Of the database.
    pub fn try_delivery_later(&self, delivery: &str, due_at: i64, message: &str) -> Result<()> {
        self.with(|connection| {
            connection.execute(
                "UPDATE deliveries SET due_at = ?2, message = ?3, taken_until = NULL WHERE delivery = ?1",
                params![delivery, due_at, message],
            )
        })?;
        Ok(())
    }

    /// The deliveries made last, newest first.
    ///
    /// # Errors
    /// Of the database.
    pub fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>> {
        self.with(|connection| {
            let sql = format!("SELECT {DELIVERY_COLUMNS} FROM deliveries ORDER BY made_at DESC, delivery LIMIT ?1");
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map(params![limit_of(limit)], delivery)?;
            rows.collect()
        })
    }

    /// How many deliveries wait, were sent, and were given up; each of the three is told, be it none.
    ///
    /// # Errors
    /// Of the database.
    pub fn n_deliveries(&self) -> Result<Vec<(String, u64)>> {
        let mut counted: BTreeMap<String, u64> =
            ["waiting", "sent", "given_up"].into_iter().map(|outcome| (outcome.to_owned(), 0)).collect();
        if self.path.exists() {
            let found: Vec<(String, u64)> = self.with(|connection| {
                let mut statement = connection.prepare("SELECT outcome, count(*) FROM deliveries GROUP BY outcome")?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
                rows.collect()
            })?;
            counted.extend(found);
        }
        Ok(counted.into_iter().collect())
    }

    /// Keeps a digest that is told, what it told, and the messages that carry it, in one transaction.
    ///
    /// # Errors
    /// Of the database.
    pub fn tell_digest(&self, told: &ToldDigest, things: &[String], carried_by: &[Delivery]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT OR IGNORE INTO digests (digest, made_at, since, until, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![told.digest, told.made_at, told.since, told.until, told.body],
            )?;
            for thing in things {
                transaction.execute(
                    "INSERT OR IGNORE INTO told (digest, thing, told_at) VALUES (?1, ?2, ?3)",
                    params![told.digest, thing, told.made_at],
                )?;
            }
            for made in carried_by {
                put_delivery(&transaction, made)?;
            }
            transaction.commit()
        })
    }

    /// What the digests of that name told before a moment.
    ///
    /// # Errors
    /// Of the database.
    pub fn told(&self, digest: &str, before: i64) -> Result<BTreeSet<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT thing FROM told WHERE digest = ?1 AND told_at < ?2")?;
            let rows = statement.query_map(params![digest, before], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// The digests told last, newest first; of all names where none is given.
    ///
    /// # Errors
    /// Of the database.
    pub fn digests(&self, digest: Option<&str>, limit: usize) -> Result<Vec<ToldDigest>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT digest, made_at, since, until, body FROM digests WHERE ?1 IS NULL OR digest = ?1 \
                 ORDER BY made_at DESC, digest LIMIT ?2",
            )?;
            let rows = statement.query_map(params![digest, limit_of(limit)], |row| {
                Ok(ToldDigest {
                    digest: row.get(0)?,
                    made_at: row.get(1)?,
                    since: row.get(2)?,
                    until: row.get(3)?,
                    body: row.get(4)?,
                })
            })?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        (folder, state)
    }

    fn alert(name: &str, subject: &str, at: i64) -> (RaisedAlert, i64) {
        let raised = RaisedAlert {
            alert: name.into(),
            rule: "r".into(),
            subject: subject.into(),
            raised_at: at,
            ..RaisedAlert::default()
        };
        (raised, at - 7 * DAY)
    }

    fn one_message(told: &[RaisedAlert]) -> Vec<Delivery> {
        let ids: Vec<&str> = told.iter().map(|alert| alert.alert.as_str()).collect();
        if ids.is_empty() {
            return Vec::new();
        }
        vec![Delivery { delivery: ids.join("+"), channel: "c".into(), ..Delivery::default() }]
    }

    #[test]
    fn an_alert_is_raised_once_and_its_subject_rests() {
        let (_folder, state) = state();
        let raised = state.raise(&[alert("a", "x", DAY), alert("b", "y", DAY)], one_message).unwrap();
        assert_eq!(raised.len(), 2);
        assert!(state.raise(&[alert("a", "x", 2 * DAY)], one_message).unwrap().is_empty());
        let resting = state.raise(&[alert("c", "x", 2 * DAY)], one_message).unwrap();
        assert!(resting[0].is_resting);
        // What rested does not make the rest longer.
        let after = state.raise(&[alert("d", "x", 8 * DAY + 1)], one_message).unwrap();
        assert!(!after[0].is_resting);
        let carried: BTreeSet<String> = state.deliveries(9).unwrap().into_iter().map(|one| one.delivery).collect();
        assert_eq!(carried, ["a+b".to_owned(), "d".to_owned()].into());
    }

    #[test]
    fn a_delivery_is_taken_by_one_and_comes_back_if_its_taker_dies() {
        let (_folder, state) = state();
        state.raise(&[alert("a", "x", DAY)], one_message).unwrap();
        let taken = state.take_delivery(10, 20).unwrap().unwrap();
        assert_eq!((taken.n_tries, taken.delivery.as_str()), (1, "a"));
        assert_eq!(state.take_delivery(19, 30).unwrap(), None);
        let again = state.take_delivery(20, 30).unwrap().unwrap();
        assert_eq!((again.n_tries, again.delivery.as_str()), (2, "a"));
        state.try_delivery_later("a", 50, "refused").unwrap();
        assert_eq!(state.take_delivery(49, 60).unwrap(), None);
        assert!(state.take_delivery(50, 60).unwrap().is_some());
        state.delivered("a", 51, "200").unwrap();
        assert_eq!(state.take_delivery(1000, 2000).unwrap(), None);
        assert_eq!(state.deliveries(1).unwrap()[0].outcome, "sent");
    }

    #[test]
    fn a_digest_remembers_what_it_told() {
        let (_folder, state) = state();
        let told = ToldDigest { digest: "all".into(), made_at: 5, ..ToldDigest::default() };
        state.tell_digest(&told, &["t".into()], &[]).unwrap();
        assert!(state.told("all", 6).unwrap().contains("t"));
        assert!(state.told("all", 5).unwrap().is_empty());
        assert!(state.told("other", 6).unwrap().is_empty());
        assert_eq!(state.digests(None, 9).unwrap().len(), 1);
        assert!(state.digests(Some("other"), 9).unwrap().is_empty());
    }
}
