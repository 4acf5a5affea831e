//! Tables for people.

use pocketune_tests::measures::Kind;

use crate::Judged;
use crate::answer::Answer;
use crate::baselines::Baseline;
use crate::behaviour::{mean, measured, repetitive};
use crate::difference::Difference;

/// One line a run.
pub(crate) fn of_runs(judged: &[Judged]) -> String {
    let headings = [
        "run",
        "moved (95 %)",
        "of",
        "KL",
        "repetitive",
        "empty",
        "% of facts lost (95 %)",
        "requests obeyed",
        "change in % (95 %)",
        "tuning",
        "verdict",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.extend(judged.iter().map(of_run));
    lined_up(&rows)
}

fn of_run(judged: &Judged) -> Vec<String> {
    let it = &judged.verdict;
    vec![
        judged.name.clone(),
        with_interval(it.moved, 1.0),
        judged.run.kind.unit.to_owned(),
        format!("{:.3}", it.kl),
        percents(it.repetitive),
        percents(it.empty),
        with_interval(it.facts_lost, 100.0),
        percents(it.obeyed),
        with_interval(it.requests, 100.0),
        format!("{:.0} s", it.tuning_s),
        match it.passed() {
            true => "passes".to_owned(),
            false => format!("FAILS: {}", it.failed.join(", ")),
        },
    ]
}

/// One line a way without tuning, the strongest first, and one a run of the kind, beside the
/// model as it is.
pub(crate) fn of_baselines(
    kind: &Kind,
    (base, obeyed): (&[Answer], &[f64]),
    baselines: &[Baseline],
    judged: &[Judged],
) -> String {
    let prompt_tokens = |answers: &[Answer]| mean(answers, |it| f64::from(it.prompt_tokens));
    let row = |name: &str, answers: &[Answer], obeyed: Option<f64>| {
        vec![
            name.to_owned(),
            format!("{:.2}", measured(answers, kind.measure)),
            format!("{:+.1}", prompt_tokens(answers) - prompt_tokens(base)),
            format!("{:.1}", mean(answers, |it| f64::from(it.generated_tokens))),
            format!("{:.2}", mean(answers, |it| it.seconds)),
            format!("{:.1} %", 100.0 * repetitive(answers)),
            obeyed.map_or(String::new(), |it| format!("{:.1} %", 100.0 * it)),
        ]
    };
    let share = |obeyed: &[f64]| mean(obeyed, |&obeyed| obeyed);
    let headings = [
        kind.name,
        kind.unit,
        "prompt tokens more",
        "tokens generated",
        "seconds a reply",
        "repetitive",
        "requests obeyed",
        "beats the strongest (95 %)",
        "beats the strongest that breaks nothing (95 %)",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.push(row("base", base, Some(share(obeyed))));
    for it in baselines {
        let obeyed = it.obeyed.as_deref().map(share);
        rows.push(row(&it.name, &it.answers, obeyed));
    }
    let rivals = [
        baselines.first(),
        baselines.iter().find(|it| it.breaks_nothing),
    ];
    for run in judged.iter().filter(|it| it.run.kind.name == kind.name) {
        let mut row = row(&run.name, &run.replies, Some(run.verdict.obeyed[1]));
        for rival in rivals {
            row.push(rival.map_or_else(
                || "there is none".to_owned(),
                |rival| beats(kind, rival, &run.replies),
            ));
        }
        rows.push(row);
    }
    lined_up(&rows)
}

fn beats(kind: &Kind, rival: &Baseline, replies: &[Answer]) -> String {
    let over = Difference::of(&rival.answers, replies, |it| (kind.measure)(&it.reply));
    let beats = if over.low > 0.0 { "yes" } else { "no" };
    format!("{beats}: {} over {}", with_interval(over, 1.0), rival.name)
}

fn with_interval(difference: Difference, unit: f64) -> String {
    let Difference { mean, low, high } = difference;
    format!(
        "{:+.2} ({:+.2} to {:+.2})",
        unit * mean,
        unit * low,
        unit * high
    )
}

fn percents([before, after]: [f64; 2]) -> String {
    format!("{:.1} → {:.1} %", 100.0 * before, 100.0 * after)
}

/// Columns as wide as their widest entry.
fn lined_up(rows: &[Vec<String>]) -> String {
    let length = |entry: &String| entry.chars().count();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(length)
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let entries = row.iter().zip(&widths);
        let padded = entries.map(|(entry, width)| format!("{entry:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
