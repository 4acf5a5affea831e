//! Where the effect is, outcome by outcome or person by person.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Polygon};
use plotters::series::LineSeries;
use plotters::style::Color as _;
use pocketune_base::grouped;
use pocketune_judge::experiment::signed_points;

use super::{
    ACCENT, Area, Drawing, INK, MUTED, NOTHING, Painted, Picture, RULE, line, text, units,
};
use crate::error::ReportError;
use crate::figures::points_in_short;
use crate::looks::{Look, Sequence};

/// Of the first looks, at which the interval is nearly everything: they do not set the scale.
const WARM_UP: f64 = 0.15;

pub(crate) fn sequence(of: &Sequence) -> Result<Picture, ReportError> {
    let wide = Drawing::new("wide", [720, 320], |area| paint(of, area, 8))?;
    let narrow = Drawing::new("narrow", [358, 280], |area| paint(of, area, 4))?;
    let last = of.looks.last();
    let description = last.map(|last| {
        format!(
            "After {} {} the interval reaches from {} to {} points, around an effect of {}; \
             the line of no promotion is at {} points.",
            grouped(last.count),
            of.unit,
            signed_points(last.low),
            signed_points(last.high),
            signed_points(last.effect.unwrap_or_default()),
            signed_points(of.null)
        )
    });
    Ok(Picture {
        id: "sequence",
        title: "Effect on the primary metric and its confidence sequence".to_owned(),
        description: description.unwrap_or_default(),
        drawings: vec![wide, narrow],
    })
}

fn paint(of: &Sequence, area: &Area<'_>, x_labels: usize) -> Painted {
    let looks = &of.looks;
    let last = looks.last().map_or(1.0, |look| look.count as f64);
    let reach = reach(of, last);
    let within = |value: f64| value.clamp(-reach, reach);
    let mut chart = ChartBuilder::on(area)
        .margin_top(units(10))
        .margin_right(units(14))
        .x_label_area_size(units(40))
        .y_label_area_size(units(52))
        .build_cartesian_2d(0.0..last, -reach..reach)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(NOTHING)
        .bold_line_style(line(RULE, 1.0))
        .axis_style(line(RULE, 1.0))
        .set_all_tick_mark_size(units(5))
        .label_style(text(MUTED))
        .axis_desc_style(text(MUTED))
        .x_labels(x_labels)
        .y_labels(7)
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|effect| points_in_short(*effect))
        .x_desc(of.unit)
        .y_desc("effect, points")
        .draw()?;
    let x = |look: &Look| look.count as f64;
    let above = looks.iter().map(|look| (x(look), within(look.high)));
    let below = looks.iter().rev().map(|look| (x(look), within(look.low)));
    let band: Vec<(f64, f64)> = above.clone().chain(below.clone()).collect();
    chart.draw_series([Polygon::new(band, ACCENT.mix(0.16).filled())])?;
    chart.draw_series(LineSeries::new(above, line(ACCENT, 0.75)))?;
    chart.draw_series(LineSeries::new(below, line(ACCENT, 0.75)))?;
    let null = [(0.0, of.null), (last, of.null)];
    chart.draw_series([PathElement::new(null, line(INK, 1.25))])?;
    let seen = looks.iter().filter_map(|look| Some((look, look.effect?)));
    let seen: Vec<(f64, f64)> = seen
        .map(|(look, effect)| (x(look), within(effect)))
        .collect();
    let end = seen.last().copied();
    chart.draw_series(LineSeries::new(seen, line(ACCENT, 2.0)))?;
    chart.draw_series(end.map(|end| Circle::new(end, units(3), ACCENT.filled())))?;
    Ok(())
}

/// How far the scale goes to both sides.
fn reach(of: &Sequence, last: f64) -> f64 {
    let settled = of.looks.iter();
    let settled = settled.filter(|look| look.count as f64 >= WARM_UP * last);
    let widest = settled.flat_map(|look| [look.low.abs(), look.high.abs()]);
    let widest = widest.fold(of.null.abs(), f64::max);
    (1.1 * widest).clamp(0.02, 1.0)
}
