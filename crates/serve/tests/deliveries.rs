//! Alerts and digests all the way: rules over a small market, messages in the outbox, and receivers that speak HTTP and SMTP
//! for real, on this machine.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "deliveries/market.rs"]
mod market;
#[path = "deliveries/receivers.rs"]
mod receivers;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_serve::deliver::{check_channels, raise_alerts, send_due, tell_due_digests, test_channel};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use market::{MINUTE, NOW, lake_with, write_alerts};
use receivers::{Mailbox, Receiver};

const RULES: &str = r#"
base_url = "https://radar.example.com"
language = "en"

[[rule]]
name = "moved"
kind = "figure"
metric = "mau"
moved = 0.3

[[rule]]
name = "first place"
kind = "rank"
metric = "mau"
top = 1

[[rule]]
name = "settled"
kind = "rumour"
"#;

/// The same market with another setting.
async fn again(lake: &Lake, setting: &str) -> Lake {
    let path = lake.market().dir.join("crowsnest.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{setting}{text}")).unwrap();
    Lake::open(Market::open(&lake.market().dir).unwrap(), LakeOptions::default()).await.unwrap()
}

fn signed(key: &[u8], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn each_form_of_channel_gets_the_same_in_its_own_shape_and_signed() {
    let receiver = Receiver::start().await;
    let url = &receiver.url;
    let (_folder, lake) = lake_with(&format!(
        "{RULES}
        [[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{url}/hook\"\nsecret = \"s3cret\"\nallow_private = true
        [[channel]]\nname = \"slack\"\nkind = \"slack\"\nurl = \"{url}/slack\"\nallow_private = true
        [[channel]]\nname = \"feishu\"\nkind = \"feishu\"\nurl = \"{url}/feishu\"\nsecret = \"fs\"\nallow_private = true
        [[channel]]\nname = \"ding\"\nkind = \"dingtalk\"\nurl = \"{url}/ding?access_token=t\"\nsecret = \"SECd\"\nallow_private = true
        [[channel]]\nname = \"wecom\"\nkind = \"wecom\"\nurl = \"{url}/wecom?key=k\"\nallow_private = true
        [[channel]]\nname = \"tg\"\nkind = \"telegram\"\nurl = \"{url}\"\ntoken = \"12:ab\"\nchat_id = \"@radar\"\nallow_private = true
        [[channel]]\nname = \"ntfy\"\nkind = \"ntfy\"\nurl = \"{url}/ntfy\"\ntopic = \"radar\"\ntoken = \"tk\"\nallow_private = true
        "
    ))
    .await;
    let raised = raise_alerts(&lake, NOW).await.unwrap().unwrap();
    assert!(raised.told.len() >= 3, "{:?}", raised.looked);
    let sent = send_due(&lake, NOW).await.unwrap();
    assert_eq!(sent.iter().filter(|one| one.outcome == "sent").count(), 7, "{sent:?}");

    let hook = receiver.one("/hook");
    let (id, at) = (hook.header("webhook-id"), hook.header("webhook-timestamp"));
    assert_eq!(
        hook.header("webhook-signature"),
        format!("v1,{}", signed(b"s3cret", &format!("{id}.{at}.{}", hook.body)))
    );
    assert_eq!(hook.header("idempotency-key"), id);
    assert_eq!(at, (NOW / 1_000_000).to_string());
    let body: Value = serde_json::from_str(&hook.body).unwrap();
    assert_eq!(body["type"], "alerts");
    assert!(body["happenings"].as_array().unwrap().iter().any(|one| one["what"] == "move" && one["claim"].is_string()));

    let slack = receiver.one("/slack").json();
    let text = slack["text"].as_str().unwrap();
    assert!(text.contains("<https://radar.example.com/claim/") && text.contains("|90M>"), "{text}");

    let feishu = receiver.one("/feishu").json();
    let at = feishu["timestamp"].as_str().unwrap();
    assert_eq!(feishu["sign"], signed(format!("{at}\nfs").as_bytes(), ""));
    assert!(feishu["content"]["post"]["zh_cn"]["content"].as_array().unwrap().len() >= 3);

    let ding = receiver.one("/ding");
    let query: Vec<(String, String)> = url::form_urlencoded::parse(ding.query.as_bytes()).into_owned().collect();
    let of = |name: &str| query.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!(of("access_token"), "t");
    assert_eq!(of("sign"), signed(b"SECd", &format!("{}\nSECd", of("timestamp"))));
    assert!(ding.json()["markdown"]["text"].as_str().unwrap().contains("](https://radar.example.com/claim/"));

    let wecom = receiver.one("/wecom").json();
    assert!(wecom["markdown"]["content"].as_str().unwrap().len() <= 4096);
    let telegram = receiver.one("/bot12:ab/sendMessage").json();
    assert_eq!((&telegram["chat_id"], &telegram["parse_mode"]), (&Value::from("@radar"), &Value::from("HTML")));
    let ntfy = receiver.one("/ntfy");
    assert_eq!(ntfy.header("authorization"), "Bearer tk");
    assert_eq!(ntfy.json()["click"], "https://radar.example.com/alerts");
}

#[tokio::test]
async fn a_dead_receiver_gets_it_once_when_it_lives_again() {
    let dead = Receiver::reserve().await;
    let (_folder, lake) = lake_with(&format!(
        "{RULES}[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true\n",
        dead.url
    ))
    .await;
    raise_alerts(&lake, NOW).await.unwrap();
    let first = send_due(&lake, NOW).await.unwrap();
    assert_eq!((first.len(), first[0].outcome.as_str()), (1, "waiting"), "{first:?}");
    assert!(send_due(&lake, NOW + MINUTE / 2).await.unwrap().is_empty(), "not before its time");
    let receiver = dead.live().await;
    let second = send_due(&lake, NOW + 2 * MINUTE).await.unwrap();
    assert_eq!(second[0].outcome, "sent", "{second:?}");
    // Looked at again, and sent again: nothing is new.
    let again = raise_alerts(&lake, NOW + 3 * MINUTE).await.unwrap().unwrap();
    assert!(again.told.is_empty());
    assert!(send_due(&lake, NOW + 60 * MINUTE).await.unwrap().is_empty());
    assert_eq!(receiver.all().len(), 1);
}

#[tokio::test]
async fn many_senders_at_once_send_each_message_once() {
    let receiver = Receiver::start().await;
    let channels: String = (0..6)
        .map(|n| {
            format!(
                "[[channel]]\nname = \"c{n}\"\nkind = \"webhook\"\nurl = \"{}/c{n}\"\nallow_private = true\n",
                receiver.url
            )
        })
        .collect();
    let (_folder, lake) = lake_with(&format!("{RULES}{channels}")).await;
    let raise = || raise_alerts(&lake, NOW);
    let (a, b, c) = tokio::join!(raise(), raise(), raise());
    let n_told: usize = [a, b, c].into_iter().map(|raised| raised.unwrap().unwrap().told.len()).sum();
    let n_alerts = lake.state().alerts(1000).unwrap().len();
    assert_eq!(n_told, n_alerts);
    let send = || send_due(&lake, NOW);
    let (a, b, c) = tokio::join!(send(), send(), send());
    assert_eq!(a.unwrap().len() + b.unwrap().len() + c.unwrap().len(), 6);
    assert_eq!(receiver.all().len(), 6);
}

#[tokio::test]
async fn a_message_that_was_sent_and_not_noted_comes_again_under_the_same_id() {
    let receiver = Receiver::start().await;
    let (_folder, lake) = lake_with(&format!(
        "{RULES}[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true\n",
        receiver.url
    ))
    .await;
    raise_alerts(&lake, NOW).await.unwrap();
    // Another process takes it, and dies before it notes anything.
    let taken = lake.state().take_delivery(NOW, NOW + 5 * MINUTE).unwrap().unwrap();
    assert!(send_due(&lake, NOW + MINUTE).await.unwrap().is_empty());
    let sent = send_due(&lake, NOW + 6 * MINUTE).await.unwrap();
    assert_eq!(sent[0].delivery, taken.delivery);
    assert_eq!(receiver.one("/hook").header("webhook-id"), taken.delivery);
    assert!(send_due(&lake, NOW + 600 * MINUTE).await.unwrap().is_empty());
}

#[tokio::test]
async fn redirects_refusals_and_answers_without_end_are_no_deliveries() {
    let receiver = Receiver::start().await;
    let url = &receiver.url;
    let (folder, lake) = lake_with(&format!(
        "{RULES}
        [[channel]]\nname = \"away\"\nkind = \"webhook\"\nurl = \"{url}/redirect\"\nallow_private = true
        [[channel]]\nname = \"no\"\nkind = \"feishu\"\nurl = \"{url}/refuse\"\nallow_private = true
        [[channel]]\nname = \"endless\"\nkind = \"wecom\"\nurl = \"{url}/endless\"\nallow_private = true
        [[channel]]\nname = \"busy\"\nkind = \"slack\"\nurl = \"{url}/busy\"\nallow_private = true
        "
    ))
    .await;
    raise_alerts(&lake, NOW).await.unwrap();
    let sent = send_due(&lake, NOW).await.unwrap();
    let of = |name: &str| sent.iter().find(|one| one.channel == name).unwrap();
    assert!(sent.iter().all(|one| one.outcome == "waiting"), "{sent:?}");
    assert!(of("away").message.contains("redirects are not followed"));
    assert!(of("no").message.contains("19021"));
    assert!(of("busy").message.contains("429"));
    assert!(receiver.all().iter().all(|request| request.path != "/stolen"));
    // The busy one asked for an hour.
    let due = lake.state().deliveries(10).unwrap().into_iter().find(|one| one.channel == "busy").unwrap().due_at;
    assert_eq!(due, NOW + 60 * MINUTE);
    // After the last try it is given up.
    let mut now = NOW;
    for _ in 0..20 {
        now += 1441 * MINUTE;
        send_due(&lake, now).await.unwrap();
    }
    let log = lake.state().deliveries(10).unwrap();
    assert!(log.iter().all(|one| one.outcome == "given_up" && one.n_tries == 9), "{log:?}");
    drop(folder);
}

#[tokio::test]
async fn what_may_not_be_passed_on_stays_on_this_machine() {
    let receiver = Receiver::start().await;
    let (folder, lake) = lake_with(&format!(
        "{RULES}
        [[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}/hook\"\nallow_private = true
        [[channel]]\nname = \"log\"\nkind = \"file\"\n",
        receiver.url
    ))
    .await;
    raise_alerts(&lake, NOW).await.unwrap();
    send_due(&lake, NOW).await.unwrap();
    let body = receiver.one("/hook").body;
    assert!(!body.contains("Panel") && !body.contains("Secretive"), "{body}");
    assert!(body.contains("1 left out: they rest on sources that may not be passed on"), "{body}");
    let log = std::fs::read_to_string(folder.path().join("market/alerts.log")).unwrap();
    assert_eq!(log.lines().count(), 1);
    assert!(log.contains("Secretive") && log.contains("Panel"));
}

#[tokio::test]
async fn a_mail_arrives_whole_in_both_forms_and_once() {
    let mailbox = Mailbox::start().await;
    let (_folder, lake) = lake_with(&format!(
        "{RULES}[[channel]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"Radar <radar@example.com>\"\nto = [\"mei@example.com\", \"Ada <ada@example.com>\"]\n",
        mailbox.port
    ))
    .await;
    raise_alerts(&lake, NOW).await.unwrap();
    mailbox.refuse_next();
    let first = send_due(&lake, NOW).await.unwrap();
    assert!(first[0].outcome == "waiting" && first[0].message.contains("451"), "{first:?}");
    let second = send_due(&lake, NOW + 2 * MINUTE).await.unwrap();
    assert_eq!(second[0].outcome, "sent", "{second:?}");
    let mails = mailbox.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail.receivers, ["mei@example.com", "ada@example.com"]);
    assert_eq!(mail.header("message-id"), format!("<{}@crowsnest>", second[0].delivery));
    assert!(mail.header("from").contains("radar@example.com"));
    assert!(mail.header("subject").contains("alerts"), "{}", mail.header("subject"));
    let (text, html) = (mail.part("text/plain"), mail.part("text/html"));
    assert!(text.contains("豆包") && text.contains("90M"), "{text}");
    assert!(html.contains("href=\"https://radar.example.com/claim/"), "{html}");
    assert!(!html.contains("<script") && !html.contains("<link"));
}

#[tokio::test]
async fn a_digest_goes_along_with_mail_as_pdf_where_that_is_wanted() {
    let mailbox = Mailbox::start().await;
    let (_folder, lake) = lake_with(&format!(
        "base_url = \"https://radar.example.com\"\n[[digest]]\nname = \"morning\"\nat = \"07:30\"\nlanguage = \"zh-Hans\"\n\
         [[channel]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"radar@example.com\"\nto = [\"mei@example.com\"]\nattach = \"pdf\"\n",
        mailbox.port
    ))
    .await;
    assert_eq!(tell_due_digests(&lake, NOW).await.unwrap(), ["morning"]);
    let sent = send_due(&lake, NOW).await.unwrap();
    assert_eq!(sent[0].outcome, "sent", "{sent:?}");
    let mails = mailbox.mails();
    let pdf = mails[0].file("application/pdf");
    let holds = |text: &str| pdf.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(pdf.starts_with(b"%PDF-") && holds("(https://radar.example.com/claim/"));
    assert!(!holds("name=Panel"), "what may not be passed on is not in it");
}

#[tokio::test]
async fn mail_in_the_clear_goes_to_this_machine_only() {
    let (_folder, lake) = lake_with(&format!(
        "{RULES}[[channel]]\nname = \"mail\"\nkind = \"email\"\nhost = \"192.0.2.1\"\ntls = \"none\"\n\
         from = \"radar@example.com\"\nto = [\"mei@example.com\"]\nallow_private = true\n"
    ))
    .await;
    let error = test_channel(&lake, "mail", NOW).await.unwrap_err().to_string();
    assert!(error.contains("in the clear") || error.contains("not this machine"), "{error}");
}

#[tokio::test]
async fn a_test_reaches_its_channel_and_secrets_stay_hidden() {
    let receiver = Receiver::start().await;
    let (folder, lake) = lake_with("").await;
    std::fs::write(
        folder.path().join("secrets.toml"),
        format!("HOOK_URL = \"{}/hook/tok3n\"\nDEAD = \"http://127.0.0.1:9/tok3n\"\n", receiver.url),
    )
    .unwrap();
    write_alerts(
        &lake,
        "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{secret:HOOK_URL}\"\nallow_private = true\n\
         [[channel]]\nname = \"dead\"\nkind = \"webhook\"\nurl = \"{secret:DEAD}\"\nallow_private = true\n\
         [[channel]]\nname = \"lost\"\nkind = \"slack\"\nurl = \"{secret:NOBODY_SET_THIS}\"\n",
    );
    let lake = again(&lake, "secrets = \"../secrets.toml\"\n").await;
    assert_eq!(test_channel(&lake, "hook", NOW).await.unwrap(), "200");
    assert_eq!(receiver.one("/hook/tok3n").json()["type"], "test");
    let dead = test_channel(&lake, "dead", NOW).await.unwrap_err().to_string();
    assert!(!dead.contains("tok3n"), "{dead}");
    let lost = test_channel(&lake, "lost", NOW).await.unwrap_err().to_string();
    assert!(lost.contains("NOBODY_SET_THIS"), "{lost}");
    let nobody = test_channel(&lake, "nobody", NOW).await.unwrap_err();
    assert!(nobody.hint().unwrap().contains("hook, dead, lost"));
}

#[tokio::test]
async fn channels_that_cannot_be_are_told_before_anything_is_sent() {
    let (_folder, lake) = lake_with(
        "[[channel]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://127.0.0.1/\"\n\
         [[channel]]\nname = \"b\"\nkind = \"slack\"\nurl = \"http://hooks.example.com/\"\n\
         [[channel]]\nname = \"c\"\nkind = \"pigeon\"\n\
         [[channel]]\nname = \"d\"\nkind = \"file\"\npath = \"../../etc/x.log\"\n\
         [[channel]]\nname = \"e\"\nkind = \"ntfy\"\ntopic = \"t\"\nprioritee = 3\n\
         [[channel]]\nname = \"f\"\nkind = \"email\"\nhost = \"h\"\nfrom = \"nobody\"\nto = []\n",
    )
    .await;
    let file = crowsnest_run::alerts::read_alerts(lake.market()).unwrap().unwrap();
    let faults = check_channels(&file).unwrap_err().to_string();
    for part in [
        "channel \"a\": 127.0.0.1 is not an address of the public network",
        "channel \"b\": its address is http",
        "channel \"c\": no channel is of kind \"pigeon\"",
        "channel \"d\": path is a file below",
        "channel \"e\": unknown field `prioritee`",
        "channel \"f\": \"nobody\" is no mail address",
    ] {
        assert!(faults.contains(part), "{part} is not in: {faults}");
    }
    assert!(raise_alerts(&lake, NOW).await.is_err());
}
