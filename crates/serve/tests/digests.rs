//! Digests, their feed and reports over a small market: nothing is told twice, a day's report stays the same, and licences hold.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "deliveries/market.rs"]
mod market;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use crowsnest_collect::{ImportRequest, NoProgress};
use crowsnest_lake::{Lake, Language};
use crowsnest_run::digest::{Digest, DigestRequest, digest, keep, told_digests};
use crowsnest_run::happening::What;
use crowsnest_serve::deliver::{send_due, tell_due_digests};
use crowsnest_serve::reports::{Audience, Report, ReportRequest, report};
use crowsnest_serve::{ServeOptions, digest_mail, digest_markdown, router};
use tower::ServiceExt as _;

use market::{MINUTE, NOW, lake_with};

const DAY: i64 = 1440 * MINUTE;

async fn tell(lake: &Lake, until: i64, watch: Option<&str>) -> Digest {
    let request = DigestRequest {
        name: watch.unwrap_or("everything").to_owned(),
        until,
        watch: watch.map(str::to_owned),
        language: Some(Language::En),
        ..DigestRequest::default()
    };
    let told = digest(lake, &request).await.unwrap();
    keep(lake, &told, until, &[]).unwrap();
    told
}

fn names(digest: &Digest, what: What) -> Vec<&str> {
    digest.happenings.iter().filter(|one| one.what == what).map(|one| one.name.as_str()).collect()
}

async fn import(lake: &Lake, folder: &std::path::Path, name: &str, text: &str, now: i64) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    let request = ImportRequest::new([path.to_string_lossy().into_owned()], now);
    Box::pin(crowsnest_run::import(lake, request, &NoProgress)).await.unwrap();
}

async fn get(lake: &Lake, listen: &str, address: &str) -> (StatusCode, String) {
    let (status, _, body) = get_bytes(lake, listen, address).await;
    (status, String::from_utf8(body).unwrap())
}

async fn get_bytes(lake: &Lake, listen: &str, address: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    get_from(&pages(lake, listen), address).await
}

fn pages(lake: &Lake, listen: &str) -> Router {
    let options = ServeOptions {
        listen: listen.parse().unwrap(),
        hosts: vec!["127.0.0.1".into()],
        is_public: listen.starts_with('0'),
        ..ServeOptions::default()
    };
    router(lake.clone(), &options)
}

async fn get_from(pages: &Router, address: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = Request::get(address).header("host", "127.0.0.1").body(Body::empty()).unwrap();
    let response = pages.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, headers, body.to_vec())
}

#[tokio::test]
async fn a_digest_tells_what_is_new_and_nothing_twice() {
    let (folder, lake) = lake_with("").await;
    let first = tell(&lake, NOW, None).await;
    assert_eq!(names(&first, What::Move), ["Secretive", "豆包"]);
    assert_eq!(names(&first, What::Turn), ["Moonshot AI"]);
    let markdown = digest_markdown(&lake, &first, Language::En, Some("https://r.example".into()));
    assert!(
        markdown.contains("[90M](https://r.example/claim/") && markdown.contains("[60M](https://r.example/claim/"),
        "{markdown}"
    );
    let mail = digest_mail(&lake, &first, Language::ZhHans, Some("https://r.example".into()));
    assert!(mail.contains("9000万") && !mail.contains("<script"), "{mail}");

    let again = tell(&lake, NOW + DAY, None).await;
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(again.since, first.until);

    // A figure of February comes in late: said on 6 March, before the first digest, imported after it.
    let late = "subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on\n\
        Grok,product,mau,2025-01,cn,app,all,1000000,users,estimated,Chart,2025-02-05\n\
        Grok,product,mau,2025-02,cn,app,all,3000000,users,estimated,Chart,2025-03-06\n";
    import(&lake, folder.path(), "late.csv", late, NOW + DAY + MINUTE).await;
    let third = tell(&lake, NOW + 2 * DAY, None).await;
    assert_eq!(names(&third, What::Move), ["Grok"]);
    assert_eq!(names(&third, What::Found), ["Grok"]);
    assert!(tell(&lake, NOW + 3 * DAY, None).await.is_empty());
}

#[tokio::test]
async fn a_watch_list_is_kept_to_and_tells_whom_nobody_knows() {
    let (_folder, lake) = lake_with("").await;
    std::fs::create_dir_all(lake.market().dir.join("watch")).unwrap();
    std::fs::write(
        lake.market().dir.join("watch/own.toml"),
        "title = \"Own\"\nproducts = [\"豆包\", \"Nobody Yet\"]\n",
    )
    .unwrap();
    let told = tell(&lake, NOW, Some("own")).await;
    assert_eq!(names(&told, What::Move), ["豆包"]);
    assert!(names(&told, What::Turn).is_empty());
    assert_eq!(told.unknown, ["Nobody Yet"]);
    let missing =
        digest(&lake, &DigestRequest { watch: Some("none".into()), until: NOW, ..DigestRequest::default() }).await;
    assert!(missing.unwrap_err().to_string().contains("none"));
}

