//! The intervals of all metrics under each other.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use pocketune_judge::experiment::MeasureEvidence;

use super::{
    ACCENT, Area, Drawing, INK, MUTED, NOTHING, Painted, Picture, RULE, line, text, units,
};
use crate::error::ReportError;
use crate::figures::{points_between, points_in_short};

const ROW_PX: u32 = 34;
const AXIS_PX: u32 = 44;
const TOP_PX: u32 = 6;

pub(crate) fn forest(metrics: &[MeasureEvidence]) -> Result<Picture, ReportError> {
    let rows = u32::try_from(metrics.len()).unwrap_or(u32::MAX);
    let height = TOP_PX + rows * ROW_PX + AXIS_PX;
    let wide = Drawing::new("wide", [720, height], |area| paint(metrics, area, 130, 9))?;
    let narrow = Drawing::new("narrow", [358, height], |area| paint(metrics, area, 112, 5))?;
    let each = metrics.iter();
    let each = each.map(|it| format!("{}: {}", it.measure, points_between(it.interval)));
    Ok(Picture {
        id: "forest",
        title: "Intervals of all metrics, in points".to_owned(),
        description: each.collect::<Vec<_>>().join("; "),
        drawings: vec![wide, narrow],
    })
}

fn paint(metrics: &[MeasureEvidence], area: &Area<'_>, names_px: u32, labels: usize) -> Painted {
    let ends = metrics.iter();
    let ends = ends.flat_map(|it| [it.interval.low.abs(), it.interval.high.abs(), it.null.abs()]);
    let reach = (1.08 * ends.fold(0.02, f64::max)).min(1.0);
    let rows = metrics.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin_top(units(TOP_PX))
        .margin_right(units(14))
        .x_label_area_size(units(AXIS_PX))
        .y_label_area_size(units(names_px))
        // The first row is the uppermost.
        .build_cartesian_2d(-reach..reach, -rows..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(NOTHING)
        .bold_line_style(line(RULE, 1.0))
        .axis_style(line(RULE, 1.0))
        .set_all_tick_mark_size(units(5))
        .label_style(text(MUTED))
        .axis_desc_style(text(MUTED))
        .x_labels(labels)
        .y_labels(0)
        .x_label_formatter(&|effect| points_in_short(*effect))
        .x_desc("effect, points")
        .draw()?;
    let zero = [(0.0, -rows), (0.0, 0.0)];
    chart.draw_series([PathElement::new(zero, line(MUTED, 1.0))])?;
    for (row, metric) in metrics.iter().enumerate() {
        let y = -(row as f64) - 0.5;
        let interval = [(metric.interval.low, y), (metric.interval.high, y)];
        chart.draw_series([PathElement::new(interval, line(ACCENT, 2.5))])?;
        if metric.null != 0.0 {
            let margin = [(metric.null, y - 0.32), (metric.null, y + 0.32)];
            chart.draw_series([PathElement::new(margin, line(INK, 1.5))])?;
        }
        let effect = metric.effect;
        chart.draw_series(effect.map(|it| Circle::new((it, y), units(4), ACCENT.filled())))?;
        let (_, height) = chart.backend_coord(&(0.0, y));
        let right = text(INK).pos(Pos::new(HPos::Right, VPos::Center));
        let place = (units(names_px) - units(10), height);
        area.draw(&Text::new(metric.measure.name(), place, right))?;
    }
    Ok(())
}
