//! When a source is due: its schedule, what it missed, how often it failed, and how long it is to be left alone.

use crowsnest_lake::SourceCard;
use crowsnest_lake::state::collecting::SourceProgress;

use super::source_run::wait_after_failures;
use super::sources::schedule_of;

/// When a source is due, microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It has no schedule, or nothing to fetch it by.
    Never,
    /// At this moment, which may have passed.
    At(i64),
}

/// When a source is due. One that never ran is due at once; of several times that were missed, the first counts, and
/// one run makes up for all; one that failed is due again sooner than its schedule says, later with every failure.
///
/// # Errors
/// What is wrong with its schedule.
pub fn due(card: &SourceCard, progress: &SourceProgress, now: i64) -> Result<Due, String> {
    let Some(collect) = &card.collect else { return Ok(Due::Never) };
    let Some(schedule) = &collect.schedule else { return Ok(Due::Never) };
    let crontab = schedule_of(schedule, &collect.time_zone)?;
    let not_before = progress.not_before.unwrap_or(i64::MIN);
    let Some(last_run_at) = progress.last_run_at else { return Ok(Due::At(now.max(not_before))) };
    let made = cronexpr::MakeTimestamp::from_microsecond(last_run_at).map_err(|error| error.to_string())?;
    let next = crontab.find_next(made).map_err(|error| error.to_string())?;
    let next = next.timestamp().as_microsecond();
    let at = match progress.n_failures {
        0 => next,
        n => {
            let wait = i64::try_from(wait_after_failures(n).as_micros()).unwrap_or(i64::MAX);
            next.min(last_run_at.saturating_add(wait))
        }
    };
    Ok(Due::At(at.max(not_before)))
}

#[cfg(test)]
mod tests {
    use crowsnest_lake::SourceCollect;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
    }

    fn card(schedule: &str, time_zone: &str) -> SourceCard {
        let text = format!("connector = \"feed\"\nschedule = \"{schedule}\"\ntime_zone = \"{time_zone}\"");
        let collect: SourceCollect = toml::from_str(&text).unwrap();
        SourceCard { name: "a".into(), collect: Some(collect), ..SourceCard::default() }
    }

    #[test]
    fn schedules_go_by_their_time_zone_also_when_clocks_change() {
        let progress = |last: &str| SourceProgress { last_run_at: Some(at(last)), ..SourceProgress::default() };
        let shanghai = card("0 6 * * *", "Asia/Shanghai");
        let now = at("2024-12-05T00:00:00Z");
        assert_eq!(due(&shanghai, &progress("2024-12-04T22:00:00Z"), now), Ok(Due::At(at("2024-12-05T22:00:00Z"))));
        // Summer time begins in Berlin on 2024-03-31: six o'clock is an hour earlier from then on.
        let berlin = card("0 6 * * *", "Europe/Berlin");
        assert_eq!(due(&berlin, &progress("2024-03-30T05:00:00Z"), now), Ok(Due::At(at("2024-03-31T04:00:00Z"))));
    }

    #[test]
    fn a_first_run_is_due_at_once_and_failures_and_rests_are_minded() {
        let now = at("2024-12-05T00:00:00Z");
        let daily = card("0 6 * * *", "UTC");
        let mut progress = SourceProgress::default();
        assert_eq!(due(&daily, &progress, now), Ok(Due::At(now)));
        progress.last_run_at = Some(now);
        progress.n_failures = 1;
        assert_eq!(due(&daily, &progress, now), Ok(Due::At(at("2024-12-05T00:05:00Z"))));
        progress.not_before = Some(at("2025-01-01T00:00:00Z"));
        assert_eq!(due(&daily, &progress, now), Ok(Due::At(at("2025-01-01T00:00:00Z"))));
        assert_eq!(due(&SourceCard::default(), &progress, now), Ok(Due::Never));
        assert!(due(&card("61 6 * * *", "UTC"), &progress, now).is_err());
        assert!(due(&card("0 6 * * *", "Mars/Olympus"), &progress, now).is_err());
    }
}
