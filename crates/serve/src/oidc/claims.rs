//! What a provider says of somebody, and whom of those the market lets in, as what.
//!
//! In: claims that were verified (OpenID Connect Core 1.0, sections 2 and 5.1), and the market's settings. Out: whether they are
//! let in, their role, and names they could have here. Asks nobody and keeps nothing.

use crowsnest_lake::OidcConfig;
use crowsnest_lake::state::people::Role;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::credentials;

/// Names of which one is free: more of the same name are not likely.
const SAME_NAME_MAX: usize = 99;
/// With room for a number behind it; a user's name has at most 64 characters.
const NAME_CHARACTERS_MAX: usize = 58;
/// What decisions of nobody in particular are signed with.
const NO_NAMES: [&str; 2] = ["owner", "visitor"];

/// What was said of somebody, each by its name.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(pub(super) Map<String, Value>);

impl Claims {
    /// A claim that is a text, and not an empty one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The values of a claim: texts of a list, or the one text, number or truth that it is.
    fn values(&self, name: &str) -> Vec<String> {
        fn text(value: &Value) -> Option<String> {
            match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(truth) => Some(truth.to_string()),
                _ => None,
            }
        }
        match self.0.get(name) {
            Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// Adds what is not there yet.
    pub(super) fn fill(&mut self, mut others: Map<String, Value>) {
        // That one address is verified says nothing of another.
        if self.0.get("email").is_some_and(|email| others.get("email") != Some(email)) {
            others.remove("email_verified");
        }
        for (name, value) in others {
            self.0.entry(name).or_insert(value);
        }
    }

    /// Whether something is missing that the provider may tell when asked for more.
    pub(super) fn lack_something(&self, config: &OidcConfig) -> bool {
        let has = |name: &str| self.0.contains_key(name);
        let has_name = has("preferred_username") || has("email");
        let has_email = config.domains.is_empty() || has("email") && has("email_verified");
        let needs_groups = !config.roles.is_empty() && !has(&config.groups_claim);
        !has_name || !has_email || needs_groups || config.require.keys().any(|name| !has(name))
    }

    /// Whether the market lets them in.
    pub(super) fn check(&self, config: &OidcConfig) -> Result<(), Refusal> {
        for (name, wanted) in &config.require {
            if !self.values(name).iter().any(|value| wanted.contains(value)) {
                return Err(Refusal::NotAllowed(format!("{name} is none of {}", wanted.join(", "))));
            }
        }
        if config.domains.is_empty() {
            return Ok(());
        }
        let domain = self.text("email").and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
        let is_listed = |domain: &str| config.domains.iter().any(|listed| listed.eq_ignore_ascii_case(domain));
        if !domain.is_some_and(is_listed) {
            let domain = domain.unwrap_or("no mail address");
            return Err(Refusal::NotAllowed(format!("{domain} is none of {}", config.domains.join(", "))));
        }
        // Anybody may write any address into an account that is not verified.
        let is_verified = self.values("email_verified").iter().any(|value| value == "true");
        if is_verified { Ok(()) } else { Err(Refusal::Unverified) }
    }

    /// The role that their groups give; `None` where roles are not the provider's.
    pub(super) fn role(&self, config: &OidcConfig) -> Option<Role> {
        if config.roles.is_empty() {
            return None;
        }
        let groups = self.values(&config.groups_claim);
        let greatest = groups.iter().filter_map(|group| config.roles.get(group)).max();
        Some(greatest.copied().unwrap_or(config.role))
    }

    /// What they could be called here, the best first; each is a user's name.
    pub(super) fn names(&self) -> Vec<String> {
        let said = ["preferred_username", "email", "name"].into_iter().filter_map(|name| self.text(name)).map(plain);
        let base = said.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "user".to_owned());
        let first = (!NO_NAMES.contains(&base.as_str())).then(|| base.clone());
        let names = first.into_iter().chain((2..=SAME_NAME_MAX).map(|n| format!("{base}-{n}")));
        names.filter_map(|name| credentials::user_name(&name).ok()).collect()
    }
}

