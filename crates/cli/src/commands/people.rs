//! `crowsnest user` and `crowsnest token`: who may log in and do what, and keys for their programs.

pub(crate) mod note;

use clap::{Args, Subcommand};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::people::{Role, Scope, Token, User};
use crowsnest_lake::state::{AuditLine, State};
use crowsnest_lake::{Lake, LakeError};
use crowsnest_serve::credentials;
use serde::Serialize;

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, column};

/// Say who may log in to the server, and what they may do
#[derive(Debug, Args)]
#[command(
    name = "user",
    after_help = "Examples:
  crowsnest user add ann --role admin
  crowsnest user add mei --role editor --ask
  crowsnest user role mei analyst
  crowsnest user list

Roles: a viewer reads what sources allow to be passed on; an analyst reads everything; an editor also decides who is who; an
admin also reads the audit log, and does on the page /users what this command does. Without --ask a password is made and shown
once. Of passwords only a hash is kept."
)]
pub(crate) struct UserCommand {
    #[command(subcommand)]
    task: UserTask,
}

#[derive(Debug, Subcommand)]
enum UserTask {
    /// Add somebody
    Add {
        /// Lower-case name, by which they log in and sign what they decide
        name: String,
        /// viewer, analyst, editor or admin
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// Ask for the password, or read it from standard input
        #[arg(long)]
        ask: bool,
    },
    /// Everybody who may log in
    List,
    /// Give somebody another role
    Role {
        /// Who
        name: String,
        /// viewer, analyst, editor or admin
        role: Role,
    },
    /// Give somebody another password; where they are logged in, that ends
    Password {
        /// Who
        name: String,
        /// Ask for the password, or read it from standard input
        #[arg(long)]
        ask: bool,
    },
    /// Remove somebody, with their tokens; what they decided stays
    Remove {
        /// Who
        name: String,
    },
}

/// Keys by which programs ask the server, each good for some things and for some time
#[derive(Debug, Args)]
#[command(
    name = "token",
    after_help = "Examples:
  crowsnest token add --user ann --label 'the notebook' --scope licensed --days 90
  curl -H \"Authorization: Bearer $TOKEN\" https://radar.example.com/league.json
  crowsnest token list
  crowsnest token revoke 3

Scopes: read what may be passed on; licensed: read everything; decide who is who; admin: all that the user may. A token is never
good for more than its user. It is shown once: only a hash is kept."
)]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    task: TokenTask,
}

#[derive(Debug, Subcommand)]
enum TokenTask {
    /// Make a token, and show it this once
    Add {
        /// Whose it is
        #[arg(long, value_name = "NAME")]
        user: String,
        /// What it is for
        #[arg(long, default_value = "")]
        label: String,
        /// read, licensed, decide or admin; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", default_value = "read")]
        scopes: Vec<Scope>,
        /// Days that it is good for; 0 for ever
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// All tokens, without their secrets
    List {
        /// Only those of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// End a token for good
    Revoke {
        /// Its number, as listed
        id: i64,
    },
}

const USERS: &[Column] = &[
    column("name", "name", Cell::Text),
    column("role", "role", Cell::Text),
    column("created_at", "since", Cell::Moment),
    column("last_seen_at", "last here", Cell::Moment),
];
const USER_FIELDS: &[(&str, Holds)] =
    &[("name", Holds::Text), ("role", Holds::Text), ("created_at", Holds::Instant), ("last_seen_at", Holds::Instant)];
const TOKENS: &[Column] = &[
    column("id", "no.", Cell::Figure),
    column("user", "user", Cell::Text),
    column("label", "for", Cell::Text),
    column("scopes", "scopes", Cell::Text),
    column("state", "", Cell::Text),
    column("expires_at", "until", Cell::Moment),
    column("last_used_at", "last used", Cell::Moment),
];
const TOKEN_FIELDS: &[(&str, Holds)] = &[
    ("id", Holds::Count),
    ("user", Holds::Text),
    ("label", Holds::Text),
    ("scopes", Holds::Text),
    ("state", Holds::Text),
    ("created_at", Holds::Instant),
    ("expires_at", Holds::Instant),
    ("last_used_at", Holds::Instant),
];

impl UserCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let state = lake.state();
        match self.task {
            UserTask::Add { name, role, ask } => add_user(context, &lake, &name, role, ask),
            UserTask::List => {
                context.print(&own_rows::answer(USER_FIELDS, &state.users()?)?, Layout::of(USERS))?;
                Ok(Done::Well)
            }
            UserTask::Role { name, role } => {
                expect(state.set_role(&name, role)?, &name)?;
                note(state, "user.role", &format!("{name} is {role} now"))
            }
            UserTask::Password { name, ask } => {
                let (password, is_made) = password(ask)?;
                expect(state.set_password(&name, &credentials::hash_password(&password)?)?, &name)?;
                show_secret(context, &name, is_made.then_some(password.as_str()))?;
                note_quietly(state, "user.password", &format!("{name} has another password"))
            }
            UserTask::Remove { name } => {
                expect(state.remove_user(&name)?, &name)?;
                if !state.has_users()? {
                    context.note("nobody is left who could log in; on this machine alone, no login is needed then");
                }
                note(state, "user.remove", &format!("{name} is removed, with their tokens"))
            }
        }
    }
}

