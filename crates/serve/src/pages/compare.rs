//! `/compare?name=A&name=B…&metric=…`: up to eight products, companies or segments beside each other: a chart with a line
//! each, and the latest figures of every metric. Which line stands for whom is worked out in [`crate::compared`], and said.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::own_rows::{self, Holds};
use serde::Serialize;

use super::{figures, is_lower_better, metric_label};
use crate::ServeError;
use crate::chart::{ChartData, ChartLine, ChartPoint, ChartWords, LineChart};
use crate::chart_file::{self, ChartFile, Drawing};
use crate::compared::{self, Basis, Line, N_SUBJECTS_MAX, NoShares, Point, Subject, Totals};
use crate::frame::{Choice, Frame};
use crate::numbers;
use crate::page::Page;
use crate::request::{PageRequest, push_query};
use crate::rows::{entity_link, scope};
use crate::words::{self, say, say_note, say_source, say_with, say_word};

pub(crate) struct Compare;

/// What the height of a point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Level,
    Share,
    Index,
    Log,
}

impl Scale {
    const ALL: [(Self, &str, &str); 4] = [
        (Self::Level, "", "compare.level"),
        (Self::Share, "share", "compare.share"),
        (Self::Index, "index", "compare.index"),
        (Self::Log, "log", "compare.log"),
    ];

    fn of(request: &PageRequest) -> Result<Self, ServeError> {
        let asked = request.get("view").unwrap_or_default();
        let found = Self::ALL.into_iter().find(|(_, word, _)| *word == asked || (asked == "level" && word.is_empty()));
        found.map(|(scale, _, _)| scale).ok_or_else(|| {
            ServeError::bad_request(format!("view {asked:?} is none of level, share, index, log"), "leave view out")
        })
    }
}

/// Everything that the page and its data tell.
struct Compared {
    subjects: Vec<Subject>,
    /// Names that nobody has, and why.
    problems: Vec<ServeError>,
    n_too_many: usize,
    metrics: Vec<String>,
    metric: String,
    lines: Vec<Line>,
    scale: Scale,
    /// The sums over everybody; only where shares are asked for.
    totals: Totals,
    no_shares: Option<NoShares>,
    /// The first period that all lines have.
    common_period: Option<String>,
}

impl Compared {
    async fn look(request: &PageRequest) -> Result<Self, ServeError> {
        let scale = Scale::of(request)?;
        let asked = request.text("metric");
        if let Some(metric) = &asked
            && request.lake.market().metrics.get(metric).is_none()
        {
            return Err(ServeError::bad_request(format!("{metric:?} is no metric here"), "choose one from the list"));
        }
        let (entities, problems, n_too_many) = entities(request);
        let subjects = compared::subjects(request, &entities).await?;
        let metrics = compared::metrics_of(&subjects);
        let metric = asked.or_else(|| metrics.first().cloned()).unwrap_or_default();
        let lines = compared::lines(&subjects, &metric);
        let (mut totals, mut no_shares) = (Totals::default(), None);
        let common = lines.iter().find(|line| line.is_common);
        if scale == Scale::Share
            && let Some(line) = common
        {
            match Totals::look(request, &metric, &line.slice, &lines).await? {
                Ok(found) => totals = found,
                Err(why) => no_shares = Some(why),
            }
        }
        let common_period = compared::first_common_period(&lines);
        Ok(Self { subjects, problems, n_too_many, metrics, metric, lines, scale, totals, no_shares, common_period })
    }

    fn share(&self, line: &Line, point: &Point) -> Option<f64> {
        let total = self.totals.of(&line.basis).get(&point.period).filter(|_| line.is_common)?;
        Some(point.value / total)
    }

    fn index(&self, line: &Line, point: &Point) -> Option<f64> {
        let base = compared::base_of(line, self.common_period.as_deref())?;
        Some(100.0 * point.value / base)
    }

    /// How high a point stands; `None` where it has no place.
    fn height(&self, line: &Line, point: &Point) -> Option<f64> {
        match self.scale {
            Scale::Level => Some(point.value),
            Scale::Log => Some(point.value).filter(|value| *value > 0.0),
            Scale::Share => self.share(line, point),
            Scale::Index => self.index(line, point),
        }
    }

    /// The unit of most lines, which is the axis's.
    fn unit(&self) -> &str {
        self.lines.iter().find(|line| line.is_common).map_or("", |line| line.slice.unit.as_str())
    }

