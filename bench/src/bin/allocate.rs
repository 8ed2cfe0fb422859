//! A load on `POST /v1/allocate`: kept-alive connections that ask one after the other, each as fast as it is answered.
//!
//!     allocate 127.0.0.1:7171 BANDIT --connections 32 --seconds 10 [--reward-each 5]
//!
//! Prints JSON: answers a second, how long they took, and the number of the last choice, so that the log can be held to it. Only
//! loopback is accepted.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is asked of whom.
#[derive(Debug, Parser)]
struct Arguments {
    address: SocketAddr,
    bandit: String,
    /// Connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Each so many choices get a reward; 0 for none.
    #[arg(long, default_value_t = 0)]
    reward_each: u64,
}

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    millis: Vec<f64>,
    n_rewards: u64,
    n_errors: u64,
    last_choice: u64,
}

struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    received: Vec<u8>,
}

impl Connection {
    async fn post(&mut self, path: &str, body: &str) -> Result<(u16, Value), String> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        loop {
            if let Some((status, from, to)) = whole(&self.received) {
                let value = serde_json::from_slice(&self.received[from..to]).unwrap_or(Value::Null);
                self.received.drain(..to);
                return Ok((status, value));
            }
            let n = self.stream.read_buf(&mut self.received).await.map_err(|error| error.to_string())?;
            if n == 0 {
                return Err("the server hung up".to_owned());
            }
        }
    }
}

/// Status, and where the body of a whole answer begins and ends.
fn whole(received: &[u8]) -> Option<(u16, usize, usize)> {
    let head_end = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..head_end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok());
    let end = head_end + length.unwrap_or(0);
    (received.len() >= end).then_some((status, head_end, end))
}

async fn ask(arguments: &Arguments, until: Instant) -> Result<Seen, String> {
    let stream = TcpStream::connect(arguments.address).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let mut connection = Connection { stream, address: arguments.address, received: Vec::new() };
    let asked = json!({ "bandit": arguments.bandit, "segment": "load" }).to_string();
    let mut seen = Seen::default();
    while Instant::now() < until {
        let begun = Instant::now();
        let (status, answer) = connection.post("/v1/allocate", &asked).await?;
        seen.millis.push(begun.elapsed().as_secs_f64() * 1000.0);
        let Some(choice) = answer["choice"].as_u64().filter(|_| status == 200) else {
            seen.n_errors += 1;
            continue;
        };
        seen.last_choice = seen.last_choice.max(choice);
        if arguments.reward_each > 0 && choice % arguments.reward_each == 0 {
            let told = json!({ "bandit": arguments.bandit, "choice": choice, "reward": choice % 2 }).to_string();
            let (status, _) = connection.post("/v1/reward", &told).await?;
            if status == 200 { seen.n_rewards += 1 } else { seen.n_errors += 1 }
        }
    }
    Ok(seen)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), String> {
    let arguments: &'static Arguments = Box::leak(Box::new(Arguments::parse()));
    if !arguments.address.ip().is_loopback() {
        return Err(format!("{} is not this machine", arguments.address));
    }
    let begun = Instant::now();
    let until = begun + Duration::from_secs(arguments.seconds);
    let asking: Vec<_> = (0..arguments.connections).map(|_| tokio::spawn(ask(arguments, until))).collect();
    let mut all = Seen::default();
    for one in asking {
        let seen = one.await.map_err(|error| error.to_string())??;
        all.millis.extend(seen.millis);
        all.n_rewards += seen.n_rewards;
        all.n_errors += seen.n_errors;
        all.last_choice = all.last_choice.max(seen.last_choice);
    }
    let seconds = begun.elapsed().as_secs_f64();
    all.millis.sort_by(f64::total_cmp);
    let at = |share: f64| all.millis.get(((all.millis.len().max(1) - 1) as f64 * share) as usize).copied();
    report(&json!({
        "n_allocations": all.millis.len(), "n_rewards": all.n_rewards, "n_errors": all.n_errors,
        "last_choice": all.last_choice, "per_second": all.millis.len() as f64 / seconds,
        "p50_ms": at(0.5), "p99_ms": at(0.99), "most_ms": at(1.0),
    }));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what this program is for")]
fn report(found: &Value) {
    println!("{found}");
}
