//! The shapes in which events of other systems come.

/// A shape in which events of other systems come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignShape {
    /// CloudEvents 1.0, JSON format: an envelope around any event, a WorkOS or Retraced one included.
    CloudEvents,
    /// WorkOS Audit Logs, bare or as its API takes them.
    WorkOs,
    /// Retraced.
    Retraced,
    /// Our own JSON as a lake answers or a program spools it, with what a lake has set itself.
    Exported,
}
