//! The SQL port: the market over the Postgres wire protocol, for psql, drivers, notebooks and dashboards.
//!
//! In: a lake and [`SqlOptions`]. Out: a port on which every query reads the market's latest commit, or what was known at
//! the moment that the connection set (`SET as_of = '2025-01-01'`).
//!
//! Invariants:
//! - Only reading: a statement is refused by its kind before it is planned, and a plan that writes before it runs.
//! - Beyond loopback there is TLS and a password or a token, and, for whoever may not read everything, rows that may not be passed on are not there at all: not in tables,
//!   views, functions or sums ([`crowsnest_lake::sessions`]).
//! - A user's queries share a limit of memory; each has one of time and one of rows.
//!
//! A connection goes `startup` (who asks) → [`door::Door`] (the session of now, limits) → `statements` (what is refused,
//! what is set, what runs) → datafusion-postgres.

mod callers;
mod catalogue;
mod door;
mod faults;
mod limits;
mod startup;
mod statements;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crowsnest_lake::{Lake, files};
use datafusion_postgres::pgwire::tokio::tokio_rustls::TlsAcceptor;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::ServerConfig;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::crypto::ring;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::pem::PemObject as _;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::caller::Callers;
use crate::server::Following;
use crate::site::CurrentSite;
use crate::{Result, ServeError, work};

pub use self::limits::SqlLimits;

/// Connections at once; more are turned away.
const N_CONNECTIONS_MAX: usize = 200;

/// Where and for whom the SQL port is open.
#[derive(Clone)]
pub struct SqlOptions {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// PEM files of the certificate chain and its private key.
    pub tls: Option<TlsFiles>,
    /// What a user's queries may take.
    pub limits: SqlLimits,
    /// The password that every connection gives as long as the market has no users; on loopback none is needed without one.
    pub password: Option<String>,
}

impl std::fmt::Debug for SqlOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SqlOptions")
            .field("listen", &self.listen)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate and those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    fn acceptor(&self) -> Result<TlsAcceptor> {
        let wrong = |path: &PathBuf, message: String| {
            ServeError::bad_request(
                format!("{}: {message}", path.display()),
                "give PEM files: a certificate chain with --sql-cert, its private key with --sql-key",
            )
        };
        let chain = files::read_text(&self.certificate)?;
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(&self.certificate, error.to_string()))?;
        let chain = chain.into_iter().map(CertificateDer::into_owned).collect();
        let key = files::read_text(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong(&self.key, error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| wrong(&self.certificate, error.to_string()))?;
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Opens the SQL port until `shutdown` is done; connections are cut then.
///
/// `bound` is told the address once the port is open; a receiver that is gone is no error.
///
/// # Errors
/// [`ServeError::Listen`] if the port cannot be opened; [`ServeError::BadRequest`] for certificates that cannot be read,
/// and beyond loopback without TLS and a password.
pub async fn serve_sql(
    lake: Lake,
    options: SqlOptions,
    bound: oneshot::Sender<SocketAddr>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let callers = Arc::new(callers::PortCallers::new(&lake, &options));
    serve_sql_to(callers, lake, options, bound, shutdown).await
}

/// The same for those whom `callers` knows.
///
/// # Errors
/// As [`serve_sql`].
pub async fn serve_sql_to(
    callers: Arc<dyn Callers>,
    lake: Lake,
    options: SqlOptions,
    bound: oneshot::Sender<SocketAddr>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let address = options.listen;
    let is_shared = !address.ip().is_loopback();
    let tls = options.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
    if is_shared && tls.is_none() {
        return Err(ServeError::bad_request(
            format!("passwords and figures would go over the network in clear at {address}"),
            "add --sql-cert FILE and --sql-key FILE, or listen on 127.0.0.1",
        ));
    }
    if is_shared && options.password.as_deref().is_none_or(str::is_empty) && !lake.state().has_users()? {
        return Err(ServeError::bad_request(
            format!("nobody could log in at {address}"),
            "add a user with `crowsnest user add`, give a password CROWSNEST_SQL_PASSWORD in the environment, the secrets file \
             or by `crowsnest secret set`, or listen on 127.0.0.1",
        ));
    }
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    if bound.send(listener.local_addr().map_err(failed)?).is_err() {
        tracing::debug!("nobody waits for the bound address");
    }
    let site = CurrentSite::new(lake);
    let following = Following::begin(site.clone());
    let opened = door::Door::new(site, callers, options.limits).await;
    let door = Arc::new(opened?);
    tokio::select! {
        () = accept(&listener, tls, door) => {},
        () = shutdown => {},
    }
    following.end().await;
    Ok(())
}

/// Takes connections; those that are open end with the future.
async fn accept(listener: &TcpListener, tls: Option<TlsAcceptor>, door: Arc<door::Door>) {
    let places = Arc::new(Semaphore::new(N_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (socket, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%from, "too many connections to the SQL port");
            continue;
        };
        let (tls, handlers) = (tls.clone(), startup::Handlers::new(Arc::clone(&door), tls.is_some()));
        let talking = async move {
            let _place = place;
            let talked = datafusion_postgres::pgwire::tokio::process_socket(socket, tls, handlers).await;
            if let Err(error) = talked {
                tracing::debug!(%error, %from, "a connection to the SQL port broke off");
            }
        };
        connections.spawn_on(talking, &work::place());
    }
}
