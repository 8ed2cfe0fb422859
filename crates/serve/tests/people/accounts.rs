//! Accounts over the real router: logging in and out, tokens, what each role may do over every route there is, and that
//! nothing is changed by who may not.

use crate::served::{Client, PASSWORD, Served};
use axum::http::StatusCode;
use crowsnest_lake::state::people::{Role, Scope};
use crowsnest_serve::ServeOptions;

const CLAIMS: &str = "subject,kind,metric,period,value,source,said_on\n\
    Doubao,product,mau,2024-12,75000000,QuestMobile,2025-01-05\n\
    Kimi,product,mau,2024-12,20000000,Some list,2025-01-05\n";

/// Every page and every other address that can be looked at, with what its parameter may be.
const LOOKS: &[(&str, Option<Role>)] = &[
    ("/", Some(Role::Viewer)),
    ("/products", Some(Role::Viewer)),
    ("/product/{entity}", Some(Role::Viewer)),
    ("/company/{entity}", Some(Role::Viewer)),
    ("/league", Some(Role::Viewer)),
    ("/match", Some(Role::Viewer)),
    ("/tenders", Some(Role::Viewer)),
    ("/events", Some(Role::Viewer)),
    ("/breakouts", Some(Role::Viewer)),
    ("/record", Some(Role::Viewer)),
    ("/digest", Some(Role::Viewer)),
    ("/digest.atom", Some(Role::Viewer)),
    ("/alerts", Some(Role::Viewer)),
    ("/reports", Some(Role::Viewer)),
    ("/report/{report}", Some(Role::Viewer)),
    ("/movers", Some(Role::Viewer)),
    ("/compare", Some(Role::Viewer)),
    ("/watch", Some(Role::Viewer)),
    ("/watch/{list}", Some(Role::Viewer)),
    ("/views", Some(Role::Viewer)),
    ("/palette", Some(Role::Viewer)),
    ("/notes/{entity}", Some(Role::Analyst)),
    ("/directions", Some(Role::Viewer)),
    ("/plans", Some(Role::Analyst)),
    ("/plans/{plan}", Some(Role::Analyst)),
    ("/loop", Some(Role::Analyst)),
    ("/bandits", Some(Role::Analyst)),
    ("/v1", Some(Role::Viewer)),
    ("/v1/{*name}", Some(Role::Viewer)),
    ("/v1/plans", Some(Role::Analyst)),
    ("/v1/plan", Some(Role::Analyst)),
    ("/v1/curves", Some(Role::Analyst)),
    ("/v1/loop", Some(Role::Analyst)),
    ("/v1/bandits", Some(Role::Analyst)),
    ("/mcp", Some(Role::Viewer)),
    ("/sources", Some(Role::Viewer)),
    ("/sources/worth", Some(Role::Viewer)),
    ("/figures/{entity}", Some(Role::Viewer)),
    ("/source", Some(Role::Viewer)),
    ("/review", Some(Role::Viewer)),
    ("/identity/{entity}", Some(Role::Viewer)),
    ("/account", Some(Role::Viewer)),
    ("/audit", Some(Role::Admin)),
    ("/users", Some(Role::Admin)),
    ("/collecting", Some(Role::Viewer)),
    ("/cluster", Some(Role::Viewer)),
    ("/claim/{claim}", Some(Role::Viewer)),
    ("/document/{document}", Some(Role::Viewer)),
    ("/document/{document}/raw", Some(Role::Viewer)),
    ("/metrics", Some(Role::Viewer)),
    ("/reconcile", Some(Role::Viewer)),
    ("/reconcile/suggest/entity", Some(Role::Viewer)),
    ("/reconcile/suggest/type", Some(Role::Viewer)),
    ("/reconcile/suggest/property", Some(Role::Viewer)),
    ("/reconcile/properties", Some(Role::Viewer)),
    ("/reconcile/preview", Some(Role::Viewer)),
    ("/static/{*name}", None),
    ("/favicon.ico", None),
    ("/robots.txt", None),
    ("/healthz", None),
    ("/readyz", None),
    ("/login", None),
    ("/login/oidc", None),
    ("/login/oidc/callback", None),
];

