//! Form `feishu`: a custom bot of Feishu or Lark. Signed where its security setting asks for it: the key is the time in
//! seconds, a line end and the secret, and what is signed is nothing
//! (<https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>).

use serde::Deserialize;
use serde_json::{Value, json};
use toml::Table;

use super::channel::{Channel, Letter, Refusal, Setting, WebForm, code_is_zero, options, web_channel};
use super::signing::signature;
use super::web::Call;
use crate::message::{Message, Part, cut};
use crate::words::say;

/// A message may have 20 KB.
const N_BYTES_MAX: usize = 18_000;

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feishu {
    /// The webhook's address, which is a secret: `{secret:FEISHU_URL}`.
    url: String,
    /// The secret of its signature check, where that is on.
    secret: Option<String>,
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let form: Feishu = options(table)?;
    let address = form.url.clone();
    web_channel(form, &address, setting)
}

impl WebForm for Feishu {
    fn call(&self, letter: &Letter<'_>) -> Result<Call, String> {
        let mut body = json!({ "msg_type": "post", "content": { "post": { "zh_cn": post(letter.message) } } });
        if let Some(secret) = &self.secret {
            let at = letter.at_seconds.to_string();
            body["sign"] = Value::from(signature(format!("{at}\n{secret}").as_bytes(), b""));
            body["timestamp"] = Value::from(at);
        }
        Ok(Call::json(&self.url, &body))
    }

    fn is_taken(&self, body: &[u8]) -> Result<(), Refusal> {
        code_is_zero(body, "code", "msg")
    }
}

/// A rich text: a title, and lines of texts and links. Nothing in them is markup.
fn post(message: &Message) -> Value {
    let mut lines: Vec<Value> = Vec::new();
    let (mut n_bytes, mut n_left_out) = (0, 0);
    let mut push = |line: Value, lines: &mut Vec<Value>| {
        let needed = line.to_string().len();
        let fits = n_bytes + needed <= N_BYTES_MAX;
        if fits {
            n_bytes += needed;
            lines.push(line);
        }
        fits
    };
    for section in &message.sections {
        let heading = json!([{ "tag": "text", "text": format!("【{}】", section.heading) }]);
        if !section.heading.is_empty() && !section.lines.is_empty() {
            push(heading, &mut lines);
        }
        for line in &section.lines {
            let mut pieces: Vec<Value> = line.parts.iter().map(|part| piece(part, message)).collect();
            if !line.aside.is_empty() {
                pieces.push(json!({ "tag": "text", "text": format!(" — {}", line.aside) }));
            }
            if !push(Value::Array(pieces), &mut lines) {
                n_left_out += 1;
            }
        }
        n_left_out += section.n_more;
    }
    for note in &message.notes {
        push(json!([{ "tag": "text", "text": note }]), &mut lines);
    }
    let rest = match n_left_out {
        0 => say(message.language, "tell.open").to_owned(),
        n => say(message.language, "tell.more").replacen("{}", &n.to_string(), 1),
    };
    if message.base_url.is_some() || n_left_out > 0 {
        lines.push(json!([piece(&Part { text: rest, path: message.path.clone() }, message)]));
    }
    json!({ "title": cut(&message.title, 300), "content": lines })
}

fn piece(part: &Part, message: &Message) -> Value {
    match message.base_url.as_ref().filter(|_| !part.path.is_empty()) {
        Some(base) => json!({ "tag": "a", "text": part.text, "href": format!("{base}{}", part.path) }),
        None => json!({ "tag": "text", "text": part.text }),
    }
}
