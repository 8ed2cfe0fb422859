//! The provider: what it tells of itself, where it is asked for somebody, and what it says of them, verified.
//!
//! In: the market's settings and secret. Out: addresses to lead people to, and claims. The protocol is the library's
//! (`openidconnect`): discovery, PKCE, the exchange of the code, and the ID token's signature, issuer, audience, end and nonce.
//! Invariant: signatures are those of the provider's own keys; never none, and never one that the client's secret makes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crowsnest_lake::{Market, OidcConfig};
use crowsnest_run::Secrets;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    SubjectIdentifier, TokenResponse as _, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::asking::{Asking, in_full};
use super::begun::Begun;
use super::claims::Claims;
use super::refusal::Refusal;
use crate::accounts::now;

/// What the provider told of itself is asked for again after so long; and where it did not answer, after so long.
const TOLD_MICROS: i64 = 600_000_000;
const SILENT_MICROS: i64 = 3_000_000;

use CoreJwsSigningAlgorithm as Signed;

const SIGNED: [Signed; 9] = [
    Signed::RsaSsaPkcs1V15Sha256,
    Signed::RsaSsaPkcs1V15Sha384,
    Signed::RsaSsaPkcs1V15Sha512,
    Signed::RsaSsaPssSha256,
    Signed::RsaSsaPssSha384,
    Signed::RsaSsaPssSha512,
    Signed::EcdsaP256Sha256,
    Signed::EcdsaP384Sha384,
    Signed::EdDsa,
];

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// Claims beyond the standard's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct MoreClaims(Map<String, Value>);

impl AdditionalClaims for MoreClaims {}

#[derive(Debug)]
struct Told {
    at: i64,
    what: Result<CoreProviderMetadata, String>,
}

/// The provider of a market.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) config: OidcConfig,
    asking: Asking,
    told: tokio::sync::Mutex<Option<Told>>,
}

impl Provider {
    pub(super) fn new(config: OidcConfig) -> Self {
        let asking = Asking::new(config.is_on_this_machine());
        Self { config, asking, told: tokio::sync::Mutex::default() }
    }

    /// Where somebody is led to, to log in there.
    pub(super) async fn address(&self, market: &Market, state: &str, begun: &Begun) -> Result<Url, Refusal> {
        let client = self.client(market, &begun.redirect, false).await?;
        let (state, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(begun.nonce.clone()));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(begun.verifier.clone()));
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .set_pkce_challenge(challenge);
        for scope in ["email", "profile"].into_iter().chain(self.config.scopes.iter().map(String::as_str)) {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        let (address, _, _) = request.url();
        self.asking.check(&address).map_err(|error| Refusal::Unreachable(in_full(&error)))?;
        Ok(address)
    }

