//! The reference pages are made from the code: `docs/reference/*.md` hold exactly what this gives.
//!
//! After a change to the code: `UPDATE_REFERENCE=1 cargo test -p crowsnest-cli --test house_rules reference` (or
//! `./x fmt`) rewrites them. To add a page: a function here and a line in `PAGES`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crowsnest_lake::functions::FUNCTIONS;
use crowsnest_lake::{SourceCard, VIEWS};
use crowsnest_model::{ColumnType, MetricRegistry, TABLES};
use syn::spanned::Spanned as _;

use crate::sources;

/// A page's file and what makes it.
pub(crate) type Page = (&'static str, fn() -> String);

const PAGES: &[Page] = &[
    ("commands.md", commands),
    ("connectors.md", crate::connectors::index),
    ("mapping.md", mapping),
    ("metrics.md", metrics),
    ("questions.md", questions),
    ("settings.md", settings),
    ("sources.md", source_cards),
    ("tables.md", tables),
];

/// Pages that say why, which no code can: `methods.rs` holds them to their shape.
const WRITTEN_BY_HAND: &str = "methods";

/// Every page with its text, those of connectors too.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = PAGES.iter().map(|(name, make)| ((*name).to_owned(), make())).collect();
    pages.extend(crate::connectors::pages());
    pages
}

/// The files below a folder of the reference, but for those written by hand.
fn files_there(folder: &std::path::Path, within: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        if name == WRITTEN_BY_HAND {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_there(&entry.path(), &format!("{name}/")));
        } else {
            files.push(name);
        }
    }
    files
}

fn folder() -> PathBuf {
    sources::root().join("docs/reference")
}

pub(crate) fn head(title: &str, made_from: &str) -> String {
    format!("# {title}\n\n<!-- Made from {made_from} by `./x fmt`; don't edit. -->\n\n")
}

pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn metrics() -> String {
    let mut page = head("Metrics", "crates/model/data/metrics.toml");
    page.push_str(
        "What can be measured, in every market. A market adds its own in `metrics.toml`, in the same form as\n\
         `crates/model/data/metrics.toml`.\n\n\
         | id | English | 简体 | 繁體 | unit | kind | over time | over regions | better | what |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for metric in MetricRegistry::built_in().iter() {
        let regions = if metric.sums_over_regions { "sum" } else { "no" };
        let better = if metric.lower_is_better { "lower" } else { "higher" };
        let (kind, over_time) = (metric.kind.as_str(), metric.over_time.as_str());
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {kind} | {over_time} | {regions} | {better} | {} |",
            metric.id,
            cell(&metric.label_en),
            cell(&metric.label_zh_hans),
            cell(&metric.label_zh_hant),
            metric.unit,
            cell(&metric.description),
        )
        .unwrap();
    }
    page
}

fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Int64 => "int64",
        ColumnType::Float64 => "float64",
        ColumnType::Text => "text",
        ColumnType::Day => "date",
        ColumnType::Instant => "timestamp (µs, UTC)",
        ColumnType::Boolean => "boolean",
    }
}

fn tables() -> String {
    let mut page = head("Tables, views and functions", "crates/model/src/tables.rs and crates/lake");
    page.push_str(
        "All of these can be asked with `crowsnest sql`; the tables are Delta tables in the market's `lake/`.\n\n",
    );
    page.push_str("## The flow\n\n| step | reads | writes | what |\n|---|---|---|---|\n");
    for step in crowsnest_run::FLOW {
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            step.name,
            step.reads.join(", "),
            step.writes.join(", "),
            cell(step.doc)
        )
        .unwrap();
    }
    for table in TABLES {
        write!(page, "\n## `{}`\n\n{}\n\n", table.name, table.doc).unwrap();
        let order = [table.partition_by, table.sort_by].concat().join(", ");
        writeln!(page, "Sorted by {order}; unique by {}.\n", table.unique_by.join(", ")).unwrap();
        page.push_str("| column | type | empty | what |\n|---|---|---|---|\n");
        for column in table.columns {
            let may_be_empty = if column.nullable { "may be" } else { "never" };
            let column_type = type_name(column.column_type);
            writeln!(page, "| `{}` | {column_type} | {may_be_empty} | {} |", column.name, cell(column.doc)).unwrap();
        }
    }
    page.push_str("\n## Views\n");
    for (name, doc, sql) in VIEWS {
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(page, "\n### `{name}`\n\n{doc}\n\n```sql\n{sql}\n```\n").unwrap();
    }
    page.push_str("\n## Table functions\n\n");
    for function in FUNCTIONS {
        writeln!(page, "- `{}`: {}", function.name, cell(function.doc)).unwrap();
    }
    page
}

