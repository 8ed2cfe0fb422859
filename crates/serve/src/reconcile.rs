//! The Reconciliation Service API 0.2, which OpenRefine and others match spreadsheets by.
//!
//! In: batches of queries (GET, or POST as a form), beginnings of names to suggest from, ids to preview or to extend with
//! properties. Out: JSON as the specification's schemas have it (W3C Entity Reconciliation Community Group, *Reconciliation
//! Service API 0.2*, <https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/>).
//!
//! Invariants: nothing is changed by a request; names are matched by `identify`, here is only their form. Pages of other
//! origins may read answers only if they are on this machine or on a host that the server goes by: the market's names are
//! not everybody's.
//!
//! To add a property: a line in [`PROPERTIES`] and its value in `value_of`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use crowsnest_lake::{Entity, Language};
use crowsnest_model::Kind;
use crowsnest_run::NameMatch;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ServeError;
use crate::names::NAME_CHARACTERS_MAX;
use crate::pages::matching::found;
use crate::request::PageRequest;
use crate::security::{AllowedHosts, PREVIEW_POLICY, QUESTIONS_PATH};
use crate::site::{CurrentSite, Seen, Site};
use crate::words::say;

/// Queries of a batch, and candidates of a query.
const QUERIES_MAX: usize = 1_000;
const CANDIDATES: usize = 5;
const CANDIDATES_MAX: usize = 50;
const SUGGESTIONS: usize = 10;
const KINDS: [Kind; 3] = [Kind::Product, Kind::Company, Kind::Segment];
/// What can be fetched for a matched entity: id and name.
const PROPERTIES: [(&str, &str); 6] = [
    ("kind", "Kind"),
    ("company", "Company"),
    ("name_en", "Name in English"),
    ("name_zh_hans", "Name in simplified Chinese"),
    ("name_zh_hant", "Name in traditional Chinese"),
    ("sources", "Names that sources write"),
];

/// Adds the service's addresses.
pub(crate) fn add(router: Router<CurrentSite>, hosts: &Arc<AllowedHosts>) -> Router<CurrentSite> {
    let service = Router::new()
        .route(QUESTIONS_PATH, get(by_address).post(by_form))
        .route("/reconcile/suggest/entity", get(suggest_entity))
        .route("/reconcile/suggest/type", get(suggest_type))
        .route("/reconcile/suggest/property", get(suggest_property))
        .route("/reconcile/properties", get(propose_properties))
        .route("/reconcile/preview", get(preview));
    let hosts = Arc::clone(hosts);
    router.merge(service.layer(axum::middleware::from_fn_with_state(hosts, allow_origin)))
}

/// Lets pages of this machine and of our hosts read the answers.
async fn allow_origin(
    State(hosts): State<Arc<AllowedHosts>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.filter(|origin| origin.to_str().is_ok_and(|origin| hosts.allows_origin(origin))) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

async fn by_address(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    answered(&site, &uri, &headers, &[]).await
}

async fn by_form(Seen(site): Seen, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    answered(&site, &uri, &headers, &body).await
}

async fn answered(site: &Site, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
    match answer(site, uri, headers, body).await {
        Ok(value) => as_json(&value),
        Err(error) => refused(&error),
    }
}

fn refused(error: &ServeError) -> Response {
    let mut response = as_json(&json!({ "error": error.to_string(), "hint": error.hint() }));
    *response.status_mut() = error.status();
    response
}

fn as_json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], value.to_string()).into_response()
}

