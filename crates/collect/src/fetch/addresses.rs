//! Which addresses are the public network's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address belongs to the public network: not to this machine, this link, a private network, or a range that
/// is set aside (IANA special-purpose registries, RFC 6890 and its successors).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_set_aside = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !is_set_aside
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Addresses that stand for one of version 4 lead where that one leads.
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        [first, second, ..] => {
            let is_global = (0x2000..0x4000).contains(&first);
            let is_set_aside = first == 0x2001 && (second < 0x200 || second == 0xdb8);
            is_global && !is_set_aside
        }
    }
}

/// Looks names up and leaves out what is not the public network's, so that what is checked is what is connected to.
#[derive(Debug, Clone, Copy)]
pub struct PublicOnly {
    /// Whether other addresses may be asked all the same.
    pub allows_private: bool,
}

/// What a name led to that may not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{name} leads to {address}, which is not an address of the public network")]
pub(super) struct NotPublic {
    name: String,
    address: IpAddr,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = *self;
        Box::pin(async move {
            let kept = rule.look_up(name.as_str(), 0).await?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

impl PublicOnly {
    /// The addresses of a host that may be asked; a host given by number is its own address.
    ///
    /// # Errors
    /// Where it has none, or none that may be asked.
    pub async fn look_up(
        self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        let is_allowed = |address: &&SocketAddr| self.allows_private || is_public(address.ip());
        let kept: Vec<SocketAddr> = found.iter().filter(is_allowed).copied().collect();
        match found.first() {
            Some(first) if kept.is_empty() => Err(Box::new(NotPublic { name: host.to_owned(), address: first.ip() })),
            _ => Ok(kept),
        }
    }

    pub(super) fn shared(allows_private: bool) -> Arc<Self> {
        Arc::new(Self { allows_private })
    }

    /// Whether an address of the web that names its host by number may be asked; names are checked when looked up.
    ///
    /// # Errors
    /// The address that may not.
    pub fn check(&self, url: &url::Url) -> Result<(), String> {
        let address = match url.host() {
            Some(url::Host::Ipv4(address)) => IpAddr::V4(address),
            Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if self.allows_private || is_public(address) {
            return Ok(());
        }
        Err(format!("{address} is not an address of the public network"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_special_addresses_are_told_from_public_ones() {
        let special = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "::127.0.0.1",
        ];
        for address in special {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in
            ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn hosts_given_by_number_in_any_writing_are_checked() {
        let rule = PublicOnly { allows_private: false };
        for url in ["http://127.0.0.1/", "http://0x7f000001/", "http://2130706433/", "http://[::1]/", "http://127.1/"] {
            assert!(rule.check(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert!(rule.check(&"http://1.1.1.1/".parse().unwrap()).is_ok());
        assert!(PublicOnly { allows_private: true }.check(&"http://127.0.0.1/".parse().unwrap()).is_ok());
    }

    #[tokio::test]
    async fn names_that_lead_to_this_machine_are_not_followed() {
        let resolving = PublicOnly { allows_private: false }.resolve("localhost".parse().unwrap());
        let error = resolving.await.err().unwrap().to_string();
        assert!(error.contains("localhost") && error.contains("public network"), "{error}");
    }
}
