//! A small market that every test asks, and snapshots of what a command says.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use assert_cmd::Command;
use tempfile::TempDir;

/// Figures with both scripts, a restatement, a denial, a rumour, bounds, and two sources that disagree.
pub(crate) const CLAIMS: &str = "\
subject,kind,metric,period,region,platform,segment,value,unit,as_written,status,source,said_on,url
豆包,product,mau,2024-11,cn,app,all,,,5998万,estimated,AI产品榜,2024-12-05,https://example.org/a
豆包,product,mau,2024-12,cn,app,all,,,7523万,estimated,AI产品榜,2025-01-05,https://example.org/b
豆包,product,mau,2024-12,cn,app,all,,,7116万,estimated,AI产品榜,2025-02-10,https://example.org/c
Doubao,product,mau,2024-12,cn,app,all,75000000,users,0.75亿,estimated,QuestMobile,2025-03-04,https://example.org/d
騰訊元寶,product,mau,2024-12,cn,app,all,,,超200万,estimated,AI产品榜,2025-01-05,https://example.org/b
腾讯元宝,product,mau,2024-11,cn,app,all,,,近150万,estimated,AI产品榜,2024-12-05,https://example.org/a
Kimi,product,mau,2024-11,cn,app,all,,,1282万,estimated,AI产品榜,2024-12-05,https://example.org/a
Kimi,product,mau,2024-12,cn,app,all,20000000,users,2000万,rumoured,网络传闻,2025-01-02,https://example.org/e
Kimi,product,mau,2024-12,cn,app,all,20000000,users,2000万,denied,网络传闻,2025-01-03,https://example.org/f
Kimi,product,mau,2024-12,cn,app,all,,,1500万-1700万,estimated,AI产品榜,2025-01-05,https://example.org/b
文小言,product,mau,2024-11,cn,app,all,,,1300万,estimated,AI产品榜,2024-12-05,https://example.org/a
国内AI应用,segment,mau,2024-12,cn,app,all,,,1.1亿,estimated,QuestMobile,2025-03-04,https://example.org/d
腾讯云,company,tender_amount,2024-11,cn,all,llm,,,12912万元,reported,智能超参数,2024-12-01,https://example.org/g
阿里雲,company,tender_amount,2024-11,cn,all,llm,,,8262万元,reported,智能超参数,2024-12-01,https://example.org/g
";

/// A rumour, its denial and its confirmation, and a product's launch.
pub(crate) const EVENTS: &str = "\
event,subject,kind,happened_on,said_on,counterparty,person,round,amount,currency,valuation_low,valuation_high,valuation_currency,status,source,url,note
funding,月之暗面,company,2024-08-05,2024-07-20,Tencent,,B,,,3000000000,,USD,rumoured,网络传闻,https://example.org/h,talks
funding,月之暗面,company,2024-08-05,2024-07-21,Tencent,,B,,,,,,denied,月之暗面,https://example.org/i,no comment on talks
funding,月之暗面,company,2024-08-05,2024-08-05,Tencent,,B,300000000,USD,3300000000,,USD,confirmed,Bloomberg,https://example.org/j,round closed
launch,Kimi,product,2023-10-09,2023-10-09,,,,,,,,,official,月之暗面,https://example.org/k,
";

const CATALOGUE: &str = "\
entity,kind,alias,language
Doubao,product,Doubao,en
Doubao,product,豆包,zh-Hans
Tencent Yuanbao,product,Tencent Yuanbao,en
Tencent Yuanbao,product,腾讯元宝,zh-Hans
Tencent Cloud,company,腾讯云,zh-Hans
Alibaba Cloud,company,阿里云,zh-Hans
";

const OWNERS: &str = "product,company\nDoubao,ByteDance\nTencent Yuanbao,Tencent\n";

const SOURCE_CARDS: &[(&str, &str)] = &[
    (
        "aicpb",
        "name = \"AI产品榜\"\nlicence = \"public chart\"\nprice = \"free\"\nhomepage = \"https://example.org/aicpb\"\n",
    ),
    (
        "questmobile",
        "name = \"QuestMobile\"\nlicence = \"subscription\"\nredistribute = false\nprice = \"on request\"\n",
    ),
];

/// The command, in a folder and with surroundings that are the same everywhere.
pub(crate) fn crowsnest() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crowsnest"));
    for name in ["CROWSNEST_MARKET", "CROWSNEST_LOG", "NO_COLOR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.env("COLUMNS", "100").env("TZ", "UTC").timeout(std::time::Duration::from_secs(300));
    command
}

/// The command on a market.
pub(crate) fn on(market: &Path) -> Command {
    let mut command = crowsnest();
    command.env("CROWSNEST_MARKET", market);
    command
}

/// An empty market.
pub(crate) fn empty_market() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    crowsnest().args(["new", "--name", "test"]).arg(folder.path().join("market")).assert().success();
    folder
}

/// A file with that text beside the market.
pub(crate) fn file(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The market that questions are asked of; made once, only read.
pub(crate) fn market() -> &'static Path {
    static MARKET: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MARKET.get_or_init(|| {
        let folder = empty_market();
        let market = folder.path().join("market");
        std::fs::write(market.join("catalogue/aliases.csv"), CATALOGUE).unwrap();
        std::fs::write(market.join("catalogue/owners.csv"), OWNERS).unwrap();
        for (name, card) in SOURCE_CARDS {
            std::fs::write(market.join(format!("sources/{name}.toml")), card).unwrap();
        }
        let claims = file(&folder, "claims.csv", CLAIMS);
        let events = file(&folder, "events.csv", EVENTS);
        on(&market).arg("import").args([claims, events]).assert().success();
        (folder, market)
    });
    path
}

/// What a finished command left: exit code, standard output, standard error.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut said = format!("exit code {}\n", output.status.code().map_or("none".to_owned(), |code| code.to_string()));
    for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !stream.is_empty() {
            said.push_str(&format!("--- {name}\n{}", text(stream)));
        }
    }
    said
}

/// Runs the command on the small market and compares what it says with the snapshot of that name.
pub(crate) fn check(name: &str, arguments: &[&str]) {
    check_output(name, &on(market()).args(arguments).output().unwrap());
}

/// Compares what a command said with the snapshot of that name, without what differs from run to run.
pub(crate) fn check_output(name: &str, output: &Output) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in [
        (r"/[^\s]*/\.tmp[A-Za-z0-9]+", "[folder]"),
        (r"\b[0-9a-f]{64}\b", "[sha256]"),
        (r"import-\d{8}T\d{6}Z-[0-9a-f]{8}", "import-[id]"),
        (r"import-\d{16}", "import-[id]"),
        (r"in \d+\.\d s \([\d,]+ records/s\)", "in [time]"),
        (r"\d+\.\d s\b", "[time]"),
        (r" *\b\d+(\.\d+)? [KMGT]?i?B\b", " [size]"),
        (r" +size\n", " size\n"),
        (r"20(2[6-9]|[3-9]\d)-\d\d-\d\d(T[\d:.]+Z)?", "[now]"),
        (r"\.tmp-\d+", ".tmp-[id]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, said(output)));
}

/// The rows of a query, as JSON.
pub(crate) fn rows(market: &Path, query: &str) -> Vec<serde_json::Value> {
    let output = on(market).args(["sql", query, "--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The JSON that a command answers.
pub(crate) fn json(market: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = on(market).args(arguments).args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The body of a page, asked for as simply as can be.
pub(crate) fn get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
