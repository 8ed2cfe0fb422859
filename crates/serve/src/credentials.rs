//! Passwords, tokens and other secrets: how they are made, checked and hashed.
//!
//! Passwords are what people choose: Argon2id, 19 MiB, two passes, as OWASP's *Password Storage Cheat Sheet* has it. All other
//! secrets are 256 random bits, which nobody guesses: the state keeps their SHA-256. Lengths follow NIST SP 800-63B: long, no rules
//! of composition.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::rand_core::{OsRng, RngCore as _};
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use crowsnest_lake::documents::hex;
use crowsnest_lake::state::people::{Scope, Token};

/// A password has at least so many characters.
pub const PASSWORD_CHARACTERS_MIN: usize = 12;
/// And at most so many bytes: hashing is for passwords, not for books.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// A user's name, and what a token is for.
const NAME_CHARACTERS_MAX: usize = 64;
/// Days that a token is good for at most, unless for ever: a hundred years.
const TOKEN_DAYS_MAX: u32 = 36_500;
const TOKEN_PREFIX: &str = "crowsnest_";
const DAY_MICROS: i64 = 86_400_000_000;
/// Letters and digits that nobody mistakes for another, 32 of them.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Why a name, a password or a token is none.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Not a name for a user.
    #[error("{0:?} is no user's name")]
    Name(String),
    /// A password that is easily guessed, or too long to be one.
    #[error("the password {0}")]
    Password(&'static str),
    /// A token for something that is none.
    #[error("{0}")]
    Token(String),
    /// The system gives no random numbers, or hashing failed.
    #[error("no secret could be made: {0}")]
    Failed(String),
}

impl CredentialError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name(_) => "use up to 64 lower-case letters, digits and . _ - @, beginning with a letter",
            Self::Password(_) => "use 12 characters or more, such as four or five words",
            Self::Token(_) => "give a short label, and days up to 36500",
            Self::Failed(_) => "try again; if it stays so, the system's source of random numbers is at fault",
        }
    }
}

/// The name of a user as it is kept.
///
/// # Errors
/// Where it is not one: a name stands in files, addresses and logs, and never looks like a file of the catalogue.
pub fn user_name(text: &str) -> Result<String, CredentialError> {
    let name = text.trim().to_ascii_lowercase();
    let is_known = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-@".contains(letter);
    let begins_well = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    let is_name = begins_well && name.chars().all(is_known) && name.len() <= NAME_CHARACTERS_MAX;
    if is_name && !name.ends_with(".csv") { Ok(name) } else { Err(CredentialError::Name(shortened(text))) }
}

fn shortened(text: &str) -> String {
    text.chars().take(NAME_CHARACTERS_MAX).collect()
}

fn random<const N: usize>() -> Result<[u8; N], CredentialError> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| CredentialError::Failed(error.to_string()))?;
    Ok(bytes)
}

/// 256 random bits, in hexadecimal.
pub(crate) fn new_secret() -> Result<String, CredentialError> {
    Ok(hex(&random::<32>()?))
}

