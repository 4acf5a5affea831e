//! Signed documents as other programs leave them: marks are passed over, and what was signed
//! stays what was signed.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use pocketune_adapter::fixtures::{key, policy, sign_policy};
use pocketune_adapter::{
    BUNDLE_BYTES_MAX, BUNDLE_LINES_MAX, Bundle, BundleTooLarge, Envelope, EnvelopeError, JsonError,
    POLICY_TYPE, PolicyError, TrustPolicy, Validation,
};
use pocketune_base::LineFault;

const MARK: &[u8] = b"\xef\xbb\xbf";

fn marked(bytes: &[u8]) -> Vec<u8> {
    [MARK, bytes].concat()
}

/// A policy's payload after `change`, signed as it then is.
fn signed(change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let payload = change(serde_json::to_vec(&policy()).unwrap());
    let mut envelope = Envelope::new(POLICY_TYPE, payload);
    envelope.sign(&key(1));
    envelope.sign(&key(2));
    envelope.to_json().into_bytes()
}

#[test]
fn marks_around_an_envelope_change_nothing_that_is_signed() {
    let plain = sign_policy(&policy(), &[1, 2]);
    let honest = TrustPolicy::pinned(&plain).unwrap();
    for bytes in [
        marked(&plain),
        marked(&marked(&plain)),
        [&plain[..], b"\r\n"].concat(),
    ] {
        let read = TrustPolicy::pinned(&bytes).unwrap();
        assert_eq!(read.digest(), honest.digest());
        let [one, other] = [&plain, &bytes].map(|it| Envelope::parse(it).unwrap());
        assert_eq!(one.signed_bytes(), other.signed_bytes());
    }
}

#[test]
fn a_mark_that_was_signed_is_part_of_what_was_signed() {
    let bytes = signed(|payload| marked(&payload));
    let read = TrustPolicy::pinned(&bytes).unwrap();
    let plain = TrustPolicy::pinned(&signed(|payload| payload)).unwrap();
    assert_eq!(read.document(), plain.document());
    assert_ne!(read.digest(), plain.digest());
    // Without it the signatures are of something else.
    let envelope = Envelope::parse(&bytes).unwrap();
    let payload = envelope.unverified_payload().strip_prefix(MARK).unwrap();
    let mut other = Envelope::new(POLICY_TYPE, payload.to_vec());
    let signature = key(1).sign(&envelope.signed_bytes());
    assert!(!other.add_signature(&key(1).public(), &signature));
}

#[test]
fn moments_are_written_and_no_numbers() {
    for (moment, found) in [
        ("1795590000", "a number"),
        ("1795590000000", "a number"),
        ("null", "null"),
        ("\"1795590000000\"", "another text"),
        ("\"2026-11-25\"", "another text"),
    ] {
        let bytes = signed(|payload| {
            let mut document: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            document["expires"] = serde_json::from_str(moment).unwrap();
            document.to_string().into_bytes()
        });
        let refused = TrustPolicy::pinned(&bytes).unwrap_err();
        assert!(matches!(
            refused,
            PolicyError::Json(JsonError::Field { .. })
        ));
        let says = format!(
            "`expires` must be a moment in UTC such as 2026-11-25T07:00:00Z, found {found}"
        );
        assert!(refused.to_string().contains(&says), "{refused}");
    }
}

#[test]
fn bundles_of_another_layout_are_told() {
    let line = String::from_utf8(signed(|payload| payload)).unwrap();
    let read = |bundle: &str| {
        let bundle = Bundle::read(bundle.as_bytes()).unwrap();
        let fault = bundle.first_fault();
        let fault = fault.map(|(line, fault)| (line, fault.clone()));
        (bundle.envelopes().count(), fault)
    };
    assert_eq!(
        read(&format!("\u{feff}{line}\r\n\n\u{feff}{line}")),
        (2, None)
    );
    let array = EnvelopeError::Line(LineFault::Array);
    assert_eq!(read(&format!("\n[{line}]")), (0, Some((2, array))));
    let several = read(&format!("{line}{line}"));
    assert!(matches!(
        several,
        (0, Some((1, EnvelopeError::Line(LineFault::Several { .. }))))
    ));
    let pretty: serde_json::Value = serde_json::from_str(&line).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    let incomplete = EnvelopeError::Line(LineFault::Incomplete);
    assert_eq!(read(&pretty), (0, Some((1, incomplete.clone()))));
    // Lines beside it are read all the same.
    assert_eq!(
        read(&format!("{pretty}\n{line}")),
        (1, Some((1, incomplete)))
    );
}

#[test]
fn bundles_have_an_end() {
    let line = String::from_utf8(signed(|payload| payload)).unwrap();
    let empty = "{}\n".repeat(BUNDLE_LINES_MAX - 1);
    let most = Bundle::read(format!("{empty}{line}\n\n\n").as_bytes()).unwrap();
    assert_eq!(
        most.envelopes().map(|(line, _)| line).collect::<Vec<_>>(),
        [BUNDLE_LINES_MAX]
    );
    let more = Bundle::read(format!("{empty}{line}\n1").as_bytes());
    assert_eq!(more.unwrap_err(), BundleTooLarge);
    let long = " ".repeat(BUNDLE_BYTES_MAX - line.len() - 1);
    let most = format!("{long}\n{line}");
    assert_eq!(
        Bundle::read(most.as_bytes()).unwrap().envelopes().count(),
        1
    );
    assert!(Bundle::read(format!("{most}\n").as_bytes()).is_err());
    // Blank lines without an end are some that nobody can read.
    let blank = format!("{}{line}", "\n".repeat(12_000));
    assert_eq!(
        Bundle::read(blank.as_bytes()).unwrap().envelopes().count(),
        1
    );
}

#[test]
fn what_is_no_validation_is_told_by_field() {
    for (json, says) in [
        ("{}", "`result` is missing"),
        (
            r#"{"result": null}"#,
            "`result` must be one of PASSED, WARNED, FAILED, found null",
        ),
        (r#"{"result": "GOOD"}"#, "`result` must be one of PASSED"),
        (
            r#"{"result": "PASSED", "configuration": [{"name": 1}]}"#,
            "`configuration[0].name`",
        ),
        ("[]", "it must be an object, found a list"),
        ("", "it is empty"),
    ] {
        let refused = Validation::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused:?} does not say {says:?}");
    }
}
