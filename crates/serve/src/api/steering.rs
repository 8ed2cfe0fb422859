//! What the API's description says of the two addresses that steer traffic, which [`crate::allocate`] answers: they take JSON and
//! write into a log, so that they are no questions.
//!
//! In: the paths so far. Out: two more. Invariant: what is described is what is taken and given; `tests/allocate.rs` holds them
//! together. To add such an address: a function here, and a line in [`add`].

use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, PathItemBuilder, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, Required};

use super::description::refused;

const PROBLEMS: [(&str, &str); 9] = [
    ("400", "The body cannot be read, or holds what the bandit does not know."),
    ("401", "Nobody is logged in, or the token opens nothing."),
    ("403", "It takes the role of an editor, or comes from a page of elsewhere."),
    ("404", "There is no such bandit."),
    ("409", "The choice waits for no reward: it has one, or it is too late."),
    ("413", "The request is larger than 16 KiB."),
    ("415", "The request is not JSON."),
    ("500", "The program failed."),
    ("503", "Too many choices wait to be written, or another process serves the bandit."),
];

/// Adds both.
pub(super) fn add(paths: PathsBuilder) -> PathsBuilder {
    paths.path("/v1/allocate", allocate()).path("/v1/reward", reward())
}

fn allocate() -> PathItem {
    let asked = object()
        .property("bandit", text("The bandit: the name of its file in bandits/, without .toml."))
        .required("bandit")
        // The limit is 100 bytes: so many letters of any script are within it.
        .property("segment", of(typed(Type::String).max_length(Some(25)).description(Some("Kind of visitor."))));
    let chosen = object()
        .property("bandit", text("The bandit."))
        .property("choice", of(number_of_choice()))
        .property("arm", text("What the visitor gets."))
        .property("propensity", share("The probability that it was chosen with."));
    let chosen = ["bandit", "choice", "arm", "propensity"].into_iter().fold(chosen, ObjectBuilder::required);
    let about = "Chooses an arm by the probability that it is the best, within a floor and a ceiling. The choice is in the log \
         before it is answered. For editors.";
    described("allocate", ("Which arm a visitor gets", about), asked.build(), chosen.build())
}

fn reward() -> PathItem {
    let guards = object().additional_properties(Some(share("From 0 to 1."))).description(Some("By guard-rail."));
    let told = object()
        .property("bandit", text("The bandit."))
        .property("choice", of(number_of_choice()))
        .property("reward", share("From 0 to 1."))
        .property("guards", of(guards));
    let told = ["bandit", "choice", "reward"].into_iter().fold(told, ObjectBuilder::required);
    let counted = object()
        .property("bandit", text("The bandit."))
        .property("choice", of(number_of_choice()))
        .property("is_counted", of(typed(Type::Boolean)));
    let counted = ["bandit", "choice", "is_counted"].into_iter().fold(counted, ObjectBuilder::required);
    let about = "Tells what came back for a choice, once, within the time that the bandit's file names. For editors.";
    described("reward", ("What came back for a choice", about), told.build(), counted.build())
}

fn described(name: &str, (summary, about): (&str, &str), body: Object, given: Object) -> PathItem {
    let body = RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content(body));
    let given = ResponseBuilder::new().description("The answer.").content("application/json", content(given));
    let mut operation = OperationBuilder::new()
        .operation_id(Some(name))
        .summary(Some(summary))
        .description(Some(about))
        .request_body(Some(body.build()))
        .response("200", given.build());
    for (status, about) in PROBLEMS {
        operation = operation.response(status, refused(about));
    }
    PathItemBuilder::new().operation(HttpMethod::Post, operation.build()).build()
}

fn content(object: Object) -> Content {
    ContentBuilder::new().schema(Some(RefOr::T(Schema::Object(object)))).build()
}

fn typed(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(kind))
}

/// An object that has no other properties than are named.
fn object() -> ObjectBuilder {
    typed(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn of(schema: ObjectBuilder) -> RefOr<Schema> {
    RefOr::T(Schema::Object(schema.build()))
}

fn text(about: &str) -> RefOr<Schema> {
    of(typed(Type::String).min_length(Some(1)).description(Some(about)))
}

fn share(about: &str) -> RefOr<Schema> {
    of(typed(Type::Number).minimum(Some(0)).maximum(Some(1)).description(Some(about)))
}

fn number_of_choice() -> ObjectBuilder {
    let most = i64::MAX.unsigned_abs();
    typed(Type::Integer).minimum(Some(1)).maximum(Some(most)).description(Some("Number of the choice."))
}
