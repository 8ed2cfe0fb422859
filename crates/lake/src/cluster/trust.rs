//! One secret is all that the parts of a cluster share. From it each derives the same certificate authority, has it
//! sign a fresh certificate, and accepts only peers whose certificate that authority signed (mutual TLS 1.3). Who does
//! not know the secret can neither serve nor ask, and nothing that is sent reveals it.
//!
//! The certificate shows the authority's public key, against which guesses can be checked without asking: secrets are
//! long and random, and short ones refused.

use std::time::Duration;

use ballista_core::extension::EndpointOverrideFn;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest as _, Sha256};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};

use super::failed;
use crate::documents::hex;
use crate::{LakeError, Result};

/// 128 bits in hexadecimal: too many to guess.
const SECRET_LETTERS_MIN: usize = 32;

/// The name that certificates are for, whatever the machines are called.
const NAME: &str = "cluster.crowsnest.invalid";

/// An Ed25519 private key in PKCS #8 (RFC 8410, section 7) is this and its 32 bytes.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A new secret: 256 random bits in hexadecimal.
///
/// # Errors
/// Where the system gives no random numbers.
pub fn new_secret() -> Result<String> {
    let key = KeyPair::generate().map_err(unexpected)?;
    Ok(hex(&Sha256::digest(key.serialize_der())))
}

fn unexpected(error: impl std::fmt::Display) -> LakeError {
    failed(format!("no certificate could be made: {error}"), "report this: it should not happen")
}

/// What this part shows and what it accepts.
#[derive(Clone)]
pub(crate) struct Trust {
    authority: String,
    certificate: String,
    key: String,
    agent: String,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Trust").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl Trust {
    /// Makes this part's certificate.
    ///
    /// # Errors
    /// [`LakeError::Cluster`] for a secret that is too short.
    pub(crate) fn new(secret: &str, version: &str) -> Result<Self> {
        let secret = secret.trim();
        if secret.chars().count() < SECRET_LETTERS_MIN {
            return Err(failed(
                format!("the cluster's secret is shorter than {SECRET_LETTERS_MIN} letters"),
                "make one with `crowsnest cluster secret`",
            ));
        }
        // More than one has been given a choice of: rustls wants it named.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seed = Sha256::new().chain_update("crowsnest cluster authority 1\0").chain_update(secret).finalize();
        let mut pkcs8 = ED25519_PKCS8.to_vec();
        pkcs8.extend_from_slice(&seed);
        let authority_key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8)).map_err(unexpected)?;
        let mut authority = params("crowsnest cluster")?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority_certificate = authority.self_signed(&authority_key).map_err(unexpected)?;
        let key = KeyPair::generate().map_err(unexpected)?;
        let mut own = params("crowsnest")?;
        own.subject_alt_names = vec![rcgen::SanType::DnsName(NAME.try_into().map_err(unexpected)?)];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = own.signed_by(&key, &Issuer::new(authority, authority_key)).map_err(unexpected)?;
        Ok(Self {
            authority: authority_certificate.pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            agent: format!("crowsnest/{version}"),
        })
    }

    fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate, &self.key)
    }

    /// What a server shows, and demands of its clients.
    pub(crate) fn of_server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new().identity(self.identity()).client_ca_root(Certificate::from_pem(&self.authority))
    }

    /// A connection to a part: encrypted, proven, and kept alive, so that a part that is gone is noticed.
    pub(crate) fn endpoint(&self, host: &str, port: u16) -> Result<Endpoint, tonic::transport::Error> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.authority))
            .identity(self.identity())
            .domain_name(NAME);
        Endpoint::from_shared(format!("https://{host}:{port}"))?
            .user_agent(self.agent.clone())?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .tls_config(tls)
    }

    /// The same for connections that Ballista opens.
    pub(crate) fn endpoints(&self) -> EndpointOverrideFn {
        let trust = self.clone();
        std::sync::Arc::new(move |endpoint: Endpoint| {
            let uri = endpoint.uri();
            let host = uri.host().ok_or("the address of a part has no host")?;
            Ok(trust.endpoint(host, uri.port_u16().unwrap_or(super::scheduler::PORT))?)
        })
    }

    /// Refuses requests of parts of another version, naming both.
    pub(crate) fn check_version(&self, metadata: &tonic::metadata::MetadataMap) -> Result<(), Box<tonic::Status>> {
        let theirs = metadata.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let theirs = theirs.split_whitespace().next().unwrap_or_default();
        if theirs == self.agent {
            return Ok(());
        }
        let told = |agent: &str| agent.split_once('/').map_or("unknown", |(_, version)| version).to_owned();
        Err(Box::new(tonic::Status::failed_precondition(format!(
            "{VERSIONS_DIFFER}: yours is crowsnest {}, this scheduler is {}",
            told(theirs),
            told(&self.agent)
        ))))
    }
}

/// How the refusal of another version begins.
pub(crate) const VERSIONS_DIFFER: &str = "versions differ";

fn params(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).map_err(unexpected)?;
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    params.distinguished_name = names;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_shown() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.len(), 64);
        assert_ne!(secret, new_secret().unwrap());
        let trust = Trust::new(&secret, "1.0.0").unwrap();
        assert!(!format!("{trust:?}").contains(&secret));
        let said = Trust::new("too-short", "1.0.0").unwrap_err().to_string();
        assert!(!said.contains("too-short"), "{said}");
    }

    #[test]
    fn other_versions_are_named() {
        let trust = Trust::new(&new_secret().unwrap(), "0.2.0").unwrap();
        let mut metadata = tonic::metadata::MetadataMap::new();
        metadata.insert("user-agent", "crowsnest/0.2.0 tonic/0.14.6".parse().unwrap());
        assert!(trust.check_version(&metadata).is_ok());
        metadata.insert("user-agent", "crowsnest/0.1.0 tonic/0.14.6".parse().unwrap());
        let said = trust.check_version(&metadata).unwrap_err().message().to_owned();
        assert!(said.contains("0.1.0") && said.contains("0.2.0"), "{said}");
    }
}
