//! Finding the caller: by a token, a session or a password; or because whoever runs the server asks it from this machine.
//!
//! In: what a request or a connection brings along. Out: a [`Caller`], or nobody. Each way into the server (pages, API, SQL,
//! agents) asks here, so that the same token opens the same things everywhere.
//!
//! Invariants: what somebody may do is read from the state each time, so that a change holds at once; a token is never
//! good for more than its user; a secret that nobody has is nobody's, and no reason to look for another. Passwords are
//! verified off the threads that answer, few at a time, and guesses are slowed down.

use std::net::SocketAddr;

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue, header};
use crowsnest_lake::Lake;
use crowsnest_lake::state::AuditLine;
use crowsnest_lake::state::people::{Role, Scope, Token, User};

use crate::caller::{Caller, Callers};
use crate::credentials;
use crate::guesses::Guesses;
use crate::request::cookie;
use crate::server::ServeOptions;
use crate::{Result, ServeError};

/// Verifying a password takes 19 MiB: so many at once.
const VERIFYING_MAX: usize = 2;
/// What proxies add; a request with one of these did not come from this machine by itself.
const FORWARDED: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];
const MICROS_PER_SEC: i64 = 1_000_000;

/// The cookie of a session, plainly and under TLS, where its name binds it to this host.
pub(crate) const SESSION_COOKIES: [&str; 2] = ["crowsnest_session", "__Host-crowsnest_session"];

/// By which way somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// They run the server, on this machine, and nobody has to log in yet.
    Owner,
    /// A cookie with this secret.
    Session(String),
    /// A token in a header.
    Token,
    /// The server is public.
    Visitor,
    /// They are not.
    Nobody,
}

/// Who asks, and by which way it is known.
pub(crate) struct Known {
    pub(crate) caller: Option<Caller>,
    pub(crate) way: Way,
}

impl Known {
    fn user(caller: Caller, way: Way) -> Self {
        Self { caller: Some(caller), way }
    }
}

/// Whose password was given.
pub(crate) enum Guess {
    /// This user's.
    Right(User),
    /// Nobody's of that name.
    Wrong,
    /// After too many of those: seconds to wait.
    Wait(i64),
}

/// Who may use a market's server.
#[derive(Debug)]
pub struct Accounts {
    lake: Lake,
    /// Whether only this machine reaches the server.
    is_local: bool,
    is_public: bool,
    owner: String,
    guesses: Guesses,
    verifying: tokio::sync::Semaphore,
}

impl Accounts {
    /// Those of a market, served in a manner.
    pub fn new(lake: &Lake, options: &ServeOptions) -> Self {
        Self {
            lake: lake.clone(),
            is_local: !options.is_reached_by_others(),
            is_public: options.is_public,
            owner: options.owner.clone(),
            guesses: Guesses::default(),
            verifying: tokio::sync::Semaphore::new(VERIFYING_MAX),
        }
    }

    /// The caller of an HTTP request, by its headers.
    ///
    /// # Errors
    /// [`ServeError::NotLoggedIn`] where it is nobody, [`ServeError::WrongToken`] where it brings a token that is none.
    pub fn of_headers(&self, headers: &HeaderMap) -> Result<Caller> {
        self.known(headers, None)?.caller.ok_or(ServeError::NotLoggedIn)
    }

