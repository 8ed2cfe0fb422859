//! `[login]` of `crowsnest.toml`: logging in by an organisation's own provider, which speaks OpenID Connect.
//!
//! In: what the file says. Out: the settings, checked as far as they can be without asking anybody; who asks the provider is
//! `serve`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::state::people::Role;

/// How a secret is written in a file that lies in git: its name, to be found in the environment, the secrets file, or among those
/// that are kept.
const SECRET: (&str, &str) = ("{secret:", "}");

/// Ways to log in besides passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginConfig {
    /// A provider that speaks OpenID Connect.
    #[serde(default)]
    pub oidc: Option<OidcConfig>,
}

/// A provider that speaks OpenID Connect, and whom of those that it knows the market lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The provider's address, as it names itself; `<issuer>/.well-known/openid-configuration` tells the rest. HTTPS, but on
    /// this machine.
    pub issuer: String,
    /// By what name the provider knows this server.
    pub client_id: String,
    /// The secret that the provider gave with it, as `{secret:NAME}`: of the environment, the secrets file, or one that
    /// `crowsnest secret set` keeps. Without one, the provider must take PKCE alone.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// What people call the provider; the host of its address unless given.
    #[serde(default)]
    pub name: String,
    /// The role of whoever is in no group of `roles`.
    #[serde(default = "default_role")]
    pub role: Role,
    /// Whether somebody who comes for the first time becomes a user. If not, they have to be one, and link their login on the
    /// page `/account`.
    #[serde(default = "default_new_users")]
    pub new_users: bool,
    /// Domains of the mail addresses that are let in, where the provider says that the address is verified; none: any.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Claim → values, of which whoever is let in must have one.
    #[serde(default)]
    pub require: BTreeMap<String, Vec<String>>,
    /// The claim with somebody's groups.
    #[serde(default = "default_groups_claim")]
    pub groups_claim: String,
    /// Group → role; of several, the greatest. Where there is one, roles are the provider's and set at each login.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// Scopes to ask for besides `openid`, `email` and `profile`, such as that for groups.
    #[serde(default)]
    pub scopes: Vec<String>,
}

fn default_role() -> Role {
    Role::Viewer
}

fn default_new_users() -> bool {
    true
}

fn default_groups_claim() -> String {
    "groups".into()
}

impl LoginConfig {
    /// What is wrong with it; nothing where all is well.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.oidc.as_ref().map(OidcConfig::faults).unwrap_or_default()
    }
}

impl OidcConfig {
    /// What people call the provider.
    pub fn title(&self) -> String {
        let host = || Url::parse(&self.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        match self.name.trim() {
            "" => host().unwrap_or_else(|| self.issuer.clone()),
            name => name.to_owned(),
        }
    }

    /// Whether the provider is on this machine: then it may speak HTTP.
    pub fn is_on_this_machine(&self) -> bool {
        Url::parse(&self.issuer).is_ok_and(|url| is_loopback(&url))
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, fault: String| {
            if !holds {
                faults.push(format!("login.oidc: {fault}"));
            }
        };
        let issuer = Url::parse(&self.issuer).ok().filter(|url| {
            let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
            is_safe && url.query().is_none() && url.fragment().is_none()
        });
        let address = format!("issuer {:?} is not an address such as \"https://id.example.com\"", self.issuer);
        expect(issuer.is_some(), address);
        expect(!self.client_id.trim().is_empty(), "client_id is empty".into());
        let is_named = |secret: &String| {
            let name = secret.strip_prefix(SECRET.0).and_then(|rest| rest.strip_suffix(SECRET.1));
            name.is_some_and(|name| !name.is_empty())
        };
        let secret = "client_secret stands in the file: write \"{secret:NAME}\", and NAME into the environment or the \
             secrets file, or keep it by `crowsnest secret set NAME`";
        expect(self.client_secret.iter().all(is_named), secret.into());
        for domain in &self.domains {
            let is_domain = domain.contains('.') && !domain.contains(['@', '/', ' ']);
            expect(is_domain, format!("domain {domain:?} is not one such as \"example.com\""));
        }
        for (claim, values) in &self.require {
            expect(!values.is_empty(), format!("require {claim:?} lists no value"));
        }
        faults
    }
}

/// Whether an address is one of this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> OidcConfig {
        let text = format!("[oidc]\n{text}");
        toml::from_str::<LoginConfig>(&text).unwrap().oidc.unwrap()
    }

    #[test]
    fn little_is_needed_and_the_rest_is_careful() {
        let config = read("issuer = \"https://id.example.com\"\nclient_id = \"radar\"");
        assert_eq!((config.role, config.new_users, config.groups_claim.as_str()), (Role::Viewer, true, "groups"));
        assert_eq!((config.title().as_str(), config.is_on_this_machine()), ("id.example.com", false));
        assert!(config.faults().is_empty());
        let roles = read("issuer = \"http://127.0.0.1:1\"\nclient_id = \"radar\"\nroles = { staff = \"editor\" }");
        assert_eq!(roles.roles["staff"], Role::Editor);
        assert!(roles.faults().is_empty() && roles.is_on_this_machine());
    }

    #[test]
    fn what_cannot_be_is_said_all_at_once() {
        let config = read(
            "issuer = \"http://id.example.com\"\nclient_id = \" \"\nclient_secret = \"s3cret\"\ndomains = [\"@x\"]\n\
             require = { hd = [] }",
        );
        assert_eq!(config.faults().len(), 5, "{:?}", config.faults());
        for issuer in ["", "id.example.com", "ftp://id.example.com", "https://id.example.com/?a=b", "http://10.0.0.1"] {
            let config = OidcConfig { issuer: issuer.into(), ..read("issuer = \"\"\nclient_id = \"radar\"") };
            assert_eq!(config.faults().len(), 1, "{issuer}");
        }
        assert!(toml::from_str::<LoginConfig>("[oidc]\nissuer = \"\"\nclient_id = \"\"\nrole = \"boss\"").is_err());
        assert!(toml::from_str::<LoginConfig>("[saml]\n").is_err());
    }
}
