//! Reports: Markdown files `reports/NAME.md` of a market with figures in them, filled in as known at any day.
//!
//! In: a template and a lake at a moment. Out: a [`Report`] in Markdown, and from that HTML and PDF. Invariants: the same template, tables
//! and day give the same report; each number leads to its claim; what cannot be filled in is told with its line, and shows as
//! `n/a`; for others than the owner, what may not be passed on is not filled in. HTML in a template stays text.
//!
//! To add a tag: its name in [`tags::TAGS`] and an arm in `tags::Filling::tag`.

mod html;
pub mod pdf;
mod tags;
mod template;

use crowsnest_lake::{Lake, LakeError, Language, Market, files};

pub use crate::digests::Audience;
pub(crate) use html::to_html;
use pdf::Paper;
use pdf::paper::Around;
use tags::Filling;
pub(crate) use tags::TELLS_OF_LATE;
use template::{Piece, pieces};

use crate::message::escaped;

const FOLDER: &str = "reports";
const TEMPLATE_BYTES_MAX: usize = 1 << 20;

/// Which report, and how.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// Name of the file, without its ending.
    pub name: String,
    /// The day as of which it is filled in, `2025-02-01`, and its last microsecond since 1970-01-01 UTC; now where not said.
    pub as_of: Option<(String, i64)>,
    /// Language of names and numbers.
    pub language: Language,
    /// What links begin with.
    pub base_url: Option<String>,
    /// Who reads it.
    pub audience: Audience,
}

/// A report.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Its first heading, or its name.
    pub title: String,
    /// The day as of which it was filled in, where one was asked for.
    pub as_of: Option<String>,
    /// The day that it tells of, `2025-02-01`.
    pub day: String,
    /// Title of the market.
    pub market: String,
    /// All of it.
    pub markdown: String,
    /// The sources that its figures are of, by name.
    pub sources: Vec<String>,
    /// What could not be filled in, each with its line.
    pub problems: Vec<String>,
}

impl Report {
    /// It as a document to print, whose links begin with `base_url`; words lead nowhere where nobody knows it.
    pub fn paper(&self, language: Language, base_url: Option<&str>) -> Paper {
        let around = Around { market: &self.market, day: &self.day, language, base_url };
        Paper::of_markdown(&self.markdown, &self.title, around).with_end(&self.sources, &self.problems, around)
    }

    /// It as a page that needs nothing else, for mail.
    pub fn html_page(&self, language: Language) -> String {
        format!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\"><title>{}</title>\n<style>body{{max-width:46rem;margin:2rem auto;\
             padding:0 1rem;font:16px/1.6 -apple-system,'Segoe UI','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',Arial,\
             sans-serif;color:#1d2430}}a{{color:#0b5fb0}}table{{border-collapse:collapse;width:100%}}th,td{{padding:.3rem .6rem;\
             border-bottom:1px solid #d9dde3;text-align:left}}</style></head>\n<body>\n{}</body></html>\n",
            language.tag(),
            escaped(&self.title),
            to_html(&self.markdown),
        )
    }
}

/// The names of the market's reports.
///
/// # Errors
/// Where the folder cannot be read.
pub fn reports(market: &Market) -> Result<Vec<String>, LakeError> {
    let paths = files::list(&market.dir.join(FOLDER), "md")?;
    Ok(paths.iter().filter_map(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned()).collect())
}

/// The text of a report's file.
///
/// # Errors
/// [`LakeError::BadQuestion`] where there is no such report, or it is too long.
pub(crate) fn template(market: &Market, name: &str) -> Result<String, LakeError> {
    let names = reports(market)?;
    // Only names that were found there: a name is never made a path.
    if !names.iter().any(|known| known == name) {
        let hint = match names.is_empty() {
            true => "write one: reports/NAME.md, with figures such as {{ figure \"Kimi\" mau 2024-12 }}".to_owned(),
            false => format!("there is {}", names.join(", ")),
        };
        return Err(LakeError::BadQuestion { message: format!("there is no report {name:?}"), hint });
    }
    let text = files::read_text(&market.dir.join(FOLDER).join(format!("{name}.md")))?;
    if text.len() > TEMPLATE_BYTES_MAX {
        let message = format!("reports/{name}.md has more than {TEMPLATE_BYTES_MAX} bytes");
        return Err(LakeError::BadQuestion { message, hint: "split it".into() });
    }
    Ok(text)
}

/// Fills in a report.
///
/// # Errors
/// [`LakeError::BadQuestion`] where there is no such report; those of the lake.
pub async fn report(lake: &Lake, request: &ReportRequest) -> Result<Report, LakeError> {
    let template = template(lake.market(), &request.name)?;
    let as_of = request.as_of.as_ref().map(|(_, micros)| *micros);
    let lake = lake.at(as_of).await?;
    let mut filling = Filling::new(&lake, request);
    let mut markdown = String::with_capacity(template.len());
    for piece in pieces(&template) {
        match piece {
            Piece::Text(text) => markdown.push_str(text),
            Piece::Tag { line, words } => markdown.push_str(&Box::pin(filling.fill(line, words)).await?),
            Piece::Broken { line, what } => {
                filling.problems.push(format!("line {line}: {what}"));
                markdown.push_str("n/a");
            }
        }
    }
    Ok(Report {
        name: request.name.clone(),
        title: title_of(&markdown).unwrap_or_else(|| request.name.clone()),
        as_of: request.as_of.as_ref().map(|(day, _)| day.clone()),
        day: filling.day(),
        market: lake.market().title().to_owned(),
        markdown,
        sources: filling.sources.into_iter().collect(),
        problems: filling.problems,
    })
}

fn title_of(markdown: &str) -> Option<String> {
    let line = markdown.lines().find_map(|line| line.strip_prefix("# "))?;
    Some(line.replace('\\', "").trim().to_owned()).filter(|title| !title.is_empty())
}
