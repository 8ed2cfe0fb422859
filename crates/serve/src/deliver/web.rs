//! One POST to a channel's address, with all its rules: see the invariants of [`super`].

use std::time::Duration;

use crowsnest_run::PublicOnly;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use url::Url;

use super::body::read_body;
use super::channel::Refusal;

const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longer waits than this are not obeyed.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(super) body: String,
}

impl Call {
    pub(super) fn json(url: &str, body: &serde_json::Value) -> Self {
        Self { url: url.to_owned(), headers: Vec::new(), body: body.to_string() }
    }
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The address, if it may be asked; hosts by name are checked again when they are looked up.
pub(super) fn check_address(address: &str, rule: PublicOnly) -> Result<Url, String> {
    // The address itself may be a secret.
    let url = Url::parse(address.trim()).map_err(|error| format!("its address cannot be read: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if rule.allows_private => {}
        "http" => return Err("its address is http: write https, or allow_private = true for your own network".into()),
        other => return Err(format!("its address begins with {other}: write https")),
    }
    rule.check(&url).map_err(|message| format!("{message}: set allow_private = true if it is yours"))?;
    Ok(url)
}

/// Sends, once.
pub(super) async fn post(call: &Call, rule: PublicOnly) -> Result<Answer, Refusal> {
    let url = check_address(&call.url, rule).map_err(Refusal::of)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let client = reqwest::Client::builder()
        .user_agent(concat!("crowsnest/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(std::sync::Arc::new(rule))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .no_proxy()
        .build()
        .map_err(|error| Refusal::of(error.to_string()))?;
    let mut sending = client.post(url).header(CONTENT_TYPE, "application/json; charset=utf-8").body(call.body.clone());
    for (name, value) in &call.headers {
        let mut value = HeaderValue::from_str(value).map_err(|_| Refusal::of(format!("{name} cannot be sent")))?;
        value.set_sensitive(true);
        sending = sending.header(HeaderName::from_static(name), value);
    }
    let response = sending.send().await.map_err(|error| failed(&host, error))?;
    read(response, &host).await
}

async fn read(mut response: reqwest::Response, host: &str) -> Result<Answer, Refusal> {
    let status = response.status();
    if status.is_redirection() {
        let message = format!("{host} answers {status}: redirects are not followed, write the address it leads to");
        return Err(Refusal::of(message));
    }
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = read_body(&mut response, ANSWER_BYTES_MAX).await.map_err(|error| failed(host, error))?.bytes;
    if status.is_success() {
        return Ok(Answer { status: status.as_u16(), body });
    }
    let said = crate::message::cut(String::from_utf8_lossy(&body).trim(), 300);
    let wait = wait.map(Duration::from_secs).map(|wait| wait.min(WAIT_MAX));
    Err(Refusal { message: format!("{host} answers {status}: {said}"), wait })
}

/// An error without the address, which may be a secret.
fn failed(host: &str, error: reqwest::Error) -> Refusal {
    let error = error.without_url();
    let mut message = format!("{host}: {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        message.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    Refusal::of(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked_unless_the_channel_says_so() {
        let (public, own) = (PublicOnly { allows_private: false }, PublicOnly { allows_private: true });
        for address in [
            "http://1.1.1.1/",
            "https://127.0.0.1/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://0x7f000001/",
            "ftp://1.1.1.1/",
            "file:///etc/passwd",
            "no address",
        ] {
            assert!(check_address(address, public).is_err(), "{address}");
        }
        assert!(check_address("https://hooks.example.com/x", public).is_ok());
        assert!(check_address("http://127.0.0.1:8080/", own).is_ok());
        assert!(check_address("ftp://127.0.0.1/", own).is_err());
    }
}
