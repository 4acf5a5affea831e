//! Loading a model with a progress bar.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pocketune_core::{Engine, EngineOptions, ModelFacts, ModelSource};

use crate::args::EngineArgs;
use crate::error::RunError;
use crate::files;
use crate::output::{Output, line};

const STEPS: u64 = 1000;

/// Loads the model of `args`. Stops when `interrupted` becomes true.
pub fn engine(
    args: &EngineArgs,
    output: &Output,
    interrupted: &AtomicBool,
) -> Result<Arc<Engine>, RunError> {
    let source = files::model_source(args.model.model.as_deref())?;
    engine_with(&source, &args.options(), output, interrupted)
}

/// Loads a model. Stops when `interrupted` becomes true.
pub fn engine_with(
    source: &ModelSource,
    options: &EngineOptions,
    output: &Output,
    interrupted: &AtomicBool,
) -> Result<Arc<Engine>, RunError> {
    let bar = output.progress("loading", STEPS);
    let loaded = Engine::load(source, options, files::digest_cache(), |fraction| {
        bar.set_position((fraction.clamp(0.0, 1.0) * STEPS as f32) as u64);
        !interrupted.load(Ordering::Relaxed)
    });
    bar.finish_and_clear();
    Ok(Arc::new(loaded?))
}

/// The model's name with its quantization, for a person.
pub fn title(facts: &ModelFacts) -> String {
    let header = &facts.header;
    let name = header.name.as_deref().unwrap_or("unnamed model");
    if name
        .to_lowercase()
        .contains(&header.quantization.to_lowercase())
    {
        line(name)
    } else {
        line(&format!("{name} {}", header.quantization))
    }
}