/// A password of a hundred random bits, in groups that can be read aloud.
///
/// # Errors
/// Where the system gives no random numbers.
pub fn new_password() -> Result<String, CredentialError> {
    let letters = random::<20>()?.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// A token that is not kept yet, with its secret; `days` 0 has no end.
///
/// # Errors
/// Where its label is too long, or it has no scope, or more days than a token has.
pub fn new_token(
    user: &str,
    label: &str,
    scopes: &[Scope],
    days: u32,
    now: i64,
) -> Result<(Token, String), CredentialError> {
    if label.chars().count() > NAME_CHARACTERS_MAX || scopes.is_empty() || days > TOKEN_DAYS_MAX {
        return Err(CredentialError::Token("a token has a label of at most 64 characters, a scope and an end".into()));
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let token = Token {
        id: 0,
        user: user.to_owned(),
        label: label.trim().to_owned(),
        scopes,
        created_at: now,
        expires_at: (days > 0).then(|| now + i64::from(days) * DAY_MICROS),
        last_used_at: None,
        revoked_at: None,
    };
    Ok((token, format!("{TOKEN_PREFIX}{}", new_secret()?)))
}

/// The hash of a password, in the PHC format. Takes some hundredths of a second on purpose.
///
/// # Errors
/// A password that is easily guessed or no password.
pub fn hash_password(password: &str) -> Result<String, CredentialError> {
    check(password)?;
    hash(password)
}

/// The same, on a thread on which nothing else waits.
pub(crate) async fn hashed(password: String) -> crate::Result<String> {
    let hashing = tokio::task::spawn_blocking(move || hash_password(&password));
    Ok(hashing.await.map_err(|_| crate::ServeError::Panicked)??)
}

fn hash(password: &str) -> Result<String, CredentialError> {
    let failed = |error: argon2::password_hash::Error| CredentialError::Failed(error.to_string());
    let salt = SaltString::encode_b64(&random::<16>()?).map_err(failed)?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

fn check(password: &str) -> Result<(), CredentialError> {
    let mut letters: Vec<char> = password.chars().collect();
    if letters.len() < PASSWORD_CHARACTERS_MIN {
        return Err(CredentialError::Password("is shorter than 12 characters"));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(CredentialError::Password("is longer than 1024 bytes"));
    }
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < 5 {
        return Err(CredentialError::Password("repeats few characters"));
    }
    Ok(())
}

/// Whether a password is the one of a hash. Without a hash (nobody has that name) it takes as long, and is not.
pub(crate) fn verify(password: &str, password_hash: Option<&str>) -> bool {
    static NOBODYS: OnceLock<String> = OnceLock::new();
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let nobodys = NOBODYS.get_or_init(|| hash("nobody's password").unwrap_or_default());
    let is_right = PasswordHash::new(password_hash.unwrap_or(nobodys))
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    is_right && password_hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["ann", "mei.li", "a-b_c@example.org", " Ann "] {
            assert!(user_name(name).is_ok(), "{name}");
        }
        assert_eq!(user_name("Ann").unwrap(), "ann");
        for name in ["", "1a", "a b", "豆包", "a/../b", "a\nb", "x.csv", "<b>", &"a".repeat(65)] {
            assert!(user_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn passwords_are_long_and_only_their_own_hash_opens() {
        for bad in ["", "short", "elevenchars", "aaaaaaaaaaaaaaaa", &"ab1!x".repeat(300)] {
            assert!(hash_password(bad).is_err(), "{bad}");
        }
        let hash = hash_password("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("horse"));
        assert_ne!(hash, hash_password("correct horse battery").unwrap(), "each has a salt of its own");
        assert!(verify("correct horse battery", Some(&hash)) && !verify("correct horse", Some(&hash)));
        assert!(!verify("nobody's password", None) && !verify("x", Some("no hash")));
    }

    #[test]
    fn what_is_made_is_never_the_same() {
        let (token, secret) = new_token("ann", " notebook ", &[Scope::Decide, Scope::Read, Scope::Read], 1, 0).unwrap();
        assert_eq!((token.label.as_str(), token.expires_at), ("notebook", Some(DAY_MICROS)));
        assert_eq!(token.scopes, [Scope::Read, Scope::Decide]);
        assert!(secret.len() == TOKEN_PREFIX.len() + 64 && secret.starts_with(TOKEN_PREFIX));
        assert_eq!(new_token("ann", "", &[Scope::Read], 0, 0).unwrap().0.expires_at, None);
        assert!(new_token("ann", "", &[], 1, 0).is_err() && new_token("ann", "", &[Scope::Read], 40_000, 0).is_err());
        assert_ne!(new_secret().unwrap(), new_secret().unwrap());
        let password = new_password().unwrap();
        assert!(password.len() == 23 && check(&password).is_ok(), "{password}");
    }
}
