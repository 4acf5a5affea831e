//! Templates that try to end, hang or fool the process that renders them. Each is named by its
//! attack, and ends with its own fault on a stack half as large as the one that is promised.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pocketune_template::{ChatTemplate, Data, Fault, Inputs, Origin, limits};

/// Runs on a thread with half of the promised stack.
fn on_half_a_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(limits::STACK_BYTES / 2)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap()
}

fn inputs() -> Inputs {
    let message = Data::dict([
        ("role", Data::Text("user".to_owned(), Origin::Template)),
        (
            "content",
            Data::Text("secret words".to_owned(), Origin::Input),
        ),
    ]);
    Inputs::new().set("messages", Data::List(vec![message]))
}

fn outcome(source: String) -> Result<String, Fault> {
    on_half_a_stack(move || {
        let template = ChatTemplate::compile(&source).map_err(|error| error.fault)?;
        let rendered = template.render(&inputs());
        rendered
            .map(|rendered| rendered.text)
            .map_err(|error| error.fault)
    })
}

/// The fault that `source` ends with, soon.
fn fault(source: &str) -> Fault {
    let started = Instant::now();
    let outcome = outcome(source.to_owned());
    let shown: String = source.chars().take(80).collect();
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{shown}: {:?}",
        started.elapsed()
    );
    match outcome {
        Err(fault) => fault,
        Ok(text) => panic!("{shown}: rendered {} bytes", text.len()),
    }
}

#[test]
fn sources_that_nest_are_refused_and_chains_are_not_nested() {
    let deep = 20_000;
    for (open, inner, close) in [
        ("{{ ", "(", ")"),
        ("{{ ", "[", "]"),
        ("{{ ", "{1: ", "}"),
        ("{{ ", "- ", ""),
        ("{{ ", "+ ", ""),
        ("{{ ", "f(", ")"),
        ("{{ ", "x[", "]"),
        ("{{ ", "x|f(", ")"),
        ("{{ ", "1 is x(", ")"),
        ("{{ ", "(1 if ", ")"),
        ("{{ ", "x(*", ")"),
        ("{{ ", "x(a=", ")"),
        ("", "{% if 1 %}", ""),
        ("", "{% for x in y %}", ""),
        ("", "{% set x %}", ""),
        ("", "{% filter upper %}", ""),
        ("", "{% macro m() %}", ""),
        ("", "{% call m() %}", ""),
        ("", "{% with %}", ""),
        ("", "{% block b %}", ""),
        ("", "{% generation %}", ""),
        ("", "{% autoescape false %}", ""),
        ("{% set ", "(", ")"),
        ("{% for ", "(", ")"),
    ] {
        let times = deep / inner.len() * 2;
        let end = if open == "{{ " { "1" } else { "x" };
        let closed = close.repeat(times);
        let tag = match open {
            "{{ " => " }}",
            "" => "",
            _ => " = 1 %}",
        };
        let source = format!("{open}{}{end}{closed}{tag}", inner.repeat(times));
        assert_eq!(fault(&source), Fault::NestedTooDeep, "{inner}");
    }
    for (open, link, close) in [
        ("{{ 1", " + 1", " }}"),
        ("{{ 1", " - 1", " }}"),
        ("{{ 1", " * 1", " }}"),
        ("{{ 1", " ** 1", " }}"),
        ("{{ ''", " ~ ''", " }}"),
        ("{{ ''", " ''", " }}"),
        ("{{ 0", " or 0", " }}"),
        ("{{ 1", " and 1", " }}"),
        ("{{ 1", " == 1", " }}"),
        ("{{ ", "not ", "1 }}"),
        ("{{ ", "1 if 0 else ", "1 }}"),
        ("{{ messages", "[:]", " }}"),
        ("{{ ''", "|trim", " }}"),
        ("{{ ''", ".strip()", " }}"),
        ("{% if 0 %}", "{% elif 0 %}", "{% endif %}"),
        ("", "{{ 1 }}", ""),
        ("", "{# x #}", ""),
        ("{{ [", "1,", "] | length }}"),
    ] {
        let source = format!("{open}{}{close}", link.repeat(100_000 / link.len()));
        outcome(source).unwrap_or_else(|fault| panic!("{link}: {fault}"));
    }
}

#[test]
fn attributes_of_what_is_not_there_end_without_a_stack() {
    let source = format!("{{{{ x{} }}}}", ".a".repeat(50_000));
    assert!(matches!(fault(&source), Fault::Undefined { .. }));
}

