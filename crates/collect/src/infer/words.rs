//! What columns are called, in English and Chinese, by the field that they give.
//!
//! To teach a column's name: a word in `KNOWN`, lower case, underscores for blanks.

use crate::mapping::{Field, Target};

/// What columns are called, by field; lower case, underscores for blanks.
pub(super) const KNOWN: &[(Field, &[&str])] = &[
    (
        Field::Subject,
        &[
            "subject",
            "product",
            "product_name",
            "app",
            "app_name",
            "name",
            "model",
            "project",
            "package",
            "slug",
            "title",
            "show_title",
            "company",
            "company_name",
            "vendor",
            "产品",
            "产品名称",
            "应用",
            "应用名称",
            "app名称",
            "名称",
            "模型",
            "模型名称",
            "公司",
            "公司名称",
            "企业",
            "厂商",
            "產品",
            "應用",
            "名稱",
        ],
    ),
    (Field::Event, &["event", "event_type", "事件", "事件类型", "事件類型"]),
    (Field::HappenedOn, &["happened_on", "date", "day", "日期", "时间", "時間", "发生日期"]),
    (Field::Counterparty, &["investors", "investor", "buyer", "acquirer", "partner", "投资方", "投資方"]),
    (Field::Round, &["round", "轮次", "輪次"]),
    (Field::Amount, &["amount", "金额", "金額", "融资金额"]),
    (Field::Currency, &["currency", "币种", "幣種"]),
    (Field::Note, &["note", "notes", "comment", "备注", "備註"]),
    (Field::Metric, &["metric", "indicator", "measure", "指标", "指標"]),
    (
        Field::Period,
        &[
            "period",
            "date",
            "day",
            "week",
            "month",
            "quarter",
            "year",
            "captured_on",
            "time",
            "日期",
            "月份",
            "时间",
            "統計時間",
            "统计时间",
            "统计月份",
            "周期",
            "季度",
            "年份",
            "月",
            "時間",
        ],
    ),
    (Field::Value, &["value", "figure", "number", "数值", "值", "數值", "数据"]),
    (Field::Region, &["region", "country", "market", "地区", "国家", "區域", "地區"]),
    (Field::Platform, &["platform", "os", "store", "平台", "端"]),
    (Field::Segment, &["segment", "category", "分类", "类别", "類別", "赛道"]),
    (Field::Unit, &["unit", "currency", "单位", "單位"]),
    (Field::AsWritten, &["as_written", "quote", "原文"]),
    (Field::Status, &["status", "状态", "狀態"]),
    (Field::Source, &["source", "来源", "数据来源", "來源"]),
    (Field::SaidOn, &["said_on", "published_on", "published", "announced_on", "known_on", "发布日期", "發布日期"]),
    (Field::Url, &["url", "link", "链接", "連結"]),
    (Field::NativeId, &["native_id", "id", "app_id", "bundle_id", "package_id"]),
];

/// Words for metrics beyond their ids and labels.
pub(super) const METRIC_WORDS: &[(&str, &str)] = &[
    ("月活", "mau"),
    ("月活跃用户", "mau"),
    ("月活跃用户数", "mau"),
    ("月活用户", "mau"),
    ("日活", "dau"),
    ("日活跃用户", "dau"),
    ("下载", "downloads"),
    ("下载量", "downloads"),
    ("访问量", "web_visits"),
    ("visits", "web_visits"),
    ("排名", "rank"),
    ("评分", "rating"),
    ("营收", "revenue"),
    ("收入", "revenue"),
];

/// Names of a subject's column that say it is a company.
const COMPANIES: &[&str] = &["company", "company_name", "vendor", "公司", "公司名称", "企业", "厂商"];

/// Names of a subject's column that say it is a product.
const PRODUCTS: &[&str] = &[
    "product",
    "product_name",
    "app",
    "app_name",
    "产品",
    "产品名称",
    "應用",
    "应用",
    "应用名称",
    "app名称",
    "產品",
    "model",
    "模型",
    "模型名称",
];

/// The field that a column of this name gives for a target: by the lake's own names, then by what people write.
pub(super) fn field_of(key: &str, target: Target) -> Option<Field> {
    let own = Field::ALL.iter().copied().filter(|field| field.is_of(target));
    let own = own.into_iter().find(|field| field.name() == key || field.other_names().contains(&key));
    own.or_else(|| {
        let known = KNOWN.iter().filter(|(field, _)| field.is_of(target));
        known.into_iter().find(|(_, words)| words.contains(&key)).map(|(field, _)| *field)
    })
}

/// The kind that the name of a subject's column tells, where it is not the one that is assumed.
pub(super) fn kind_of(key: &str, target: Target) -> Option<&'static str> {
    match target {
        Target::Claims => COMPANIES.contains(&key).then_some("company"),
        Target::Events => PRODUCTS.contains(&key).then_some("product"),
    }
}
