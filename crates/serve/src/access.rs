//! Who may do what: the one list. The guard asks it for each request before anything else is done.
//!
//! In: a method and a path. Out: what it takes ([`Rule`]); nothing for what nobody may do. The first line that fits counts, and
//! what fits none is refused. To let people do one more thing: a line here, above the general ones.
//!
//! Paths are compared as they arrive. One that is written in another way (`/%61udit`, `//audit`) leads nowhere: the router
//! compares in the same manner.

use axum::http::Method;
use crowsnest_lake::state::people::Role;

/// What a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing: also for those who are not logged in.
    Nothing,
    /// At least this role.
    Role(Role),
}

/// How a request is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// GET and HEAD: nothing is changed.
    Look,
    /// POST that changes nothing: a question too long for an address.
    Ask,
    /// Any method but GET and HEAD; whoever answers says which of them are questions there, and none changes anything.
    AskAnyhow,
    /// POST that changes something: a form of our own pages, or the same from a program with a token.
    Change,
    /// POST of JSON by a program, which changes something. A browser sends JSON to another site only where that gives it
    /// leave, which is never given here; so that it needs no form token.
    Tell,
}

/// One line of the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) means: Means,
    /// A path; with a star at its end, all that begin so.
    path: &'static str,
    pub(crate) takes: Takes,
}

const fn rule(means: Means, path: &'static str, takes: Takes) -> Rule {
    Rule { means, path, takes }
}

use Means::{Ask, AskAnyhow, Change, Look, Tell};
use Takes::Nothing;

const VIEWER: Takes = Takes::Role(Role::Viewer);
const ANALYST: Takes = Takes::Role(Role::Analyst);
const EDITOR: Takes = Takes::Role(Role::Editor);
const ADMIN: Takes = Takes::Role(Role::Admin);

const RULES: &[Rule] = &[
    rule(Look, "/static/*", Nothing),
    rule(Look, "/favicon.ico", Nothing),
    rule(Look, "/robots.txt", Nothing),
    rule(Look, "/healthz", Nothing),
    rule(Look, "/readyz", Nothing),
    rule(Look, "/login", Nothing),
    rule(Change, "/login", Nothing),
    // A provider sends people back by GET: what that changes is bound to a secret in a cookie, see `oidc`.
    rule(Look, "/login/oidc", Nothing),
    rule(Look, "/login/oidc/callback", Nothing),
    rule(Change, "/logout", Nothing),
    rule(Look, "/audit*", ADMIN),
    rule(Look, "/users*", ADMIN),
    // A team's own figures, and what it is going to do.
    rule(Look, "/plans*", ANALYST),
    rule(Look, "/loop*", ANALYST),
    rule(Look, "/bandits*", ANALYST),
    rule(Look, "/v1/plan*", ANALYST),
    rule(Look, "/v1/curves*", ANALYST),
    rule(Look, "/v1/loop*", ANALYST),
    rule(Look, "/v1/bandits*", ANALYST),
    // A team's own words.
    rule(Look, "/notes*", ANALYST),
    rule(Look, "/*", VIEWER),
    // A visitor's arm, and what came back for it: whoever asks steers traffic.
    rule(Tell, "/v1/allocate", EDITOR),
    rule(Tell, "/v1/reward", EDITOR),
    rule(AskAnyhow, "/v1/*", VIEWER),
    rule(AskAnyhow, "/mcp", VIEWER),
    rule(Ask, "/reconcile", VIEWER),
    // One's own password and tokens.
    rule(Change, "/account/*", VIEWER),
    // One's own names for pages.
    rule(Change, "/views/*", VIEWER),
    rule(Change, "/users/*", ADMIN),
    rule(Change, "/review/*", EDITOR),
    rule(Change, "/identity/*", EDITOR),
    rule(Change, "/notes/*", EDITOR),
];

impl Rule {
    fn fits(&self, method: &Method, path: &str) -> bool {
        let is_path = match self.path.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == self.path,
        };
        let is_looking = matches!(*method, Method::GET | Method::HEAD);
        let is_meant = match self.means {
            Look => is_looking,
            AskAnyhow => !is_looking,
            Ask | Change | Tell => *method == Method::POST,
        };
        is_path && is_meant
    }
}

/// What a request takes; `None` where nobody may do it.
pub(crate) fn rule_for(method: &Method, path: &str) -> Option<Rule> {
    RULES.iter().find(|rule| rule.fits(method, path)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operations::OPERATIONS;
    use crate::routes::ROUTES;

    fn takes(method: Method, path: &str) -> Option<Takes> {
        rule_for(&method, path).map(|rule| rule.takes)
    }

    #[test]
    fn only_what_is_listed_can_be_changed_and_never_by_a_viewer() {
        for path in ["/", "/products", "/review", "/audit", "/static/app.js", "/nothing", "/login/x", "/v1"] {
            assert_eq!(takes(Method::POST, path), None, "{path}");
        }
        let others = RULES.iter().filter(|rule| !rule.path.starts_with("/v1/") && rule.path != "/mcp");
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE, Method::CONNECT] {
            for rule in others.clone() {
                assert_eq!(takes(method.clone(), rule.path.trim_end_matches('*')), None, "{method} {}", rule.path);
            }
        }
        for rule in RULES.iter().filter(|rule| matches!(rule.means, Change | Tell)) {
            let is_own = ["/login", "/logout", "/account/*", "/views/*"].contains(&rule.path);
            assert!(is_own || rule.takes >= EDITOR, "{}", rule.path);
        }
    }

    #[test]
    fn every_page_takes_at_least_a_viewer_in_every_format() {
        for route in ROUTES {
            for ending in ["", ".json", ".csv", ".parquet", "/"] {
                let path = format!("{}{ending}", route.path);
                let least = match route.path {
                    "/audit" | "/users" => ADMIN,
                    "/plans" | "/plans/{plan}" | "/loop" | "/bandits" | "/notes/{entity}" => ANALYST,
                    _ => VIEWER,
                };
                assert_eq!(takes(Method::GET, &path), Some(least), "{path}");
                assert_eq!(takes(Method::HEAD, &path), Some(least), "{path}");
            }
        }
    }

    #[test]
    fn own_figures_take_an_analyst_over_the_api_as_on_the_pages() {
        assert!(OPERATIONS.iter().any(|operation| operation.kind.is_own()));
        for operation in OPERATIONS {
            let least = if operation.kind.is_own() { ANALYST } else { VIEWER };
            for ending in ["", ".json", ".csv", ".arrow", ".parquet"] {
                let path = format!("/v1/{}{ending}", operation.name);
                assert_eq!(takes(Method::GET, &path), Some(least), "{path}");
                assert_eq!(takes(Method::HEAD, &path), Some(least), "{path}");
            }
        }
    }

    impl PartialOrd for Takes {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            let order = |takes: &Takes| match takes {
                Takes::Nothing => None,
                Takes::Role(role) => Some(*role),
            };
            order(self).partial_cmp(&order(other))
        }
    }
}
