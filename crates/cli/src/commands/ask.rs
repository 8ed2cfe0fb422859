//! The questions: arguments in, answer printed.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use crowsnest_lake::questions::{self, *};

use crate::args::Global;
use crate::failure::Failure;
use crate::print;

type Done = Result<ExitCode, Failure>;

/// `products`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest products --search doubao\n  crowsnest products --kind company --limit 20")]
pub(crate) struct Products {
    /// Text in any script, pinyin or initials
    #[arg(long, short)]
    search: Option<String>,
    /// product, company or segment
    #[arg(long)]
    kind: Option<String>,
    /// At most so many rows
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

impl Products {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = ProductsQuestion {
            search: self.search,
            kind: self.kind,
            limit: Some(self.limit),
            offset: None,
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::products(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest show 豆包\n  crowsnest show doubao --metric mau --period 2024-12\n  \
                        crowsnest show 大模型招投标市场 --metric tender_wins --as-of 2025-02-01")]
pub(crate) struct Show {
    /// Name in any script, pinyin, or entity id
    name: String,
    /// product, company or segment, where a name is several
    #[arg(long)]
    kind: Option<String>,
    /// Only this metric
    #[arg(long, short)]
    metric: Option<String>,
    /// Only this period
    #[arg(long, short)]
    period: Option<String>,
}

impl Show {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = ShowQuestion {
            name: self.name,
            kind: self.kind,
            metric: self.metric,
            period: self.period,
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::show(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `why`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest why 豆包 mau 2024-12\n  crowsnest why 大模型招投标市场 tender_wins 2024")]
pub(crate) struct Why {
    /// Name in any script, pinyin, or entity id
    name: String,
    /// Metric
    metric: String,
    /// Period, for example 2024-12
    period: String,
    /// product, company or segment, where a name is several
    #[arg(long)]
    kind: Option<String>,
}

impl Why {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = WhyQuestion {
            name: self.name,
            kind: self.kind,
            metric: Some(self.metric),
            period: Some(self.period),
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::why(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `claims`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest claims --source QuestMobile --limit 20\n  crowsnest claims --name 豆包 --format csv")]
pub(crate) struct Claims {
    /// Name in any script, pinyin, or entity id
    #[arg(long, short)]
    name: Option<String>,
    /// Only this metric
    #[arg(long, short)]
    metric: Option<String>,
    /// Only this period
    #[arg(long, short)]
    period: Option<String>,
    /// Only this source
    #[arg(long)]
    source: Option<String>,
    /// Only this status
    #[arg(long)]
    status: Option<String>,
    /// Only this claim (32 hexadecimal digits)
    #[arg(long)]
    claim: Option<String>,
    /// Only this document (SHA-256)
    #[arg(long)]
    document: Option<String>,
    /// At most so many rows
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

impl Claims {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = ClaimsQuestion {
            name: self.name,
            metric: self.metric,
            period: self.period,
            source: self.source,
            status: self.status,
            document: self.document,
            claim: self.claim,
            limit: Some(self.limit),
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::claims(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `events`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest events 零一万物\n  crowsnest events --event funding --limit 20")]
pub(crate) struct Events {
    /// Name in any script, pinyin, or entity id
    name: Option<String>,
    /// Only this kind of event, for example funding
    #[arg(long)]
    event: Option<String>,
    /// Only this source
    #[arg(long)]
    source: Option<String>,
    /// Only this status
    #[arg(long)]
    status: Option<String>,
    /// Newest first [default: oldest first for one name, newest first otherwise]
    #[arg(long)]
    newest_first: bool,
    /// At most so many rows
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

impl Events {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = EventsQuestion {
            oldest_first: self.name.is_some() && !self.newest_first,
            name: self.name,
            event: self.event,
            source: self.source,
            status: self.status,
            document: None,
            limit: Some(self.limit),
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::events(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a row of a league table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// An entity.
    Entity,
    /// An entity in the words of one source.
    Source,
}

/// `league`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest league --metric tender_amount --period 2024-11\n  \
                        crowsnest league --metric mau --period 2025-03 --region cn --by source --format json")]
pub(crate) struct League {
    /// Metric, for example mau
    #[arg(long, short)]
    metric: String,
    /// Period, for example 2024-12
    #[arg(long, short)]
    period: String,
    /// Region [default: the one most names have]
    #[arg(long)]
    region: Option<String>,
    /// Platform [default: the one most names have]
    #[arg(long)]
    platform: Option<String>,
    /// Segment [default: the one most names have]
    #[arg(long)]
    segment: Option<String>,
    /// Only this source's claims
    #[arg(long)]
    source: Option<String>,
    /// A row per entity, or per entity and source
    #[arg(long, value_enum, default_value = "entity")]
    by: By,
    /// At most so many rows; totals and shares are of all
    #[arg(long)]
    limit: Option<usize>,
}

impl League {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = LeagueQuestion {
            metric: self.metric,
            period: self.period,
            region: self.region,
            platform: self.platform,
            segment: self.segment,
            source: self.source,
            by_source: self.by == By::Source,
            limit: self.limit,
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::league(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `share`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest share --metric mau --from 2024 --limit 5\n  crowsnest share --metric tender_wins --grain year")]
pub(crate) struct Share {
    /// Metric, for example mau
    #[arg(long, short)]
    metric: String,
    /// day, week, month, quarter, half or year
    #[arg(long, default_value = "month")]
    grain: String,
    /// Periods that begin in or after this one
    #[arg(long)]
    from: Option<String>,
    /// Periods that begin before this one
    #[arg(long)]
    to: Option<String>,
    /// Region [default: the one with most claims]
    #[arg(long)]
    region: Option<String>,
    /// Platform [default: the one with most claims]
    #[arg(long)]
    platform: Option<String>,
    /// Segment [default: the one with most claims]
    #[arg(long)]
    segment: Option<String>,
    /// At most so many names per period, the largest
    #[arg(long)]
    limit: Option<usize>,
}

impl Share {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = ShareQuestion {
            metric: self.metric,
            grain: Some(self.grain),
            from: self.from,
            to: self.to,
            region: self.region,
            platform: self.platform,
            segment: self.segment,
            limit: self.limit,
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::share(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `series`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest series 豆包 mau\n  crowsnest series numpy downloads_30d --format csv")]
pub(crate) struct Series {
    /// Name in any script, pinyin, or entity id
    name: String,
    /// Only this metric
    metric: Option<String>,
    /// product, company or segment, where a name is several
    #[arg(long)]
    kind: Option<String>,
}

impl Series {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = SeriesQuestion {
            name: self.name,
            kind: self.kind,
            metric: self.metric,
            as_of: global.as_of()?,
            language: global.language()?,
        };
        print::answer(global, &Box::pin(questions::series(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `sources`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  crowsnest sources --format json")]
pub(crate) struct Sources {}

impl Sources {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = SourcesQuestion { as_of: global.as_of()? };
        print::answer(global, &Box::pin(questions::sources(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `metrics`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  crowsnest metrics")]
pub(crate) struct Metrics {}

impl Metrics {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = MetricsQuestion { as_of: global.as_of()?, language: global.language()? };
        print::answer(global, &Box::pin(questions::metrics(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `periods`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  crowsnest periods mau")]
pub(crate) struct Periods {
    /// Metric, for example mau
    metric: String,
}

impl Periods {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        let question = PeriodsQuestion { metric: self.metric, as_of: global.as_of()? };
        print::answer(global, &Box::pin(questions::periods(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `document`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest document SHA256\n  crowsnest document SHA256 --raw > body")]
pub(crate) struct Document {
    /// SHA-256 of the document
    document: String,
    /// Write the document's bytes instead
    #[arg(long)]
    raw: bool,
}

impl Document {
    pub(crate) async fn run(self, global: &Global) -> Done {
        let lake = global.lake().await?;
        if self.raw {
            let mut reader = lake.documents().open(&self.document)?;
            let mut buffer = vec![0; 1 << 20];
            loop {
                let n = std::io::Read::read(&mut reader, &mut buffer)
                    .map_err(|error| Failure::users(format!("reading the document: {error}"), None))?;
                if n == 0 {
                    return Ok(ExitCode::SUCCESS);
                }
                print::out_bytes(&buffer[..n])?;
            }
        }
        let question = DocumentQuestion { document: self.document };
        print::answer(global, &Box::pin(questions::document(&lake, &question)).await?)?;
        Ok(ExitCode::SUCCESS)
    }
}
