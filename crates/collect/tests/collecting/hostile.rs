//! A hundred hostile answers: none ends the program, none exceeds its limits, none gets into the tables as anything but
//! text, and each is told.

use std::io::Write as _;

use crate::market::{Played, json_source};
use crate::server::{Reply, Server, json};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Many megabytes of nothing, in few bytes.
fn bomb(n_mib: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    (0..n_mib).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder.finish().unwrap()
}

/// What is answered, by name; each is one hostile answer.
fn answers() -> Vec<(String, Box<dyn Fn() -> Reply + Send + Sync>)> {
    let mut all: Vec<(String, Box<dyn Fn() -> Reply + Send + Sync>)> = Vec::new();
    let mut add = |name: String, reply: Box<dyn Fn() -> Reply + Send + Sync>| all.push((name, reply));
    let packed = |coding: &'static str, body: Vec<u8>| -> Box<dyn Fn() -> Reply + Send + Sync> {
        Box::new(move || Reply::Http(200, vec![("content-encoding", coding.into())], body.clone()))
    };
    let raw = |text: &'static str| -> Box<dyn Fn() -> Reply + Send + Sync> {
        Box::new(move || Reply::Raw(text.as_bytes().to_vec()))
    };
    let redirect = |to: String| -> Box<dyn Fn() -> Reply + Send + Sync> {
        Box::new(move || Reply::Http(302, vec![("location", to.clone())], Vec::new()))
    };
    // Bombs.
    for n_mib in [5, 50, 200] {
        add(format!("gzip bomb {n_mib}"), packed("gzip", bomb(n_mib)));
    }
    add("gzip bomb in a bomb".into(), packed("gzip, gzip", gzip(&bomb(100))));
    add("zstd bomb".into(), packed("zstd", zstd::encode_all(&vec![0; 64 << 20][..], 19).unwrap()));
    add("half a gzip".into(), packed("gzip", gzip(&[7; 9999])[..40].to_vec()));
    add("no gzip at all".into(), packed("gzip", b"hello".to_vec()));
    add("an unknown coding".into(), packed("sdch", b"hello".to_vec()));
    add(
        "codings without end".into(),
        Box::new(|| Reply::Http(200, vec![("content-encoding", vec!["gzip"; 200].join(","))], gzip(b"x"))),
    );
    // Sizes.
    add("10 GB are told".into(), raw("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n{"));
    add("a length that is no number".into(), raw("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}"));
    add("a negative length".into(), raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}"));
    add("two lengths".into(), raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n{}"));
    add(
        "a body without end".into(),
        Box::new(|| Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n{\"rows\":[".to_vec(), vec![b' '; 1 << 16])),
    );
    add(
        "chunks without end".into(),
        Box::new(|| {
            let mut piece = b"8000\r\n".to_vec();
            piece.extend(vec![b'x'; 0x8000]);
            piece.extend(b"\r\n");
            Reply::Endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), piece)
        }),
    );
    add(
        "headers without end".into(),
        Box::new(|| {
            Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-more: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".to_vec())
        }),
    );
    add(
        "a header of a megabyte".into(),
        Box::new(|| Reply::Raw([b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'x'; 1 << 20], b"\r\n\r\n"].concat())),
    );
    for text in [
        "",
        "\r\n\r\n",
        "HTTP/1.1",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 999 x\r\n\r\n",
        "HTTP/1.1 0 x\r\n\r\n",
        "garbage\0garbage",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        "HTTP/1.1 200 OK\r\na\0b: c\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        add(format!("odd head {text:?}"), raw(text));
    }
    // Redirects: to nowhere, to inside, to other schemes.
    for to in [
        "/loop",
        "",
        "http://",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/json,{}",
        "gopher://x/",
        "//",
        "http://[",
        "http://user:pass@",
        "\u{202e}",
        "http://0.0.0.0:1/",
        "https://127.0.0.1:1/x",
    ] {
        add(format!("redirect to {to:?}"), redirect(to.to_owned()));
    }
    // JSON that is not what it seems.
    let deep_list = "[".repeat(200_000);
    let deep_object = "{\"a\":".repeat(100_000);
    let texts: Vec<String> = vec![
        deep_list,
        deep_object,
        "{\"rows\":".into(),
        "{\"rows\":[{}]}".into(),
        "{\"rows\":[null,1,\"x\",[],{}]}".into(),
        "{\"rows\":{\"a\":1}}".into(),
        "{\"rows\":1e999}".into(),
        "nul".into(),
        "\u{feff}{\"rows\":[]}".into(),
        "{\"rows\":[{\"name\":\"a\",\"month\":\"2024-12\",\"users\":1e400}]}".into(),
        "{\"rows\":[{\"name\":\"a\",\"month\":\"2024-12\",\"users\":\"NaN\"}]}".into(),
        "{\"rows\":[{\"name\":\"a\",\"month\":\"9999999-12\",\"users\":1}]}".into(),
        "{\"rows\":[{\"name\":\"a\",\"month\":\"-2024-12\",\"users\":1}]}".into(),
        "{\"rows\":[{\"name\":\"\",\"month\":\"2024-12\",\"users\":1}]}".into(),
        format!("{{\"rows\":[{{\"name\":\"{}\",\"month\":\"2024-12\",\"users\":1}}]}}", "x".repeat(3 << 20)),
        "{\"rows\":[{\"name\":\"\\ud800\",\"month\":\"2024-12\",\"users\":1}]}".into(),
        "{\"rows\":[{\"name\":\"a\\u0000b\",\"month\":\"2024-12\",\"users\":1}]}".into(),
        "{\"rows\":[],\"rows\":[{\"name\":\"twice\"}]}".into(),
        "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>".into(),
        "<html><script>alert(1)</script>".into(),
    ];
    for text in texts {
        let name = format!("body {:?}", text.chars().take(40).collect::<String>());
        add(name, Box::new(move || json(text.clone())));
    }
    // Bytes that are no text.
    for bytes in [
        &b"\xff\xfe\x00"[..],
        b"\xc3\x28",
        b"\xf0\x28\x8c\x28",
        b"{\"rows\":[{\"name\":\"\xe4\xb8\"}]}",
        b"\x00\x00\x00\x00",
    ] {
        let bytes = bytes.to_vec();
        add(format!("bytes {bytes:x?}"), Box::new(move || Reply::Http(200, Vec::new(), bytes.clone())));
    }
    // Names that would be code somewhere else: they come in as the texts they are.
    for name in [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1+1)",
        "\\t=1",
        "<script>alert(1)</script>",
        "\\\"><img src=x onerror=alert(1)>",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "'; DROP TABLE claims; --",
        "../../etc/passwd",
        "\\u202egnp.exe",
        "%0d%0aSet-Cookie:x",
        "javascript:alert(1)",
        "\\u001b[31mred",
        "a\\u0000b",
        "&lt;b&gt;",
        "<!--",
        "]]>",
        "--",
        "NULL",
        "1e5",
        "\\u00ad\\u200b x",
        "%s%n",
        "$(id)",
        "`id`",
        "|ls",
        "\u{202e}exe",
        "../",
        "CON",
        "\u{feff}a",
        "\\\\\\\\server\\\\share",
    ] {
        let text = format!("{{\"rows\":[{{\"name\":\"{name}\",\"month\":\"2024-12\",\"users\":1}}]}}");
        add(format!("name {name}"), Box::new(move || json(text.clone())));
    }
    // What a server says of itself.
    for (header, value) in [
        ("link", "<".repeat(10_000)),
        ("link", "<http://x>; rel=\"next".to_owned()),
        ("etag", "x".repeat(50_000)),
        ("content-type", "text/html; charset=utf-7".to_owned()),
        ("retry-after", "99999999999999999999".to_owned()),
        ("last-modified", "the day before yesterday".to_owned()),
    ] {
        add(
            format!("header {header}"),
            Box::new(move || Reply::Http(200, vec![(header, value.clone())], b"{\"rows\":[]}".to_vec())),
        );
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_hostile_answers_do_no_harm() {
    let answers = answers();
    let names: Vec<String> = answers.iter().map(|(name, _)| name.clone()).collect();
    assert!(names.len() >= 100, "{}", names.len());
    let server = Server::start(move |asked| {
        let number = asked.path.trim_start_matches("/n").parse::<usize>();
        number
            .map_or_else(|_| Reply::Http(302, vec![("location", asked.path.clone())], Vec::new()), |n| (answers[n].1)())
    })
    .await;
    let sources: Vec<(String, String)> = (0..names.len())
        .map(|n| {
            let text = json_source(&format!("{}/n{n}", server.url), "")
                .replace("\"Played\"", &format!("\"Hostile {n}\""))
                .replace(
                    "retry_max = 2",
                    "retry_max = 0\ntimeout_seconds = 5\nresponse_mib_max = 4\nreject_share_max = 1.0",
                );
            (format!("hostile-{n:03}"), text)
        })
        .collect();
    let sources: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let played = Played::new(&sources);
    let before = crowsnest_lake::files::memory_of_process().unwrap_or_default();
    let reports = played.collect().await;
    let grown = crowsnest_lake::files::memory_of_process().unwrap_or_default().saturating_sub(before);
    assert!(grown < 600 << 20, "memory grew by {} MiB", grown >> 20);
    assert_eq!(reports.len(), names.len());
    for report in &reports {
        let n: usize = report.source.trim_start_matches("Hostile ").parse().unwrap();
        let is_text = names[n].starts_with("name ");
        let is_harmless = is_text
            || names[n].starts_with("body ")
            || names[n].starts_with("header ")
            || names[n].starts_with("bytes ");
        assert!(report.finished_at.is_some(), "{}: {report:?}", names[n]);
        assert!(is_harmless || report.n_claims == 0, "{}: {report:?}", names[n]);
        assert!(report.outcome != "done" || is_harmless, "{}: {report:?}", names[n]);
        if is_text {
            assert_eq!((report.outcome.as_str(), report.n_claims), ("done", 1), "{}: {report:?}", names[n]);
        }
        if report.outcome != "done" {
            assert!(!report.message.is_empty(), "{}: not told", names[n]);
        }
    }
    // They lie in the table as the texts they are.
    let sql = "SELECT count(*) FROM claims WHERE subject = '<script>alert(1)</script>'";
    assert_eq!(played.rows(sql).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_of_this_machine_are_asked_only_where_that_is_allowed_also_after_a_redirect() {
    let server = Server::start(|_| json("{\"rows\":[{\"name\":\"a\",\"month\":\"2024-12\",\"users\":1}]}")).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = server.url.replace("127.0.0.1", host);
        let source = json_source(&url, "")
            .replace("allow_private_addresses = true", "retry_max = 0")
            .replace("retry_max = 2\n", "");
        let report = Played::new(&[("played", &source)]).collect().await.remove(0);
        assert_eq!(report.outcome, "failed", "{host}");
        assert!(report.message.contains("allow_private_addresses"), "{host}: {}", report.message);
    }
    assert!(server.asked().is_empty(), "{:?}", server.paths());
}
