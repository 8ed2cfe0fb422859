//! `crowsnest cluster`, where this program was built without it.

use clap::Args;

use crate::context::Context;
use crate::failure::{Done, Failure};

/// Answer large questions on several machines (not in this build)
#[derive(Debug, Args)]
pub(crate) struct ClusterCommand {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _ignored: Vec<String>,
}

impl ClusterCommand {
    #[expect(clippy::unused_async, reason = "commands are called alike")]
    pub(crate) async fn run(self, _context: &Context) -> Result<Done, Failure> {
        Err(Failure::users(
            "this crowsnest was built without the cluster",
            "build it with `cargo build --release -p crowsnest-cli --features cluster`",
        ))
    }
}
