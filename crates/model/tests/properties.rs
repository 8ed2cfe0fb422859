//! What holds for any input: parsers never panic, canonical texts read back, keys and ids are stable.

use crowsnest_model::{
    Bound, ClaimKey, Grain, Kind, Period, PeriodContext, Status, claim_ref, find_quantities, initials_key, mention_id,
    normalise, parse_claim_ref, parse_day, parse_plain_number, parse_quantity, parse_said, pinyin_key, script_of,
    search_key, split_legal_form,
};
use proptest::prelude::*;

/// Texts made of the pieces that the parsers know, which random characters would hardly ever hit.
fn written() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,6}",
        "[ .,'()/:+~%-]",
        "[一二三四五六七八九十百千万亿零两几数多余个约近超年月日第季度上下半]{1,4}",
        Just("億".to_owned()),
        Just("US$".to_owned()),
        Just(" to ".to_owned()),
        Just("over ".to_owned()),
        Just("bn".to_owned()),
        Just("Q".to_owned()),
        Just("FY".to_owned()),
        Just("Dec ".to_owned()),
        Just("去年".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

#[expect(clippy::unwrap_used, reason = "the two days exist")]
fn period() -> impl Strategy<Value = Period> {
    let day = parse_day("0001-01-08").unwrap()..parse_day("9999-12-24").unwrap();
    let grain = prop::sample::select(Grain::ALL);
    prop_oneof![
        (day.clone(), grain).prop_map(|(day, grain)| Period::containing(day, grain)),
        (day, 1..4000).prop_map(|(start, n_days)| Period::from_days(start, start + n_days)),
    ]
}

/// A claim's fields that are drawn from few values, so that equal claims occur.
fn fields() -> impl Strategy<Value = (i64, u8, u8, u8, u8, u8, u8)> {
    (0i64..2, 0u8..2, 0u8..2, 0u8..3, 0u8..3, 0u8..2, 0u8..3)
}

fn claim_id(fields: &(i64, u8, u8, u8, u8, u8, u8), scratch: &mut Vec<u8>) -> i64 {
    let texts = ["", "a"];
    let values = [0.0, 1.0, 1.5];
    let claim = ClaimKey {
        mention_id: fields.0,
        metric: "mau",
        period: Period::from_days(20_000, 20_001 + i32::from(fields.1)),
        region: texts[usize::from(fields.2)],
        platform: texts[1 - usize::from(fields.2)],
        segment: "all",
        value: values[usize::from(fields.3)],
        low: values.get(usize::from(fields.4) + 1).copied(),
        high: None,
        bound: Bound::ALL[usize::from(fields.5)],
        unit: "users",
        status: Status::Reported,
        said_at: (fields.6 > 0).then_some(i64::from(fields.6)),
    };
    claim.id(scratch)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_parser_panic(text in prop_oneof![written(), any::<String>()]) {
        let context = PeriodContext { today: Some(20_000), fiscal_year_start_month: 4 };
        let _ = Period::parse_written(&text, &context);
        let _ = parse_said(&text);
        let _ = parse_day(&text);
        let _ = (search_key(&text), pinyin_key(&text), initials_key(&text), script_of(&text));
        let _ = split_legal_form(&text);
        if let Ok(quantity) = parse_quantity(&text) {
            prop_assert!(quantity.value.is_finite());
            prop_assert!(text.get(quantity.span).is_some());
        }
    }

    #[test]
    fn quantities_in_prose_are_in_order_and_apart(text in written()) {
        let mut end = 0;
        for quantity in find_quantities(&text) {
            prop_assert!(quantity.span.start >= end && quantity.span.end > quantity.span.start);
            prop_assert!(text.get(quantity.span.clone()).is_some());
            if let (Some(low), Some(high)) = (quantity.low, quantity.high) {
                prop_assert!(low <= quantity.value && quantity.value <= high);
            }
            end = quantity.span.end;
        }
    }

    #[test]
    fn a_period_reads_back_from_its_text(period in period()) {
        prop_assert_eq!(Period::parse(&period.to_string()), Ok(period));
        prop_assert_eq!(Period::new(period.start_day(), period.end_day(), period.grain()), Ok(period));
    }

    #[test]
    fn a_split_is_exactly_the_period(period in period(), grain in prop::sample::select(Grain::ALL)) {
        let pieces = period.split(grain);
        prop_assert_eq!(pieces[0].start_day(), period.start_day());
        prop_assert_eq!(pieces[pieces.len() - 1].end_day(), period.end_day());
        for pair in pieces.windows(2) {
            prop_assert_eq!(pair[0].end_day(), pair[1].start_day());
        }
    }

    #[test]
    fn the_next_of_the_previous_is_the_period(period in period()) {
        if let Some(previous) = period.previous() {
            prop_assert_eq!(previous.next(), Some(period));
            prop_assert!(previous < period && !previous.overlaps(&period));
        }
    }

    #[test]
    fn a_key_is_its_own_key(text in prop_oneof![any::<String>(), "\\PC{0,12}", "[\u{4e00}-\u{9fff} a-zA-Z]{0,8}"]) {
        let key = normalise(&text);
        prop_assert_eq!(normalise(&key), key);
    }

    #[test]
    fn plain_numbers_are_what_the_standard_library_reads(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        prop_assert_eq!(parse_plain_number(value.to_string().as_bytes()), Some(value));
        prop_assert_eq!(parse_plain_number(format!("{value:e}").as_bytes()), Some(value));
    }

    #[test]
    fn plain_numbers_never_differ_from_the_standard_library(text in "[-+]?[0-9.e+-]{0,8}") {
        if let Some(value) = parse_plain_number(text.as_bytes()) {
            prop_assert_eq!(text.parse(), Ok(value));
        }
    }

    #[test]
    fn separators_do_not_change_a_number(number in 0u64..10_000_000_000_000, separator in prop::sample::select(&[",", " ", "'", "_"][..])) {
        let mut grouped = String::new();
        let digits = number.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                grouped.push_str(separator);
            }
            grouped.push(digit);
        }
        let quantity = parse_quantity(&grouped).unwrap();
        prop_assert_eq!(quantity.value, number as f64);
        prop_assert_eq!(quantity.span, 0..grouped.len());
    }

    #[test]
    fn claims_have_one_id_exactly_if_they_say_the_same(left in fields(), right in fields()) {
        let mut scratch = Vec::new();
        let ids = (claim_id(&left, &mut scratch), claim_id(&right, &mut scratch));
        prop_assert_eq!(ids.0 == ids.1, left == right);
    }

    #[test]
    fn references_read_back(mention in any::<i64>(), claim in any::<i64>()) {
        prop_assert_eq!(parse_claim_ref(&claim_ref(mention, claim)), Some((mention, claim)));
    }

    #[test]
    fn mentions_of_two_kinds_are_two(name in "\\PC{0,8}") {
        prop_assert_ne!(mention_id("s", Kind::Product, None, &name), mention_id("s", Kind::Company, None, &name));
    }
}
