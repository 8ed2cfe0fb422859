//! Closed lists of words (status, kind, grain, …) as enums that read and write themselves.
//!
//! One macro, so that each list is one table: the variant, its word, its meaning. Reading ignores ASCII case and
//! surrounding blanks; writing is always the one lower-case word, which is what the lake stores.

/// A word that isn't on the list it should be on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {list} {found:?}: expected one of {expected}")]
pub struct UnknownWord {
    /// What the list is called, for example `status`.
    pub list: &'static str,
    /// The word as found.
    pub found: String,
    /// The words that would do, separated by commas.
    pub expected: String,
}

/// Defines an enum of words with `ALL`, `as_str`, `FromStr`, `Display` and serde by word.
macro_rules! word_enum {
    (
        $(#[$enum_doc:meta])*
        pub enum $name:ident called $list:literal {
            $( $(#[$variant_doc:meta])* $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[$enum_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )+
        }

        impl $name {
            /// Every word of the list, in its order.
            pub const ALL: &'static [$name] = &[$( $name::$variant, )+];

            /// The one lower-case word that is stored and printed.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( $name::$variant => $word, )+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::word::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let word = text.trim();
                for candidate in Self::ALL {
                    if candidate.as_str().eq_ignore_ascii_case(word) {
                        return Ok(*candidate);
                    }
                }
                let words: Vec<&str> = Self::ALL.iter().map(|known| known.as_str()).collect();
                Err($crate::word::UnknownWord {
                    list: $list,
                    found: word.to_owned(),
                    expected: words.join(", "),
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use word_enum;

#[cfg(test)]
mod tests {
    use crate::{Grain, Kind, Status};

    #[test]
    fn a_word_is_read_in_any_case_and_written_in_one() {
        assert_eq!(" Rumoured ".parse::<Status>(), Ok(Status::Rumoured));
        assert_eq!(Status::Rumoured.to_string(), "rumoured");
        assert_eq!(serde_json::to_string(&Kind::Company).unwrap(), "\"company\"");
        assert_eq!(serde_json::from_str::<Grain>("\"quarter\"").unwrap(), Grain::Quarter);
    }

    #[test]
    fn an_unknown_word_names_the_list_and_its_words() {
        let error = "gadget".parse::<Kind>().unwrap_err();
        assert_eq!(error.to_string(), "unknown kind \"gadget\": expected one of product, company, segment");
    }
}