/// Everything that changes something.
const CHANGES: &[(&str, Option<Role>)] = &[
    ("/login", None),
    ("/logout", None),
    ("/account/password", Some(Role::Viewer)),
    ("/account/tokens/add", Some(Role::Viewer)),
    ("/account/tokens/revoke", Some(Role::Viewer)),
    ("/users/add", Some(Role::Admin)),
    ("/users/role", Some(Role::Admin)),
    ("/users/password", Some(Role::Admin)),
    ("/users/remove", Some(Role::Admin)),
    ("/users/tokens/revoke", Some(Role::Admin)),
    ("/views/save", Some(Role::Viewer)),
    ("/views/remove", Some(Role::Viewer)),
    ("/notes/add", Some(Role::Editor)),
    ("/notes/withdraw", Some(Role::Editor)),
    ("/review/judge", Some(Role::Editor)),
    ("/review/undo", Some(Role::Editor)),
    ("/identity/merge", Some(Role::Editor)),
    ("/identity/split", Some(Role::Editor)),
    ("/identity/rename", Some(Role::Editor)),
    ("/identity/undo", Some(Role::Editor)),
    ("/v1/allocate", Some(Role::Editor)),
    ("/v1/reward", Some(Role::Editor)),
];

/// The addresses that the sources of the crate name.
fn named_in_sources() -> Vec<String> {
    fn read(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for beginning in ["route(\"", "Route { path: \""] {
                found.extend(text.split(beginning).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
            }
        }
    }
    let mut found = Vec::new();
    read(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.retain(|path| path.starts_with('/'));
    found.sort();
    found.dedup();
    found
}

fn concrete(path: &str) -> String {
    let name = if path.starts_with("/v1") { "products" } else { "app.css" };
    let path = path.replace("{entity}", "Doubao").replace("{claim}", &"0".repeat(32)).replace("{*name}", name);
    path.replace("{document}", &"0".repeat(64))
        .replace("{report}", "none")
        .replace("{list}", "none")
        .replace("{plan}", "none")
}

/// Market with a user of each role.
async fn team() -> Served {
    let served = Served::new(CLAIMS, &[]).await;
    for role in Role::ALL {
        served.add_user(role.as_str(), role);
    }
    served
}

#[test]
fn every_route_is_in_the_tables_of_this_test() {
    let listed: Vec<&str> = LOOKS.iter().chain(CHANGES).map(|(path, _)| *path).collect();
    let found = named_in_sources();
    assert!(found.len() > 35, "{found:?}");
    for path in found {
        // `/reconcile` is named by a constant; it stands in the table all the same.
        assert!(
            listed.contains(&path.as_str()),
            "{path} is new: say in LOOKS or CHANGES who may, and in src/access.rs"
        );
    }
}

#[tokio::test]
async fn over_all_routes_each_role_may_what_it_may_and_no_more() {
    let served = team().await;
    let mut askers: Vec<(Option<Role>, Client)> = vec![(None, Client::default())];
    for role in Role::ALL {
        askers.push((Some(role), served.browser(role.as_str())));
    }
    for (role, client) in &askers {
        for (path, needed) in LOOKS {
            for ending in ["", ".json", ".csv", ".parquet"] {
                if !ending.is_empty() && (path.contains("/static") || path.contains("raw") || needed.is_none()) {
                    continue;
                }
                let status = served.get(client, &format!("{}{ending}", concrete(path))).await.status;
                let may = needed.is_none_or(|needed| role.is_some_and(|role| role >= needed));
                let is_refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
                assert_eq!(is_refused, !may, "{role:?} {path}{ending}: {status}");
                assert!(!status.is_server_error(), "{role:?} {path}{ending}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn a_viewer_can_do_nothing_that_an_editor_can() {
    let served = team().await;
    let n_before = served.lake.n_rows(&crowsnest_model::tables::JUDGEMENTS);
    for (path, needed) in CHANGES {
        for role in Role::ALL {
            // With everything right but the role: their own session and their own form token.
            let mut client = served.browser(role.as_str());
            let token = served.form_token(&mut client, "/account").await;
            assert!(!token.is_empty());
            let by_browser = served.post(&client, path, &[("form", &token)]).await.status;
            let is_refused = needed.is_some_and(|needed| role < needed);
            assert_eq!(
                by_browser == StatusCode::FORBIDDEN && *path != "/login",
                is_refused,
                "{role} {path}: {by_browser}"
            );
            assert!(!by_browser.is_server_error(), "{role} {path}: {by_browser}");
            let program = served.program(role.as_str(), Scope::Admin);
            let by_program = served.post(&program, path, &[]).await.status;
            if is_refused {
                assert_eq!(by_program, StatusCode::FORBIDDEN, "{role} {path}");
            }
            // A token for less than its user is good for less.
            if needed.is_some_and(|needed| needed >= Role::Editor) {
                let reader = served.program(role.as_str(), Scope::Licensed);
                assert_eq!(served.post(&reader, path, &[]).await.status, StatusCode::FORBIDDEN, "{role} {path}");
            }
        }
        let nobody = served.post(&Client::default(), path, &[]).await.status;
        let expected = if needed.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        assert_eq!(nobody, expected, "{path}");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for (path, _) in LOOKS.iter().chain(CHANGES) {
            let admin = served.program("admin", Scope::Admin);
            let status = served.ask(&admin, method, &concrete(path), "text/plain", "").await.status;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
    served.lake.refresh().await.unwrap();
    assert_eq!(served.lake.n_rows(&crowsnest_model::tables::JUDGEMENTS), n_before);
}

#[tokio::test]
async fn people_log_in_stay_and_log_out() {
    let served = team().await;
    let html = Client::default().with("accept", "text/html,*/*");
    let asked = served.get(&html, "/league?metric=mau").await;
    assert_eq!(
        (asked.status, asked.header("location")),
        (StatusCode::SEE_OTHER, "/login?next=%2Fleague%3Fmetric%3Dmau".into())
    );
    let mut ann = Client::default();
    assert_eq!(served.log_in(&mut ann, "editor", "wrong password here").await.status, StatusCode::FORBIDDEN);
    let answer = served.log_in(&mut ann, "Editor", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let set: Vec<String> =
        answer.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap().to_owned()).collect();
    assert!(set.iter().all(|cookie| cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax")), "{set:?}");
    let page = served.get(&ann, "/account").await;
    assert!(page.status == StatusCode::OK && page.text().contains("editor"));
    assert!(page.header("cache-control").starts_with("private"), "{}", page.header("cache-control"));
    let token = served.form_token(&mut ann, "/account").await;
    let secret = ann.cookie("crowsnest_session").unwrap().to_owned();
    let out = served.post(&ann, "/logout", &[("form", &token)]).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    let before = Client { cookies: vec![("crowsnest_session".into(), secret)], headers: Vec::new() };
    assert_eq!(
        served.get(&before, "/account").await.status,
        StatusCode::UNAUTHORIZED,
        "the cookie is worth nothing now"
    );
    let lines = served.lake.state().audit_lines(Some("editor"), 9).unwrap();
    let did: Vec<&str> = lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(did, ["login", "login.refused"]);
}

#[tokio::test]
async fn under_tls_the_cookie_is_secure_and_bound_to_the_host() {
    let served = team().await;
    let mut ann = Client::default().with("x-forwarded-proto", "https");
    let answer = served.log_in(&mut ann, "viewer", PASSWORD).await;
    let set = answer.headers.get_all("set-cookie").iter().find(|v| v.to_str().unwrap().contains("session")).unwrap();
    let set = set.to_str().unwrap();
    assert!(
        set.starts_with("__Host-crowsnest_session=") && set.contains("; Secure") && set.contains("Path=/"),
        "{set}"
    );
    let page = served.get(&ann, "/account").await;
    assert_eq!(
        (page.status, page.header("strict-transport-security")),
        (StatusCode::OK, "max-age=31536000".to_owned())
    );
}

#[tokio::test]
async fn people_make_and_end_their_own_tokens_and_change_their_password() {
    let served = team().await;
    let mut mei = served.browser("analyst");
    let token = served.form_token(&mut mei, "/account").await;
    let add =
        |scope: &'static str| [("form", token.clone()), ("label", "notebook".into()), ("scope", scope.to_owned())];
    let send = async |client: &Client, path: &str, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        served.post(client, path, &fields).await
    };
    let made = send(&mei, "/account/tokens/add", &add("licensed")).await;
    assert_eq!((made.status, made.header("cache-control")), (StatusCode::OK, "no-store".to_owned()));
    let secret = made.text().split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let program = Client::default().with("authorization", &format!("Bearer {secret}"));
    assert_eq!(served.get(&program, "/products.json").await.status, StatusCode::OK);
    assert!(!served.get(&mei, "/account").await.text().contains(&secret), "it is not shown again");
    for (scope, status) in
        [("admin", StatusCode::FORBIDDEN), ("decide", StatusCode::FORBIDDEN), ("x", StatusCode::BAD_REQUEST)]
    {
        assert_eq!(send(&mei, "/account/tokens/add", &add(scope)).await.status, status, "{scope}");
    }
    assert_eq!(send(&program, "/account/tokens/add", &add("read")).await.status, StatusCode::BAD_REQUEST);
    let id = served.lake.state().tokens(Some("analyst")).unwrap()[0].id.to_string();
    let mut other = served.browser("viewer");
    let others = served.form_token(&mut other, "/account").await;
    let revoke = |form: &str| [("form", form.to_owned()), ("token", id.clone())];
    assert_eq!(send(&other, "/account/tokens/revoke", &revoke(&others)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&mei, "/account/tokens/revoke", &revoke(&token)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(served.get(&program, "/products.json").await.status, StatusCode::UNAUTHORIZED);
    let change =
        |now: &str, new: &str| [("form", token.clone()), ("password", now.to_owned()), ("new", new.to_owned())];
    let new = "another long password";
    assert_eq!(send(&mei, "/account/password", &change("no", new)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&mei, "/account/password", &change(PASSWORD, "short")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&mei, "/account/password", &change(PASSWORD, new)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(served.get(&mei, "/account").await.status, StatusCode::UNAUTHORIZED, "every session before is over");
    let mut again = Client::default();
    assert_eq!(served.log_in(&mut again, "analyst", PASSWORD).await.status, StatusCode::FORBIDDEN);
    assert_eq!(served.log_in(&mut again, "analyst", new).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_change_of_role_or_its_end_holds_at_once() {
    let served = team().await;
    let ann = served.browser("admin");
    assert_eq!(served.get(&ann, "/audit").await.status, StatusCode::OK);
    served.lake.state().set_role("admin", Role::Editor).unwrap();
    assert_eq!(served.get(&ann, "/audit").await.status, StatusCode::FORBIDDEN);
    served.lake.state().remove_user("admin").unwrap();
    assert_eq!(served.get(&ann, "/").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_owner_alone_needs_no_login_until_there_is_a_user() {
    let served = Served::new(CLAIMS, &[]).await;
    let mut nobody = Client::default();
    assert_eq!(served.get(&nobody, "/audit").await.status, StatusCode::OK);
    let token = served.form_token(&mut nobody, "/review").await;
    // The owner's forms carry a token, too: another site could send them otherwise.
    assert_eq!(served.post(&nobody, "/identity/undo", &[("entity", "Kimi")]).await.status, StatusCode::FORBIDDEN);
    assert!(token.is_empty() || token.len() == 64);
    let proxied = Client::default().with("x-forwarded-for", "9.9.9.9");
    assert_eq!(
        served.get(&proxied, "/").await.status,
        StatusCode::UNAUTHORIZED,
        "what a proxy brings is not the owner"
    );
    served.add_user("ann", Role::Viewer);
    assert_eq!(served.get(&nobody, "/").await.status, StatusCode::UNAUTHORIZED, "from the next request on");
}

#[tokio::test]
async fn whoever_else_reaches_the_server_logs_in_unless_it_is_public() {
    let elsewhere = ServeOptions {
        listen: "0.0.0.0:7171".parse().unwrap(),
        hosts: vec!["127.0.0.1".into()],
        ..ServeOptions::default()
    };
    let served = Served::with(CLAIMS, &[], elsewhere.clone()).await;
    let nobody = Client::default();
    assert_eq!(served.get(&nobody, "/products.json").await.status, StatusCode::UNAUTHORIZED);
    assert!(served.get(&nobody, "/login").await.text().contains("crowsnest user add"), "it is told how to begin");
    let public = Served::with(CLAIMS, &[], ServeOptions { is_public: true, ..elsewhere }).await;
    assert_eq!(public.get(&nobody, "/products.json").await.status, StatusCode::OK);
    assert_eq!(public.get(&nobody, "/audit").await.status, StatusCode::FORBIDDEN);
    assert_eq!(public.post(&nobody, "/review/judge", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(public.get(&nobody, "/account").await.status, StatusCode::OK);
}
