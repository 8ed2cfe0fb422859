//! Signatures that receivers check, all of them HMAC-SHA256 (RFC 2104, FIPS 180-4) in base64 (RFC 4648, section 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// HMAC-SHA256 of a text, in base64.
pub(super) fn signature(key: &[u8], text: &[u8]) -> String {
    // Infallible: HMAC takes keys of any length (RFC 2104, section 2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(text);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The bytes of base64; `None` where a text is none.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // RFC 4231, test case 2.
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        assert_eq!(decoded(&signature(b"Jefe", b"what do ya want for nothing?")).unwrap(), bytes);
        assert_eq!(decoded("not base64!"), None);
    }
}
