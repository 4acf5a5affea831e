//! An experiment on the device: arms by hash, outcomes on disk, a verdict that is done.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pocketune_adapter::SubjectKind;
use pocketune_core::{
    Arm, Asked, AskedPart, CancelToken, ChatOptions, Choice, Definition, Digest, Error, Experiment,
    ExperimentError, GenerationOptions, Measure, Outcome, Pick, Reason, SideBySideChat, Store,
    StoreError, Timestamp, Verdict,
};
use pocketune_store::{StoreFolder, StoredRun};
use serde_json::{Value, json};

use crate::world::{World, ask, options};

const QUESTION: &str = "The river rises";

/// The model as it is against one adapter.
pub(crate) fn definition(challenger: &Digest, design: &str, metrics: &Value) -> Vec<u8> {
    let definition = json!({
        "format": 1,
        "id": "brief",
        "hypothesis": "Short replies are picked.",
        "design": design,
        "salt": "brief",
        "arms": {
            "incumbent": { "name": "base" },
            "challenger": { "name": "brief", "adapters": [challenger.to_string()] },
        },
        "metrics": metrics,
        "limits": { "maxOutcomes": 300, "maxDays": 28 },
    });
    definition.to_string().into_bytes()
}

fn picks() -> Value {
    json!([{ "measure": "pick", "role": "primary" }])
}

fn start(world: &World, challenger: &Digest, design: &str, metrics: &Value) -> Experiment {
    let definition = Definition::parse(&definition(challenger, design, metrics)).unwrap();
    let started = world.store.experiments().start(&definition, world.now);
    started.unwrap()
}

fn side_by_side(world: &World, experiment: &Arc<Experiment>) -> SideBySideChat {
    let options = ChatOptions::default();
    let experiment = Arc::clone(experiment);
    SideBySideChat::start(experiment, options, None, world.now).unwrap()
}

fn later(world: &World, seconds: i64) -> Timestamp {
    Timestamp::from_unix(world.now.unix_seconds() + seconds)
}

