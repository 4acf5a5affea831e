//! A set of characters, as sorted ranges.

/// What one character may be: `"a"`, `[a-z]`, `[^"]`, `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Class(Vec<(u32, u32)>);

/// NUL is no character of a reply, whatever a grammar leaves open; nor is it to llama.cpp.
const FIRST: u32 = 1;
const LAST: u32 = char::MAX as u32;

impl Class {
    /// Any character.
    pub(crate) fn any() -> Self {
        Self(vec![(FIRST, LAST)])
    }

    pub(crate) fn one(character: char) -> Self {
        let code = u32::from(character);
        Self(vec![(code, code)])
    }

    /// The characters of `ranges`, or all others.
    pub(crate) fn new(mut ranges: Vec<(u32, u32)>, negated: bool) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::new();
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        if !negated {
            return Self(merged);
        }
        let mut others = Vec::new();
        let mut next = FIRST;
        for (low, high) in merged {
            if next < low {
                others.push((next, low - 1));
            }
            next = high + 1;
        }
        if next <= LAST {
            others.push((next, LAST));
        }
        Self(others)
    }

    pub(crate) fn contains(&self, character: char) -> bool {
        self.overlaps(u32::from(character), u32::from(character))
    }

    /// Whether any code point of `low..=high` is in the set.
    pub(crate) fn overlaps(&self, low: u32, high: u32) -> bool {
        let after = self.0.partition_point(|&(_, end)| end < low);
        self.0.get(after).is_some_and(|&(start, _)| start <= high)
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn ranges_merge_and_negate() {
        let class = Class::new(vec![(97, 99), (98, 122), (48, 57)], false);
        assert!(class.contains('z') && class.contains('0') && !class.contains('A'));
        let others = Class::new(vec![(97, 122), (0, 47)], true);
        assert!(others.contains('0') && others.contains('\u{10ffff}'));
        assert!(!others.contains('a') && !others.contains('/'));
        assert!(others.overlaps(100, 123) && !others.overlaps(97, 122));
        assert_eq!(
            Class::new(vec![(0, 0x10_ffff)], true),
            Class::new(Vec::new(), false)
        );
    }
}
