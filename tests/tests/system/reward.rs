//! The reward model reads what the reply has just computed, and no adapter moves it.

use pocketune_adapter::SubjectKind;
use pocketune_core::{
    CancelToken, Chat, Constraint, Engine, Error, GenerationOptions, Message, Preference, Prompt,
    RewardModel, StopReason, StoreError, TemplateChoice, comparisons,
};
use pocketune_judge::reward::RewardError;
use pocketune_tests::delivery::reward_head;

use crate::world::{World, options};

fn prompt(text: &str) -> Prompt {
    Prompt::Chat {
        system_prompt: None,
        turns: vec![Message::user(text)],
        template: TemplateChoice::Model,
    }
}

fn model(engine: &Engine) -> RewardModel {
    RewardModel::new(reward_head(engine), engine).unwrap()
}

fn say(chat: &Chat, text: &str) -> String {
    let reply = chat.send(text, &options()).unwrap().finish().unwrap();
    reply.text
}

#[test]
fn right_after_a_reply_its_score_costs_one_token() {
    let world = World::new();
    let model = model(&world.engine);
    let cancel = CancelToken::new();
    let chat = world.chat();
    assert!(matches!(
        chat.reward(&model, &cancel),
        Err(Error::NotNow { .. })
    ));
    // Letters, so that the text of a reply leads back to its tokens.
    let options = GenerationOptions {
        constraint: Some(Constraint::Gbnf("root ::= [a-z ]*".to_owned())),
        ..options()
    };
    let reply = chat
        .send("The river rises", &options)
        .unwrap()
        .finish()
        .unwrap();
    let score = chat.reward(&model, &cancel).unwrap();
    // The last token of a reply at its limit was not computed yet either.
    let expected = 1 + usize::from(reply.stop_reason == StopReason::MaxTokens);
    assert!(score.computed_tokens <= expected, "{score:?}");
    let afresh = world
        .engine
        .reward(&model, &prompt("The river rises"), &reply.text, &cancel)
        .unwrap();
    assert!(afresh.computed_tokens > 20);
    assert!(
        (afresh.reward - score.reward).abs() < 1e-3,
        "{afresh:?} {score:?}"
    );
    // And the next turn still finds all of it.
    let next = chat.send("and then", &options).unwrap().finish().unwrap();
    assert!(next.reused_tokens >= reply.prompt_tokens + reply.generated_tokens);
}

#[test]
fn an_active_adapter_does_not_move_its_judge() {
    let world = World::new();
    let model = model(&world.engine);
    let cancel = CancelToken::new();
    let adapter = world.installed(1, 8.0);
    world.activate(&[(adapter, 1.0)]);
    let chat = world.chat();
    let reply = say(&chat, "The river rises");
    let under = chat.reward(&model, &cancel).unwrap();
    world.activate(&[]);
    let base = world
        .engine
        .reward(&model, &prompt("The river rises"), &reply, &cancel);
    assert!((base.unwrap().reward - under.reward).abs() < 1e-3);
}

#[test]
fn the_best_of_several_replies_is_kept() {
    let world = World::new();
    let model = model(&world.engine);
    let cancel = CancelToken::new();
    let chat = world.chat();
    let best_of = |count| chat.send_best_of("The river rises", count, &model, &options(), &cancel);
    let found = best_of(5).unwrap();
    assert_eq!(found.drafts.len(), 5);
    let reward = |index: usize| found.drafts[index].score.map(|score| score.reward);
    for index in 0..5 {
        assert!(reward(found.best) >= reward(index));
        // Each draft has a seed of its own, the first that of the options.
        assert_eq!(
            found.drafts[index].reply.origin.sampling.seed,
            7 + u32::try_from(index).unwrap()
        );
    }
    let history = chat.history();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].content, found.drafts[found.best].reply.text);
    // The prompt was computed once.
    assert!(found.drafts[1].reply.reused_tokens + 1 >= found.drafts[0].reply.prompt_tokens);
    for count in [0, 65] {
        assert!(matches!(
            best_of(count),
            Err(Error::InvalidOption { name: "count", .. })
        ));
    }
    let greedy = GenerationOptions::greedy();
    let same = chat.send_best_of("again", 2, &model, &greedy, &cancel);
    assert!(matches!(
        same,
        Err(Error::InvalidOption { name: "count", .. })
    ));
    assert_eq!(chat.history().len(), 2);
}

#[test]
fn a_head_of_another_model_is_refused() {
    let world = World::new();
    let bytes = reward_head(&world.engine).to_gguf().unwrap();
    assert!(RewardModel::parse(&bytes, &world.engine).is_ok());
    let other = World::with(&pocketune_gguf::fixtures::TinyModel::gemma3());
    let refused = RewardModel::parse(&bytes, &other.engine);
    assert!(matches!(
        refused,
        Err(Error::RewardModel(RewardError::OtherBase { .. }))
    ));
}

#[test]
fn one_annotator_cannot_say_both() {
    let world = World::new();
    let preference = |id: &str, chosen: &str, rejected: &str| Preference {
        id: id.to_owned(),
        prompt: prompt("q"),
        chosen: chosen.to_owned(),
        rejected: rejected.to_owned(),
        annotator: "ann".to_owned(),
        tie: false,
    };
    let both = [preference("1", "a", "b"), preference("2", "b", "a")];
    let found = comparisons(&world.engine, &both, 1, &CancelToken::new(), || ());
    assert!(matches!(
        found,
        Err(Error::RewardModel(RewardError::Contradiction { .. }))
    ));
}

#[test]
fn a_delivered_head_is_believed_for_its_signatures() {
    let world = World::new();
    let head = reward_head(&world.engine).to_gguf().unwrap();
    let path = world.signed(SubjectKind::RewardHead, 1, &head);
    let read = || world.store.reward_models().open(&path, world.now);
    assert_eq!(read().unwrap(), model(&world.engine));
    std::fs::remove_file(pocketune_store::bundle_path(&path)).unwrap();
    assert!(matches!(read(), Err(Error::Store(StoreError::Refused(_)))));
}
