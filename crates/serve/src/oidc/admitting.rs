//! Which user somebody is whom the provider sent: found by the provider's word for them, made at their first login, or linked
//! by themselves.
//!
//! In: claims that were verified. Out: the user. Never finds anybody by a name or a mail address: these may become somebody else's.
//! As on `/users`, the only admin stays one whatever their groups say, and the first user of a market is an admin: else nobody could
//! let others in.

use crowsnest_lake::state::logins::Login;
use crowsnest_lake::state::people::{Change, Role, User};
use crowsnest_lake::{Lake, OidcConfig};

use super::claims::Claims;
use super::refusal::{Failed, Refusal};
use crate::accounts::now;
use crate::login::note;

/// Who was sent: the provider's word for them, and what it says of them.
pub(super) struct Sent<'a> {
    pub(super) config: &'a OidcConfig,
    pub(super) subject: &'a str,
    pub(super) claims: &'a Claims,
}

impl Sent<'_> {
    fn login(&self, user: &str) -> Login {
        Login {
            issuer: self.config.issuer.clone(),
            subject: self.subject.to_owned(),
            user: user.to_owned(),
            linked_at: now(),
        }
    }

    fn found(&self, lake: &Lake) -> Result<Option<User>, Failed> {
        Ok(lake.state().login_user(&self.config.issuer, self.subject)?)
    }

    /// The user that they are, with the role that they have by now.
    pub(super) fn admitted(&self, lake: &Lake) -> Result<User, Failed> {
        self.claims.check(self.config)?;
        let role = self.claims.role(self.config);
        let Some(user) = self.found(lake)? else { return self.added(lake, role) };
        match role {
            Some(role) if role != user.role => self.changed(lake, user, role),
            _ => Ok(user),
        }
    }

    /// A user whose groups say another role by now.
    fn changed(&self, lake: &Lake, user: User, role: Role) -> Result<User, Failed> {
        let title = self.config.title();
        match lake.state().change_role(&user.name, role)? {
            Change::Made => {
                let what = format!("{} is {role} now, by their groups at {title}", user.name);
                note(lake, &user.name, "user.role", &what)?;
                Ok(User { role, ..user })
            }
            Change::LastAdmin => {
                let name = &user.name;
                let what = format!("{name} stays the only admin, though their groups at {title} say {role}");
                note(lake, name, "user.role", &what)?;
                Ok(user)
            }
            // Removed a moment ago: they come for the first time again.
            Change::NoUser => self.added(lake, Some(role)),
        }
    }

    fn added(&self, lake: &Lake, role: Option<Role>) -> Result<User, Failed> {
        if !self.config.new_users {
            return Err(Refusal::NoUser.into());
        }
        let role = role.unwrap_or(self.config.role);
        if role != Role::Admin && !lake.state().has_users()? {
            let why = "there are no users yet, and the first must be an admin (`crowsnest user add NAME --role admin`)";
            return Err(Refusal::Broken(why.to_owned()).into());
        }
        for name in self.claims.names() {
            let user = User { name, role, password_hash: String::new(), created_at: now(), last_seen_at: None };
            if lake.state().add_user_with_login(&user, &self.login(&user.name))? {
                let what = format!("{} is added as {role}, by {}", user.name, self.config.title());
                note(lake, &user.name, "user.add", &what)?;
                return Ok(user);
            }
            // Two first logins at once: the other was quicker.
            if let Some(user) = self.found(lake)? {
                return Ok(user);
            }
        }
        Err(Refusal::Broken("every name that they could have is taken".to_owned()).into())
    }

    /// Gives a user this login, so that they may use it from now on.
    pub(super) fn linked(&self, lake: &Lake, user: &str) -> Result<(), Failed> {
        self.claims.check(self.config)?;
        match self.found(lake)? {
            Some(found) if found.name == user => Ok(()),
            None if lake.state().link_login(&self.login(user))? => {
                note(lake, user, "login.link", &format!("logs in by {} from now on", self.config.title()))?;
                Ok(())
            }
            _ => Err(Refusal::Taken.into()),
        }
    }
}
