//! The text of a notice: its lines, its tables, and the labels in them.
//!
//! A page goes in; out come pairs of label and value in their order on the page (`采购人：某某大学`, or two cells side by
//! side), and tables that have a heading. Labels are compared without blanks, numbers in front and brackets. To add a
//! label that a site uses: a word in `LABELS`.

use scraper::{ElementRef, Html, Node, Selector};

/// What a label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Supplier,
    Amount,
    Project,
    Number,
    Buyer,
    Lot,
    AwardedOn,
    PublishedOn,
    /// Ends the value before it, and is not read.
    Other,
}

/// Labels without blanks, brackets, `名称` and `总`; those of the same meaning in one line.
const LABELS: &[(Label, &[&str])] = &[
    (
        Label::Supplier,
        &[
            "中标供应商",
            "成交供应商",
            "中标人",
            "成交人",
            "中标单位",
            "成交单位",
            "中选供应商",
            "中选单位",
            "中选人",
            "供应商",
            "中标成交供应商",
            "中标商",
            "中标方",
            "成交方",
            "中标公司",
            "成交商",
            "中标企业",
            "第一中标人",
            "得标厂商",
        ],
    ),
    (
        Label::Amount,
        &[
            "中标金额",
            "成交金额",
            "中标成交金额",
            "中标价",
            "成交价",
            "中标价格",
            "成交价格",
            "中选金额",
            "中选价",
            "合同金额",
            "中标报价",
            "成交报价",
            "中标成交价",
            "决标金额",
            "金额",
        ],
    ),
    (Label::Project, &["项目", "采购项目", "工程", "招标项目", "标案"]),
    (Label::Number, &["项目编号", "采购项目编号", "招标编号", "采购编号", "标案案号"]),
    (Label::Buyer, &["采购人", "采购单位", "招标人", "采购人信息", "采购方", "招标单位", "业主", "机关"]),
    (Label::Lot, &["标项", "包号", "标段", "分包", "分包号", "包件号", "标包", "包组", "采购包", "品目号", "标段包"]),
    (Label::AwardedOn, &["中标日期", "成交日期", "定标日期", "中标成交日期", "确定中标日期", "评审日期", "决标日期"]),
    (Label::PublishedOn, &["公告时间", "发布时间", "发布日期", "公告日期", "公告发布日期"]),
    (
        Label::Other,
        &[
            "地址",
            "供应商地址",
            "中标供应商地址",
            "成交供应商地址",
            "联系人",
            "联系方式",
            "联系电话",
            "电话",
            "评审报价",
            "评审得分",
            "序号",
            "社会信用代码",
            "统一社会信用代码",
            "供应商联系地址",
            "中标单位地址",
            "代理机构",
            "采购代理机构",
            "行政区域",
            "品目",
            "来源",
            "采购单位地址",
            "采购单位联系方式",
            "单价",
            "规格型号",
            "数量",
            "服务期",
            "工期",
            "备注",
        ],
    ),
];

/// A label and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) label: Label,
    /// The label as it is written, for the unit that it may have: `中标金额（万元）`.
    pub(super) written: String,
    pub(super) value: String,
}

/// A table whose first row are labels.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) heading: Vec<(Option<Label>, String)>,
    pub(super) rows: Vec<Vec<String>>,
}

/// What a page says, in its order.
#[derive(Debug, Default)]
pub(super) struct NoticeText {
    pub(super) pairs: Vec<Pair>,
    pub(super) tables: Vec<Table>,
}

/// Rows and cells of tables that are read, at most.
const ROWS_MAX: usize = 2000;

impl NoticeText {
    pub(super) fn of(html: &Html) -> Self {
        let mut found = Self::default();
        for table in leaf_tables(html) {
            let rows = rows_of(table);
            match heading_of(&rows) {
                Some(heading) => found.tables.push(Table { heading, rows: rows.into_iter().skip(1).collect() }),
                None => found.pairs.extend(rows.iter().flat_map(|row| pairs_of_row(row))),
            }
        }
        let mut lines = Vec::new();
        push_lines(html.root_element(), 0, &mut lines);
        found.read_lines(&lines);
        found
    }

    /// The first value of a label that is not empty.
    pub(super) fn first(&self, label: Label) -> &str {
        let is_there = |pair: &&Pair| pair.label == label && !pair.value.is_empty();
        self.pairs.iter().find(is_there).map_or("", |pair| pair.value.as_str())
    }

