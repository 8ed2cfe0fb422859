//! What drivers ask of Postgres' own tables when they look for columns, keys and indexes, fitted to what is here: tables
//! without keys, indexes, defaults, sequences or collations.
//!
//! In: a statement. Out: the same, with what the engine cannot plan (correlated look-ups of such things, `unnest` of key
//! columns, casts of parameters to `regclass`) standing for nothing, which is what it would find. Parameters stay, because
//! drivers count them. Statements that do not name `pg_catalog` are left alone.

use std::ops::ControlFlow;
use std::sync::Arc;

use crowsnest_lake::sessions::EngineSession;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, create_udf,
};
use datafusion::sql::sqlparser::ast::{
    DataType as SqlType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Query, Statement, Value, Visit, VisitMut, Visitor, VisitorMut,
};

/// The version of Postgres' protocol and catalogue that is spoken.
const SPOKEN: &str = "16.6";

/// Stands for a text that is not there.
const NO_TEXT: &str = "no_text";
/// Stands for a number that is not there.
const NO_NUMBER: &str = "no_number";
/// Stands for a truth that is not there.
const NO_TRUTH: &str = "no_truth";

/// Tables of Postgres' that are empty of what is ours.
const EMPTY: [&str; 5] = ["pg_attrdef", "pg_sequence", "pg_collation", "typcollation", "pg_inherits"];

/// Columns of Postgres' tables that the engine's have not.
const MISSING: [&str; 1] = ["reloptions"];

/// Functions that would tell of what is not here, and what stands for them.
const FUNCTIONS: [(&str, &str); 10] = [
    ("unnest", NO_NUMBER),
    ("array", NO_TEXT),
    ("generate_subscripts", NO_NUMBER),
    ("json_build_object", NO_TEXT),
    ("pg_get_indexdef", NO_TEXT),
    ("current_setting", NO_TEXT),
    ("pg_get_viewdef", NO_TEXT),
    ("pg_get_function_arguments", NO_TEXT),
    ("pg_get_function_result", NO_TEXT),
    ("pg_function_is_visible", NO_TRUTH),
];

/// Gives a session the functions that stand for nothing.
pub(crate) fn register(session: &EngineSession) {
    for (name, gives) in [
        (NO_TEXT, DataType::Utf8),
        (NO_NUMBER, DataType::Int32),
        (NO_TRUTH, DataType::Boolean),
        // Drivers look for types of extensions by it.
        ("to_regtype", DataType::Int32),
    ] {
        let signature = Signature::variadic_any(Volatility::Immutable);
        session.register_udf(ScalarUDF::new_from_impl(Nothing { name, gives, signature }));
    }
    // Drivers read the version of Postgres out of it, to know what they may ask.
    let version = format!("PostgreSQL {SPOKEN} (Crowsnest {})", env!("CARGO_PKG_VERSION"));
    let told = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(ScalarValue::from(version.as_str())));
    session.register_udf(create_udf("version", Vec::new(), DataType::Utf8, Volatility::Immutable, Arc::new(told)));
}

/// The statement as the engine can plan it.
pub(crate) fn fitted(statement: &Statement) -> Statement {
    let mut fitted = statement.clone();
    if statement.to_string().contains("pg_catalog.") {
        let _: ControlFlow<()> = VisitMut::visit(&mut fitted, &mut Fitting);
    }
    fitted
}

struct Fitting;

impl VisitorMut for Fitting {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let fitted = match expr {
            Expr::Subquery(query) if is_of_nothing(query) => Some(nothing(NO_TEXT, parameters_of(query.as_ref()))),
            Expr::Cast { data_type: SqlType::Regclass, expr, .. } if is_parameter(expr) => {
                Some(nothing(NO_NUMBER, vec![expr.as_ref().clone()]))
            }
            Expr::CompoundIdentifier(parts)
                if parts.last().is_some_and(|last| MISSING.contains(&last.value.as_str())) =>
            {
                Some(nothing(NO_TEXT, Vec::new()))
            }
            Expr::Function(function) => stand_in(function),
            _ => None,
        };
        if let Some(fitted) = fitted {
            *expr = fitted;
        }
        ControlFlow::Continue(())
    }
}

fn is_of_nothing(query: &Query) -> bool {
    let text = query.to_string();
    EMPTY.iter().any(|name| text.contains(name))
}

fn is_parameter(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

fn stand_in(function: &Function) -> Option<Expr> {
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let (_, gives) = FUNCTIONS.iter().find(|(known, _)| *known == name)?;
    Some(nothing(gives, parameters_of(function)))
}

/// The parameters within a part of a statement, each with the cast around it.
fn parameters_of(part: &impl Visit) -> Vec<Expr> {
    struct Gathering(Vec<Expr>);
    impl Visitor for Gathering {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Cast { expr: inner, .. } if is_parameter(inner) => {
                    self.0.retain(|known| known != inner.as_ref());
                    self.0.push(expr.clone());
                }
                _ if is_parameter(expr) && !self.0.iter().any(|known| is_cast_of(known, expr)) => {
                    self.0.push(expr.clone());
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut gathering = Gathering(Vec::new());
    let _: ControlFlow<()> = part.visit(&mut gathering);
    gathering.0
}

fn is_cast_of(known: &Expr, parameter: &Expr) -> bool {
    matches!(known, Expr::Cast { expr, .. } if expr.as_ref() == parameter)
}

fn nothing(name: &str, parameters: Vec<Expr>) -> Expr {
    let null = || Expr::Value(Value::Null.into());
    let parameters = if parameters.is_empty() { vec![null()] } else { parameters };
    let args = parameters.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
    let list = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A function of anything that gives nothing.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Nothing {
    name: &'static str,
    gives: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Nothing {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::try_from(&self.gives)?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn fit(sql: &str) -> String {
        fitted(&Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0)).to_string()
    }

    #[test]
    fn what_is_not_here_stands_for_nothing_and_parameters_stay() {
        let asked = "SELECT unnest(pg_catalog.pg_index.indkey), CAST($1 AS REGCLASS) FROM pg_catalog.pg_index";
        assert_eq!(fit(asked), "SELECT no_number(NULL), no_number($1) FROM pg_catalog.pg_index");
        let asked = "SELECT CASE WHEN TRUE THEN (SELECT json_build_object($1::VARCHAR, seqstart) FROM pg_catalog.pg_sequence) END";
        assert_eq!(fit(asked), "SELECT CASE WHEN true THEN no_text($1::VARCHAR) END");
    }

    #[test]
    fn questions_of_the_market_are_left_alone() {
        let asked = "SELECT unnest(make_array(1, 2)), (SELECT max(value) FROM claims) FROM claims WHERE source = $1";
        assert_eq!(fit(asked), asked);
    }
}
