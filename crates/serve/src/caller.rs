//! Who asks: their name, and what they may do. Found by [`crate::accounts`], from a session, a token, a password, or where
//! the question comes from; each way into the server is told by it.

pub use crowsnest_lake::state::people::Role;

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// By which decisions are signed and limits counted.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they see rows of sources that may not be passed on.
    pub may_read_restricted: bool,
}

impl Caller {
    /// Whoever works on the machine that the market is on: may do everything.
    pub fn owner() -> Self {
        Self { name: "owner".to_owned(), role: Role::Admin, may_read_restricted: true }
    }

    /// Somebody of whom nothing is known, where everybody may read what may be passed on.
    pub fn visitor() -> Self {
        Self { name: "visitor".to_owned(), role: Role::Viewer, may_read_restricted: false }
    }
}
