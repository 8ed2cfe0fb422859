//! Form `telegram`: a bot of Telegram, by [`sendMessage`](https://core.telegram.org/bots/api#sendmessage) with HTML.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use toml::Table;

use super::channel::{Channel, Letter, Refusal, Setting, WebForm, options, web_channel};
use super::web::Call;
use crate::message::{Markup, escaped};

/// A message may have 4096 characters.
const N_BYTES_MAX: usize = 4096;

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Telegram {
    /// The bot's token, which is a secret: `{secret:TELEGRAM_TOKEN}`.
    token: String,
    /// The chat: a number, or `@channel`.
    chat_id: String,
    /// Where the bot API is, if not at Telegram's own.
    #[serde(default = "default_url")]
    url: String,
}

fn default_url() -> String {
    "https://api.telegram.org".into()
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let form: Telegram = options(table)?;
    let is_known = |letter: char| letter.is_ascii_alphanumeric() || "_-:{}".contains(letter);
    if form.token.is_empty() || !form.token.chars().all(is_known) {
        return Err("token is none that Telegram gives".into());
    }
    let address = form.url.clone();
    web_channel(form, &address, setting)
}

impl WebForm for Telegram {
    fn call(&self, letter: &Letter<'_>) -> Result<Call, String> {
        let url = format!("{}/bot{}/sendMessage", self.url.trim_end_matches('/'), self.token);
        let text = letter.message.write(&Html, N_BYTES_MAX, true);
        let body = json!({
            "chat_id": self.chat_id,
            "text": text,
            "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true },
        });
        Ok(Call::json(&url, &body))
    }

    fn is_taken(&self, body: &[u8]) -> Result<(), Refusal> {
        let answer: Value = serde_json::from_slice(body).map_err(|_| Refusal::of("the answer is not JSON"))?;
        if answer["ok"] == Value::Bool(true) {
            return Ok(());
        }
        let wait = answer["parameters"]["retry_after"].as_u64().map(Duration::from_secs);
        Err(Refusal { message: format!("refused: {}", answer["description"].as_str().unwrap_or_default()), wait })
    }
}

/// The few tags that Telegram knows.
struct Html;

impl Markup for Html {
    fn text(&self, words: &str) -> String {
        escaped(words).replace("&#39;", "'")
    }

    fn link(&self, words: &str, address: &str) -> String {
        format!("<a href=\"{}\">{words}</a>", escaped(address))
    }

    fn title(&self, words: &str) -> String {
        format!("<b>{words}</b>\n")
    }

    fn heading(&self, words: &str) -> String {
        format!("\n<b>{words}</b>\n")
    }

    fn line(&self, words: &str, aside: &str) -> String {
        if aside.is_empty() { format!("• {words}\n") } else { format!("• {words}\n<i>{aside}</i>\n") }
    }
}