fn refused(result: Result<(), Error>) -> ExperimentError {
    match result {
        Err(Error::Experiment(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_unit_keeps_its_arm_and_is_counted_once() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = start(&world, &challenger, "side_by_side", &picks());
    let units: Vec<String> = (0..40).map(|unit| format!("c/{unit}")).collect();
    let assign = |experiment: &Experiment| -> Vec<Option<Arm>> {
        let arms = units.iter().map(|unit| experiment.assign(unit, world.now));
        arms.collect::<Result<_, _>>().unwrap()
    };
    let arms = assign(&experiment);
    assert!(arms.contains(&Some(Arm::Incumbent)) && arms.contains(&Some(Arm::Challenger)));
    // After a restart, and asked again.
    let store = world.folder.path().join("store");
    let reopened = Store::open_with(&store, Arc::clone(&world.engine), None).unwrap();
    let again = reopened.experiments().all().unwrap().pop().unwrap();
    assert_eq!(again.sha256(), experiment.sha256());
    assert_eq!(assign(&again), arms);
    let exposures = again.verdict(world.now).unwrap().exposures;
    assert_eq!(exposures.iter().sum::<u64>(), 40);
}

#[test]
fn both_arms_answer_and_the_pick_goes_on() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let metrics = json!([
        { "measure": "pick", "role": "primary" },
        { "measure": "critic_score", "role": "secondary" },
        { "measure": "first_token_ms", "role": "guardrail" },
        { "measure": "refusal", "role": "guardrail" },
    ]);
    let experiment = Arc::new(start(&world, &challenger, "side_by_side", &metrics));
    // What each says by itself.
    let base = world.reply();
    world.activate(&[(challenger, 1.0)]);
    let brief = ask(&world.chat());
    world.store.adapters().deactivate(world.now).unwrap();
    let mut orders = Vec::new();
    for _ in 0..12 {
        let chat = side_by_side(&world, &experiment);
        let asked = chat.ask(QUESTION, &options(), world.now, &CancelToken::new());
        let Asked::Two(shown) = asked.unwrap() else {
            panic!("takes no part");
        };
        let first = experiment.arm_of(&shown.unit).unwrap().unwrap();
        let (incumbent, second) = match first {
            Arm::Incumbent => (&shown.first, Choice::Second),
            Arm::Challenger => (&shown.second, Choice::First),
        };
        assert_eq!(incumbent.text, base);
        chat.pick(second, world.now).unwrap();
        let history = chat.history();
        assert_eq!(history.last().unwrap().content, brief);
        // And both go on from there.
        let next = chat.ask("and then", &options(), world.now, &CancelToken::new());
        assert!(matches!(next.unwrap(), Asked::Two(_)));
        assert_eq!(chat.history().len(), 2);
        orders.push(first);
    }
    assert!(orders.contains(&Arm::Incumbent) && orders.contains(&Arm::Challenger));
    let decision = experiment.verdict(world.now).unwrap();
    let outcomes: Vec<u64> = decision.metrics.iter().map(|it| it.outcomes).collect();
    assert_eq!(
        outcomes,
        [12, 24, 24, 24],
        "one of two questions was picked"
    );
    assert!(experiment.ledger().unwrap().lines().count() >= 12 * 9);
    assert!(!experiment.ledger().unwrap().contains("river"), "no text");
}

#[test]
fn a_question_is_asked_once_and_picked_once() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = Arc::new(start(&world, &challenger, "side_by_side", &picks()));
    let chat = side_by_side(&world, &experiment);
    let nothing = chat.pick(Choice::First, world.now);
    assert!(matches!(nothing, Err(Error::NotNow { .. })));
    let cancel = CancelToken::new();
    cancel.cancel();
    let cancelled = chat.ask(QUESTION, &options(), world.now, &cancel);
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    assert!(chat.history().is_empty());
    chat.ask(QUESTION, &options(), world.now, &CancelToken::new())
        .unwrap();
    chat.pick(Choice::Neither, world.now).unwrap();
    assert_eq!(chat.history().last().unwrap().content, world.reply());
    let twice = chat.pick(Choice::First, world.now);
    assert!(matches!(twice, Err(Error::NotNow { .. })));
}

#[test]
fn a_conversation_stays_under_its_arm() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let metrics = json!([{ "measure": "thumb", "role": "primary" }]);
    let experiment = start(&world, &challenger, "by_conversation", &metrics);
    let base = world.reply();
    world.activate(&[(challenger, 1.0)]);
    let brief = world.reply();
    world.store.adapters().deactivate(world.now).unwrap();
    for unit in 0..12 {
        let unit = format!("conversation {unit}");
        let started = experiment.chat(&unit, ChatOptions::default(), world.now);
        let started = started.unwrap();
        let expected = match started.arm.unwrap() {
            Arm::Incumbent => &base,
            Arm::Challenger => &brief,
        };
        assert_eq!(&ask(&started.chat), expected);
        let thumb = Outcome::Value(1.0);
        experiment
            .record(&unit, Measure::Thumb, thumb, world.now)
            .unwrap();
    }
}

#[test]
fn a_better_challenger_is_promoted_and_a_worse_one_is_not() {
    for (pick, verdict, active) in [
        (Pick::Challenger, Verdict::Promote, 1),
        (Pick::Incumbent, Verdict::RollBack, 0),
    ] {
        let world = World::new();
        let challenger = world.installed(1, 8.0);
        let experiment = start(&world, &challenger, "side_by_side", &picks());
        let early = experiment.conclude(world.now);
        assert!(matches!(early, Err(Error::NotNow { .. })));
        for unit in 0..60 {
            let unit = unit.to_string();
            experiment.assign(&unit, world.now).unwrap();
            let outcome = Outcome::Pick(pick);
            experiment
                .record(&unit, Measure::Pick, outcome, world.now)
                .unwrap();
        }
        let decision = experiment.conclude(world.now);
        assert_eq!(decision.unwrap().verdict, verdict);
        let now_active = world
            .store
            .adapters()
            .active(world.now)
            .unwrap()
            .adapters
            .len();
        assert_eq!(now_active, active);
        // It is over: the same verdict can be read, and what is chosen later stays.
        let outcome = Outcome::Pick(pick);
        let after = experiment.record("0", Measure::Pick, outcome, world.now);
        assert_eq!(refused(after), ExperimentError::Ended);
        assert_eq!(experiment.assign("new", world.now).unwrap(), None);
        world.store.adapters().deactivate(world.now).unwrap();
        let again = experiment.conclude(world.now);
        assert_eq!(again.unwrap().verdict, verdict);
        let active = world.store.adapters().active(world.now).unwrap().adapters;
        assert!(active.is_empty());
    }
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = start(&world, &challenger, "side_by_side", &picks());
    let pick = Outcome::Pick(Pick::Tie);
    let record =
        |unit: &str, measure, outcome, now| refused(experiment.record(unit, measure, outcome, now));
    let unit = "a".to_owned();
    let not_exposed = ExperimentError::NotExposed { unit: unit.clone() };
    assert_eq!(record("a", Measure::Pick, pick, world.now), not_exposed);
    experiment.assign("a", world.now).unwrap();
    experiment
        .record("a", Measure::Pick, pick, world.now)
        .unwrap();
    let measure = Measure::Pick;
    let twice = ExperimentError::DuplicateOutcome { unit, measure };
    assert_eq!(record("a", Measure::Pick, pick, world.now), twice);
    experiment.assign("b", world.now).unwrap();
    let measure = Measure::Thumb;
    let not_taken = ExperimentError::MeasureNotTaken { measure };
    let thumb = Outcome::Value(1.0);
    assert_eq!(record("b", Measure::Thumb, thumb, world.now), not_taken);
    let form = ExperimentError::OutcomeForm {
        measure: Measure::Pick,
    };
    assert_eq!(record("b", Measure::Pick, thumb, world.now), form);
    let decision = experiment.verdict(world.now).unwrap();
    assert_eq!(
        (
            decision.exposures.iter().sum(),
            decision.metrics[0].outcomes
        ),
        (2_u64, 1)
    );
}

