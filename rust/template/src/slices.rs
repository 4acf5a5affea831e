//! Indices and slices, as Python has them.

use crate::error::{Fault, TemplateError};
use crate::meter::{Charge, Meter};
use crate::text::{Origin, Text, TextBuilder};
use crate::value::{List, ListBuilder, SeriesKind, Value};

/// Where `index` lies in a sequence of `length`; from its end where it is negative.
pub(crate) fn place(index: i64, length: usize) -> Option<usize> {
    let place = if index < 0 {
        i64::try_from(length).ok()?.checked_add(index)?
    } else {
        index
    };
    usize::try_from(place).ok().filter(|place| *place < length)
}

/// The character at `index`.
pub(crate) fn char_at(
    text: &Text,
    index: i64,
    meter: &Meter,
) -> Result<Option<Text>, TemplateError> {
    meter.read(text.len())?;
    let Some(place) = place(index, text.char_count()) else {
        return Ok(None);
    };
    let start = text.byte_of_char(place);
    let end = text.byte_of_char(place + 1);
    text.slice(start..end).map(Some)
}

/// `value[start:stop:step]`.
pub(crate) fn slice(
    value: &Value,
    bounds: &[Value; 3],
    meter: &Meter,
) -> Result<Value, TemplateError> {
    match value {
        Value::Text(text) => slice_text(text, bounds, meter).map(Value::Text),
        Value::List(list) => slice_list(list, bounds, meter).map(Value::List),
        Value::Tuple(list) => slice_list(list, bounds, meter).map(Value::Tuple),
        Value::Series(series) if series.kind == SeriesKind::Range => {
            let part = slice_list(&series.items, bounds, meter)?;
            Value::series(SeriesKind::Range, part)
        }
        Value::Undefined(name) => Err(Value::undefined_fault(name.as_deref())),
        other => Err(Fault::types(format!(
            "a {} cannot be sliced",
            other.type_name()
        ))),
    }
}

fn slice_list(list: &List, bounds: &[Value; 3], meter: &Meter) -> Result<List, TemplateError> {
    let mut part = ListBuilder::new(meter)?;
    for place in Places::of(bounds, list.items().len())? {
        if let Some(item) = list.items().get(place) {
            part.push(item.clone())?;
        }
    }
    part.finish()
}

fn slice_text(text: &Text, bounds: &[Value; 3], meter: &Meter) -> Result<Text, TemplateError> {
    meter.read(text.len())?;
    let places = Places::of(bounds, text.char_count())?;
    if places.step == 1 {
        let (start, end) = (places.next, places.next.saturating_add(places.left));
        return text.slice(text.byte_of_char(start)..text.byte_of_char(end));
    }
    let _working = Charge::take(meter, text.len() * size_of::<(usize, char, Origin)>())?;
    let chars: Vec<_> = text.chars().collect();
    let mut part = TextBuilder::new(meter)?;
    for place in places {
        if let Some((_, char, origin)) = chars.get(place) {
            meter.spend(1)?;
            part.push_char(*char, *origin)?;
        }
    }
    Ok(part.finish())
}

/// The places of a slice, one after the other.
struct Places {
    next: usize,
    step: i64,
    left: usize,
}

impl Places {
    fn of(bounds: &[Value; 3], length: usize) -> Result<Self, TemplateError> {
        let [start, stop, step] = bounds;
        let step = bound(step)?.unwrap_or(1);
        if step == 0 {
            return Err(Fault::value("the step of a slice is 0"));
        }
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        // The first and the last place that there can be, one beyond included.
        let (low, high) = if step > 0 {
            (0, length)
        } else {
            (-1, length - 1)
        };
        let clamped = |bound: Option<i64>, absent: i64| match bound {
            None => absent,
            Some(bound) if bound < 0 => (bound.saturating_add(length)).clamp(low, high),
            Some(bound) => bound.clamp(low, high),
        };
        let (first, beyond) = if step > 0 { (low, high) } else { (high, low) };
        let start = clamped(bound(start)?, first);
        let stop = clamped(bound(stop)?, beyond);
        let distance = if step > 0 { stop - start } else { start - stop };
        let left = if distance <= 0 {
            0
        } else {
            (distance - 1) as u64 / step.unsigned_abs() + 1
        };
        Ok(Self {
            next: usize::try_from(start).unwrap_or(0),
            step,
            left: usize::try_from(left).unwrap_or(usize::MAX),
        })
    }
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.next;
        let step = usize::try_from(self.step.unsigned_abs()).unwrap_or(usize::MAX);
        self.next = if self.step > 0 {
            place.saturating_add(step)
        } else {
            place.saturating_sub(step)
        };
        Some(place)
    }
}

fn bound(value: &Value) -> Result<Option<i64>, TemplateError> {
    match value {
        Value::None => Ok(None),
        Value::Undefined(name) => Err(Value::undefined_fault(name.as_deref())),
        other => match other.as_int() {
            Some(number) => Ok(Some(number)),
            None => Err(Fault::types(format!(
                "the bounds of a slice are whole numbers, not {}",
                other.type_name()
            ))),
        },
    }
}