fn crowsnest(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_crowsnest"))
        .args(arguments)
        .env_remove("CROWSNEST_MARKET")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success(), "crowsnest {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The names under `Commands:` in a help text.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

fn commands() -> String {
    let mut page = head("Commands", "crates/cli/src/commands");
    let help = crowsnest(&["--help"]);
    writeln!(page, "```text\n{help}```").unwrap();
    let names = subcommands(&help);
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let help = crowsnest(&[&name, "--help"]);
        write!(page, "\n## `crowsnest {name}`\n\n```text\n{help}```\n").unwrap();
        for inner in subcommands(&help) {
            let help = crowsnest(&[&name, &inner, "--help"]);
            write!(page, "\n### `crowsnest {name} {inner}`\n\n```text\n{help}```\n").unwrap();
        }
    }
    page
}

fn read(path: &str) -> String {
    std::fs::read_to_string(sources::root().join(path)).unwrap()
}

/// The text of a file's `//!` page.
fn file_page(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with("//!"));
    lines.map(|line| format!("{}\n", line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default())).collect()
}

fn mapping() -> String {
    let mut page = head("Mapping files", "crates/collect/src/mapping.rs and crates/collect/src/mapping/field.rs");
    let example: Vec<String> = file_page(&read("crates/collect/src/mapping.rs"))
        .lines()
        .skip_while(|line| !line.starts_with("```"))
        .skip(1)
        .take_while(|line| !line.starts_with("```"))
        .map(str::to_owned)
        .collect();
    assert!(example.len() > 10, "mapping.rs shows no example");
    page.push_str("A mapping turns the columns of somebody's file into claims or events. Every part is optional;\n");
    page.push_str("`crowsnest import --infer FILE` writes one to begin with.\n\n");
    writeln!(page, "```toml\n{}\n```\n", example.join("\n")).unwrap();
    page.push_str("## Fields\n\nA file whose columns have these names needs no mapping.\n\n");
    page.push_str("| field | of a claim | of an event | also read as |\n|---|---|---|---|\n");
    let mut n_fields = 0;
    for line in read("crates/collect/src/mapping/field.rs").lines() {
        let Some((_, rest)) = line.trim().strip_suffix("];").and_then(|line| line.split_once(" = \"")) else {
            continue;
        };
        let parts: Vec<&str> = rest.splitn(4, [',', '[']).map(str::trim).collect();
        let [name, claims, events, others] = parts.as_slice() else { continue };
        let yes = |flag: &str| if flag == "true" { "yes" } else { "" };
        let others = others.trim_start_matches('[').replace('"', "`");
        writeln!(page, "| `{}` | {} | {} | {} |", name.trim_matches('"'), yes(claims), yes(events), others).unwrap();
        n_fields += 1;
    }
    assert!(n_fields > 20, "only {n_fields} fields were found");
    page
}

fn doc_of(attributes: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let syn::Meta::NameValue(meta) = &attribute.meta
            && meta.path.is_ident("doc")
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &meta.value
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    lines.join(" ")
}

/// Whether a field is of the program only, and in no file.
fn is_skipped(field: &syn::Field) -> bool {
    let mut serde = field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde"));
    serde.any(|attribute| attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "skip"))
}