#[test]
fn an_experiment_with_what_is_not_installed_does_not_start() {
    let world = World::new();
    let nobody = Digest::of(b"nobody");
    let definition = Definition::parse(&definition(&nobody, "side_by_side", &picks())).unwrap();
    let started = world.store.experiments().start(&definition, world.now);
    assert!(matches!(
        started,
        Err(Error::Store(StoreError::NotInstalled { sha256 })) if sha256 == nobody
    ));
    let mut unfinished = definition;
    unfinished.metrics.clear();
    let started = world.store.experiments().start(&unfinished, world.now);
    assert!(matches!(
        started,
        Err(Error::Experiment(ExperimentError::DefinitionInvalid { field, .. })) if field == "metrics"
    ));
    assert!(world.store.experiments().all().unwrap().is_empty());
}

#[test]
fn two_processes_record_in_one_ledger() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let ours = start(&world, &challenger, "side_by_side", &picks());
    let store = world.folder.path().join("store");
    // Without an engine: experiments go on without one.
    let other = Store::open(&store).unwrap();
    let theirs = other.experiments().all().unwrap().pop().unwrap();
    std::thread::scope(|scope| {
        for experiment in [&ours, &theirs] {
            scope.spawn(|| {
                // The same units: whoever comes first writes the exposure.
                for unit in 0..30 {
                    experiment.assign(&unit.to_string(), world.now).unwrap();
                }
            });
        }
    });
    for experiment in [&ours, &theirs] {
        let decision = experiment.verdict(world.now).unwrap();
        assert_eq!(decision.exposures.iter().sum::<u64>(), 30);
    }
    theirs.end(later(&world, 1)).unwrap();
    assert!(ours.ended().unwrap());
    let decision = ours.verdict(later(&world, 2)).unwrap();
    assert_eq!(decision.reason, Reason::EndedByHand);
}

#[test]
fn one_damaged_experiment_keeps_nobody_from_the_others() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let sound = start(&world, &challenger, "side_by_side", &picks());
    let (nonsense, unread) = ("ab".repeat(32), br#"{"id": "by a newer version"}"#);
    let store = StoreFolder::open(&world.folder.path().join("store")).unwrap();
    store
        .start_experiment(&nonsense, unread, world.now)
        .unwrap();
    // One that reads well and is another than was started.
    let swapped = definition(&Digest::of(b"other"), "side_by_side", &picks());
    let changed = "cd".repeat(32);
    store
        .start_experiment(&changed, &swapped, world.now)
        .unwrap();
    let opened = world.store.experiments().all().unwrap();
    let names: Vec<_> = opened.iter().map(Experiment::sha256).collect();
    assert_eq!(names, [sound.sha256()]);
    let damaged = world.store.experiments().damaged().unwrap();
    assert!(matches!(
        damaged.as_slice(),
        [
            (first, ExperimentError::DefinitionMalformed { .. }),
            (second, ExperimentError::DefinitionInvalid { .. })
        ] if *first == nonsense && *second == changed
    ));
    // A line of the ledger that is none, beside one that is sound.
    sound.assign("a", world.now).unwrap();
    let started = store.experiments().unwrap();
    let run = started.iter().find(|it| it.sha256 == sound.sha256());
    let run = |last| StoredRun {
        experiment: sound.sha256(),
        run: &run.unwrap().run,
        last,
    };
    let last = store.events(&run(0)).unwrap()[0].place;
    let lines = ["no event".to_owned()];
    store.append_events(&run(last), &lines).unwrap();
    let verdict = sound.verdict(world.now);
    assert!(matches!(verdict, Err(Error::LedgerDamaged(_))));
    assert!(world.store.experiments().all().unwrap().is_empty());
    for (sha256, _) in world.store.experiments().damaged().unwrap() {
        world.store.experiments().forget(&sha256).unwrap();
    }
    assert!(world.store.experiments().damaged().unwrap().is_empty());
}

