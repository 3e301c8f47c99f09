//! What a text says nothing by: the rule of all doors.

pub(crate) use auditlake_event::absence::stated;
