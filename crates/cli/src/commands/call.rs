//! `crowsnest call PRODUCT --p 0.7 --by NAME`: a person's own probability of a breakout, to be scored as the model's are.

use clap::Args;
use crowsnest_detect::{CallRequest, call};
use crowsnest_lake::own_rows::{self, Holds};

use super::backtest::ListOptions;
use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::number;
use crate::print;

/// Keep your own probability that a product breaks out, to be scored as the model's are
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest call requests --p 0.1 --by mei
  crowsnest call 豆包 --p 0.7 --by mei --metric mau --factor 2 --horizon 3

The call counts from the list's last period. `crowsnest detect` settles it once the outcome is known; `crowsnest record`
shows how callers did.")]
pub(crate) struct Call {
    /// Product: a name in any script, pinyin, or entity id
    product: String,
    /// The probability, between 0 and 1
    #[arg(long = "p", value_name = "P")]
    probability: f64,
    /// Who calls [default: the user]
    #[arg(long)]
    by: Option<String>,
    #[command(flatten)]
    list: ListOptions,
}

const FIELDS: &[(&str, Holds)] = &[
    ("entity", Holds::Text),
    ("metric", Holds::Text),
    ("period", Holds::Text),
    ("settles", Holds::Text),
    ("probability", Holds::Number),
    ("by", Holds::Text),
];

impl Call {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let (asked, task) = self.list.asked(context, &lake)?;
        let request = CallRequest {
            product: self.product.clone(),
            probability: self.probability,
            by: self.by.unwrap_or_else(context::user),
            asked,
            task,
            now: jiff::Timestamp::now().as_microsecond(),
        };
        let called = Box::pin(call(&lake, &request)).await?;
        if context.is_table() {
            let text = format!(
                "{} says {} for {} ({}, from {}); settled once {} is known",
                called.by,
                number::percent(called.probability),
                self.product,
                called.metric,
                called.period,
                called.settles
            );
            print::line(&print::clean(&text))?;
        } else {
            context.print_encoded(&own_rows::answer(FIELDS, std::slice::from_ref(&called))?)?;
        }
        Ok(Done::Well)
    }
}
