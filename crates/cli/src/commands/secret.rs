//! `crowsnest secret`: passwords and keys that the market keeps, encrypted with a key that lies elsewhere.

use std::io::Read as _;

use clap::{Args, Subcommand};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::sealed::Key;
use crowsnest_lake::state::{Sealed, State};
use serde::Serialize;

use super::people::{ask_hidden, note, now};
use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, column};

/// Keep passwords and keys of sources, channels and stores in the market, encrypted
#[derive(Debug, Args)]
#[command(
    name = "secret",
    after_help = "Examples:
  crowsnest secret set SMTP_PASSWORD                      asks, and shows nothing of it
  crowsnest secret set SLACK_URL < slack-url.txt
  crowsnest secret list
  crowsnest secret remove SMTP_PASSWORD

Where a file says {secret:NAME}, the environment's variable of that name is taken, else the line of the market's secrets file, else
what is kept. It is kept in state.db, encrypted with AES-256-GCM. The key is that of CROWSNEST_KEY, or the file in
CROWSNEST_KEY_FILE, or ~/.config/crowsnest/key, which is made when it is first needed. Backups hold secrets encrypted, and never
the key: keep a copy of it elsewhere."
)]
pub(crate) struct SecretCommand {
    #[command(subcommand)]
    task: SecretTask,
}

#[derive(Debug, Subcommand)]
enum SecretTask {
    /// Keep a secret, in the place of one of that name; its value is asked for, or read from standard input
    Set {
        /// As files name it: {secret:NAME}
        name: String,
    },
    /// What is kept, by name, and whether it can be read; never a value
    List,
    /// Forget a secret
    Remove {
        /// Its name
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    column("name", "name", Cell::Text),
    column("state", "", Cell::Text),
    column("key", "key", Cell::Text),
    column("set_at", "set", Cell::Moment),
    column("set_by", "by", Cell::Text),
];
const FIELDS: &[(&str, Holds)] = &[
    ("name", Holds::Text),
    ("state", Holds::Text),
    ("key", Holds::Text),
    ("set_at", Holds::Instant),
    ("set_by", Holds::Text),
];

#[derive(Serialize)]
struct SecretRow {
    name: String,
    state: &'static str,
    key: String,
    set_at: i64,
    set_by: String,
}

impl SecretCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        // Without the lake: its store may need the very secret that is being set.
        let state = State::of(&context.market()?)?;
        match self.task {
            SecretTask::Set { name } => set(context, &state, &name),
            SecretTask::List => list(context, &state),
            SecretTask::Remove { name } => {
                if !state.forget_secret(&name)? {
                    let message = format!("no secret {name} is kept");
                    return Err(Failure::users(message, "see them with `crowsnest secret list`"));
                }
                note(&state, "secret.remove", &format!("secret {name} is forgotten"))
            }
        }
    }
}

fn set(context: &Context, state: &State, name: &str) -> Result<Done, Failure> {
    const HINT: &str =
        "give that key in CROWSNEST_KEY_FILE or CROWSNEST_KEY; without it, remove the others and set them anew";
    let market = context.market_dir()?;
    let others = state.kept_secrets()?.into_iter().filter(|secret| secret.name != name);
    let mut keys = others.map(|secret| secret.key_id);
    let key = match (Key::find(&market)?, keys.next()) {
        (None, None) => Key::find_or_make(&market)?,
        (None, Some(other)) => {
            let message = format!("the market's secrets are encrypted with key {other}, and that key is not here");
            return Err(Failure::users(message, HINT));
        }
        (Some(key), first) => {
            if let Some(other) = first.into_iter().chain(keys).find(|other| other != key.id()) {
                let message =
                    format!("the market's secrets are encrypted with key {other}, and this is key {}", key.id());
                return Err(Failure::users(message, HINT));
            }
            key
        }
    };
    let secret = key.seal(name, &value(name)?, &context::user(), now())?;
    state.keep_secret(&secret)?;
    note(state, "secret.set", &format!("secret {name} is kept, encrypted with key {}", key.id()))
}

/// What is typed without being shown, or all of standard input but for the end of its last line.
fn value(name: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::users(format!("no value could be read: {error}"), "give it on standard input, as text in UTF-8")
    };
    let mut text = String::new();
    if print::is_input_terminal() {
        text = ask_hidden(&format!("{name} (not shown): ")).map_err(failed)?;
    } else {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn list(context: &Context, state: &State) -> Result<Done, Failure> {
    let key = Key::find(&context.market_dir()?)?;
    let told = |secret: &Sealed| match &key {
        None => "no key",
        Some(key) if key.id() != secret.key_id => "other key",
        Some(key) if key.open(secret).is_ok() => "readable",
        Some(_) => "damaged",
    };
    let row = |secret: Sealed| SecretRow {
        state: told(&secret),
        name: secret.name,
        key: secret.key_id,
        set_at: secret.set_at,
        set_by: secret.set_by,
    };
    let rows: Vec<SecretRow> = state.kept_secrets()?.into_iter().map(row).collect();
    context.print(&own_rows::answer(FIELDS, &rows)?, Layout::of(COLUMNS))?;
    Ok(Done::Well)
}
