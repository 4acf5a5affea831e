//! Configurations as PEFT loads them: `tests/reference/peft_config.py` wrote what it made of
//! each, and what Python's `re` made of each expression.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pocketune_adapter::BaseModel;
use pocketune_gguf::fixtures::{TinyModel, hashed};
use pocketune_gguf::{Gguf, audit_model};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::{PEFT_VERSION, PeftError};
use crate::fields::FIELDS;
use crate::import::to_gguf;
use crate::layout::{Layout, modules};
use crate::python_re::{PatternError, beginning, whole};

#[derive(Deserialize)]
struct Reference {
    peft_version: String,
    defaults: BTreeMap<String, Value>,
    layers: u32,
    cases: BTreeMap<String, Case>,
    names: Vec<String>,
    /// An expression, and the names that it matches as a key and whole; null where Python
    /// refuses it.
    expressions: Vec<(String, Matches, Matches)>,
}

/// Places of names in the list.
type Matches = Option<Vec<usize>>;

#[derive(Deserialize)]
struct Case {
    config: String,
    #[serde(flatten)]
    result: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// Rank and scale.
    Modules(BTreeMap<String, (u64, f64)>),
    Error(String),
}

fn in_repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

fn reference() -> Reference {
    serde_json::from_str(&in_repository("tests/reference/peft_config.json")).unwrap()
}

fn parse(more: Value) -> Result<Config, PeftError> {
    let mut config = json!({ "peft_type": "LORA", "r": 8, "lora_alpha": 16 });
    let fields = config.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    Config::parse(config.to_string().as_bytes())
}

fn refusal(more: Value) -> String {
    parse(more).unwrap_err().to_string()
}

/// PEFT's reports #3582 and #2419: anchored keys match full names only, and keys that match
/// nothing change nothing.
#[test]
fn ranks_scales_and_modules_are_those_that_peft_loads() {
    let reference = reference();
    for (name, case) in &reference.cases {
        let config = Config::parse(case.config.as_bytes());
        let expected = match &case.result {
            Outcome::Modules(expected) => expected,
            Outcome::Error(error) => {
                assert!(config.is_err(), "{name}: PEFT ends with {error}");
                continue;
            }
        };
        let config = config.unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: Vec<&str> = expected.keys().map(String::as_str).collect();
        let all = || modules(reference.layers);
        let set: BTreeSet<&str> = found.iter().copied().collect();
        let agreed = config.targets.check(&set, all());
        assert!(agreed.is_ok(), "{name}: {agreed:?}");
        let (settings, _) = config.settings(&found).unwrap();
        for ((module, &(rank, scale)), setting) in expected.iter().zip(&settings) {
            assert_eq!(setting.rank, rank, "{name}, {module}");
            let error = (setting.scale - scale).abs();
            assert!(
                error <= 1e-12 * scale.abs(),
                "{name}, {module}: {setting:?}, not {scale}"
            );
        }
        // One module less, and one more: not what PEFT would change.
        let mut less = set.clone();
        let missing = less.pop_first().unwrap().to_owned();
        let error = config.targets.check(&less, all()).unwrap_err().to_string();
        assert!(error.contains(&missing), "{name}: {error}");
        let names: Vec<String> = all().collect();
        if let Some(more) = names.iter().find(|module| !set.contains(module.as_str())) {
            let mut set = set.clone();
            set.insert(more);
            let error = config.targets.check(&set, all()).unwrap_err().to_string();
            assert!(error.contains(more.as_str()), "{name}: {error}");
        }
    }
}

#[test]
fn expressions_match_as_in_python_or_are_refused() {
    let reference = reference();
    let check = |expression: &str, found: Result<_, PatternError>, expected: &Matches| {
        let found: regex::bytes::Regex = match (found, expected) {
            (Err(_), None) => return false,
            (Err(error), Some(_)) => {
                let refused = matches!(error, PatternError::Invalid(_) | PatternError::NotCompiled);
                assert!(!refused, "{expression:?}: Python takes it, here: {error}");
                return false;
            }
            (Ok(found), _) => found,
        };
        let Some(expected) = expected else {
            panic!("{expression:?}: Python refuses it");
        };
        let matched = reference.names.iter().enumerate();
        let matched = matched.filter(|(_, name)| found.is_match(name.as_bytes()));
        let matched: Vec<usize> = matched.map(|(place, _)| place).collect();
        assert_eq!(&matched, expected, "{expression:?}");
        true
    };
    let mut matched = 0;
    for (expression, as_key, as_whole) in &reference.expressions {
        let key = beginning(&format!(r"(.*\.)?({expression})$"));
        matched += usize::from(check(expression, key, as_key));
        check(expression, whole(expression), as_whole);
    }
    assert!(matched > 350, "{matched}");
}

