//! The two shapes in which lakeFS hands out a record, and the names of their fields.

use crate::absent::stated;
use crate::json::Json;
use crate::secret;

/// A field by its two names: in a log line, and as a column of the audit table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    line: &'static str,
    row: &'static str,
}

/// Who called: lakeFS's id of the user, or that of the identity provider.
pub(super) const USER: Field = Field { line: "user", row: "data_user" };
/// The repository; only the S3 gateway states it.
pub(super) const REPOSITORY: Field = Field { line: "repository", row: "data_repository" };
/// The branch, tag or commit; only the S3 gateway states it.
pub(super) const REFERENCE: Field = Field { line: "ref", row: "data_ref" };
/// The HTTP status of the answer.
pub(super) const STATUS_CODE: Field = Field { line: "status_code", row: "data_status_code" };
/// `rest_api` or `s3_gateway`.
pub(super) const SERVICE_NAME: Field = Field { line: "service_name", row: "data_service_name" };
/// The id of the request, a UUID.
pub(super) const REQUEST_ID: Field = Field { line: "request_id", row: "data_request_id" };
/// The request's URI; the decoded object path for object operations of the S3 gateway.
pub(super) const PATH: Field = Field { line: "path", row: "data_path" };
/// The operation: camel case for the REST API, snake case for the S3 gateway.
pub(super) const OPERATION_ID: Field = Field { line: "operation_id", row: "data_operation_id" };
/// The HTTP method.
pub(super) const METHOD: Field = Field { line: "method", row: "data_method" };
/// The start of the request in a row, its end in a line.
pub(super) const TIME: Field = Field { line: "time", row: "data_time" };

const FIELDS: [Field; 10] =
    [USER, REPOSITORY, REFERENCE, STATUS_CODE, SERVICE_NAME, REQUEST_ID, PATH, OPERATION_ID, METHOD, TIME];

/// Whether this is the name of a column that lakeFS documents.
pub(super) fn is_column(name: &str) -> bool {
    FIELDS.iter().any(|field| field.row == name)
}

/// A record of either shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'r> {
    json: &'r Json<'r>,
    is_row: bool,
}

impl<'r> Record<'r> {
    /// A row of the audit table, whatever holds it now.
    pub(super) fn row(json: &'r Json<'r>) -> Self {
        Self { json, is_row: true }
    }

    /// A log line.
    pub(super) fn line(json: &'r Json<'r>) -> Self {
        Self { json, is_row: false }
    }

    pub(super) fn is_row(&self) -> bool {
        self.is_row
    }

    pub(super) fn json(&self) -> &'r Json<'r> {
        self.json
    }

    /// The field's name in this record.
    pub(super) fn name(&self, field: Field) -> &'static str {
        if self.is_row { field.row } else { field.line }
    }

    pub(super) fn get(&self, field: Field) -> Option<&'r Json<'r>> {
        self.json.get(self.name(field))
    }

    /// The text of a field; an empty one counts as absent.
    pub(super) fn text(&self, field: Field) -> Option<&'r str> {
        self.json.text_at(self.name(field))
    }

    /// Who called, unless a word says that there is nobody to name.
    pub(super) fn user(&self) -> Option<&'r str> {
        self.text(USER).filter(|user| stated(user).is_some())
    }

    /// Whether the record says that nobody had signed in. A row of the table does so by a user that is null; a line by an
    /// empty one: lines of older servers lack the member whoever called.
    pub(super) fn is_of_nobody(&self) -> bool {
        match self.json.members().and_then(|members| members.stated(self.name(USER))) {
            Some(user) => user.is_vacant(),
            None => self.is_row,
        }
    }

    /// Whether a column or a key of the metadata holds the member of this name already.
    pub(super) fn is_field(&self, name: &str) -> bool {
        FIELDS.iter().any(|field| self.name(*field) == name)
    }
}

/// What a server that traces adds to its lines: bodies and headers, in which passwords and tokens stand.
const TRACED: [&str; 4] = ["request_body", "request_headers", "response_body", "response_headers"];

/// Whether the member of this name holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    secret::is_secret(name) || TRACED.contains(&name)
}
