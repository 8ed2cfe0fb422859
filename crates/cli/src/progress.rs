//! A progress bar on standard error: bytes read, records, rate, time left. Where that is no terminal, nothing.

use crowsnest_collect::Progress;
use crowsnest_identify::matching::MatchProgress;
use crowsnest_lake::Lake;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WITH_END: &str = "{wide_msg} {bar:24} {bytes}/{total_bytes} · {prefix} · {bytes_per_sec} · {eta} left";
const WITHOUT_END: &str = "{wide_msg} {spinner} {bytes} · {prefix} · {bytes_per_sec} · {elapsed}";

/// The bar.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    n_records: AtomicU64,
}

impl Bar {
    pub(crate) fn new(is_shown: bool) -> Self {
        let target = if is_shown { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        Self { bar: ProgressBar::with_draw_target(None, target), n_records: AtomicU64::new(0) }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar of stages, each with its parts.
#[derive(Debug)]
pub(crate) struct Stages(ProgressBar);

impl Stages {
    pub(crate) fn new(is_shown: bool) -> Self {
        let target = if is_shown { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{wide_msg} {bar:24} {pos}/{len} · {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(bar)
    }

    /// Shows what is being done, and how many of how many parts of that are done.
    pub(crate) fn show(&self, name: &'static str, n_done: u64, n_all: u64) {
        self.0.set_message(name);
        self.0.set_length(n_all);
        self.0.set_position(n_done);
    }
}

impl MatchProgress for Stages {
    fn stage(&self, name: &'static str, n_done: u64, n_all: u64) {
        self.show(name, n_done, n_all);
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Shows how far the questions are that run on the cluster, until the command ends.
pub(crate) async fn show_jobs(lake: Lake) {
    let target = ProgressDrawTarget::stderr_with_hz(8);
    let bar = ProgressBar::with_draw_target(None, target);
    let mut clock = tokio::time::interval(Duration::from_millis(250));
    loop {
        clock.tick().await;
        let jobs = lake.jobs();
        if jobs.is_empty() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            continue;
        }
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        let n_stages: usize = jobs.iter().map(|job| job.n_stages_done).sum();
        let again = jobs.iter().map(|job| job.n_retries).max().unwrap_or_default();
        let retried = if again > 0 { format!(", begun anew {again} times") } else { String::new() };
        bar.set_message(format!("on the cluster: {n_stages} stages done{retried}"));
        bar.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Progress for Bar {
    fn set_total_bytes(&self, n_bytes: Option<u64>) {
        let template = if n_bytes.is_some() { WITH_END } else { WITHOUT_END };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.reset();
        self.n_records.store(0, Ordering::Relaxed);
        match n_bytes {
            Some(n_bytes) => self.bar.set_length(n_bytes),
            None => self.bar.unset_length(),
        }
    }

    fn advance(&self, n_bytes: u64, n_records: u64) {
        let n = self.n_records.fetch_add(n_records, Ordering::Relaxed) + n_records;
        self.bar.set_prefix(format!("{} records", crate::number::count(n)));
        self.bar.inc(n_bytes);
    }

    fn message(&self, text: &str) {
        self.bar.set_message(crate::print::clean(text));
    }
}
