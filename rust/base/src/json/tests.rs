use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{JsonError, Nulls, parse, read, shaped};

#[test]
fn equal_keys_are_refused_at_any_depth() {
    let parse = |text: &str| parse(text.as_bytes(), 16);
    assert!(parse(r#"{"a":1,"b":{"a":2}}"#).is_ok());
    for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
        let key = "a".to_owned();
        assert_eq!(parse(twice), Err(JsonError::DuplicateKey { key }));
    }
    let secret = parse(r#"{"my own words":1,"my own words":1}"#).unwrap_err();
    assert!(!secret.to_string().contains("words"), "{secret}");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(nested(16).as_bytes(), 16).is_ok());
    for depth in [17, 100_000, 3_000_000] {
        let refused = parse(nested(depth).as_bytes(), 16);
        assert_eq!(refused, Err(JsonError::TooDeep { limit: 16 }));
    }
    let objects = r#"{"a":"#.repeat(100_000);
    let refused = parse(objects.as_bytes(), 64);
    assert_eq!(refused, Err(JsonError::TooDeep { limit: 64 }));
}

#[test]
fn what_is_no_json_is_told_and_located() {
    let told = |bytes: &[u8]| parse(bytes, 16).unwrap_err().to_string();
    for (bytes, says) in [
        (&b""[..], "it is empty"),
        (b" \n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (
            b"{\"a\":1} x",
            "something follows the value at line 1, column 9",
        ),
        (b"{\"a\":1,}", "no JSON at line 1, column 8: trailing comma"),
        (b"{'a':1}", "column 2: key must be a string"),
        (b"{\n\"a\": None}", "no JSON at line 2"),
        (b"NaN", "no JSON at line 1, column 1"),
        (b"1e999", "no JSON at line 1, column 5: number out of range"),
        (b"{\"a\":\"\\ud800\"}", "no JSON"),
        (b"{\n\"a\":", "it is not complete: it ends in line 2"),
        (b"{\n\"a\xff\":1}", "line 2: it is no UTF-8"),
        (b"{\0}", "NUL"),
        (b"{\0\"\0}\0", "UTF-16"),
    ] {
        let message = told(bytes);
        assert!(message.contains(says), "{message:?} does not say {says:?}");
    }
    let marked = b"\xef\xbb\xbf{\"a\": 1}\r\n";
    assert!(parse(marked, 16).is_ok());
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    count: u8,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    sure: bool,
    note: Option<String>,
    #[serde(default)]
    pair: [f64; 2],
    #[serde(default)]
    by_grade: BTreeMap<i16, u64>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Part {
    Plain,
    Sized(u32),
    Named { first: String },
}

#[test]
fn values_come_as_they_are() {
    let text = r#"{"name":"n","count":3,"parts":["plain",{"sized":4},{"named":{"first":"f"}}],
        "sure":true,"note":null,"pair":[1,2.5],"by_grade":{"-3":7}}"#;
    let thing: Thing = read(text.as_bytes()).unwrap();
    let expected: Thing = serde_json::from_str(text).unwrap();
    assert_eq!(thing, expected);
}

#[test]
fn fields_are_told_by_name_place_and_kind() {
    let whole = serde_json::json!({ "name": "n", "count": 3 });
    let told = |name: &str, value: Value| {
        let mut document = whole.clone();
        document[name] = value;
        let refused = shaped::<Thing>(&document, Nulls::Refused);
        refused.unwrap_err().to_string()
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (field, value, says) in [
        ("name", "null", "`name` must be text, found null"),
        ("name", "3", "`name` must be text, found a number"),
        ("name", "[]", "`name` must be text, found a list"),
        ("name", "{}", "`name` must be text, found an object"),
        ("name", "true", "`name` must be text, found true or false"),
        (
            "count",
            "\"3\"",
            "`count` must be a whole number, 0 or more, found text",
        ),
        ("count", "3.0", "0 or more, found a number with a fraction"),
        ("count", "-1", "0 or more, found a negative number"),
        ("count", "256", "found a number that is out of range"),
        (
            "sure",
            "\"yes\"",
            "`sure` must be true or false, found text",
        ),
        ("sure", "null", "`sure` must be true or false, found null"),
        ("note", "null", "`note` must be text, found null"),
        (
            "pair",
            "[1]",
            "`pair` must be a list of 2, found a list of another length",
        ),
        (
            "pair",
            "[1,2,3]",
            "`pair` must be a list of 2, found a list of another length",
        ),
        (
            "pair",
            "[1,\"2\"]",
            "`pair[1]` must be a number, found text",
        ),
        ("parts", "{}", "`parts` must be a list, found an object"),
        (
            "parts",
            "[\"plain\",null]",
            "`parts[1]` must be one of plain, sized, named, found null",
        ),
        (
            "parts",
            "[\"my secret\"]",
            "`parts[0]` must be one of plain, sized, named, found another text",
        ),
        (
            "parts",
            "[{\"plain\":1}]",
            "`parts[0]` must be the text \"plain\", found an object",
        ),
        (
            "parts",
            "[\"sized\"]",
            "`parts[0]` must be an object, {\"sized\": …}, found text",
        ),
        (
            "parts",
            "[{\"sized\":\"4\"}]",
            "`parts[0].sized` must be a whole number, 0 or more, found text",
        ),
        (
            "parts",
            "[{\"named\":[\"f\"]}]",
            "`parts[0].named` must be an object, found a list",
        ),
        (
            "parts",
            "[{\"named\":{}}]",
            "`parts[0].named.first` is missing",
        ),
        (
            "parts",
            "[{\"named\":{\"frist\":\"f\"}}]",
            "unknown field `parts[0].named.frist`, known are first",
        ),
        (
            "by_grade",
            "{\"x\":1}",
            "`by_grade`: a key is no whole number in range",
        ),
        (
            "surplus",
            "1",
            "unknown field `surplus`, known are name, count, parts",
        ),
        ("my own words", "1", "unknown field `…`"),
    ] {
        let message = told(field, json(value));
        assert!(message.contains(says), "{message:?} does not say {says:?}");
        assert!(!message.contains("secret"), "{message:?}");
    }
    let missing = shaped::<Thing>(&json(r#"{"name":"n"}"#), Nulls::Absent);
    assert_eq!(missing.unwrap_err().to_string(), "`count` is missing");
    // Derived readers would take its fields in their order.
    let list = shaped::<Thing>(&json(r#"["n",3]"#), Nulls::Absent);
    assert_eq!(
        list.unwrap_err().to_string(),
        "it must be an object, found a list"
    );
    assert!(
        shaped::<Thing>(
            &json(r#"{"name":"n","count":1,"note":null}"#),
            Nulls::Absent
        )
        .is_ok()
    );
}
