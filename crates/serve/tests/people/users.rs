//! The page where admins say who may log in, and as what: over the real router, by the forms that it shows.

use axum::http::StatusCode;
use crowsnest_lake::state::people::{Role, Scope};

use crate::served::{Answer, Client, PASSWORD, Served};

const PATHS: &[&str] = &["/users/add", "/users/role", "/users/password", "/users/remove", "/users/tokens/revoke"];

async fn team() -> Served {
    let served = Served::new("", &[]).await;
    for role in Role::ALL {
        served.add_user(role.as_str(), role);
    }
    served
}

/// An admin's browser with the page open.
struct Admin {
    browser: Client,
    form: String,
}

impl Admin {
    async fn at(served: &Served) -> Self {
        let mut browser = served.browser("admin");
        let form = served.form_token(&mut browser, "/users").await;
        assert_eq!(form.len(), 64);
        Self { browser, form }
    }

    async fn send(&self, served: &Served, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<(&str, &str)> =
            [("form", self.form.as_str())].into_iter().chain(fields.iter().copied()).collect();
        served.post(&self.browser, path, &fields).await
    }
}

/// The password that a page shows.
fn shown(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store".to_owned()));
    answer.text().split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

fn users(served: &Served) -> Vec<(String, Role)> {
    served.lake.state().users().unwrap().into_iter().map(|user| (user.name, user.role)).collect()
}

fn last_line(served: &Served) -> String {
    let line = served.lake.state().audit_lines(None, 1).unwrap().remove(0);
    format!("{} {}: {} ({})", line.who, line.action, line.what, line.via)
}

#[tokio::test]
async fn an_admin_adds_changes_and_removes_people() {
    let served = team().await;
    let admin = Admin::at(&served).await;
    let added = admin.send(&served, "/users/add", &[("user", " Mei "), ("role", "editor")]).await;
    let password = shown(&added);
    assert_eq!(last_line(&served), "admin user.add: mei is added as editor (page)");
    assert!(!served.get(&admin.browser, "/users").await.text().contains(&password), "it is shown once");
    let mut mei = Client::default();
    assert_eq!(served.log_in(&mut mei, "mei", &password).await.status, StatusCode::SEE_OTHER);
    let page = served.get(&admin.browser, "/users?lang=en").await.text();
    assert!(page.contains("Role of mei") && page.contains("admin <small>you</small>"), "{page}");
    let changed = admin.send(&served, "/users/role", &[("user", "mei"), ("role", "viewer")]).await;
    assert_eq!(changed.header("location"), "/users?did=role");
    assert_eq!(last_line(&served), "admin user.role: mei is viewer now (page)");
    assert!(served.get(&mei, "/account?lang=en").await.text().contains("mei · viewer"), "at once");
    let program = served.program("mei", Scope::Read);
    let id = served.lake.state().tokens(Some("mei")).unwrap()[0].id.to_string();
    let revoke = [("user", "viewer"), ("token", id.as_str())];
    assert_eq!(
        admin.send(&served, "/users/tokens/revoke", &revoke).await.status,
        StatusCode::BAD_REQUEST,
        "not theirs"
    );
    let revoke = [("user", "mei"), ("token", id.as_str())];
    assert_eq!(admin.send(&served, "/users/tokens/revoke", &revoke).await.header("location"), "/users?did=revoked");
    assert_eq!(served.get(&program, "/products.json").await.status, StatusCode::UNAUTHORIZED);
    let another = shown(&admin.send(&served, "/users/password", &[("user", "mei")]).await);
    assert_ne!(another, password);
    assert_eq!(last_line(&served), "admin user.password: mei has another password (page)");
    assert_eq!(served.get(&mei, "/account").await.status, StatusCode::UNAUTHORIZED, "every session is over");
    assert_eq!(served.log_in(&mut mei, "mei", &password).await.status, StatusCode::FORBIDDEN);
    assert_eq!(served.log_in(&mut mei, "mei", &another).await.status, StatusCode::SEE_OTHER);
    assert_eq!(admin.send(&served, "/users/remove", &[("user", "mei")]).await.header("location"), "/users?did=removed");
    assert_eq!(last_line(&served), "admin user.remove: mei is removed, with their tokens (page)");
    assert_eq!(served.get(&mei, "/account").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(users(&served).len(), 4);
    let lines = served.lake.state().audit_lines(None, 50).unwrap();
    assert!(!lines.iter().any(|line| line.what.contains(&password) || line.what.contains(&another)));
}

#[tokio::test]
async fn the_only_admin_stays_one() {
    let served = team().await;
    let admin = Admin::at(&served).await;
    let before = users(&served);
    let wrong: [(&str, &[(&str, &str)]); 13] = [
        ("/users/role", &[("user", "admin"), ("role", "editor")]),
        ("/users/remove", &[("user", "admin")]),
        ("/users/password", &[("user", "admin")]),
        ("/users/role", &[("user", "nobody"), ("role", "editor")]),
        ("/users/role", &[("user", "editor"), ("role", "boss")]),
        ("/users/role", &[("user", "editor")]),
        ("/users/remove", &[("user", "nobody")]),
        ("/users/remove", &[]),
        ("/users/password", &[("user", "nobody")]),
        ("/users/add", &[("user", "editor"), ("role", "admin")]),
        ("/users/add", &[("user", "<b>x</b>"), ("role", "viewer")]),
        ("/users/add", &[("user", ""), ("role", "viewer")]),
        ("/users/add", &[("user", "new"), ("role", "root")]),
    ];
    for (path, fields) in wrong {
        let answer = admin.send(&served, path, fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {fields:?}");
        assert!(!answer.text().contains("<b>x</b>"), "{}", answer.text());
        assert_eq!(users(&served), before, "{path} {fields:?}");
    }
    let refused = admin.send(&served, "/users/remove", &[("user", "admin")]).await.text();
    assert!(refused.contains("admin is the only admin") && refused.contains("make somebody else an admin first"));
    // With another one it goes, and the session with it.
    admin.send(&served, "/users/role", &[("user", "editor"), ("role", "admin")]).await;
    assert_eq!(
        admin.send(&served, "/users/role", &[("user", "admin"), ("role", "viewer")]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(served.get(&admin.browser, "/users").await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.send(&served, "/users/remove", &[("user", "editor")]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn nobody_else_changes_people_and_no_form_of_others_does() {
    let served = team().await;
    let admin = Admin::at(&served).await;
    let before = users(&served);
    let fields = |form: &str| {
        vec![
            ("form", form.to_owned()),
            ("user", "viewer".to_owned()),
            ("role", "admin".to_owned()),
            ("token", "1".to_owned()),
        ]
    };
    let send = async |client: &Client, path: &str, form: &str| {
        let fields = fields(form);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        served.post(client, path, &fields).await.status
    };
    for path in PATHS {
        for role in [Role::Viewer, Role::Analyst, Role::Editor] {
            let mut client = served.browser(role.as_str());
            let form = served.form_token(&mut client, "/account").await;
            assert_eq!(send(&client, path, &form).await, StatusCode::FORBIDDEN, "{role} {path}");
            assert_eq!(send(&client, path, &admin.form).await, StatusCode::FORBIDDEN, "{role} {path}");
            assert_eq!(send(&admin.browser, path, &form).await, StatusCode::FORBIDDEN, "{role} {path}");
        }
        for form in ["", "0", &admin.form[1..]] {
            assert_eq!(send(&admin.browser, path, form).await, StatusCode::FORBIDDEN, "{path} {form}");
        }
        let elsewhere = admin.browser.clone().with("origin", "https://evil.example");
        assert_eq!(send(&elsewhere, path, &admin.form).await, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(send(&Client::default(), path, "").await, StatusCode::UNAUTHORIZED, "{path}");
        assert!(served.get(&admin.browser, &format!("{path}?user=viewer&role=admin")).await.status.is_client_error());
        // A token that got out gives nobody an account that stays.
        let program = served.program("admin", Scope::Admin);
        assert_eq!(send(&program, path, "").await, StatusCode::BAD_REQUEST, "{path}");
    }
    for role in [Role::Viewer, Role::Analyst, Role::Editor] {
        for path in ["/users", "/users.json", "/users.csv", "/users.parquet"] {
            assert_eq!(
                served.get(&served.browser(role.as_str()), path).await.status,
                StatusCode::FORBIDDEN,
                "{role} {path}"
            );
        }
    }
    assert_eq!(users(&served), before);
}

#[tokio::test]
async fn the_page_tells_no_hash_and_is_there_as_data() {
    let served = team().await;
    let admin = served.browser("admin");
    served.program("analyst", Scope::Licensed);
    for path in ["/users", "/users?lang=zh-Hans", "/users?lang=zh-Hant", "/users.json", "/users.csv"] {
        let answer = served.get(&admin, path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.text().contains("argon2") && !answer.text().contains(PASSWORD), "{path}");
        assert!(answer.header("cache-control").contains("private"), "{path}");
    }
    let csv = served.get(&admin, "/users.csv").await.text();
    let line = csv.lines().find(|line| line.starts_with("analyst,")).unwrap();
    assert!(line.starts_with("analyst,analyst,") && line.ends_with(",password,1"), "{csv}");
    let account = served.get(&admin, "/account").await.text();
    assert!(account.contains("href=\"/users\""), "admins find it from their account");
    assert!(!served.get(&served.browser("editor"), "/account").await.text().contains("href=\"/users\""));
}

#[tokio::test]
async fn the_owner_adds_the_first_user_who_is_an_admin() {
    let served = Served::new("", &[]).await;
    let mut owner = Client::default();
    let form = served.form_token(&mut owner, "/users").await;
    let add =
        async |role: &str| served.post(&owner, "/users/add", &[("form", &form), ("user", "ann"), ("role", role)]).await;
    assert_eq!(add("editor").await.status, StatusCode::BAD_REQUEST);
    assert!(!served.lake.state().has_users().unwrap());
    let password = shown(&add("admin").await);
    assert_eq!(served.get(&owner, "/users").await.status, StatusCode::UNAUTHORIZED, "from now on everybody logs in");
    assert_eq!(served.log_in(&mut owner, "ann", &password).await.status, StatusCode::SEE_OTHER);
    assert_eq!(served.get(&owner, "/users").await.status, StatusCode::OK);
}
