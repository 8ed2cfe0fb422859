//! `/users`: who may log in, as what, and by which way; for admins, with forms to change it.

use std::collections::BTreeMap;

use askama::Template;
use async_trait::async_trait;
use axum::http::header;
use axum::response::{Html, IntoResponse as _, Response};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::people::{Role, Token, User};
use crowsnest_lake::{Answer, OidcConfig};
use serde::Serialize;

use crate::ServeError;
use crate::accounts::now;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::{say, say_with};

pub(crate) struct UsersPage;

const FIELDS: &[(&str, Holds)] = &[
    ("name", Holds::Text),
    ("role", Holds::Text),
    ("created_at", Holds::Instant),
    ("last_seen_at", Holds::Instant),
    ("logs_in_by", Holds::Text),
    ("tokens", Holds::Count),
];

#[derive(Serialize)]
struct Row {
    name: String,
    role: Role,
    created_at: i64,
    last_seen_at: Option<i64>,
    logs_in_by: String,
    tokens: usize,
}

/// A user with what they log in by, and their tokens that hold.
struct Somebody {
    user: User,
    issuers: Vec<String>,
    tokens: Vec<Token>,
}

fn everybody(request: &PageRequest) -> Result<Vec<Somebody>, ServeError> {
    let state = request.lake.state();
    let mut issuers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for login in state.logins()? {
        issuers.entry(login.user).or_default().push(login.issuer);
    }
    let mut tokens: BTreeMap<String, Vec<Token>> = BTreeMap::new();
    for token in state.tokens(None)?.into_iter().filter(|token| token.holds_at(now())) {
        tokens.entry(token.user.clone()).or_default().push(token);
    }
    let users = state.users()?.into_iter().map(|user| Somebody {
        issuers: issuers.remove(&user.name).unwrap_or_default(),
        tokens: tokens.remove(&user.name).unwrap_or_default(),
        user,
    });
    Ok(users.collect())
}

impl Somebody {
    /// The ways in which they log in: `password`, or the address of a provider.
    fn ways(&self) -> Vec<&str> {
        let password = (!self.user.password_hash.is_empty()).then_some("password");
        password.into_iter().chain(self.issuers.iter().map(String::as_str)).collect()
    }

    fn row(self) -> Row {
        Row {
            logs_in_by: self.ways().join(" "),
            role: self.user.role,
            created_at: self.user.created_at,
            last_seen_at: self.user.last_seen_at,
            tokens: self.tokens.len(),
            name: self.user.name,
        }
    }
}

#[async_trait]
impl Page for UsersPage {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let rows: Vec<Row> = everybody(request)?.into_iter().map(Somebody::row).collect();
        Ok(own_rows::answer(FIELDS, &rows)?)
    }

    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        self.html_with(request, "", "")
    }
}

/// The page with a password that was made for somebody this moment; it is shown this once.
pub(crate) fn with_password(
    page: &UsersPage,
    request: &PageRequest,
    name: &str,
    password: &str,
) -> Result<Response, ServeError> {
    let html = page.html_with(request, name, password)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response())
}

struct RoleChoice {
    word: &'static str,
    label: String,
    is_current: bool,
}

fn role_choices(page: &Frame, current: Role) -> Vec<RoleChoice> {
    let choice = |role: Role| RoleChoice {
        word: role.as_str(),
        label: say(page.language(), &format!("role.{role}")).to_owned(),
        is_current: role == current,
    };
    Role::ALL.into_iter().map(choice).collect()
}

struct TokenLine {
    id: i64,
    label: String,
    scopes: String,
    used: String,
}

struct Line {
    name: String,
    roles: Vec<RoleChoice>,
    role_label: String,
    since: String,
    seen: String,
    by: String,
    tokens: Vec<TokenLine>,
    is_oneself: bool,
}

impl Line {
    fn new(somebody: Somebody, request: &PageRequest, page: &Frame) -> Self {
        let moment = |at: Option<i64>| at.map(numbers::minute).unwrap_or_default();
        let provider = request.lake.market().config.login.oidc.as_ref();
        let way = |way: &str| match provider {
            _ if way == "password" => page.say("users.by.password").to_owned(),
            Some(config) if config.issuer == way => OidcConfig::title(config),
            _ => way.to_owned(),
        };
        let by: Vec<String> = somebody.ways().into_iter().map(way).collect();
        let Somebody { user, tokens, .. } = somebody;
        let tokens = tokens.into_iter().map(|token| TokenLine {
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
            used: moment(token.last_used_at),
            id: token.id,
            label: token.label,
        });
        Self {
            roles: role_choices(page, user.role),
            role_label: say_with(page.language(), "users.role_of", &user.name),
            since: numbers::minute(user.created_at),
            seen: moment(user.last_seen_at),
            by: by.join(", "),
            tokens: tokens.collect(),
            is_oneself: request.has_account && request.caller.name == user.name,
            name: user.name,
        }
    }
}

impl UsersPage {
    fn html_with(&self, request: &PageRequest, name: &str, password: &str) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "users.title"));
        let users = everybody(request)?.into_iter().map(|somebody| Line::new(somebody, request, &page));
        let users: Vec<Line> = users.collect();
        let first = if users.is_empty() { Role::Admin } else { Role::Viewer };
        let view = UsersView {
            new_roles: role_choices(&page, first),
            users,
            did: match request.get("did") {
                Some("role") => say(request.language, "users.did.role"),
                Some("removed") => say(request.language, "users.did.removed"),
                Some("revoked") => say(request.language, "account.did.revoked"),
                _ => "",
            },
            name,
            password,
            page: &page,
        };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersView<'a> {
    page: &'a Frame,
    did: &'a str,
    /// Whose password was made, and the password; empty where none was.
    name: &'a str,
    password: &'a str,
    users: Vec<Line>,
    new_roles: Vec<RoleChoice>,
}
