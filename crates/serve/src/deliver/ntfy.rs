//! Form `ntfy`: a topic of [ntfy](https://docs.ntfy.sh/publish/#publish-as-json), its own server or one's own.

use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::channel::{Channel, Letter, Setting, WebForm, options, web_channel};
use super::web::Call;
use crate::message::{Plain, cut};

/// Longer messages become attachments.
const N_BYTES_MAX: usize = 4000;

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ntfy {
    /// The server, without the topic.
    #[serde(default = "default_url")]
    url: String,
    /// The topic; whoever knows it can read it, so better a secret.
    topic: String,
    /// An access token, where the server asks for one.
    token: Option<String>,
    /// 1 (lowest) to 5.
    priority: Option<u8>,
}

fn default_url() -> String {
    "https://ntfy.sh".into()
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let form: Ntfy = options(table)?;
    if form.topic.is_empty() {
        return Err("topic is empty".into());
    }
    if form.priority.is_some_and(|priority| !(1..=5).contains(&priority)) {
        return Err("priority is 1 to 5".into());
    }
    let address = form.url.clone();
    web_channel(form, &address, setting)
}

impl WebForm for Ntfy {
    fn call(&self, letter: &Letter<'_>) -> Result<Call, String> {
        let message = letter.message;
        let mut body = json!({
            "topic": self.topic,
            "title": cut(&message.title, 250),
            "message": message.write(&Plain, N_BYTES_MAX, false).trim_start(),
        });
        if let Some(base) = &message.base_url {
            body["click"] = json!(format!("{base}{}", message.path));
        }
        if let Some(priority) = self.priority {
            body["priority"] = json!(priority);
        }
        let mut call = Call::json(&self.url, &body);
        if let Some(token) = &self.token {
            call.headers.push(("authorization", format!("Bearer {token}")));
        }
        Ok(call)
    }
}
