//! A market behind the real router, with users of each role, and a client that keeps cookies as a browser does.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use crowsnest_collect::{ImportRequest, NoProgress};
use crowsnest_lake::state::people::{Role, Scope, User};
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_serve::{ServeOptions, credentials, router};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// What everybody's password is.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const HOST: &str = "127.0.0.1:7171";

/// A market behind the router.
pub(crate) struct Served {
    _folder: TempDir,
    pub lake: Lake,
    pub pages: Router,
}

/// What came back.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> String {
        self.headers.get(name).map_or(String::new(), |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The value of a cookie that is set; with its name.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        let set = self.headers.get_all(header::SET_COOKIE).iter();
        set.filter_map(|value| value.to_str().ok()?.split(';').next()?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// Somebody with a browser or a program.
#[derive(Clone, Default)]
pub(crate) struct Client {
    pub cookies: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn keep(&mut self, answer: &Answer) {
        for (name, value) in answer.cookies() {
            self.cookies.retain(|(known, _)| *known != name);
            if !value.is_empty() {
                self.cookies.push((name, value));
            }
        }
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder().method(method).uri(path);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header("host", HOST);
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        request
    }
}

/// A form's body.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Served {
    /// A market with these claims and sources, served on this machine alone.
    pub(crate) async fn new(claims: &str, sources: &[(&str, &str)]) -> Self {
        Self::with(claims, sources, ServeOptions::default()).await
    }

    pub(crate) async fn with(claims: &str, sources: &[(&str, &str)], options: ServeOptions) -> Self {
        Self::made((claims, sources), ("", ""), options).await
    }

    /// An empty market whose file says this, too, with a file `secrets.toml` beside it.
    pub(crate) async fn with_settings(settings: &str, secrets: &str) -> Self {
        Self::made(("", &[]), (settings, secrets), ServeOptions::default()).await
    }

    async fn made(
        (claims, sources): (&str, &[(&str, &str)]),
        (settings, secrets): (&str, &str),
        options: ServeOptions,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("market");
        Market::create(&dir, "test").unwrap();
        for (name, text) in sources {
            std::fs::write(dir.join("sources").join(name), text).unwrap();
        }
        std::fs::write(dir.join("secrets.toml"), secrets).unwrap();
        let config = dir.join("crowsnest.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}\n{settings}")).unwrap();
        let options_of_lake = LakeOptions { memory_bytes: 256 << 20, n_threads: 2 };
        let lake = Lake::open(Market::open(&dir).unwrap(), options_of_lake).await.unwrap();
        if !claims.is_empty() {
            let path = folder.path().join("claims.csv");
            std::fs::write(&path, claims).unwrap();
            let request = ImportRequest::new([path.to_string_lossy()], jiff::Timestamp::now().as_microsecond());
            Box::pin(crowsnest_run::import(&lake, request, &NoProgress)).await.unwrap();
            lake.refresh().await.unwrap();
        }
        let pages = router(lake.clone(), &options);
        Self { _folder: folder, lake, pages }
    }

    pub(crate) fn add_user(&self, name: &str, role: Role) {
        // Hashing takes its time on purpose: once is enough.
        static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
        let hash = HASH.get_or_init(|| credentials::hash_password(PASSWORD).unwrap());
        let user = User { name: name.to_owned(), role, password_hash: hash.clone(), created_at: 0, last_seen_at: None };
        assert!(self.lake.state().add_user(&user).unwrap());
    }

    /// A program of a user's, with a token for one scope.
    pub(crate) fn program(&self, user: &str, scope: Scope) -> Client {
        let now = jiff::Timestamp::now().as_microsecond();
        let (token, secret) = credentials::new_token(user, "test", &[scope], 1, now).unwrap();
        self.lake.state().add_token(&token, &secret).unwrap();
        Client::default().with("authorization", &format!("Bearer {secret}"))
    }

    /// A browser of a user's, with a session.
    pub(crate) fn browser(&self, user: &str) -> Client {
        let secret = format!("{:064x}", rand_like(user));
        self.lake.state().begin_session(&secret, user, jiff::Timestamp::now().as_microsecond()).unwrap();
        Client { cookies: vec![("crowsnest_session".into(), secret)], headers: Vec::new() }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.pages.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap().to_vec();
        Answer { status, headers, bytes }
    }

    pub(crate) async fn get(&self, client: &Client, path: &str) -> Answer {
        self.send(client.request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn ask(&self, client: &Client, method: &str, path: &str, media_type: &str, body: &str) -> Answer {
        let request = client.request(method, path).header("content-type", media_type);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn post(&self, client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(client, "POST", path, "application/x-www-form-urlencoded", &form(fields)).await
    }

    /// The token that forms on a page carry.
    pub(crate) async fn form_token(&self, client: &mut Client, path: &str) -> String {
        let answer = self.get(client, path).await;
        client.keep(&answer);
        let text = answer.text();
        let Some((_, rest)) = text.split_once("name=\"form\" value=\"") else { return String::new() };
        rest.split('"').next().unwrap().to_owned()
    }

    /// Logs in by the form, as people do.
    pub(crate) async fn log_in(&self, client: &mut Client, name: &str, password: &str) -> Answer {
        let token = self.form_token(client, "/login").await;
        let answer = self.post(client, "/login", &[("form", &token), ("name", name), ("password", password)]).await;
        client.keep(&answer);
        answer
    }
}

fn rand_like(text: &str) -> u128 {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let n = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    text.bytes().fold(u128::from(n), |sum, byte| sum.wrapping_mul(31).wrapping_add(u128::from(byte)))
}