#[tokio::test]
async fn as_of_a_day_only_what_was_known_then_is_told() {
    let (_folder, lake) = lake_with("").await;
    let request = DigestRequest {
        name: "x".into(),
        since: Some(NOW - 40 * DAY),
        until: NOW - 30 * DAY,
        is_as_of: true,
        language: Some(Language::En),
        ..DigestRequest::default()
    };
    let told = digest(&lake.at(Some(NOW - 30 * DAY)).await.unwrap(), &request).await.unwrap();
    assert!(names(&told, What::Move).is_empty(), "{told:?}");
    assert!(names(&told, What::Turn).is_empty(), "the denial came later");
}

#[tokio::test]
async fn a_planned_digest_is_told_once_when_it_is_due() {
    let (folder, lake) = lake_with(
        "language = \"en\"\n[[channel]]\nname = \"log\"\nkind = \"file\"\n\
         [[digest]]\nname = \"morning\"\nat = \"07:30\"\ntime_zone = \"Asia/Shanghai\"\n",
    )
    .await;
    assert_eq!(tell_due_digests(&lake, NOW).await.unwrap(), ["morning"]);
    assert!(tell_due_digests(&lake, NOW + MINUTE).await.unwrap().is_empty());
    send_due(&lake, NOW + MINUTE).await.unwrap();
    assert_eq!(tell_due_digests(&lake, NOW + DAY).await.unwrap(), ["morning"]);
    send_due(&lake, NOW + DAY).await.unwrap();
    let log = std::fs::read_to_string(folder.path().join("market/alerts.log")).unwrap();
    assert_eq!(log.lines().count(), 1, "one with nothing to tell is not sent");
    assert!(log.contains("morning") && log.contains("\"type\":\"digest\""));
    assert_eq!(told_digests(&lake, Some("morning"), 9).unwrap().len(), 2);
}

#[tokio::test]
async fn the_feed_and_shared_pages_leave_out_what_may_not_be_passed_on() {
    let (_folder, lake) = lake_with("").await;
    tell(&lake, NOW, None).await;
    let (status, feed) = get(&lake, "127.0.0.1:7171", "/digest.atom?lang=en").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        feed.starts_with("<?xml") && feed.contains("<entry>") && feed.contains("http://127.0.0.1/claim/"),
        "{feed}"
    );
    assert!(!feed.contains("Secretive") && feed.contains("1 left out"), "{feed}");
    for listen in ["0.0.0.0:7171", "127.0.0.1:7171"] {
        for address in ["/digest?since=2025-03-01&as_of=2025-03-10", "/digest.json?since=2025-03-01&as_of=2025-03-10"] {
            let (status, page) = get(&lake, listen, address).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            assert!(page.contains("豆包"), "{page}");
            assert_eq!(page.contains("Secretive"), listen.starts_with("127"), "{listen} {address}: {page}");
        }
    }
    for address in
        ["/digest?days=x", "/digest?days=0&since=2030-01-01", "/digest?watch=../../etc", "/digest?since=%3Cscript%3E"]
    {
        let (status, page) = get(&lake, "127.0.0.1:7171", address).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{address}");
        assert!(!page.contains("<script>"));
    }
    let (status, page) = get(&lake, "127.0.0.1:7171", "/alerts").await;
    assert_eq!(status, StatusCode::OK, "{page}");
}

const TEMPLATE: &str = "# Report of {{ market }}\n\nAs of {{ as_of }}: {{ figure \"豆包\" mau 2025-02 }}, {{ change 豆包 mau 2025-02 }}, \
    place {{ rank 豆包 mau 2025-02 }}, by {{ source 豆包 mau 2025-02 }}.\n\n{{ league mau 2025-02 limit=5 }}\n\n\
    {{ figure Secretive mau 2025-02 }}\n\n{{ digest days=30 }}\n\n{{ figure Nobody mau 2025-02 }} {{ nothing }} {{ league mua 2025 }}\n";

async fn filled(lake: &Lake, day: &str, audience: Audience) -> Report {
    let request = ReportRequest {
        name: "monthly".into(),
        as_of: Some((day.into(), crowsnest_lake::questions::parse_as_of(day).unwrap())),
        language: Language::En,
        base_url: None,
        audience,
    };
    report(lake, &request).await.unwrap()
}

