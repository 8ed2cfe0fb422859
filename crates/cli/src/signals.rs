//! When the system, or the user, asks a command to stop that would go on by itself.

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