fn add_user(context: &Context, lake: &Lake, name: &str, role: Role, ask: bool) -> Result<Done, Failure> {
    let name = credentials::user_name(name)?;
    let (password, is_made) = password(ask)?;
    let user = User {
        name: name.clone(),
        role,
        password_hash: credentials::hash_password(&password)?,
        created_at: now(),
        last_seen_at: None,
    };
    let is_first = !lake.state().has_users()?;
    if !lake.state().add_user(&user)? {
        let hint = format!("give another name, or change the one there is: `crowsnest user role {name} {role}`");
        return Err(Failure::users(format!("there is a user {name} already"), hint));
    }
    show_secret(context, &name, is_made.then_some(password.as_str()))?;
    if is_first && role != Role::Admin {
        context.note("this is the first user, and no admin: nobody may read the audit log on the pages yet");
    }
    note_quietly(lake.state(), "user.add", &format!("{name} is added as {role}"))
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

/// Tells who was added or changed, with a password that was made: this once.
fn show_secret(context: &Context, name: &str, password: Option<&str>) -> Result<(), Failure> {
    if context.format() == Format::Json {
        return print::line(&serde_json::to_string(&Shown { name, password }).map_err(LakeError::from)?);
    }
    match password {
        Some(password) => print::line(&format!("{name} logs in with the password {password}")),
        None => print::line(&format!("{name} logs in with that password")),
    }
}

/// A password that is asked for or read, or one that is made; and whether it is made.
fn password(ask: bool) -> Result<(String, bool), Failure> {
    if !ask {
        return Ok((credentials::new_password()?, true));
    }
    let failed = |error: std::io::Error| Failure::users(format!("no password could be read: {error}"), "type one");
    let mut line = String::new();
    if print::is_input_terminal() {
        line = ask_hidden("password (at least 12 characters, not shown): ").map_err(failed)?;
    } else {
        std::io::stdin().read_line(&mut line).map_err(failed)?;
    }
    Ok((line.trim_end_matches(['\r', '\n']).to_owned(), false))
}

/// A line that is typed without being shown, with its end.
pub(super) fn ask_hidden(question: &str) -> std::io::Result<String> {
    print::question(question);
    let _hidden = Hidden::begin();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    print::aside("");
    Ok(line)
}

/// While it lives, the terminal does not show what is typed.
struct Hidden;

impl Hidden {
    fn begin() -> Self {
        Self::stty("-echo");
        Self
    }

    fn stty(how: &str) {
        // Where there is no such program, what is typed is seen: no reason not to take it.
        if let Err(error) = std::process::Command::new("stty").arg(how).status() {
            tracing::debug!(%error, "the terminal goes on showing what is typed");
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        Self::stty("echo");
    }
}

#[derive(Serialize)]
struct TokenRow {
    id: i64,
    user: String,
    label: String,
    scopes: String,
    state: &'static str,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

fn token_row(token: Token, now: i64) -> TokenRow {
    let state = match (token.revoked_at, token.holds_at(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "holds",
        (None, false) => "expired",
    };
    TokenRow {
        scopes: token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
        id: token.id,
        user: token.user,
        label: token.label,
        state,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}

impl TokenCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        match self.task {
            TokenTask::Add { user, label, scopes, days } => add_token(context, &lake, &user, label, scopes, days),
            TokenTask::List { user } => {
                let tokens = lake.state().tokens(user.as_deref())?;
                let rows: Vec<TokenRow> = tokens.into_iter().map(|token| token_row(token, now())).collect();
                context.print(&own_rows::answer(TOKEN_FIELDS, &rows)?, Layout::of(TOKENS))?;
                Ok(Done::Well)
            }
            TokenTask::Revoke { id } => {
                if !lake.state().revoke_token(id, None, now())? {
                    let message = format!("no token {id} holds");
                    return Err(Failure::users(message, "see them with `crowsnest token list`"));
                }
                note(lake.state(), "token.revoke", &format!("token {id} is revoked"))
            }
        }
    }
}

fn add_token(
    context: &Context,
    lake: &Lake,
    user: &str,
    label: String,
    scopes: Vec<Scope>,
    days: u32,
) -> Result<Done, Failure> {
    let Some(owner) = lake.state().user(user)? else {
        return Err(Failure::users(format!("there is no user {user}"), "see them with `crowsnest user list`"));
    };
    if let Some(scope) = scopes.iter().find(|scope| scope.role() > owner.role) {
        let message = format!("{user} is {}: a token of theirs is never good for {}", owner.role, scope.as_str());
        return Err(Failure::users(message, format!("leave the scope out, or make {user} {}", scope.role())));
    }
    let (token, secret) = credentials::new_token(user, &label, &scopes, days, now())?;
    let id = lake.state().add_token(&token, &secret)?;
    if context.format() == Format::Json {
        let shown = serde_json::json!({ "id": id, "user": user, "token": secret, "expires_at": token.expires_at });
        print::line(&shown.to_string())?;
    } else {
        print::line(&secret)?;
    }
    let until = if days == 0 { "for ever".to_owned() } else { format!("for {days} days") };
    context.note(&format!("token {id} of {user}, {until}; it is not shown again"));
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    note_quietly(lake.state(), "token.add", &format!("token {id} of {user} for {label:?}: {}", words.join(" ")))
}

fn expect(is_there: bool, name: &str) -> Result<(), Failure> {
    if is_there {
        return Ok(());
    }
    Err(Failure::users(format!("there is no user {name}"), "see them with `crowsnest user list`"))
}

pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Tells what was done, here and in the audit log.
pub(super) fn note(state: &State, action: &str, what: &str) -> Result<Done, Failure> {
    print::line(what)?;
    note_quietly(state, action, what)
}

fn note_quietly(state: &State, action: &str, what: &str) -> Result<Done, Failure> {
    state.note(&AuditLine {
        at: now(),
        who: context::user(),
        action: action.into(),
        what: what.into(),
        via: "command".into(),
    })?;
    Ok(Done::Well)
}