    /// Whether a line can stand on the axis: amounts in another currency cannot, but as an index.
    fn fits(&self, line: &Line) -> bool {
        self.scale == Scale::Index || line.slice.unit == self.unit()
    }
}

/// Whom the address names, each once; names that nobody has; and how many were too many.
fn entities(request: &PageRequest) -> (Vec<String>, Vec<ServeError>, usize) {
    let identity = request.lake.identity();
    let (mut entities, mut problems, mut n_too_many) = (Vec::new(), Vec::new(), 0);
    for (_, name) in request.query.iter().filter(|(key, name)| key == "name" && !name.is_empty()) {
        match identity.find(name, None).map(|entity| entity.hex()) {
            Ok(entity) if entities.contains(&entity) => {}
            Ok(_) if entities.len() == N_SUBJECTS_MAX => n_too_many += 1,
            Ok(entity) => entities.push(entity),
            Err(error) => problems.push(error.into()),
        }
    }
    (entities, problems, n_too_many)
}

const FIELDS: &[(&str, Holds)] = &[
    ("name", Holds::Text),
    ("entity", Holds::Text),
    ("kind", Holds::Text),
    ("metric", Holds::Text),
    ("period", Holds::Text),
    ("grain", Holds::Text),
    ("region", Holds::Text),
    ("platform", Holds::Text),
    ("segment", Holds::Text),
    ("value", Holds::Number),
    ("low", Holds::Number),
    ("high", Holds::Number),
    ("unit", Holds::Text),
    ("share", Holds::Number),
    ("index", Holds::Number),
    ("basis", Holds::Text),
    ("source", Holds::Text),
    ("claim", Holds::Text),
    ("known_at", Holds::Text),
];

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    entity: &'a str,
    kind: &'a str,
    metric: &'a str,
    period: &'a str,
    grain: &'a str,
    region: &'a str,
    platform: &'a str,
    segment: &'a str,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    unit: &'a str,
    share: Option<f64>,
    index: Option<f64>,
    basis: &'static str,
    source: Option<&'a str>,
    claim: Option<&'a str>,
    known_at: &'a str,
}

fn row<'a>(compared: &'a Compared, line: &'a Line, point: &'a Point) -> Row<'a> {
    let subject = &compared.subjects[line.subject];
    let (basis, source) = line.basis.as_data();
    Row {
        name: &subject.name,
        entity: &subject.entity,
        kind: &subject.kind,
        metric: &compared.metric,
        period: &point.period,
        grain: &line.slice.grain,
        region: &line.slice.region,
        platform: &line.slice.platform,
        segment: &line.slice.segment,
        value: point.value,
        low: point.low,
        high: point.high,
        unit: &line.slice.unit,
        share: compared.share(line, point),
        index: compared.index(line, point),
        basis,
        source,
        claim: Some(point.claim.as_str()).filter(|claim| !claim.is_empty()),
        known_at: &point.known_at,
    }
}

#[async_trait]
impl Page for Compare {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let mut compared = Compared::look(request).await?;
        if let Some(problem) = compared.problems.pop() {
            return Err(problem);
        }
        let points = compared.lines.iter().flat_map(|line| line.points.iter().map(move |point| (line, point)));
        let rows: Vec<Row<'_>> = points.map(|(line, point)| row(&compared, line, point)).collect();
        Ok(own_rows::answer(FIELDS, &rows)?)
    }

    async fn chart_file(&self, request: &PageRequest) -> Result<Option<ChartFile>, ServeError> {
        let compared = Compared::look(request).await?;
        let page = Frame::new(request, title(&compared, request));
        let Some(chart) = chart(&compared, request, &page)? else { return Ok(None) };
        let mut sources: Vec<String> = compared.lines.iter().map(|line| basis(line, request)).collect();
        sources.sort();
        sources.dedup();
        let title = format!("{}: {}", chart.title, names(&compared, request));
        Ok(Some(ChartFile { title, sources, drawing: Drawing::Lines(Box::new(chart)) }))
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let compared = Compared::look(request).await?;
        let mut page = Frame::new(request, title(&compared, request)).with_chart();
        page.notes.extend(notes(&compared, request));
        let view = CompareView {
            subjects: subjects(&compared, request, &page),
            problems: compared.problems.iter().map(|problem| problem_in_words(problem, request)).collect(),
            metrics: metric_choices(&compared, request),
            scales: scale_choices(&compared, request),
            view: request.get("view").unwrap_or_default(),
            can_add: compared.subjects.len() < N_SUBJECTS_MAX,
            scope: common_scope(&compared, request),
            chart: chart(&compared, request, &page)?,
            lines: compared.metrics.iter().map(|metric| table_line(&compared, metric, request, &page)).collect(),
            page: &page,
        };
        Ok(view.render()?)
    }
}