async fn answer(site: &Site, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Value, ServeError> {
    let request = PageRequest::read(&site.lake, &site.shared, uri, headers, None)?;
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let get = |name: &str| {
        let of_form = form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        of_form.or_else(|| request.get(name))
    };
    if let Some(queries) = get("queries") {
        return matched(&request, queries).await;
    }
    if let Some(extension) = get("extend") {
        return extended(&request, extension);
    }
    Ok(manifest(&request))
}

/// What the service is and can.
fn manifest(request: &PageRequest) -> Value {
    let address = &request.site_address;
    let suggest = |what: &str| json!({ "service_url": address, "service_path": format!("/reconcile/suggest/{what}") });
    json!({
        "versions": ["0.1", "0.2"],
        "name": format!("Crowsnest: {}", request.lake.market().config.name),
        "identifierSpace": format!("{address}/product/"),
        "schemaSpace": format!("{address}/products"),
        "serviceVersion": env!("CARGO_PKG_VERSION"),
        "defaultTypes": KINDS.map(|kind| type_of(kind, request.language)),
        "view": { "url": format!("{address}/product/{{{{id}}}}") },
        "preview": { "url": format!("{address}/reconcile/preview?id={{{{id}}}}"), "width": 430, "height": 120 },
        "suggest": { "entity": suggest("entity"), "type": suggest("type"), "property": suggest("property") },
        "extend": { "propose_properties": { "service_url": address, "service_path": "/reconcile/properties" },
                    "property_settings": [] },
    })
}

fn type_of(kind: Kind, language: Language) -> Value {
    json!({ "id": kind.to_string(), "name": say(language, &format!("reconcile.{kind}")) })
}

/// One query of a batch. What the specification has and is not read here (`type_strict`) changes nothing.
#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default)]
    query: Option<String>,
    #[serde(default, rename = "type")]
    types: Types,
    #[serde(default)]
    limit: Option<f64>,
    #[serde(default)]
    properties: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Types {
    One(String),
    Several(Vec<String>),
    #[default]
    Any,
}

/// A column of the same row of the spreadsheet.
#[derive(Debug, Deserialize)]
struct Condition {
    pid: String,
    v: Value,
}

async fn matched(request: &PageRequest, text: &str) -> Result<Value, ServeError> {
    let queries: BTreeMap<String, Query> = serde_json::from_str(text).map_err(|error| ServeError::BadRequest {
        message: format!("queries: {error}"),
        hint: "send an object of queries, {\"q0\": {\"query\": \"豆包\"}}".to_owned(),
    })?;
    if queries.len() > QUERIES_MAX {
        return Err(ServeError::BadRequest {
            message: format!("queries: {} of at most {QUERIES_MAX}", queries.len()),
            hint: "send them in several batches".to_owned(),
        });
    }
    let mut results = serde_json::Map::new();
    for (id, query) in queries {
        results.insert(id, json!({ "result": candidates(request, &query).await? }));
    }
    Ok(Value::Object(results))
}

async fn candidates(request: &PageRequest, query: &Query) -> Result<Vec<Value>, ServeError> {
    let Some(kinds) = kinds(&query.types) else { return Ok(Vec::new()) };
    let name: String = query.query.as_deref().unwrap_or_default().chars().take(NAME_CHARACTERS_MAX).collect();
    let limit = query.limit.map_or(CANDIDATES, |limit| (limit.max(0.0) as usize).min(CANDIDATES_MAX));
    let rows = found(request, &name, &kinds, limit).await?;
    Ok(rows.iter().map(|row| candidate(request, row, &query.properties)).collect())
}

/// The kinds that a query is for; `None` where it is for something that there is none of.
fn kinds(types: &Types) -> Option<Vec<Kind>> {
    let named = match types {
        Types::Any => return Some(Vec::new()),
        Types::One(one) => std::slice::from_ref(one),
        Types::Several(several) => several.as_slice(),
    };
    let known: Vec<Kind> = named.iter().filter_map(|name| name.parse().ok()).collect();
    (named.is_empty() || !known.is_empty()).then_some(known)
}

fn candidate(request: &PageRequest, row: &NameMatch, conditions: &[Condition]) -> Value {
    let contradicts = conditions.iter().any(|condition| contradicts(request, row, condition));
    let kind: Kind = row.kind.parse().unwrap_or(Kind::Product);
    let score = (row.score * 1000.0).round() / 10.0;
    json!({
        "id": row.entity,
        "name": row.name,
        "description": described(row),
        "score": if contradicts { score / 2.0 } else { score },
        "match": row.is_match && !contradicts,
        "type": [type_of(kind, request.language)],
        "features": [{ "id": "name_probability", "value": score }],
    })
}

fn described(row: &NameMatch) -> String {
    let company = row.company.iter().map(|company| format!("of {company}"));
    let name = (row.by_name != row.name).then(|| format!("also called {}", row.by_name));
    company.chain(name).collect::<Vec<_>>().join("; ")
}

/// Whether another column of the row says what the entity is not: another kind or company.
fn contradicts(request: &PageRequest, row: &NameMatch, condition: &Condition) -> bool {
    let identity = request.lake.identity();
    let Ok(entity) = identity.find(&row.entity, None) else { return false };
    // An id of another service is not known here; the name beside it may be.
    let wanted: Vec<&str> = match &condition.v {
        Value::String(text) => vec![text],
        Value::Object(of) => ["id", "name"].iter().filter_map(|key| of.get(*key)?.as_str()).collect(),
        _ => return false,
    };
    match condition.pid.as_str() {
        "kind" => wanted.iter().find_map(|text| text.parse::<Kind>().ok()).is_some_and(|kind| kind != entity.kind),
        "company" => {
            let company = wanted.iter().find_map(|text| identity.find(text, Some(Kind::Company)).ok());
            matches!((company, entity.owner), (Some(company), Some(owner)) if company.id != owner)
        }
        _ => false,
    }
}

#[derive(Debug, Deserialize)]
struct Extension {
    ids: Vec<String>,
    properties: Vec<Wanted>,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    id: String,
}

fn extended(request: &PageRequest, text: &str) -> Result<Value, ServeError> {
    let extension: Extension = serde_json::from_str(text).map_err(|error| ServeError::BadRequest {
        message: format!("extend: {error}"),
        hint: "send {\"ids\": [\"…\"], \"properties\": [{\"id\": \"company\"}]}".to_owned(),
    })?;
    let identity = request.lake.identity();
    let mut rows = serde_json::Map::new();
    for id in extension.ids.iter().take(QUERIES_MAX) {
        let entity = is_id(id).then(|| identity.find(id, None).ok()).flatten();
        let values = extension.properties.iter().map(|wanted| {
            let value = entity.map_or_else(Vec::new, |entity| value_of(request, entity, &wanted.id));
            (wanted.id.clone(), Value::Array(value))
        });
        rows.insert(id.clone(), Value::Object(values.collect()));
    }
    let meta: Vec<Value> = extension.properties.iter().map(|wanted| meta_of(request, &wanted.id)).collect();
    Ok(json!({ "meta": meta, "rows": rows }))
}

fn meta_of(request: &PageRequest, property: &str) -> Value {
    let name = PROPERTIES.iter().find(|(id, _)| *id == property).map_or(property, |(_, name)| *name);
    match property {
        "company" => json!({ "id": property, "name": name, "type": type_of(Kind::Company, request.language) }),
        _ => json!({ "id": property, "name": name }),
    }
}

/// An entity's id, not a name that happens to be asked for.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn value_of(request: &PageRequest, entity: &Entity, property: &str) -> Vec<Value> {
    let text = |text: &str| vec![json!({ "str": text })];
    match property {
        "kind" => text(&entity.kind.to_string()),
        "name_en" => text(&entity.name_en),
        "name_zh_hans" => text(&entity.name_hans),
        "name_zh_hant" => text(&entity.name_hant),
        "sources" => vec![json!({ "int": entity.n_mentions })],
        "company" => {
            let identity = request.lake.identity();
            let owner = entity.owner.and_then(|owner| identity.entity(owner));
            owner
                .map_or_else(Vec::new, |owner| vec![json!({ "id": owner.hex(), "name": owner.name(request.language) })])
        }
        _ => Vec::new(),
    }
}

