//! Requests, counted for Prometheus: how they ended, and how long they took.
//!
//! Of this process, whatever market it serves: counters begin at nought with it, which is what those who read them expect.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

/// Upper bounds of the durations that are told apart, in milliseconds: about the bar for pages (100 ms), and beyond.
const BOUNDS_MS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000];

/// Requests by the first digit of their status, 1 to 5.
static BY_STATUS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
/// Requests by the bound that they stayed within; the last are those beyond all.
static BY_DURATION: [AtomicU64; BOUNDS_MS.len() + 1] = [const { AtomicU64::new(0) }; BOUNDS_MS.len() + 1];
static TOOK_MICROS: AtomicU64 = AtomicU64::new(0);

/// Counts a request.
pub(crate) fn note(status: StatusCode, took: Duration) {
    let class = usize::from(status.as_u16() / 100).clamp(1, BY_STATUS.len());
    BY_STATUS[class - 1].fetch_add(1, Ordering::Relaxed);
    let within = BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
    BY_DURATION[within.unwrap_or(BOUNDS_MS.len())].fetch_add(1, Ordering::Relaxed);
    TOOK_MICROS.fetch_add(u64::try_from(took.as_micros()).unwrap_or_default(), Ordering::Relaxed);
}

/// What was counted, in the text format of Prometheus.
pub(crate) fn text() -> String {
    let mut text = String::from("# HELP crowsnest_requests_total Requests by how they ended.\n");
    text.push_str("# TYPE crowsnest_requests_total counter\n");
    // Infallible, and so below: writing to a String never fails.
    for (class, n) in BY_STATUS.iter().enumerate() {
        let n = n.load(Ordering::Relaxed);
        let _ = writeln!(text, "crowsnest_requests_total{{status=\"{}xx\"}} {n}", class + 1);
    }
    text.push_str("# HELP crowsnest_request_duration_seconds How long requests took until their answer began.\n");
    text.push_str("# TYPE crowsnest_request_duration_seconds histogram\n");
    let mut n_within = 0;
    for (place, n) in BY_DURATION.iter().enumerate() {
        n_within += n.load(Ordering::Relaxed);
        let bound = BOUNDS_MS.get(place).map_or("+Inf".to_owned(), |bound| (*bound as f64 / 1000.0).to_string());
        let _ = writeln!(text, "crowsnest_request_duration_seconds_bucket{{le=\"{bound}\"}} {n_within}");
    }
    let seconds = TOOK_MICROS.load(Ordering::Relaxed) as f64 / 1e6;
    let _ = writeln!(text, "crowsnest_request_duration_seconds_sum {seconds}");
    let _ = writeln!(text, "crowsnest_request_duration_seconds_count {n_within}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a line; the counters are of the process, and other tests count, too.
    fn value(name: &str) -> f64 {
        let text = text();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")).map(str::to_owned));
        line.unwrap().parse().unwrap()
    }

    #[test]
    fn a_request_is_in_each_bucket_that_it_stayed_within() {
        let names = ["_bucket{le=\"0.1\"}", "_bucket{le=\"0.25\"}", "_bucket{le=\"+Inf\"}", "_count"];
        let names = names.map(|name| format!("crowsnest_request_duration_seconds{name}"));
        let before: Vec<f64> = names.iter().map(|name| value(name)).collect();
        let failed = value("crowsnest_requests_total{status=\"5xx\"}");
        note(StatusCode::BAD_GATEWAY, Duration::from_millis(200));
        note(StatusCode::BAD_GATEWAY, Duration::from_secs(90));
        let added: Vec<f64> = names.iter().zip(before).map(|(name, before)| value(name) - before).collect();
        assert!(added[1] >= 1.0 && added[2] >= 2.0 && added[3] >= 2.0, "{added:?}");
        assert!(value("crowsnest_requests_total{status=\"5xx\"}") >= failed + 2.0);
    }
}
