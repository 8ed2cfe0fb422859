//! Merging, splitting, renaming, owning, undoing, and who was who on an earlier day.

use crowsnest_identify::resolving::{DecisionError, Decisions, Related, contradictions};
use crowsnest_identify::sync_catalogue;

use crate::support::Fixture;

const LINES: &str = "product|文心一言|AI产品榜
    product|文小言|QuestMobile
    product|Wenxiaoyan|Reuters
    product|Kimi|App Store|com.moonshot.kimi
    product|Kimi|Play|org.other.kimi
    product|ERNIE Bot|Reuters
    company|Baidu|Reuters
    company|百度|AI产品榜";

#[tokio::test]
async fn a_merge_shows_at_once_and_its_undo_too() {
    let fixture = Fixture::new(LINES).await;
    let ann = Decisions::new(&fixture.lake, "ann", "renamed on 2024-09-04").unwrap();
    assert!(!fixture.are_one("文心一言", "文小言"));
    let before = jiff::Timestamp::now().as_microsecond();
    let change = ann.merge("文心一言", "文小言", None).await.unwrap();
    assert!(fixture.are_one("文心一言", "文小言"));
    let identity = fixture.lake.identity();
    assert_eq!(identity.find("文小言", None).unwrap().hex(), change.entity);
    assert_eq!(fixture.number("SELECT count(DISTINCT entity_id) FROM identities").await, 6);
    let then = fixture.lake.at(Some(before)).await.unwrap();
    let (one, other) =
        (then.identity().find("文心一言", None).unwrap().id, then.identity().find("文小言", None).unwrap().id);
    assert_ne!(one, other, "before the merge they were two");
    let long_ago = fixture.lake.at(Some(0)).await.unwrap();
    assert_eq!(long_ago.identity().find("文小言", None).unwrap().hex(), change.entity, "before the lake, today's hold");
    // The address of what joined leads to what it joined.
    assert_eq!(identity.entity(other).unwrap().id, one);

    assert!(matches!(ann.merge("文小言", "文心一言", None).await, Err(DecisionError::Refused { .. })));
    assert_eq!(ann.undo(false).await.unwrap().unwrap().by, "ann");
    assert!(!fixture.are_one("文心一言", "文小言"));
    assert!(ann.undo(false).await.unwrap().is_none());
    let rows = fixture.number("SELECT count(*) FROM judgements").await;
    assert_eq!(rows, 2, "an undo is a row, nothing was rewritten");
    assert!(Decisions::new(&fixture.lake, "file.csv", "").is_err());
}

#[tokio::test]
async fn a_split_tells_two_apart_that_have_one_name() {
    let fixture = Fixture::new(LINES).await;
    let ann = Decisions::new(&fixture.lake, "ann", "another maker").unwrap();
    assert_eq!(fixture.number("SELECT count(DISTINCT entity_id) FROM identities").await, 7);
    assert!(ann.split("Kimi", None, None).await.is_err(), "the name is all that it has");
    ann.split("Kimi", Some("Play"), None).await.unwrap();
    assert_eq!(fixture.number("SELECT count(DISTINCT entity_id) FROM identities").await, 8);
    fixture.resolve().await;
    assert_eq!(
        fixture.number("SELECT count(DISTINCT i.entity_id) FROM identities i JOIN mentions m USING (mention_id) WHERE m.name = 'Kimi'").await,
        2
    );
    ann.undo(false).await.unwrap().unwrap();
    assert_eq!(fixture.number("SELECT count(DISTINCT i.entity_id) FROM identities i JOIN mentions m USING (mention_id) WHERE m.name = 'Kimi'").await, 1);
}