fn fields_table(item: &syn::ItemStruct) -> String {
    let mut table = "| field | type | what |\n|---|---|---|\n".to_owned();
    for field in item.fields.iter().filter(|field| !is_skipped(field)) {
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let written = field.ty.span().source_text().unwrap_or_default();
        writeln!(table, "| `{name}` | `{}` | {} |", cell(&written), cell(&doc_of(&field.attrs))).unwrap();
    }
    table
}

fn questions() -> String {
    let mut page = head("Questions", "crates/lake/src/questions");
    page.push_str(
        "What can be asked of a market in Rust (`crowsnest_lake::questions`), and by the commands and pages.\n",
    );
    let mut n_questions = 0;
    for file in sources::all().iter().filter(|file| file.path.starts_with("crates/lake/src/questions/")) {
        for item in syn::parse_file(&file.text).unwrap().items {
            let syn::Item::Struct(item) = item else { continue };
            let name = item.ident.to_string();
            if !name.ends_with("Question") || !matches!(item.vis, syn::Visibility::Public(_)) {
                continue;
            }
            write!(page, "\n## `{name}`\n\n{}\n\n{}", doc_of(&item.attrs), fields_table(&item)).unwrap();
            n_questions += 1;
        }
    }
    assert!(n_questions > 8, "only {n_questions} questions were found");
    page
}

/// The fields of a struct of a file, as a table.
fn fields_of(path: &str, name: &str) -> String {
    let file = syn::parse_file(&read(path)).unwrap();
    let found = file.items.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    });
    fields_table(found.unwrap_or_else(|| panic!("{path} has no struct {name}")))
}

fn settings() -> String {
    const MARKET: &str = "crates/lake/src/market.rs";
    let mut page = head(
        "Settings",
        "crates/lake/src/market.rs, crates/lake/src/login.rs, crates/lake/src/source_card.rs, crates/model and crates/identify/src/catalogue.rs",
    );
    page.push_str("A market is a folder of text files. An unknown key anywhere is an error, which names the file.\n\n");
    page.push_str("## `crowsnest.toml`\n\nOnly `name` is required. A new market begins with:\n\n");
    writeln!(page, "```toml\n{}\n```\n", read("crates/lake/src/market_template.toml").trim_end()).unwrap();
    page.push_str(&fields_of(MARKET, "MarketConfig"));
    page.push_str("\n### `[[imports]]`\n\n");
    page.push_str(&fields_of(MARKET, "ImportFile"));
    page.push_str("\n### `[reconcile]`\n\n");
    page.push_str(&fields_of(MARKET, "ReconcileConfig"));
    page.push_str("\n### `[[reconcile.wholes]]`\n\n");
    page.push_str(&fields_of(MARKET, "Whole"));
    page.push_str("\n### `[login.oidc]`\n\nOnly `issuer` and `client_id` are required.\n\n");
    page.push_str(&fields_of("crates/lake/src/login.rs", "OidcConfig"));
    page.push_str("\n## `sources/NAME.toml`\n\nOne card per source. Only `name` is required.\n\n");
    page.push_str(&parts_of_a_card("###"));
    page.push_str("\n## `metrics.toml`\n\nOne table per metric, named by its id, in the form of\n");
    page.push_str(
        "`crates/model/data/metrics.toml`; an id that is built in is redefined. Required: `label_en`, `unit`,\n",
    );
    page.push_str("`kind` and `over_time`.\n\n");
    page.push_str(&fields_of("crates/model/src/metric.rs", "Metric"));
    page.push_str(
        "\n## `catalogue/*.csv`\n\nWhich names are one entity, and what belongs to whom; the header says which of\n",
    );
    page.push_str(
        "the two a file is. All faults of all files are told at once.\n\n### `entity,kind,alias,language`\n\n",
    );
    page.push_str(&alias_columns());
    page.push_str(
        "\nThe first alias in a language is the name shown in it. `kind` is `product`, `company` or `segment`.\n",
    );
    page.push_str("\n### `product,company`\n\n| column | what |\n|---|---|\n");
    page.push_str("| `product` | What belongs: a product, or a company that belongs to another. |\n");
    page.push_str("| `company` | The company it belongs to. |\n");
    page
}

