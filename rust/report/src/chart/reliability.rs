//! How often the reward model is right, by how sure it is.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement};
use plotters::series::LineSeries;
use plotters::style::Color as _;
use pocketune_judge::reward::{ReliabilityDiagram, RewardReport};

use super::{ACCENT, Area, Drawing, MUTED, NOTHING, Painted, Picture, RULE, line, text, units};
use crate::error::ReportError;
use crate::figures::percent;

pub(crate) fn reliability(report: &RewardReport) -> Result<Picture, ReportError> {
    let drawing = Drawing::new("any", [358, 320], |area| paint(report, area))?;
    let error = |diagram: &ReliabilityDiagram| percent(diagram.expected_calibration_error);
    Ok(Picture {
        id: "reliability",
        title: "Reliability of the reward model's confidence".to_owned(),
        description: format!(
            "Share of right answers by confidence. On the diagonal, confidence is what it says. \
             Expected calibration error {} before calibration and {} after.",
            error(&report.uncalibrated),
            error(&report.calibrated)
        ),
        drawings: vec![drawing],
    })
}

fn paint(report: &RewardReport, area: &Area<'_>) -> Painted {
    let per_cent = |share: &f64| format!("{:.0}", 100.0 * share);
    let mut chart = ChartBuilder::on(area)
        .margin_top(units(10))
        .margin_right(units(14))
        .x_label_area_size(units(40))
        .y_label_area_size(units(48))
        .build_cartesian_2d(0.5..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(NOTHING)
        .bold_line_style(line(RULE, 1.0))
        .axis_style(line(RULE, 1.0))
        .set_all_tick_mark_size(units(5))
        .label_style(text(MUTED))
        .axis_desc_style(text(MUTED))
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&per_cent)
        .y_label_formatter(&per_cent)
        .x_desc("confidence, %")
        .y_desc("right, %")
        .draw()?;
    let diagonal = [(0.5, 0.5), (1.0, 1.0)];
    chart.draw_series([PathElement::new(diagonal, line(MUTED, 1.0))])?;
    let before = places(&report.uncalibrated);
    chart.draw_series(LineSeries::new(before.clone(), line(MUTED, 1.25)))?;
    let hollow = line(MUTED, 1.5);
    chart.draw_series(
        before
            .into_iter()
            .map(|at| Circle::new(at, units(4), hollow)),
    )?;
    let after = places(&report.calibrated);
    chart.draw_series(LineSeries::new(after.clone(), line(ACCENT, 2.0)))?;
    let filled = ACCENT.filled();
    chart.draw_series(
        after
            .into_iter()
            .map(|at| Circle::new(at, units(4), filled)),
    )?;
    Ok(())
}

/// Of bins that hold something.
fn places(diagram: &ReliabilityDiagram) -> Vec<(f64, f64)> {
    let filled = diagram.bins.iter().filter(|bin| bin.count > 0);
    filled.map(|bin| (bin.confidence, bin.accuracy)).collect()
}
