//! Logging in by a provider, over the real router and against a provider on this machine that speaks the protocol: what works,
//! and that nothing of it works for anybody else.

use axum::http::StatusCode;
use crowsnest_lake::state::people::Role;
use serde_json::{Value, json};

use crate::id_provider::{CLIENT, IdProvider, SECRET, Signing};
use crate::served::{Answer, Client, HOST, PASSWORD, Served};

/// A market with a provider.
struct Trip {
    provider: IdProvider,
    served: Served,
    browser: reqwest::Client,
}

/// `more` is what else `[login.oidc]` says.
async fn trip(more: &str) -> Trip {
    let trip = trip_with(more, &format!("RADAR_TEST_OIDC = \"{SECRET}\"\n")).await;
    trip.served.add_user("boss", Role::Admin);
    trip
}

/// The same without a user, and with these lines in the secrets file.
async fn trip_with(more: &str, secrets: &str) -> Trip {
    let provider = IdProvider::start().await;
    let settings = format!(
        "secrets = \"secrets.toml\"\n[login.oidc]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\n\
         client_secret = \"{{secret:RADAR_TEST_OIDC}}\"\nname = \"Example ID\"\n{more}",
        provider.issuer
    );
    let served = Served::with_settings(&settings, secrets).await;
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    Trip { provider, served, browser }
}

impl Trip {
    /// Presses a link of ours, which leads to the provider.
    async fn begin(&self, client: &mut Client, path: &str) -> String {
        let answer = self.served.get(client, path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store");
        client.keep(&answer);
        answer.header("location")
    }

    /// Follows to the provider, which sends back: to what path of ours.
    async fn at_provider(&self, address: &str) -> String {
        let answer = self.browser.get(address).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 303, "{}", answer.text().await.unwrap());
        let back = answer.headers()["location"].to_str().unwrap();
        let back = back.split_once("://").unwrap().1;
        assert!(back.starts_with(&format!("{HOST}/login/oidc/callback?")), "{back}");
        back.strip_prefix(HOST).unwrap().to_owned()
    }

    /// The way back.
    async fn end(&self, client: &mut Client, path: &str) -> Answer {
        let answer = self.served.get(client, path).await;
        client.keep(&answer);
        answer
    }

    /// All of it.
    async fn log_in(&self, client: &mut Client) -> Answer {
        let address = self.begin(client, "/login/oidc").await;
        let back = self.at_provider(&address).await;
        self.end(client, &back).await
    }

    /// What the audit log says last of refused logins.
    fn refused(&self) -> String {
        let lines = self.served.lake.state().audit_lines(None, 50).unwrap();
        lines.into_iter().find(|line| line.action == "login.refused").map(|line| line.what).unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        self.served.lake.state().users().unwrap().into_iter().map(|user| user.name).collect()
    }

    fn role(&self, name: &str) -> Role {
        self.served.lake.state().user(name).unwrap().unwrap().role
    }
}

