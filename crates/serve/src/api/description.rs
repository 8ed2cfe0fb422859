//! The OpenAPI 3.1 description, made from the list of questions and the market's metrics.

use crowsnest_lake::Market;
use serde_json::json;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation as Described, OperationBuilder, Parameter as DescribedParameter, ParameterBuilder,
    ParameterIn, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ComponentsBuilder, Object, ObjectBuilder, Ref, Schema, SchemaType, Type,
};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, Required, Response};

use super::form::Form;
use super::operations::{Kind, OPERATIONS, Operation};
use super::parameters::Parameter;
use super::{problem, steering};

const ABOUT: &str = "Everything that this market knows, for programs. Answers are rows with facts and notes beside them; \
     ask for another form with Accept or an ending: `.json`, `.csv`, `.arrow`, `.parquet`. Longer answers come in parts: \
     go on with the cursor `next`. ETag and If-None-Match save asking again for what has not changed. Errors are \
     application/problem+json and say what to do in `remedy`. Nothing can be changed here, but that /v1/allocate and \
     /v1/reward write into the log of a bandit.";

/// The description, for one market: its metrics are part of it.
pub(crate) fn description(market: &Market) -> OpenApi {
    let mut paths = PathsBuilder::new();
    for operation in OPERATIONS {
        let mut item = PathItemBuilder::new().operation(HttpMethod::Get, asked_for(operation, market));
        if operation.kind == Kind::Sql {
            item = item.operation(HttpMethod::Post, posted(operation, market));
        }
        paths = paths.path(format!("/v1/{}", operation.name), item.build());
    }
    paths = steering::add(paths);
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info =
        InfoBuilder::new().title("Crowsnest").version("1").description(Some(ABOUT)).license(Some(license)).build();
    let components = ComponentsBuilder::new().schema("Answer", answer()).schema("Problem", problem_schema()).build();
    OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components)).build()
}

fn asked_for(operation: &Operation, market: &Market) -> Described {
    let mut described = begun(operation).operation_id(Some(operation.name));
    for parameter in operation.parameters {
        described = described.parameter(in_address(parameter, market));
    }
    described.build()
}

fn posted(operation: &Operation, market: &Market) -> Described {
    let body = object_of(operation.parameters, market);
    let content = ContentBuilder::new().schema(Some(RefOr::T(Schema::Object(body)))).build();
    let body = RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content).build();
    begun(operation).operation_id(Some(format!("post_{}", operation.name))).request_body(Some(body)).build()
}

fn begun(operation: &Operation) -> OperationBuilder {
    let mut described = OperationBuilder::new()
        .summary(Some(operation.summary))
        .description(Some(operation.about))
        .response("200", found())
        .response("304", ResponseBuilder::new().description("It has not changed.").build());
    for (status, about) in PROBLEMS {
        described = described.response(status, refused(about));
    }
    described
}

const PROBLEMS: [(&str, &str); 11] = [
    ("400", "A parameter is missing or cannot be taken."),
    ("401", "Nobody is logged in, or the token opens nothing."),
    ("403", "It takes another role."),
    ("404", "Nothing is there."),
    ("405", "That method is not for this address."),
    ("406", "No form of the answer is accepted."),
    ("413", "The request is too large."),
    ("415", "The request is not JSON."),
    ("429", "Too many questions; Retry-After says how many seconds to wait."),
    ("500", "The program failed."),
    ("503", "The question took too long."),
];

/// An object with a property for each parameter: what is posted, and what agents' tools take.
pub(crate) fn object_of(parameters: &[&'static Parameter], market: &Market) -> Object {
    let mut object = ObjectBuilder::new().schema_type(SchemaType::new(Type::Object));
    for parameter in parameters {
        let mut schema = parameter.schema(market);
        schema.description = Some(parameter.about.to_owned());
        schema.examples = vec![parameter.example_value()];
        object = object.property(parameter.name, RefOr::T(Schema::Object(schema)));
        if parameter.is_required {
            object = object.required(parameter.name);
        }
    }
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).build()
}

fn in_address(parameter: &Parameter, market: &Market) -> DescribedParameter {
    let example = (!matches!(parameter.name, "cursor" | "claim" | "document")).then(|| parameter.example_value());
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(if parameter.is_required { Required::True } else { Required::False })
        .description(Some(parameter.about))
        .schema(Some(RefOr::T(Schema::Object(parameter.schema(market)))))
        .example(example)
        .build()
}

fn found() -> Response {
    let text = || ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build();
    let mut response = ResponseBuilder::new().description("The answer.");
    for (form, _, media_type) in Form::ALL {
        let content = ContentBuilder::new();
        let content = match form {
            Form::Json => content.schema(Some(RefOr::Ref(Ref::from_schema_name("Answer")))),
            _ => content.schema(Some(RefOr::T(Schema::Object(text())))),
        };
        response = response.content(media_type, content.build());
    }
    let header = |about: &str| HeaderBuilder::new().schema(Some(text())).description(Some(about)).build();
    response
        .header("ETag", header("Changes whenever the answer may have."))
        .header("Link", header("Where there is more: the address of the next part, rel=\"next\"."))
        .build()
}

pub(super) fn refused(about: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build();
    ResponseBuilder::new().description(about).content(problem::MEDIA_TYPE, content).build()
}

fn text_or_nothing() -> RefOr<Schema> {
    let either = SchemaType::from_iter([Type::String, Type::Null]);
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(either).build()))
}

fn of_type(kind: Type) -> RefOr<Schema> {
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(SchemaType::new(kind)).build()))
}

fn list_of(kind: Type) -> RefOr<Schema> {
    RefOr::T(Schema::Array(ArrayBuilder::new().items(of_type(kind)).build()))
}

fn answer() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Object))
        .description(Some("Rows, with what belongs to them. The columns are those of the CSV and Parquet forms."))
        .property("rows", list_of(Type::Object))
        .property("facts", of_type(Type::Object))
        .property("notes", list_of(Type::String))
        .property("as_of", text_or_nothing())
        .property("next", text_or_nothing())
        .property("left_out", of_type(Type::Boolean))
        .required("rows")
        .required("facts")
        .required("notes")
        .required("as_of")
        .required("next")
        .required("left_out")
        .build()
}

fn problem_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Object))
        .description(Some("What is wrong, as RFC 9457 has it, and what to do."))
        .property("type", of_type(Type::String))
        .property("title", of_type(Type::String))
        .property("status", of_type(Type::Integer))
        .property("detail", of_type(Type::String))
        .property("remedy", text_or_nothing())
        .required("type")
        .required("title")
        .required("status")
        .required("detail")
        .examples([json!({
            "type": "about:blank", "title": "Bad Request", "status": 400,
            "detail": "metric \"maus\" cannot be taken", "remedy": "did you mean mau",
        })])
        .build()
}
