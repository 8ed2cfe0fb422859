//! Currencies: ISO 4217 codes, and the signs and names that people write for them.
//!
//! Ambiguous signs go to the currency that is meant in most market reports: `$` is the US dollar, `¥` and `元` the
//! renminbi. `JP¥`, `円` and `日元` are the yen. A source that means another one says so in its mapping.
//! To add a sign or a name: one row in `WRITTEN`; to add a code: one word in `CODES`.

use std::borrow::Cow;

/// An active ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Active codes of ISO 4217 list one (SIX Financial Information, as of 2025-06), funds and metals left out.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN \
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF \
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR \
    LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK \
    PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT \
    TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// Signs and names, lower case and in simplified characters, with the code each stands for.
///
/// Longer ones come before those they start with, because running text is matched from the top.
pub(crate) const WRITTEN: &[(&str, &str)] = &[
    ("us dollars", "USD"),
    ("us dollar", "USD"),
    ("u.s. dollars", "USD"),
    ("australian dollars", "AUD"),
    ("canadian dollars", "CAD"),
    ("singapore dollars", "SGD"),
    ("hong kong dollars", "HKD"),
    ("dollars", "USD"),
    ("dollar", "USD"),
    ("us$", "USD"),
    ("u.s.$", "USD"),
    ("hk$", "HKD"),
    ("nt$", "TWD"),
    ("au$", "AUD"),
    ("ca$", "CAD"),
    ("nz$", "NZD"),
    ("mx$", "MXN"),
    ("a$", "AUD"),
    ("c$", "CAD"),
    ("s$", "SGD"),
    ("r$", "BRL"),
    ("$", "USD"),
    ("cn¥", "CNY"),
    ("rmb¥", "CNY"),
    ("jp¥", "JPY"),
    ("¥", "CNY"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₩", "KRW"),
    ("₹", "INR"),
    ("₽", "RUB"),
    ("₺", "TRY"),
    ("₫", "VND"),
    ("฿", "THB"),
    ("₴", "UAH"),
    ("₪", "ILS"),
    ("₱", "PHP"),
    ("₦", "NGN"),
    ("₸", "KZT"),
    ("zł", "PLN"),
    ("renminbi", "CNY"),
    ("rmb", "CNY"),
    ("yuan", "CNY"),
    ("cnh", "CNY"),
    ("euros", "EUR"),
    ("euro", "EUR"),
    ("pounds sterling", "GBP"),
    ("pounds", "GBP"),
    ("sterling", "GBP"),
    ("yen", "JPY"),
    ("won", "KRW"),
    ("rupees", "INR"),
    ("rupee", "INR"),
    ("swiss francs", "CHF"),
    ("元人民币", "CNY"),
    ("人民币", "CNY"),
    ("美元", "USD"),
    ("美金", "USD"),
    ("美刀", "USD"),
    ("港元", "HKD"),
    ("港币", "HKD"),
    ("新台币", "TWD"),
    ("台币", "TWD"),
    ("新加坡元", "SGD"),
    ("坡币", "SGD"),
    ("新元", "SGD"),
    ("日元", "JPY"),
    ("日圆", "JPY"),
    ("日币", "JPY"),
    ("円", "JPY"),
    ("韩元", "KRW"),
    ("韩圆", "KRW"),
    ("韩币", "KRW"),
    ("欧元", "EUR"),
    ("英镑", "GBP"),
    ("加元", "CAD"),
    ("加币", "CAD"),
    ("澳元", "AUD"),
    ("澳币", "AUD"),
    ("瑞士法郎", "CHF"),
    ("瑞郎", "CHF"),
    ("印度卢比", "INR"),
    ("卢比", "INR"),
    ("卢布", "RUB"),
    ("泰铢", "THB"),
    ("元", "CNY"),
    ("圆", "CNY"),
];

impl Currency {
    /// US dollar.
    pub const USD: Currency = Currency(*b"USD");
    /// Euro.
    pub const EUR: Currency = Currency(*b"EUR");
    /// Chinese yuan renminbi.
    pub const CNY: Currency = Currency(*b"CNY");

    /// Reads a code in any case (`CNY`, `usd`), a sign (`US$`, `€`) or a name (`人民币`, `美金`, `yen`).
    ///
    /// `None` if it is neither an active ISO 4217 code nor on the list. `$` is USD, `¥` and `元` are CNY.
    pub fn parse(text: &str) -> Option<Currency> {
        let word = text.trim();
        if let Some(currency) = Currency::from_code(word) {
            return Some(currency);
        }
        let key = crate::name::normalise(word);
        let (_, code) = WRITTEN.iter().find(|(written, _)| *written == key)?;
        Currency::from_code(code)
    }

    /// Reads an active ISO 4217 code, three letters in any case.
    pub fn from_code(code: &str) -> Option<Currency> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        if !letters.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let upper = letters.map(|letter| letter.to_ascii_uppercase());
        let is_active = CODES.as_bytes().split(|byte| *byte == b' ').any(|known| known == upper);
        is_active.then_some(Currency(upper))
    }

    /// The ISO 4217 code, three upper-case letters.
    pub fn code(&self) -> &str {
        // Infallible: only from_code and the constants make a Currency, of ASCII letters.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Every active currency, in the order of their codes.
    pub fn all() -> impl Iterator<Item = Currency> {
        CODES.split_ascii_whitespace().filter_map(Currency::from_code)
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Currency({})", self.code())
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.code())
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<'de, str>::deserialize(deserializer)?;
        Currency::parse(&word).ok_or_else(|| serde::de::Error::custom(format!("{word:?} is not an ISO 4217 currency")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_signs_lead_to_active_codes() {
        for (written, code) in WRITTEN {
            let currency = Currency::parse(written).map(|currency| currency.code().to_owned());
            assert_eq!(currency.as_deref(), Some(*code), "{written}");
        }
    }

    #[test]
    fn a_longer_name_comes_before_the_one_it_starts_with() {
        for (index, (earlier, _)) in WRITTEN.iter().enumerate() {
            for (later, _) in &WRITTEN[index + 1..] {
                assert!(!later.starts_with(earlier), "{later} is hidden by {earlier}");
            }
        }
    }

    #[test]
    fn the_list_of_codes_is_sorted_and_every_code_reads_back() {
        let codes: Vec<String> = Currency::all().map(|c| c.code().to_owned()).collect();
        assert!(codes.is_sorted());
        assert_eq!(codes.len(), CODES.split_ascii_whitespace().count());
        assert!(codes.len() > 150, "{}", codes.len());
        assert_eq!(Currency::parse("人民幣"), Some(Currency::CNY));
        assert_eq!(Currency::parse("ＵＳ＄"), Some(Currency::USD));
        assert_eq!(Currency::parse("abc"), None);
        assert_eq!(Currency::parse(""), None);
    }
}
