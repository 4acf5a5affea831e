//! What is delivered beside a model: adapters signed with the keys that everybody knows,
//! and heads of reward.

use pocketune_adapter::PolicyDocument;
use pocketune_adapter::fixtures::policy;
use pocketune_core::{
    CancelToken, Engine, Message, Preference, Prompt, TemplateChoice, comparisons,
};
use pocketune_judge::reward::{RewardHead, TrainingOptions, train};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    Control, Dataset, Lora, LoraShape, MemoryBudget, Model, Objectives, OptimizerOptions,
    Precision, ReferencePolicy, Sample, Schedule, TrainError, Trainer, TrainerOptions, Training,
};

use crate::smollm2;

/// The fixtures' policy with limits for an adapter of the default model.
#[must_use]
pub fn wide_policy() -> PolicyDocument {
    let mut policy = policy();
    policy.roles.release.limits.max_bytes = 64_000_000;
    policy.roles.release.limits.max_rank = 64;
    policy.roles.release.limits.max_update_norm = 10.0;
    policy
}

/// An adapter of rank 8 on all projections of the default model after one step at this
/// rate: neither half of it is zero.
///
/// # Errors
/// What training says.
pub fn trained(seed: u64, learning_rate: f64) -> Result<Vec<u8>, TrainError> {
    let model = Model::open(&smollm2())?;
    let pool = ThreadPool::new(2);
    let lora = Lora::new(&model, LoraShape::default(), seed)?;
    let sample = Sample::demonstration(vec![100], (101..132).collect());
    let options = TrainerOptions {
        objectives: Objectives::sft(),
        reference: ReferencePolicy::default(),
        learning_rate,
        steps: 1,
        stop_after: None,
        warm_up: 0,
        schedule: Schedule::Constant,
        clip: 1.0,
        optimizer: OptimizerOptions::default(),
        dropout: 0.0,
        seed,
    };
    let mut trainer = Trainer::new(Training {
        model: &model,
        pool: &pool,
        frozen: &[],
        lora,
        source: Box::new(Dataset::new(vec![sample], 1, seed)),
        options,
        kl: None,
        memory: MemoryBudget::default(),
        reserved_bytes: 0,
    })?;
    trainer.step(&Control::new(), |_| ())?;
    trainer.into_lora().to_gguf(&model, Precision::F32, &[])
}

/// A head for the model of `engine` that prefers some replies to others, whatever that
/// means: trained on a dozen made-up comparisons.
///
/// # Panics
/// When the model cannot compute them.
#[must_use]
pub fn reward_head(engine: &Engine) -> RewardHead {
    let preference = |number: usize| Preference {
        id: number.to_string(),
        prompt: Prompt::Chat {
            system_prompt: None,
            turns: vec![Message::user(format!("question {number}"))],
            template: TemplateChoice::Model,
        },
        chosen: format!("a b c {number}"),
        rejected: format!("x y z {number} {number}"),
        annotator: "ann".to_owned(),
        tie: false,
    };
    let preferences: Vec<Preference> = (0..12).map(preference).collect();
    let cancel = CancelToken::new();
    let found = comparisons(engine, &preferences, 12, &cancel, || ()).expect("sound comparisons");
    assert_eq!(
        found.edits().len(),
        36,
        "repeat, praise and shuffle of each"
    );
    let source = engine.feature_source().expect("a readable model");
    let trained = train(&found, source, &TrainingOptions::default());
    trained.expect("enough comparisons").head
}
