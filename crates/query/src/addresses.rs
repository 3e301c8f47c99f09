//! What `source_ip` may be asked for: an address in any spelling, a block (`203.0.113.0/24`), a range (`203.0.113.7-203.0.113.20`), or a
//! word that stands in an address's place, such as `cloudtrail.amazonaws.com`.
//!
//! A block or a range of one family holds addresses of that family only. What can match nothing is refused rather than answered by
//! an empty list, which would read as "nothing came from there".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use auditlake_event::address::first_address;

/// The IPv4 addresses, as IPv6 has them: `::ffff:0:0/96`.
const MAPPED_FIRST: u128 = 0xffff_0000_0000;
const MAPPED_LAST: u128 = 0xffff_ffff_ffff;

/// Addresses from one to another, both inclusive, as numbers: IPv4 ones as IPv6 has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: u128,
    /// The last.
    pub last: u128,
}

/// One value of the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This text: an address in its canonical spelling, or a word.
    Text(String),
    /// Addresses, by the text of the block or range in its canonical spelling.
    Range(String, Range),
}

/// The number of an address.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => MAPPED_FIRST | u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The number of a stored text, if it is an address.
pub fn number_of(text: &str) -> Option<u128> {
    text.parse::<IpAddr>().ok().map(number)
}

/// The address of a number, as IPv6.
pub fn address_of(number: u128) -> Ipv6Addr {
    Ipv6Addr::from(number)
}

impl Range {
    /// Whether an address lies in it.
    pub const fn holds(&self, number: u128) -> bool {
        self.first <= number && number <= self.last
    }

    /// The parts of it that hold addresses of its own family only: an IPv6 range leaves out the addresses of IPv4.
    pub fn parts(&self) -> Vec<Range> {
        if self.first >= MAPPED_FIRST && self.last <= MAPPED_LAST {
            return vec![*self];
        }
        let before = Range { first: self.first, last: self.last.min(MAPPED_FIRST - 1) };
        let after = Range { first: self.first.max(MAPPED_LAST + 1), last: self.last };
        [before, after].into_iter().filter(|part| part.first <= part.last).collect()
    }
}

