//! The columns of an event: names, types, order and Parquet field ids. Evolution only adds columns at the end.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

/// The version of the set of columns below; a new column raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A timestamp in milliseconds, UTC.
    Time,
    /// A 32-bit integer.
    Int32,
}

macro_rules! columns {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $kind:ident, $nullable:literal;)*) => {
        /// A column of an event. The discriminant is its Parquet field id.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Column {
            $($(#[$doc])* $variant = $id,)*
        }

        impl Column {
            /// Every column in file order.
            pub const ALL: &'static [Column] = &[$(Column::$variant),*];

            /// The column's name, as in JSON, Parquet and SQL.
            pub const fn name(self) -> &'static str {
                Self::NAMES[self.index()]
            }

            const NAMES: &'static [&'static str] = &[$($name),*];

            /// What the column holds.
            pub const fn kind(self) -> ColumnKind {
                match self { $(Column::$variant => ColumnKind::$kind,)* }
            }

            /// Whether an event may lack it.
            pub const fn nullable(self) -> bool {
                match self { $(Column::$variant => $nullable,)* }
            }

            /// The column of a name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Column::$variant),)* _ => None }
            }
        }
    };
}

columns! {
    /// The source's or client's own id, else derived.
    EventId = 1, "event_id", Text, false;
    /// When it happened.
    EventTime = 2, "event_time", Time, false;
    /// What the source states below the millisecond, 0–999,999 ns.
    EventTimeNanos = 3, "event_time_nanos", Int32, true;
    /// When the lake took it in.
    ReceivedTime = 4, "received_time", Time, false;
    /// The start of the period it is sealed with.
    SealTime = 5, "seal_time", Time, false;
    /// Installation region; in the archive a partition column.
    Region = 6, "region", Text, false;
    /// Tenant; in the archive a partition column.
    Organization = 7, "organization", Text, false;
    /// The door it came through: `api` or a log format.
    Source = 8, "source", Text, false;
    /// What was done.
    Action = 9, "action", Text, false;
    /// The kind of action, see [`crate::Category`].
    Category = 10, "category", Text, true;
    /// `success`, `failure`, `denied` or `unknown`.
    Outcome = 11, "outcome", Text, false;
    /// The source's code of the error.
    ErrorCode = 12, "error_code", Text, true;
    /// The source's words about the error.
    ErrorMessage = 13, "error_message", Text, true;
    /// Who: the stable id.
    ActorId = 14, "actor_id", Text, true;
    /// Who: the kind, see [`crate::ActorType`].
    ActorType = 15, "actor_type", Text, true;
    /// Who: the readable name.
    ActorName = 16, "actor_name", Text, true;
    /// Who: the e-mail address.
    ActorEmail = 17, "actor_email", Text, true;
    /// The credential or role behind the actor (assumed role, session, delegation).
    ActorVia = 18, "actor_via", Text, true;
    /// What it was done to: the kind.
    ResourceType = 19, "resource_type", Text, true;
    /// What it was done to: the id.
    ResourceId = 20, "resource_id", Text, true;
    /// What it was done to: the readable name.
    ResourceName = 21, "resource_name", Text, true;
    /// Where it applies: the kind (workspace, organization, repository, bucket…).
    ScopeType = 22, "scope_type", Text, true;
    /// Where it applies: the id.
    ScopeId = 23, "scope_id", Text, true;
    /// JSON array of `{"field":…,"before":…,"after":…}`.
    Changes = 24, "changes", Text, true;
    /// From where: the IP address, or what the source puts in its place.
    SourceIp = 25, "source_ip", Text, true;
    /// From where: the client software.
    UserAgent = 26, "user_agent", Text, true;
    /// The service that recorded it.
    ServiceName = 27, "service_name", Text, true;
    /// The service's request id.
    RequestId = 28, "request_id", Text, true;
    /// The HTTP method of the request.
    HttpMethod = 29, "http_method", Text, true;
    /// The HTTP path of the request.
    HttpPath = 30, "http_path", Text, true;
    /// The HTTP status of the answer.
    HttpStatus = 31, "http_status", Int32, true;
    /// JSON object of the rest that is worth keeping.
    Metadata = 32, "metadata", Text, true;
    /// The original record of an imported event.
    Raw = 33, "raw", Text, true;
}

impl Column {
    /// The Parquet field id, stable for ever.
    pub const fn field_id(self) -> i32 {
        self as i32
    }

    /// The column's position in a landing batch.
    pub const fn index(self) -> usize {
        (self as i32 - 1).unsigned_abs() as usize
    }

    /// Whether the archive keeps it in the path instead of the file.
    pub const fn is_partition(self) -> bool {
        matches!(self, Column::Region | Column::Organization)
    }

    /// Whether it is part of the canonical form: all but when and with what period the lake took the event in.
    pub const fn is_canonical(self) -> bool {
        !matches!(self, Column::ReceivedTime | Column::SealTime)
    }

    fn arrow_field(self) -> Field {
        let data_type = match self.kind() {
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            ColumnKind::Int32 => DataType::Int32,
        };
        let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), self.field_id().to_string());
        Field::new(self.name(), data_type, self.nullable()).with_metadata([id])
    }
}

/// The Arrow schema of a landing object: every column, in order, with Parquet field ids.
pub fn landing_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> =
        LazyLock::new(|| Arc::new(Schema::new(Column::ALL.iter().map(|column| column.arrow_field()).collect::<Vec<_>>())));
    Arc::clone(&SCHEMA)
}

/// The Arrow schema of an archive object: the landing schema without `region` and `organization`, which lie in the path.
pub fn archive_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let columns = Column::ALL.iter().filter(|column| !column.is_partition());
        Arc::new(Schema::new(columns.map(|column| column.arrow_field()).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_ids_are_the_positions_and_names_are_found_again() {
        for (index, column) in Column::ALL.iter().enumerate() {
            assert_eq!(column.index(), index);
            assert_eq!(Column::from_name(column.name()), Some(*column));
        }
        assert_eq!(landing_schema().fields().len(), 33);
        assert_eq!(archive_schema().fields().len(), 31);
    }
}
