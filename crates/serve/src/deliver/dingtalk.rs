//! Form `dingtalk`: a custom robot of DingTalk. Signed where its security setting asks for it: what is signed is the time in
//! milliseconds, a line end and the secret, by the secret, and both go behind the address
//! (<https://open.dingtalk.com/document/robots/customize-robot-security-settings>).

use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::channel::{Channel, Letter, Refusal, Setting, WebForm, code_is_zero, options, web_channel};
use super::signing::signature;
use super::web::Call;
use crate::message::{Markdown, cut};
use crate::request::push_query;

/// A message may have 20,000 bytes.
const N_BYTES_MAX: usize = 18_000;

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dingtalk {
    /// The webhook's address with its token, which is a secret: `{secret:DINGTALK_URL}`.
    url: String,
    /// The secret of its signature check (`SEC…`), where that is on.
    secret: Option<String>,
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let form: Dingtalk = options(table)?;
    let address = form.url.clone();
    web_channel(form, &address, setting)
}

impl WebForm for Dingtalk {
    fn call(&self, letter: &Letter<'_>) -> Result<Call, String> {
        let mut url = self.url.clone();
        if let Some(secret) = &self.secret {
            let at = (letter.at_seconds * 1000).to_string();
            push_query(&mut url, "timestamp", &at);
            push_query(&mut url, "sign", &signature(secret.as_bytes(), format!("{at}\n{secret}").as_bytes()));
        }
        let text = letter.message.write(&Markdown, N_BYTES_MAX, true);
        let title = cut(&letter.message.title, 200);
        Ok(Call::json(&url, &json!({ "msgtype": "markdown", "markdown": { "title": title, "text": text } })))
    }

    fn is_taken(&self, body: &[u8]) -> Result<(), Refusal> {
        code_is_zero(body, "errcode", "errmsg")
    }
}
