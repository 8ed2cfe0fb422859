//! `user`, `token` and `audit`: who may log in, keys for programs, and what is told of changes.

use std::path::Path;

use serde_json::Value;

use crate::support::{empty_market, file, json, on, said};

fn fails(market: &Path, arguments: &[&str], with: &str) {
    let output = on(market).args(arguments).output().unwrap();
    let told = said(&output);
    assert!(output.status.code() == Some(1) && told.contains(with) && told.contains("hint: "), "{arguments:?}: {told}");
}

#[test]
fn users_are_added_changed_and_removed_and_a_password_is_shown_once() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let added = json(&market, &["user", "add", "Ann", "--role", "admin"]);
    let password = added["password"].as_str().unwrap().to_owned();
    assert_eq!((added["name"].as_str(), password.len()), (Some("ann"), 23));
    let asked = on(&market)
        .args(["user", "add", "mei", "--role", "editor", "--ask"])
        .write_stdin("four words and more\n")
        .output();
    let asked = asked.unwrap();
    assert!(asked.status.success() && !said(&asked).contains("four words"), "{}", said(&asked));
    fails(&market, &["user", "add", "ann"], "already");
    fails(&market, &["user", "add", "a b"], "no user's name");
    fails(&market, &["user", "add", "x.csv"], "no user's name");
    fails(&market, &["user", "role", "bob", "viewer"], "no user bob");
    fails(&market, &["user", "remove", "bob"], "no user bob");
    let short = on(&market).args(["user", "password", "mei", "--ask"]).write_stdin("short\n").output().unwrap();
    assert!(short.status.code() == Some(1) && said(&short).contains("shorter than 12"), "{}", said(&short));
    assert!(on(&market).args(["user", "role", "mei", "analyst"]).output().unwrap().status.success());
    let users = json(&market, &["user", "list"]);
    let roles: Vec<&str> = users.as_array().unwrap().iter().map(|user| user["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["admin", "analyst"]);
    let made =
        json(&market, &["token", "add", "--user", "mei", "--label", "notebook", "--scope", "licensed", "--days", "1"]);
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("crowsnest_") && token.len() == 74, "{token}");
    fails(&market, &["token", "add", "--user", "mei", "--scope", "decide"], "never good for decide");
    fails(&market, &["token", "add", "--user", "bob"], "no user bob");
    let listed = json(&market, &["token", "list", "--user", "mei"]);
    assert_eq!((listed[0]["state"].as_str(), listed[0]["scopes"].as_str()), (Some("holds"), Some("licensed")));
    assert!(on(&market).args(["token", "revoke", "1"]).output().unwrap().status.success());
    fails(&market, &["token", "revoke", "1"], "no token 1 holds");
    assert!(on(&market).args(["user", "remove", "mei"]).output().unwrap().status.success());
    let log = json(&market, &["audit"]);
    let did: Vec<&str> = log.as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(did, ["user.remove", "token.revoke", "token.add", "user.role", "user.add", "user.add"]);
    let state = std::fs::read(market.join("state.db")).unwrap();
    let text = String::from_utf8_lossy(&state);
    for secret in [password.as_str(), token.as_str(), "four words"] {
        assert!(!text.contains(secret) && !log.to_string().contains(secret), "{secret} is kept");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(market.join("state.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "others of the machine may not read it");
    }
}

#[test]
fn what_is_decided_by_command_is_in_the_log_with_who_and_why() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let claims = "subject,kind,metric,period,value,source,said_on\n\
        文心一言,product,downloads,2024-12,100,七麦,2025-01-05\n文小言,product,downloads,2024-12,40,点点,2025-01-06\n";
    let claims = file(&folder, "claims.csv", claims);
    on(&market).arg("import").arg(claims).assert().success();
    let ok = |arguments: &[&str]| {
        let output = on(&market).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    };
    ok(&["merge", "文心一言", "文小言", "--by", "ann", "--why", "renamed"]);
    ok(&["undo", "--by", "ann"]);
    ok(&["rename", "文小言", "Wen Xiaoyan", "--language", "en", "--by", "mei"]);
    let log = json(&market, &["audit", "--by", "ann"]);
    let lines: Vec<&Value> = log.as_array().unwrap().iter().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[1]["action"].as_str(), lines[1]["via"].as_str()), (Some("merge"), Some("command")));
    assert!(lines[1]["what"].as_str().unwrap().ends_with("are one (renamed)"), "{log}");
    assert!(lines[0]["what"].as_str().unwrap().starts_with("taken back: the judgement"), "{log}");
    assert_eq!(json(&market, &["audit"]).as_array().unwrap().len(), 3);
}

#[test]
fn notes_are_written_listed_and_withdrawn_with_who_and_when() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let claims =
        "subject,kind,metric,period,value,unit,source,said_on\nKimi,product,mau,2024-12,1000,users,A,2025-01-05\n";
    let claims = file(&folder, "claims.csv", claims);
    on(&market).arg("import").arg(claims).assert().success();
    let add = ["note", "add", "kimi", "2025-01-20", "campaign\nbegins", "--metric", "mau", "--by", "mei"];
    let note = json(&market, &add);
    assert_eq!((note["name"].as_str(), note["words"].as_str()), (Some("Kimi"), Some("campaign begins")));
    fails(&market, &["note", "add", "nobody at all", "2025-01-20", "x"], "nobody at all");
    fails(&market, &["note", "add", "Kimi", "20 January", "x"], "no day");
    fails(&market, &["note", "add", "Kimi", "2025-01-20", " "], "1 to 1000 characters");
    fails(&market, &["note", "add", "Kimi", "2025-01-20", "x", "--metric", "nonsense"], "no metric here");
    let listed = json(&market, &["note", "list", "Kimi"]);
    assert_eq!((listed[0]["by"].as_str(), listed.as_array().unwrap().len()), (Some("mei"), 1));
    let withdrawn = on(&market).args(["note", "remove", "1"]).output().unwrap();
    assert!(withdrawn.status.success() && said(&withdrawn).contains("is withdrawn"), "{}", said(&withdrawn));
    fails(&market, &["note", "remove", "1"], "no note 1 holds");
    assert!(json(&market, &["note", "list"]).as_array().unwrap().is_empty());
    let log = json(&market, &["audit"]);
    let did: Vec<&str> = log.as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(did, ["note.withdraw", "note.add"]);
}