#[tokio::test]
async fn a_later_decision_of_the_same_pair_wins() {
    let fixture = Fixture::new(LINES).await;
    let ann = Decisions::new(&fixture.lake, "ann", "").unwrap();
    ann.merge("文心一言", "文小言", None).await.unwrap();
    ann.merge("文心一言", "Wenxiaoyan", None).await.unwrap();
    ann.split("文小言", None, None).await.unwrap();
    assert!(!fixture.are_one("文心一言", "文小言") && fixture.are_one("文心一言", "Wenxiaoyan"));
    fixture.resolve().await;
    assert!(!fixture.are_one("文心一言", "文小言"), "a resolution does not overrule people");
    ann.merge("文心一言", "文小言", None).await.unwrap();
    assert!(fixture.are_one("文心一言", "文小言"));
    assert!(contradictions(&fixture.lake).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_catalogue_is_never_overruled_and_contradictions_are_told() {
    let fixture = Fixture::new(LINES).await;
    fixture.write_catalogue(
        "a.csv",
        "entity,kind,alias,language\nERNIE Bot,product,文心一言,zh-Hans\nKimi,product,Kimi,en\n",
    );
    sync_catalogue(&fixture.lake).await.unwrap();
    let ann = Decisions::new(&fixture.lake, "ann", "").unwrap();
    let error = ann.merge("ERNIE Bot", "Kimi", None).await.unwrap_err();
    assert!(error.to_string().contains("the catalogue names both"), "{error}");
    assert!(ann.split("文心一言", None, None).await.is_err());
    assert!(ann.rename("Kimi", "Kimi Chat", "en", None).await.is_err());
    // 文心一言 = 文小言, 文小言 = Kimi, and Kimi ≠ 文心一言.
    ann.merge("文心一言", "文小言", None).await.unwrap();
    let of = |name: &str| format!("SELECT min(mention_id) FROM mentions WHERE name = '{name}'");
    let (kimi, yan) = (fixture.number(&of("Kimi")).await, fixture.number(&of("文小言")).await);
    ann.judge(yan, kimi, "same").await.unwrap();
    assert!(!fixture.are_one("Kimi", "文小言"));
    let found = contradictions(&fixture.lake).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].what.contains("the catalogue says"), "{found:?}");
}

#[tokio::test]
async fn judgements_that_contradict_each_other_are_told_and_do_no_harm() {
    let fixture = Fixture::new(LINES).await;
    let ann = Decisions::new(&fixture.lake, "ann", "").unwrap();
    let of = |name: &str| format!("SELECT min(mention_id) FROM mentions WHERE name = '{name}'");
    let (one, two, three) = (
        fixture.number(&of("文心一言")).await,
        fixture.number(&of("文小言")).await,
        fixture.number(&of("Wenxiaoyan")).await,
    );
    ann.judge(one, two, "same").await.unwrap();
    ann.judge(two, three, "same").await.unwrap();
    ann.judge(one, three, "different").await.unwrap();
    let found = contradictions(&fixture.lake).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].sort, "judgements");
    assert!(!fixture.are_one("文心一言", "Wenxiaoyan"));
}

#[tokio::test]
async fn names_and_owners_are_decided_dated_and_taken_back() {
    let fixture = Fixture::new(LINES).await;
    let ann = Decisions::new(&fixture.lake, "ann", "press release").unwrap();
    ann.merge("Baidu", "百度", None).await.unwrap();
    ann.rename("文小言", "Wen Xiaoyan", "en", None).await.unwrap();
    let id = fixture.lake.identity().find("文小言", None).unwrap().id;
    assert_eq!(fixture.lake.identity().entity(id).unwrap().name_en, "Wen Xiaoyan");
    let day = |text: &str| crowsnest_model::parse_day(text);
    let told =
        |from, until| Related { relation: "owned_by".into(), valid_from: from, valid_until: until, is_end: false };
    ann.relate("文小言", "Baidu", None, &told(day("2023-03-16"), None)).await.unwrap();
    let identity = fixture.lake.identity();
    let baidu = identity.find("百度", None).unwrap().id;
    assert_eq!(identity.owners_on(id, day("2024-01-01").unwrap()), [baidu]);
    assert!(identity.owners_on(id, day("2023-01-01").unwrap()).is_empty());
    let error = ann.relate("百度", "Baidu", None, &told(None, None)).await.unwrap_err();
    assert!(error.to_string().contains("belong to itself"), "{error}");
    sync_catalogue(&fixture.lake).await.unwrap();
    assert_eq!(fixture.lake.identity().entity(id).unwrap().owner, Some(baidu), "an empty catalogue ends no decision");
    ann.undo(false).await.unwrap().unwrap();
    assert!(fixture.lake.identity().entity(id).unwrap().owner.is_none());
    ann.undo(false).await.unwrap().unwrap();
    assert_eq!(fixture.lake.identity().entity(id).unwrap().name_en, "文小言");
}
