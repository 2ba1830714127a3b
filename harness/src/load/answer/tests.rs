//! Answers, good and wrong, against what was asked for.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use squall_reports::record::Outcome;

use super::{Answer, Asked, Ending, SHOWN_MAX};
use crate::plan::{Expect, RequestSpec, Statuses};

/// Asked for product 7 by request 12.
const ASKED: Asked = Asked { id: 7, request: 12 };

/// A page with two sections that may be left out.
fn page() -> RequestSpec {
    RequestSpec::get("/products/{id}")
        .expect_present("/stock")
        .expect_equal("/id", "{id}")
        .expect_section("reviews", "/reviews")
        .expect_equal("/reviews/of", "{id}")
        .expect_count("/reviews/latest", 2)
        .expect_section("related", "/related")
        .expect_equal("/related", "[{id}1, {id}2]")
        .degraded_by("/missing")
}

fn answer(status: u16, content_type: Option<&str>, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(value) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(value).expect("a header"));
    }
    let status = StatusCode::from_u16(status).expect("a status");
    Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

#[track_caller]
fn check(spec: &RequestSpec, body: &str, outcome: Outcome, note: &str) {
    let ending = Ending::of(&answer(200, None, body), &spec.expect, &Statuses::default(), ASKED);
    assert_eq!((ending.outcome, &*ending.note), (outcome, note), "{body}");
    assert_eq!(ending.status, 200);
}

#[track_caller]
fn wrong(body: &str, note: &str) {
    check(&page(), body, Outcome::Failed, note);
}

