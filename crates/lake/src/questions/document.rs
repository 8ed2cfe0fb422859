//! `document`: what is known of one payload.

use super::quoted;
use crate::{Answer, Lake, LakeError, Result};

/// Which document.
#[derive(Debug, Clone, Default)]
pub struct DocumentQuestion {
    /// Its SHA-256 in hexadecimal.
    pub document: String,
}

/// The sources whose rows were read from a document: a file may name a source in each row.
///
/// # Errors
/// Where the tables cannot be read.
pub async fn document_sources(lake: &Lake, question: &DocumentQuestion) -> Result<Answer> {
    let document = quoted(&question.document.to_ascii_lowercase());
    let of = |table: &str| format!("SELECT source FROM {table} WHERE document = {document}");
    let sql = format!(
        "SELECT DISTINCT source FROM ({} UNION ALL {} UNION ALL {}) AS sources ORDER BY source",
        of("documents"),
        of("claims"),
        of("events")
    );
    super::run(lake, &sql).await
}

/// One row per mapping that the document was read with, the latest first.
///
/// # Errors
/// [`LakeError::NoDocument`] where there is none.
pub async fn document(lake: &Lake, question: &DocumentQuestion) -> Result<Answer> {
    let sha256 = question.document.to_ascii_lowercase();
    let sql = format!("SELECT * FROM documents WHERE document = {} ORDER BY known_at DESC", quoted(&sha256));
    let answer = super::run(lake, &sql).await?;
    if answer.rows.num_rows() == 0 && !lake.documents().contains(&sha256) {
        return Err(LakeError::NoDocument(question.document.clone()));
    }
    Ok(answer)
}
