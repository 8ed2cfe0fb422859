//! What editors decide on who is who, by forms of the pages `/review` and `/identity/…`: the very decisions of the command
//! line, signed by who is logged in.
//!
//! Each form leads back to its page, which shows what holds now. What contradicts something of more weight is refused
//! with the reason.

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use crowsnest_lake::Language;
use crowsnest_model::Kind;
use crowsnest_run::{Decider, Decision};

use crate::form::{Form, handlers};
use crate::request::push_query;
use crate::site::CurrentSite;
use crate::{Result, ServeError};

/// On what grounds: a sentence or an address, no essay.
const WHY_CHARACTERS_MAX: usize = 1_000;
const NAME_CHARACTERS_MAX: usize = 1_000;

/// Adds the addresses.
pub(crate) fn add(router: Router<CurrentSite>) -> Router<CurrentSite> {
    router
        .route("/review/judge", post(judge))
        .route("/review/undo", post(undo_review))
        .route("/identity/merge", post(merge))
        .route("/identity/split", post(split))
        .route("/identity/rename", post(rename))
        .route("/identity/undo", post(undo_identity))
}

impl Form {
    fn text(&self, name: &'static str, n_characters_max: usize) -> Result<&str> {
        let text = self.posted.get(name);
        if text.chars().count() > n_characters_max {
            let message = format!("{name} has more than {n_characters_max} characters");
            return Err(ServeError::bad_request(message, "write it shorter"));
        }
        Ok(text)
    }

    fn name(&self, name: &'static str) -> Result<String> {
        match self.text(name, NAME_CHARACTERS_MAX)? {
            "" => Err(ServeError::bad_request(format!("{name} is empty"), "write a name")),
            text => Ok(text.to_owned()),
        }
    }

    fn kind(&self) -> Result<Option<Kind>> {
        match self.posted.get("kind") {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                ServeError::bad_request(format!("{text:?} is no kind"), "say product, company or segment")
            }),
        }
    }

    async fn decide(&self, decision: &Decision) -> Result<String> {
        let decider = self.decider("why")?;
        Ok(Box::pin(crowsnest_run::decide(&self.site.lake, &decider, decision)).await?.entity)
    }

    async fn undo(&self) -> Result<bool> {
        let decider = self.decider("why")?;
        Ok(Box::pin(crowsnest_run::undo(&self.site.lake, &decider, false)).await?.is_some())
    }

    fn decider(&self, why: &'static str) -> Result<Decider<'_>> {
        Ok(Decider { name: self.by(), why: self.text(why, WHY_CHARACTERS_MAX)?, via: self.asker.via() })
    }
}

handlers! {
    judge => judged,
    undo_review => review_undone,
    merge => merged,
    split => split_off,
    rename => renamed,
    undo_identity => identity_undone,
}

/// The review, with what was skipped skipped, and what was done told.
fn review_with(form: &Form, did: &str) -> Redirect {
    let mut address = "/review".to_owned();
    let skip = form.posted.get("skip");
    if skip.parse::<u32>().is_ok_and(|skip| skip > 0) {
        push_query(&mut address, "skip", skip);
    }
    push_query(&mut address, "did", did);
    Redirect::to(&address)
}

async fn judged(form: &Form) -> Result<Redirect> {
    let mention = |name: &'static str| {
        let text = form.posted.get(name);
        text.parse::<i64>()
            .map_err(|_| ServeError::bad_request(format!("{name} {text:?} is no mention"), "look at the pairs again"))
    };
    let verdict = form.text("verdict", 20)?.to_owned();
    let judge = Decision::Judge { left: mention("left")?, right: mention("right")?, verdict: verdict.clone() };
    form.decide(&judge).await?;
    Ok(review_with(form, &verdict))
}

async fn review_undone(form: &Form) -> Result<Redirect> {
    let did = if form.undo().await? { "undone" } else { "nothing" };
    Ok(review_with(form, did))
}

fn identity_of(entity: &str, did: &str) -> Redirect {
    let mut address = format!("/identity/{entity}");
    push_query(&mut address, "did", did);
    Redirect::to(&address)
}

async fn merged(form: &Form) -> Result<Redirect> {
    let merge = Decision::Merge { stays: form.name("entity")?, joins: form.name("other")?, kind: form.kind()? };
    Ok(identity_of(&form.decide(&merge).await?, "merge"))
}

async fn split_off(form: &Form) -> Result<Redirect> {
    let source = Some(form.text("source", NAME_CHARACTERS_MAX)?.to_owned()).filter(|source| !source.is_empty());
    let split = Decision::Split { name: form.name("name")?, source, kind: form.kind()? };
    Ok(identity_of(&form.decide(&split).await?, "split"))
}

async fn renamed(form: &Form) -> Result<Redirect> {
    let language = match form.posted.get("language") {
        "" => "",
        tag => Language::parse(tag)
            .ok_or_else(|| ServeError::bad_request(format!("{tag:?} is no language here"), "choose from the list"))?
            .tag(),
    };
    let rename = Decision::Rename {
        name: form.name("entity")?,
        to: form.name("to")?,
        language: language.to_owned(),
        kind: form.kind()?,
    };
    Ok(identity_of(&form.decide(&rename).await?, "rename"))
}

async fn identity_undone(form: &Form) -> Result<Redirect> {
    let entity = form.name("entity")?;
    let did = if form.undo().await? { "undone" } else { "nothing" };
    // What was taken back may have been what this entity was.
    let identity = form.site.lake.identity();
    Ok(identity.find(&entity, None).map_or_else(|_| Redirect::to("/review"), |found| identity_of(&found.hex(), did)))
}
