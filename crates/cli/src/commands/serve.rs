//! `crowsnest serve`: the pages.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use crowsnest_lake::Lake;
use crowsnest_run::WatchEvent;
use crowsnest_serve::ServeOptions;
use tokio::sync::oneshot;

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::options::parse_address;
use crate::print;
use crate::signals::stopped;
use crate::sql_port::{self, SqlPort};

/// Serve the market's pages
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest serve
  crowsnest serve --listen 127.0.0.1:8080 --open
  crowsnest serve --listen 0.0.0.0:80 --host radar.example.com
  crowsnest serve --listen 0.0.0.0:80 --public
  crowsnest serve --sql 127.0.0.1:5432
  CROWSNEST_SQL_PASSWORD=… crowsnest serve --sql 0.0.0.0:5432 --sql-cert radar.pem --sql-key radar.key

On this machine alone you may do everything. Once there is a user (`crowsnest user add`), and wherever others can reach the
server, people log in; with --public, whoever comes may read what sources allow to be passed on. Put a proxy with TLS in front
of a server that others reach, and name it with --host.

Beside the pages are the HTTP API (/v1/openapi.json) and a server for agents (/mcp); --sql opens a port that speaks as
Postgres does, for psql, drivers and dashboards, with the same users and tokens.")]
pub(crate) struct Serve {
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7171", value_parser = parse_address)]
    listen: SocketAddr,
    /// A name under which visitors reach the server; may be given several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Let whoever reaches the server read, without logging in, what sources allow to be passed on
    #[arg(long)]
    public: bool,
    /// Open the pages in the browser
    #[arg(long)]
    open: bool,
    /// Leave the sources alone, whatever their schedules say
    #[arg(long)]
    no_collect: bool,
    #[command(flatten)]
    sql: SqlPort,
}

impl Serve {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let options =
            ServeOptions { listen: self.listen, hosts: self.host, is_public: self.public, owner: context::user() };
        if options.is_reached_by_others() && !options.is_public && !lake.state().has_users()? {
            context.note("nobody can log in yet: `crowsnest user add NAME --role admin`");
        }
        let collecting = (!self.no_collect).then(|| collect_beside(&lake)).transpose()?;
        let sql = self.sql.options(&lake)?;
        let served = match sql {
            None => pages(lake, options, self.open).await,
            Some(sql) => {
                let beside = Box::pin(sql_port::serve(lake.clone(), sql));
                tokio::try_join!(pages(lake, options, self.open), beside).map(|(done, ())| done)
            }
        };
        if let Some((stop, collecting)) = collecting {
            // Nobody waits any more where it ended by itself.
            let _ = stop.send(());
            let _ = collecting.await;
        }
        served
    }
}

type Collecting = (oneshot::Sender<()>, tokio::task::JoinHandle<()>);

/// Collects sources on their schedules while the pages are served.
fn collect_beside(lake: &Lake) -> Result<Collecting, Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (lake, clock) = (lake.clone(), super::collect::clock()?);
    let collecting = tokio::spawn(async move {
        let stopped = async { _ = stopped.await };
        Box::pin(crowsnest_run::keep_collecting(lake, clock, Arc::new(log_faults), stopped)).await;
    });
    Ok((stop, collecting))
}

fn log_faults(event: WatchEvent) {
    if let WatchEvent::Ended(report) = event
        && !matches!(report.outcome.as_str(), "done" | "stopped")
    {
        tracing::warn!(source = %report.source, outcome = %report.outcome, message = %report.message, "not collected well");
    }
}

/// Serves until it is asked to stop, and says where.
pub(super) async fn pages(lake: Lake, options: ServeOptions, is_opening: bool) -> Result<Done, Failure> {
    let (bound, address) = oneshot::channel();
    let serving = Box::pin(crowsnest_serve::serve(lake, options, bound, stopped()));
    let telling = async {
        let Ok(address) = address.await else { return Ok(()) };
        let url = format!("http://{address}/");
        print::line(&format!("open {url} (Ctrl-C stops)"))?;
        if is_opening {
            open_browser(&url);
        }
        Ok::<(), Failure>(())
    };
    let (served, told) = tokio::join!(serving, telling);
    served?;
    // Whoever started this may have closed the pipe that the address went to; the pages were served all the same.
    match told {
        Err(Failure::Output { .. }) | Ok(()) => Ok(Done::Well),
        Err(failure) => Err(failure),
    }
}

fn open_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let null = std::process::Stdio::null;
    let started = std::process::Command::new(opener).arg(url).stdin(null()).stdout(null()).stderr(null()).spawn();
    if let Err(error) = started {
        print::note(&format!("the browser could not be opened with {opener}: {error}"));
    }
}
