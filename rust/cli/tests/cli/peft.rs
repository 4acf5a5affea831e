//! LoRAs of PEFT, there and back, on a tiny model.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json as value};
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

    fn configuration(&self) -> Value {
        let path = self.path("peft/adapter_config.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn configured(&self, change: impl FnOnce(&mut Value)) {
        let mut config = self.configuration();
        change(&mut config);
        fs::write(self.path("peft/adapter_config.json"), config.to_string()).unwrap();
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
        config["alpha_pattern"] = value!({ "mlp.up_proj": 16.0 });
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

/// A file that was there before, which a refused import must not touch.
const BEFORE: &[u8] = b"an adapter that works";

impl Desk {
    /// The message of an import that is refused.
    fn refused(&self) -> String {
        fs::write(self.path("back.gguf"), BEFORE).unwrap();
        let output = self.adapter("import-peft", "peft", "back.gguf");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let error = json(&output)["error"].clone();
        assert_eq!(error["kind"], "peft", "{error}");
        assert_eq!(fs::read(self.path("back.gguf")).unwrap(), BEFORE);
        error["message"].as_str().unwrap().to_owned()
    }

    /// Says in which way the folder is spoiled, and what the refusal must name.
    fn refused_with(&self, parts: &[&str]) {
        let message = self.refused();
        for part in parts {
            assert!(message.contains(part), "{part} in: {message}");
        }
    }

    fn weights(&self) -> Tensors {
        let file = fs::read(self.path("peft/adapter_model.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let tensors = tensors.tensors().into_iter().map(|(name, view)| {
            let tensor = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
            (name, tensor)
        });
        tensors.collect()
    }

    /// Writes the weights with one change.
    fn spoiled(&self, change: impl FnOnce(&mut Tensors)) {
        let mut tensors = self.weights();
        change(&mut tensors);
        let views = tensors.iter().map(|(name, (dtype, shape, data))| {
            let view = TensorView::new(*dtype, shape.clone(), data).unwrap();
            (name.clone(), view)
        });
        let file = safetensors::serialize(views, None).unwrap();
        fs::write(self.path("peft/adapter_model.safetensors"), file).unwrap();
    }
}

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;
const A: &str = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";
const B: &str = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight";

fn zeros(rows: usize, columns: usize) -> (Dtype, Vec<usize>, Vec<u8>) {
    (Dtype::F32, vec![rows, columns], vec![0; 4 * rows * columns])
}

#[test]
fn settings_that_gguf_cannot_hold_are_refused_by_name() {
    let desk = Desk::new();
    desk.exported();
    for (field, value, parts) in [
        ("use_dora", value!(true), &["use_dora", "true"][..]),
        (
            "init_lora_weights",
            value!("pissa_niter_4"),
            &["init_lora_weights", "pissa_niter_4", "base"],
        ),
        (
            "new_kind_of_update",
            value!({ "strength": 2 }),
            &["new_kind_of_update", "strength"],
        ),
        ("r", value!(5), &["rank 4", "5 (r)"]),
        (
            "rank_pattern",
            value!({ "layers.0.*": 8 }),
            &["layers.0", "rank_pattern", "rank 4"],
        ),
        (
            "alpha_pattern",
            value!({ "(?=q_proj)": 8 }),
            &["alpha_pattern", "(?=q_proj)", "look-ahead"],
        ),
        ("alpha_pattern", value!({ ".*": 0 }), &["changes nothing"]),
        ("lora_alpha", value!(1e300), &["scale"]),
        ("lora_alpha", value!(1e-300), &["scale"]),
        (
            "alpha_pattern",
            value!({ "up_proj": 1e300 }),
            &["scale", "mlp.up_proj"],
        ),
        (
            "target_modules",
            value!(["q_proj"]),
            &["target_modules", "k_proj"],
        ),
        (
            "layers_to_transform",
            value!([0]),
            &["layers_to_transform", "layers.1."],
        ),
        (
            "exclude_modules",
            value!(["1.mlp.up_proj"]),
            &["exclude_modules", "layers.1.mlp.up_proj"],
        ),
    ] {
        let mut before = Value::Null;
        desk.configured(|config| before = std::mem::replace(&mut config[field], value));
        desk.refused_with(parts);
        desk.configured(|config| config[field] = before);
        if desk.configuration()[field].is_null() {
            desk.configured(|config| drop(config.as_object_mut().unwrap().remove(field)));
        }
    }
}

#[test]
fn a_file_that_lacks_something_is_refused_by_what_it_lacks() {
    let desk = Desk::new();
    desk.exported();
    let whole = desk.weights();
    desk.spoiled(|tensors| drop(tensors.remove(B)));
    desk.refused_with(&["layers.1.self_attn.q_proj", "no lora_B"]);
    desk.spoiled(|tensors| drop(tensors.remove(A)));
    desk.refused_with(&["layers.1.self_attn.q_proj", "are missing", "target_modules"]);
    desk.spoiled(|tensors| {
        *tensors = whole.clone();
        tensors.retain(|name, _| name.contains("layers.0."));
    });
    desk.refused_with(&["layers.1.", "are missing"]);
    desk.spoiled(|tensors| tensors.clear());
    desk.refused_with(&["no tensors"]);
    fs::write(desk.path("peft/adapter_model.safetensors"), b"no tensors").unwrap();
    desk.refused_with(&["adapter_model.safetensors"]);
}

#[test]
fn tensors_of_no_lora_are_named_with_what_they_are() {
    let desk = Desk::new();
    desk.exported();
    let whole = desk.weights();
    let module = "base_model.model.model.layers.1.self_attn.q_proj";
    for (name, part) in [
        (
            "base_model.model.model.embed_tokens.lora_embedding_A".to_owned(),
            "embedding",
        ),
        (format!("{module}.lora_magnitude_vector"), "DoRA"),
        (
            "base_model.model.lm_head.modules_to_save.weight".to_owned(),
            "modules_to_save",
        ),
        (
            "base_model.model.lm_head.base_layer.weight".to_owned(),
            "save_embedding_layers",
        ),
        (
            "base_model.model.model.embed_tokens.weight".to_owned(),
            "save_embedding_layers",
        ),
        (
            "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta".to_owned(),
            "rows of the embedding",
        ),
        (format!("{module}.lora_B.bias"), "bias"),
        (format!("{module}.lora_A.default.weight"), "save_pretrained"),
        (
            "model.layers.1.self_attn.q_proj.lora_A.weight".to_owned(),
            "base_model.model.",
        ),
        (format!("{module}.lora_diag"), "KaSA"),
        (format!("{module}.lora_a.weight"), "no half"),
        ("x".to_owned(), "no half"),
    ] {
        desk.spoiled(|tensors| {
            *tensors = whole.clone();
            tensors.insert(name.clone(), zeros(4, 4));
        });
        desk.refused_with(&[&name, part]);
    }
}

/// Shapes of other models ended in a division by zero or were taken for this model's.
#[test]
fn an_adapter_of_another_model_is_refused_as_such() {
    let desk = Desk::new();
    desk.exported();
    desk.configured(|config| config["base_model_name_or_path"] = "/home/ann/other-model-1B".into());
    let whole = desk.weights();
    let other: &[(&str, &Change)] = &[
        ("wider", &|tensors| {
            drop(tensors.insert(A.to_owned(), zeros(4, 128)))
        }),
        ("narrower than a head", &|tensors| {
            drop(tensors.insert(B.to_owned(), zeros(1, 4)))
        }),
        ("more rows", &|tensors| {
            drop(tensors.insert(B.to_owned(), zeros(96, 4)))
        }),
        ("more layers", &|tensors| {
            for half in [A, B] {
                let tensor = tensors[half].clone();
                tensors.insert(half.replace("layers.1.", "layers.30."), tensor);
            }
        }),
        ("other names", &|tensors| {
            for half in [A, B] {
                let tensor = tensors[half].clone();
                tensors.insert(half.replace("self_attn.q_proj", "attn.qkv_proj"), tensor);
            }
        }),
        ("a number that is no number", &|tensors| {
            for half in [A, B] {
                let tensor = tensors[half].clone();
                tensors.insert(half.replace("layers.1.", "layers.+1."), tensor);
            }
        }),
    ];
    for (name, change) in other {
        desk.spoiled(|tensors| {
            *tensors = whole.clone();
            change(tensors);
        });
        let message = desk.refused();
        for part in ["another model", "other-model-1B"] {
            assert!(message.contains(part), "{name}: {message}");
        }
        assert!(!message.contains("/home"), "{message}");
    }
}

type Change = dyn Fn(&mut Tensors);

/// F32 numbers, each changed.
fn scaled(values: &[u8], to: fn(f32) -> f32) -> Vec<u8> {
    let words = values.as_chunks::<4>().0.iter();
    let values = words.map(|&word| f32::from_le_bytes(word));
    values.flat_map(|value| to(value).to_le_bytes()).collect()
}

#[test]
fn matrices_without_rows_and_numbers_that_are_none_are_refused() {
    let desk = Desk::new();
    desk.exported();
    let whole = desk.weights();
    let cases: &[(&str, &Change)] = &[
        ("no rank", &|tensors| {
            tensors.insert(A.to_owned(), zeros(0, 64));
            tensors.insert(B.to_owned(), zeros(64, 0));
        }),
        ("no columns", &|tensors| {
            drop(tensors.insert(A.to_owned(), zeros(4, 0)))
        }),
        ("one axis", &|tensors| {
            tensors.get_mut(A).unwrap().1 = vec![256]
        }),
        ("no axis", &|tensors| {
            drop(tensors.insert(A.to_owned(), (Dtype::F32, vec![], vec![0; 4])))
        }),
        ("other ranks", &|tensors| {
            drop(tensors.insert(A.to_owned(), zeros(5, 64)))
        }),
        ("not a number", &|tensors| {
            let data = &mut tensors.get_mut(B).unwrap().2;
            *data = scaled(data, |_| f32::NAN);
        }),
        ("infinite", &|tensors| {
            let data = &mut tensors.get_mut(A).unwrap().2;
            *data = scaled(data, |x| x / 0.0);
        }),
        ("whole numbers", &|tensors| {
            let tensor = tensors.get_mut(A).unwrap();
            tensor.0 = Dtype::I32;
        }),
        ("eight bits", &|tensors| {
            let tensor = tensors.get_mut(A).unwrap();
            *tensor = (Dtype::F8_E4M3, tensor.1.clone(), vec![0; 256]);
        }),
    ];
    for (name, change) in cases {
        desk.spoiled(|tensors| {
            *tensors = whole.clone();
            change(tensors);
        });
        let message = desk.refused();
        assert!(
            message.contains("layers.1.self_attn.q_proj"),
            "{name}: {message}"
        );
    }
    // What is finite and is not so once scaled.
    desk.spoiled(|tensors| {
        *tensors = whole.clone();
        let data = &mut tensors.get_mut(B).unwrap().2;
        *data = scaled(data, |_| 3e38);
    });
    desk.configured(|config| config["alpha_pattern"] = value!({ "1.self_attn.q_proj": 800 }));
    desk.refused_with(&[B, "scaled"]);
}

#[test]
fn elements_of_every_float_type_are_the_same_adapter() {
    let desk = Desk::new();
    desk.exported();
    let whole = desk.weights();
    let norm = |desk: &Desk| {
        let imported = desk.adapter("import-peft", "peft", "back.gguf");
        assert!(imported.status.success(), "{}", stderr(&imported));
        json(&imported)["update_norm_max"].as_f64().unwrap()
    };
    let before = norm(&desk);
    for dtype in [Dtype::F64, Dtype::F16, Dtype::BF16] {
        desk.spoiled(|tensors| {
            *tensors = whole.clone();
            for (tensor_type, _, data) in tensors.values_mut() {
                let words = data.as_chunks::<4>().0.iter();
                let values = words.map(|&word| f32::from_le_bytes(word));
                *data = match dtype {
                    Dtype::F64 => values.flat_map(|x| f64::from(x).to_le_bytes()).collect(),
                    Dtype::F16 => values
                        .flat_map(|x| half::f16::from_f32(x).to_le_bytes())
                        .collect(),
                    _ => values
                        .flat_map(|x| half::bf16::from_f32(x).to_le_bytes())
                        .collect(),
                };
                *tensor_type = dtype;
            }
        });
        let relative = norm(&desk) / before - 1.0;
        assert!(relative.abs() < 1e-2, "{dtype:?}: {relative}");
        // Another scale for one module makes it F32, and changes nothing else.
        desk.configured(|config| config["alpha_pattern"] = value!({ "v_proj": 1 }));
        let relative = norm(&desk) / before - 1.0;
        assert!(relative.abs() < 1e-2, "{dtype:?}: {relative}");
        desk.configured(|config| config["alpha_pattern"] = Value::Null);
    }
}

#[test]
fn a_folder_without_its_files_says_which_and_what_to_do() {
    let desk = Desk::new();
    desk.exported();
    let folder = desk.path("peft");
    let tensors = folder.join("adapter_model.safetensors");
    let kept = fs::read(&tensors).unwrap();
    for (instead, parts) in [
        (None, &["adapter_model.safetensors"][..]),
        (
            Some("pytorch_lora_weights.safetensors"),
            &["pytorch_lora_weights.safetensors", "name"],
        ),
        (
            Some("adapter_model-00001-of-00002.safetensors"),
            &["00001-of-00002", "one file"],
        ),
        (
            Some("adapter_model.bin"),
            &["adapter_model.bin", "pickle", "safetensors.torch"],
        ),
    ] {
        fs::remove_file(&tensors).unwrap();
        if let Some(instead) = instead {
            fs::write(folder.join(instead), &kept).unwrap();
        }
        desk.refused_with(parts);
        if let Some(instead) = instead {
            fs::remove_file(folder.join(instead)).unwrap();
        }
        fs::write(&tensors, &kept).unwrap();
    }
    fs::create_dir(folder.join("checkpoint-8")).unwrap();
    fs::rename(
        folder.join("adapter_config.json"),
        folder.join("checkpoint-8/adapter_config.json"),
    )
    .unwrap();
    desk.refused_with(&["adapter_config.json", "checkpoint-8"]);
    fs::remove_dir_all(folder.join("checkpoint-8")).unwrap();
    desk.refused_with(&["adapter_config.json"]);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, &kept).unwrap();
    desk.refused_with(&["folder"]);
}

#[test]
fn an_adapter_of_some_modules_survives_the_way_there_and_back() {
    let desk = Desk::new();
    let mut adapter = TinyModel::llama().adapter(4, 8.0);
    adapter.tensors.retain(|tensor| {
        let name = tensor.name.as_str();
        name.starts_with("blk.1.attn_q.") || name.contains(".ffn_up.")
    });
    fs::write(desk.path("adapter.gguf"), adapter.build().unwrap()).unwrap();
    desk.exported();
    let imported = desk.adapter("import-peft", "peft", "back.gguf");
    assert!(imported.status.success(), "{}", stderr(&imported));
    assert_eq!(desk.tensors("back.gguf"), desk.tensors("adapter.gguf"));
}

#[test]
fn keys_that_match_no_module_are_told_as_peft_tells_them() {
    let desk = Desk::new();
    desk.exported();
    desk.configured(|config| config["alpha_pattern"] = value!({ "^q_proj": 1000 }));
    let imported = desk.adapter("import-peft", "peft", "back.gguf");
    assert!(imported.status.success(), "{}", stderr(&imported));
    assert!(
        stderr(&imported).contains("^q_proj"),
        "{}",
        stderr(&imported)
    );
    assert_eq!(desk.tensors("back.gguf"), desk.tensors("adapter.gguf"));
}
