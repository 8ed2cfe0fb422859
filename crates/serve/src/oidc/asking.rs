//! Asking the provider over HTTP: the one place of [`super`] that connects.
//!
//! In: a request that the library made. Out: the answer. Invariants: HTTPS, but where the provider is on this machine; no
//! redirect is followed; a request has a time limit and an answer a size limit.

use std::pin::Pin;
use std::time::Duration;

use crowsnest_lake::login::is_loopback;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use url::Url;

use crate::deliver::body::read_body;

const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys and descriptions of large providers have some tens of KiB.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct AskError(String);

/// Asks under the rules.
#[derive(Debug)]
pub(super) struct Asking {
    /// Whether the provider is on this machine.
    is_local: bool,
}

impl Asking {
    pub(super) fn new(is_local: bool) -> Self {
        Self { is_local }
    }

    /// Whether an address of the provider may be asked, or led to.
    pub(super) fn check(&self, address: &Url) -> Result<(), AskError> {
        match address.scheme() {
            "https" => Ok(()),
            "http" if self.is_local && is_loopback(address) => Ok(()),
            _ => Err(AskError(format!("{} is not https", address.origin().ascii_serialization()))),
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, AskError> {
        let failed = |error: &dyn std::error::Error| AskError(in_full(error));
        let address = Url::parse(&request.uri().to_string()).map_err(|error| failed(&error))?;
        self.check(&address)?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("crowsnest/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| failed(&error))?;
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&error))?;
        let mut response = client.execute(request).await.map_err(|error| failed(&error))?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let body = read_body(&mut response, ANSWER_BYTES_MAX).await.map_err(|error| failed(&error))?;
        if !body.is_whole {
            return Err(AskError(format!("{address} answers with more than {ANSWER_BYTES_MAX} bytes")));
        }
        answer.body(body.bytes).map_err(|error| failed(&error))
    }
}

impl<'c> AsyncHttpClient<'c> for Asking {
    type Error = AskError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, AskError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// An error with its causes, in one line.
pub(super) fn in_full(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        message.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clear_is_for_this_machine_alone() {
        let check = |is_local, address: &str| Asking::new(is_local).check(&Url::parse(address).unwrap()).is_ok();
        for address in ["https://id.example.com/a", "https://127.0.0.1/"] {
            assert!(check(true, address) && check(false, address), "{address}");
        }
        for address in ["http://127.0.0.1:9/", "http://localhost/", "http://[::1]:9/"] {
            assert!(check(true, address) && !check(false, address), "{address}");
        }
        for address in
            ["http://id.example.com/", "http://127.0.0.1.example.com/", "file:///etc/passwd", "http://10.0.0.1/"]
        {
            assert!(!check(true, address) && !check(false, address), "{address}");
        }
    }
}
