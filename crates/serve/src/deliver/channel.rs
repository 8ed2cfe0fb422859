//! Channels: where messages go. A table `[[channel]]` of `alerts.toml` with a name, a kind and the options of its form.
//!
//! In: the table, and the market's secrets. Out: a [`Channel`] that takes a [`Letter`]. Secrets are written `{secret:NAME}`, as
//! in sources' files, and come from the environment, the market's secrets file, or what `crowsnest secret set` keeps.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use crowsnest_lake::{LakeError, Market};
use crowsnest_run::alerts::{ALERTS_FILE, AlertsFile};
use crowsnest_run::{PublicOnly, Secrets};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{dingtalk, email, feishu, file, ntfy, slack, telegram, web, webhook, wecom};
use crate::message::Message;

/// A message on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter<'a> {
    pub(super) message: &'a Message,
    /// Id of the delivery, the same at each try.
    pub(super) id: &'a str,
    /// When it is sent, seconds since 1970-01-01 UTC.
    pub(super) at_seconds: i64,
}

/// Why a message was not taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    /// How long the receiver asks to be left alone.
    pub(super) wait: Option<Duration>,
}

impl Refusal {
    pub(super) fn of(message: impl Into<String>) -> Self {
        Self { message: message.into(), wait: None }
    }
}

/// Something that takes messages.
#[async_trait]
pub(super) trait Channel: Debug + Send + Sync {
    /// Sends; gives what the receiver said.
    async fn send(&self, letter: &Letter<'_>) -> Result<String, Refusal>;
}

/// What a channel is opened with besides its own options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    /// Which addresses it may connect to.
    pub(super) rule: PublicOnly,
    /// The market's folder.
    pub(super) folder: &'a Path,
}

/// One form of channel.
pub(super) struct Form {
    /// The word for it in the file.
    pub(super) kind: &'static str,
    /// Whether its messages stay on this machine: then licences leave nothing out.
    pub(super) is_local: bool,
    read: fn(Table, Setting<'_>) -> Result<Box<dyn Channel>, String>,
}

/// Every form.
pub(super) const FORMS: &[Form] = &[
    Form { kind: "file", is_local: true, read: file::read },
    Form { kind: "webhook", is_local: false, read: webhook::read },
    Form { kind: "email", is_local: false, read: email::read },
    Form { kind: "slack", is_local: false, read: slack::read },
    Form { kind: "feishu", is_local: false, read: feishu::read },
    Form { kind: "dingtalk", is_local: false, read: dingtalk::read },
    Form { kind: "wecom", is_local: false, read: wecom::read },
    Form { kind: "telegram", is_local: false, read: telegram::read },
    Form { kind: "ntfy", is_local: false, read: ntfy::read },
];

fn form(kind: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.kind == kind)
}

fn kinds() -> String {
    FORMS.iter().map(|form| form.kind).collect::<Vec<_>>().join(", ")
}

/// Keys of every channel.
const COMMON: &[&str] = &["name", "kind", "allow_private"];

/// A channel's own options, with the keys of every channel taken out.
fn parts(table: &Table) -> Result<(&'static Form, bool, Table), String> {
    let kind = table.get("kind").and_then(Value::as_str).unwrap_or_default();
    let form = form(kind).ok_or_else(|| format!("no channel is of kind {kind:?}: write one of {}", kinds()))?;
    let allows_private = match table.get("allow_private") {
        None => false,
        Some(Value::Boolean(allows)) => *allows,
        Some(other) => return Err(format!("allow_private {other} is neither true nor false")),
    };
    let own = table.iter().filter(|(key, _)| !COMMON.contains(&key.as_str()));
    Ok((form, allows_private, own.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

/// Whether messages of a channel stay on this machine.
pub(super) fn is_local(table: &Table) -> bool {
    table.get("kind").and_then(Value::as_str).and_then(form).is_some_and(|form| form.is_local)
}

/// The channel with its secrets, and what hides them in messages.
pub(super) fn open(market: &Market, table: &Table) -> Result<(Box<dyn Channel>, Secrets), String> {
    let (form, allows_private, mut own) = parts(table)?;
    let mut texts = Vec::new();
    each_text(&mut own, &mut |_, text| texts.push(text.clone()));
    let secrets = Secrets::of(market, &texts)?;
    each_text(&mut own, &mut |key, text| {
        *text = if key.ends_with("url") { secrets.fill_address(text) } else { secrets.fill(text) };
    });
    let setting = Setting { rule: PublicOnly { allows_private }, folder: &market.dir };
    let channel = (form.read)(own, setting).map_err(|message| secrets.mask(&message))?;
    Ok((channel, secrets))
}

fn each_text(table: &mut Table, work: &mut dyn FnMut(&str, &mut String)) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::String(text) => work(key, text),
            Value::Array(values) => {
                for value in values {
                    if let Value::String(text) = value {
                        work(key, text);
                    }
                }
            }
            Value::Table(inner) => each_text(inner, work),
            _ => {}
        }
    }
}

