//! JSON values in the one form in which `metadata` and `changes` are stored: members sorted by UTF-16 code units, no white
//! space, strings escaped as RFC 8785 says, number literals exactly as they were written.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::byte_buffer::ByteBuffer;
use crate::json::{LoneSurrogate, Reader, SyntaxError};
use crate::limits::MAX_JSON_DEPTH;

/// Why a value has no normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON.
    Syntax(SyntaxError),
    /// It is JSON, but not acceptable; `path` leads to the place from the value's root, such as `.a[0].b`.
    Rule { path: String, detail: &'static str },
}

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        Fault::Syntax(error)
    }
}

/// What is wrong with a member that has the name of another.
pub(crate) const DUPLICATE_KEY: &str = "is stated twice";
/// What is wrong with a string that is not Unicode.
pub(crate) const LONE_SURROGATE: &str = "must not contain half a surrogate pair";
/// What is wrong with a value that is too deep.
pub(crate) const TOO_DEEP: &str = "must not be nested deeper than 64 levels";

const _: () = assert!(MAX_JSON_DEPTH == 64, "the text above states the limit");

/// A value in a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// A member of an object, or an element of an array (with an empty name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    pub name: Cow<'a, str>,
    pub value: NodeId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node<'a> {
    Literal(&'a str),
    Text(Cow<'a, str>),
    /// Elements, as a range of `Tree::members`.
    Array(u32, u32),
    /// Members sorted by name, as a range of `Tree::members`.
    Object(u32, u32),
}

/// Parsed values. One tree is used for many events, so that it allocates seldom.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    members: Vec<Member<'a>>,
    /// Members of the containers that are still being read.
    open: Vec<Member<'a>>,
}

/// The order of names by UTF-16 code units (RFC 8785 section 3.2.3). Without characters beyond U+FFFF it is that of bytes.
pub(crate) fn compare_names(left: &str, right: &str) -> Ordering {
    let has_surrogates = |text: &str| text.bytes().any(|byte| byte >= 0xf0);
    if has_surrogates(left) || has_surrogates(right) {
        return left.encode_utf16().cmp(right.encode_utf16());
    }
    left.as_bytes().cmp(right.as_bytes())
}

fn position(length: usize) -> u32 {
    // A body is far smaller than 4 GiB, see `limits`.
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn text_of<'a>(string: crate::json::RawString<'a>) -> Result<Cow<'a, str>, Fault> {
    string.decode().map_err(|LoneSurrogate| Fault::Rule { path: String::new(), detail: LONE_SURROGATE })
}

fn below(fault: Fault, step: &str) -> Fault {
    match fault {
        Fault::Syntax(error) => Fault::Syntax(error),
        Fault::Rule { path, detail } => Fault::Rule { path: format!("{step}{path}"), detail },
    }
}

