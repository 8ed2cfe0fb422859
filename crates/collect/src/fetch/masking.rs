//! Secrets: put into requests, and out of messages.

use crowsnest_lake::Market;

/// Where secrets come from, and which were used, so that messages can be cleaned of them.
#[derive(Clone, Default)]
pub struct Secrets {
    known: std::collections::BTreeMap<String, String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} secrets", self.known.len())
    }
}

const OPEN: &str = "{secret:";
const BASIC: &str = "{basic:";

impl Secrets {
    /// The secrets that some texts name.
    ///
    /// # Errors
    /// The name of one that is set nowhere.
    pub fn of(market: &Market, texts: &[String]) -> Result<Self, String> {
        let mut known = std::collections::BTreeMap::new();
        for text in texts {
            for name in names_in(text) {
                let found = market.readable_secret(name).map_err(|error| error.to_string())?;
                let value = found.ok_or_else(|| {
                    format!(
                        "secret {name} is set neither in the environment nor in the market's secrets file, nor kept \
                         (`crowsnest secret set {name}`)"
                    )
                })?;
                known.insert(name.to_owned(), value);
            }
        }
        Ok(Self { known })
    }

    /// A text with its secrets put in.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.known {
            filled = filled.replace(&format!("{OPEN}{name}}}"), value);
        }
        match filled.strip_prefix(BASIC).and_then(|rest| rest.strip_suffix('}')) {
            Some(pair) => format!("Basic {}", base64(pair.as_bytes())),
            None => filled,
        }
    }

    /// An address with its secrets put in: one that is a part of it is escaped, one that is all of it stays as it is.
    pub fn fill_address(&self, address: &str) -> String {
        let mut filled = address.trim().to_owned();
        for (name, value) in &self.known {
            let place = format!("{OPEN}{name}}}");
            if filled == place {
                return value.trim().to_owned();
            }
            let escaped: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            filled = filled.replace(&place, &escaped.replace('+', "%20"));
        }
        filled
    }

    /// A text in which no secret stands, in plain or escaped.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (name, value) in self.known.iter().filter(|(_, value)| value.len() >= 4) {
            let escaped: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            for written in [value.as_str(), &escaped, &base64(value.as_bytes())] {
                masked = masked.replace(written, &format!("{OPEN}{name}}}"));
            }
        }
        masked
    }
}

/// The names of the secrets that a text names.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(OPEN).skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = 0_usize;
        for place in 0..3 {
            word = word << 8 | usize::from(chunk.get(place).copied().unwrap_or(0));
        }
        for place in 0..4 {
            let is_padding = place > chunk.len();
            text.push(if is_padding { '=' } else { char::from(LETTERS[word >> (18 - 6 * place) & 63]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets { known: [("KEY".to_owned(), "s3cr+t/value".to_owned())].into() }
    }

    #[test]
    fn secrets_go_in_and_out() {
        let filled = secrets().fill("Bearer {secret:KEY}");
        assert_eq!(filled, "Bearer s3cr+t/value");
        assert_eq!(
            secrets().mask("GET /?k=s3cr%2Bt%2Fvalue and s3cr+t/value"),
            "GET /?k={secret:KEY} and {secret:KEY}"
        );
        assert_eq!(names_in("a {secret:A}{secret:B} {secret:").collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn a_secret_in_an_address_is_escaped() {
        assert_eq!(secrets().fill_address("mysql://u:{secret:KEY}@db/a"), "mysql://u:s3cr%2Bt%2Fvalue@db/a");
        assert_eq!(secrets().fill_address("{secret:KEY}"), "s3cr+t/value");
    }

    #[test]
    fn basic_authentication_is_encoded() {
        // RFC 7617, section 2.
        assert_eq!(Secrets::default().fill("{basic:Aladdin:open sesame}"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        // RFC 4648, section 10.
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
