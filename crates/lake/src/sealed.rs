//! Secrets that a market keeps, encrypted (AES-256-GCM) with a key that lies elsewhere.
//!
//! In: a name and a value. Out: a row for the state ([`Sealed`]), and the value again, for who has the key.
//!
//! Invariants: the key is in no file of the market; each value has a random nonce of its own, and is bound to its name, so that
//! one secret cannot be put in the place of another; no value is in a message. What was encrypted with another key is told as
//! that, by a digest of the key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::documents::hex;
use crate::market::STATE_FILE;
use crate::state::Sealed;
use crate::state::people::digest;
use crate::{LakeError, Result, files};

/// The variable that holds the key, and the one that names its file.
pub const KEY_VARIABLE: &str = "CROWSNEST_KEY";
/// See [`KEY_VARIABLE`].
pub const KEY_FILE_VARIABLE: &str = "CROWSNEST_KEY_FILE";

const KEY_BYTES: usize = 32;
const VALUE_BYTES_MAX: usize = 64 * 1024;
const NAME_LENGTH_MAX: usize = 100;
const HOW_TO_MAKE: &str =
    "make one: (umask 077; openssl rand -hex 32 > FILE), with FILE outside of the market's folder";

/// What secrets are encrypted with.
pub struct Key {
    cipher: LessSafeKey,
    id: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "key {}", self.id)
    }
}

impl Key {
    /// The key of the environment, or of the file that it names, or of the user's own; `None` where there is none of these.
    ///
    /// # Errors
    /// [`LakeError::BadQuestion`] where a file that is named is not there, lies in the market, or holds no key.
    pub fn find(market: &Path) -> Result<Option<Self>> {
        if let Some(text) = variable(KEY_VARIABLE) {
            return Self::read(&text, &format!("the variable {KEY_VARIABLE}")).map(Some);
        }
        let named = variable(KEY_FILE_VARIABLE).map(PathBuf::from);
        let Some(path) = named.clone().or_else(own_file) else { return Ok(None) };
        if !path.exists() {
            let message = format!("there is no key file {}", path.display());
            return if named.is_some() { Err(LakeError::bad_question(message, HOW_TO_MAKE)) } else { Ok(None) };
        }
        Self::of_file(&path, market).map(Some)
    }

    /// The same; where there is none, one is made in the user's own folder.
    ///
    /// # Errors
    /// Those of [`Key::find`]; where no file can be written.
    pub fn find_or_make(market: &Path) -> Result<Self> {
        if let Some(key) = Self::find(market)? {
            return Ok(key);
        }
        let Some(path) = own_file() else {
            let hint = format!("name a file in {KEY_FILE_VARIABLE}; {HOW_TO_MAKE}");
            return Err(LakeError::bad_question("there is no home folder to keep a key in", hint));
        };
        let text = format!("{}\n", hex(&random::<KEY_BYTES>()?));
        // Another process may have made one in the meantime: then that is the key.
        files::write_private_once(&path, text.as_bytes())?;
        Self::of_file(&path, market)
    }

    fn of_file(path: &Path, market: &Path) -> Result<Self> {
        let is_within = |folder: &Path, path: &Path| matches!((folder.canonicalize(), path.canonicalize()), (Ok(folder), Ok(path)) if path.starts_with(&folder));
        if is_within(market, path) {
            return Err(LakeError::bad_question(
                format!("the key {} lies in the market, beside what it protects", path.display()),
                format!("move it elsewhere, and name it in {KEY_FILE_VARIABLE}"),
            ));
        }
        if files::is_open_to_others(path) {
            tracing::warn!("{} can be read by every user of this machine: chmod 600 it", path.display());
        }
        Self::read(&files::read_text(path)?, &path.display().to_string())
    }

    /// A key of 64 hexadecimal digits.
    fn read(text: &str, place: &str) -> Result<Self> {
        let wrong = || LakeError::bad_question(format!("{place} is no key: it is 64 hexadecimal digits"), HOW_TO_MAKE);
        let bytes = unhex(text.trim()).filter(|bytes| bytes.len() == KEY_BYTES).ok_or_else(wrong)?;
        let cipher = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| wrong())?;
        // A digest of 256 random bits tells nothing of them.
        let id = digest(&format!("crowsnest key {}", hex(&bytes)))[..8].to_owned();
        Ok(Self { cipher: LessSafeKey::new(cipher), id })
    }

    /// By what it is told from other keys.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Encrypts a secret.
    ///
    /// # Errors
    /// [`LakeError::BadQuestion`] for a name or a value that can be none.
    pub fn seal(&self, name: &str, value: &str, set_by: &str, now: i64) -> Result<Sealed> {
        check(name, value)?;
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = value.as_bytes().to_vec();
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to(name)), &mut sealed)
            .map_err(|_| LakeError::bad_question(format!("{name} cannot be encrypted"), "give a shorter value"))?;
        Ok(Sealed {
            name: name.to_owned(),
            key_id: self.id.clone(),
            nonce: nonce.to_vec(),
            sealed,
            set_at: now,
            set_by: set_by.to_owned(),
        })
    }

    /// The value of a secret.
    ///
    /// # Errors
    /// [`LakeError::BadQuestion`] where it was encrypted with another key, or is not what was kept under its name.
    pub fn open(&self, secret: &Sealed) -> Result<String> {
        let name = &secret.name;
        if secret.key_id != self.id {
            return Err(LakeError::bad_question(
                format!("secret {name} was encrypted with key {}, and this is key {}", secret.key_id, self.id),
                format!(
                    "give that key in {KEY_FILE_VARIABLE} or {KEY_VARIABLE}, or set the secret anew: `crowsnest secret set {name}`"
                ),
            ));
        }
        let damaged = || {
            LakeError::bad_question(
                format!("secret {name} is not what was kept under that name"),
                format!("somebody changed state.db: set it anew with `crowsnest secret set {name}`"),
            )
        };
        let nonce = Nonce::try_assume_unique_for_key(&secret.nonce).map_err(|_| damaged())?;
        let mut bytes = secret.sealed.clone();
        let opened = self.cipher.open_in_place(nonce, Aad::from(bound_to(name)), &mut bytes).map_err(|_| damaged())?;
        String::from_utf8(opened.to_vec()).map_err(|_| damaged())
    }
}