impl<'a> Tree<'a> {
    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.members.clear();
        self.open.clear();
    }

    fn add(&mut self, node: Node<'a>) -> NodeId {
        self.nodes.push(node);
        NodeId(position(self.nodes.len() - 1))
    }

    /// Adds a text that stands nowhere in JSON.
    pub fn add_text(&mut self, text: Cow<'a, str>) -> NodeId {
        self.add(Node::Text(text))
    }

    /// Reads the value that is next; it lies inside `levels` containers.
    pub fn read(&mut self, reader: &mut Reader<'a>, levels: usize) -> Result<NodeId, Fault> {
        self.open.clear();
        self.read_at(reader, levels + 1)
    }

    fn read_at(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<NodeId, Fault> {
        match reader.peek() {
            Some(b'{' | b'[') if depth > MAX_JSON_DEPTH => Err(Fault::Rule { path: String::new(), detail: TOO_DEEP }),
            Some(b'{') => self.read_object(reader, depth),
            Some(b'[') => self.read_array(reader, depth),
            Some(b'"') => {
                let text = text_of(reader.string()?)?;
                Ok(self.add(Node::Text(text)))
            }
            _ => {
                let literal = reader.literal()?;
                Ok(self.add(Node::Literal(literal)))
            }
        }
    }

    fn read_object(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<NodeId, Fault> {
        reader.position += 1;
        reader.skip_whitespace();
        let first_open = self.open.len();
        if !reader.take(b'}') {
            loop {
                if reader.peek() != Some(b'"') {
                    return Err(reader.error("a member's name").into());
                }
                let name = text_of(reader.string()?)?;
                reader.colon()?;
                let value = self.read_at(reader, depth + 1).map_err(|fault| below(fault, &format!(".{name}")))?;
                self.open.push(Member { name, value });
                if !reader.comma_or(b'}')? {
                    break;
                }
            }
        }
        self.close_object(first_open)
    }

    fn close_object(&mut self, first_open: usize) -> Result<NodeId, Fault> {
        let members = self.open.get_mut(first_open..).unwrap_or_default();
        members.sort_by(|left, right| compare_names(&left.name, &right.name));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Fault::Rule { path: format!(".{}", pair[0].name), detail: DUPLICATE_KEY });
        }
        let (first, count) = self.store(first_open);
        Ok(self.add(Node::Object(first, count)))
    }

    fn store(&mut self, first_open: usize) -> (u32, u32) {
        let first = self.members.len();
        self.members.extend(self.open.drain(first_open..));
        (position(first), position(self.members.len() - first))
    }

    fn read_array(&mut self, reader: &mut Reader<'a>, depth: usize) -> Result<NodeId, Fault> {
        reader.position += 1;
        reader.skip_whitespace();
        let first_open = self.open.len();
        if !reader.take(b']') {
            loop {
                let element = self.open.len() - first_open;
                let value = self.read_at(reader, depth + 1).map_err(|fault| below(fault, &format!("[{element}]")))?;
                self.open.push(Member { name: Cow::Borrowed(""), value });
                if !reader.comma_or(b']')? {
                    break;
                }
            }
        }
        let (first, count) = self.store(first_open);
        Ok(self.add(Node::Array(first, count)))
    }

    /// An object of members that were read one by one, or the name of one that is there twice.
    pub fn object_of(&mut self, mut members: Vec<Member<'a>>) -> Result<NodeId, Cow<'a, str>> {
        members.sort_by(|left, right| compare_names(&left.name, &right.name));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(pair[0].name.clone());
        }
        let first = self.members.len();
        self.members.append(&mut members);
        let count = self.members.len() - first;
        Ok(self.add(Node::Object(position(first), position(count))))
    }

    fn node(&self, id: NodeId) -> Option<&Node<'a>> {
        self.nodes.get(id.0 as usize)
    }

    fn range(&self, first: u32, count: u32) -> &[Member<'a>] {
        self.members.get(first as usize..(first + count) as usize).unwrap_or_default()
    }

    /// The members of an object, sorted; `None` if it is none.
    pub fn as_object(&self, id: NodeId) -> Option<&[Member<'a>]> {
        match self.node(id) {
            Some(Node::Object(first, count)) => Some(self.range(*first, *count)),
            _ => None,
        }
    }

    /// The elements of an array; `None` if it is none.
    pub fn as_array(&self, id: NodeId) -> Option<&[Member<'a>]> {
        match self.node(id) {
            Some(Node::Array(first, count)) => Some(self.range(*first, *count)),
            _ => None,
        }
    }

    /// The text of a string; `None` if it is none.
    pub fn as_text(&self, id: NodeId) -> Option<&str> {
        match self.node(id) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A number, `true`, `false` or `null` as it was written; `None` if it is none of these.
    pub fn as_literal(&self, id: NodeId) -> Option<&str> {
        match self.node(id) {
            Some(Node::Literal(literal)) => Some(literal),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self, id: NodeId) -> bool {
        matches!(self.node(id), Some(Node::Literal("null")))
    }

    /// Whether two values have the same normal form.
    pub fn is_same(&self, left: NodeId, right: NodeId) -> bool {
        let are_same = |left: &[Member<'a>], right: &[Member<'a>]| {
            let mut pairs = left.iter().zip(right);
            left.len() == right.len()
                && pairs.all(|(left, right)| left.name == right.name && self.is_same(left.value, right.value))
        };
        match (self.node(left), self.node(right)) {
            (Some(Node::Literal(left)), Some(Node::Literal(right))) => left == right,
            (Some(Node::Text(left)), Some(Node::Text(right))) => left == right,
            (Some(Node::Array(first, count)), Some(Node::Array(other_first, other_count)))
            | (Some(Node::Object(first, count)), Some(Node::Object(other_first, other_count))) => {
                are_same(self.range(*first, *count), self.range(*other_first, *other_count))
            }
            _ => false,
        }
    }

    /// Appends the normal form of a value.
    pub fn write(&self, id: NodeId, out: &mut ByteBuffer) {
        match self.node(id) {
            Some(Node::Literal(literal)) => out.put_bytes(literal.as_bytes()),
            Some(Node::Text(text)) => out.put_string(text),
            Some(Node::Array(first, count)) => {
                out.push(b'[');
                for (position, element) in self.range(*first, *count).iter().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    self.write(element.value, out);
                }
                out.push(b']');
            }
            Some(Node::Object(first, count)) => {
                out.push(b'{');
                for (position, member) in self.range(*first, *count).iter().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    out.put_string(&member.name);
                    out.push(b':');
                    self.write(member.value, out);
                }
                out.push(b'}');
            }
            None => {}
        }
    }
}
