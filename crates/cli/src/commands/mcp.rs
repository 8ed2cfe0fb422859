//! `crowsnest mcp`: the market for an agent, over standard input and output.

use clap::Args;
use crowsnest_serve::{AgentOptions, serve_agent};

use crate::context::Context;
use crate::failure::{Done, Failure};

/// Let an agent ask, over standard input and output (Model Context Protocol)
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest mcp --market ~/markets/ai
  crowsnest mcp --site https://radar.example.com

The agent's program starts this command itself; its settings name it, for example as
  { \"mcpServers\": { \"crowsnest\": { \"command\": \"crowsnest\", \"args\": [\"mcp\", \"--market\", \"/markets/ai\"] } } }
A server that is running (crowsnest serve) has the same tools at http://127.0.0.1:7171/mcp.

Rows of sources whose card says redistribute = false are left out: what an agent reads goes to whoever runs its model.")]
pub(crate) struct Mcp {
    /// Address of the pages, for citing them
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7171")]
    site: String,
    /// Also rows of sources that may not be passed on, where the model is your own
    #[arg(long)]
    include_restricted: bool,
}

impl Mcp {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let options = AgentOptions { site: self.site, include_restricted: self.include_restricted };
        Box::pin(serve_agent(lake, options)).await?;
        Ok(Done::Well)
    }
}
