//! `crowsnest digest`: what happened since the last one.

use clap::Args;
use crowsnest_lake::{Lake, LakeError, Language};
use crowsnest_run::alerts::read_alerts;
use crowsnest_run::digest::{self, Digest as Told, DigestRequest, EVERYTHING, told_digests};
use crowsnest_serve::{digest_mail, digest_markdown, digest_paper, digest_text, happenings_answer};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::output::{print_pdf, refuse_terminal};
use crate::print;

/// Where the pages are while `crowsnest serve` runs with what it begins with.
const OWN_PAGES: &str = "http://127.0.0.1:7171";

/// Tell what happened since the last digest: breakouts, moves, denials and confirmations, silent sources, newcomers
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest digest
  crowsnest digest --watch assistants --format md
  crowsnest digest --last --format html > digest.html
  crowsnest digest --since 2026-02-01 --format pdf > february.pdf
  crowsnest digest --since 2026-02-01 --as-of 2026-03-01

What one digest told, the next of the same watch-list does not tell again. With --since or --as-of nothing is kept of it. Links
lead to `base_url` of alerts.toml. HTML is such as mail programs show.")]
pub(crate) struct Digest {
    /// Of everything since this day, told before or not
    #[arg(long, value_name = "DATE", conflicts_with = "last")]
    since: Option<String>,
    /// The last digest again
    #[arg(long)]
    last: bool,
    /// Only of what the watch-list watch/NAME.toml means
    #[arg(long, value_name = "NAME")]
    watch: Option<String>,
}

impl Digest {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        if context.format() == Format::Pdf {
            refuse_terminal("pdf")?;
        }
        let lake = context.lake().await?;
        let language = context.language().unwrap_or(lake.market().config.language);
        let name = self.watch.clone().unwrap_or_else(|| EVERYTHING.to_owned());
        if self.last {
            let last = told_digests(&lake, Some(&name), 1)?.into_iter().next();
            let Some((_, told)) = last else {
                return Err(Failure::users("no digest was told yet", "make one with `crowsnest digest`"));
            };
            show(context, &lake, &told, language).await?;
            return Ok(Done::Well);
        }
        let as_of = context.as_of()?;
        let now = jiff::Timestamp::now().as_microsecond();
        let request = DigestRequest {
            name,
            since: self.since.as_deref().map(digest::parse_since).transpose()?,
            until: as_of.unwrap_or(now),
            is_as_of: as_of.is_some(),
            watch: self.watch,
            language: Some(language),
        };
        if request.since.is_some_and(|since| since >= request.until) {
            return Err(Failure::users("--since is not before the day asked for", "choose an earlier day"));
        }
        let told = Box::pin(digest::digest(&lake, &request)).await?;
        show(context, &lake, &told, language).await?;
        if request.since.is_none() && as_of.is_none() {
            digest::keep(&lake, &told, now, &[])?;
        }
        Ok(Done::Well)
    }
}

async fn show(context: &Context, lake: &Lake, told: &Told, language: Language) -> Result<(), Failure> {
    let base_url = || -> Result<Option<String>, Failure> {
        let written = read_alerts(lake.market())?.and_then(|file| file.base_url);
        Ok(Some(written.unwrap_or_else(|| OWN_PAGES.to_owned())))
    };
    match context.format() {
        Format::Table => print::line(print::clean(&digest_text(lake, told, language)).trim_end()),
        Format::Md => print::line(digest_markdown(lake, told, language, base_url()?).trim_end()),
        Format::Html => print::line(digest_mail(lake, told, language, base_url()?).trim_end()),
        Format::Pdf => print_pdf(context, digest_paper(lake, told, language, base_url()?)).await,
        Format::Json => print::line(&serde_json::to_string(told).map_err(LakeError::from)?),
        _ => context.print_encoded(&happenings_answer(&told.happenings)?),
    }
}
