//! A progress bar on standard error: bytes read, records, rate, time left. Where that is no terminal, nothing.

use crowsnest_collect::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};

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