/// What an encrypted value belongs to.
fn bound_to(name: &str) -> Vec<u8> {
    format!("crowsnest secret 1\0{name}").into_bytes()
}

/// The values that can be read, and of the others why not; both by name.
pub(crate) fn open_all(kept: &[Sealed], market: &Path) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let (mut values, mut locked) = (BTreeMap::new(), BTreeMap::new());
    if kept.is_empty() {
        return (values, locked);
    }
    let key = match Key::find(market) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Err(format!("its key is not here: give it in {KEY_FILE_VARIABLE} or {KEY_VARIABLE}")),
        Err(error) => Err(error.to_string()),
    };
    for secret in kept {
        let opened = key.as_ref().map_err(Clone::clone);
        match opened.and_then(|key| key.open(secret).map_err(|error| error.to_string())) {
            Ok(value) => values.insert(secret.name.clone(), value),
            Err(why) => locked.insert(secret.name.clone(), why),
        };
    }
    (values, locked)
}

/// The secrets that a market keeps and that cannot be read with the key that is here, each with the reason.
pub fn locked(market: &Path) -> BTreeMap<String, String> {
    open_all(&crate::state::secrets::read(&market.join(STATE_FILE)).unwrap_or_default(), market).1
}

fn check(name: &str, value: &str) -> Result<()> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > NAME_LENGTH_MAX || !name.bytes().all(is_word) {
        let message = format!("{name:?} cannot be the name of a secret");
        return Err(LakeError::bad_question(message, "write letters, digits and underscores: SMTP_PASSWORD"));
    }
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        let message = format!("the value of {name} is empty, or longer than {} KiB", VALUE_BYTES_MAX / 1024);
        return Err(LakeError::bad_question(message, "give it on standard input"));
    }
    Ok(())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The user's own key file; `None` where there is no home folder.
fn own_file() -> Option<PathBuf> {
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    folder.filter(|folder| folder.is_absolute()).map(|folder| folder.join("crowsnest/key"))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let failed = |_| LakeError::bad_question("the system gives no random numbers", "try again on another machine");
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> Key {
        Key::read(&digit.repeat(64), "test").unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_under_its_name_alone() {
        let sealed = key("a").seal("SMTP_PASSWORD", "four words and more", "mei", 5).unwrap();
        assert_eq!(key("a").open(&sealed).unwrap(), "four words and more");
        assert!(!String::from_utf8_lossy(&sealed.sealed).contains("four words"));
        let again = key("a").seal("SMTP_PASSWORD", "four words and more", "mei", 5).unwrap();
        assert_ne!((&again.nonce, &again.sealed), (&sealed.nonce, &sealed.sealed));
        let told = key("b").open(&sealed).unwrap_err();
        assert!(told.to_string().contains(key("a").id()) && told.hint().is_some(), "{told}");
        // A row under another name, a nonce of another value, a bit that was turned.
        let renamed = Sealed { name: "SLACK_URL".into(), ..sealed.clone() };
        let swapped = Sealed { sealed: again.sealed, ..sealed.clone() };
        let mut turned = sealed.clone();
        turned.sealed[0] ^= 1;
        let claimed = Sealed { key_id: key("b").id().to_owned(), ..sealed };
        for (key, wrong) in [(key("a"), renamed), (key("a"), swapped), (key("a"), turned), (key("b"), claimed)] {
            let told = key.open(&wrong).unwrap_err().to_string();
            assert!(told.contains("is not what was kept") && !told.contains("four"), "{told}");
        }
    }

    #[test]
    fn names_values_and_keys_that_can_be_none_are_refused() {
        for name in ["", "A B", "a-b", "é", &"A".repeat(101)] {
            assert!(key("a").seal(name, "value", "mei", 0).is_err(), "{name}");
        }
        assert!(key("a").seal("A", "", "mei", 0).is_err());
        assert!(key("a").seal("A", &"x".repeat(VALUE_BYTES_MAX + 1), "mei", 0).is_err());
        for text in ["", "abc", &"g".repeat(64), &"a".repeat(63), &"é".repeat(32)] {
            let told = Key::read(text, "the file").unwrap_err().to_string();
            assert!(told.contains("the file is no key") && (text.is_empty() || !told.contains(text)), "{told}");
        }
    }

    #[test]
    fn a_key_in_the_market_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "a".repeat(64)).unwrap();
        assert!(Key::of_file(&path, folder.path()).unwrap_err().to_string().contains("lies in the market"));
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(Key::of_file(&path, elsewhere.path()).unwrap().id(), key("a").id());
    }
}
