//! Receivers on this machine: an HTTP server that keeps what it gets and answers as chats do, and an SMTP server (RFC 5321)
//! that keeps the mails it takes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type All = Arc<Mutex<Vec<Got>>>;

/// An HTTP server.
pub(crate) struct Receiver {
    pub(crate) url: String,
    all: All,
}

/// An address where nobody listens yet.
pub(crate) struct Reserved {
    pub(crate) url: String,
    address: SocketAddr,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) async fn reserve() -> Reserved {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        Reserved { url: format!("http://{address}"), address }
    }

    fn on(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let all = All::default();
        let router = Router::new().fallback(receive).with_state(Arc::clone(&all));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, all }
    }

    pub(crate) fn all(&self) -> Vec<Got> {
        self.all.lock().unwrap().clone()
    }

    /// The one request that came to a path.
    pub(crate) fn one(&self, path: &str) -> Got {
        let mut found: Vec<Got> = self.all().into_iter().filter(|got| got.path == path).collect();
        assert_eq!(found.len(), 1, "{path} of {:?}", self.all());
        found.remove(0)
    }
}

impl Reserved {
    pub(crate) async fn live(self) -> Receiver {
        Receiver::on(TcpListener::bind(self.address).await.unwrap())
    }
}

async fn receive(State(all): State<All>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    all.lock().unwrap().push(Got {
        path: path.clone(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let taken = json!({ "code": 0, "errcode": 0, "ok": true, "msg": "success", "errmsg": "ok" });
    match path.as_str() {
        "/redirect" => (StatusCode::FOUND, [(header::LOCATION, "/stolen")]).into_response(),
        "/refuse" => json!({ "code": 19021, "msg": "sign match fail" }).to_string().into_response(),
        "/busy" => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")], "later").into_response(),
        "/endless" => {
            let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 4096]));
            Body::from_stream(chunks).into_response()
        }
        _ => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], taken.to_string()).into_response(),
    }
}

/// A mail that was taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mail {
    pub(crate) receivers: Vec<String>,
    text: String,
}

impl Mail {
    /// A header of the whole, unfolded, its encoded words decoded (RFC 2047, base64).
    pub(crate) fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:"))).unwrap();
        let value = line.split_once(':').unwrap().1.trim();
        let words = value.split(' ').map(|word| {
            match word.strip_prefix("=?utf-8?b?").and_then(|rest| rest.strip_suffix("?=")) {
                Some(text) => {
                    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
                }
                None => format!("{word} "),
            }
        });
        words.collect::<String>().trim().to_owned()
    }

    /// The text of a media type, decoded.
    pub(crate) fn part(&self, media_type: &str) -> String {
        String::from_utf8(self.file(media_type)).unwrap()
    }

    /// The part of a media type, decoded.
    pub(crate) fn file(&self, media_type: &str) -> Vec<u8> {
        let boundary = self.header("content-type").split("boundary=").nth(1).unwrap().trim_matches('"').to_owned();
        let part = self
            .text
            .split(&format!("--{boundary}"))
            .find(|part| part.to_ascii_lowercase().contains(&format!("content-type: {media_type}")));
        let (head, body) = part.unwrap().split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        if head.contains("encoding: base64") {
            let packed: String = body.split_whitespace().collect();
            return base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
        }
        if head.contains("encoding: quoted-printable") { quoted_printable(body) } else { body.as_bytes().to_vec() }
    }
}

/// RFC 2045, section 6.7.
fn quoted_printable(text: &str) -> Vec<u8> {
    let text = text.replace("=\r\n", "");
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        if *first == b'=' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// An SMTP server.
pub(crate) struct Mailbox {
    pub(crate) port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    refuses: Arc<AtomicBool>,
}

impl Mailbox {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, refuses) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, refusing) = (Arc::clone(&mails), Arc::clone(&refuses));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&kept), Arc::clone(&refusing)));
            }
        });
        Self { port, mails, refuses }
    }

    /// The next mail is put off.
    pub(crate) fn refuse_next(&self) {
        self.refuses.store(true, Ordering::SeqCst);
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

async fn talk(stream: TcpStream, mails: Arc<Mutex<Vec<Mail>>>, refuses: Arc<AtomicBool>) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading);
    writing.write_all(b"220 test ready\r\n").await.unwrap();
    let mut mail = Mail::default();
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let command = line.trim().to_ascii_uppercase();
        let answer = if command.starts_with("EHLO") {
            "250-test\r\n250 8BITMIME\r\n"
        } else if command.starts_with("MAIL FROM") {
            if refuses.swap(false, Ordering::SeqCst) { "451 come back later\r\n" } else { "250 ok\r\n" }
        } else if command.starts_with("RCPT TO") {
            mail.receivers.push(line.split('<').nth(1).unwrap().split('>').next().unwrap().to_owned());
            "250 ok\r\n"
        } else if command == "DATA" {
            writing.write_all(b"354 go on\r\n").await.unwrap();
            mail.text = data(&mut lines).await;
            mails.lock().unwrap().push(std::mem::take(&mut mail));
            "250 taken\r\n"
        } else if command == "QUIT" {
            writing.write_all(b"221 bye\r\n").await.unwrap();
            return;
        } else {
            "250 ok\r\n"
        };
        writing.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// Lines up to a lone dot; a dot that was put before another is taken away (RFC 5321, section 4.5.2).
async fn data(lines: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> String {
    let (mut text, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if lines.read_line(&mut line).await.unwrap() == 0 || line == ".\r\n" {
            return text;
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
