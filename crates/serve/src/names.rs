//! The market's names, ready to look one up among: made when first asked for, and anew when the lake has changed.

use std::sync::{Arc, Mutex, PoisonError};

use crowsnest_lake::Lake;
use crowsnest_run::{NameIndex, known_names};

use crate::{ServeError, cache};

/// Names are looked up among these; a longer text is no name.
pub(crate) const NAME_CHARACTERS_MAX: usize = 10_000;

/// The names of one state of the lake.
#[derive(Debug, Default)]
pub(crate) struct Names {
    kept: Mutex<Option<(usize, Arc<NameIndex>)>>,
}

impl Names {
    /// The names of now.
    pub(crate) async fn of(&self, lake: &Lake) -> Result<Arc<NameIndex>, ServeError> {
        let generation = cache::generation(lake);
        if let Some(index) = self.kept_of(generation) {
            return Ok(index);
        }
        let names = known_names(lake).await?;
        let made = tokio::task::spawn_blocking(move || NameIndex::new(names)).await;
        let index = Arc::new(made.map_err(|_| ServeError::Panicked)?);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, Arc::clone(&index)));
        Ok(index)
    }

    fn kept_of(&self, generation: usize) -> Option<Arc<NameIndex>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(of, _)| *of == generation).map(|(_, index)| Arc::clone(index))
    }
}
