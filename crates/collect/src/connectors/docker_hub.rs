//! Images on Docker Hub: pulls so far, and stars.
//!
//! Pulls are counted since the image exists and never fall; each fetch of a manifest is one, build machines and
//! look-ups for updates included, so they say more of automation than of people. Counts are of the moment. An image is
//! named `namespace/name`; official images are in the namespace `library`. All images of a namespace can be asked for
//! at once, 100 a page; of large namespaces the hub may refuse later pages to those who are not signed in: name the
//! images that matter instead.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Figures, base, check_number_of_requests, check_owner_and_name, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct DockerHub;

/// Which images.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The images, for example `vllm/vllm-openai`, or `nginx` for an official one.
    #[serde(default)]
    images: Vec<String>,
    /// Namespaces of which all images are read, for example `ollama`.
    #[serde(default)]
    namespaces: Vec<String>,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_base() -> String {
    "https://hub.docker.com".into()
}

/// Images of one page; the interface allows no more.
const PAGE_SIZE: u32 = 100;
/// Pages of one namespace, at most.
const PAGES_MAX: u32 = 50;

impl Connector for DockerHub {
    const SPEC: Spec = Spec {
        name: "docker_hub",
        title: "Docker Hub",
        doc: "Pulls so far and stars of images on Docker Hub.",
        homepage: "https://docs.docker.com/reference/api/hub/latest/",
        licence: "Docker's terms of service",
        redistribute: true,
        price: "free",
        freshness: "the counts of the moment",
        requests_per_minute: 30.0,
        schedule: "15 5 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against the fields that public client programs read (2026); not against live answers",
        example: "images = [\"vllm/vllm-openai\", \"nginx\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.images.is_empty() && options.namespaces.is_empty() {
            return Err("name at least one image in images, or a namespace in namespaces".into());
        }
        check_number_of_requests(options.images.len() + options.namespaces.len())?;
        let mut requests = Vec::new();
        for image in &options.images {
            let full = if image.contains('/') { image.clone() } else { format!("library/{image}") };
            check_owner_and_name(&full).map_err(|fault| format!("images: {fault}"))?;
            let url = format!("{}/v2/repositories/{full}/", base(&options.base));
            requests.push(Request::get(full, "image", url));
        }
        for namespace in &options.namespaces {
            check_owner_and_name(&format!("{namespace}/x"))
                .map_err(|_| format!("namespaces: {namespace:?} is not a namespace: write it as its address has it"))?;
            requests.push(page_of(options, namespace, 1));
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        let day = page.day();
        let mut parsed = Parsed::default();
        let Some(images) = answer["results"].as_array() else {
            if answer["name"].is_null() {
                let told = text(&answer["message"]);
                return Err(format!("the answer is not an image: name and pull_count were expected; it says {told:?}"));
            }
            add(&mut parsed, &answer, &day);
            return Ok(parsed);
        };
        for image in images {
            add(&mut parsed, image, &day);
        }
        let number: u32 = page.context("page").parse().unwrap_or(1);
        let (has_next, namespace) = (!text(&answer["next"]).is_empty(), page.context("namespace"));
        if has_next && !namespace.is_empty() {
            if number < PAGES_MAX {
                parsed.next.push(page_of(options, namespace, number + 1));
            } else {
                parsed.problem(
                    "next",
                    format!("page {}", number + 1),
                    "no more than 50 pages: name the images instead",
                );
            }
        }
        Ok(parsed)
    }
}

/// The answer's own address of the next page is not used: a mirror would be left with it.
fn page_of(options: &Options, namespace: &str, number: u32) -> Request {
    let address = base(&options.base);
    let url = format!("{address}/v2/repositories/{namespace}/?page_size={PAGE_SIZE}&page={number}");
    let request = Request::get(format!("{namespace} page {number}"), "namespace", url);
    request.with("namespace", namespace).with("page", number.to_string())
}

fn add(parsed: &mut Parsed, image: &Value, day: &str) {
    let (namespace, name) = (text(&image["namespace"]), text(&image["name"]));
    for (field, found) in [("namespace", namespace), ("name", name)] {
        if found.is_empty() {
            parsed.problem(field, shown(&image[field]), "a text");
            return;
        }
    }
    let full = format!("{namespace}/{name}");
    let subject = if namespace == "library" { name } else { &full };
    let url = match namespace {
        "library" => format!("https://hub.docker.com/_/{name}"),
        _ => format!("https://hub.docker.com/r/{full}"),
    };
    let figures =
        Figures { subject, native_id: &full, period: day, url: &url, status: "official", ..Figures::default() };
    figures.add(parsed, "downloads_total", "pull_count", &image["pull_count"]);
    figures.add(parsed, "stars", "star_count", &image["star_count"]);
}
