//! `/company/{entity}`: a company's products, and what is said of the company itself.

use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, RelationsQuestion};

use super::entity_view;
use crate::ServeError;
use crate::chart_file::ChartFile;
use crate::notes;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::EntityRow;

pub(crate) struct Company;

#[async_trait]
impl Page for Company {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        entity_view::ask(request, Some("company")).await
    }

    fn also_depends_on(&self, request: &PageRequest) -> Option<String> {
        notes::state(request)
    }

    async fn chart_file(&self, request: &PageRequest) -> Result<Option<ChartFile>, ServeError> {
        entity_view::chart_file(request, Some("company")).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let question = RelationsQuestion {
            name: request.parameter.clone(),
            as_of: request.as_of,
            language: Some(request.language),
        };
        let answer = request.ask(questions::relations(&request.lake, &question)).await?;
        let products: Vec<EntityRow> = answer.rows_as()?;
        entity_view::html(request, Some("company"), products).await
    }
}