    fn read_lines(&mut self, lines: &[String]) {
        let mut is_of_buyer = false;
        for (index, line) in lines.iter().enumerate() {
            // `1.采购人信息`, and on a later line `名 称：某某大学`.
            is_of_buyer = match compact(line).as_str() {
                "采购人信息" | "采购单位信息" => true,
                other => is_of_buyer && !other.contains("代理机构"),
            };
            let mut pairs = pairs_of_line(line);
            if let Some((label, value)) = line.split_once(['：', ':'])
                && is_of_buyer
                && compact(label) == "名称"
            {
                pairs = vec![Pair { label: Label::Buyer, written: label.to_owned(), value: clean(value) }];
            }
            // `供应商名称：` alone on its line has its value on the next.
            if let (Some(last), Some(next)) = (pairs.last_mut(), lines.get(index + 1))
                && last.value.is_empty()
                && last.label != Label::Other
                && pairs_of_line(next).is_empty()
                && !is_section(next)
            {
                last.value = clean(next);
            }
            self.pairs.extend(pairs);
        }
    }
}

/// What a label says; `None` if it is none that is known.
pub(super) fn label_of(text: &str) -> Option<Label> {
    let mut key = compact(text);
    for word in ["名称", "总", "的"] {
        key = key.replace(word, "");
    }
    LABELS.iter().find(|(_, words)| words.contains(&key.as_str())).map(|(label, _)| *label)
}

/// A label without blanks, what is in brackets unless it is `成交`, numbers in front, and colons.
fn compact(text: &str) -> String {
    let mut key = String::new();
    let mut in_brackets = 0_u32;
    let mut bracketed = String::new();
    for letter in text.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, '：' | ':' | '\u{3000}')) {
        match letter {
            '（' | '(' | '[' | '【' => in_brackets += 1,
            '）' | ')' | ']' | '】' => {
                in_brackets = in_brackets.saturating_sub(1);
                if bracketed == "成交" {
                    key.push_str("成交");
                }
                bracketed.clear();
            }
            letter if in_brackets > 0 => bracketed.push(letter),
            letter => key.push(letter),
        }
    }
    let is_number = |letter: char| letter.is_ascii_digit() || "一二三四五六七八九十、.．，".contains(letter);
    key.trim_start_matches(is_number).to_owned()
}

/// A heading of a section, as `四、主要标的信息`.
fn is_section(line: &str) -> bool {
    let mut letters = line.trim().chars();
    letters.next().is_some_and(|letter| "一二三四五六七八九十".contains(letter)) && letters.any(|letter| letter == '、')
}

/// `标签：值 标签：值`, cut at labels that are known.
fn pairs_of_line(line: &str) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut rest = line;
    let mut before = String::new();
    while let Some(colon) = rest.find(['：', ':']) {
        let (head, tail) = rest.split_at(colon);
        let n_bytes = tail.chars().next().map_or(1, char::len_utf8);
        before.push_str(head);
        let start = before.rfind(|letter: char| letter.is_whitespace() || "；;，,。|".contains(letter));
        let cut = start.map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let known = label_of(&before[cut..]);
        match known {
            Some(label) => {
                let value = before[..cut].to_owned();
                if let Some(last) = pairs.last_mut() {
                    last.value.push_str(&value);
                }
                pairs.push(Pair { label, written: before[cut..].to_owned(), value: String::new() });
                before.clear();
            }
            None => before.push_str(&tail[..n_bytes]),
        }
        rest = &tail[n_bytes..];
    }
    if let Some(last) = pairs.last_mut() {
        last.value.push_str(&before);
        last.value.push_str(rest);
    }
    for pair in &mut pairs {
        pair.value = clean(&pair.value);
    }
    pairs
}

fn clean(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").trim_matches(|letter: char| "；;，,。、|".contains(letter) || letter.is_whitespace()).to_owned()
}

fn leaf_tables(html: &Html) -> Vec<ElementRef<'_>> {
    let (Ok(table), Ok(row)) = (Selector::parse("table"), Selector::parse("tr")) else { return Vec::new() };
    let is_leaf = |found: &ElementRef<'_>| found.select(&table).next().is_none() && found.select(&row).next().is_some();
    html.select(&table).filter(is_leaf).collect()
}