#[tokio::test]
async fn a_report_of_a_day_stays_the_same_and_tells_what_is_missing() {
    let (folder, lake) = lake_with("").await;
    std::fs::write(lake.market().dir.join("reports/monthly.md"), TEMPLATE).unwrap();
    let before = filled(&lake, "2025-03-10", Audience::Owner).await;
    assert!(
        before.markdown.contains("[90M](/claim/") && before.markdown.contains("?as_of=2025-03-10)"),
        "{}",
        before.markdown
    );
    assert!(
        before.markdown.contains("[+50%](/claim/") && before.markdown.contains("10 Mar 2025"),
        "{}",
        before.markdown
    );
    assert!(before.markdown.contains("[20M](/claim/"), "{}", before.markdown);
    assert_eq!(before.problems.len(), 3, "{:?}", before.problems);
    assert!(before.problems[0].starts_with("line 11, {{ figure Nobody mau 2025-02 }}:"), "{:?}", before.problems);
    // The same is told to others without what may not be passed on.
    let others = filled(&lake, "2025-03-10", Audience::Others).await;
    assert!(!others.markdown.contains("[20M]") && !others.markdown.contains("Panel"), "{}", others.markdown);
    // A restatement of later does not touch it.
    let restated = "subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on\n\
        豆包,product,mau,2025-02,cn,app,all,85000000,users,estimated,Chart,2025-04-05\n";
    import(&lake, folder.path(), "restated.csv", restated, NOW + 40 * DAY).await;
    assert_eq!(filled(&lake, "2025-03-10", Audience::Owner).await, before);
    assert!(filled(&lake, "2025-04-10", Audience::Owner).await.markdown.contains("[85M]"));
    let (status, page) = get(&lake, "127.0.0.1:7171", "/report/monthly?as_of=2025-03-10&lang=en").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains(">90M</a>") && page.contains("<table>"), "{page}");
    for lost in ["/report/none", "/report/..%2Falerts", "/report/..%2f..%2fetc%2fpasswd"] {
        assert_eq!(get(&lake, "127.0.0.1:7171", lost).await.0, StatusCode::NOT_FOUND, "{lost}");
    }
}

/// A kept page must not outlive its file, its lists or what is known.
#[tokio::test]
async fn a_report_that_is_kept_shows_at_once_what_changed() {
    let (folder, lake) = lake_with("").await;
    let file = lake.market().dir.join("reports/short.md");
    let pages = pages(&lake, "127.0.0.1:7171");
    let page = async || String::from_utf8(get_from(&pages, "/report/short?lang=en").await.2).unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "# First\n\n{{ figure 豆包 mau 2025-02 }}\n").unwrap();
    let first = page().await;
    assert!(first.contains(">90M</a>") && first == page().await, "{first}");
    std::fs::write(&file, "# Second\n\n{{ figure 豆包 mau 2025-02 }}\n").unwrap();
    assert!(page().await.contains("<h1>Second</h1>"));
    let restated = "subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on\n\
        豆包,product,mau,2025-02,cn,app,all,85000000,users,estimated,Chart,2025-04-05\n";
    import(&lake, folder.path(), "restated.csv", restated, NOW + 40 * DAY).await;
    lake.refresh().await.unwrap();
    let later = page().await;
    assert!(later.contains(">85M</a>"), "{later}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(get_from(&pages, "/report/short?lang=en").await.0, StatusCode::NOT_FOUND);
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A PDF of a page, and the page of an entity that it may lead to.
async fn pdf(lake: &Lake, listen: &str, address: &str) -> Vec<u8> {
    let (status, headers, bytes) = get_bytes(lake, listen, address).await;
    assert_eq!(status, StatusCode::OK, "{address}");
    assert_eq!(headers["content-type"], "application/pdf");
    assert!(headers["content-disposition"].to_str().unwrap().starts_with("inline; filename"), "{headers:?}");
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"), "{headers:?}");
    assert!(bytes.starts_with(b"%PDF-") && bytes.len() > 5000, "{address}");
    bytes
}

#[tokio::test]
async fn reports_and_digests_come_as_pdf_and_licences_hold() {
    const ADDRESS: &str = "/report/monthly.pdf?as_of=2025-03-10&lang=en";
    let (_folder, lake) = lake_with("").await;
    std::fs::write(lake.market().dir.join("reports/monthly.md"), TEMPLATE).unwrap();
    let own = pdf(&lake, "127.0.0.1:7171", ADDRESS).await;
    assert_eq!(pdf(&lake, "127.0.0.1:7171", ADDRESS).await, own, "the same report of the same day is the same file");
    assert!(holds(&own, "(http://127.0.0.1/claim/") && holds(&own, "as_of=2025-03-10"));
    let panel = "(http://127.0.0.1/source?name=Panel";
    assert!(holds(&own, panel));
    let others = pdf(&lake, "0.0.0.0:7171", ADDRESS).await;
    assert!(holds(&others, "(http://127.0.0.1/claim/") && !holds(&others, panel));

    let address = "/digest.pdf?since=2025-03-01&as_of=2025-03-10&lang=zh-Hans";
    assert!(holds(&pdf(&lake, "127.0.0.1:7171", address).await, panel));
    assert!(!holds(&pdf(&lake, "0.0.0.0:7171", address).await, panel));
    std::fs::write(lake.market().dir.join("alerts.toml"), "base_url = \"https://radar.example.com/\"\n").unwrap();
    assert!(holds(&pdf(&lake, "127.0.0.1:7171", address).await, "(https://radar.example.com/claim/"));

    let (_, page) = get(&lake, "127.0.0.1:7171", "/report/monthly?as_of=2025-03-10&lang=en").await;
    assert!(page.contains("/report/monthly.pdf?as_of=2025-03-10") && page.contains("application/pdf"), "{page}");
    for lost in ["/report/none.pdf", "/products.pdf", "/claim/00.pdf", "/reports.pdf"] {
        let (status, page) = get(&lake, "127.0.0.1:7171", lost).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{lost}");
        assert!(page.starts_with("<!doctype html>"), "{page}");
    }
}
