//! How each question of the API is asked: the questions of the pages and of the command, nothing of its own.

use std::time::Duration;

use crowsnest_lake::Answer;
use crowsnest_lake::questions::{
    self, BreakoutsQuestion, ClaimsQuestion, EventsQuestion, LeagueQuestion, LoopQuestion, MetricsQuestion,
    PeriodsQuestion, PlanQuestion, PlansQuestion, ProductsQuestion, RecordQuestion, RollUp, SeriesQuestion,
    ShowQuestion, SourcesQuestion,
};
use crowsnest_lake::sessions::{MemoryShare, Narrowing};
use futures::future::BoxFuture;

use super::asked::Asked;
use super::operations::OPEN_CALLS;
use crate::pages::bandits::shares_by_day;
use crate::{ServeError, redistribution};

type Asking<'a> = BoxFuture<'a, Result<Answer, ServeError>>;

/// Bytes that one SQL question may hold before it spills, and its answer.
const SQL_MEMORY_BYTES: usize = 256 << 20;

/// Seconds that an SQL question may take.
const SQL_TIME: Duration = Duration::from_secs(25);

pub(crate) fn products(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = ProductsQuestion {
            search: asked.text("search"),
            kind: asked.text("kind"),
            limit: Some(asked.n_rows),
            offset: None,
            as_of: asked.as_of,
            language: asked.language(),
        };
        Ok(questions::products(&asked.lake, &question).await?)
    })
}

fn show_question(asked: &Asked) -> ShowQuestion {
    ShowQuestion {
        name: asked.text("name").unwrap_or_default(),
        kind: asked.text("kind"),
        metric: asked.text("metric"),
        period: asked.text("period"),
        as_of: asked.as_of,
        language: asked.language(),
        without_figures: false,
    }
}

pub(crate) fn figures(asked: &Asked) -> Asking<'_> {
    Box::pin(async move { Ok(questions::show(&asked.lake, &show_question(asked)).await?) })
}

pub(crate) fn why(asked: &Asked) -> Asking<'_> {
    Box::pin(async move { Ok(questions::why(&asked.lake, &show_question(asked)).await?) })
}

pub(crate) fn series(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = SeriesQuestion {
            name: asked.text("name").unwrap_or_default(),
            kind: asked.text("kind"),
            metric: asked.text("metric"),
            as_of: asked.as_of,
            language: asked.language(),
        };
        Ok(questions::series(&asked.lake, &question).await?)
    })
}

pub(crate) fn league(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let by = asked.values.get("by");
        let question = LeagueQuestion {
            metric: asked.text("metric").unwrap_or_default(),
            period: asked.text("period").unwrap_or_default(),
            region: asked.text("region"),
            platform: asked.text("platform"),
            segment: asked.text("segment"),
            source: asked.text("source"),
            by_source: by == Some("source"),
            roll_up: match by {
                Some("company") => Some(RollUp::Company),
                Some("group") => Some(RollUp::Group),
                _ => None,
            },
            limit: Some(asked.n_rows),
            as_of: asked.as_of,
            language: asked.language(),
        };
        redistribution::check_sums(question.roll_up.is_some(), asked.kept_back())?;
        Ok(questions::league(&asked.lake, &question).await?)
    })
}

pub(crate) fn claims(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = ClaimsQuestion {
            name: asked.text("name"),
            metric: asked.text("metric"),
            period: asked.text("period"),
            source: asked.text("source"),
            status: asked.text("status"),
            document: asked.text("document"),
            claim: asked.text("claim"),
            limit: Some(asked.n_rows),
            as_of: asked.as_of,
            language: asked.language(),
        };
        Ok(questions::claims(&asked.lake, &question).await?)
    })
}

pub(crate) fn events(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = EventsQuestion {
            name: asked.text("name"),
            event: asked.text("event"),
            source: asked.text("source"),
            status: asked.text("status"),
            document: asked.text("document"),
            limit: Some(asked.n_rows),
            oldest_first: false,
            as_of: asked.as_of,
            language: asked.language(),
        };
        Ok(questions::events(&asked.lake, &question).await?)
    })
}

pub(crate) fn breakouts(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = BreakoutsQuestion {
            metric: asked.text("metric"),
            prize: asked.values.share("prize").unwrap_or(0.0),
            least: asked.values.share("least"),
            limit: asked.n_rows,
            as_of: asked.as_of,
            language: asked.language(),
            ..BreakoutsQuestion::default()
        };
        Ok(questions::breakouts(&asked.lake, &question).await?)
    })
}

pub(crate) fn record(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = RecordQuestion {
            metric: asked.text("metric"),
            limit: asked.n_rows,
            as_of: asked.as_of,
            language: asked.language(),
        };
        Ok(questions::record(&asked.lake, &question).await?)
    })
}

pub(crate) fn sources(asked: &Asked) -> Asking<'_> {
    Box::pin(async move { Ok(questions::sources(&asked.lake, &SourcesQuestion { as_of: asked.as_of }).await?) })
}

pub(crate) fn metrics(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = MetricsQuestion { as_of: asked.as_of, language: asked.language() };
        Ok(questions::metrics(&asked.lake, &question).await?)
    })
}

pub(crate) fn periods(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = PeriodsQuestion { metric: asked.text("metric").unwrap_or_default(), as_of: asked.as_of };
        Ok(questions::periods(&asked.lake, &question).await?)
    })
}

pub(crate) fn plans(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = PlansQuestion { kind: asked.text("kind"), limit: asked.n_rows, as_of: asked.as_of };
        Ok(questions::plans(&asked.lake, &question).await?)
    })
}

fn plan_question(asked: &Asked) -> PlanQuestion {
    PlanQuestion { name: asked.text("name").unwrap_or_default(), as_of: asked.as_of }
}

pub(crate) fn plan(asked: &Asked) -> Asking<'_> {
    Box::pin(async move { Ok(questions::plan(&asked.lake, &plan_question(asked)).await?) })
}

pub(crate) fn curves(asked: &Asked) -> Asking<'_> {
    Box::pin(async move { Ok(questions::plan_curves(&asked.lake, &plan_question(asked)).await?) })
}

pub(crate) fn the_loop(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let question = LoopQuestion {
            n_open_calls: asked.values.count(&OPEN_CALLS),
            as_of: asked.as_of,
            language: asked.language(),
        };
        Ok(questions::the_loop(&asked.lake, &question).await?)
    })
}

pub(crate) fn bandits(asked: &Asked) -> Asking<'_> {
    Box::pin(async move { shares_by_day(&asked.lake) })
}

pub(crate) fn sql(asked: &Asked) -> Asking<'_> {
    Box::pin(async move {
        let narrowing = Narrowing {
            as_of: asked.as_of,
            kept_back: asked.kept_back().to_vec(),
            without_plans: !asked.caller.may_read_restricted,
        };
        let memory = MemoryShare::new(SQL_MEMORY_BYTES);
        let session = Box::pin(asked.lake.session(&narrowing, &memory)).await?;
        let query = asked.text("query").unwrap_or_default();
        let asking = Box::pin(session.ask(&query, asked.n_rows));
        let timed_out = |_| ServeError::TimedOut { seconds: SQL_TIME.as_secs() };
        let (answer, _) = tokio::time::timeout(SQL_TIME, asking).await.map_err(timed_out)??;
        Ok(answer)
    })
}