/// A source's file, part by part.
fn parts_of_a_card(heading: &str) -> String {
    const CARD: &str = "crates/lake/src/source_card.rs";
    let parts = [
        ("[cost]", "For the ledger; all of it may be left out.", "SourceCost"),
        ("[[cost.purchases]]", "Something that was bought once.", "Purchase"),
        (
            "[collect]",
            "How it is fetched; without it, people import its files. Only `connector` is required.",
            "SourceCollect",
        ),
    ];
    let mut text = fields_of(CARD, "SourceCard");
    for (name, what, item) in parts {
        write!(text, "\n{heading} `{name}`\n\n{what}\n\n{}", fields_of(CARD, item)).unwrap();
    }
    write!(text, "\n{heading} `[options]`\n\nThose of the [connector](connectors.md).\n").unwrap();
    write!(text, "\n{heading} `[map]`\n\nAs in a [mapping file](mapping.md), for connectors that need one.\n").unwrap();
    text
}

/// The fields of an alias without what the lake adds by itself.
fn alias_columns() -> String {
    let table = fields_of("crates/identify/src/catalogue.rs", "Alias").replace("| field | type |", "| column | type |");
    let is_added = |line: &str| line.starts_with("| `by`") || line.starts_with("| `line`");
    table.lines().filter(|line| !is_added(line)).map(|line| format!("{line}\n")).collect()
}

fn source_cards() -> String {
    let mut page = head("Source cards", "crates/lake/src/source_card.rs and markets/ai/sources");
    page.push_str("A file `sources/NAME.toml` tells what a source costs and permits, and how it is collected.\n\n");
    page.push_str(&parts_of_a_card("##"));
    page.push_str("\n## Of the example market\n\n| source | licence | price | what |\n|---|---|---|---|\n");
    let folder = sources::root().join("markets/ai/sources");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let card: SourceCard = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            cell(&card.name),
            cell(&card.licence),
            cell(&card.price),
            cell(&card.note)
        )
        .unwrap();
    }
    page
}

/// What differs first, to find it quickly.
fn difference(had: &str, made: &str) -> Option<String> {
    if had == made {
        return None;
    }
    let pairs = had.lines().map(Some).chain(std::iter::repeat(None)).zip(made.lines().map(Some).chain([None]));
    let (number, (had, made)) = pairs.enumerate().find(|(_, (had, made))| had != made)?;
    Some(format!("line {}: {} should be {}", number + 1, had.unwrap_or("(end)"), made.unwrap_or("(end)")))
}

#[test]
fn reference_pages_say_what_the_code_does() {
    let is_updating = std::env::var_os("UPDATE_REFERENCE").is_some();
    let mut faults = Vec::new();
    let pages = pages();
    for (name, made) in &pages {
        let path = folder().join(name);
        if is_updating {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, made).unwrap();
            continue;
        }
        let had = std::fs::read_to_string(&path).unwrap_or_default();
        faults.extend(difference(&had, made).map(|difference| format!("docs/reference/{name}, {difference}")));
    }
    let lost = files_there(&folder(), "").into_iter().filter(|name| !pages.iter().any(|(page, _)| page == name));
    for name in lost {
        match is_updating {
            true => std::fs::remove_file(folder().join(name)).unwrap(),
            false => faults.push(format!("docs/reference/{name} is made by nothing")),
        }
    }
    crate::expect_none(faults, "run ./x fmt");
}

#[test]
fn a_stale_page_is_noticed() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(difference("a\nb\n", "a\nc\n").unwrap(), "line 2: b should be c");
    assert_eq!(difference("", "a\n").unwrap(), "line 1: (end) should be a");
    assert_eq!(difference("a\nb\n", "a\n").unwrap(), "line 2: b should be (end)");
}

#[test]
fn commands_are_read_from_a_help_text() {
    let help = "About\n\nCommands:\n  demo    Builds\n          more text\n  help    Print\n\nOptions:\n  -h\n";
    assert_eq!(subcommands(help), ["demo"]);
}
