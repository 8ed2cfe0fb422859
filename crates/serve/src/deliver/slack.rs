//! Form `slack`: an [incoming webhook](https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks) of Slack,
//! or of what speaks like it (Mattermost, Rocket.Chat, Discord with `/slack` behind the address).

use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::channel::{Channel, Letter, Setting, WebForm, options, web_channel};
use super::web::Call;
use crate::message::Markup;

/// Longer texts are cut by Slack.
const N_BYTES_MAX: usize = 12_000;

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slack {
    /// The webhook's address, which is a secret: `{secret:SLACK_URL}`.
    url: String,
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let form: Slack = options(table)?;
    let address = form.url.clone();
    web_channel(form, &address, setting)
}

impl WebForm for Slack {
    fn call(&self, letter: &Letter<'_>) -> Result<Call, String> {
        let text = letter.message.write(&Mrkdwn, N_BYTES_MAX, true);
        Ok(Call::json(&self.url, &json!({ "text": text, "mrkdwn": true, "unfurl_links": false })))
    }
}

/// Slack's own markup.
struct Mrkdwn;

impl Markup for Mrkdwn {
    fn text(&self, words: &str) -> String {
        let words: String = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        // These three are all that has to be escaped; a zero-width space keeps the others from pairing up.
        let escaped = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        escaped.replace('*', "\u{200b}*").replace('_', "\u{200b}_").replace('~', "\u{200b}~").replace('`', "\u{200b}`")
    }

    fn link(&self, words: &str, address: &str) -> String {
        format!("<{}|{}>", address.replace(['<', '>', '|'], ""), words.replace('|', "¦"))
    }

    fn title(&self, words: &str) -> String {
        format!("*{words}*\n")
    }

    fn heading(&self, words: &str) -> String {
        format!("\n*{words}*\n")
    }

    fn line(&self, words: &str, aside: &str) -> String {
        if aside.is_empty() { format!("• {words}\n") } else { format!("• {words}\n   {aside}\n") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::nasty;

    #[test]
    fn names_make_no_links_and_call_nobody() {
        let mut message = nasty();
        message.sections[0].lines[0].parts[0].text = "<!channel> <http://evil|x>".into();
        let text = message.write(&Mrkdwn, 4000, true);
        assert!(text.contains("|&lt;!channel&gt; &lt;http://evil¦x&gt;>"), "{text}");
        assert!(!text.contains("<!channel>"));
    }
}