async fn suggest_entity(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    suggested(&site, &uri, &headers, |request, prefix| {
        let kind = request.get("type").and_then(|kind| kind.parse().ok());
        let identity = request.lake.identity();
        let entities = identity.search(prefix, kind, SUGGESTIONS).into_iter().map(|(_, entity)| {
            let owner = entity.owner.and_then(|owner| identity.entity(owner));
            json!({
                "id": entity.hex(),
                "name": entity.name(request.language),
                "description": owner.map(|owner| format!("of {}", owner.name(request.language))).unwrap_or_default(),
                "notable": [type_of(entity.kind, request.language)],
            })
        });
        entities.collect()
    })
}

async fn suggest_type(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    suggested(&site, &uri, &headers, |request, prefix| {
        let types = KINDS.map(|kind| type_of(kind, request.language));
        types.into_iter().filter(|kind| begins(kind, prefix)).collect()
    })
}

async fn suggest_property(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    suggested(&site, &uri, &headers, |_, prefix| properties().filter(|property| begins(property, prefix)).collect())
}

fn properties() -> impl Iterator<Item = Value> {
    PROPERTIES.iter().map(|(id, name)| json!({ "id": id, "name": name }))
}

fn begins(one: &Value, prefix: &str) -> bool {
    let prefix = prefix.to_lowercase();
    ["id", "name"].iter().any(|key| one[key].as_str().is_some_and(|text| text.to_lowercase().contains(&prefix)))
}

fn suggested(
    site: &Site,
    uri: &Uri,
    headers: &HeaderMap,
    found: impl Fn(&PageRequest, &str) -> Vec<Value>,
) -> Response {
    match PageRequest::read(&site.lake, &site.shared, uri, headers, None) {
        Ok(request) => {
            let prefix: String = request.get("prefix").unwrap_or_default().chars().take(NAME_CHARACTERS_MAX).collect();
            as_json(&json!({ "result": found(&request, &prefix) }))
        }
        Err(error) => refused(&error),
    }
}

async fn propose_properties(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    match PageRequest::read(&site.lake, &site.shared, &uri, &headers, None) {
        Ok(request) => {
            let kind = request.get("type").unwrap_or_default();
            as_json(&json!({ "type": kind, "properties": properties().collect::<Vec<_>>() }))
        }
        Err(error) => refused(&error),
    }
}

/// A few words about an entity, for a frame beside the spreadsheet.
async fn preview(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    let request = match PageRequest::read(&site.lake, &site.shared, &uri, &headers, None) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    let identity = request.lake.identity();
    let id = request.get("id").unwrap_or_default();
    let Some(entity) = is_id(id).then(|| identity.find(id, None).ok()).flatten() else {
        return (StatusCode::NOT_FOUND, "no entity has that id\n").into_response();
    };
    let owner = entity.owner.and_then(|owner| identity.entity(owner));
    let names: Vec<&str> =
        [&entity.name_en, &entity.name_hans, &entity.name_hant].iter().map(|name| name.as_str()).collect();
    let mut names: Vec<String> = names.into_iter().map(escaped).collect();
    names.dedup();
    let of = owner.map(|owner| format!("<p>{}</p>", escaped(owner.name(request.language)))).unwrap_or_default();
    let kind = say(request.language, &format!("reconcile.{}", entity.kind)).to_owned();
    let body = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{}</title><p><b>{}</b></p><p>{kind}</p>{of}",
        names[0],
        names.join(" · ")
    );
    let mut response = Html(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PREVIEW_POLICY));
    // Shown in a frame of another program, which the usual headers forbid.
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("ALLOWALL"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