    /// The caller of a connection with a user's name and a password or a token of theirs; `None` where they are wrong, or
    /// guessed too often. `place` is where it comes from.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub async fn of_password(&self, name: &str, password: &str, place: &str) -> Result<Option<Caller>> {
        if let Some((token, user)) = self.lake.state().token_user(password, now())? {
            return Ok((user.name == name).then(|| of_token(&token, user)));
        }
        match self.guess(name, password, place).await? {
            Guess::Right(user) => Ok(Some(of_user(user))),
            Guess::Wrong | Guess::Wait(_) => Ok(None),
        }
    }

    /// The caller of a connection that brings nothing; `None` where something is needed.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn without_password(&self) -> Result<Option<Caller>> {
        Ok(self.known(&HeaderMap::new(), None)?.caller)
    }

    pub(crate) fn known(&self, headers: &HeaderMap, peer: Option<SocketAddr>) -> Result<Known> {
        let (state, now) = (self.lake.state(), now());
        if let Some(given) = headers.get(header::AUTHORIZATION) {
            let secret = bearer(given).ok_or(ServeError::WrongToken)?;
            let (token, user) = state.token_user(secret, now)?.ok_or(ServeError::WrongToken)?;
            return Ok(Known::user(of_token(&token, user), Way::Token));
        }
        if let Some(secret) = cookie(headers, SESSION_COOKIES[usize::from(is_secure(headers))])
            && let Some(user) = state.session_user(secret, now)?
        {
            return Ok(Known::user(of_user(user), Way::Session(secret.to_owned())));
        }
        let has_users = state.has_users()?;
        let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
        let is_here = self.is_local && !is_forwarded && peer.is_none_or(|peer| peer.ip().is_loopback());
        let (caller, way) = if self.is_public {
            (Some(Caller::visitor()), Way::Visitor)
        } else if is_here && !has_users {
            (Some(Caller { name: self.owner.clone(), ..Caller::owner() }), Way::Owner)
        } else {
            (None, Way::Nobody)
        };
        Ok(Known { caller, way })
    }

    /// Tries a name and a password; what is wrong is slowed down and noted.
    pub(crate) async fn guess(&self, name: &str, password: &str, place: &str) -> Result<Guess> {
        let name = name.trim().to_ascii_lowercase();
        let wait_secs = self.guesses.wait_secs(&name, place, now() / MICROS_PER_SEC);
        if wait_secs > 0 {
            return Ok(Guess::Wait(wait_secs));
        }
        let user = self.lake.state().user(&name)?;
        // Who logs in by a provider alone has no password, and it takes as long to say so.
        let hash = user.as_ref().map(|user| user.password_hash.clone()).filter(|hash| !hash.is_empty());
        let is_right = self.verified(password.to_owned(), hash).await?;
        let Some(user) = user.filter(|_| is_right) else {
            self.guesses.failed(&name, place, now() / MICROS_PER_SEC);
            self.note_refusal(&name, place)?;
            return Ok(Guess::Wrong);
        };
        self.guesses.succeeded(&name);
        Ok(Guess::Right(user))
    }

    async fn verified(&self, password: String, hash: Option<String>) -> Result<bool> {
        let _turn = self.verifying.acquire().await.map_err(|_| ServeError::Panicked)?;
        let verifying = tokio::task::spawn_blocking(move || credentials::verify(&password, hash.as_deref()));
        verifying.await.map_err(|_| ServeError::Panicked)
    }

    fn note_refusal(&self, name: &str, place: &str) -> Result<()> {
        self.note_refused(name, &format!("a wrong name or password, from {place}"))
    }

    fn note_refused(&self, name: &str, what: &str) -> Result<()> {
        self.lake.state().note(&AuditLine {
            at: now(),
            who: printable(name, 64),
            action: "login.refused".to_owned(),
            what: printable(what, 500),
            via: "page".to_owned(),
        })?;
        Ok(())
    }

    /// Notes that somebody whom a provider sent was refused, and why. Nothing was guessed, so that nobody waits; but who
    /// floods the log from one place is noted less and less.
    pub(crate) fn refused(&self, name: &str, why: &str, place: &str) -> Result<()> {
        let (by_place, at) = (format!("login at {place}"), now() / MICROS_PER_SEC);
        tracing::warn!(name, why, place, "a login by the provider was refused");
        if self.guesses.wait_secs(&by_place, place, at) > 0 {
            return Ok(());
        }
        self.guesses.failed(&by_place, place, at);
        self.note_refused(name, &format!("{why}, from {place}"))
    }
}

/// What the ways out for programs ask. A state that cannot be read lets nobody in, and the log says why.
#[async_trait]
impl Callers for Accounts {
    async fn of_headers(&self, headers: &HeaderMap) -> Result<Caller> {
        self.of_headers(headers)
    }

    async fn of_password(&self, user: &str, password: &str, place: &str) -> Option<Caller> {
        told(self.of_password(user, password, place).await)
    }

    fn without_password(&self) -> Option<Caller> {
        told(self.without_password())
    }
}

fn printable(text: &str, n_characters_max: usize) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(n_characters_max).collect()
}

fn told(found: Result<Option<Caller>>) -> Option<Caller> {
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "nobody is let in while the market's users cannot be read");
        None
    })
}

