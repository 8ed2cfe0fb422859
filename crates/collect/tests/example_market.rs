//! The example market's mappings fit the shape of the files they are for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::Path;

use crowsnest_collect::{ImportRequest, NoProgress, import};
use crowsnest_lake::{Lake, LakeOptions, Market};

/// 2026-06-15T12:00:00Z.
const NOW: i64 = 1_781_524_800_000_000;

async fn imported(map: &str, text: &str) -> (u64, u64) {
    let maps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../markets/ai/maps");
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(Market::create(folder.path(), "test").unwrap(), LakeOptions::default()).await.unwrap();
    let path = folder.path().join("in.csv");
    std::fs::write(&path, text).unwrap();
    let request =
        ImportRequest { mapping: Some(maps.join(map)), ..ImportRequest::new([path.display().to_string()], NOW) };
    let report = import(&lake, request, &NoProgress).await.unwrap();
    (report.n_added, report.n_rejects)
}

#[tokio::test(flavor = "multi_thread")]
async fn maps_fit() {
    assert_eq!(imported("pypi.toml", "captured_on,project,downloads_30d\n2024-12-01,boto3,12\n").await, (1, 0));
    assert_eq!(imported("lmarena.toml", "captured_on,model,elo\n2023-05-08,alpaca-13b,904.2\n").await, (1, 0));
}
