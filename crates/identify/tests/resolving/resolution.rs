//! What is found without anybody saying so; what is new joins; the same tables give the same rows.

use crowsnest_identify::resolving::{Decisions, ResolveOptions, explain_pair, open_questions, resolve};
use crowsnest_model::{Kind, entity_id, normalise};

use crate::support::Fixture;

const LINES: &str = "product|豆包|AI产品榜
    product|Doubao|QuestMobile
    product|豆包App|七麦
    product|豆包大模型|火山引擎
    product|Kimi|AI产品榜
    product|Kimi智能助手|七麦
    product|騰訊元寶|AI产品榜
    product|元宝|QuestMobile
    company|腾讯|QuestMobile
    company|智谱|AI产品榜
    company|Zhipu AI|Reuters
    company|北京智谱华章科技有限公司|天眼查
    product|GPT-4|Arena|gpt-4
    product|GPT-4o|Arena|gpt-4o
    product|GPT-4o|QuestMobile
    product|Claude 3|Arena
    product|Claude 3.5|Reuters";

#[tokio::test]
async fn one_thing_is_found_under_many_names_and_like_things_stay_apart() {
    let fixture = Fixture::new(LINES).await;
    let resolved = fixture.resolve().await;
    for (left, right) in [("豆包", "Doubao"), ("豆包", "豆包App"), ("Kimi", "Kimi智能助手"), ("智谱", "Zhipu AI")]
    {
        assert!(fixture.are_one(left, right), "{left} {right}");
    }
    for (left, right) in [("豆包", "豆包大模型"), ("GPT-4", "GPT-4o"), ("Claude 3", "Claude 3.5"), ("Kimi", "豆包")]
    {
        assert!(!fixture.are_one(left, right), "{left} {right}");
    }
    assert!(resolved.n_moved >= 4 && resolved.n_new == 16, "{resolved:?}");
    let again = fixture.resolve().await;
    assert_eq!((again.n_new, again.n_moved, again.n_candidates), (0, 0, 0));
    let anew = resolve(&fixture.lake, &ResolveOptions { is_anew: true, ..ResolveOptions::default() }).await.unwrap();
    assert_eq!((anew.n_moved, anew.n_candidates), (0, resolved.n_candidates), "{anew:?}");
}

#[tokio::test]
async fn what_is_new_joins_what_is_there() {
    let all: Vec<String> = LINES.lines().map(|line| line.trim().to_owned()).collect();
    let fixture = Fixture::of(all[..4].to_vec()).await;
    fixture.resolve().await;
    let address = fixture.lake.identity().find("豆包", None).unwrap().id;
    fixture.tell(&all[4..]).await;
    let resolved = fixture.resolve().await;
    assert_eq!(resolved.n_new, 12, "{resolved:?}");
    assert!(fixture.are_one("Kimi", "Kimi智能助手") && fixture.are_one("智谱", "Zhipu AI"));
    fixture.tell(&["product|豆包 AI|Meridian".to_owned()]).await;
    assert!(!fixture.are_one("豆包 AI", "Doubao"));
    assert_eq!(fixture.resolve().await.n_new, 1);
    assert!(fixture.are_one("豆包 AI", "Doubao"));
    assert_eq!(fixture.lake.identity().find("豆包 AI", None).unwrap().id, address, "addresses stay");
}

#[tokio::test]
async fn keys_are_kept_and_what_is_new_is_found_by_them() {
    let all: Vec<String> = LINES.lines().map(|line| line.trim().to_owned()).collect();
    let fixture = Fixture::of(all[..8].to_vec()).await;
    fixture.resolve().await;
    let without = "SELECT count(*) FROM memberships m LEFT ANTI JOIN keys_of_names k ON k.name = m.member";
    assert_eq!(fixture.number(without).await, 0);
    let n_keys = fixture.number("SELECT count(*) FROM keys_of_names").await;
    fixture.tell(&all[8..]).await;
    let resolved = fixture.resolve().await;
    assert!(resolved.n_new > 4 && resolved.n_candidates > 0, "{resolved:?}");
    assert_eq!(fixture.number(without).await, 0);
    assert!(fixture.number("SELECT count(*) FROM keys_of_names").await > n_keys);
    // In two steps and at once, the same names have the same keys.
    let at_once = Fixture::of(all).await;
    at_once.resolve().await;
    let sum = "SELECT sum(key % 1000003) + sum(name % 1000003) FROM keys_of_names";
    assert_eq!(fixture.number(sum).await, at_once.number(sum).await);
    let again = fixture.resolve().await;
    assert_eq!((again.n_new, again.n_candidates), (0, 0));
}

#[tokio::test]
async fn a_judgement_splits_a_group_and_the_next_resolution_keeps_to_it() {
    let fixture = Fixture::new(LINES).await;
    fixture.resolve().await;
    let ann = Decisions::new(&fixture.lake, "ann", "").unwrap();
    ann.split("豆包App", None, None).await.unwrap();
    assert!(!fixture.are_one("豆包", "豆包App") && fixture.are_one("豆包", "Doubao"));
    fixture.resolve().await;
    assert!(!fixture.are_one("豆包", "豆包App") && fixture.are_one("豆包", "Doubao"));
    ann.undo(false).await.unwrap().unwrap();
    fixture.resolve().await;
    assert!(fixture.are_one("豆包", "豆包App"));
}

#[tokio::test]
async fn a_link_is_told_in_words_and_questions_are_those_that_tell_most() {
    let fixture = Fixture::new(LINES).await;
    fixture.resolve().await;
    let own = |name: &str| entity_id(Kind::Product, &normalise(name));
    let evidence = explain_pair(&fixture.lake, own("豆包"), own("Doubao")).await.unwrap().unwrap();
    assert!(evidence.is_one && evidence.probability > 0.9, "{evidence:?}");
    assert_eq!(evidence.reasons[0].comparison, "names");
    assert!(evidence.reasons[0].found.contains("read aloud"), "{evidence:?}");
    assert!(explain_pair(&fixture.lake, own("豆包"), 1).await.unwrap().is_none());
    let questions = open_questions(&fixture.lake, 100).await.unwrap();
    assert!(!questions.is_empty());
    let ann = Decisions::new(&fixture.lake, "ann", "").unwrap();
    let first = &questions[0];
    ann.judge(first.left.mention, first.right.mention, "unsure").await.unwrap();
    let left = open_questions(&fixture.lake, 100).await.unwrap();
    assert_eq!(left.len() + 1, questions.len(), "what was answered is not asked again");
}

#[tokio::test]
async fn ids_and_developers_find_what_names_do_not() {
    let fixture = Fixture::new(
        "product|文心一言|App Store|com.baidu.newapp|Baidu|yiyan.baidu.com
         product|文小言|Play|com.baidu.newapp|Baidu|yiyan.baidu.com
         product|Note Pad|App Store|a.b.c|One Maker|one.example
         product|Notepad|Play|x.y.z|Another Maker|two.example",
    )
    .await;
    fixture.resolve().await;
    assert!(fixture.are_one("文心一言", "文小言"));
    assert!(!fixture.are_one("Note Pad", "Notepad"), "makers and domains speak against it");
}