    /// Who it is that the provider sent back with a code: what it says of them, and its word for them.
    pub(super) async fn who(&self, market: &Market, begun: &Begun, code: String) -> Result<(String, Claims), Refusal> {
        let mut client = self.client(market, &begun.redirect, false).await?;
        let answer = self.exchanged(&client, begun, code).await?;
        let nonce = Nonce::new(begun.nonce.clone());
        let mut said = verified(&client, &answer, &nonce);
        if let Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) = said {
            // Providers change their keys, and do not say so.
            client = self.client(market, &begun.redirect, true).await?;
            said = verified(&client, &answer, &nonce);
        }
        let (subject, mut claims) = said.map_err(|error| Refusal::Untrue(in_full(&error)))?;
        if claims.lack_something(&self.config) && client.user_info_url().is_some() {
            claims.fill(self.more(&client, &answer, subject.clone()).await?);
        }
        Ok((subject.as_str().to_owned(), claims))
    }

    async fn exchanged(&self, client: &Client, begun: &Begun, code: String) -> Result<CoreTokenResponse, Refusal> {
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| Refusal::Unreachable(in_full(&error)))?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier.clone()));
        request.request_async(&self.asking).await.map_err(|error| match &error {
            RequestTokenError::Request(error) => Refusal::Unreachable(in_full(error)),
            RequestTokenError::ServerResponse(answer) if *answer.error() == CoreErrorResponseType::InvalidClient => {
                Refusal::Broken("the provider does not take client_id and client_secret".to_owned())
            }
            _ => Refusal::Untrue(in_full(&error)),
        })
    }

    /// What the provider says when asked for more: some put names, addresses and groups there alone.
    async fn more(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        subject: SubjectIdentifier,
    ) -> Result<Map<String, Value>, Refusal> {
        let untrue = |error: &dyn std::error::Error| Refusal::Untrue(in_full(error));
        let request = client.user_info(answer.access_token().clone(), Some(subject));
        let request = request.map_err(|error| untrue(&error))?;
        let said: UserInfoClaims<MoreClaims, CoreGenderClaim> =
            request.request_async(&self.asking).await.map_err(|error| untrue(&error))?;
        match serde_json::to_value(&said).map_err(|error| untrue(&error))? {
            Value::Object(claims) => Ok(claims),
            _ => Ok(Map::new()),
        }
    }

    async fn client(&self, market: &Market, redirect: &str, is_new: bool) -> Result<Client, Refusal> {
        let secret = self.secret(market)?;
        let told = self.told(is_new).await.map_err(Refusal::Unreachable)?;
        let redirect = RedirectUrl::new(redirect.to_owned()).map_err(|error| Refusal::Broken(in_full(&error)))?;
        let takes = told.token_endpoint_auth_methods_supported().cloned().unwrap_or_default();
        let is_in_body = takes.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !takes.contains(&CoreClientAuthMethod::ClientSecretBasic);
        let client_id = ClientId::new(self.config.client_id.trim().to_owned());
        let client = CoreClient::from_provider_metadata(told, client_id, secret).set_redirect_uri(redirect);
        Ok(if is_in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
    }

    fn secret(&self, market: &Market) -> Result<Option<ClientSecret>, Refusal> {
        let Some(text) = &self.config.client_secret else { return Ok(None) };
        let secrets = Secrets::of(market, std::slice::from_ref(text)).map_err(Refusal::Broken)?;
        Ok(Some(ClientSecret::new(secrets.fill(text))))
    }

    /// What the provider tells of itself, with its keys; one request at a time.
    async fn told(&self, is_new: bool) -> Result<CoreProviderMetadata, String> {
        let mut told = self.told.lock().await;
        if let Some(told) = told.as_ref().filter(|_| !is_new) {
            let lasts = if told.what.is_ok() { TOLD_MICROS } else { SILENT_MICROS };
            if (0..lasts).contains(&(now() - told.at)) {
                return told.what.clone();
            }
        }
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(|error| in_full(&error))?;
        let asked = CoreProviderMetadata::discover_async(issuer, &self.asking).await;
        let what = asked.map_err(|error| in_full(&error));
        *told = Some(Told { at: now(), what: what.clone() });
        what
    }
}

/// The claims of the ID token, if it is the provider's, for us, of now, and of that login.
fn verified(
    client: &Client,
    answer: &CoreTokenResponse,
    nonce: &Nonce,
) -> Result<(SubjectIdentifier, Claims), ClaimsVerificationError> {
    let other = |message: &str| ClaimsVerificationError::Other(message.to_owned());
    let token = answer.id_token().ok_or_else(|| other("there is no ID token in the answer"))?;
    let verifier = client.id_token_verifier().set_allowed_algs(SIGNED);
    let claims = token.claims(&verifier, nonce)?;
    if claims.authorized_party().is_some_and(|party| party != client.client_id()) {
        return Err(other("it was made for another client"));
    }
    if let Some(expected) = claims.access_token_hash() {
        let signed = ClaimsVerificationError::SignatureVerification;
        let (algorithm, key) = (token.signing_alg().map_err(signed)?, token.signing_key(&verifier).map_err(signed)?);
        let found = AccessTokenHash::from_token(answer.access_token(), algorithm, key)
            .map_err(|error| other(&in_full(&error)))?;
        if found != *expected {
            return Err(other("the access token is another's"));
        }
    }
    // The library keeps the claims that it knows; those of this very token are all in its middle part.
    let written = token.to_string();
    let payload = written.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let all =
        payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| other("it cannot be read"))?;
    Ok((claims.subject().clone(), Claims(all)))
}
