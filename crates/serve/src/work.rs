//! Where what takes processor time is worked out: on threads of their own, which let those go first that take requests.
//!
//! What was made before, a bandit's choice and the word that the server is well are given at once, however much is being
//! worked out at the same time; with one kind of threads they would wait until a question lets go of one.

use std::future::Future;
use std::sync::LazyLock;

use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// From 0 to 99; 50 is what threads usually have.
const PRIORITY: u8 = 35;
/// Plans of questions are deep.
const STACK_BYTES: usize = 8 << 20;

/// Of the process: it ends with it.
static WORK: LazyLock<Option<Runtime>> = LazyLock::new(|| match begin() {
    Ok(runtime) => Some(runtime),
    Err(error) => {
        tracing::warn!(%error, "no threads for what takes long: requests may wait for it");
        None
    }
});

/// Begins a task there.
///
/// # Panics
/// Outside of a runtime, as [`tokio::spawn`] does.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    place().spawn(task)
}

/// Where tasks are begun.
///
/// # Panics
/// Outside of a runtime.
pub(crate) fn place() -> Handle {
    WORK.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
}

/// As many threads as take requests.
fn begin() -> std::io::Result<Runtime> {
    let n_threads = Handle::try_current().map_or(1, |handle| handle.metrics().num_workers());
    Builder::new_multi_thread()
        .enable_all()
        .worker_threads(n_threads)
        .thread_name("work")
        .thread_stack_size(STACK_BYTES)
        .on_thread_start(|| {
            // Where it may not be, or means nothing, all threads are alike.
            if let Some(priority) = PRIORITY.try_into().ok().map(ThreadPriority::Crossplatform)
                && let Err(error) = set_current_thread_priority(priority)
            {
                tracing::debug!(?error, "a thread keeps its priority");
            }
        })
        .build()
}
