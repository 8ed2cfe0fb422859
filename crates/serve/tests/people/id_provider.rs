//! An organisation's provider on this machine: OpenID Connect over HTTP, as RFC 6749, RFC 7636 and OpenID Connect Core 1.0 have it,
//! with keys of its own. What it signs can be bent, so that it is what an attacker would send.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::core::{CoreHmacKey, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

pub(crate) const CLIENT: &str = "radar";
/// With what has to be escaped in a header (RFC 6749, 2.3.1).
pub(crate) const SECRET: &str = "client s3cret/+%";

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    /// With the provider's elliptic key.
    Es256,
    /// With its RSA key.
    Rs256,
    /// With somebody else's elliptic key, under the provider's name for its own.
    Stranger,
    /// With the client's secret.
    Hs256,
    /// Not at all.
    Nothing,
}

/// What the provider says and does next.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) signing: Signing,
    /// Claims of the ID token about the person.
    pub(crate) claims: Value,
    /// What stands in the ID token instead of what is true; null takes it out.
    pub(crate) instead: Value,
    /// What the endpoint for more tells.
    pub(crate) more: Value,
    /// Whether people are sent back with a no.
    pub(crate) denies: bool,
    /// What is answered where the provider tells of itself, instead of that.
    pub(crate) discovery: Option<(u16, String)>,
}

/// A code that was given.
struct Given {
    nonce: String,
    challenge: String,
    redirect: String,
}

struct Inner {
    issuer: String,
    manner: Mutex<Manner>,
    elliptic: Mutex<(String, KeyPair)>,
    stranger: KeyPair,
    rsa: CoreRsaPrivateSigningKey,
    codes: Mutex<HashMap<String, Given>>,
    n_made: Mutex<usize>,
}

/// The provider.
pub(crate) struct IdProvider {
    pub(crate) issuer: String,
    inner: Arc<Inner>,
}

type Fields = HashMap<String, String>;

impl IdProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let manner = Manner {
            signing: Signing::Es256,
            claims: json!({"sub": "248289761001", "preferred_username": "Mei.Li", "email": "mei@example.com"}),
            instead: json!({}),
            more: json!({"sub": "248289761001"}),
            denies: false,
            discovery: None,
        };
        let inner = Arc::new(Inner {
            issuer: issuer.clone(),
            manner: Mutex::new(manner),
            elliptic: Mutex::new(("elliptic".into(), KeyPair::generate().unwrap())),
            stranger: KeyPair::generate().unwrap(),
            rsa: CoreRsaPrivateSigningKey::from_pem(RSA_KEY, Some(JsonWebKeyId::new("rsa".into()))).unwrap(),
            codes: Mutex::default(),
            n_made: Mutex::default(),
        });
        let app = axum::Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { issuer, inner }
    }

    /// Changes what it says and does from now on.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.inner.manner.lock().unwrap());
    }

    /// Takes another key from now on, and forgets the one before.
    pub(crate) fn change_key(&self) {
        *self.inner.elliptic.lock().unwrap() = ("another".into(), KeyPair::generate().unwrap());
    }
}

impl Inner {
    fn manner(&self) -> Manner {
        self.manner.lock().unwrap().clone()
    }

    fn new_word(&self, what: &str) -> String {
        let mut n = self.n_made.lock().unwrap();
        *n += 1;
        format!("{what}-{n}")
    }

