//! `/account`: who you are here, what you may do, your password and your tokens.

use askama::Template;
use async_trait::async_trait;
use axum::http::header;
use axum::response::{Html, IntoResponse as _, Response};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::people::{Role, Scope, Token};
use crowsnest_lake::{Answer, OidcConfig};
use serde::Serialize;

use crate::ServeError;
use crate::accounts::now;
use crate::frame::Frame;
use crate::numbers;
use crate::oidc;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::say;

pub(crate) struct AccountPage;

const FIELDS: &[(&str, Holds)] = &[
    ("id", Holds::Count),
    ("label", Holds::Text),
    ("scopes", Holds::Text),
    ("state", Holds::Text),
    ("created_at", Holds::Instant),
    ("expires_at", Holds::Instant),
    ("last_used_at", Holds::Instant),
];

#[derive(Serialize)]
struct Row {
    id: i64,
    label: String,
    scopes: String,
    state: &'static str,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl Row {
    fn new(token: Token, now: i64) -> Self {
        let state = match (token.revoked_at, token.holds_at(now)) {
            (Some(_), _) => "revoked",
            (None, true) => "holds",
            (None, false) => "expired",
        };
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        Self {
            id: token.id,
            scopes: scopes.join(" "),
            label: token.label,
            state,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

fn tokens(request: &PageRequest) -> Result<Vec<Row>, ServeError> {
    if !request.has_account {
        return Ok(Vec::new());
    }
    let tokens = request.lake.state().tokens(Some(&request.caller.name))?;
    Ok(tokens.into_iter().map(|token| Row::new(token, now())).collect())
}

#[async_trait]
impl Page for AccountPage {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        Ok(own_rows::answer(FIELDS, &tokens(request)?)?)
    }

    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        self.html_with(request, "")
    }
}

/// The page with a token that was made this moment; it is shown this once.
pub(crate) fn with_new_token(page: &AccountPage, request: &PageRequest, secret: &str) -> Result<Response, ServeError> {
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(page.html_with(request, secret)?)).into_response())
}

struct TokenLine {
    id: i64,
    label: String,
    scopes: String,
    state: &'static str,
    state_label: String,
    until: String,
    last_used: String,
}

struct ScopeChoice {
    word: &'static str,
    label: String,
    is_first: bool,
}

/// How somebody logs in.
#[derive(Default)]
struct Ways {
    has_password: bool,
    /// What people call the market's provider; empty where there is none.
    provider: String,
    /// Whether they log in by it.
    is_linked: bool,
    /// Where they begin to link it.
    link: String,
}

impl Ways {
    fn of(request: &PageRequest) -> Result<Self, ServeError> {
        let (state, name) = (request.lake.state(), request.caller.name.as_str());
        let Some(user) = state.user(name)?.filter(|_| request.has_account) else { return Ok(Self::default()) };
        let config = request.lake.market().config.login.oidc.as_ref();
        let is_own = |issuer: &str| config.is_some_and(|config| config.issuer == issuer);
        Ok(Self {
            has_password: !user.password_hash.is_empty(),
            provider: config.map(OidcConfig::title).unwrap_or_default(),
            is_linked: state.logins()?.iter().any(|login| login.user == name && is_own(&login.issuer)),
            link: oidc::link_address(&request.form_token),
        })
    }
}

impl AccountPage {
    fn html_with(&self, request: &PageRequest, new_token: &str) -> Result<String, ServeError> {
        let language = request.language;
        let page = Frame::new(request, say(language, "account.title"));
        let moment = |at: Option<i64>| at.map(numbers::minute).unwrap_or_default();
        let token_lines = tokens(request)?.into_iter().map(|row| TokenLine {
            state_label: say(language, &format!("token.{}", row.state)).to_owned(),
            until: moment(row.expires_at),
            last_used: moment(row.last_used_at),
            id: row.id,
            label: row.label,
            scopes: row.scopes,
            state: row.state,
        });
        let caller = &request.caller;
        let choices = Scope::ALL.into_iter().filter(|scope| scope.role() <= caller.role).map(|scope| ScopeChoice {
            word: scope.as_str(),
            label: say(language, &format!("scope.{}", scope.as_str())).to_owned(),
            is_first: scope == Scope::Read,
        });
        let ways = Ways::of(request)?;
        let view = AccountView {
            has_account: request.has_account,
            is_visitor: !request.has_account && caller.role < Role::Admin,
            name: &caller.name,
            role: say(language, &format!("role.{}", caller.role)).to_owned(),
            may: say(language, &format!("may.{}", caller.role)).to_owned(),
            is_admin: caller.role == Role::Admin,
            did: match request.get("did") {
                Some("password") => say(language, "account.did.password"),
                Some("revoked") => say(language, "account.did.revoked"),
                Some("linked") => say(language, "account.did.linked"),
                _ => "",
            },
            tokens: token_lines.collect(),
            scopes: choices.collect(),
            new_token,
            ways,
            page: &page,
        };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountView<'a> {
    page: &'a Frame,
    has_account: bool,
    is_visitor: bool,
    name: &'a str,
    role: String,
    may: String,
    is_admin: bool,
    did: &'a str,
    tokens: Vec<TokenLine>,
    scopes: Vec<ScopeChoice>,
    new_token: &'a str,
    ways: Ways,
}
