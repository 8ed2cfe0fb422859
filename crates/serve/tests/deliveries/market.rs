//! A small market with something to tell on 10 March 2025.

use crowsnest_collect::{ImportRequest, NoProgress};
use crowsnest_lake::{Lake, LakeOptions, Market};
use tempfile::TempDir;

/// 10 March 2025, noon UTC.
pub(crate) const NOW: i64 = 1_741_608_000_000_000;
pub(crate) const MINUTE: i64 = 60_000_000;

/// 豆包 moves up by half and takes the first place from Kimi; Secretive doubles, by a source that may not be passed on.
const CLAIMS: &str = "\
subject,kind,metric,period,region,platform,segment,value,unit,as_written,status,source,said_on,url
豆包,product,mau,2024-12,cn,app,all,58000000,users,5800万,estimated,Chart,2025-01-05,https://example.org/a
豆包,product,mau,2025-01,cn,app,all,60000000,users,6000万,estimated,Chart,2025-02-05,https://example.org/a
豆包,product,mau,2025-02,cn,app,all,90000000,users,9000万,estimated,Chart,2025-03-05,https://example.org/b
Kimi,product,mau,2024-12,cn,app,all,69000000,users,6900万,estimated,Chart,2025-01-05,https://example.org/a
Kimi,product,mau,2025-01,cn,app,all,70000000,users,7000万,estimated,Chart,2025-02-05,https://example.org/a
Kimi,product,mau,2025-02,cn,app,all,68000000,users,6800万,estimated,Chart,2025-03-05,https://example.org/b
Secretive,product,mau,2025-01,cn,app,all,10000000,users,1000万,estimated,Panel,2025-02-06,https://example.org/c
Secretive,product,mau,2025-02,cn,app,all,20000000,users,2000万,estimated,Panel,2025-03-06,https://example.org/c
";

/// A rumour, and its denial a month later.
const EVENTS: &str = "\
event,subject,kind,happened_on,said_on,counterparty,person,round,amount,currency,valuation_low,valuation_high,valuation_currency,status,source,url,note
funding,Moonshot AI,company,2025-03,2025-02-20,Tencent,,B,,,3000000000,,USD,rumoured,Chart,https://example.org/h,talks
funding,Moonshot AI,company,2025-03,2025-03-08,Tencent,,B,,,,,,denied,Moonshot AI,https://example.org/i,no talks
";

/// The market with an `alerts.toml`.
pub(crate) async fn lake_with(alerts: &str) -> (TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("market");
    Market::create(&dir, "test").unwrap();
    std::fs::write(dir.join("sources/panel.toml"), "name = \"Panel\"\nredistribute = false\n").unwrap();
    std::fs::write(dir.join("sources/chart.toml"), "name = \"Chart\"\n").unwrap();
    let lake = Lake::open(Market::open(&dir).unwrap(), LakeOptions::default()).await.unwrap();
    write_alerts(&lake, alerts);
    for (name, text) in [("claims.csv", CLAIMS), ("events.csv", EVENTS)] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let request = ImportRequest::new([path.to_string_lossy().into_owned()], NOW - 30 * MINUTE);
        Box::pin(crowsnest_run::import(&lake, request, &NoProgress)).await.unwrap();
    }
    (folder, lake)
}

pub(crate) fn write_alerts(lake: &Lake, text: &str) {
    std::fs::write(lake.market().dir.join("alerts.toml"), text).unwrap();
}