#[test]
fn a_forgotten_experiment_leaves_nothing() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = start(&world, &challenger, "side_by_side", &picks());
    experiment.assign("a", world.now).unwrap();
    let sha256 = experiment.sha256().to_owned();
    world.store.experiments().forget(&sha256).unwrap();
    assert!(world.store.experiments().all().unwrap().is_empty());
    let gone = experiment.assign("b", world.now);
    assert!(matches!(
        gone,
        Err(Error::Store(StoreError::NoExperiment { .. }))
    ));
    let again = world.store.experiments().forget(&sha256);
    assert!(matches!(
        again,
        Err(Error::Store(StoreError::NoExperiment { .. }))
    ));
    let fresh = start(&world, &challenger, "side_by_side", &picks());
    assert_eq!(fresh.arm_of("a").unwrap(), None);
    fresh.assign("b", world.now).unwrap();
    // Who still holds the old one neither reads nor writes in the new one.
    let old = [
        experiment.assign("c", world.now).map(drop),
        experiment.verdict(world.now).map(drop),
        experiment.end(world.now),
    ];
    for result in old {
        let gone = matches!(result, Err(Error::Store(StoreError::NoExperiment { .. })));
        assert!(gone, "{result:?}");
    }
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = start(&world, &challenger, "side_by_side", &picks());
    experiment.assign("a", world.now).unwrap();
    let earlier = later(&world, -3_600);
    let pick = Outcome::Pick(Pick::Tie);
    experiment
        .record("a", Measure::Pick, pick, earlier)
        .unwrap();
    experiment.end(earlier).unwrap();
    let ledger = experiment.ledger().unwrap();
    let at = world.now.unix_seconds().to_string();
    assert!(
        ledger.lines().skip(1).all(|line| line.contains(&at)),
        "{ledger}"
    );
}

#[test]
fn a_question_that_fails_leaves_the_one_before_open() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = Arc::new(start(&world, &challenger, "side_by_side", &picks()));
    let chat = side_by_side(&world, &experiment);
    let cancel = CancelToken::new();
    chat.ask(QUESTION, &options(), world.now, &cancel).unwrap();
    let impossible = GenerationOptions {
        max_tokens: 0,
        ..options()
    };
    let refused = chat.ask("and then", &impossible, world.now, &cancel);
    assert!(matches!(refused, Err(Error::InvalidOption { .. })));
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let stopped = chat.ask("and then", &options(), world.now, &cancelled);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert!(chat.history().is_empty());
    chat.pick(Choice::First, world.now).unwrap();
    assert_eq!(chat.history().len(), 2);
    let decision = experiment.verdict(world.now).unwrap();
    assert_eq!(decision.exposures.iter().sum::<u64>(), 1);
}

#[test]
fn both_replies_are_heard_as_they_are_generated() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = Arc::new(start(&world, &challenger, "side_by_side", &picks()));
    let chat = side_by_side(&world, &experiment);
    let cancel = CancelToken::new();
    for _ in 0..4 {
        let mut heard = Vec::new();
        let mut hear = |part| heard.push(part);
        let asked = chat.ask_streamed(QUESTION, &options(), world.now, &cancel, &mut hear);
        let Asked::Two(shown) = asked.unwrap() else {
            panic!("takes no part");
        };
        let change = heard.partition_point(|part| matches!(part, AskedPart::First(_)));
        let text = |parts: &[AskedPart]| -> String {
            let pieces = parts.iter().map(|part| match part {
                AskedPart::First(text) | AskedPart::Second(text) => text.as_str(),
            });
            pieces.collect()
        };
        assert!(change > 1 && heard.len() > change + 1, "{heard:?}");
        assert_eq!(text(&heard[..change]), shown.first.text);
        assert_eq!(text(&heard[change..]), shown.second.text);
        chat.pick(Choice::Second, world.now).unwrap();
        assert_eq!(chat.history().last().unwrap().content, shown.second.text);
    }
}

