//! Reading a policy file (C2SP *tlog-policy*, section "Policy file syntax and structure").

use std::collections::{BTreeMap, BTreeSet};

use crate::key::{Algorithm, VerifierKey};
use crate::text::{FormatError, line_of, parse_decimal};

/// The longest file.
pub const MAX_FILE: usize = 1_000_000;
/// How many logs, witnesses and groups a policy may have, each (section "Implementation limits" asks for 32).
pub const MAX_ITEMS: usize = 1_000;

/// A `log` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// The key; its name is the log's origin.
    pub key: VerifierKey,
    /// The URL, whose meaning is the application's.
    pub url: Option<Vec<u8>>,
}

/// A `witness` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// The name inside the file: any bytes but spaces and control characters.
    pub name: Vec<u8>,
    /// The key. Cosignatures of a type that this crate cannot verify do not count.
    pub key: VerifierKey,
    /// The URL below which the witness answers.
    pub url: Option<Vec<u8>>,
}

/// A witness or a group of the policy, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// A position in [`Policy::witnesses`].
    Witness(usize),
    /// A position in [`Policy::groups`].
    Group(usize),
}

/// A `group` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyGroup {
    /// The name inside the file.
    pub name: Vec<u8>,
    /// How many members must have witnessed a checkpoint: 1 to their number.
    pub threshold: usize,
    /// The members, which come before the group.
    pub members: Vec<Member>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    quorum: Option<Member>,
}

impl Policy {
    /// Reads a policy file. Every line must end in a newline: a file that was cut off inside a name would mean something else.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > MAX_FILE {
            return Err(FormatError::new(1, format!("the policy has {} bytes, more than {MAX_FILE}", bytes.len())));
        }
        let is_allowed = |byte: u8| matches!(byte, b'\t' | b'\n' | 0x20..=0x7e | 0x80..);
        if let Some(position) = bytes.iter().position(|&byte| !is_allowed(byte)) {
            let problem = format!("the control character 0x{:02x} is not allowed", bytes[position]);
            return Err(FormatError::new(line_of(bytes, position), problem));
        }
        let last = line_of(bytes, bytes.len());
        let lines = match bytes.strip_suffix(b"\n") {
            Some(lines) => lines,
            None if bytes.is_empty() => return Err(FormatError::new(1, "the policy has no quorum line")),
            None => return Err(FormatError::new(last, "the line does not end in a newline")),
        };
        let mut reader = Reader::default();
        for (index, line) in lines.split(|&byte| byte == b'\n').enumerate() {
            reader.read(line).map_err(|problem| FormatError::new(index + 1, problem))?;
        }
        let Reader { logs, witnesses, groups, quorum, .. } = reader;
        let quorum = quorum.ok_or_else(|| FormatError::new(last, "the policy has no quorum line"))?;
        Ok(Self { logs, witnesses, groups, quorum })
    }

    /// The logs in the order of the file.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses in the order of the file.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The groups in the order of the file.
    pub fn groups(&self) -> &[PolicyGroup] {
        &self.groups
    }

    /// Who must have cosigned; `None` for `quorum none`.
    pub const fn quorum(&self) -> Option<Member> {
        self.quorum
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    quorum: Option<Option<Member>>,
    names: BTreeMap<Vec<u8>, Member>,
    /// Members of some group: each name may be one only once, so that a witness counts in one way only.
    used: BTreeSet<Member>,
    log_keys: BTreeSet<Vec<u8>>,
    witness_keys: BTreeSet<Vec<u8>>,
}

fn shown(text: &[u8]) -> String {
    format!("\"{}\"", text.escape_ascii())
}

