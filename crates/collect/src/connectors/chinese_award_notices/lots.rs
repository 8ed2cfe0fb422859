//! From the words of a notice to the lots: who has won, for how much.

use crowsnest_model::{Unit, parse_quantity};
use scraper::{Html, Selector};
use serde_json::Value;

use super::notice_text::{Label, NoticeText, Pair, Table, day_in};
use crate::connector::{Page, Parsed};

/// What somebody has won.
#[derive(Debug, Default, Clone, PartialEq)]
struct Lot {
    name: String,
    supplier: String,
    amount: Option<Money>,
    /// What stands in place of an amount that can be read: a rate, a unit price.
    unread: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Money {
    value: f64,
    currency: String,
}

/// The events of a notice.
pub(super) fn read_notice(html: &Html, page: &Page<'_>) -> Result<Parsed, String> {
    let text = NoticeText::of(html);
    let lots = lots_of(&text);
    if lots.is_empty() {
        return Err("no supplier found in the notice: expected 中标供应商, 成交供应商 or 中标人 with a name, in a table or a line".into());
    }
    let published = published_on(html, &text, page);
    let awarded = day_in(text.first(Label::AwardedOn)).unwrap_or_default();
    let happened = if awarded.is_empty() { published.clone() } else { awarded };
    let cursor = (!published.is_empty()).then(|| published.clone());
    let mut parsed = Parsed { cursor, ..Parsed::default() };
    for lot in lots {
        if !is_name(&lot.supplier) {
            parsed.problem("supplier", lot.supplier, "the name of a company that has won");
            continue;
        }
        let note = note(&text, page, &lot);
        let (amount, currency) = match lot.amount {
            Some(Money { value, currency }) => (Value::from(value), Value::from(currency)),
            None => (Value::Null, Value::Null),
        };
        parsed.push([
            ("event", "tender_award".into()),
            ("subject", lot.supplier.into()),
            ("kind", "company".into()),
            ("counterparty", text.first(Label::Buyer).into()),
            ("happened_on", happened.clone().into()),
            ("amount", amount),
            ("currency", currency),
            ("status", "official".into()),
            ("said_on", published.clone().into()),
            ("url", page.url.into()),
            ("note", note.into()),
        ]);
    }
    Ok(parsed)
}

/// The project with its number, the lot, and a price that is no amount.
fn note(text: &NoticeText, page: &Page<'_>, lot: &Lot) -> String {
    let project = text.first(Label::Project);
    let project = if project.is_empty() { page.context("title") } else { project };
    // `HB-118（招标文件编号：…）`
    let number = text.first(Label::Number).split(['（', '(']).next().unwrap_or_default().trim();
    let inside: Vec<&str> = [number, &lot.name, &lot.unread].into_iter().filter(|part| !part.is_empty()).collect();
    if inside.is_empty() { project.to_owned() } else { format!("{project} ({})", inside.join("; ")) }
}

/// When the notice was published: as the page says, else as the list did.
fn published_on(html: &Html, text: &NoticeText, page: &Page<'_>) -> String {
    let by_mark = Selector::parse("#pubTime").ok().and_then(|mark| html.select(&mark).next());
    let meta =
        Selector::parse("meta[name=PubDate], meta[name=pubdate]").ok().and_then(|meta| html.select(&meta).next());
    let shown: String = by_mark.map_or(String::new(), |mark| mark.text().collect());
    let meta = meta.and_then(|meta| meta.value().attr("content")).unwrap_or_default();
    [shown.as_str(), text.first(Label::PublishedOn), meta, page.context("day")]
        .into_iter()
        .find_map(day_in)
        .unwrap_or_default()
}

fn lots_of(text: &NoticeText) -> Vec<Lot> {
    let mut lots: Vec<Lot> = text.tables.iter().flat_map(lots_of_table).collect();
    if lots.is_empty() {
        lots = lots_of_pairs(&text.pairs);
    }
    // The sum of the notice belongs to a single lot that has none of its own.
    if let [only] = lots.as_mut_slice()
        && only.amount.is_none()
        && let Some(pair) = text.pairs.iter().find(|pair| pair.label == Label::Amount && !pair.value.is_empty())
    {
        give_amount(only, &pair.written, &pair.value);
    }
    lots
}

fn lots_of_table(table: &Table) -> Vec<Lot> {
    let mut lots = Vec::new();
    for row in &table.rows {
        let mut lot = Lot::default();
        for ((label, written), cell) in table.heading.iter().zip(row) {
            match label {
                Some(Label::Supplier) if lot.supplier.is_empty() => lot.supplier.clone_from(cell),
                Some(Label::Amount) if lot.amount.is_none() => give_amount(&mut lot, written, cell),
                Some(Label::Lot) if lot.name.is_empty() => lot.name.clone_from(cell),
                _ => {}
            }
        }
        // Sums and remarks at a table's end have another width.
        if !lot.supplier.is_empty() && row.len() == table.heading.len() {
            push_new(&mut lots, lot);
        }
    }
    lots
}

fn lots_of_pairs(pairs: &[Pair]) -> Vec<Lot> {
    let mut lots: Vec<Lot> = Vec::new();
    let mut name = String::new();
    let mut open: Option<Lot> = None;
    for pair in pairs.iter().filter(|pair| !pair.value.is_empty()) {
        match pair.label {
            Label::Lot => name.clone_from(&pair.value),
            Label::Supplier => {
                if let Some(lot) = open.take() {
                    push_new(&mut lots, lot);
                }
                open = Some(Lot { name: name.clone(), supplier: pair.value.clone(), ..Lot::default() });
            }
            Label::Amount => {
                if let Some(lot) = open.as_mut().filter(|lot| lot.amount.is_none() && lot.unread.is_empty()) {
                    give_amount(lot, &pair.written, &pair.value);
                }
            }
            _ => {}
        }
    }
    if let Some(lot) = open {
        push_new(&mut lots, lot);
    }
    lots
}

/// Adds a lot, unless the page says it a second time.
fn push_new(lots: &mut Vec<Lot>, lot: Lot) {
    let is_same = |known: &Lot| {
        known.supplier == lot.supplier
            && (known.name == lot.name || lot.name.is_empty())
            && (known.amount == lot.amount || lot.amount.is_none())
    };
    if !lots.iter().any(is_same) {
        lots.push(lot);
    }
}

fn is_name(text: &str) -> bool {
    text.chars().filter(|letter| letter.is_alphabetic()).count() >= 2
        && !["详见", "见附件", "无中标", "候选人"].iter().any(|word| text.contains(word))
}

fn give_amount(lot: &mut Lot, label: &str, text: &str) {
    let says_nothing = text.is_empty() || matches!(text, "-" | "/" | "—" | "--" | "无" | "详见附件");
    if says_nothing {
        return;
    }
    match amount_in(label, text) {
        Some(money) => lot.amount = Some(money),
        None => text.clone_into(&mut lot.unread),
    }
}

/// Units that stand behind a number or in the brackets of a label; longer ones first.
const UNITS: [&str; 12] = ["亿元", "万元", "万美元", "万欧元", "美元", "欧元", "港元", "日元", "亿", "万", "元", "圆"];
/// A number without a unit below this is rather a rate, a score or ten thousands.
const BARE_YUAN_MIN: f64 = 1000.0;

/// The first amount of money in a text: `￥56.980000 万元（人民币）`, `总价形式报价:569800.00(元)`, `1,250,000.50`.
fn amount_in(label: &str, text: &str) -> Option<Money> {
    let start = text.find(|letter: char| letter.is_ascii_digit())?;
    let rest = text.get(start..)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | ',' | '，'));
    let (digits, behind) = rest.split_at(end.unwrap_or(rest.len()));
    let digits: String =
        digits.trim_end_matches(['.', ',', '，']).chars().filter(|l| !matches!(l, ',' | '，')).collect();
    let behind = behind.trim_start_matches(|letter: char| letter.is_whitespace() || "（([人民币".contains(letter));
    if behind.starts_with(['%', '％', '‰']) {
        return None;
    }
    let unit_behind = UNITS.iter().find(|unit| behind.starts_with(**unit));
    let in_label =
        || UNITS.iter().find(|unit| label.contains(&format!("（{unit}")) || label.contains(&format!("({unit}")));
    let unit = match unit_behind.or_else(in_label) {
        Some(unit) => *unit,
        None if digits.parse::<f64>().is_ok_and(|number| number >= BARE_YUAN_MIN) => "元",
        None => return None,
    };
    let unit = match unit {
        "亿" => "亿元",
        "万" => "万元",
        "圆" => "元",
        unit => unit,
    };
    let quantity = parse_quantity(&format!("{digits}{unit}")).ok()?;
    let currency = quantity.unit.as_ref().and_then(Unit::currency)?;
    // A sum of 0 stands for framework agreements, where prices come later.
    if quantity.value <= 0.0 {
        return None;
    }
    Some(Money { value: quantity.value, currency: currency.code().to_owned() })
}
