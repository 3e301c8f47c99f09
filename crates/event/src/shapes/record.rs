//! A foreign event as a tree, looked at by names.

use crate::byte_buffer::ByteBuffer;
use crate::normal_json::{Member, NodeId, Tree};

/// An object of a foreign event. A member that is `null` counts as absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'t> {
    tree: &'t Tree<'t>,
    members: &'t [Member<'t>],
}

impl<'t> Record<'t> {
    /// The object of a node; `None` if it is none.
    pub fn of(tree: &'t Tree<'t>, node: NodeId) -> Option<Self> {
        tree.as_object(node).map(|members| Self { tree, members })
    }

    /// The object of a node of the same event.
    pub fn record(self, node: NodeId) -> Option<Self> {
        Self::of(self.tree, node)
    }

    /// The members, those that are `null` too, sorted by name.
    pub fn all_members(self) -> impl Iterator<Item = (&'t str, NodeId)> {
        self.members.iter().map(|member| (member.name.as_ref(), member.value))
    }

    /// The members, sorted by name.
    pub fn members(self) -> impl Iterator<Item = (&'t str, NodeId)> {
        self.all_members().filter(move |(_, value)| !self.tree.is_null(*value))
    }

    /// The member of a name.
    pub fn get(self, name: &str) -> Option<NodeId> {
        self.members().find(|(member, _)| *member == name).map(|(_, value)| value)
    }

    /// The first of these names that is a member, and its value.
    pub fn first_of<'n>(self, names: &[&'n str]) -> Option<(&'n str, NodeId)> {
        names.iter().find_map(|name| self.get(name).map(|value| (*name, value)))
    }

    /// The text of a node that is a string and not empty.
    pub fn text_of(self, node: NodeId) -> Option<&'t str> {
        self.tree.as_text(node).filter(|text| !text.is_empty())
    }

    /// The text of a member that is a string and not empty.
    pub fn text(self, name: &str) -> Option<&'t str> {
        self.text_of(self.get(name)?)
    }

    /// Whether a node is a string.
    pub fn is_text(self, node: NodeId) -> bool {
        self.tree.as_text(node).is_some()
    }

    /// The truth value of a node; `None` if it is none.
    pub fn truth_of(self, node: NodeId) -> Option<bool> {
        match self.tree.as_literal(node)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The elements of a node that is an array.
    pub fn elements(self, node: NodeId) -> Option<impl ExactSizeIterator<Item = NodeId> + 't> {
        self.tree.as_array(node).map(|elements| elements.iter().map(|element| element.value))
    }

    /// Whether a node is an array.
    pub fn is_array(self, node: NodeId) -> bool {
        self.tree.as_array(node).is_some()
    }

    /// A node as JSON text, numbers as they were sent.
    pub fn json(self, node: NodeId) -> String {
        let mut out = ByteBuffer::default();
        self.tree.write(node, &mut out);
        // A tree holds texts only, so nothing is ever replaced here.
        String::from_utf8_lossy(out.as_slice()).into_owned()
    }
}
