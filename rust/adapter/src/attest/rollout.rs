//! Releases in stages, and statements that stop the next one.

use std::fmt;

use pocketune_base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// A release may have this many stages. Three or four are usual.
pub const STAGES_MAX: usize = 16;

/// From when on which share of devices may install a release: strictly rising in both, at
/// most 100 percent. Where the last one is below that, the others wait for a newer release
/// statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Stage>")]
pub struct Stages(Vec<Stage>);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// Share of all devices: above 0, at most 100.
    pub percent: f64,
    /// From when on.
    pub from: Timestamp,
}

/// Stages that do not rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stages are 1 to {STAGES_MAX}, and rise in time and percent, to 100 at most")]
pub struct NotStages;

impl TryFrom<Vec<Stage>> for Stages {
    type Error = NotStages;

    fn try_from(stages: Vec<Stage>) -> Result<Self, NotStages> {
        let shares = |stage: &Stage| stage.percent > 0.0 && stage.percent <= 100.0;
        let rises =
            |(one, next): (&Stage, &Stage)| one.percent < next.percent && one.from < next.from;
        let good = (1..=STAGES_MAX).contains(&stages.len())
            && stages.iter().all(shares)
            && stages.iter().zip(stages.iter().skip(1)).all(rises);
        if good {
            Ok(Self(stages))
        } else {
            Err(NotStages)
        }
    }
}

impl Stages {
    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = Stage> {
        self.0.iter().copied()
    }

    /// From when on this installation may install the file with this digest; `None` where no
    /// stage so far takes it in. Each file has an order of its own, so that nobody is always
    /// the first to try.
    #[must_use]
    pub fn opens(&self, sha256: &Digest, installation: &InstallationId) -> Option<Timestamp> {
        let place = 100.0 * installation.place(sha256);
        let mut stages = self.0.iter();
        stages
            .find(|stage| place < stage.percent)
            .map(|stage| stage.from)
    }
}

/// A random number that an installation has for itself: it decides in which stage of a
/// release it is, and never leaves the device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InstallationId([u8; 32]);

impl InstallationId {
    /// From 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Where it stands among all installations with this file: 0 up to, not including, 1.
    fn place(&self, sha256: &Digest) -> f64 {
        let parts: [&[u8]; 3] = [b"pocketune stages v1", sha256.as_bytes(), &self.0];
        let hash = Digest::of_parts(parts);
        let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        // As many bits as a double holds, so that it stays below 1.
        const BITS: u32 = 53;
        (u64::from_be_bytes(first) >> (64 - BITS)) as f64 / (1_u64 << BITS) as f64
    }
}

impl fmt::Debug for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationId")
    }
}

/// What a halt says of its subject: no device that does not have it installs it from now on.
/// Those that have it keep it; a policy's revocation takes it from them. Strict like a
/// release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Halt {
    /// When it was made.
    pub created: Timestamp,
    /// Why, in plain words.
    pub reason: String,
}

impl Halt {
    /// The predicate's type.
    pub const TYPE: &'static str = "https://pocketune.dev/attestation/halt/v1";
}

#[cfg(test)]
mod tests {
    use super::{InstallationId, STAGES_MAX, Stage, Stages};
    use pocketune_base::{Digest, Timestamp};

    fn stages(all: &[(f64, i64)]) -> Option<Stages> {
        let stage = |&(percent, day): &(f64, i64)| Stage {
            percent,
            from: Timestamp::from_unix(86_400 * day),
        };
        Stages::try_from(all.iter().map(stage).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn stages_rise() {
        for good in [
            &[(1.0, 0), (10.0, 1), (100.0, 7)][..],
            &[(100.0, 0)],
            &[(0.1, 0)],
        ] {
            assert!(stages(good).is_some(), "{good:?}");
        }
        let many: Vec<_> = (1..=STAGES_MAX as i64 + 1)
            .map(|at| (at as f64, at))
            .collect();
        assert!(stages(&many[1..]).is_some());
        for bad in [
            &[][..],
            &many,
            &[(0.0, 0)],
            &[(-1.0, 0)],
            &[(100.1, 0)],
            &[(f64::NAN, 0)],
            &[(10.0, 0), (10.0, 1)],
            &[(10.0, 0), (1.0, 1)],
            &[(1.0, 1), (10.0, 1)],
            &[(1.0, 1), (10.0, 0)],
        ] {
            assert!(stages(bad).is_none(), "{bad:?}");
        }
    }

    fn installation(number: u32) -> InstallationId {
        InstallationId::from_bytes(*Digest::of(&number.to_le_bytes()).as_bytes())
    }

    #[test]
    fn shares_are_shares_and_only_grow() {
        let stages = stages(&[(1.0, 0), (10.0, 1), (100.0, 7)]).unwrap();
        let file = Digest::of(b"adapter");
        let mut counts = [0; 3];
        for number in 0..20_000 {
            match stages
                .opens(&file, &installation(number))
                .unwrap()
                .unix_seconds()
                / 86_400
            {
                0 => counts[0] += 1,
                1 => counts[1] += 1,
                _ => counts[2] += 1,
            }
        }
        // Four standard deviations of a binomial share.
        assert!((144..=256).contains(&counts[0]), "{counts:?}");
        assert!((1_638..=1_962).contains(&counts[1]), "{counts:?}");
    }

    /// Whoever is first with one file is not with the next.
    #[test]
    fn each_file_has_an_order_of_its_own() {
        let stages = stages(&[(10.0, 0)]).unwrap();
        let first = |file: &[u8]| {
            let file = Digest::of(file);
            let numbers = 0..2_000;
            let opens = |number: &u32| stages.opens(&file, &installation(*number)).is_some();
            numbers.filter(opens).collect::<Vec<_>>()
        };
        let (one, two) = (first(b"one"), first(b"two"));
        let both = one.iter().filter(|number| two.contains(number)).count();
        assert!(
            (146..=254).contains(&one.len()) && both < 45,
            "{} {both}",
            one.len()
        );
        assert_eq!(one, first(b"one"));
    }

    /// A wire format: an installation keeps its place over versions of this library.
    #[test]
    fn places_stay() {
        let place = installation(1).place(&Digest::of(b"adapter"));
        assert_eq!(format!("{place:.6}"), "0.376586");
        assert_eq!(format!("{:?}", installation(1)), "InstallationId");
    }
}