fn of_user(user: User) -> Caller {
    Caller { may_read_restricted: user.role >= Role::Analyst, role: user.role, name: user.name }
}

/// A token is good for the greatest of its scopes, and never for more than its user.
fn of_token(token: &Token, user: User) -> Caller {
    let of_scopes = token.scopes.iter().map(|scope| scope.role()).max().unwrap_or(Role::Viewer);
    let is_for_licensed = token.scopes.iter().any(|scope| matches!(scope, Scope::Licensed | Scope::Admin));
    Caller {
        may_read_restricted: is_for_licensed && user.role >= Role::Analyst,
        role: of_scopes.min(user.role),
        name: user.name,
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Whether the browser speaks TLS with the proxy before the server.
pub(crate) fn is_secure(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https")
}

/// The moment, in microseconds since 1970-01-01 UTC.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_lake::{LakeOptions, Market};

    fn user(name: &str, role: Role, password: &str) -> User {
        let password_hash = credentials::hash_password(password).unwrap();
        User { name: name.into(), role, password_hash, created_at: 0, last_seen_at: None }
    }

    #[test]
    fn a_token_is_never_good_for_more_than_its_user_or_its_scopes() {
        let of =
            |role| User { name: "ann".into(), role, password_hash: String::new(), created_at: 0, last_seen_at: None };
        for role in Role::ALL {
            for scope in Scope::ALL {
                let (token, _) = credentials::new_token("ann", "", &[scope], 1, 0).unwrap();
                let caller = of_token(&token, of(role));
                assert!(caller.role <= role && caller.role <= scope.role(), "{role:?} {scope:?}");
                let is_meant = role >= Role::Analyst && matches!(scope, Scope::Licensed | Scope::Admin);
                assert_eq!(caller.may_read_restricted, is_meant, "{role:?} {scope:?}");
            }
        }
    }

    #[tokio::test]
    async fn the_owner_needs_nothing_until_there_is_a_user_and_then_each_way_leads_to_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let lake = Lake::open(market, LakeOptions { memory_bytes: 64 << 20, n_threads: 1 }).await.unwrap();
        let at = |listen: &str, hosts: &[&str], is_public| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let options = ServeOptions { listen: listen.parse().unwrap(), hosts, is_public, ..ServeOptions::default() };
            Accounts::new(&lake, &options)
        };
        let home = at("127.0.0.1:1", &[], false);
        assert_eq!(home.without_password().unwrap().unwrap().role, Role::Admin);
        for (listen, hosts) in [("0.0.0.0:1", &[][..]), ("127.0.0.1:1", &["radar.example"][..])] {
            assert_eq!(at(listen, hosts, false).without_password().unwrap(), None, "{listen} {hosts:?}");
            assert_eq!(at(listen, hosts, true).without_password().unwrap(), Some(Caller::visitor()));
        }
        for name in FORWARDED {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("x"))]);
            assert!(matches!(home.of_headers(&headers), Err(ServeError::NotLoggedIn)), "{name}");
        }
        let far = home.known(&HeaderMap::new(), Some("9.9.9.9:5".parse().unwrap())).unwrap();
        assert_eq!(far.caller, None);
        lake.state().add_user(&user("ann", Role::Editor, "correct horse battery")).unwrap();
        assert_eq!(home.without_password().unwrap(), None);
        let (token, secret) = credentials::new_token("ann", "", &[Scope::Decide], 1, now()).unwrap();
        lake.state().add_token(&token, &secret).unwrap();
        let by_token = home.of_password("ann", &secret, "here").await.unwrap().unwrap();
        let bearer = HeaderValue::from_str(&format!("bearer {secret}")).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        assert_eq!(home.of_headers(&headers).unwrap(), by_token);
        assert_eq!((by_token.role, by_token.may_read_restricted), (Role::Editor, false));
        assert_eq!(home.of_password("bob", &secret, "here").await.unwrap(), None, "another's token");
        assert!(home.of_password("ann", "correct horse battery", "here").await.unwrap().unwrap().may_read_restricted);
        assert_eq!(home.of_password("ann", "wrong horse battery", "here").await.unwrap(), None);
        for bad in ["Basic YTpi", "Bearer", "Bearer x", ""] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(bad).unwrap())]);
            assert!(matches!(home.of_headers(&headers), Err(ServeError::WrongToken)), "{bad}");
        }
    }
}
