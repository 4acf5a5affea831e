//! What makes a schema cost more than its compiler's own limits see: counted before
//! it starts, because it cannot be stopped.

use serde_json::{Map, Value};

use super::pattern::walk;
use crate::error::ConstraintError;

/// Keys of `patternProperties`, whole schema: each pair is compared, up to some
/// milliseconds.
const PATTERN_PROPERTIES_MAX: u64 = 32;
/// Properties of one object: optional ones cost with the square of their number, and
/// more would exceed what may follow at one byte.
const PROPERTIES_MAX: u64 = 400;
/// Patterns of a schema that intersects some: a product of automata.
const PATTERNS_INTERSECTED_MAX: u64 = 8;
/// The least common multiple of all `multipleOf`, in units of their last decimal: an
/// automaton has a state for each remainder.
const MULTIPLE_MAX: u128 = 10_000;
/// Largest bound of a number. Beyond, the compiler overflows 64 bits.
const BOUND_MAX: f64 = 9.2e18;

/// Keywords that add to what stands beside them.
const APPLICATORS: [&str; 5] = ["anyOf", "oneOf", "$ref", "enum", "const"];
/// Keywords that may hold a pattern, or be one.
const HOLDERS: [&str; 7] = [
    "pattern",
    "format",
    "properties",
    "patternProperties",
    "additionalProperties",
    "items",
    "prefixItems",
];
const BOUNDS: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

#[derive(Default)]
struct Counts {
    patterns: u64,
    pattern_properties: u64,
    properties: u64,
    intersects: bool,
    multiples: Vec<Decimal>,
    bound: Option<String>,
}

/// Refuses a schema whose compilation would take long.
pub(crate) fn check(schema: &Value) -> Result<(), ConstraintError> {
    let mut counts = Counts::default();
    walk(schema, &mut |path, keywords| counts.add(path, keywords));
    if let Some(path) = counts.bound {
        return Err(ConstraintError::BoundTooLarge { path });
    }
    let most = |what, count, limit| match count <= limit {
        true => Ok(()),
        false => Err(ConstraintError::SchemaTooCostly { what, count, limit }),
    };
    most(
        "keys of patternProperties",
        counts.pattern_properties,
        PATTERN_PROPERTIES_MAX,
    )?;
    most(
        "properties of one object",
        counts.properties,
        PROPERTIES_MAX,
    )?;
    if counts.intersects {
        most(
            "patterns beside allOf or the like",
            counts.patterns,
            PATTERNS_INTERSECTED_MAX,
        )?;
    }
    let multiple = common_multiple(&counts.multiples);
    most(
        "remainders by multipleOf",
        u64::try_from(multiple).unwrap_or(u64::MAX),
        MULTIPLE_MAX as u64,
    )
}

impl Counts {
    fn add(&mut self, path: &str, keywords: &Map<String, Value>) {
        let size = |keyword: &str| match keywords.get(keyword) {
            Some(Value::Object(names)) => names.len() as u64,
            _ => 0,
        };
        self.pattern_properties += size("patternProperties");
        self.properties = self.properties.max(size("properties"));
        let has = |all: &[&str]| all.iter().any(|&keyword| keywords.contains_key(keyword));
        self.patterns += u64::from(has(&["pattern"])) + size("patternProperties");
        self.intersects |= has(&["allOf"]) || (has(&APPLICATORS) && has(&HOLDERS));
        if let Some(Value::Number(multiple)) = keywords.get("multipleOf") {
            self.multiples.extend(Decimal::of(&multiple.to_string()));
        }
        for bound in BOUNDS {
            let value = keywords.get(bound).and_then(Value::as_f64);
            if value.is_some_and(|value| value.abs() > BOUND_MAX) {
                self.bound = Some(format!("{path}/{bound}"));
            }
        }
    }
}

/// `digits` × 10^−`places`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Decimal {
    digits: u128,
    places: i32,
}

impl Decimal {
    /// A number as JSON writes it; `None` for one of more digits than are counted.
    fn of(text: &str) -> Option<Self> {
        let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits: u128 = format!("{}{fraction}", whole.trim_start_matches('-'))
            .parse()
            .ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        let places = places.checked_sub(exponent.parse().ok()?)?;
        Some(Self { digits, places })
    }
}

/// The least common multiple, in units of the last decimal; saturates.
fn common_multiple(of: &[Decimal]) -> u128 {
    let places = of.iter().map(|decimal| decimal.places).max();
    let places = places.unwrap_or(0).max(0);
    of.iter().fold(1, |multiple, decimal| {
        let shift =
            u32::try_from(i64::from(places) - i64::from(decimal.places)).unwrap_or(u32::MAX);
        let shifted = 10u128
            .checked_pow(shift)
            .and_then(|scale| decimal.digits.checked_mul(scale));
        match shifted {
            Some(0) => multiple,
            Some(other) => (multiple / common_divisor(multiple, other)).saturating_mul(other),
            None => u128::MAX,
        }
    })
}

fn common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Decimal, check, common_multiple};
    use crate::error::ConstraintError;

    #[test]
    fn multiples_are_counted_in_units_of_the_last_decimal() {
        let of = |texts: &[&str]| {
            let decimals: Vec<Decimal> =
                texts.iter().filter_map(|text| Decimal::of(text)).collect();
            common_multiple(&decimals)
        };
        assert_eq!(of(&[]), 1);
        assert_eq!(of(&["4", "6"]), 12);
        assert_eq!(of(&["0.01", "5"]), 500);
        assert_eq!(of(&["1e-2", "0.25"]), 25);
        assert_eq!(of(&["1e3"]), 1_000);
        assert_eq!(of(&["0", "7"]), 7);
        assert_eq!(of(&["1e30", "1e-30"]), u128::MAX);
    }

    #[test]
    fn what_costs_too_much_is_counted_and_what_does_not_is_not() {
        let names = |count: usize| -> serde_json::Value {
            (0..count)
                .map(|i| (format!("p{i}"), json!({"type": "null"})))
                .collect()
        };
        let patterns = |count: usize| -> serde_json::Value {
            (0..count)
                .map(|i| json!({"pattern": format!("a{{{i}}}")}))
                .collect()
        };
        for schema in [
            json!({"patternProperties": names(33)}),
            json!({"items": {"properties": names(401)}}),
            json!({"allOf": patterns(9)}),
            json!({"$defs": {"a": {"pattern": "x", "$ref": "#/$defs/b"}}, "anyOf": patterns(9)}),
            json!({"multipleOf": 10_007}),
            json!({"allOf": [{"multipleOf": 991}, {"multipleOf": 997}]}),
        ] {
            let refused = check(&schema);
            assert!(
                matches!(refused, Err(ConstraintError::SchemaTooCostly { .. })),
                "{schema}"
            );
        }
        for bound in [json!(i64::MIN), json!(1e30), json!(u64::MAX)] {
            let path = "#/properties/n/maximum".to_owned();
            let schema = json!({"properties": {"n": {"maximum": bound}}});
            assert_eq!(check(&schema), Err(ConstraintError::BoundTooLarge { path }));
        }
        for schema in [
            json!({"properties": {"patternProperties": {"type": "null"}, "allOf": {}}}),
            json!({"anyOf": patterns(100)}),
            json!({"properties": names(400), "multipleOf": 0.01}),
            json!({"enum": [{"maximum": 1e300, "multipleOf": 99_991}]}),
            json!(true),
        ] {
            assert_eq!(check(&schema), Ok(()), "{schema}");
        }
    }
}
