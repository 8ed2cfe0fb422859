//! Form `email`: mail by SMTP (RFC 5321), as plain text and HTML, and digests as PDF where that is wanted. The connection is encrypted, by STARTTLS or TLS from the
//! beginning; without is for a server on this machine only. The message's id is the delivery's, so that a mail program that
//! gets one twice can tell.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use crowsnest_run::PublicOnly;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use serde::Deserialize;
use toml::Table;

use super::channel::{Channel, Letter, Refusal, Setting, options};
use crate::message::cut;
use crate::reports::pdf::{Paper, print_pdf};

const TIMEOUT: Duration = Duration::from_secs(20);
const N_RECEIVERS_MAX: usize = 100;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encryption {
    #[default]
    Starttls,
    Tls,
    None,
}

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The mail server.
    host: String,
    /// Its port: 587, with `tls = "tls"` 465, with `tls = "none"` 25, where not said.
    port: Option<u16>,
    /// `starttls`, `tls`, or `none` for a server on this machine.
    #[serde(default)]
    tls: Encryption,
    /// Who logs in, where the server asks for it.
    user: Option<String>,
    /// The password, which is a secret: `{secret:SMTP_PASSWORD}`.
    password: Option<String>,
    /// The sender: `radar@example.com`, or `Radar <radar@example.com>`.
    from: String,
    /// The receivers.
    to: Vec<String>,
    /// `pdf`: a digest goes along as a file as well.
    attach: Option<Attached>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Attached {
    Pdf,
}

#[derive(Debug)]
struct Email {
    written: Written,
    from: Mailbox,
    to: Vec<Mailbox>,
    rule: PublicOnly,
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let written: Written = options(table)?;
    let mailbox = |text: &String| {
        text.parse::<Mailbox>()
            .map_err(|_| format!("{text:?} is no mail address such as \"Radar <radar@example.com>\""))
    };
    let (from, to) = (mailbox(&written.from)?, written.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?);
    if to.is_empty() || to.len() > N_RECEIVERS_MAX {
        return Err(format!("to names 1 to {N_RECEIVERS_MAX} receivers"));
    }
    if written.user.is_some() != written.password.is_some() {
        return Err("user and password go together".into());
    }
    if written.host.trim().is_empty() {
        return Err("host is empty".into());
    }
    Ok(Box::new(Email { written, from, to, rule: setting.rule }))
}

impl Email {
    fn port(&self) -> u16 {
        self.written.port.unwrap_or(match self.written.tls {
            Encryption::Starttls => 587,
            Encryption::Tls => 465,
            Encryption::None => 25,
        })
    }

    /// The very address that is connected to.
    async fn address(&self) -> Result<SocketAddr, Refusal> {
        let host = self.written.host.trim();
        // A server on this machine is the owner's own.
        let found = PublicOnly { allows_private: true }.look_up(host, self.port()).await;
        let found = found.map_err(|error| Refusal::of(format!("{host}: {error}")))?;
        let is_own = !found.is_empty() && found.iter().all(|address| address.ip().is_loopback());
        if self.written.tls == Encryption::None && !is_own {
            let message =
                format!("{host} is not this machine: tls = \"none\" would show the mail to everybody between");
            return Err(Refusal::of(message));
        }
        let allowed = if is_own {
            found
        } else {
            let allowed = self.rule.look_up(host, self.port()).await;
            allowed.map_err(|error| Refusal::of(format!("{error}: set allow_private = true if it is yours")))?
        };
        allowed.first().copied().ok_or_else(|| Refusal::of(format!("{host} has no address")))
    }

    /// The message as a file, where that is wanted and it is one that can be printed. A mail goes without rather than not at all.
    async fn file(&self, letter: &Letter<'_>) -> Option<SinglePart> {
        let head = letter.message.head.as_ref().filter(|_| self.written.attach == Some(Attached::Pdf))?;
        let printed = match print_pdf(Paper::of_message(letter.message)).await {
            Ok(printed) => printed,
            Err(error) => {
                tracing::warn!(%error, "a mail goes without its PDF");
                return None;
            }
        };
        if let Some(note) = printed.note() {
            tracing::warn!(note, "a PDF has empty boxes");
        }
        let media_type = ContentType::parse("application/pdf").ok()?;
        Some(Attachment::new(format!("{}-{}.pdf", letter.message.kind, head.day)).body(printed.bytes, media_type))
    }

    fn mail(&self, letter: &Letter<'_>, file: Option<SinglePart>) -> Result<lettre::Message, Refusal> {
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .subject(cut(&letter.message.title.replace(['\r', '\n'], " "), 250))
            .message_id(Some(format!("<{}@crowsnest>", letter.id)));
        for receiver in &self.to {
            mail = mail.to(receiver.clone());
        }
        let both = MultiPart::alternative_plain_html(letter.message.plain(), letter.message.mail_page());
        let whole = match file {
            Some(file) => MultiPart::mixed().multipart(both).singlepart(file),
            None => both,
        };
        mail.multipart(whole).map_err(|error| Refusal::of(error.to_string()))
    }

    fn transport(&self, address: SocketAddr) -> Result<AsyncSmtpTransport<Tokio1Executor>, Refusal> {
        let parameters =
            || TlsParameters::new(self.written.host.trim().to_owned()).map_err(|error| Refusal::of(error.to_string()));
        let tls = match self.written.tls {
            Encryption::Starttls => Tls::Required(parameters()?),
            Encryption::Tls => Tls::Wrapper(parameters()?),
            Encryption::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
            .port(address.port())
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let (Some(user), Some(password)) = (&self.written.user, &self.written.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.build())
    }
}

#[async_trait]
impl Channel for Email {
    async fn send(&self, letter: &Letter<'_>) -> Result<String, Refusal> {
        let mail = self.mail(letter, self.file(letter).await)?;
        let transport = self.transport(self.address().await?)?;
        let host = &self.written.host;
        let answer = transport.send(mail).await.map_err(|error| {
            let mut message = format!("{host}: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                message.push_str(&format!(": {inner}"));
                cause = inner.source();
            }
            Refusal::of(message)
        })?;
        Ok(format!("{} {}", answer.code(), answer.first_line().unwrap_or_default()))
    }
}