/// Checks that each channel of the file is of a form that there is, with options that it takes. Secrets are not looked for:
/// where one is missing is told when a message is sent.
///
/// # Errors
/// [`LakeError::Config`] with all faults.
pub fn check_channels(file: &AlertsFile) -> Result<(), LakeError> {
    let fault = |(name, table): &(String, Table)| {
        let read = parts(table).and_then(|(form, allows_private, mut own)| {
            // A secret may be a whole address; any address stands for it.
            each_text(&mut own, &mut |key, text| {
                if key.ends_with("url") && text.contains("{secret:") {
                    *text = "https://example.org/".to_owned();
                }
            });
            (form.read)(own, Setting { rule: PublicOnly { allows_private }, folder: Path::new("") })
        });
        read.err().map(|message| format!("channel {name:?}: {message}"))
    };
    let faults: Vec<String> = file.channels.iter().filter_map(fault).collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(LakeError::Config { path: ALERTS_FILE.into(), message: faults.join("; ") })
}

/// Options of a form, as its `struct` has them.
pub(super) fn options<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().trim().replace('\n', " "))
}

/// A channel that is one POST.
#[derive(Debug)]
pub(super) struct Web<F> {
    form: F,
    rule: PublicOnly,
}

/// A form that is one POST: pure, so that what it sends can be looked at.
pub(super) trait WebForm: Debug + Send + Sync {
    /// What is sent.
    fn call(&self, letter: &Letter<'_>) -> Result<web::Call, String>;

    /// What the receiver's answer means, where its status says that all is well.
    fn is_taken(&self, body: &[u8]) -> Result<(), Refusal> {
        let _ = body;
        Ok(())
    }
}

/// The channel of a form, once its address may be asked.
pub(super) fn web_channel<F: WebForm + 'static>(
    form: F,
    address: &str,
    setting: Setting<'_>,
) -> Result<Box<dyn Channel>, String> {
    web::check_address(address, setting.rule)?;
    Ok(Box::new(Web { form, rule: setting.rule }))
}

#[async_trait]
impl<F: WebForm> Channel for Web<F> {
    async fn send(&self, letter: &Letter<'_>) -> Result<String, Refusal> {
        let call = self.form.call(letter).map_err(Refusal::of)?;
        let answer = web::post(&call, self.rule).await?;
        self.form.is_taken(&answer.body)?;
        Ok(format!("{}", answer.status))
    }
}

/// What chats answer with status 200 where they refuse: a code that is not 0, and why.
pub(super) fn code_is_zero(body: &[u8], code: &str, message: &str) -> Result<(), Refusal> {
    let answer: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| Refusal::of("the answer is not the JSON that this form gives"))?;
    match answer[code].as_i64() {
        Some(0) => Ok(()),
        Some(number) => {
            let why = answer[message].as_str().unwrap_or_default();
            Err(Refusal::of(format!("refused with {code} {number}: {}", crate::message::cut(why, 300))))
        }
        None => Err(Refusal::of(format!("the answer has no {code}"))),
    }
}