    /// The compact form of a signed token (RFC 7515, 7.1).
    fn signed(&self, claims: &Value, signing: Signing) -> String {
        let own = self.elliptic.lock().unwrap();
        let (algorithm, key_id) = match signing {
            Signing::Es256 | Signing::Stranger => ("ES256", own.0.as_str()),
            Signing::Rs256 => ("RS256", "rsa"),
            Signing::Hs256 => ("HS256", "secret"),
            Signing::Nothing => ("none", ""),
        };
        let header = json!({"alg": algorithm, "kid": key_id, "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let bytes = text.as_bytes();
        let signature = match signing {
            Signing::Es256 => raw(&own.1.sign(bytes).unwrap()),
            Signing::Stranger => raw(&self.stranger.sign(bytes).unwrap()),
            Signing::Rs256 => self.rsa.sign(&CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, bytes).unwrap(),
            Signing::Hs256 => CoreHmacKey::new(SECRET).sign(&CoreJwsSigningAlgorithm::HmacSha256, bytes).unwrap(),
            Signing::Nothing => Vec::new(),
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An answer in JSON.
fn told(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// A signature as JSON Web Signatures have it, both numbers one behind the other (RFC 7518, 3.4), of one in DER.
fn raw(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut both = Vec::new();
    for _ in 0..2 {
        let n_bytes = usize::from(rest[1]);
        let number = &rest[2..2 + n_bytes];
        let number = &number[n_bytes.saturating_sub(32)..];
        both.resize(both.len() + 32 - number.len(), 0);
        both.extend_from_slice(number);
        rest = &rest[2 + n_bytes..];
    }
    both
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Response {
    let at = |path: &str| format!("{}{path}", inner.issuer);
    if let Some((status, text)) = inner.manner().discovery {
        let location = [(header::LOCATION, at("/keys")), (header::CONTENT_TYPE, "application/json".into())];
        return (StatusCode::from_u16(status).unwrap(), location, text).into_response();
    }
    told(&json!({
        "issuer": inner.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "code_challenge_methods_supported": ["S256"],
        "something_of_its_own": {"a": [1]},
    }))
}

async fn keys(State(inner): State<Arc<Inner>>) -> Response {
    let own = inner.elliptic.lock().unwrap();
    let point = own.1.public_key_raw();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
    let elliptic = json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": own.0, "x": x, "y": y});
    told(&json!({"keys": [serde_json::to_value(inner.rsa.as_verification_key()).unwrap(), elliptic]}))
}

/// Logs whoever comes in as the person it has, without asking anything.
async fn authorize(State(inner): State<Arc<Inner>>, Query(asked): Query<Fields>) -> Response {
    let is_right = asked["response_type"] == "code"
        && asked["client_id"] == CLIENT
        && asked["code_challenge_method"] == "S256"
        && asked["scope"].split(' ').any(|scope| scope == "openid")
        && asked["state"].len() >= 32
        && asked["nonce"].len() >= 32;
    if !is_right {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let mut back = url::Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut().append_pair("state", &asked["state"]).append_pair("iss", &inner.issuer);
    if inner.manner().denies {
        back.query_pairs_mut().append_pair("error", "access_denied");
        return Redirect::to(back.as_str()).into_response();
    }
    let code = inner.new_word("code");
    back.query_pairs_mut().append_pair("code", &code);
    let given = Given {
        nonce: asked["nonce"].clone(),
        challenge: asked["code_challenge"].clone(),
        redirect: asked["redirect_uri"].clone(),
    };
    inner.codes.lock().unwrap().insert(code, given);
    Redirect::to(back.as_str()).into_response()
}

fn refused(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, told(&json!({ "error": error }))).into_response()
}

fn is_client(headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let escaped: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    given.is_some_and(|given| given == STANDARD.encode(format!("{CLIENT}:{escaped}")))
}

async fn token(State(inner): State<Arc<Inner>>, headers: HeaderMap, Form(sent): Form<Fields>) -> Response {
    if !is_client(&headers) {
        return refused("invalid_client");
    }
    // A code is good once.
    let given = inner.codes.lock().unwrap().remove(&sent["code"]);
    let Some(given) = given.filter(|_| sent["grant_type"] == "authorization_code") else {
        return refused("invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(sent["code_verifier"].as_bytes()));
    if challenge != given.challenge || sent["redirect_uri"] != given.redirect {
        return refused("invalid_grant");
    }
    let manner = inner.manner();
    let access = inner.new_word("access");
    let now = jiff::Timestamp::now().as_second();
    let mut claims = json!({
        "iss": inner.issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 300,
        "nonce": given.nonce,
        "at_hash": URL_SAFE_NO_PAD.encode(&Sha256::digest(access.as_bytes())[..16]),
    });
    let into = claims.as_object_mut().unwrap();
    into.extend(manner.claims.as_object().unwrap().clone());
    into.extend(manner.instead.as_object().unwrap().clone());
    into.retain(|_, value| !value.is_null());
    let token = inner.signed(&claims, manner.signing);
    told(&json!({"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": token}))
}

async fn userinfo(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !given.is_some_and(|given| given.starts_with("Bearer access-")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let more: Map<String, Value> = inner.manner().more.as_object().unwrap().clone();
    told(&Value::Object(more))
}

/// The key that RFC 7520 (section 3.4) publishes for examples: nobody's secret.
const RSA_KEY: &str = "-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAn4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8/KuKPEHLd4
rHVTeT+O+XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz/AJmSCpMaJMRBSFKrKb2wqVwG
U/NsYOYL+QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj+oBHqFEHYpP
e7Tpe+OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzw
OHrtIQbS0FVbb9k3+tVTU4fg/3L/vniUFAKwuCLqKnS2BYwdq/mzSnbLY7h/qixo
R7jig3//kRhuaxwUkRz5iaiQkqgc5gHdrNP5zwIDAQABAoIBAG1lAvQfhBUSKPJK
Rn4dGbshj7zDSr2FjbQf4pIh/ZNtHk/jtavyO/HomZKV8V0NFExLNi7DUUvvLiW7
0PgNYq5MDEjJCtSd10xoHa4QpLvYEZXWO7DQPwCmRofkOutf+NqyDS0QnvFvp2d+
Lov6jn5C5yvUFgw6qWiLAPmzMFlkgxbtjFAWMJB0zBMy2BqjntOJ6KnqtYRMQUxw
TgXZDF4rhYVKtQVOpfg6hIlsaoPNrF7dofizJ099OOgDmCaEYqM++bUlEHxgrIVk
wZz+bg43dfJCocr9O5YX0iXaz3TOT5cpdtYbBX+C/5hwrqBWru4HbD3xz8cY1TnD
qQa0M8ECgYEA3Slxg/DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex/fp7AZ/9
nRaO7HX/+SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr/WCsmGpeNqQn
ev1T7IyEsnh8UMt+n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0kCgYEAuKE2
dh+cTf6ERF4k4e/jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR/cu0Dm1MZwW
mtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW7anV5UzhM1iZ7z4yMkuUwFWoB
vyY898EXvRD+hdqRxHlSqAZ192zB3pVFJ0s7pFcCgYAHw9W9eS8muPYv4ZhDu/fL
2vorDmD1JqFcHCxZTOnX1NWWAj5hXzmrU0hvWvFC0P4ixddHf5Nqd6+5E9G3k4E5
2IwZCnylu3bqCWNh8pT8T3Gf5FQsfPT5530T2BcsoPhUaeCnP499D+rb2mTnFYeg
mnTT1B/Ue8KGLFFfn16GKQKBgAiw5gxnbocpXPaO6/OKxFFZ+6c0OjxfN2PogWce
TU/k6ZzmShdaRKwDFXisxRJeNQ5Rx6qgS0jNFtbDhW8E8WFmQ5urCOqIOYk28EBi
At4JySm4v+5P7yYBh8B8YD2l9j57z/s8hJAxEbn/q8uHP2ddQqvQKgtsni+pHSk9
XGBfAoGBANz4qr10DdM8DHhPrAb2YItvPVz/VwkBd1Vqj8zCpyIEKe/07oKOvjWQ
SgkLDH9x2hBgY01SbP43CvPk0V72invu2TGkI/FXwXWJLLG7tDSgw4YyfhrYrHmg
1Vre3XB9HH8MYBVB6UIexaAq4xSeoemRKTBesZro7OKjKT8/GmiO
-----END RSA PRIVATE KEY-----";
