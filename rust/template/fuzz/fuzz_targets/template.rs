//! A template, a NUL, and the text of a message: it ends with text under its limit or with an
//! error, says truly what came from the message, and writes the same whoever the message is
//! said to be by.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_template::{ChatTemplate, Data, Inputs, Origin, Rendered, limits};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (source, content) = text.split_once('\0').unwrap_or((text, "Hi"));
    let Ok(template) = ChatTemplate::compile(source) else {
        return;
    };
    let from_input = render(&template, content, Origin::Input);
    let from_template = render(&template, content, Origin::Template);
    match (from_input, from_template) {
        (Some(a), Some(b)) => {
            check(&a, content);
            assert!(b.input.is_empty());
            assert_eq!(a.text, b.text);
        }
        // Origins cost memory: a rendering near the limit may fail with them.
        (None, _) => {}
        (Some(_), None) => panic!("it fails where the text is the template's"),
    }
});

fn render(template: &ChatTemplate, content: &str, origin: Origin) -> Option<Rendered> {
    let message = |role: &str| {
        Data::dict([
            ("role", Data::Text(role.to_owned(), Origin::Template)),
            ("content", Data::Text(content.to_owned(), origin)),
        ])
    };
    let inputs = Inputs::new()
        .set("messages", Data::List(vec![message("system"), message("user")]))
        .set("add_generation_prompt", Data::Bool(true))
        .set("bos_token", Data::Text("<s>".to_owned(), Origin::Template))
        .now(jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(jiff::tz::TimeZone::UTC));
    template.render(&inputs).ok()
}

fn check(rendered: &Rendered, content: &str) {
    let most = limits::OUTPUT_BYTES_MAX + 4 * (2 * content.len() + 1024);
    assert!(rendered.text.len() <= most);
    let mut end = 0;
    for range in &rendered.input {
        assert!(range.start < range.end && range.start >= end);
        assert!(end == 0 || range.start > end);
        assert!(rendered.text.get(range.clone()).is_some());
        end = range.end;
    }
}