#[test]
fn a_source_that_is_too_long_is_not_parsed() {
    let source = "x".repeat(limits::SOURCE_BYTES_MAX + 1);
    assert!(matches!(fault(&source), Fault::SourceTooLong { .. }));
}

#[test]
fn values_that_nest_are_refused_while_they_are_built() {
    let ends = "{% endfor %}{{ ns.v }}";
    for grow in [
        "{% set ns.v = [ns.v] %}",
        "{% set ns.v = (ns.v, 1) %}",
        "{% set ns.v = {'a': ns.v} %}",
        "{% set ns.v = dict(a=ns.v) %}",
        "{% set ns.v = [ns.v] | batch(1) | list %}",
        "{% set ns.v = {'k': ns.v}.items() %}",
        "{% set ns.v = [ns.v] | map('list') %}",
        "{% for y in [ns.v] %}{% set ns.v = loop %}{% endfor %}",
        "{% set old = ns.v %}{% macro m() %}{{ old }}{% endmacro %}{% set ns.v = m %}",
    ] {
        let source =
            format!("{{% set ns = namespace(v=[]) %}}{{% for x in range(90000) %}}{grow}{ends}");
        let fault = fault(&source);
        assert!(
            matches!(fault, Fault::ValueTooDeep | Fault::Type { .. }),
            "{grow}: {fault:?}"
        );
    }
}

#[test]
fn inputs_that_nest_are_refused() {
    let mut json = serde_json::Value::Null;
    for _ in 0..limits::VALUE_DEPTH_MAX + 2 {
        json = serde_json::Value::Array(vec![json]);
    }
    assert!(Data::from_json(&json, Origin::Input).is_err());
}

#[test]
fn what_grows_by_doubling_meets_the_memory_limit() {
    let start =
        "{% set ns = namespace(s='xxxxxxxxxxxxxxxx', l=[1, 2], i=0) %}{% for x in range(200) %}";
    for grow in [
        "{% set ns.s = ns.s + ns.s %}",
        "{% set ns.s = ns.s ~ ns.s %}",
        "{% set ns.s = ns.s * 2 %}",
        "{% set ns.s = ns.s | replace('x', 'xx') %}",
        "{% set ns.s = ns.s.replace('x', 'xx') %}",
        "{% set ns.s = ns.s | replace('', 'x') %}",
        "{% set ns.s = [ns.s, ns.s] | join(ns.s) %}",
        "{% set ns.s = ns.s.join([ns.s, ns.s]) %}",
        "{% set ns.s = '%s%s' % (ns.s, ns.s) %}",
        "{% set ns.s = '{0}{0}'.format(ns.s) %}",
        "{% set ns.s = ns.s | tojson | tojson %}{% set ns.s = ns.s + ns.s %}",
        "{% set ns.s = ns.s | indent(1000000, true) %}",
        "{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}",
        "{% set ns.l = ns.l + ns.l %}",
        "{% set ns.l = ns.l * 2 %}",
        "{% set ns.l = 2 * ns.l %}",
        "{% set ns.l = (ns.l | list) + (ns.l | list) %}",
    ] {
        let source = format!("{start}{grow}{{% endfor %}}{{{{ ns.l | length }}}}");
        let fault = outcome(source).expect_err(grow);
        assert!(
            matches!(fault, Fault::TooMuchMemory | Fault::TooManySteps),
            "{grow}: {fault:?}"
        );
    }
}

#[test]
fn sizes_are_paid_for_before_they_are_allocated() {
    for source in [
        "{{ 'x' * 100000000000 }}",
        "{{ [1] * 100000000000 }}",
        "{{ messages | tojson(indent=3000000000) }}",
        "{{ 'a\nb' | indent(3000000000) }}",
        "{{ 'a' | center(3000000000) }}",
        "{{ 'a'.center(3000000000) }}",
        "{{ 'a'.ljust(3000000000) }}",
        "{{ 'a'.rjust(3000000000) }}",
        "{{ 'a'.zfill(3000000000) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 1000000000) }}",
        "{{ 'a' | batch(1000000000, 'x') | list }}",
        "{{ 'a' | slice(1000000000) | list }}",
    ] {
        assert_eq!(fault(source), Fault::TooMuchMemory, "{source}");
    }
    for source in [
        "{{ range(1000000000) }}",
        "{{ range(-9223372036854775807, 9223372036854775807) }}",
        "{{ '%.1000000000f' % 1 }}",
        "{{ '{:.1000000000f}'.format(1.5) }}",
        "{{ 9 ** 99 }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1) // -1 }}",
        "{{ (-9223372036854775807 - 1) | abs }}",
        "{{ 1 // 0 }}",
        "{{ 1 % 0 }}",
        "{{ 1.0 / 0 }}",
        "{{ 0 ** -1 }}",
        "{{ 'abc'[::0] }}",
        "{{ range(1, 2, 0) }}",
    ] {
        let fault = fault(source);
        assert!(
            matches!(fault, Fault::Value { .. } | Fault::TooManySteps),
            "{source}: {fault:?}"
        );
    }
    assert_eq!(
        outcome("{{ (-9223372036854775807 - 1) % -1 }}".to_owned()),
        Ok("0".to_owned())
    );
}