#[test]
fn an_answer_is_held_against_what_was_asked_for() {
    let whole = r#"{"id":7,"stock":1,"reviews":{"of":7,"latest":[1,2]},"related":[71,72]}"#;
    check(&page(), whole, Outcome::Succeeded, "");
    wrong(&whole.replace(r#""id":7"#, r#""id":8"#), "/id is 8, not 7");
    wrong(&whole.replace(r#""id":7"#, r#""id":"7""#), r#"/id is "7", not 7"#);
    wrong(&whole.replace(r#""id":7,"#, ""), "the answer has no /id");
    wrong(&whole.replace(r#""of":7"#, r#""of":8"#), "/reviews/of is 8, not 7");
    wrong(&whole.replace("[1,2]", "[1]"), "/reviews/latest has 1 elements, not 2");
    wrong(&whole.replace("[1,2]", "7"), "/reviews/latest is no list");
    wrong(&whole.replace(r#","latest":[1,2]"#, ""), "the answer has no /reviews/latest");
    wrong(&whole.replace("71,72", "72,71"), "/related is [72,71], not [71, 72]");
    wrong(&whole.replace("71,72", "71"), "/related is [71], not [71, 72]");
    wrong(&whole.replace(r#","stock":1"#, ""), "the answer has no /stock");
}

#[test]
fn a_section_is_there_or_it_is_named_and_then_nothing_is_expected_of_it() {
    let check = |body, note: &str| check(&page(), body, Outcome::Degraded, note);
    check(r#"{"id":7,"stock":1,"related":[71,72],"missing":["reviews"]}"#, "reviews");
    check(r#"{"id":7,"stock":1,"missing":["reviews","related"]}"#, "related,reviews");
    check(
        r#"{"id":7,"stock":1,"reviews":null,"related":[71,72],"missing":["reviews"]}"#,
        "reviews",
    );
}

#[test]
fn a_degraded_answer_names_exactly_what_it_lacks() {
    for silent in [
        r#"{"id":7,"stock":1,"related":[71,72],"missing":[]}"#,
        r#"{"id":7,"stock":1,"related":[71,72]}"#,
        r#"{"id":7,"stock":1,"related":[71,72],"reviews":null}"#,
        r#"{"id":7,"stock":1,"missing":["related"]}"#,
    ] {
        wrong(silent, "the answer has no /reviews, and does not say so");
    }
    let reviews = r#""reviews":{"of":7,"latest":[1,2]}"#;
    wrong(
        &format!(r#"{{"id":7,"stock":1,{reviews},"related":[71,72],"missing":["reviews"]}}"#),
        "the answer names reviews as left out, and has it",
    );
    for (missing, note) in [
        (r#"["reviews","stock"]"#, "the answer names stock as left out, which is no section"),
        (r#"["reviews","reviews"]"#, "the answer names reviews twice as left out"),
        (r#""reviews""#, "/missing is no list of names"),
        ("[7]", "/missing is no list of names"),
        ("null", "/missing is no list of names"),
    ] {
        wrong(&format!(r#"{{"id":7,"stock":1,"related":[71,72],"missing":{missing}}}"#), note);
    }
    // What is no part of the section holds all the same.
    wrong(r#"{"id":8,"stock":1,"missing":["reviews","related"]}"#, "/id is 8, not 7");
}

#[test]
fn values_are_equal_as_json_is() {
    let good = |json: &str, body| {
        check(&RequestSpec::get("/").expect_equal("", json), body, Outcome::Succeeded, "");
    };
    good("{id}", "7");
    good("{id}", "7.0");
    good("{id}99", "799");
    good(r#""P-{id}-{request}""#, r#""P-7-12""#);
    good(r#"{"a":{id},"b":[1,null]}"#, r#"{"b":[1,null],"a":7}"#);
    good("9007199254740993", "9007199254740993");
    let bad = |json: &str, body: &str, note| {
        check(&RequestSpec::get("/").expect_equal("", json), body, Outcome::Failed, note);
    };
    bad(
        "9007199254740993",
        "9007199254740992",
        "the answer is 9007199254740992, not 9007199254740993",
    );
    bad(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, r#"the answer is {"a":1,"b":2}, not {"a":1}"#);
    bad("{request}", "7", "the answer is 7, not 12");
    bad("true", r#""true""#, r#"the answer is "true", not true"#);
}

#[test]
fn a_pointer_beside_a_section_is_not_within_it() {
    let spec = RequestSpec::get("/")
        .expect_section("a", "/a")
        .expect_present("/ab")
        .degraded_by("/missing");
    check(&spec, r#"{"missing":["a"]}"#, Outcome::Failed, "the answer has no /ab");
    check(&spec, r#"{"missing":["a"],"ab":1}"#, Outcome::Degraded, "a");
}

#[test]
fn an_error_has_the_media_type_whatever_its_parameters_and_case() {
    let fails_with = |expected: &str, found: Option<&str>| {
        let spec = RequestSpec::get("/").expect_error_type(expected);
        Ending::of(&answer(500, found, "{}"), &spec.expect, &Statuses::default(), ASKED).status
            == 500
    };
    let problem = "application/problem+json";
    for found in [
        problem,
        "application/problem+json; charset=utf-8",
        "application/problem+json;charset=\"utf-8\"",
        "Application/Problem+JSON",
        "application/problem+json ; a=b; charset=UTF-8",
    ] {
        assert!(fails_with(problem, Some(found)), "{found}");
        assert!(fails_with("APPLICATION/problem+json", Some(found)), "{found}");
    }
    for found in
        ["application/json", "application/problem+jsonx", "application/problem", "", "problem"]
    {
        assert!(!fails_with(problem, Some(found)), "{found}");
    }
    assert!(!fails_with(problem, None));
    let in_utf8 = "application/problem+json; charset=utf-8";
    assert!(fails_with(in_utf8, Some("application/problem+json;v=1;CHARSET=UTF-8")));
    for found in [problem, "application/problem+json; charset=latin1"] {
        assert!(!fails_with(in_utf8, Some(found)), "{found}");
    }
}

/// The note on an answer that is an error.
fn note(status: u16, content_type: &str, body: &str) -> String {
    Ending::of(
        &answer(status, Some(content_type), body),
        &Expect::default(),
        &Statuses::default(),
        ASKED,
    )
    .note
}

#[test]
fn the_note_on_an_error_has_its_detail() {
    let problem = "application/problem+json; charset=utf-8";
    let body = r#"{"title":"Not Found","detail":"no such product"}"#;
    assert_eq!(note(404, problem, body), "status 404: no such product");
    assert_eq!(note(404, problem, r#"{"title":"Not Found"}"#), "status 404: Not Found");
    assert_eq!(note(429, problem, body), "status 429: no such product");
    assert_eq!(
        note(503, problem, r#"{"detail":"the inventory is down"}"#),
        "status 503 without Retry-After (counts as failed): the inventory is down"
    );
    assert_eq!(note(503, "text/plain", body), "status 503 without Retry-After (counts as failed)");
    for nothing in ["", "{}", "[1]", r#"{"detail":7}"#, r#"{"detail":" "}"#, r#"{"detail":"#] {
        assert_eq!(note(500, problem, nothing), "status 500", "{nothing}");
    }
    assert_eq!(note(500, "application/json", body), "status 500", "not a problem document");
}

#[test]
fn what_a_service_wrote_is_bounded_and_is_only_text() {
    let problem = "application/problem+json";
    let escapes = r#"{"detail":"\u001b[31mred\u0007\u0000 \u202eback\nline"}"#;
    assert_eq!(note(500, problem, escapes), "status 500:  [31mred    back line");
    let long = format!(r#"{{"detail":"{}"}}"#, "ä".repeat(1_000));
    assert_eq!(note(500, problem, &long), format!("status 500: {}...", "ä".repeat(SHOWN_MAX)));
    let huge = format!(r#"{{"detail":"{}"}}"#, "a".repeat(70_000));
    assert_eq!(note(500, problem, &huge), "status 500");
    let named = format!(r#"{{"missing":["{}\u001b"]}}"#, "a".repeat(1_000));
    check(
        &RequestSpec::get("/").degraded_by("/missing"),
        &named,
        Outcome::Degraded,
        &format!("{}...", "a".repeat(SHOWN_MAX)),
    );
}