fn rows_of(table: ElementRef<'_>) -> Vec<Vec<String>> {
    let Ok(row) = Selector::parse("tr") else { return Vec::new() };
    let cell = |node: ElementRef<'_>| clean(&node.text().collect::<String>());
    table
        .select(&row)
        .take(ROWS_MAX)
        .map(|row| {
            row.children()
                .filter_map(ElementRef::wrap)
                .filter(|cell| matches!(cell.value().name(), "td" | "th"))
                .map(cell)
                .collect()
        })
        .filter(|cells: &Vec<String>| cells.iter().any(|cell| !cell.is_empty()))
        .collect()
}

/// The first row, if it names a supplier's column and another, and rows of that width follow.
fn heading_of(rows: &[Vec<String>]) -> Option<Vec<(Option<Label>, String)>> {
    let (first, second) = (rows.first()?, rows.get(1)?);
    let heading: Vec<(Option<Label>, String)> = first.iter().map(|cell| (label_of(cell), cell.clone())).collect();
    let n_known = heading.iter().filter(|(label, _)| label.is_some()).count();
    let names_supplier = heading.iter().any(|(label, _)| *label == Some(Label::Supplier));
    let second_is_labels = second.iter().filter(|cell| label_of(cell).is_some()).count() > 0;
    (names_supplier && n_known >= 2 && second.len() >= 2 && !second_is_labels).then_some(heading)
}

/// A label in one cell and its value in the next.
fn pairs_of_row(row: &[String]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    // Wider rows, and those of an odd number of cells, are parts of other tables.
    if !matches!(row.len(), 2 | 4 | 6) {
        return pairs;
    }
    let mut cells = row.iter().peekable();
    while let Some(cell) = cells.next() {
        let Some(label) = label_of(cell) else { continue };
        if let Some(value) = cells.next_if(|next| label_of(next).is_none()) {
            pairs.push(Pair { label, written: cell.clone(), value: value.clone() });
        }
    }
    pairs
}

/// Elements that begin a line.
const BLOCKS: [&str; 14] = ["p", "div", "li", "tr", "td", "th", "br", "h1", "h2", "h3", "h4", "h5", "section", "table"];

/// The lines of an element; deeper than so many levels, its text is one line, so that no page exhausts the stack.
fn push_lines(element: ElementRef<'_>, depth: usize, lines: &mut Vec<String>) {
    const DEPTH_MAX: usize = 150;
    let name = element.value().name();
    if matches!(name, "script" | "style" | "noscript" | "head") {
        return;
    }
    let is_block = BLOCKS.contains(&name);
    if is_block || lines.is_empty() {
        lines.push(String::new());
    }
    if depth >= DEPTH_MAX {
        lines.push(element.text().collect());
        return;
    }
    for child in element.children() {
        match child.value() {
            Node::Text(text) => {
                if let Some(line) = lines.last_mut() {
                    line.push_str(text);
                }
            }
            Node::Element(_) => {
                if let Some(child) = ElementRef::wrap(child) {
                    push_lines(child, depth + 1, lines);
                }
            }
            _ => {}
        }
    }
    if is_block {
        lines.push(String::new());
    }
    if depth == 0 {
        lines.retain(|line| !line.trim().is_empty());
    }
}

/// The first day in a text: `2025年06月27日`, `2025-6-27`, `2025.06.27`, `2025/6/27`.
pub(super) fn day_in(text: &str) -> Option<String> {
    let numbers: Vec<(&str, &str)> = number_runs(text);
    numbers.windows(3).find_map(|run| {
        let [(year, after_year), (month, after_month), (day, _)] = run else { return None };
        let is_joined = |between: &str| matches!(between.trim(), "年" | "月" | "-" | "/" | ".");
        if year.len() != 4 || month.len() > 2 || day.len() > 2 || !is_joined(after_year) || !is_joined(after_month) {
            return None;
        }
        let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        Some(date.to_string())
    })
}

/// Runs of digits, each with what stands between it and the next.
fn number_runs(text: &str) -> Vec<(&str, &str)> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let run = &rest[start..];
        let end = run.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(run.len());
        let after = &run[end..];
        let next = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        runs.push((&run[..end], &after[..next]));
        rest = after;
    }
    runs
}
