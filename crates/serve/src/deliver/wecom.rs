//! Form `wecom`: a group robot of WeCom (企业微信). Its markup knows bold text and links, and has no escapes, so that names lose
//! what it would take for its own (<https://developer.work.weixin.qq.com/document/path/91770>).

use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::channel::{Channel, Letter, Refusal, Setting, WebForm, code_is_zero, options, web_channel};
use super::web::Call;
use crate::message::Markup;

/// A message may have 4096 bytes.
const N_BYTES_MAX: usize = 4000;

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wecom {
    /// The webhook's address with its key, which is a secret: `{secret:WECOM_URL}`.
    url: String,
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let form: Wecom = options(table)?;
    let address = form.url.clone();
    web_channel(form, &address, setting)
}

impl WebForm for Wecom {
    fn call(&self, letter: &Letter<'_>) -> Result<Call, String> {
        let content = letter.message.write(&Simple, N_BYTES_MAX, true);
        Ok(Call::json(&self.url, &json!({ "msgtype": "markdown", "markdown": { "content": content } })))
    }

    fn is_taken(&self, body: &[u8]) -> Result<(), Refusal> {
        code_is_zero(body, "errcode", "errmsg")
    }
}

/// Markdown without escapes.
struct Simple;

impl Markup for Simple {
    fn text(&self, words: &str) -> String {
        let harmless = |letter: char| match letter {
            '<' | '[' => '（',
            '>' | ']' => '）',
            '*' | '`' | '#' => ' ',
            letter if letter.is_control() => ' ',
            letter => letter,
        };
        words.chars().map(harmless).collect()
    }

    fn link(&self, words: &str, address: &str) -> String {
        format!("[{words}]({})", address.replace('(', "%28").replace(')', "%29"))
    }

    fn title(&self, words: &str) -> String {
        format!("**{words}**\n")
    }

    fn heading(&self, words: &str) -> String {
        format!("\n**{words}**\n")
    }

    fn line(&self, words: &str, aside: &str) -> String {
        if aside.is_empty() { format!("{words}\n") } else { format!("{words}\n> {aside}\n") }
    }
}
