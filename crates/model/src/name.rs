//! Names: one key for all the ways to write the same one, with legal forms kept apart, and pinyin to search by.
//!
//! [`normalise`] makes the key that names are compared by; it's idempotent and the same on every machine.
//! [`split_legal_form`] takes `有限公司` and `Inc.` off a company's name. [`pinyin_key`] and [`search_key`] are for
//! looking up while typing. [`fold`], [`words`], [`codes`] and [`numbers`] are what two longer texts are compared by, and
//! [`blocking_keys`] how those are found that are worth comparing. Whether two keys are the same product is for `identify` to say.

mod blocking;
mod folding;
mod key;
mod legal;
mod pinyin;
mod script;
mod shape;

pub use blocking::{BlockingKey, blocking_keys};
pub use folding::{codes, fold, numbers, words};
pub use key::{normalise, normalise_into, search_key};
pub use legal::{Name, split_legal_form};
pub use pinyin::{initials_key, pinyin_key};
pub use script::{Script, script_of, to_simplified, to_traditional};
pub use shape::{NameShape, reading_key};
