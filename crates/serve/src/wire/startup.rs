//! The beginning of a connection: whether a password is needed, whose it is, and what the server says of itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use datafusion_postgres::pgwire::api::cancel::{CancelHandler, DefaultCancelHandler};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::{
    ClientInfo, ConnectionGuard, ConnectionHandle, ConnectionManager, ErrorHandler, METADATA_USER,
    PgWireConnectionState, PgWireServerHandlers, PidSecretKeyGenerator as _,
};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::Authentication;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures::{Sink, SinkExt as _};

use super::door::{AS_OF, Asking, Door, NOW, parse_moment};
use super::faults::Faults;
use super::limits::refusal;
use crate::caller::Caller;

/// After a wrong password, so that guessing takes long.
const AFTER_WRONG_PASSWORD: Duration = Duration::from_millis(500);

/// The handlers of one connection.
pub(crate) struct Handlers {
    asking: Arc<Asking>,
    startup: Arc<Startup>,
    cancel: Arc<DefaultCancelHandler>,
}

impl Handlers {
    pub(crate) fn new(door: Arc<Door>, has_tls: bool) -> Self {
        let cancel = Arc::new(DefaultCancelHandler::new(Arc::clone(&door.connections)));
        let startup = Arc::new(Startup { door: Arc::clone(&door), has_tls });
        Self { asking: Arc::new(Asking::new(door)), startup, cancel }
    }
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.asking)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.asking)
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.startup)
    }

    fn error_handler(&self) -> Arc<impl ErrorHandler> {
        Arc::new(Faults)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.cancel)
    }
}

/// Lets a connection in.
pub(crate) struct Startup {
    door: Arc<Door>,
    has_tls: bool,
}

impl Startup {
    async fn let_in<C>(&self, client: &mut C, caller: Caller) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        client.session_extensions().insert::<Caller>(caller);
        set_moment(client)?;
        let (pid, secret_key) = self.door.ids.generate(client);
        client.set_pid_and_secret_key(pid, secret_key);
        register(client, &self.door.connections);
        let mut about = DefaultServerParameterProvider::default();
        about.is_superuser = false;
        about.default_transaction_read_only = true;
        finish_authentication(client, &about).await
    }
}

/// As of when a connection asks: now, or as its options say (`options='-c as_of=2025-02-01'`).
fn set_moment<C: ClientInfo>(client: &mut C) -> PgWireResult<()> {
    let options = client.metadata().get("options").cloned().unwrap_or_default();
    let named = options.split_whitespace().find_map(|part| part.trim_start_matches("-c").strip_prefix("as_of="));
    let value = named.unwrap_or(NOW);
    parse_moment(value)?;
    client.metadata_mut().insert(AS_OF.to_owned(), value.to_owned());
    Ok(())
}

/// Makes the connection one whose query can be cancelled.
fn register<C: ClientInfo>(client: &C, connections: &Arc<ConnectionManager>) {
    let (pid, secret_key) = client.pid_and_secret_key();
    let (handle, guard) = connections.register(pid, secret_key);
    client.session_extensions().insert::<Arc<ConnectionHandle>>(handle);
    client.session_extensions().insert::<ConnectionGuard>(guard);
}

#[async_trait]
impl StartupHandler for Startup {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(ref startup) => {
                protocol_negotiation(client, startup).await?;
                save_startup_parameters_to_metadata(client, startup);
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                if let Some(caller) = self.door.callers.without_password() {
                    return self.let_in(client, caller).await;
                }
                let is_home = client.socket_addr().ip().is_loopback();
                if !client.is_secure() && (self.has_tls || !is_home) {
                    return Err(refusal(
                        "28000",
                        "no password is taken over a connection without TLS",
                        "connect with sslmode=require, or better verify-full",
                    ));
                }
                client.send(PgWireBackendMessage::Authentication(Authentication::CleartextPassword)).await?;
                Ok(())
            }
            PgWireFrontendMessage::PasswordMessageFamily(given) => {
                let given = given.into_password()?;
                let user = client.metadata().get(METADATA_USER).cloned().unwrap_or_default();
                match self.door.callers.of_password(&user, &given.password).await {
                    Some(caller) => self.let_in(client, caller).await,
                    None => {
                        tracing::warn!(%user, from = %client.socket_addr(), "a wrong password at the SQL port");
                        tokio::time::sleep(AFTER_WRONG_PASSWORD).await;
                        Err(PgWireError::InvalidPassword(user))
                    }
                }
            }
            _ => Ok(()),
        }
    }
}
