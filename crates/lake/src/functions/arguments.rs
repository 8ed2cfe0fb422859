//! Reading the arguments of table functions.

use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;

use crate::questions::parse_as_of;

/// Exactly `N` text arguments.
pub(super) fn texts<const N: usize>(args: &[Expr], usage: &str) -> Result<[String; N]> {
    let found: Vec<String> = args.iter().filter_map(text).collect();
    <[String; N]>::try_from(found)
        .ok()
        .filter(|_| args.len() == N)
        .ok_or_else(|| DataFusionError::Plan(format!("call it as {usage}")))
}

/// Text arguments, however many.
pub(super) fn all_texts(args: &[Expr], usage: &str) -> Result<Vec<String>> {
    let found: Vec<String> = args.iter().filter_map(text).collect();
    if found.len() == args.len() { Ok(found) } else { Err(DataFusionError::Plan(format!("call it as {usage}"))) }
}

fn text(argument: &Expr) -> Option<String> {
    match argument {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text.clone()),
        _ => None,
    }
}

/// A day (its end) or an instant, as microseconds.
pub(super) fn instant(when: &str) -> Result<i64> {
    parse_as_of(when).map_err(|error| DataFusionError::Plan(error.to_string()))
}
