//! jq programs over JSON: how a source's file chooses records out of an answer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Num, Val};
use serde_json::Value;

type Filter = jaq_core::compile::Filter<jaq_core::Native<data::JustLut<Val>>>;

/// Values that one run of a program may give.
const VALUES_MAX: usize = 5_000_000;

thread_local! {
    /// Programs that this thread has compiled: the same few run over every document.
    static COMPILED: RefCell<HashMap<String, Rc<Filter>>> = RefCell::new(HashMap::new());
}

/// Whether a program can be run.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(program: &str) -> Result<(), String> {
    compiled(program).map(|_| ())
}

/// The values that a program gives for an input.
///
/// # Errors
/// Where it cannot be compiled, ends with an error, or gives too many.
pub(crate) fn run(program: &str, input: &Value) -> Result<Vec<Value>, String> {
    let filter = compiled(program)?;
    let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let mut values = Vec::new();
    for found in filter.id.run((context, taken(input))).map(unwrap_valr) {
        let found = found.map_err(|error| error.to_string())?;
        if values.len() == VALUES_MAX {
            return Err(format!("the program gives more than {VALUES_MAX} values"));
        }
        values.push(given(&found)?);
    }
    Ok(values)
}

/// A value as jq takes it.
fn taken(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(is_so) => Val::Bool(*is_so),
        Value::Number(number) => match number.as_i64().and_then(|whole| isize::try_from(whole).ok()) {
            Some(whole) => Val::Num(Num::Int(whole)),
            None => Val::Num(Num::Dec(Rc::new(number.to_string()))),
        },
        Value::String(text) => Val::from(text.clone()),
        Value::Array(values) => values.iter().map(taken).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (Val::from(name.clone()), taken(value)));
            Val::Obj(Rc::new(fields.collect()))
        }
    }
}

/// What jq gave as a value. Numbers of a kind of their own, and whatever else is rare, go by their text.
fn given(value: &Val) -> Result<Value, String> {
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(is_so) => Value::Bool(*is_so),
        Val::Num(Num::Int(whole)) => Value::from(*whole as i64),
        Val::TStr(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        Val::Arr(values) => Value::Array(values.iter().map(given).collect::<Result<_, _>>()?),
        Val::Obj(fields) => {
            let field = |(name, value): (&Val, &Val)| match name {
                Val::TStr(name) => Ok((String::from_utf8_lossy(name).into_owned(), given(value)?)),
                other => Err(format!("{other}: a name of a field has to be a text")),
            };
            Value::Object(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        other => serde_json::from_str(&other.to_string()).map_err(|error| format!("{other}: {error}"))?,
    })
}

fn compiled(program: &str) -> Result<Rc<Filter>, String> {
    COMPILED.with(|known| {
        if let Some(filter) = known.borrow().get(program) {
            return Ok(Rc::clone(filter));
        }
        let filter = Rc::new(compile(program)?);
        known.borrow_mut().insert(program.to_owned(), Rc::clone(&filter));
        Ok(filter)
    })
}

fn compile(program: &str) -> Result<Filter, String> {
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code: program, path: () })
        .map_err(|_| format!("{program:?} is not a jq program"))?;
    Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
        let names: Vec<String> =
            errors.iter().flat_map(|(_, undefined)| undefined.iter().map(|(name, _)| format!("{name:?}"))).collect();
        format!("{program:?} uses what is not defined: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_choose_and_compute() {
        let input = serde_json::json!({"data": [{"n": 1, "name": "豆包"}, {"n": 2, "name": "Kimi"}]});
        assert_eq!(run(".data[].n", &input).unwrap(), [serde_json::json!(1), serde_json::json!(2)]);
        assert_eq!(run("[.data[].n] | max", &input).unwrap(), [serde_json::json!(2)]);
        assert_eq!(run(".data[0] | {subject: .name}", &input).unwrap(), [serde_json::json!({"subject": "豆包"})]);
    }

    #[test]
    fn values_come_back_as_they_were() {
        let text = r#"{"a":[1,-2,0.1,1e300,18446744073709551615,9007199254740993],"b":{"豆\"包":null,"c":[true,""]}}"#;
        let input: Value = serde_json::from_str(text).unwrap();
        assert_eq!(run(".", &input).unwrap(), [input]);
        let truth = [serde_json::json!(0.1 + 0.2), serde_json::json!(false)];
        assert_eq!(run("0.1 + 0.2, 1/0 < 0", &Value::Null).unwrap(), truth, "a division by 0 is no error");
        assert_eq!(run("0.5 + 0.25", &Value::Null).unwrap(), [serde_json::json!(0.75)]);
    }

    #[test]
    fn a_wrong_program_says_so() {
        assert!(check(".data[").unwrap_err().contains("not a jq program"));
        assert!(check("nothing_like_it").unwrap_err().contains("nothing_like_it"));
        assert!(run(".a.b", &serde_json::json!([1])).is_err());
    }
}
