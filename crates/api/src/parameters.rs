//! The query part of a URL, taken apart.

use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// The parameters of a URL, in order.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
}

/// Decodes a part of a path. `None` if it is not UTF-8.
pub fn decode_path_part(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned())
}

fn decode(part: &str) -> Result<String, Problem> {
    let spaced = part.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Problem::invalid_parameter(part, "must be UTF-8, percent-encoded")),
    }
}

impl Parameters {
    /// Reads the part of a URL after `?`, as HTML forms write it (`+` is a space).
    pub fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self { pairs })
    }

    /// Adds parameters of a body. Fails with 400 if one of them stands in the URL too: which of the two counts would be a guess.
    pub fn extend(&mut self, pairs: Vec<(String, String)>) -> Result<(), Problem> {
        let in_url = |name: &str| self.pairs.iter().any(|(known, _)| known == name);
        if let Some((name, _)) = pairs.iter().find(|(name, _)| in_url(name)) {
            return Err(Problem::invalid_parameter(name, "stands in the URL and in the body: state it in one of them"));
        }
        self.pairs.extend(pairs);
        Ok(())
    }

    /// Takes the one value of a parameter out. Fails with 400 if it is given twice or empty: what is empty is not absent.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut taken = None;
        let mut repeated = false;
        self.pairs.retain_mut(|(key, value)| {
            if key != name {
                return true;
            }
            repeated |= taken.is_some();
            taken = Some(std::mem::take(value));
            false
        });
        if repeated {
            return Err(Problem::invalid_parameter(name, "must be given once"));
        }
        if taken.as_deref() == Some("") {
            return Err(Problem::invalid_parameter(name, "must not be empty: leave it out instead"));
        }
        Ok(taken)
    }

    /// Takes a whole number within bounds out.
    pub fn take_number(&mut self, name: &str, smallest: usize, largest: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) if (smallest..=largest).contains(&number) => Ok(Some(number)),
            _ => Err(Problem::invalid_parameter(name, format!("must be a whole number from {smallest} to {largest}"))),
        }
    }

    /// What was not taken.
    pub fn rest(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// Fails with 400 if a parameter was not taken: a misspelt filter must not widen an answer in silence.
    pub fn expect_none_left(&self) -> Result<(), Problem> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::invalid_parameter(name, "is not known here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_percent_encoding_are_read() {
        let mut parameters = Parameters::parse(Some("q=a+b%2Bc&limit=5&&empty=&flag")).unwrap();
        assert_eq!(parameters.take("q").unwrap().as_deref(), Some("a b+c"));
        assert_eq!(parameters.take_number("limit", 1, 1000).unwrap(), Some(5));
        assert_eq!(parameters.take("absent").unwrap(), None);
        for empty in ["empty", "flag"] {
            let problem = parameters.take(empty).unwrap_err();
            assert_eq!((problem.status.as_u16(), problem.errors[0].field.as_str()), (400, empty));
        }
        assert!(parameters.expect_none_left().is_ok());
    }

    #[test]
    fn what_is_doubled_out_of_bounds_unknown_or_not_utf8_is_400() {
        assert_eq!(Parameters::parse(Some("q=%ff")).unwrap_err().status, 400);
        let mut parameters = Parameters::parse(Some("a=1&a=2&limit=1001&limi=5")).unwrap();
        assert_eq!(parameters.take("a").unwrap_err().status, 400);
        assert_eq!(parameters.take_number("limit", 1, 1000).unwrap_err().status, 400);
        assert_eq!(parameters.expect_none_left().unwrap_err().detail, "limi: is not known here");
    }
}
