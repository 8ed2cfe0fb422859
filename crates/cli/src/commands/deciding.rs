//! `crowsnest merge | split | rename | own | undo`: what people decide on who is who, with who, when and why.

use clap::{Args, ValueEnum};
use crowsnest_lake::{Lake, LakeError};
use crowsnest_model::Kind;
use crowsnest_run::{Change, Decider, Decision, Related};

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::print;

/// Who decides, and why.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Who decides; your user name where not said
    #[arg(long)]
    by: Option<String>,
    /// On what grounds, for those who ask later
    #[arg(long, default_value = "")]
    why: String,
    /// product or company, where a name is several
    #[arg(long, value_parser = parse_kind)]
    kind: Option<Kind>,
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    text.parse::<Kind>().map_err(|error| error.to_string())
}

pub(crate) fn parse_day(text: &str) -> Result<i32, String> {
    crowsnest_model::parse_day(text).ok_or_else(|| "expected a day such as 2024-12-31".to_owned())
}

impl Who {
    fn name(&self) -> String {
        self.by.clone().unwrap_or_else(context::user)
    }

    async fn decide(&self, lake: &Lake, decision: &Decision) -> Result<Change, Failure> {
        let decider = Decider { name: &self.name(), why: &self.why, via: "command" };
        Ok(crowsnest_run::decide(lake, &decider, decision).await?)
    }
}

/// A lake to decide in, which is today's.
async fn lake_of_today(context: &Context) -> Result<Lake, Failure> {
    if context.as_of()?.is_some() {
        return Err(Failure::users("what is decided, is decided now", "leave out --as-of"));
    }
    context.lake().await
}

fn tell(context: &Context, change: &Change) -> Result<Done, Failure> {
    if context.format() == Format::Json {
        print::line(&serde_json::to_string(change).map_err(LakeError::from)?)?;
    } else {
        print::line(&print::clean(&format!("{} ({})", change.what, change.entity)))?;
    }
    Ok(Done::Well)
}

/// Say that two names are the same product or company
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest merge 文心一言 文小言 --why 'renamed on 2024-09-04, https://example.org/news'
  crowsnest merge 'Zhipu AI' 智谱 --kind company --by ann

The first keeps its address. It shows at once everywhere and rewrites nothing; `crowsnest undo` takes it back. Where the
catalogue says otherwise, the catalogue wins.")]
pub(crate) struct Merge {
    /// Name in any script, pinyin, or entity id: keeps its address
    stays: String,
    /// The other name
    joins: String,
    #[command(flatten)]
    who: Who,
}

impl Merge {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = lake_of_today(context).await?;
        let merge = Decision::Merge { stays: self.stays, joins: self.joins, kind: self.who.kind };
        let change = self.who.decide(&lake, &merge).await?;
        tell(context, &change)
    }
}

/// Say that a name, or a source's use of it, is another thing than the rest of its entity
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest split 豆包大模型 --why 'the model, not the app'
  crowsnest split Kimi --source 'Some list' --why 'a game of that name'")]
pub(crate) struct Split {
    /// The name as it is written
    name: String,
    /// Only as this source uses it
    #[arg(long)]
    source: Option<String>,
    #[command(flatten)]
    who: Who,
}

impl Split {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = lake_of_today(context).await?;
        let split = Decision::Split { name: self.name, source: self.source, kind: self.who.kind };
        let change = self.who.decide(&lake, &split).await?;
        tell(context, &change)
    }
}

/// Say what a product or company is called
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest rename 文小言 'Wen Xiaoyan' --language en
  crowsnest rename 豆包 'Doubao (ByteDance)' --why 'house style'

Only names that are shown change; sources' claims keep the words they came with. What the catalogue names is named there.")]
pub(crate) struct Rename {
    /// Name in any script, pinyin, or entity id
    name: String,
    /// What it is called from now on, in the language of --language, or in all
    to: String,
    #[command(flatten)]
    who: Who,
}

impl Rename {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = lake_of_today(context).await?;
        let language = context.language().map_or("", crowsnest_lake::Language::tag).to_owned();
        let rename = Decision::Rename { name: self.name, to: self.to, language, kind: self.who.kind };
        let change = self.who.decide(&lake, &rename).await?;
        tell(context, &change)
    }
}

/// What one is to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Relation {
    /// It belongs to the company.
    OwnedBy,
    /// It came after the other, which was renamed or launched anew.
    SuccessorOf,
    /// It is a version of the other.
    VersionOf,
}

/// Say whom a product or company belongs to, what it followed, or what it is a version of
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest own CapCut ByteDance --from 2018-01-01 --why https://example.org/filing
  crowsnest own 文小言 文心一言 --relation successor-of --from 2024-09-04
  crowsnest own CapCut ByteDance --from 2018-01-01 --end")]
pub(crate) struct Own {
    /// The product or company
    name: String,
    /// The company it belongs to, or what it followed or is a version of
    other: String,
    /// What the one is to the other
    #[arg(long, value_enum, default_value_t = Relation::OwnedBy)]
    relation: Relation,
    /// First day on which it holds; ever before where not said
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    from: Option<i32>,
    /// First day on which it no longer holds
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    until: Option<i32>,
    /// Take back what was said before, from the same first day on
    #[arg(long)]
    end: bool,
    #[command(flatten)]
    who: Who,
}

impl Own {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = lake_of_today(context).await?;
        let relation = match self.relation {
            Relation::OwnedBy => "owned_by",
            Relation::SuccessorOf => "successor_of",
            Relation::VersionOf => "version_of",
        };
        let told =
            Related { relation: relation.to_owned(), valid_from: self.from, valid_until: self.until, is_end: self.end };
        let relate = Decision::Relate { name: self.name, other: self.other, kind: self.who.kind, told };
        let change = self.who.decide(&lake, &relate).await?;
        tell(context, &change)
    }
}

/// Take back your last merge, split, rename, relation or judgement
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest undo
  crowsnest undo --by ann
  crowsnest undo --anybody")]
pub(crate) struct Undo {
    /// Whoever decided it
    #[arg(long)]
    anybody: bool,
    #[command(flatten)]
    who: Who,
}

impl Undo {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = lake_of_today(context).await?;
        let decider = Decider { name: &self.who.name(), why: &self.who.why, via: "command" };
        match crowsnest_run::undo(&lake, &decider, self.anybody).await? {
            Some(undone) if context.format() == Format::Json => {
                print::line(&serde_json::to_string(&undone).map_err(LakeError::from)?)?;
            }
            Some(undone) => print::line(&print::clean(&format!("taken back: {}, by {}", undone.what, undone.by)))?,
            None => return Err(Failure::users("there is nothing to take back", "say whose with --by, or --anybody")),
        }
        Ok(Done::Well)
    }
}
