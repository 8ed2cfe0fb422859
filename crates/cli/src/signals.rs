//! When the system, or the user, asks a command to stop that would go on by itself.

use crate::commands::Command;

impl Command {
    /// Whether Ctrl-C is how the command is meant to end.
    pub(crate) fn stops_itself(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Demo(_) | Self::Cluster(_) | Self::Collect(_) | Self::Mcp(_))
    }
}

/// Ends with Ctrl-C, or when the system asks to stop.
pub(crate) async fn stopped() {
    let asked = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut asked) => {
                asked.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = asked => {}
    }
}