#[test]
fn expressions_that_cannot_be_matched_here_are_refused_by_kind() {
    for (expression, error) in [
        ("(?=q)q_proj", PatternError::LookAround),
        ("(?!q).*", PatternError::LookAround),
        (r"(?<=\.)q_proj", PatternError::LookAround),
        ("(?<!x)q_proj", PatternError::LookAround),
        (r"(q)\1", PatternError::Reference),
        ("(?P<a>q)(?P=a)", PatternError::Reference),
        ("(q)?(?(1)a|b)", PatternError::Conditional),
        ("(?>q)_proj", PatternError::Possessive),
        ("q*+", PatternError::Possessive),
        ("(?x: q )", PatternError::Flags),
        ("(?i)q", PatternError::Flags),
        (r"\N{DIGIT ONE}", PatternError::NamedCharacter),
        ("ö", PatternError::NotAscii),
        (r"\u00f6", PatternError::NotAscii),
        ("q{1001}", PatternError::RepeatTooLarge),
        ("q{99999999999999999999}", PatternError::RepeatTooLarge),
        (r"((\w{200}){200}){200}", PatternError::TooComplex),
    ] {
        assert_eq!(whole(expression).unwrap_err(), error, "{expression}");
    }
    assert_eq!(
        whole(&"q".repeat(1 << 15)).unwrap_err(),
        PatternError::TooLong
    );
    assert!(whole(&format!("{}q{}", "(".repeat(5000), ")".repeat(5000))).is_err());
    // Exponential in Python, not here.
    let name = "a".repeat(60);
    assert!(!whole("(a+)+(a+)+(a+)+b").unwrap().is_match(name.as_bytes()));
    let error = parse(json!({ "alpha_pattern": { "(?=q)": 1 } })).unwrap();
    let error = error
        .settings(&["model.layers.0.self_attn.q_proj"])
        .unwrap_err();
    let error = error.to_string();
    for part in ["alpha_pattern", "(?=q)", "look-ahead"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn every_field_of_peft_is_known_and_documented() {
    let reference = reference();
    assert_eq!(reference.peft_version, PEFT_VERSION);
    let formats = in_repository("rust/FORMATS.md");
    for (field, _) in FIELDS {
        assert!(
            formats.contains(&format!("`{field}`")),
            "{field} in FORMATS.md"
        );
        assert!(reference.defaults.contains_key(field), "{field} is of PEFT");
    }
    for field in reference.defaults.keys() {
        assert!(FIELDS.iter().any(|(known, _)| known == field), "{field}");
    }
    let defaults = serde_json::to_vec(&reference.defaults).unwrap();
    Config::parse(&defaults).unwrap();
}

#[test]
fn what_is_more_than_a_lora_is_refused_by_field_value_and_reason() {
    for (field, value) in [
        ("use_dora", json!(true)),
        ("modules_to_save", json!(["lm_head"])),
        ("bias", json!("all")),
        ("bias", json!("lora_only")),
        ("bias", json!(null)),
        ("fan_in_fan_out", json!(true)),
        ("lora_bias", json!(true)),
        ("layer_replication", json!([[0, 4], [2, 5]])),
        ("trainable_token_indices", json!([1, 2])),
        ("trainable_token_indices", json!({ "embed_tokens": [1] })),
        ("target_parameters", json!(["mlp.experts.down_proj"])),
        ("use_qalora", json!(true)),
        ("alora_invocation_tokens", json!([1])),
        ("arrow_config", json!({ "top_k": 3 })),
        ("use_bdlora", json!({ "nblocks": 2 })),
        ("kasa_config", json!({ "beta": 0.1 })),
        ("velora_config", json!({ "num_groups": 64 })),
        ("monteclora_config", json!({ "num_samples": 8 })),
        ("megatron_config", json!({ "hidden_size": 8 })),
        ("loftq_config", json!({ "loftq_bits": 4 })),
        ("ensure_weight_tying", json!(true)),
        ("task_type", json!("SEQ_CLS")),
        ("peft_type", json!("ADALORA")),
        ("peft_type", json!("lora")),
        ("something_new", json!(0)),
        ("something_new", json!("x")),
        ("something_new", json!({ "x": null })),
    ] {
        let error = refusal(json!({ field: value }));
        assert!(error.contains(field), "{error}");
        assert!(error.contains(&value.to_string()), "{error}");
    }
    let harmless = json!({
        "modules_to_save": null, "use_dora": false, "bias": "none", "loftq_config": {}, "something_new": null,
        "another": false, "runtime_config": { "ephemeral_gpu_offload": true }, "lora_dropout": 0.3,
        "trainable_token_indices": [], "eva_config": { "rho": 2.0 }, "corda_config": { "corda_method": "kpm" },
        "auto_mapping": { "parent_library": "transformers" }, "peft_version": "9", "inference_mode": false,
    });
    parse(harmless).unwrap();
}

/// PEFT's reports #1626 and #1929: these starts change the base model, unless the adapter was
/// saved as what training changed.
#[test]
fn starts_that_change_the_base_model_are_refused() {
    for start in [
        "pissa",
        "pissa_niter_16",
        "PiSSA",
        "olora",
        "OLoRA",
        "corda",
        "loftq",
        "LoftQ",
        "lora_ga",
        "eva",
        "EVA",
        "true",
        "svd",
        "",
    ] {
        let error = refusal(json!({ "init_lora_weights": start }));
        assert!(error.contains("init_lora_weights"), "{error}");
        assert!(error.contains(&json!(start).to_string()), "{error}");
    }
    assert!(
        refusal(json!({ "init_lora_weights": "pissa" }))
            .contains("path_initial_model_for_weight_conversion")
    );
    refusal(json!({ "init_lora_weights": 1 }));
    for start in [
        json!(true),
        json!(false),
        json!(null),
        json!("gaussian"),
        json!("orthogonal"),
        json!("mica"),
    ] {
        parse(json!({ "init_lora_weights": start })).unwrap();
    }
}

#[test]
fn fields_of_the_wrong_kind_are_named() {
    for (field, value) in [
        ("r", json!(0)),
        ("r", json!(-1)),
        ("r", json!(8.0)),
        ("r", json!(true)),
        ("r", json!(null)),
        ("r", json!("8")),
        ("lora_alpha", json!("16")),
        ("lora_alpha", json!(true)),
        ("use_rslora", json!("true")),
        ("use_rslora", json!(1)),
        ("rank_pattern", json!(["q_proj"])),
        ("rank_pattern", json!({ "q_proj": 0 })),
        ("rank_pattern", json!({ "q_proj": 4.5 })),
        ("alpha_pattern", json!({ "q_proj": null })),
        ("alpha_pattern", json!({ "q_proj": [1] })),
        ("alpha_pattern", json!("q_proj")),
        ("target_modules", json!({ "q_proj": 1 })),
        ("target_modules", json!([1])),
        ("exclude_modules", json!(3)),
        ("layers_to_transform", json!("1")),
        ("layers_to_transform", json!([1.5])),
        ("peft_type", json!(1)),
    ] {
        let error = refusal(json!({ field: value }));
        assert!(error.contains(field), "{error}");
    }
    for (json, part) in [
        ("[]", "an array"),
        ("null", "null"),
        ("{", "no JSON"),
        ("{}", "peft_type"),
        (r#"{"peft_type":"LORA","lora_alpha":NaN}"#, "no JSON"),
        (r#"{"peft_type":"LORA","lora_alpha":1e999}"#, "no JSON"),
    ] {
        let error = Config::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let many: serde_json::Map<String, Value> =
        (0..3000).map(|key| (format!("q{key}"), json!(1))).collect();
    assert!(refusal(json!({ "alpha_pattern": many })).contains("3000"));
    let long = refusal(json!({ "something_new": "x".repeat(1000) }));
    assert!(long.len() < 400 && !long.contains('\n'), "{long}");
}

#[test]
fn null_patterns_are_empty_and_a_key_counts_where_it_first_stood() {
    let q = ["model.layers.0.self_attn.q_proj"];
    let scale = |config: &str| {
        let config = Config::parse(config.as_bytes()).unwrap();
        config.settings(&q).unwrap().0.remove(0).scale
    };
    assert_eq!(
        scale("\u{feff}{\"peft_type\":\"LORA\"}"),
        1.0,
        "PEFT's defaults"
    );
    assert_eq!(
        scale(
            r#"{"peft_type":"LORA","r":8,"lora_alpha":16,"rank_pattern":null,"alpha_pattern":null}"#
        ),
        2.0
    );
    let twice = r#"{"peft_type":"LORA","r":2,"alpha_pattern":{"q_proj":2,".*":4,"q_proj":6}}"#;
    assert_eq!(scale(twice), 3.0);
}

#[test]
fn an_embedding_that_is_to_be_trained_must_not_be_missing() {
    let config = parse(json!({ "target_modules": ["lm_head", "embed_tokens"] })).unwrap();
    let error = config
        .targets
        .check(&BTreeSet::from(["lm_head"]), modules(2));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("model.embed_tokens")
    );
}

#[test]
fn keys_that_match_nothing_are_told() {
    let config = parse(
        json!({ "alpha_pattern": { "^q_proj": 100, "q_proj": 4 }, "rank_pattern": { "x": 3 } }),
    );
    let (settings, idle) = config
        .unwrap()
        .settings(&["model.layers.0.self_attn.q_proj"])
        .unwrap();
    assert_eq!(settings[0].scale, 0.5);
    assert_eq!(idle, ["rank_pattern: x", "alpha_pattern: ^q_proj"]);
}

#[test]
fn a_path_to_the_base_model_is_not_repeated() {
    for (name, shown) in [
        ("/home/ann/models/SmolLM2", Some("SmolLM2")),
        (r"C:\models\SmolLM2\", Some("SmolLM2")),
        ("./SmolLM2/", Some("SmolLM2")),
        (
            "HuggingFaceTB/SmolLM2-135M",
            Some("HuggingFaceTB/SmolLM2-135M"),
        ),
        ("", None),
        ("/", None),
    ] {
        let config = parse(json!({ "base_model_name_or_path": name })).unwrap();
        assert_eq!(config.base_name.as_deref(), shown, "{name}");
    }
}

/// Looks random, and is the same each time.
struct Chance(u32);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 += 1;
        let value = (hashed(self.0) + 1.0) / 2.0;
        ((f64::from(value) * limit as f64) as usize).min(limit - 1)
    }

    /// A few bytes of a file changed, doubled or left out.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len().max(1));
            match self.below(4) {
                _ if bytes.is_empty() => {}
                0 => drop(bytes.remove(place)),
                1 => bytes.insert(place, b"0123456789[]{},:\"-.e"[self.below(20)]),
                2 => bytes[place] = self.below(256) as u8,
                _ => bytes.truncate(place + 1),
            }
        }
    }
}

#[test]
fn no_spoiled_file_ends_the_process() {
    let model = TinyModel::llama().build().unwrap();
    let gguf = Gguf::parse(&model, model.len() as u64).unwrap();
    let base = BaseModel::of(&gguf).unwrap();
    let header = audit_model(&gguf).unwrap();
    let layout = Layout::new(&header, &base);
    let module = "base_model.model.model.layers.0.self_attn.q_proj";
    let data = [0; 4 * 64];
    let tensors = [("lora_A", [1, 64]), ("lora_B", [64, 1])].map(|(half, shape)| {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), &data).unwrap();
        (format!("{module}.{half}.weight"), view)
    });
    let weights = safetensors::serialize(tensors, None).unwrap();
    let config = br#"{"peft_type":"LORA","r":1,"lora_alpha":2,"target_modules":["0.self_attn.q_proj"],"alpha_pattern":
        {"^model\\.layers\\.(0|1{1,2})\\.[a-z_]+\\.(?:q|[^k])_proj$":4.5},"layers_to_transform":[0],"use_rslora":true}"#;
    let import = |config: &[u8], weights: &[u8]| -> Result<(), PeftError> {
        to_gguf(&layout, &Config::parse(config)?, weights).map(drop)
    };
    import(config, &weights).unwrap();
    let mut chance = Chance(0);
    let mut good = 0;
    for _ in 0..4000 {
        let (mut config, mut weights) = (config.to_vec(), weights.clone());
        match chance.below(2) {
            0 => chance.spoil(&mut config),
            // The header: its length is in the first eight bytes.
            _ => {
                let mut header = weights.drain(..240).collect();
                chance.spoil(&mut header);
                weights.splice(..0, header);
            }
        }
        good += usize::from(import(&config, &weights).is_ok());
    }
    assert!(good > 20, "some changes do no harm: {good}");
}
