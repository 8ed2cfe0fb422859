//! A server that answers what a test says, byte by byte where it has to be wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Path with query.
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// How often this path was asked before.
    pub(crate) n_before: usize,
}

/// What is answered.
pub(crate) enum Reply {
    /// A whole answer.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes, and the end.
    Raw(Vec<u8>),
    /// These bytes, then the same piece again and again until the other side gives up.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing, and the end.
    Reset,
    /// Nothing, and no end for a while.
    Silence,
}

pub(crate) fn json(text: impl Into<String>) -> Reply {
    Reply::Http(200, vec![("content-type", "application/json".into())], text.into().into_bytes())
}

pub(crate) fn status(status: u16) -> Reply {
    Reply::Http(status, Vec::new(), Vec::new())
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A server, until it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, answer): (_, Arc<Answer>) = (Arc::clone(&asked), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    // A client that went away is what some tests are about.
                    let _ = serve(stream, &log, &*answer).await;
                });
            }
        });
        Self { url, asked, task }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

async fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &Answer) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await?;
        if n == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&piece[..n]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let first: Vec<String> = lines.next().unwrap_or_default().split(' ').map(str::to_owned).collect();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let n_body: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = bytes[head + 4..].to_vec();
    while body.len() < n_body {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await?;
        if n == 0 {
            break;
        }
        body.extend_from_slice(&piece[..n]);
    }
    let asked = {
        let mut log = log.lock().unwrap();
        let n_before = log.iter().filter(|asked| asked.path == first[1]).count();
        let body = String::from_utf8_lossy(&body).into_owned();
        let asked = Asked { path: first[1].clone(), headers, body, n_before };
        log.push(asked.clone());
        asked
    };
    match answer(&asked) {
        Reply::Http(status, headers, body) => {
            let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str("\r\n");
            stream.write_all(text.as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).await?,
        Reply::Endless(start, piece) => {
            stream.write_all(&start).await?;
            loop {
                stream.write_all(&piece).await?;
            }
        }
        Reply::Reset => {}
        Reply::Silence => tokio::time::sleep(std::time::Duration::from_secs(60)).await,
    }
    stream.shutdown().await
}
