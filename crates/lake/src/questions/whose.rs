//! Whose rows a question gives: everybody's, which are joined to who is who, or one entity's, whose name is known beforehand.

use futures::future::BoxFuture;

use super::{quoted, rows};
use crate::identity::Entity;
use crate::{Answer, Lake, Language, Result};

/// The columns `entity` and `name` of rows that have a mention.
pub(super) struct Whose {
    language: Language,
    /// The only entity that there are rows of: its id in hexadecimal, and its name.
    only: Option<(String, String)>,
    /// The only mention that there are rows of.
    mention: Option<i64>,
}

impl Whose {
    pub(super) fn anybody(lake: &Lake, language: Option<Language>) -> Self {
        Self { language: rows::language(lake, language), only: None, mention: None }
    }

    /// All rows are of one entity.
    pub(super) fn is(&mut self, entity: &Entity) {
        self.only = Some((entity.hex(), entity.name(self.language).to_owned()));
    }

    /// All rows are of one mention.
    pub(super) fn is_mentioned_as(&mut self, mention_id: i64) {
        self.mention = Some(mention_id);
    }

    /// Runs a question about them.
    pub(super) fn run<'a>(&self, lake: &'a Lake, sql: &'a str) -> BoxFuture<'a, Result<Answer>> {
        let is_few = self.only.is_some() || self.mention.is_some();
        if is_few { super::run_few(lake, sql) } else { super::run(lake, sql) }
    }

    /// The columns, in SQL.
    pub(super) fn columns(&self) -> String {
        match &self.only {
            Some((entity, name)) => format!("{} AS entity, {} AS name", quoted(entity), quoted(name)),
            None => format!("e.entity, {} AS name", rows::name_column(self.language)),
        }
    }

    /// What rows of that alias are joined to for them.
    pub(super) fn joined_to(&self, alias: &str) -> String {
        if self.only.is_some() {
            return String::new();
        }
        // Looked up by its id, where the engine would go through all that there are.
        let identities = match self.mention {
            Some(mention) => format!("(SELECT * FROM identities WHERE mention_id = {mention})"),
            None => "identities".to_owned(),
        };
        format!("JOIN {identities} i ON {alias}.mention_id = i.mention_id JOIN entities e ON i.entity_id = e.entity_id")
    }
}