fn query(address: &str, name: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn expect_out(answer: &Answer, client: &Client, phrase: &str) {
    assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{}", answer.status);
    assert!(answer.text().contains(phrase), "{phrase}: {}", answer.text());
    assert_eq!(client.cookie("crowsnest_session"), None, "{phrase}");
    assert!(!answer.text().contains(SECRET));
    assert!(answer.text().contains("href=\"/login/oidc?next="), "it can be tried again");
}

#[tokio::test]
async fn people_log_in_by_the_provider_and_are_the_same_user_each_time() {
    for signing in [Signing::Es256, Signing::Rs256] {
        let trip = trip("").await;
        trip.provider.set(|manner| manner.signing = signing);
        let mut mei = Client::default();
        let page = trip.served.get(&mei, "/login?next=%2Fleague%3Fmetric%3Dmau").await.text();
        let link = "/login/oidc?next=%2Fleague%3Fmetric%3Dmau";
        assert!(page.contains(&format!("href=\"{link}\">Log in with Example ID</a>")), "{page}");
        let address = trip.begin(&mut mei, link).await;
        assert!(address.starts_with(&format!("{}/authorize?", trip.provider.issuer)), "{address}");
        assert_eq!(query(&address, "redirect_uri"), format!("http://{HOST}/login/oidc/callback"));
        assert_eq!(query(&address, "scope"), "openid email profile");
        let back = trip.at_provider(&address).await;
        let answer = trip.end(&mut mei, &back).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/league?metric=mau".into()));
        assert_eq!(mei.cookie("crowsnest_login"), None, "it has done its work");
        let account = trip.served.get(&mei, "/account?lang=en").await.text();
        assert!(account.contains("mei.li · viewer") && account.contains("You log in with Example ID."), "{account}");
        assert!(!account.contains("action=\"/account/password\""), "there is no password to change");
        // Another name, another address, another day: the same person.
        let claims = json!({"sub": "248289761001", "preferred_username": "mei.wang", "email": "wang@example.com"});
        trip.provider.set(|manner| manner.claims = claims);
        let mut again = Client::default();
        assert_eq!(trip.log_in(&mut again).await.header("location"), "/");
        assert_eq!(trip.names(), ["boss", "mei.li"]);
        let lines = trip.served.lake.state().audit_lines(Some("mei.li"), 9).unwrap();
        let did: Vec<(&str, &str)> = lines.iter().map(|line| (line.action.as_str(), line.what.as_str())).collect();
        let added = ("user.add", "mei.li is added as viewer, by Example ID");
        let login = ("login", "by Example ID, from unknown");
        assert_eq!(did, [login, login, added]);
    }
}

#[tokio::test]
async fn a_session_begins_anew_and_what_came_along_is_ended() {
    let trip = trip("").await;
    let mut mei = trip.served.browser("boss");
    let before = mei.clone();
    assert_eq!(trip.log_in(&mut mei).await.status, StatusCode::SEE_OTHER);
    assert_ne!(mei.cookie("crowsnest_session"), before.cookie("crowsnest_session"));
    assert_eq!(trip.served.get(&before, "/account").await.status, StatusCode::UNAUTHORIZED);
    assert!(trip.served.get(&mei, "/account").await.text().contains("mei.li"));
    let mut planted = Client { cookies: vec![("crowsnest_session".into(), "a".repeat(64))], headers: Vec::new() };
    trip.log_in(&mut planted).await;
    assert_ne!(planted.cookie("crowsnest_session"), Some("a".repeat(64).as_str()));
    // Nobody has a password who never got one.
    for password in ["", " ", PASSWORD, "$argon2id$"] {
        let answer = trip.served.log_in(&mut Client::default(), "mei.li", password).await;
        assert_ne!(answer.status, StatusCode::SEE_OTHER, "{password}");
    }
}

#[tokio::test]
async fn under_tls_cookies_are_bound_to_the_host_and_people_come_back_by_tls() {
    let trip = trip("").await;
    let mut mei = Client::default().with("x-forwarded-proto", "https");
    let answer = trip.served.get(&mei, "/login/oidc").await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-crowsnest_login="), "{cookie}");
    for part in ["; Path=/", "; Max-Age=600", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let address = trip.begin(&mut mei, "/login/oidc").await;
    assert_eq!(query(&address, "redirect_uri"), format!("https://{HOST}/login/oidc/callback"));
    let back = trip.at_provider(&address).await;
    assert_eq!(trip.end(&mut mei, &back).await.status, StatusCode::SEE_OTHER);
    assert!(mei.cookie("__Host-crowsnest_session").is_some());
}

#[tokio::test]
async fn what_the_provider_did_not_say_of_this_login_lets_nobody_in() {
    let past = jiff::Timestamp::now().as_second() - 60;
    let bent: [(Signing, Value, &str); 13] = [
        (Signing::Stranger, json!({}), "Signature verification failed"),
        (Signing::Hs256, json!({}), "Disallowed signature algorithm"),
        (Signing::Nothing, json!({}), "signature"),
        (Signing::Es256, json!({"nonce": "0".repeat(64)}), "nonce mismatch"),
        (Signing::Es256, json!({"nonce": null}), "missing nonce"),
        (Signing::Es256, json!({"aud": "another"}), "Invalid audiences"),
        (Signing::Es256, json!({"aud": [CLIENT, "another"]}), "not a trusted audience"),
        (Signing::Es256, json!({"aud": []}), "Invalid audiences"),
        (Signing::Es256, json!({"azp": "another"}), "another client"),
        (Signing::Es256, json!({"exp": past}), "Expired"),
        (Signing::Es256, json!({"iss": "https://evil.example"}), "Invalid issuer"),
        (Signing::Es256, json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "access token is another's"),
        (Signing::Rs256, json!({"sub": null}), "parse"),
    ];
    for (signing, instead, why) in bent {
        // Each at a market of its own: who floods the log is noted less.
        let trip = trip("").await;
        let what = format!("{signing:?} {instead}");
        trip.provider.set(|manner| (manner.signing, manner.instead) = (signing, instead));
        let mut mei = Client::default();
        let answer = trip.log_in(&mut mei).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
        expect_out(&answer, &mei, "What Example ID answered does not hold");
        assert_eq!(trip.names(), ["boss"], "{what}");
        assert!(trip.refused().contains(why), "{what}: {}", trip.refused());
        trip.provider.set(|manner| (manner.signing, manner.instead) = (Signing::Es256, json!({})));
        assert_eq!(trip.log_in(&mut mei).await.status, StatusCode::SEE_OTHER, "it was that alone");
    }
}

#[tokio::test]
async fn who_floods_the_log_from_one_place_is_noted_less() {
    let trip = trip("").await;
    for _ in 0..20 {
        trip.served.get(&Client::default(), "/login/oidc/callback?state=0&code=0").await;
    }
    let lines = trip.served.lake.state().audit_lines(None, 50).unwrap();
    assert!((5..10).contains(&lines.len()), "{}", lines.len());
    assert_eq!(trip.log_in(&mut Client::default()).await.status, StatusCode::SEE_OTHER, "and nobody waits");
}

#[tokio::test]
async fn a_login_is_ended_once_by_the_browser_that_began_it() {
    let trip = trip("").await;
    let mut mei = Client::default();
    let address = trip.begin(&mut mei, "/login/oidc").await;
    let back = trip.at_provider(&address).await;
    let expired = "begun in another browser, or too long ago";
    // Somebody else with the address: without the cookie, with another's, with one made up.
    let mut eve = Client::default();
    trip.begin(&mut eve, "/login/oidc").await;
    let made_up = Client { cookies: vec![("crowsnest_login".into(), "a".repeat(64))], headers: Vec::new() };
    for mut other in [Client::default(), eve.clone(), made_up] {
        let answer = trip.end(&mut other, &back).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        expect_out(&answer, &other, expired);
    }
    // The right browser with a state that is none, none at all, or another's.
    let state = query(&address, "state");
    let others = query(&trip.begin(&mut eve, "/login/oidc").await, "state");
    for wrong in ["", "0", &state[1..], &state.to_uppercase(), others.as_str()] {
        let answer = trip.end(&mut mei, &back.replace(&state, wrong)).await;
        expect_out(&answer, &mei, expired);
    }
    assert_eq!(trip.names(), ["boss"]);
    let head = trip.served.ask(&mei, "HEAD", &back, "", "").await;
    assert_eq!((head.status, head.cookies().len()), (StatusCode::NO_CONTENT, 0), "HEAD ends nothing");
    // None of this ended it: it works, and once.
    let cookies = mei.clone();
    assert_eq!(trip.end(&mut mei, &back).await.status, StatusCode::SEE_OTHER);
    let mut thief = cookies;
    expect_out(&trip.end(&mut thief, &back).await, &thief, expired);
}

#[tokio::test]
async fn a_code_is_good_for_the_login_that_it_was_given_for() {
    let trip = trip("").await;
    let (mut mei, mut eve) = (Client::default(), Client::default());
    let of_mei = trip.begin(&mut mei, "/login/oidc").await;
    let of_eve = trip.begin(&mut eve, "/login/oidc").await;
    let stolen = query(&format!("http://x{}", trip.at_provider(&of_mei).await), "code");
    // PKCE: whoever has somebody's code cannot use it in a login of their own.
    let back = format!("/login/oidc/callback?code={stolen}&state={}", query(&of_eve, "state"));
    let answer = trip.end(&mut eve, &back).await;
    expect_out(&answer, &eve, "What Example ID answered does not hold");
    assert!(trip.refused().contains("invalid_grant"), "{}", trip.refused());
    // Nor one that was used, nor none, nor what another provider sent.
    for (code, iss) in [(stolen.as_str(), ""), ("", ""), ("new", "https://evil.example")] {
        let mut eve = Client::default();
        let state = query(&trip.begin(&mut eve, "/login/oidc").await, "state");
        let mut back = format!("/login/oidc/callback?code={code}&state={state}");
        if !iss.is_empty() {
            back.push_str(&format!("&iss={iss}"));
        }
        expect_out(&trip.end(&mut eve, &back).await, &eve, "What Example ID answered does not hold");
    }
    trip.provider.set(|manner| manner.denies = true);
    let answer = trip.log_in(&mut eve).await;
    expect_out(&answer, &eve, "Example ID did not log you in");
    assert!(trip.refused().contains("access_denied"));
    assert_eq!(trip.names(), ["boss"]);
}

#[tokio::test]
async fn where_new_users_are_not_taken_people_link_their_login() {
    let trip = trip("new_users = false").await;
    let mut mei = Client::default();
    let answer = trip.log_in(&mut mei).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    expect_out(&answer, &mei, "you have no account here");
    assert!(trip.refused().contains("new_users is false"), "{}", trip.refused());
    for name in ["mei.li", "ann"] {
        trip.served.add_user(name, Role::Editor);
    }
    expect_out(&trip.log_in(&mut mei).await, &mei, "you have no account here");
    // Linked by themselves, from their own page, while logged in.
    let mut mei = Client::default();
    trip.served.log_in(&mut mei, "mei.li", PASSWORD).await;
    let page = trip.served.get(&mei, "/account?lang=en").await.text();
    let link = page.split("href=\"/login/oidc?link=").nth(1).unwrap().split('"').next().unwrap();
    let link = format!("/login/oidc?link={link}");
    let mut ann = trip.served.browser("ann");
    // Even another session of the same user: the address is of one page.
    for other in [Client::default(), ann.clone(), trip.served.browser("mei.li")] {
        assert_eq!(trip.served.get(&other, &link).await.status, StatusCode::FORBIDDEN);
    }
    let address = trip.begin(&mut mei, &link).await;
    let back = trip.at_provider(&address).await;
    // Whoever logged out meanwhile, or is another, links nothing.
    let mut out = mei.clone();
    out.cookies.retain(|(name, _)| name != "crowsnest_session");
    assert_eq!(trip.end(&mut out, &back).await.status, StatusCode::BAD_REQUEST);
    assert!(trip.served.lake.state().logins().unwrap().is_empty());
    let address = trip.begin(&mut mei, &link).await;
    let back = trip.at_provider(&address).await;
    assert_eq!(trip.end(&mut mei, &back).await.header("location"), "/account?did=linked");
    let mut again = Client::default();
    assert_eq!(trip.log_in(&mut again).await.status, StatusCode::SEE_OTHER);
    assert!(trip.served.get(&again, "/account?lang=en").await.text().contains("mei.li · editor"));
    // A login is one user's.
    let page = trip.served.get(&ann, "/account").await.text();
    let link = page.split("href=\"/login/oidc?link=").nth(1).unwrap().split('"').next().unwrap();
    let address = trip.begin(&mut ann, &format!("/login/oidc?link={link}")).await;
    let back = trip.at_provider(&address).await;
    let answer = trip.end(&mut ann, &back).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("is another user&#39;s"), "{}", answer.text());
    assert_eq!(trip.served.lake.state().logins().unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_becomes_somebody_by_a_name_or_a_mail_address() {
    let trip = trip("").await;
    for name in ["mei.li", "mei.li-2", "mei@example.com"] {
        trip.served.add_user(name, Role::Admin);
    }
    let mut mei = Client::default();
    trip.log_in(&mut mei).await;
    assert!(trip.served.get(&mei, "/account?lang=en").await.text().contains("mei.li-3 · viewer"));
    let claims = json!({"sub": "248289761002", "preferred_username": "boss", "email": "boss@example.com"});
    trip.provider.set(|manner| manner.claims = claims);
    let mut boss = Client::default();
    trip.log_in(&mut boss).await;
    assert!(trip.served.get(&boss, "/account?lang=en").await.text().contains("boss-2 · viewer"));
    assert_eq!(trip.served.get(&boss, "/users").await.status, StatusCode::FORBIDDEN);
    let claims = json!({"sub": "3", "preferred_username": "<script>alert(1)</script>", "email": "x"});
    trip.provider.set(|manner| manner.claims = claims);
    let mut odd = Client::default();
    trip.log_in(&mut odd).await;
    assert!(trip.names().contains(&"script-alert-1-script".to_owned()), "{:?}", trip.names());
}

#[tokio::test]
async fn groups_give_roles_at_each_login_wherever_the_provider_tells_of_them() {
    let trip =
        trip("role = \"analyst\"\nscopes = [\"groups\"]\n[login.oidc.roles]\nradar = \"editor\"\nheads = \"admin\"")
            .await;
    let log_in_with = async |groups: Value| {
        let mut mei = Client::default();
        let address = trip.begin(&mut mei, "/login/oidc").await;
        assert_eq!(query(&address, "scope"), "openid email profile groups");
        // Only told when asked for more, as many providers do.
        trip.provider.set(|manner| manner.more = json!({"sub": "248289761001", "groups": groups}));
        let back = trip.at_provider(&address).await;
        assert_eq!(trip.end(&mut mei, &back).await.status, StatusCode::SEE_OTHER);
        trip.role("mei.li")
    };
    assert_eq!(log_in_with(json!(["staff", "radar"])).await, Role::Editor);
    assert_eq!(log_in_with(json!(["radar", "heads"])).await, Role::Admin);
    assert_eq!(log_in_with(json!([])).await, Role::Analyst, "whoever left the group is no more than others");
    let claims = json!({"sub": "248289761001", "groups": ["heads"]});
    trip.provider.set(|manner| manner.claims = claims);
    assert_eq!(log_in_with(json!(["radar"])).await, Role::Admin, "what was signed goes before");
    let lines = trip.served.lake.state().audit_lines(Some("mei.li"), 20).unwrap();
    assert_eq!(lines.iter().filter(|line| line.action == "user.role").count(), 3);
    // What was told of somebody else counts for nobody.
    trip.provider.set(|manner| {
        manner.claims = json!({"sub": "248289761001"});
        manner.more = json!({"sub": "another", "groups": ["heads"]});
    });
    let mut mei = Client::default();
    expect_out(&trip.log_in(&mut mei).await, &mei, "does not hold");
}

#[tokio::test]
async fn the_only_admin_stays_one_whatever_the_groups_say() {
    let trip = trip("[login.oidc.roles]\nheads = \"admin\"").await;
    let log_in_with = async |groups: Value| {
        let claims = json!({"sub": "248289761001", "preferred_username": "mei.li", "groups": groups});
        trip.provider.set(|manner| manner.claims = claims);
        assert_eq!(trip.log_in(&mut Client::default()).await.status, StatusCode::SEE_OTHER);
        trip.role("mei.li")
    };
    assert_eq!(log_in_with(json!(["heads"])).await, Role::Admin);
    assert!(trip.served.lake.state().remove_user("boss").unwrap());
    assert_eq!(log_in_with(json!([])).await, Role::Admin, "nobody could let others in any more");
    let lines = trip.served.lake.state().audit_lines(Some("mei.li"), 9).unwrap();
    let told = lines.into_iter().find(|line| line.action == "user.role").map(|line| line.what);
    let why = "mei.li stays the only admin, though their groups at Example ID say viewer";
    assert_eq!(told.as_deref(), Some(why));
    trip.served.add_user("ann", Role::Admin);
    assert_eq!(log_in_with(json!([])).await, Role::Viewer);
}

#[tokio::test]
async fn the_first_user_is_an_admin_or_nobody() {
    let more = "[login.oidc.roles]\nheads = \"admin\"";
    let trip = trip_with(more, &format!("RADAR_TEST_OIDC = \"{SECRET}\"\n")).await;
    let mut mei = Client::default();
    let answer = trip.log_in(&mut mei).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    expect_out(&answer, &mei, "is not set up as it should be");
    assert!(trip.refused().contains("the first must be an admin"), "{}", trip.refused());
    assert!(trip.names().is_empty());
    let claims = json!({"sub": "248289761001", "preferred_username": "mei.li", "groups": ["heads"]});
    trip.provider.set(|manner| manner.claims = claims);
    assert_eq!(trip.log_in(&mut mei).await.status, StatusCode::SEE_OTHER);
    assert_eq!(trip.role("mei.li"), Role::Admin);
}

#[tokio::test]
async fn only_those_are_let_in_whom_the_file_names() {
    let trip = trip("domains = [\"example.com\"]\nrequire = { hd = [\"example.com\"] }").await;
    let try_with = async |claims: Value| {
        trip.provider.set(|manner| manner.claims = claims);
        let mut mei = Client::default();
        let answer = trip.log_in(&mut mei).await;
        if answer.status != StatusCode::SEE_OTHER {
            expect_out(&answer, &mei, "Example ID");
        }
        (answer.status, answer.text())
    };
    let person = |email: &str, is_verified: bool, hd: &str| json!({"sub": "1", "preferred_username": "mei", "email": email, "email_verified": is_verified, "hd": hd});
    let (status, text) = try_with(person("mei@evil.example", true, "example.com")).await;
    assert!(status == StatusCode::FORBIDDEN && text.contains("open to others only"), "{text}");
    let (status, text) = try_with(person("mei@example.com", false, "example.com")).await;
    assert!(status == StatusCode::FORBIDDEN && text.contains("mail address is verified"), "{text}");
    let (status, _) = try_with(person("mei@example.com", true, "evil.example")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(trip.names(), ["boss"]);
    assert_eq!(try_with(person("mei@example.com", true, "example.com")).await.0, StatusCode::SEE_OTHER);
    // Also who is a user already, once it no longer holds.
    assert_eq!(try_with(person("mei@gone.example", true, "example.com")).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_login_by_the_provider_leads_nowhere_else() {
    let trip = trip("").await;
    let redirects = include_str!("attacks.tsv").lines().filter_map(|line| line.strip_prefix("redirect\t"));
    let mut n = 0;
    for attack in redirects {
        let mut mei = Client::default();
        let next: String = url::form_urlencoded::byte_serialize(attack.as_bytes()).collect();
        let address = trip.begin(&mut mei, &format!("/login/oidc?next={next}")).await;
        assert!(address.starts_with(&trip.provider.issuer), "{address}");
        let back = trip.at_provider(&address).await;
        let answer = trip.end(&mut mei, &format!("{back}&next={next}")).await;
        assert_eq!((answer.status, answer.header("location").as_str()), (StatusCode::SEE_OTHER, "/"), "{attack}");
        n += 1;
    }
    assert!(n > 10);
}

#[tokio::test]
async fn keys_may_change_between_the_two_steps() {
    let trip = trip("").await;
    let mut mei = Client::default();
    let address = trip.begin(&mut mei, "/login/oidc").await;
    let back = trip.at_provider(&address).await;
    trip.provider.change_key();
    assert_eq!(trip.end(&mut mei, &back).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_as_it_should_is_told_and_passwords_still_work() {
    let huge = format!("\"{}\"", "a".repeat(2 << 20));
    for (status, text) in [(302, ""), (200, "{}"), (200, huge.as_str()), (500, "no"), (200, "<html>")] {
        let trip = trip("").await;
        trip.provider.set(|manner| manner.discovery = Some((status, text.to_owned())));
        let mut mei = Client::default();
        let answer = trip.served.get(&mei, "/login/oidc?next=/products").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        expect_out(&answer, &mei, "Example ID cannot be asked at the moment");
        assert_eq!(trip.served.log_in(&mut mei, "boss", PASSWORD).await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_or_wrong_is_an_admins_matter() {
    for secrets in ["", "RADAR_TEST_OIDC = \"wrong\""] {
        let trip = trip_with("", secrets).await;
        let mut mei = Client::default();
        let answer =
            if secrets.is_empty() { trip.served.get(&mei, "/login/oidc").await } else { trip.log_in(&mut mei).await };
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        expect_out(&answer, &mei, "is not set up as it should be");
    }
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_there() {
    let served = Served::new("", &[]).await;
    served.add_user("boss", Role::Admin);
    for path in ["/login/oidc", "/login/oidc/callback?code=1&state=1"] {
        assert_eq!(served.get(&Client::default(), path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(!served.get(&Client::default(), "/login").await.text().contains("/login/oidc"));
    let mut boss = Client::default();
    served.log_in(&mut boss, "boss", PASSWORD).await;
    assert!(!served.get(&boss, "/account").await.text().contains("/login/oidc"));
}