#[test]
fn loops_without_an_end_meet_the_step_limit() {
    let nest = "{% for a in range(100000) %}".repeat(5) + &"{% endfor %}".repeat(5);
    let quadratic =
        "{% set l = range(99999) | list %}{% for x in l %}{{ '' if -1 in l }}{% endfor %}";
    let compared = "{% set a = 'x' * 900000 %}{% set b = 'x' * 900000 %}\
        {% for i in range(99999) %}{% if a == b %}{% endif %}{% endfor %}";
    let found = "{% set a = 'x' * 900000 %}\
        {% for i in range(99999) %}{% if 'y' in a or a.find('y') > 0 or a | trim == 'y' %}{% endif %}{% endfor %}";
    for source in [nest.as_str(), quadratic, compared, found] {
        assert_eq!(fault(source), Fault::TooManySteps, "{source}");
    }
}

#[test]
fn recursion_meets_the_depth_limit() {
    for source in [
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(x) %}{{ g(x) }}{% endmacro %}{% macro g(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% macro f() %}{% call f() %}{% endcall %}{% set x = caller %}{% endmacro %}{{ f() }}",
        "{% macro f() %}{% for x in [1] %}{% if 1 %}{{ [f()] }}{% endif %}{% endfor %}{% endmacro %}{{ f() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ] {
        let fault = fault(source);
        // A caller holds the names around it, and so the caller before it.
        let deep = matches!(fault, Fault::TooDeep | Fault::ValueTooDeep);
        assert!(deep, "{source}: {fault:?}");
    }
}

#[test]
fn what_refers_to_itself_neither_hangs_nor_leaks() {
    for source in [
        "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns.me.me.me is defined }}",
        "{% for x in [1] %}{{ loop.changed(loop) }}{% endfor %}",
        "{% set ns = namespace() %}{% macro m() %}{{ ns }}{% endmacro %}{% set ns.m = m %}ok",
    ] {
        outcome(source.to_owned()).unwrap();
    }
}

#[test]
fn output_has_a_limit() {
    let source = "{% for i in range(90000) %}{{ 'x' * 1000 }}{% endfor %}";
    assert_eq!(fault(source), Fault::OutputTooLong);
}

#[test]
fn sorting_what_has_no_order_ends() {
    let source = "{{ [1, 'a', none, 2.5, [], {}] | sort }}";
    assert!(matches!(fault(source), Fault::Type { .. }));
    let nan = "{% set nan = ('inf' | float) - ('inf' | float) %}\
        {{ ([3, nan, 1, nan, 2, nan, 0] * 9) | sort | length }}";
    outcome(nan.to_owned()).unwrap();
}

#[test]
fn an_interrupt_ends_a_rendering_within_a_few_thousand_steps() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let interrupt = Arc::new(move || counted.fetch_add(1, Ordering::Relaxed) >= 10);
    let source = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    let template = ChatTemplate::compile(source).unwrap();
    let failed = template.render(&inputs().interrupt(interrupt)).unwrap_err();
    assert_eq!(failed.fault, Fault::Interrupted);
    assert_eq!(asked.load(Ordering::Relaxed), 11);
}