impl Reader {
    fn read(&mut self, line: &[u8]) -> Result<(), String> {
        let mut items = line.split(|&byte| byte == b' ' || byte == b'\t').filter(|item| !item.is_empty());
        let Some(keyword) = items.next().filter(|item| !item.starts_with(b"#")) else { return Ok(()) };
        let items: Vec<&[u8]> = items.collect();
        match (keyword, items.as_slice()) {
            (b"log", [key]) => self.log(key, None),
            (b"log", [key, url]) => self.log(key, Some(url)),
            (b"log", _) => Err("a log line has the form \"log <vkey> [<url>]\"".to_owned()),
            (b"witness", [name, key]) => self.witness(name, key, None),
            (b"witness", [name, key, url]) => self.witness(name, key, Some(url)),
            (b"witness", _) => Err("a witness line has the form \"witness <name> <vkey> [<url>]\"".to_owned()),
            (b"group", [name, threshold, members @ ..]) if !members.is_empty() => self.group(name, threshold, members),
            (b"group", _) => Err("a group line has the form \"group <name> all|any|<number> <name>...\"".to_owned()),
            (b"quorum", [name]) => self.set_quorum(name),
            (b"quorum", _) => Err("a quorum line has the form \"quorum <name>\"".to_owned()),
            _ => Err(format!("{} is none of log, witness, group and quorum", shown(keyword))),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&&[u8]>) -> Result<(), String> {
        check_limit(self.logs.len(), "logs")?;
        let key = read_key(key)?;
        if !self.log_keys.insert(key.public_key().to_vec()) {
            return Err(format!("the key of the log {} is that of an earlier log", key.name()));
        }
        self.logs.push(PolicyLog { key, url: url.map(|url| url.to_vec()) });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&&[u8]>) -> Result<(), String> {
        check_limit(self.witnesses.len(), "witnesses")?;
        let key = read_key(key)?;
        if !matches!(key.algorithm(), Algorithm::CosignatureEd25519 | Algorithm::CosignatureMlDsa44) {
            return Err(format!("a witness has a key of type 0x04 or 0x06, not 0x{:02x}", key.algorithm().byte()));
        }
        if !self.witness_keys.insert(key.public_key().to_vec()) {
            return Err(format!("the key of the witness {} is that of an earlier witness", shown(name)));
        }
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyWitness { name: name.to_vec(), key, url: url.map(|url| url.to_vec()) });
        Ok(())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), String> {
        check_limit(self.groups.len(), "groups")?;
        let mut found = Vec::with_capacity(members.len());
        for &member in members {
            // The group's own name is not defined yet, and "none" never is.
            let position =
                self.names.get(member).ok_or_else(|| format!("{} is not defined before this line", shown(member)))?;
            if !self.used.insert(*position) {
                return Err(format!("{} is already a member of a group", shown(member)));
            }
            found.push(*position);
        }
        let threshold = match threshold {
            b"all" => found.len(),
            b"any" => 1,
            number => {
                let number = std::str::from_utf8(number).ok().and_then(|text| parse_decimal(text, MAX_FILE as u64));
                let number = number
                    .and_then(|number| usize::try_from(number).ok())
                    .filter(|number| (1..=found.len()).contains(number));
                number
                    .ok_or_else(|| format!("the threshold must be \"all\", \"any\" or a number from 1 to {}", found.len()))?
            }
        };
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(PolicyGroup { name: name.to_vec(), threshold, members: found });
        Ok(())
    }

    fn set_quorum(&mut self, name: &[u8]) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("a policy has only one quorum line".to_owned());
        }
        self.quorum = Some(match name {
            b"none" => None,
            _ => Some(*self.names.get(name).ok_or_else(|| format!("{} is not defined before this line", shown(name)))?),
        });
        Ok(())
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), String> {
        if name == b"none" {
            return Err("the name \"none\" is predefined".to_owned());
        }
        match self.names.insert(name.to_vec(), member) {
            None => Ok(()),
            Some(_) => Err(format!("the name {} is defined twice", shown(name))),
        }
    }
}

fn check_limit(count: usize, what: &str) -> Result<(), String> {
    if count < MAX_ITEMS { Ok(()) } else { Err(format!("more than {MAX_ITEMS} {what}")) }
}

fn read_key(text: &[u8]) -> Result<VerifierKey, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the verifier key is not UTF-8".to_owned())?;
    VerifierKey::parse(text).map_err(|error| error.to_string())
}