fn names(compared: &Compared, request: &PageRequest) -> String {
    let names: Vec<&str> = compared.subjects.iter().map(|subject| subject.name.as_str()).collect();
    names.join(words::between(request.language))
}

fn title(compared: &Compared, request: &PageRequest) -> String {
    let title = say(request.language, "compare.title");
    if compared.subjects.is_empty() { title.to_owned() } else { format!("{title}: {}", names(compared, request)) }
}

fn problem_in_words(problem: &ServeError, request: &PageRequest) -> String {
    let hint = problem.hint().map(|hint| say_note(request.language, &hint)).unwrap_or_default();
    format!("{} {hint}", say_note(request.language, &problem.to_string())).trim_end().to_owned()
}

/// Whose figures a line has, in words.
fn basis(line: &Line, request: &PageRequest) -> String {
    match &line.basis {
        Basis::Reconciled => say(request.language, "compare.reconciled").to_owned(),
        Basis::Source(source) => say_source(request.language, source),
    }
}

fn slice_in_words(line: &Line, request: &PageRequest) -> String {
    let slice = &line.slice;
    let dimensions = [("region", &slice.region), ("platform", &slice.platform), ("segment", &slice.segment)];
    let narrowed = scope(request.language, dimensions.map(|(group, value)| (group, Some(value.as_str()))));
    let grain = say_word(request.language, "grain", &slice.grain);
    let parts = [narrowed, grain];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn common_scope(compared: &Compared, request: &PageRequest) -> String {
    let common = compared.lines.iter().find(|line| line.is_common);
    common.map(|line| slice_in_words(line, request)).unwrap_or_default()
}

/// What a reader has to know of how lines compare.
fn notes(compared: &Compared, request: &PageRequest) -> Vec<String> {
    let language = request.language;
    let mut notes = Vec::new();
    if compared.n_too_many > 0 {
        notes.push(say_with(language, "compare.too_many", &N_SUBJECTS_MAX.to_string()));
    }
    for line in compared.lines.iter().filter(|line| !line.is_common) {
        let name = &compared.subjects[line.subject].name;
        let told = format!("{name} ({}, {})", basis(line, request), slice_in_words(line, request));
        notes.push(say_with(language, "compare.other_slice", &told));
    }
    for line in compared.lines.iter().filter(|line| !compared.fits(line)) {
        notes.push(say_with(language, "compare.other_unit", &compared.subjects[line.subject].name));
    }
    let without: Vec<&str> = (0..compared.subjects.len())
        .filter(|subject| !compared.lines.iter().any(|line| line.subject == *subject))
        .map(|subject| compared.subjects[subject].name.as_str())
        .collect();
    if !without.is_empty() && !compared.metric.is_empty() {
        notes.push(say_with(language, "compare.without", &without.join(", ")));
    }
    let of_scale = match (compared.scale, compared.no_shares, &compared.common_period) {
        (Scale::Share, Some(NoShares::NotAdditive), _) => say(language, "compare.shares.not_additive").to_owned(),
        (Scale::Share, Some(NoShares::KeptBack), _) => say(language, "compare.shares.kept_back").to_owned(),
        (Scale::Share, Some(NoShares::NothingToSum), _) => say(language, "compare.shares.nothing").to_owned(),
        (Scale::Share, None, _) => {
            notes.extend(share_notes(compared, request));
            return notes;
        }
        (Scale::Index, _, Some(period)) => say_with(language, "compare.index.from", &numbers::period(period, language)),
        (Scale::Index, _, None) => say(language, "compare.index.own").to_owned(),
        (Scale::Level | Scale::Log, _, _) => return notes,
    };
    if !compared.lines.is_empty() {
        notes.push(of_scale);
    }
    notes
}

/// What shares are of, and who has none.
fn share_notes(compared: &Compared, request: &PageRequest) -> Vec<String> {
    let common = || compared.lines.iter().filter(|line| line.is_common);
    let has_sum = |line: &Line| !compared.totals.of(&line.basis).is_empty();
    let is_reconciled = |line: &Line| line.basis == Basis::Reconciled;
    let mut notes = Vec::new();
    if common().any(|line| has_sum(line) && !is_reconciled(line)) {
        notes.push(say(request.language, "compare.shares.of").to_owned());
    }
    if common().any(|line| has_sum(line) && is_reconciled(line)) {
        notes.push(say(request.language, "compare.shares.of_reconciled").to_owned());
    }
    let without: Vec<&str> =
        common().filter(|line| !has_sum(line)).map(|line| compared.subjects[line.subject].name.as_str()).collect();
    if !without.is_empty() {
        notes.push(say_with(request.language, "compare.shares.no_sum", &without.join(", ")));
    }
    notes
}

/// One of those compared, with the way to leave it out.
struct SubjectLine {
    entity: String,
    name: String,
    link: String,
    basis: String,
    without: String,
}

fn subjects(compared: &Compared, request: &PageRequest, page: &Frame) -> Vec<SubjectLine> {
    let line = |place: usize| {
        let subject = &compared.subjects[place];
        let own = compared.lines.iter().find(|line| line.subject == place);
        SubjectLine {
            entity: subject.entity.clone(),
            name: subject.name.clone(),
            link: entity_link(page, Some(&subject.entity), subject.kind == "company"),
            basis: own.map(|line| basis(line, request)).unwrap_or_default(),
            without: address_of(compared, request, Some(place)),
        }
    };
    (0..compared.subjects.len()).map(line).collect()
}

/// The page with those compared, but one.
fn address_of(compared: &Compared, request: &PageRequest, but: Option<usize>) -> String {
    let mut address = "/compare".to_owned();
    for (_, subject) in compared.subjects.iter().enumerate().filter(|(place, _)| Some(*place) != but) {
        push_query(&mut address, "name", &subject.entity);
    }
    for name in ["metric", "view"] {
        if let Some(value) = request.get(name) {
            push_query(&mut address, name, value);
        }
    }
    request.link(&address)
}

fn metric_choices(compared: &Compared, request: &PageRequest) -> Vec<Choice> {
    let choice = |metric: &String| Choice {
        label: metric_label(request, metric),
        value: metric.clone(),
        address: String::new(),
        is_current: *metric == compared.metric,
    };
    let mut choices: Vec<Choice> = compared.metrics.iter().map(choice).collect();
    if !compared.metric.is_empty() && !choices.iter().any(|choice| choice.is_current) {
        choices.push(choice(&compared.metric));
    }
    choices
}

fn scale_choices(compared: &Compared, request: &PageRequest) -> Vec<Choice> {
    let choice = |(scale, word, key): (Scale, &str, &'static str)| Choice {
        label: say(request.language, key).to_owned(),
        value: word.to_owned(),
        address: request.same_page_with(&[("view", word)]),
        is_current: scale == compared.scale,
    };
    Scale::ALL.into_iter().map(choice).collect()
}

/// The chart; `None` where there is nothing to draw.
fn chart(compared: &Compared, request: &PageRequest, page: &Frame) -> Result<Option<LineChart>, ServeError> {
    let lines: Vec<ChartLine> = compared
        .lines
        .iter()
        .filter(|line| compared.fits(line))
        .map(|line| chart_line(compared, line, request, page))
        .filter(|line| !line.points.is_empty())
        .collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let unit = match compared.scale {
        Scale::Share => "ratio",
        Scale::Index => "",
        Scale::Level | Scale::Log => compared.unit(),
    };
    let label = metric_label(request, &compared.metric);
    let title = match compared.scale {
        Scale::Level => label,
        Scale::Log => format!("{label} · {}", say(request.language, "compare.log")),
        Scale::Share => format!("{label} · {}", say(request.language, "compare.share")),
        Scale::Index => format!("{label} · {}", say(request.language, "compare.index")),
    };
    let data = ChartData {
        metric: compared.metric.clone(),
        title,
        unit: unit.to_owned(),
        language: request.language.tag(),
        lower_is_better: is_lower_better(request, &compared.metric),
        is_log: compared.scale == Scale::Log,
        lines,
        band: Vec::new(),
        words: ChartWords::new(page),
    };
    let mut chart = LineChart::new(&data, request.language)?;
    chart.files = chart_file::links(request, &[]);
    Ok(Some(chart))
}

fn chart_line(compared: &Compared, line: &Line, request: &PageRequest, page: &Frame) -> ChartLine {
    let language = request.language;
    let subject = &compared.subjects[line.subject];
    let is_source = matches!(line.basis, Basis::Source(_));
    let point = |point: &Point| {
        let value = compared.height(line, point)?;
        let figure = figure(line, point, request);
        let is_range = point.bound == "range" && matches!(compared.scale, Scale::Level | Scale::Log);
        Some(ChartPoint {
            day: point.day,
            value,
            low: point.low.filter(|low| is_range && *low > 0.0),
            high: point.high.filter(|_| is_range),
            figure: match compared.scale {
                Scale::Level | Scale::Log => figure,
                Scale::Share => format!("{} ({figure})", numbers::percent(value)),
                Scale::Index => format!("{} ({figure})", numbers::compact(value, language)),
            },
            period: numbers::period(&point.period, language),
            status: if is_source { say_word(language, "status", &point.status) } else { basis(line, request) },
            known: numbers::day(&point.known_at).to_owned(),
            written: point.as_written.clone(),
            claim: point.claim.clone(),
            link: point_link((&subject.entity, &compared.metric), point, page),
            in_force: true,
        })
    };
    ChartLine {
        label: format!("{} · {}", subject.name, basis(line, request)),
        points: line.points.iter().filter_map(point).collect(),
    }
}

fn figure(line: &Line, point: &Point, request: &PageRequest) -> String {
    numbers::bounded(point.value, point.low, point.high, &point.bound, &line.slice.unit, request.language)
}

/// A source's figure opens to its claim, a reconciled one to its claims and why.
fn point_link((entity, metric): (&str, &str), point: &Point, page: &Frame) -> String {
    if point.claim.is_empty() {
        return figures::link(page, Some(entity), metric, &point.period);
    }
    page.link(&format!("/claim/{}", point.claim))
}

/// The latest figures of a metric.
struct TableLine {
    metric: String,
    link: String,
    unit: String,
    is_current: bool,
    cells: Vec<Cell>,
}

/// The latest figure of one of them; empty where it has none.
#[derive(Default)]
pub(crate) struct Cell {
    pub(crate) figure: String,
    pub(crate) exact: String,
    pub(crate) link: String,
    pub(crate) period: String,
    pub(crate) change: String,
    pub(crate) before: String,
    pub(crate) direction: &'static str,
    pub(crate) basis: String,
}

fn table_line(compared: &Compared, metric: &str, request: &PageRequest, page: &Frame) -> TableLine {
    let lines = compared::lines(&compared.subjects, metric);
    let mut cells: Vec<Cell> = compared.subjects.iter().map(|_| Cell::default()).collect();
    for line in &lines {
        cells[line.subject] = cell(&compared.subjects[line.subject], metric, line, request, page);
    }
    let unit =
        lines.iter().find(|line| line.is_common).map(|line| numbers::unit_label(&line.slice.unit, request.language));
    TableLine {
        metric: metric_label(request, metric),
        link: request.same_page_with(&[("metric", metric)]),
        unit: unit.unwrap_or_default(),
        is_current: metric == compared.metric,
        cells,
    }
}

/// The latest figure of a line, in words.
pub(crate) fn cell(subject: &Subject, metric: &str, line: &Line, request: &PageRequest, page: &Frame) -> Cell {
    let language = request.language;
    let Some((latest, before)) = line.latest() else { return Cell::default() };
    let change = line.change();
    let mut exact = format!("{} {}", numbers::exact(latest.value), numbers::unit_label(&line.slice.unit, language));
    if !latest.reason.is_empty() {
        exact = format!("{} · {}", exact.trim_end(), figures::reason(&latest.reason, language));
    }
    let is_better = change.is_some_and(|change| (change > 0.0) != is_lower_better(request, metric));
    Cell {
        figure: figure(line, latest, request),
        exact: exact.trim_end().to_owned(),
        link: point_link((&subject.entity, metric), latest, page),
        period: numbers::period(&latest.period, language),
        change: change.map(numbers::change).unwrap_or_default(),
        before: before.map(|before| numbers::period(&before.period, language)).unwrap_or_default(),
        direction: match change {
            Some(0.0) => "",
            Some(_) if is_better => "up",
            Some(_) => "down",
            None => "",
        },
        basis: if line.is_common {
            basis(line, request)
        } else {
            format!("{} · {}", basis(line, request), slice_in_words(line, request))
        },
    }
}

#[derive(Template)]
#[template(path = "compare.html")]
struct CompareView<'a> {
    page: &'a Frame,
    subjects: Vec<SubjectLine>,
    problems: Vec<String>,
    metrics: Vec<Choice>,
    scales: Vec<Choice>,
    view: &'a str,
    can_add: bool,
    scope: String,
    chart: Option<LineChart>,
    lines: Vec<TableLine>,
}
