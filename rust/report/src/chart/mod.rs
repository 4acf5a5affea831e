//! Pictures in SVG, each drawn for a wide page and for a phone. Colours are roles: the
//! style sheet knows each by its value here and gives it another one in the dark.

mod forest;
mod reliability;
mod sequence;

use std::io;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    DrawingArea, IntoDrawingArea as _, IntoFont as _, RGBAColor, RGBColor, SVGBackend, ShapeStyle,
    TextStyle,
};
use plotters::style::Color as _;
use serde::Serialize;

pub(super) use forest::forest;
pub(super) use reliability::reliability;
pub(super) use sequence::sequence;

use crate::error::ReportError;

const INK: RGBColor = RGBColor(0x1C, 0x21, 0x28);
const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6E);
const RULE: RGBColor = RGBColor(0xD5, 0xDB, 0xE2);
const ACCENT: RGBColor = RGBColor(0x0B, 0x5C, 0xAD);
const NOTHING: RGBAColor = RGBAColor(0, 0, 0, 0.0);

/// Units of a drawing a CSS pixel: plotters rounds to whole units.
const UNITS: u32 = 4;
/// plotters writes font sizes divided by this.
const FONT: f64 = 1.24;
const FONT_PX: f64 = 12.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted = Result<(), DrawingAreaErrorKind<io::Error>>;

/// One picture in all its sizes, and in words.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    id: &'static str,
    title: String,
    description: String,
    drawings: Vec<Drawing>,
}

#[derive(Debug, Serialize)]
struct Drawing {
    /// `wide`, `narrow`, or `any`.
    size: &'static str,
    units: [u32; 2],
    pixels: [u32; 2],
    /// What is between the `svg` tags.
    content: String,
}

impl Drawing {
    fn new(
        size: &'static str,
        pixels: [u32; 2],
        paint: impl FnOnce(&Area<'_>) -> Painted,
    ) -> Result<Self, ReportError> {
        let units = pixels.map(|side| side * UNITS);
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, units.into()).into_drawing_area();
            let painted = paint(&area).and_then(|()| area.present());
            painted.map_err(|error| ReportError::Picture(error.into()))?;
        }
        let content = svg.split_once('>').map_or("", |(_, content)| content);
        let content = content.trim().trim_end_matches("</svg>");
        Ok(Self {
            size,
            units,
            pixels,
            content: content.to_owned(),
        })
    }
}

fn text(color: RGBColor) -> TextStyle<'static> {
    let size = FONT_PX * FONT * f64::from(UNITS);
    ("sans-serif", size).into_font().color(&color)
}

/// A line of this many pixels.
fn line(color: RGBColor, pixels: f64) -> ShapeStyle {
    color.stroke_width((pixels * f64::from(UNITS)) as u32)
}

fn units(pixels: u32) -> i32 {
    i32::try_from(pixels * UNITS).unwrap_or(i32::MAX)
}
