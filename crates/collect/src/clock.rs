//! The time that collecting goes by: the machine's, or one that runs faster, to play months in minutes.

use std::time::Duration;

use jiff::Timestamp;

/// A clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    started_at: i64,
    shows_at_start: i64,
    speed: f64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { started_at: 0, shows_at_start: 0, speed: 1.0 }
    }
}

impl Clock {
    /// Reads `MOMENT@MOMENT*SPEED`: what it shows, when that was by the machine's clock, and how much faster it runs.
    /// Processes that are told the same agree.
    pub fn parse(text: &str) -> Option<Self> {
        let (shows, rest) = text.split_once('@')?;
        let (started, speed) = rest.split_once('*')?;
        let moment = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond);
        let speed: f64 = speed.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0)?;
        Some(Self { started_at: moment(started)?, shows_at_start: moment(shows)?, speed })
    }

    /// What it shows, microseconds since 1970-01-01 UTC.
    pub fn now_micros(&self) -> i64 {
        let now = Timestamp::now().as_microsecond();
        if self.speed == 1.0 {
            return now - self.started_at + self.shows_at_start;
        }
        let passed = (now - self.started_at) as f64 * self.speed;
        self.shows_at_start + passed as i64
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now_micros()).unwrap_or_default()
    }

    /// Waits until it shows so much more.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(self.real(duration)).await;
    }

    /// How long a time by this clock is by the machine's.
    pub fn real(&self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_clock_shows_more() {
        let started = Timestamp::now();
        let clock = Clock::parse(&format!("2026-01-01T00:00:00Z@{started}*86400")).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let shown = clock.now().as_second() - "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second();
        assert!(shown >= 1700, "{shown}");
        assert_eq!(clock.real(Duration::from_secs(86400)), Duration::from_secs(1));
        assert!(Clock::parse("2026-01-01@x*2").is_none());
        let real = Clock::default().now_micros() - Timestamp::now().as_microsecond();
        assert!(real.abs() < 1_000_000);
    }
}
