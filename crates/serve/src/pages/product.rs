//! `/product/{entity}`: what every source has said of a product, in charts, tables and events.

use async_trait::async_trait;
use crowsnest_lake::Answer;

use super::entity_view;
use crate::ServeError;
use crate::chart_file::ChartFile;
use crate::notes;
use crate::page::Page;
use crate::request::PageRequest;

pub(crate) struct Product;

#[async_trait]
impl Page for Product {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        entity_view::ask(request, None).await
    }

    fn also_depends_on(&self, request: &PageRequest) -> Option<String> {
        notes::state(request)
    }

    async fn chart_file(&self, request: &PageRequest) -> Result<Option<ChartFile>, ServeError> {
        entity_view::chart_file(request, None).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        entity_view::html(request, None, Vec::new()).await
    }
}
