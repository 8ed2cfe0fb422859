//! What the engine says of a query, as Postgres clients expect it: an SQLSTATE, one clause, and a hint.

use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};

/// Where each kind of fault is told by, its SQLSTATE, and what to do.
const KINDS: [(&str, &str, &str); 8] = [
    ("sql parser error", "42601", "check the statement near the place that is named"),
    ("ParserError", "42601", "check the statement near the place that is named"),
    ("No field named", "42703", "list the columns with \\d TABLE or SHOW COLUMNS FROM table"),
    ("Invalid function", "42883", "list the functions in the chapter on the SQL port"),
    ("not found", "42P01", "list the tables with \\dt, or SHOW TABLES"),
    ("Resources exhausted", "53200", "ask for less; the limit is --sql-memory of crowsnest serve"),
    ("needs more than the", "53200", "ask for less; the limit is --sql-memory of crowsnest serve"),
    ("not supported", "0A000", "the SQL port only reads: SELECT, EXPLAIN, SHOW, SET and cursors"),
];

/// Gives errors of the engine their SQLSTATE.
#[derive(Debug)]
pub(crate) struct Faults;

impl ErrorHandler for Faults {
    fn on_error<C>(&self, _client: &C, error: &mut PgWireError)
    where
        C: ClientInfo,
    {
        if let PgWireError::ApiError(cause) = error {
            *error = PgWireError::UserError(Box::new(of_engine(&cause.to_string())));
        }
    }
}

fn of_engine(text: &str) -> ErrorInfo {
    let message = text.lines().next().unwrap_or_default();
    let kind = KINDS.iter().find(|(sign, ..)| text.contains(sign));
    let (_, code, hint) = kind.copied().unwrap_or(("", "XX000", ""));
    let mut info = ErrorInfo::new("ERROR".to_owned(), code.to_owned(), message.to_owned());
    info.hint = (!hint.is_empty()).then(|| hint.to_owned());
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_get_their_code_and_a_hint() {
        let info = of_engine("Error during planning: table 'crowsnest.public.nope' not found\nbacktrace: …");
        assert_eq!((info.code.as_str(), info.hint.is_some()), ("42P01", true));
        assert!(!info.message.contains("backtrace"));
        assert_eq!(of_engine("Schema error: No field named x.").code, "42703");
        assert_eq!(of_engine("something odd").code, "XX000");
    }
}
