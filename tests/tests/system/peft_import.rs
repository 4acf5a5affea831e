//! A LoRA of PEFT, imported, is the LoRA that PEFT computes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use pocketune_gguf::fixtures::hashed;
use pocketune_tests::reference::Reference;
use pocketune_tests::{as_f32, smollm2};
use pocketune_train::{Model, Projection};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;

/// What `tests/reference/peft_import.py` wrote: adapters with each kind of pattern.
#[derive(Deserialize)]
struct Expected {
    size: f64,
    prompts: Vec<Vec<i32>>,
    base: Vec<Distribution>,
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    adapter: Adapter,
    distributions: Vec<Distribution>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Adapter {
    /// Filled by formula: `adapter_config.json`, and modules with their ranks.
    Filled {
        config: String,
        modules: Vec<(String, usize)>,
    },
    /// A folder beside the file, as PEFT wrote it.
    Folder { folder: String },
}

/// The likeliest tokens of a distribution.
#[derive(Deserialize)]
struct Distribution {
    tokens: Vec<usize>,
    log_probabilities: Vec<f64>,
}

/// The last parts of the names of PEFT's modules.
const MODULES: [(&str, Projection); 7] = [
    ("self_attn.q_proj", Projection::Q),
    ("self_attn.k_proj", Projection::K),
    ("self_attn.v_proj", Projection::V),
    ("self_attn.o_proj", Projection::O),
    ("mlp.gate_proj", Projection::Gate),
    ("mlp.up_proj", Projection::Up),
    ("mlp.down_proj", Projection::Down),
];

#[test]
fn imported_loras_give_the_distributions_of_transformers_and_peft() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let file = fs::read(reference.join("peft_import.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let exact = folder.path().join("f32.gguf");
    as_f32(&smollm2(), &exact);
    let mut llama = Reference::load(&exact);
    for (name, case) in &expected.cases {
        let adapter = folder.path().join(format!("{name}.gguf"));
        match &case.adapter {
            Adapter::Filled { config, modules } => {
                let peft = folder.path().join(name);
                write_peft(&peft, config, modules, expected.size);
                import(&peft, &adapter);
            }
            Adapter::Folder { folder } => import(&reference.join(folder), &adapter),
        }
        let (mut mean, mut moved) = (0.0, 0.0);
        let prompts = expected.prompts.iter().zip(&case.distributions);
        for ((prompt, distribution), base) in prompts.zip(&expected.base) {
            let rows = llama.logits(prompt, Some(&adapter));
            let logits = rows.last().unwrap();
            mean += divergence(distribution, logits) / expected.prompts.len() as f64;
            moved += divergence(base, logits) / expected.prompts.len() as f64;
        }
        println!("{name}: KL {mean:.1e} to PEFT, {moved:.1e} to the base model");
        assert!(mean < 1e-5, "{name}: {mean}");
        assert!(moved > 1e-2, "{name} changes something: {moved}");
    }
}

/// KL(p ‖ q) in nats over the tokens that p names and all others together.
fn divergence(p: &Distribution, logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - most).exp()).sum();
    let log_q = |token: usize| f64::from(logits[token] - most) - sum.ln();
    let (mut kl, mut p_rest, mut q_rest) = (0.0, 1.0, 1.0);
    for (&token, &log_p) in p.tokens.iter().zip(&p.log_probabilities) {
        let log_q = log_q(token);
        kl += log_p.exp() * (log_p - log_q);
        p_rest -= log_p.exp();
        q_rest -= log_q.exp();
    }
    kl + p_rest * (p_rest / q_rest).ln()
}

/// What PEFT's `save_pretrained` writes of such an adapter.
fn write_peft(folder: &Path, config: &str, modules: &[(String, usize)], size: f64) {
    let model = Model::open(&smollm2()).unwrap();
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut next = 0;
    for (module, rank) in modules {
        let (layer, name) = module["model.layers.".len()..].split_once('.').unwrap();
        let (_, projection) = MODULES.iter().find(|(module, _)| *module == name).unwrap();
        let weight = model.projection(layer.parse().unwrap(), *projection);
        for (half, shape) in [
            ("lora_A", [*rank, weight.columns()]),
            ("lora_B", [weight.rows(), *rank]),
        ] {
            let count = u32::try_from(shape[0] * shape[1]).unwrap();
            let values = (next..next + count).map(|index| (f64::from(hashed(index)) * size) as f32);
            let data: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
            let name = format!("base_model.model.{module}.{half}.weight");
            tensors.insert(name, (shape.to_vec(), data));
            next += count;
        }
    }
    fs::create_dir(folder).unwrap();
    let views = tensors.iter().map(|(name, (shape, data))| {
        (
            name,
            TensorView::new(Dtype::F32, shape.clone(), data).unwrap(),
        )
    });
    let file = safetensors::serialize(views, None).unwrap();
    fs::write(folder.join("adapter_model.safetensors"), file).unwrap();
    fs::write(folder.join("adapter_config.json"), config).unwrap();
}

/// Through the command line, which lies beside the tests.
fn import(peft: &Path, out: &Path) {
    let this = std::env::current_exe().unwrap();
    let release = this.ancestors().nth(2).unwrap();
    let program = release.join("pocketune");
    assert!(
        program.exists(),
        "cargo build --release --package pocketune-cli"
    );
    let output = Command::new(program)
        .args(["adapter", "import-peft", "--quiet"])
        .arg(peft)
        .arg("--model")
        .arg(smollm2())
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}
