//! Form `webhook`: JSON for programs, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it: headers
//! `webhook-id`, `webhook-timestamp` and `webhook-signature`, the last `v1,` and the HMAC-SHA256 of `id.timestamp.body`. The
//! id is also the `idempotency-key`.

use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::channel::{Channel, Letter, Setting, WebForm, options, web_channel};
use super::signing::{decoded, signature};
use super::web::Call;

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    /// Where it goes.
    url: String,
    /// What it is signed with: `whsec_` and base64, or any text. Not signed where left out.
    secret: Option<String>,
    /// Sent as `Authorization`, where given.
    authorization: Option<String>,
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let form: Webhook = options(table)?;
    if form.secret.as_deref().is_some_and(str::is_empty) {
        return Err("secret is empty".into());
    }
    let address = form.url.clone();
    web_channel(form, &address, setting)
}

impl Webhook {
    fn key(secret: &str) -> Result<Vec<u8>, String> {
        match secret.strip_prefix("whsec_") {
            Some(text) => {
                decoded(text).ok_or_else(|| "secret begins with whsec_, and what follows is not base64".into())
            }
            None => Ok(secret.as_bytes().to_vec()),
        }
    }
}

impl WebForm for Webhook {
    fn call(&self, letter: &Letter<'_>) -> Result<Call, String> {
        let Letter { message, id, at_seconds } = letter;
        let body = json!({
            "id": id,
            "type": message.kind,
            "title": message.title,
            "text": message.plain(),
            "page": message.base_url.as_ref().map(|base| format!("{base}{}", message.path)),
            "notes": message.notes,
            "happenings": message.happenings,
        });
        let mut call = Call::json(&self.url, &body);
        call.headers.push(("webhook-id", (*id).to_owned()));
        call.headers.push(("idempotency-key", (*id).to_owned()));
        call.headers.push(("webhook-timestamp", at_seconds.to_string()));
        if let Some(secret) = &self.secret {
            let signed = format!("{id}.{at_seconds}.{}", call.body);
            let signature = signature(&Self::key(secret)?, signed.as_bytes());
            call.headers.push(("webhook-signature", format!("v1,{signature}")));
        }
        if let Some(authorization) = &self.authorization {
            call.headers.push(("authorization", authorization.clone()));
        }
        Ok(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::nasty;

    #[test]
    fn the_signature_is_of_id_timestamp_and_body() {
        let form = Webhook {
            url: "https://example.org/".into(),
            secret: Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
            authorization: None,
        };
        // The key and the scheme of the standard's own example.
        let key = Webhook::key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            signature(&key, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}"),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let message = nasty();
        let call = form.call(&Letter { message: &message, id: "msg", at_seconds: 7 }).unwrap();
        let expected = signature(&key, format!("msg.7.{}", call.body).as_bytes());
        assert!(call.headers.contains(&("webhook-signature", format!("v1,{expected}"))));
        assert!(Webhook::key("whsec_!").is_err());
    }
}