fn parse_address(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn parse_block(address: &str, length: &str) -> Result<Wanted, String> {
    const RULE: &str = "must be a block of addresses such as 203.0.113.0/24 or 2001:db8::/32";
    let Ok(stated) = address.trim().parse::<IpAddr>() else { return Err(RULE.to_owned()) };
    let is_number = !length.is_empty() && length.len() <= 3 && length.bytes().all(|byte| byte.is_ascii_digit());
    let Some(length) = length.parse::<u32>().ok().filter(|_| is_number) else { return Err(RULE.to_owned()) };
    let whole = if stated.is_ipv4() { 32 } else { 128 };
    if length > whole {
        return Err(format!("a prefix of such addresses has {whole} bits at most"));
    }
    // In the numbers of IPv6 a block of IPv4 has 96 bits more.
    let prefix = if stated.is_ipv4() { length + 96 } else { length };
    let rest = u128::MAX.checked_shr(prefix).unwrap_or(0);
    let first = number(stated) & !rest;
    let range = Range { first, last: first | rest };
    let text = match (range.first >= MAPPED_FIRST && range.last <= MAPPED_LAST, address_of(first).to_ipv4_mapped()) {
        (true, Some(network)) => format!("{network}/{}", prefix - 96),
        _ => format!("{}/{prefix}", address_of(first)),
    };
    Ok(Wanted::Range(text, range))
}

fn parse_range(first: IpAddr, last: IpAddr) -> Result<Wanted, String> {
    if first.is_ipv4() != last.is_ipv4() {
        return Err("both ends of a range must be of one family".to_owned());
    }
    let range = Range { first: number(first), last: number(last) };
    if range.first > range.last {
        return Err("a range goes from the smaller address to the larger".to_owned());
    }
    Ok(Wanted::Range(format!("{first}-{last}"), range))
}

/// Reads a value of the filter; fails with the rule it breaks if no stored text could match it.
pub fn parse(value: &str) -> Result<Wanted, String> {
    const RULE: &str = "must be an address, a block such as 203.0.113.0/24, or a range such as 203.0.113.7-203.0.113.20";
    let value = value.trim();
    if let Some((address, length)) = value.split_once('/') {
        return parse_block(address, length.trim());
    }
    if let Some((first, last)) = value.split_once('-') {
        match (parse_address(first), parse_address(last)) {
            (Some(first), Some(last)) => return parse_range(first, last),
            (None, None) => {}
            _ => return Err("both ends of a range must be addresses, such as 203.0.113.7-203.0.113.20".to_owned()),
        }
    }
    if value.contains(',') {
        return Err("must be one address; give the parameter again for a second one".to_owned());
    }
    // The zone of a link-local address belongs to one machine.
    let without_zone = value.split_once('%').map(|(address, _)| address.trim_start_matches('['));
    let text = match without_zone.filter(|address| address.parse::<Ipv6Addr>().is_ok()) {
        Some(address) => first_address(address).into_owned(),
        None => first_address(value).into_owned(),
    };
    let is_address = parse_address(&text).is_some();
    // A word has a letter; digits and marks alone, or a wildcard, are an address that went wrong.
    let is_word = text.chars().any(char::is_alphabetic) && !text.contains(['*', '?', ' ']);
    let is_broken_number = text.bytes().all(|byte| byte.is_ascii_hexdigit() || b".:[]%-".contains(&byte))
        && text.contains(['.', ':'])
        && text.parse::<Ipv4Addr>().is_err()
        && !text.bytes().any(|byte| matches!(byte, b'g'..=b'z' | b'G'..=b'Z'));
    if is_address || (is_word && !(is_broken_number && text.contains(':'))) {
        Ok(Wanted::Text(text))
    } else {
        Err(RULE.to_owned())
    }
}

impl Wanted {
    /// Its canonical text: what [`parse`] reads again.
    pub fn text(&self) -> &str {
        match self {
            Wanted::Text(text) | Wanted::Range(text, _) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        parse(value).unwrap().text().to_owned()
    }

    #[test]
    fn an_address_is_one_text_however_it_is_spelt() {
        for (value, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7 ", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:52100", "203.0.113.7"),
            ("2001:DB8:0:0::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("cloudtrail.amazonaws.com", "cloudtrail.amazonaws.com"),
            ("ip-10-0-0-1.ec2.internal", "ip-10-0-0-1.ec2.internal"),
            ("gce-internal-ip", "gce-internal-ip"),
            ("dead-beef", "dead-beef"),
        ] {
            assert_eq!(text(value), expected);
            assert_eq!(text(&text(value)), expected, "reading it again changes nothing");
        }
    }

    #[test]
    fn blocks_and_ranges_hold_their_ends_and_nothing_beyond() {
        for (value, canonical, inside, outside) in [
            (
                "203.0.113.0/24",
                "203.0.113.0/24",
                &["203.0.113.0", "203.0.113.255"][..],
                &["203.0.112.255", "203.0.114.0"][..],
            ),
            ("203.0.113.77/24", "203.0.113.0/24", &["203.0.113.7"], &["203.0.112.7"]),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24", &["203.0.113.9"], &["203.0.114.0"]),
            ("0.0.0.0/0", "0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1", "2001:db8::1"]),
            ("::/0", "::/0", &["::", "::1", "2001:db8::1", "ffff::"], &["192.0.2.1", "0.0.0.0", "255.255.255.255"]),
            ("2001:DB8::/32", "2001:db8::/32", &["2001:db8::", "2001:db8:ffff::1"], &["2001:db9::", "192.0.2.1"]),
            ("203.0.113.7/32", "203.0.113.7/32", &["203.0.113.7"], &["203.0.113.8", "203.0.113.6"]),
            (
                "203.0.113.7 - 203.0.113.20",
                "203.0.113.7-203.0.113.20",
                &["203.0.113.7", "203.0.113.20"],
                &["203.0.113.21", "203.0.113.6"],
            ),
            (
                "2001:db8::a-2001:db8::1:0",
                "2001:db8::a-2001:db8::1:0",
                &["2001:db8::ffff"],
                &["2001:db8::9", "2001:db8::1:1"],
            ),
        ] {
            assert_eq!(text(value), canonical);
            let Wanted::Range(_, range) = parse(value).unwrap() else { panic!("{value} is a range") };
            let holds = |address: &&str| range.parts().iter().any(|part| part.holds(number_of(address).unwrap()));
            assert!(inside.iter().all(&holds), "{value} {inside:?}");
            assert!(!outside.iter().any(holds), "{value} {outside:?}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        for value in [
            "203.0.113.*",
            "203.0.113",
            "203.0.113.",
            "300.0.113.7",
            "203.0.113.0/33",
            "203.0.113.0/",
            "203.0.113.0/-1",
            "203.0.113.0/255.255.255.0",
            "2001:db8::/129",
            "2001:db8:::1",
            "/24",
            "203.0.113.20-203.0.113.7",
            "203.0.113.7-",
            "203.0.113.7-9",
            "203.0.113.7-2001:db8::1",
            "203.0.113.7, 10.0.0.1",
            "*",
            "10.?.0.1",
            "7",
        ] {
            assert!(parse(value).is_err(), "{value}: {:?}", parse(value));
        }
    }
}