#[test]
fn replies_that_are_cancelled_while_they_are_heard_are_not_counted() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let experiment = Arc::new(start(&world, &challenger, "side_by_side", &picks()));
    let chat = side_by_side(&world, &experiment);
    for in_second in [false, true] {
        let cancel = CancelToken::new();
        let mut hear = |part| {
            if matches!(part, AskedPart::Second(_)) == in_second {
                cancel.cancel();
            }
        };
        let stopped = chat.ask_streamed(QUESTION, &options(), world.now, &cancel, &mut hear);
        assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
        assert!(chat.history().is_empty());
        assert_eq!(experiment.verdict(world.now).unwrap().exposures, [0, 0]);
        let pick = chat.pick(Choice::First, world.now);
        assert!(matches!(pick, Err(Error::NotNow { .. })), "{pick:?}");
    }
}

#[test]
fn both_arms_pay_for_the_question_alone_before_their_first_token() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let metrics = json!([
        { "measure": "pick", "role": "primary" },
        { "measure": "first_token_ms", "role": "guardrail" },
    ]);
    let experiment = Arc::new(start(&world, &challenger, "side_by_side", &metrics));
    let chat = side_by_side(&world, &experiment);
    for turn in 0..4 {
        let asked = chat.ask(QUESTION, &options(), world.now, &CancelToken::new());
        let Asked::Two(shown) = asked.unwrap() else {
            panic!("takes no part");
        };
        let computed = [&shown.first, &shown.second].map(|it| it.prompt_tokens - it.reused_tokens);
        assert!(
            computed[0].abs_diff(computed[1]) <= 8,
            "{turn}: {computed:?}"
        );
        chat.pick(Choice::First, world.now).unwrap();
    }
    let decision = experiment.verdict(world.now).unwrap();
    let outcomes: Vec<u64> = decision.metrics.iter().map(|it| it.outcomes).collect();
    assert_eq!(outcomes, [4, 4]);
}

#[test]
fn after_the_end_whatever_is_active_answers() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let base = world.reply();
    world.activate(&[(challenger, 1.0)]);
    let brief = world.reply();
    world.store.adapters().deactivate(world.now).unwrap();
    let experiment = Arc::new(start(&world, &challenger, "side_by_side", &picks()));
    let chat = side_by_side(&world, &experiment);
    experiment.end(world.now).unwrap();
    let alone = |chat: &SideBySideChat| {
        let asked = chat.ask(QUESTION, &options(), world.now, &CancelToken::new());
        let Ok(Asked::One(reply)) = asked else {
            panic!("takes part");
        };
        reply.text
    };
    assert_eq!(alone(&chat), base);
    world.activate(&[(challenger, 1.0)]);
    assert_eq!(alone(&side_by_side(&world, &experiment)), brief);
    // What has lost may be gone.
    world.store.adapters().deactivate(world.now).unwrap();
    world
        .store
        .adapters()
        .remove(&challenger, world.now)
        .unwrap();
    assert_eq!(alone(&side_by_side(&world, &experiment)), base);
}

#[test]
fn a_delivered_definition_is_believed_for_its_signatures() {
    let world = World::new();
    let challenger = world.installed(1, 8.0);
    let definition = definition(&challenger, "side_by_side", &picks());
    let path = world.signed(SubjectKind::Experiment, 2, &definition);
    let start = |path: &Path| world.store.experiments().start_delivered(path, world.now);
    let experiment = start(&path).unwrap();
    experiment.assign("a", world.now).unwrap();
    assert_eq!(start(&path).unwrap().sha256(), experiment.sha256());
    let reason = |path: &Path| match start(path) {
        Err(Error::Store(StoreError::Refused(refusal))) => refusal.reason(),
        other => panic!("{other:?}"),
    };
    // The same bytes, signed as something else; other bytes; an older version.
    let suite = world.signed(SubjectKind::Suite, 3, &definition);
    assert_eq!(reason(&suite), "other_kind");
    let older = world.signed(SubjectKind::Experiment, 1, &definition);
    assert_eq!(reason(&older), "rollback");
    let empty = start(&world.signed(SubjectKind::Experiment, 4, b"{}"));
    assert!(matches!(
        empty,
        Err(Error::Experiment(
            ExperimentError::DefinitionMalformed { .. }
        ))
    ));
    fs::write(&path, [&definition[..], b" "].concat()).unwrap();
    assert_eq!(reason(&path), "other_subject");
    let history = world.store.adapters().history(10).unwrap();
    let actions: Vec<&str> = history.iter().map(|entry| entry.action.name()).collect();
    assert!(actions.contains(&"accepted") && actions.contains(&"refused"));
}
