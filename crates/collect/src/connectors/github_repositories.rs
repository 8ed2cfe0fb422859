//! Repositories on GitHub: stars, forks, open issues and watchers of the day, and releases as events.
//!
//! Counts are those of the moment; yesterday's cannot be asked for any more. Open issues contain open pull requests, and
//! watchers are those who get messages (`subscribers_count`), not GitHub's older word for stars. A repository that moved
//! is redirected, and has its new name from then on. Without a token an address may ask 60 times an hour, with one 5,000
//! times. Drafts of releases, which only the owner of the token may see, are left out.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Figures, base, check_number_of_requests, check_owner_and_name, next_page, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct GithubRepositories;

/// Which repositories.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The repositories, for example `vllm-project/vllm`.
    repositories: Vec<String>,
    /// The newest releases of each that are read in every run, at most 1,000; 0 for none.
    #[serde(default = "default_n_releases")]
    n_releases: u32,
    /// A token, as `{secret:NAME}`; without one GitHub answers 60 requests an hour.
    #[serde(default)]
    token: Option<String>,
    /// Address of the interface; GitHub Enterprise has its own.
    #[serde(default = "default_base")]
    base: String,
}

fn default_n_releases() -> u32 {
    30
}

fn default_base() -> String {
    "https://api.github.com".into()
}

const N_RELEASES_MAX: u32 = 1000;
/// Releases of one page; the interface allows no more.
const PAGE_MAX: u32 = 100;

/// A metric, and the field that holds it.
const COUNTS: [(&str, &str); 4] = [
    ("stars", "stargazers_count"),
    ("forks", "forks_count"),
    ("open_issues", "open_issues_count"),
    ("watchers", "subscribers_count"),
];

impl Connector for GithubRepositories {
    const SPEC: Spec = Spec {
        name: "github_repositories",
        title: "GitHub repositories",
        doc: "Stars, forks, open issues and watchers of repositories on GitHub, and their releases as events.",
        homepage: "https://docs.github.com/en/rest/repos/repos",
        licence: "GitHub's terms of service, which allow its public counts to be used",
        redistribute: true,
        price: "free",
        freshness: "the counts of the moment",
        requests_per_minute: 30.0,
        schedule: "0 5 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against GitHub's documentation of the REST interface, version 2022-11-28, and answers in the \
                  tests of public programs; not against live answers",
        example: "repositories = [\"vllm-project/vllm\"]\ntoken = \"{secret:GITHUB_TOKEN}\"",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.repositories.is_empty() {
            return Err("name at least one repository in repositories".into());
        }
        if options.n_releases > N_RELEASES_MAX {
            return Err(format!("n_releases is {}: at most {N_RELEASES_MAX} are read", options.n_releases));
        }
        check_number_of_requests(2 * options.repositories.len())?;
        let mut requests = Vec::new();
        for repository in &options.repositories {
            check_owner_and_name(repository).map_err(|fault| format!("repositories: {fault}"))?;
            let address = format!("{}/repos/{repository}", base(&options.base));
            requests.push(asked(options, Request::get(repository, "repository", &address)));
            if options.n_releases > 0 {
                let n = options.n_releases.min(PAGE_MAX);
                let request = Request::get(
                    format!("{repository} releases"),
                    "releases",
                    format!("{address}/releases?per_page={n}"),
                );
                let request = request.with("releases_of", repository).with("n_left", options.n_releases.to_string());
                requests.push(asked(options, request));
            }
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        if let (Some(message), true) = (answer["message"].as_str(), answer["full_name"].is_null()) {
            return Err(format!("GitHub answers: {message}"));
        }
        let mut parsed = Parsed::default();
        match page.context("releases_of") {
            "" => add_counts(&mut parsed, &answer, &page.day())?,
            repository => add_releases(&mut parsed, options, page, repository, &answer)?,
        }
        Ok(parsed)
    }
}

fn asked(options: &Options, request: Request) -> Request {
    let request = request.header("accept", "application/vnd.github+json").header("x-github-api-version", "2022-11-28");
    match &options.token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
}

fn add_counts(parsed: &mut Parsed, answer: &Value, day: &str) -> Result<(), String> {
    let name = text(&answer["full_name"]);
    if name.is_empty() {
        return Err("the answer is not a repository: full_name was expected".into());
    }
    let figures = Figures {
        subject: name,
        native_id: name,
        period: day,
        url: text(&answer["html_url"]),
        status: "official",
        ..Figures::default()
    };
    for (metric, field) in COUNTS {
        figures.add(parsed, metric, field, &answer[field]);
    }
    Ok(())
}

fn add_releases(
    parsed: &mut Parsed,
    options: &Options,
    page: &Page<'_>,
    repository: &str,
    answer: &Value,
) -> Result<(), String> {
    let releases = answer.as_array().ok_or("the answer is not a list of releases")?;
    let n_left: usize = page.context("n_left").parse().unwrap_or(releases.len());
    for release in releases.iter().take(n_left) {
        if release["draft"] != Value::Bool(true) {
            add_release(parsed, repository, release);
        }
    }
    let n_left = n_left.saturating_sub(releases.len());
    if n_left == 0 || releases.is_empty() {
        return Ok(());
    }
    if let Some(next) = next_page(page)? {
        let slot = page.slot.split(" after ").next().unwrap_or_default();
        let request = Request::get(format!("{slot} after {n_left}"), "releases", next);
        let request = request.with("releases_of", repository).with("n_left", n_left.to_string());
        parsed.next.push(asked(options, request));
    }
    Ok(())
}

fn add_release(parsed: &mut Parsed, repository: &str, release: &Value) {
    let (tag, published_at) = (text(&release["tag_name"]), text(&release["published_at"]));
    let Ok(moment) = published_at.parse::<jiff::Timestamp>() else {
        let found = format!("{} of {tag}", shown(&release["published_at"]));
        parsed.problem("published_at", found, "a moment such as 2024-11-20T13:36:18Z");
        return;
    };
    let day = jiff::tz::Offset::UTC.to_datetime(moment).date().to_string();
    let name = text(&release["name"]);
    let mut note = if name.is_empty() || name == tag { tag.to_owned() } else { format!("{tag}: {name}") };
    if release["prerelease"] == Value::Bool(true) {
        note.push_str(" (pre-release)");
    }
    parsed.push([
        ("subject", repository.into()),
        ("native_id", repository.into()),
        ("kind", "product".into()),
        ("event", "release".into()),
        ("happened_on", day.into()),
        ("note", note.into()),
        ("status", "official".into()),
        ("said_on", published_at.into()),
        ("url", text(&release["html_url"]).into()),
    ]);
}
