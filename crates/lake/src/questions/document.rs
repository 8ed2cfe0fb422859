//! `document`: what is known of one payload.

use super::quoted;
use crate::{Answer, Lake, LakeError, Result};

/// Which document.
#[derive(Debug, Clone, Default)]
pub struct DocumentQuestion {
    /// Its SHA-256 in hexadecimal.
    pub document: String,
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
