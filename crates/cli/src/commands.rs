//! The commands, in one list.
//!
//! To add one: a file in `commands/` with its arguments and `run`, its `mod`, and one line in the list below.

mod alerts;
mod audit;
mod backtest;
mod backup;
mod breakouts;
mod call;
mod claims;
#[cfg(feature = "cluster")]
mod cluster;
mod collect;
mod completions;
mod deciding;
mod demo;
mod detect;
mod diff;
mod digest;
mod directions;
mod doctor;
mod document;
mod events;
mod export;
mod flow;
mod grow;
mod import;
mod lake;
mod league;
mod matching;
mod mcp;
mod metrics;
mod movers;
mod new;
#[cfg(not(feature = "cluster"))]
mod no_cluster;
mod people;
mod periods;
mod products;
mod reconcile;
mod record;
mod replay;
mod report;
mod resolve;
mod review;
mod revisions;
mod secret;
mod series;
mod serve;
mod share;
mod show;
mod source;
mod sources;
mod sql;
mod why;

#[cfg(not(feature = "cluster"))]
use no_cluster as cluster;

use crate::context::Context;
use crate::failure::{Done, Failure};

macro_rules! commands {
    ($($name:ident($arguments:path),)*) => {
        /// What to do; each command tells of itself in its own file.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $($name(Box<$arguments>),)*
        }

        impl Command {
            /// Does it.
            pub(crate) async fn run(self, context: Context) -> Result<Done, Failure> {
                match self {
                    $(Self::$name(arguments) => Box::pin(arguments.run(&context)).await,)*
                }
            }
        }
    };
}

commands! {
    Demo(demo::Demo),
    New(new::New),
    Import(import::Import),
    Collect(collect::Collect),
    Source(source::SourceCommand),
    Replay(replay::Replay),
    Products(products::Products),
    Show(show::Show),
    Why(why::Why),
    League(league::League),
    Movers(movers::Movers),
    Share(share::Share),
    Series(series::Series),
    Claims(claims::Claims),
    Diff(diff::Diff),
    Events(events::Events),
    Match(matching::Match),
    Grow(grow::Grow),
    Reconcile(reconcile::Reconcile),
    Revisions(revisions::Revisions),
    Detect(detect::Detect),
    Breakouts(breakouts::Breakouts),
    Directions(directions::Directions),
    Call(call::Call),
    Record(record::Record),
    Backtest(backtest::Backtest),
    Alerts(alerts::Alerts),
    Digest(digest::Digest),
    Report(report::Report),
    Resolve(resolve::Resolve),
    Review(review::Review),
    Merge(deciding::Merge),
    Split(deciding::Split),
    Rename(deciding::Rename),
    Own(deciding::Own),
    Undo(deciding::Undo),
    Metrics(metrics::Metrics),
    Periods(periods::Periods),
    Sources(sources::Sources),
    Document(document::Document),
    Sql(sql::Sql),
    Export(export::Export),
    Serve(serve::Serve),
    Mcp(mcp::Mcp),
    User(people::UserCommand),
    Token(people::TokenCommand),
    Secret(secret::SecretCommand),
    Note(people::note::NoteCommand),
    Audit(audit::Audit),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Lake(lake::LakeCommand),
    Cluster(cluster::ClusterCommand),
    Doctor(doctor::Doctor),
    Flow(flow::Flow),
    Completions(completions::Completions),
}
