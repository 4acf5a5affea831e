//! `adapter_config.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::refused;
use crate::error::CliError;

/// What of a configuration changes the LoRA's effect. Everything else, such as how it was
/// initialised, is ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    peft_type: String,
    r: u64,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    rank_pattern: BTreeMap<String, u64>,
    #[serde(default)]
    alpha_pattern: BTreeMap<String, f64>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// Settings that change more than a product of low rank, where they are not empty.
const UNSUPPORTED: [&str; 11] = [
    "use_dora",
    "modules_to_save",
    "fan_in_fan_out",
    "lora_bias",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "use_qalora",
    "alora_invocation_tokens",
    "arrow_config",
    "use_bdlora",
];

impl Config {
    pub(super) fn parse(json: &[u8]) -> Result<Self, CliError> {
        let parsed: Result<Self, _> = serde_json::from_slice(json);
        let config = match parsed {
            Ok(config) => config,
            Err(error) => return refused(format!("adapter_config.json: {error}")),
        };
        if config.peft_type != "LORA" {
            return refused(format!("peft_type is {}, not LORA", config.peft_type));
        }
        let set = |name: &&&str| {
            let empty = |value: &Value| match value {
                Value::Null | Value::Bool(false) => true,
                Value::Array(values) => values.is_empty(),
                Value::Object(values) => values.is_empty(),
                _ => false,
            };
            config.others.get(**name).is_some_and(|value| !empty(value))
        };
        if let Some(name) = UNSUPPORTED.iter().find(set) {
            return refused(format!("{name} is more than a LoRA"));
        }
        let bias = config.others.get("bias").and_then(Value::as_str);
        if bias.is_some_and(|bias| bias != "none") {
            return refused("it trains biases");
        }
        Ok(config)
    }

    /// Rank of a module by its configuration.
    pub(super) fn rank(&self, module: &str) -> u64 {
        pattern(&self.rank_pattern, module).unwrap_or(self.r)
    }

    /// Factor on the product of a module's B and A.
    pub(super) fn scale(&self, module: &str) -> f64 {
        let alpha = pattern(&self.alpha_pattern, module).unwrap_or(self.lora_alpha);
        let rank = self.rank(module) as f64;
        alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// The value whose key is the module's name, or its end after a dot. PEFT's keys are
/// regular expressions that have to match there; names are what its own tools write.
fn pattern<T: Copy>(patterns: &BTreeMap<String, T>, module: &str) -> Option<T> {
    let ends = |key: &str| {
        let plain = key
            .trim_start_matches('^')
            .trim_end_matches('$')
            .replace("\\.", ".");
        module
            .strip_suffix(plain.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let mut found = patterns.iter().filter(|(key, _)| ends(key));
    found.next().map(|(_, &value)| value)
}

#[cfg(test)]
mod tests {
    use super::Config;

    fn config(more: &str) -> String {
        format!(r#"{{"peft_type":"LORA","r":8,"lora_alpha":16{more}}}"#)
    }

    #[test]
    fn scales_and_ranks_are_those_of_peft() {
        let parse = |more: &str| Config::parse(config(more).as_bytes()).unwrap();
        let q = "model.layers.0.self_attn.q_proj";
        assert_eq!(parse("").scale(q), 2.0);
        assert_eq!(parse(r#","use_rslora":true"#).scale(q), 16.0 / 8_f64.sqrt());
        let patterns = parse(
            r#","rank_pattern":{"q_proj":4},"alpha_pattern":{"layers.0.self_attn.q_proj":32}"#,
        );
        assert_eq!((patterns.rank(q), patterns.scale(q)), (4, 8.0));
        let other = "model.layers.1.self_attn.v_proj";
        assert_eq!((patterns.rank(other), patterns.scale(other)), (8, 2.0));
    }

    #[test]
    fn what_is_more_than_a_lora_is_refused() {
        for more in [
            r#","use_dora":true"#,
            r#","modules_to_save":["lm_head"]"#,
            r#","bias":"all""#,
            r#","fan_in_fan_out":true"#,
        ] {
            assert!(Config::parse(config(more).as_bytes()).is_err(), "{more}");
        }
        let harmless =
            r#","modules_to_save":null,"use_dora":false,"bias":"none","loftq_config":{}"#;
        assert!(Config::parse(config(harmless).as_bytes()).is_ok());
        assert!(Config::parse(br#"{"peft_type":"LOHA","r":8,"lora_alpha":16}"#).is_err());
    }
}
