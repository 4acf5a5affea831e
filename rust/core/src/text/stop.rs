//! Stop strings that never leak, not even their first characters.

/// Holds back what may be the start of a stop string.
#[derive(Debug)]
pub(crate) struct StopScan {
    stops: Vec<String>,
    held: String,
}

/// What can be shown after a piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Text that is certainly no part of a stop string.
    pub(crate) text: String,
    /// Whether a stop string is complete; nothing after it counts.
    pub(crate) stop: bool,
}

impl StopScan {
    pub(crate) fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.to_vec(),
            held: String::new(),
        }
    }

    /// Adds a piece and returns what can be shown now.
    pub(crate) fn push(&mut self, piece: &str) -> Stopped {
        self.held.push_str(piece);
        let first = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min();
        if let Some(at) = first {
            let mut text = std::mem::take(&mut self.held);
            text.truncate(at);
            return Stopped { text, stop: true };
        }
        let rest = self.held.split_off(self.certain());
        let text = std::mem::replace(&mut self.held, rest);
        Stopped { text, stop: false }
    }

    /// What was held back, when no more text comes.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Bytes at the start of `held` that no stop string can reach into.
    fn certain(&self) -> usize {
        let starts = |at: &usize| {
            self.held.get(*at..).is_some_and(|tail| {
                self.stops
                    .iter()
                    .any(|stop| stop.as_bytes().starts_with(tail.as_bytes()))
            })
        };
        self.held
            .char_indices()
            .map(|(at, _)| at)
            .find(starts)
            .unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::StopScan;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|&stop| stop.to_owned()).collect();
        let mut scan = StopScan::new(&stops);
        let mut out = String::new();
        for piece in pieces {
            let stopped = scan.push(piece);
            out.push_str(&stopped.text);
            if stopped.stop {
                return (out, true);
            }
        }
        out.push_str(&scan.finish());
        (out, false)
    }

    #[test]
    fn a_stop_string_over_several_pieces_leaks_nothing() {
        assert_eq!(run(&["###"], &["a#", "#", "#b"]), ("a".to_owned(), true));
        assert_eq!(run(&["###"], &["a##", "b"]), ("a##b".to_owned(), false));
    }

    #[test]
    fn the_earliest_stop_wins() {
        assert_eq!(run(&["bc", "b"], &["abcd"]), ("a".to_owned(), true));
    }

    #[test]
    fn overlapping_starts_are_held_back() {
        assert_eq!(run(&["aab"], &["a", "a", "a", "b"]), ("a".to_owned(), true));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[ab#]{0,24}", stop in "[ab#]{1,4}", cut in 1usize..5) {
            let pieces: Vec<String> = text.as_bytes().chunks(cut)
                .map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (out, stopped) = run(&[&stop], &pieces);
            match text.find(&stop) {
                Some(at) => prop_assert_eq!((out.as_str(), stopped), (&text[..at], true)),
                None => prop_assert_eq!((out, stopped), (text, false)),
            }
        }
    }
}
