//! `serve`: the pages, until Ctrl-C.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use crowsnest_lake::Lake;
use crowsnest_serve::ServeOptions;
use tokio::sync::oneshot;

use crate::args::Global;
use crate::failure::Failure;
use crate::print;

/// `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest serve\n  crowsnest serve --listen 127.0.0.1:0     # a free port\n  \
                        crowsnest serve --listen 0.0.0.0:7171 --host radar.example.com")]
pub(crate) struct Serve {
    /// Address and port; beyond this machine only if you say so
    #[arg(long, default_value = "127.0.0.1:7171")]
    listen: SocketAddr,
    /// A further name under which visitors reach it
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

impl Serve {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let lake = global.lake().await?;
        until_stopped(lake, ServeOptions { listen: self.listen, hosts: self.hosts }).await
    }
}

/// Serves and prints the address once the port is open; follows what others commit meanwhile.
pub(crate) async fn until_stopped(lake: Lake, options: ServeOptions) -> Result<ExitCode, Failure> {
    let (bound, address) = oneshot::channel();
    let refreshing = tokio::spawn(follow(lake.clone()));
    let serving = crowsnest_serve::serve(lake, options, bound, stopped());
    let announcing = async {
        if let Ok(address) = address.await {
            print::out(&format!("http://{address}/"))?;
            print::say("serving; stop with Ctrl-C");
        }
        Ok::<(), Failure>(())
    };
    let (served, announced) = tokio::join!(serving, announcing);
    refreshing.abort();
    served?;
    announced?;
    Ok(ExitCode::SUCCESS)
}

async fn follow(lake: Lake) {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        if let Err(error) = lake.refresh().await {
            tracing::warn!(%error, "the lake could not be looked at again");
        }
    }
}

async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        };
    };
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
    }
}