#[test]
fn errors_say_what_stands_in_the_template_and_nothing_of_a_message() {
    for (source, told) in [
        (
            "{{ raise_exception('roles alternate') }}",
            "roles alternate",
        ),
        (
            "{{ raise_exception('not ' ~ messages[0].content ~ '!') }}",
            "not …!",
        ),
        ("{{ raise_exception(messages[0].content.upper()) }}", "…"),
        (
            "{{ strftime_then('%d') }}",
            "unknown function `strftime_then`",
        ),
        ("{{ 'a' | shout }}", "unknown filter `shout`"),
        ("{{ 1 is prime }}", "unknown test `prime`"),
        ("{{ 'a'.shout() }}", "unknown method `shout`"),
        ("{% shout %}", "unknown tag `shout`"),
        (
            "{{ messages[messages[0].content].x }}",
            "a value is undefined",
        ),
        (
            "{{ messages[0].content + 1 }}",
            "`+` does not work on str and int",
        ),
        ("{{ messages.append(1) }}", "`append` is not allowed"),
        ("{{ ''.__class__.__mro__ }}", "`__class__` is undefined"),
        ("{% include 'chat' %}", "a chat template stands alone"),
    ] {
        let template = ChatTemplate::compile(source);
        let failed = template.and_then(|template| template.render(&inputs()));
        let failed = failed.unwrap_err();
        let message = failed.to_string();
        assert!(message.contains(told), "{source}: {message}");
        assert!(!message.contains("secret"), "{source}: {message}");
        assert_eq!(failed.line, 1, "{source}");
    }
}

#[test]
fn a_deep_template_that_is_allowed_renders() {
    let depth = 45;
    let source = format!(
        "{}{}x{}{}",
        "{% for a in [1] %}{% if a %}".repeat(depth),
        "{{ [",
        "] }}",
        "{% endif %}{% endfor %}".repeat(depth)
    )
    .replace(
        "{{ [x] }}",
        &format!("{{{{ {}1{} }}}}", "[".repeat(8), "]".repeat(8)),
    );
    outcome(source).unwrap();
}

/// Most memory that this process had at once, in bytes; none where the system does not say.
fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[test]
fn hoards_of_small_values_are_as_bounded_as_large_ones() {
    let long_name = "n".repeat(60_000);
    let numbers = "{% set l = range(100000) | list %}{% set l = l + l + l + l + l + l %}";
    let hoard = "{% for a in range(1000) %}{% for b in range(1000) %}";
    let ends = "{% set ns.l = [ns.l, x] if ns.d else [x] %}{% set ns.all = ns.all + [x] %}{% endfor %}{% endfor %}";
    let hoards = [
        format!("{hoard}{{% set x = {long_name} %}}{ends}"),
        format!("{hoard}{{% set x = ns.{long_name} %}}{ends}"),
        format!("{hoard}{{% set x = 'a'.strip %}}{ends}"),
        format!("{hoard}{{% set x = loop %}}{ends}"),
        format!("{hoard}{{% macro x() %}}{{{{ a }}}}{{% endmacro %}}{ends}"),
        format!("{hoard}{{% set x = 'ab' | map('upper') %}}{ends}"),
        format!("{hoard}{{% set x = {{}} %}}{ends}"),
        format!("{hoard}{{% set x = '' %}}{ends}"),
        format!("{hoard}{{% set x = namespace() %}}{ends}"),
        format!("{numbers}{{{{ l | sort | length }}}}{{{{ l | groupby('x') | length }}}}"),
        format!(
            "{numbers}{{{{ l | unique | list | length }}}}{{{{ dict(l | batch(2)) | length }}}}"
        ),
        format!(
            "{numbers}{{% macro m() %}}{{{{ varargs | length }}}}{{% endmacro %}}{{{{ m(*l, *l) }}}}{{{{ m(*l) }}}}"
        ),
        "{% set s = 'a ' * 4000000 %}{{ s.split() | length }}".to_owned(),
        "{% set s = 'a ' * 4000000 %}{{ s.rsplit(' ') | length }}".to_owned(),
        "{% set s = 'a ' * 4000000 %}{{ s[::-1] | length }}".to_owned(),
        "{% set s = 'a\n' * 4000000 %}{{ s.splitlines() | length }}".to_owned(),
        "{% set s = 'a\n' * 4000000 %}{{ s | list | length }}".to_owned(),
        "{% set s = 'a\n' * 4000000 %}{{ s | wordwrap(1) | length }}".to_owned(),
    ];
    let before = peak_bytes();
    for hoard in hoards {
        let source = format!("{{% set ns = namespace(l=[], all=[], d=false) %}}{hoard}");
        let shown: String = source.chars().rev().take(120).collect();
        let shown: String = shown.chars().rev().collect();
        // Some fit the limits, and are no attack.
        let _ = outcome(source);
        if let (Some(before), Some(after)) = (before, peak_bytes()) {
            let grown = (after - before) >> 20;
            assert!(
                grown < 4 * (limits::LIVE_BYTES_MAX >> 20),
                "{shown}: {grown} MiB"
            );
        }
    }
}
