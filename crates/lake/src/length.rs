//! Lengths of time as people write them: `10s`, `15m`, `1h`, `7d`, `500ms`.

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Milliseconds.
    pub millis: i64,
}

const UNITS: &[(&str, i64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// Ten years: more is a mistake.
const LONGEST_MS: i64 = 3_652 * 86_400_000;

impl std::str::FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || "must be a whole number and a unit, such as 10s, 15m, 1h or 7d".to_owned();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: i64 = number.parse().map_err(|_| rule())?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(rule)?;
        let millis = number.checked_mul(*scale).filter(|millis| *millis <= LONGEST_MS).ok_or("is too long")?;
        Ok(Self { millis })
    }
}

impl std::fmt::Display for Length {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let largest = UNITS.iter().rev().find(|(_, scale)| self.millis % scale == 0 && self.millis >= *scale);
        match largest {
            Some((unit, scale)) => write!(formatter, "{}{unit}", self.millis / scale),
            None => formatter.write_str("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_shown_in_their_largest_whole_unit() {
        for (text, millis, shown) in [
            ("10s", 10_000, "10s"),
            ("15m", 900_000, "15m"),
            ("60m", 3_600_000, "1h"),
            ("500ms", 500, "500ms"),
            ("7d", 604_800_000, "7d"),
            ("0s", 0, "0s"),
        ] {
            let length: Length = text.parse().unwrap();
            assert_eq!((length.millis, length.to_string().as_str()), (millis, shown));
        }
        for bad in ["", "10", "s", "-1s", "1.5h", "1w", "99999d", "999999999999999999999s", "1 h"] {
            assert!(bad.parse::<Length>().is_err(), "{bad}");
        }
    }
}
