//! In a world of noise alone, rules with a budget keep to it: months are gone through one by one, each rule knows only what was
//! known then, and what it tells is judged by the month after.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fmt::Write as _;

use crowsnest_collect::{ImportRequest, NoProgress};
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_run::alerts::{AlertsFile, look_at_rules, read_alerts};
use crowsnest_run::happening::What;

const N_PRODUCTS: usize = 40;
const N_MONTHS: usize = 60;
/// The first months only teach.
const N_TEACHING: usize = 36;
const DAY: i64 = 86_400_000_000;

const ALERTS: &str = r#"
[[rule]]
name = "moved"
kind = "figure"
metric = "mau"
budget_per_week = 0.5

[[rule]]
name = "lost share"
kind = "share"
metric = "mau"
budget_per_week = 0.5

[[rule]]
name = "top ten"
kind = "rank"
metric = "mau"
top = 10
budget_per_week = 0.5
"#;

/// Numbers like those of chance, the same each time (Knuth's constants for a linear congruence).
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The sum of twelve, less six: nearly normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn month(place: usize) -> (i32, u32) {
    (2019 + (place / 12) as i32, place as u32 % 12 + 1)
}

/// Levels walk a little, and what is told of them is noisy, so that most of a move is taken back.
fn world() -> Vec<Vec<f64>> {
    let mut chance = Chance(42);
    let mut levels: Vec<f64> = (0..N_PRODUCTS).map(|_| 14.0 + chance.normal()).collect();
    let mut told = Vec::new();
    for _ in 0..N_MONTHS {
        levels.iter_mut().for_each(|level| *level += 0.05 * chance.normal());
        told.push(levels.iter().map(|level| (level + 0.15 * chance.normal()).exp()).collect());
    }
    told
}

async fn lake(told: &[Vec<f64>]) -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("market");
    Market::create(&dir, "noise").unwrap();
    std::fs::write(dir.join("alerts.toml"), ALERTS).unwrap();
    let mut csv = "subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on\n".to_owned();
    for (place, values) in told.iter().enumerate() {
        let ((year, number), (next_year, next)) = (month(place), month(place + 1));
        for (product, value) in values.iter().enumerate() {
            writeln!(
                csv,
                "Product {product},product,mau,{year}-{number:02},cn,app,all,{value:.0},users,estimated,Noise,{next_year}-{next:02}-05"
            )
            .unwrap();
        }
    }
    let path = folder.path().join("noise.csv");
    std::fs::write(&path, csv).unwrap();
    let lake = Lake::open(Market::open(&dir).unwrap(), LakeOptions::default()).await.unwrap();
    let now = jiff::Timestamp::now().as_microsecond();
    let request = ImportRequest::new([path.to_string_lossy().into_owned()], now);
    Box::pin(crowsnest_run::import(&lake, request, &NoProgress)).await.unwrap();
    (folder, lake)
}

fn product(name: &str) -> usize {
    name.strip_prefix("Product ").unwrap().parse().unwrap()
}

fn place_in(values: &[f64], product: usize) -> usize {
    values.iter().filter(|value| **value > values[product]).count() + 1
}

fn share(values: &[f64], product: usize) -> f64 {
    values[product] / values.iter().sum::<f64>()
}

/// Whether nothing came of it, by the month after; written anew here, from what the method's page says.
fn is_false(what: What, told: &[Vec<f64>], at: usize, product: usize) -> bool {
    let (before, now, after) = (&told[at - 1], &told[at], &told[at + 1]);
    match what {
        What::Move => {
            let (there, back) = ((now[product] / before[product]).ln(), (after[product] / now[product]).ln());
            there * back < 0.0 && back.abs() > there.abs() / 2.0
        }
        What::Share => {
            let (had, has, then) = (share(before, product), share(now, product), share(after, product));
            then > had - (had - has) / 2.0
        }
        _ => (place_in(now, product) <= 10) != (place_in(after, product) <= 10),
    }
}

async fn alerts_of(lake: &Lake, file: &AlertsFile, at: usize) -> Vec<(String, What, usize)> {
    let (year, number) = month(at + 1);
    let now = format!("{year}-{number:02}-10T12:00:00Z").parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let then = lake.at(Some(now)).await.unwrap();
    let looked = look_at_rules(&then, file, now, Some(now)).await.unwrap();
    assert!(looked.rules.iter().all(|rule| rule.fault.is_none()), "{:?}", looked.rules);
    assert!(
        looked.alerts.iter().all(|alert| alert.happening.known_at <= now && alert.happening.known_at > now - 30 * DAY)
    );
    looked.alerts.into_iter().map(|alert| (alert.rule, alert.happening.what, product(&alert.happening.name))).collect()
}

#[tokio::test]
async fn noise_alone_raises_no_more_false_alarms_than_the_budget() {
    let told = world();
    let (_folder, lake) = lake(&told).await;
    let file = read_alerts(lake.market()).unwrap().unwrap();
    let (mut n_false, mut n_all) = ([0_usize; 3], [0_usize; 3]);
    for at in N_TEACHING..N_MONTHS - 1 {
        for (rule, what, product) in alerts_of(&lake, &file, at).await {
            let place = file.rules.iter().position(|known| known.name == rule).unwrap();
            n_all[place] += 1;
            n_false[place] += usize::from(is_false(what, &told, at, product));
        }
    }
    let n_weeks = (N_MONTHS - 1 - N_TEACHING) as f64 * 365.25 / 12.0 / 7.0;
    let allowed = 0.5 * n_weeks;
    for (place, rule) in file.rules.iter().enumerate() {
        println!(
            "{}: {} alerts, {} false, {allowed:.0} allowed in {n_weeks:.0} weeks",
            rule.name, n_all[place], n_false[place]
        );
        // The past is a sample: two standard deviations of a count are granted.
        assert!((n_false[place] as f64) <= allowed + 2.0 * allowed.sqrt(), "{}", rule.name);
        assert!(n_all[place] > 0, "{} tells nothing at all", rule.name);
    }
}
