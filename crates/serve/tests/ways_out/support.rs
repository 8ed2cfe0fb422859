//! A small market: three products, two sources, one of which may not be passed on.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use crowsnest_collect::NoProgress;
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_serve::{ServeOptions, router};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

const CLAIMS: &str = "subject,kind,metric,period,region,platform,value,unit,status,source,said_on\n\
    Doubao,product,mau,2024-11,cn,app,60000000,users,estimated,Open,2024-12-05\n\
    Doubao,product,mau,2024-12,cn,app,71160000,users,estimated,Open,2025-01-05\n\
    Doubao,product,mau,2024-12,cn,app,75000000,users,estimated,Secret,2025-03-04\n\
    Kimi,product,mau,2024-12,cn,app,16690000,users,estimated,Open,2025-01-05\n\
    Ernie,product,mau,2024-12,cn,app,12000000,users,estimated,Secret,2025-03-04\n";
const MORE: &str = "subject,kind,metric,period,region,platform,value,unit,status,source,said_on\n\
    Kimi,product,mau,2025-01,cn,app,17500000,users,estimated,Open,2025-02-05\n";

/// A market in a folder of its own.
pub(crate) struct Small {
    _folder: TempDir,
    pub(crate) lake: Lake,
}

impl Small {
    pub(crate) async fn new() -> Self {
        Self::with_card("redistribute = false").await
    }

    /// The same, with other lines on the card of the source `Secret`.
    pub(crate) async fn with_card(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let market = folder.path().join("market");
        Market::create(&market, "test").unwrap();
        std::fs::create_dir_all(market.join("claims")).unwrap();
        std::fs::write(market.join("claims/first.csv"), CLAIMS).unwrap();
        std::fs::write(market.join("sources/open.toml"), "name = \"Open\"\nlicence = \"CC-BY\"\n").unwrap();
        std::fs::write(market.join("sources/secret.toml"), format!("name = \"Secret\"\n{lines}\n")).unwrap();
        let config = std::fs::read_to_string(market.join("crowsnest.toml")).unwrap();
        std::fs::write(market.join("crowsnest.toml"), config + "\n[[imports]]\nfile = \"claims/first.csv\"\n").unwrap();
        let lake = Lake::open(Market::open(&market).unwrap(), LakeOptions::default()).await.unwrap();
        crowsnest_run::import_market(&lake, &NoProgress).await.unwrap();
        lake.refresh().await.unwrap();
        Self { _folder: folder, lake }
    }

    /// Adds what was said later, as another process would.
    pub(crate) async fn grow(&self) {
        self.tell(MORE).await;
    }

    /// Adds these claims, as another process would.
    pub(crate) async fn tell(&self, claims: &str) {
        let dir = self.lake.market().dir.clone();
        std::fs::write(dir.join("claims/first.csv"), claims).unwrap();
        let elsewhere = Lake::open(Market::open(&dir).unwrap(), LakeOptions::default()).await.unwrap();
        crowsnest_run::import_market(&elsewhere, &NoProgress).await.unwrap();
        self.lake.refresh().await.unwrap();
    }

    /// Its pages, as served at an address.
    pub(crate) fn pages(&self, listen: &str) -> Router {
        let options = ServeOptions {
            listen: listen.parse().unwrap(),
            hosts: vec!["127.0.0.1".into()],
            is_public: listen == SHARED,
            ..ServeOptions::default()
        };
        router(self.lake.clone(), &options)
    }
}

pub(crate) const HOME: &str = "127.0.0.1:7171";
pub(crate) const SHARED: &str = "0.0.0.0:7171";

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

pub(crate) async fn send(pages: &Router, request: Request<Body>) -> Reply {
    let response = pages.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Reply { status, headers, body: to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec() }
}

pub(crate) async fn get_with(pages: &Router, address: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(address).header("host", "127.0.0.1:7171");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(pages, request.body(Body::empty()).unwrap()).await
}

pub(crate) async fn get(pages: &Router, address: &str) -> Reply {
    get_with(pages, address, &[]).await
}

pub(crate) async fn post(pages: &Router, address: &str, media_type: &str, body: &str) -> Reply {
    let request = Request::post(address)
        .header("host", "127.0.0.1:7171")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", media_type);
    send(pages, request.body(Body::from(body.to_owned())).unwrap()).await
}
