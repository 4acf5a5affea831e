//! LoRAs of PEFT, there and back, on a tiny model.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{json, run, stderr};

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let model = TinyModel::llama();
        fs::write(folder.path().join("model.gguf"), model.build().unwrap()).unwrap();
        let adapter = model.adapter(4, 8.0).build().unwrap();
        fs::write(folder.path().join("adapter.gguf"), adapter).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn adapter(&self, command: &str, from: &str, to: &str) -> Output {
        let [from, to, model] = [from, to, "model.gguf"].map(|name| self.path(name));
        let [from, to, model] = [&from, &to, &model].map(|path| path.to_str().unwrap());
        run(&[
            "adapter", command, from, "--model", model, "--out", to, "--json",
        ])
    }

    fn exported(&self) {
        let exported = self.adapter("export-peft", "adapter.gguf", "peft");
        assert!(exported.status.success(), "{}", stderr(&exported));
    }

    fn configured(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("peft/adapter_config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(&path, config.to_string()).unwrap();
    }

    /// Names, types, shapes and data of a file's tensors, by name.
    fn tensors(&self, name: &str) -> Vec<String> {
        let bytes = fs::read(self.path(name)).unwrap();
        let gguf = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
        let tensors = gguf.tensors().iter().map(|tensor| {
            let data = gguf.tensor_data(tensor, &bytes).unwrap();
            format!(
                "{} {} {:?} {data:?}",
                tensor.name(),
                tensor.tensor_type(),
                tensor.dims()
            )
        });
        let mut tensors: Vec<String> = tensors.collect();
        tensors.sort();
        tensors
    }
}

#[test]
fn an_adapter_survives_the_way_to_peft_and_back() {
    let desk = Desk::new();
    desk.exported();
    let imported = desk.adapter("import-peft", "peft", "back.gguf");
    assert!(imported.status.success(), "{}", stderr(&imported));
    assert_eq!(json(&imported)["lora"]["alpha"], 8.0);
    assert_eq!(desk.tensors("back.gguf"), desk.tensors("adapter.gguf"));
}

#[test]
fn scales_that_gguf_does_not_have_go_into_b() {
    let desk = Desk::new();
    desk.exported();
    let norm = |desk: &Desk| {
        let imported = desk.adapter("import-peft", "peft", "back.gguf");
        assert!(imported.status.success(), "{}", stderr(&imported));
        json(&imported)["update_norm_max"].as_f64().unwrap()
    };
    let before = norm(&desk);
    // alpha/√r instead of alpha/r, at rank 4: twice as much.
    desk.configured(|config| config["use_rslora"] = true.into());
    assert!((norm(&desk) / before - 2.0).abs() < 1e-5);
    // One module of another alpha: its B is scaled, the others' are as they were.
    desk.configured(|config| {
        config["use_rslora"] = false.into();
        config["alpha_pattern"] = serde_json::json!({ "mlp.up_proj": 16.0 });
    });
    norm(&desk);
    let (back, given) = (desk.tensors("back.gguf"), desk.tensors("adapter.gguf"));
    let changed = back
        .iter()
        .zip(&given)
        .filter(|(back, given)| back != given);
    let changed: Vec<&str> = changed
        .map(|(back, _)| back.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        changed,
        ["blk.0.ffn_up.weight.lora_b", "blk.1.ffn_up.weight.lora_b"]
    );
}

#[test]
fn what_gguf_cannot_hold_is_refused() {
    let desk = Desk::new();
    desk.exported();
    let refused = |desk: &Desk| {
        let output = desk.adapter("import-peft", "peft", "back.gguf");
        assert_eq!(output.status.code(), Some(1));
        let error = json(&output)["error"].clone();
        assert_eq!(error["kind"], "peft", "{error}");
        error["message"].as_str().unwrap().to_owned()
    };
    desk.configured(|config| config["use_dora"] = true.into());
    assert!(refused(&desk).contains("use_dora"));
    desk.configured(|config| {
        config["use_dora"] = false.into();
        config["r"] = 5.into();
    });
    assert!(refused(&desk).contains("rank"));
    fs::write(desk.path("peft/adapter_model.safetensors"), b"no tensors").unwrap();
    refused(&desk);
    assert!(!desk.path("back.gguf").exists());
}
