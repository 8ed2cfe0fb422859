//! jq programs over JSON: how a source's file chooses records out of an answer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::Val;
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
    let input = jaq_json::read::parse_single(input.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let mut values = Vec::new();
    for found in filter.id.run((context, input)).map(unwrap_valr) {
        let found = found.map_err(|error| error.to_string())?;
        if values.len() == VALUES_MAX {
            return Err(format!("the program gives more than {VALUES_MAX} values"));
        }
        values.push(serde_json::from_str(&found.to_string()).map_err(|error| format!("{found}: {error}"))?);
    }
    Ok(values)
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
    fn a_wrong_program_says_so() {
        assert!(check(".data[").unwrap_err().contains("not a jq program"));
        assert!(check("nothing_like_it").unwrap_err().contains("nothing_like_it"));
        assert!(run(".a.b", &serde_json::json!([1])).is_err());
    }
}
