//! Runs `cases/names.toml`.

use crowsnest_model::{
    initials_key, normalise, pinyin_key, script_of, search_key, split_legal_form, to_simplified, to_traditional,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    keys: Vec<Key>,
    same: Vec<Vec<String>>,
    legal: Vec<Legal>,
    pinyin: Vec<Pinyin>,
    scripts: Vec<InScript>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    text: String,
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Legal {
    text: String,
    core: String,
    form: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinyin {
    text: String,
    pinyin: Option<String>,
    initials: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InScript {
    text: String,
    script: String,
}

#[expect(clippy::unwrap_used, reason = "a broken file of cases fails the test")]
fn cases() -> Cases {
    toml::from_str(include_str!("cases/names.toml")).unwrap()
}

#[test]
fn names_have_the_keys_of_their_cases() {
    for case in cases().keys {
        assert_eq!(normalise(&case.text), case.key, "{:?}", case.text);
    }
}

#[test]
fn ways_to_write_one_name_have_one_key() {
    for ways in cases().same {
        for way in &ways {
            assert_eq!(normalise(way), normalise(&ways[0]), "{way:?} in {ways:?}");
        }
    }
}

#[test]
fn legal_forms_come_off_as_their_cases_say() {
    for case in cases().legal {
        let name = split_legal_form(&case.text);
        assert_eq!((&name.core, &name.legal_form), (&case.core, &case.form), "{:?}", case.text);
        assert_eq!(name.as_written, case.text);
    }
}

#[test]
fn chinese_names_are_found_by_pinyin() {
    for case in cases().pinyin {
        assert_eq!(pinyin_key(&case.text), case.pinyin, "{:?}", case.text);
        assert_eq!(initials_key(&case.text), case.initials, "{:?}", case.text);
    }
}

#[test]
fn scripts_are_told_apart() {
    for case in cases().scripts {
        assert_eq!(script_of(&case.text).as_str(), case.script, "{:?}", case.text);
    }
}

#[test]
fn scripts_are_converted_for_display() {
    assert_eq!(to_traditional("开放中文转换"), "開放中文轉換");
    assert_eq!(to_simplified("開放中文轉換"), "开放中文转换");
    assert_eq!(to_simplified("plain"), "plain");
}

#[test]
fn searching_ignores_blanks_and_punctuation() {
    assert_eq!(search_key("Chat GPT-4o"), "chatgpt4o");
    assert_eq!(search_key("Kimi 智譜·助手"), "kimi智谱助手");
    assert_eq!(search_key("—"), "");
}
