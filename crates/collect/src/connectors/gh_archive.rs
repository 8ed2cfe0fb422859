//! Stars given on GitHub, hour by hour, from GH Archive's files of GitHub's public events.
//!
//! Each hour is one gzip file of JSON lines, 20 to 200 MB packed (so the source's limit on the size of answers has to
//! allow that), there within an hour or two. It is read line by line and never held unpacked. A `WatchEvent` is a star
//! given; stars taken back are in no event, so sums run ahead of what GitHub shows. A few hours of the archive are missing
//! or thin, because GitHub's own stream had gaps. A claim is one hour of one repository: its period is the day and its
//! segment the hour (UTC), `hour-00` to `hour-23`, because no period is shorter than a day; a day is the sum of its hours.
//! Files before 2015 have another form and are not read.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use jiff::civil::{Date, date};
use schemars::JsonSchema;
use serde::Deserialize;

use super::figures::{Figures, base, check_owner_and_name};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window, days_before};

/// The connector.
pub(crate) struct GhArchive;

/// Which repositories, and how far back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The repositories, for example `vllm-project/vllm`; all of GitHub's if none.
    #[serde(default)]
    repositories: Vec<String>,
    /// Stars within an hour that make a repository worth a claim, where no repositories are named; at least 1.
    #[serde(default = "default_n_stars_min")]
    n_stars_min: u64,
    /// Days before today that are read in the first run, 24 files each.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the archive.
    #[serde(default = "default_base")]
    base: String,
}

fn default_n_stars_min() -> u64 {
    5
}

fn default_days() -> u32 {
    2
}

fn default_base() -> String {
    "https://data.gharchive.org".into()
}

/// Files of one run, at most: the next goes on.
const HOURS_OF_A_RUN_MAX: usize = 7 * 24;
/// The first day whose files have the form that is read here.
const FIRST_DAY: Date = date(2015, 1, 1);
/// What one file may hold unpacked; the largest are about a quarter of it.
const UNPACKED_BYTES_MAX: u64 = 8 << 30;
/// The longest line; a push of many commits has a few MB.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Broken lines that are told one by one.
const PROBLEMS_MAX: usize = 20;
/// Only lines with this are taken apart.
const MARK: &[u8] = b"\"WatchEvent\"";

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    name: Option<String>,
}

impl Connector for GhArchive {
    const SPEC: Spec = Spec {
        name: "gh_archive",
        title: "GH Archive",
        doc: "Stars given to repositories on GitHub per hour, counted from GH Archive's files of public events.",
        homepage: "https://www.gharchive.org/",
        licence: "GitHub's public events, under its terms of service; only counts are taken from them",
        redistribute: true,
        price: "free",
        freshness: "an hour is there within two; days are read when they are over (UTC)",
        requests_per_minute: 6.0,
        schedule: "30 3 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against events of the archive that are recorded in public programs (2015 to 2026) and files \
                  packed by hand; not against live files",
        example: "repositories = [\"vllm-project/vllm\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        for repository in &options.repositories {
            check_owner_and_name(repository).map_err(|fault| format!("repositories: {fault}"))?;
        }
        if options.n_stars_min == 0 {
            return Err("n_stars_min is 0: a repository without a star is in no file; write at least 1".into());
        }
        let last = window.until.min(days_before(window.today, 1));
        let first = window.since.unwrap_or_else(|| days_before(last, options.days.saturating_sub(1)));
        if first < FIRST_DAY {
            return Err(format!("{first} is before {FIRST_DAY}, where files have another form: begin later"));
        }
        let mut requests = Vec::new();
        let mut day = first;
        while day <= last && requests.len() < HOURS_OF_A_RUN_MAX {
            for hour in 0..24 {
                let slot = format!("{day}-{hour:02}");
                if window.is_again || !window.done.contains(&slot) {
                    let url = format!("{}/{day}-{hour}.json.gz", base(&options.base));
                    let request = Request::get(slot, "hour", url).with("day", day.to_string());
                    requests.push(request.with("hour", format!("hour-{hour:02}")).once());
                }
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        requests.truncate(HOURS_OF_A_RUN_MAX);
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let mut parsed = Parsed::default();
        let is_packed = page.body.starts_with(&[0x1f, 0x8b]);
        let stars = if is_packed {
            let unpacked = flate2::read::MultiGzDecoder::new(page.body).take(UNPACKED_BYTES_MAX);
            count(BufReader::with_capacity(256 << 10, unpacked), &mut parsed)?
        } else {
            count(page.body, &mut parsed)?
        };
        for (repository, n_stars) in stars {
            let is_wanted = match options.repositories.as_slice() {
                [] => n_stars >= options.n_stars_min,
                // GitHub's names are the same in capitals and small letters.
                named => named.iter().any(|name| name.eq_ignore_ascii_case(&repository)),
            };
            if is_wanted {
                let figures = Figures {
                    subject: &repository,
                    native_id: &repository,
                    period: page.context("day"),
                    segment: page.context("hour"),
                    status: "reported",
                    ..Figures::default()
                };
                figures.add(&mut parsed, "stars_gained", "count", &n_stars.into());
            }
        }
        Ok(parsed)
    }
}

/// Stars by repository. Broken lines become problems; a file that holds no event at all, or is cut short, is refused.
fn count(mut reader: impl BufRead, parsed: &mut Parsed) -> Result<BTreeMap<String, u64>, String> {
    let mut stars: BTreeMap<String, u64> = BTreeMap::new();
    let finder = memchr::memmem::Finder::new(MARK);
    let (mut line, mut n_lines, mut n_broken, mut n_bytes) = (Vec::new(), 0_u64, 0_usize, 0_u64);
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let n_read = read.map_err(|error| format!("the file is damaged after {n_lines} lines: {error}"))? as u64;
        n_bytes += n_read;
        if n_read == 0 {
            break;
        }
        n_lines += 1;
        if n_read == LINE_BYTES_MAX || n_bytes >= UNPACKED_BYTES_MAX {
            return Err(format!(
                "line {n_lines} or the file is larger than any of the archive's: JSON lines were expected"
            ));
        }
        if n_lines == 1 && !line.trim_ascii_start().starts_with(b"{") {
            return Err("the file is not of the archive: lines of JSON objects were expected".into());
        }
        if finder.find(&line).is_none() {
            continue;
        }
        let found = match serde_json::from_slice::<Event>(&line) {
            Ok(event) if event.kind != "WatchEvent" => continue,
            Ok(event) => event.repo.and_then(|repository| repository.name).filter(|name| !name.is_empty()),
            Err(_) => None,
        };
        match found {
            Some(repository) => *stars.entry(repository).or_default() += 1,
            None if n_broken < PROBLEMS_MAX => {
                n_broken += 1;
                parsed.problem("line", n_lines.to_string(), "an event with repo.name");
            }
            None => n_broken += 1,
        }
    }
    if n_lines == 0 {
        return Err("the file is empty: lines of JSON objects were expected".into());
    }
    if n_broken > PROBLEMS_MAX {
        parsed.problem("line", format!("{} lines more", n_broken - PROBLEMS_MAX), "events with repo.name");
    }
    Ok(stars)
}