/// A text as a user's name: what may not stand in one becomes a hyphen; empty where nothing is left.
fn plain(text: &str) -> String {
    let is_known = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._@".contains(letter);
    let mut name = String::new();
    for letter in text.to_lowercase().chars() {
        if is_known(letter) {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name: String = name.trim_start_matches(|letter: char| !letter.is_ascii_lowercase()).to_owned();
    let name: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
    name.trim_end_matches(['-', '.', '@']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> OidcConfig {
        toml::from_str(&format!("issuer = \"https://id.example.com\"\nclient_id = \"radar\"\n{text}")).unwrap()
    }

    fn claims(value: Value) -> Claims {
        Claims(value.as_object().unwrap().clone())
    }

    #[test]
    fn only_verified_addresses_of_listed_domains_are_let_in() {
        let config = config("domains = [\"Example.com\"]");
        let check = |value: Value| claims(value).check(&config);
        assert_eq!(check(serde_json::json!({"email": "ann@example.com", "email_verified": true})), Ok(()));
        assert_eq!(check(serde_json::json!({"email": "ann@EXAMPLE.com", "email_verified": "true"})), Ok(()));
        for value in [
            serde_json::json!({"email": "ann@example.com"}),
            serde_json::json!({"email": "ann@example.com", "email_verified": false}),
            serde_json::json!({"email": "ann@example.com", "email_verified": null}),
        ] {
            assert_eq!(check(value.clone()), Err(Refusal::Unverified), "{value}");
        }
        for email in ["ann@evil.example", "ann@example.com@evil.example", "ann@sub.example.com", "example.com", ""] {
            let found = check(serde_json::json!({"email": email, "email_verified": true}));
            assert!(matches!(found, Err(Refusal::NotAllowed(_))), "{email}: {found:?}");
        }
    }

    #[test]
    fn what_is_told_later_fills_in_and_verifies_no_other_address() {
        let mut found = claims(serde_json::json!({"email": "ann@example.com", "a": 1}));
        let more = serde_json::json!({"email": "x@evil.example", "email_verified": true, "a": 2, "b": 3});
        found.fill(more.as_object().unwrap().clone());
        assert_eq!(Value::Object(found.0.clone()), serde_json::json!({"email": "ann@example.com", "a": 1, "b": 3}));
        found
            .fill(serde_json::json!({"email": "ann@example.com", "email_verified": true}).as_object().unwrap().clone());
        assert_eq!(found.0["email_verified"], true);
    }

    #[test]
    fn what_is_required_must_be_one_of_the_values() {
        let config = config("[require]\nhd = [\"example.com\"]\nteams = [\"radar\", \"growth\"]");
        let check = |value: Value| claims(value).check(&config).is_ok();
        assert!(check(serde_json::json!({"hd": "example.com", "teams": ["a", "growth"]})));
        assert!(!check(serde_json::json!({"hd": "example.com", "teams": ["growth2"]})));
        assert!(!check(serde_json::json!({"hd": "example.com"})) && !check(serde_json::json!({})));
        assert!(!check(serde_json::json!({"hd": {"example.com": true}, "teams": "radar"})));
    }

    #[test]
    fn the_greatest_group_gives_the_role() {
        let config = config("role = \"viewer\"\n[roles]\nstaff = \"analyst\"\nradar = \"editor\"");
        let role = |value: Value| claims(value).role(&config);
        assert_eq!(role(serde_json::json!({"groups": ["x", "staff", "radar"]})), Some(Role::Editor));
        assert_eq!(role(serde_json::json!({"groups": "staff"})), Some(Role::Analyst));
        assert_eq!(role(serde_json::json!({"groups": ["Radar"]})), Some(Role::Viewer));
        assert_eq!(role(serde_json::json!({})), Some(Role::Viewer));
    }

    #[test]
    fn without_groups_roles_are_not_the_providers() {
        assert_eq!(claims(serde_json::json!({"groups": ["radar"]})).role(&config("")), None);
    }

    #[test]
    fn names_are_made_of_what_the_provider_calls_people() {
        let first = |value: Value| claims(value).names()[0].clone();
        assert_eq!(first(serde_json::json!({"preferred_username": "Mei.Li", "email": "m@x.org"})), "mei.li");
        assert_eq!(first(serde_json::json!({"email": "Ann+radar@Example.com"})), "ann-radar@example.com");
        assert_eq!(first(serde_json::json!({"preferred_username": "李美", "email": "1@x.org"})), "x.org");
        assert_eq!(first(serde_json::json!({"name": "Ann  Lee <script>"})), "ann-lee-script");
        assert_eq!(first(serde_json::json!({"preferred_username": "42"})), "user");
        assert_eq!(first(serde_json::json!({"preferred_username": "Owner"})), "owner-2");
        assert_eq!(first(serde_json::json!({"preferred_username": "a.csv"})), "a.csv-2", "no file of the catalogue");
        let all = claims(serde_json::json!({"preferred_username": "é".repeat(9) + &"a".repeat(99)})).names();
        assert_eq!((all.len(), all[0].len(), all[1].as_str()), (99, 58, format!("{}-2", "a".repeat(58)).as_str()));
    }

    #[test]
    fn more_is_asked_for_only_where_it_is_needed() {
        let told = claims(serde_json::json!({"preferred_username": "ann"}));
        assert!(!told.lack_something(&config("")));
        assert!(told.lack_something(&config("domains = [\"example.com\"]")));
        assert!(told.lack_something(&config("roles = { a = \"editor\" }")));
        assert!(told.lack_something(&config("require = { hd = [\"x\"] }")));
        assert!(claims(serde_json::json!({"sub": "1"})).lack_something(&config("")));
    }
}
