//! What was read becomes an event: every column is checked against its rules and normalised, and what breaks one is noted.

use std::borrow::Cow;

use super::super::changes;
use super::super::context::{LargeEvents, Lookalikes};
use super::super::problem::Problem;
use super::super::trim;
use super::{Door, Value, bit};
use crate::address::{canonical_address, client_address};
use crate::columns::{Column, ColumnKind};
use crate::event_id::is_event_id;
use crate::json::LoneSurrogate;
use crate::limits::{EARLIEST_EVENT_TIME_MS, max_text_bytes};
use crate::model::{ActorType, Category, Event, Outcome};
use crate::name::{Organization, Region};
use crate::normal_json::{DUPLICATE_KEY, LONE_SURROGATE, Member};
use crate::time::Timestamp;

const ALREADY_IN_METADATA: &str = "is no column, and `metadata` has a member of this name already";

impl<'a> Door<'a> {
    #[inline]
    pub(super) fn value(&self, column: Column) -> Value<'a> {
        if self.stated & bit(column) == 0 { Value::Null } else { self.values[column.index()] }
    }

    /// The text of a column, checked against its limit; an empty text is none.
    #[inline(always)]
    fn text(&mut self, column: Column) -> Option<Cow<'a, str>> {
        if self.stated & bit(column) == 0 { None } else { self.stated_text(column) }
    }

    fn stated_text(&mut self, column: Column) -> Option<Cow<'a, str>> {
        let string = match self.value(column) {
            Value::Text(string) => string,
            Value::Null | Value::Refused => return None,
            Value::Literal(_) | Value::Container | Value::Tree(_) => {
                self.note(column.name(), "must be a string");
                return None;
            }
        };
        let text = match string.decode() {
            Ok(text) => text,
            Err(LoneSurrogate) => {
                self.note(column.name(), LONE_SURROGATE);
                return None;
            }
        };
        if text.is_empty() {
            return None;
        }
        if text.len() > max_text_bytes(column) {
            if self.context.large_events == LargeEvents::Trim && trim::is_free(column) {
                self.trimmed.insert(column.name().to_owned(), text.len());
                return Some(Cow::Owned(trim::to_column_limit(column, &text)));
            }
            self.note(column.name(), format!("must not be longer than {} bytes", max_text_bytes(column)));
            return None;
        }
        self.plain.note(column, string);
        Some(text)
    }

    fn listed<T>(&mut self, column: Column, parse: impl Fn(&str) -> Option<T>, texts: &[&str]) -> Option<T> {
        let text = self.text(column)?;
        let value = parse(&text);
        if value.is_none() {
            self.note(column.name(), format!("must be one of {}", texts.join(", ")));
        }
        value
    }

    fn integer(&mut self, column: Column, least: i32, most: i32) -> Option<i32> {
        let value = match self.value(column) {
            Value::Null | Value::Refused => return None,
            Value::Literal(literal) => literal.parse().ok().filter(|value| (least..=most).contains(value)),
            Value::Text(_) | Value::Container | Value::Tree(_) => None,
        };
        if value.is_none() {
            self.note(column.name(), format!("must be an integer from {least} to {most}"));
        }
        value
    }

    /// The event of what was read; only if no error was noted it is one.
    #[inline]
    pub(super) fn event(&mut self) -> Event<'a> {
        for column in [Column::ReceivedTime, Column::SealTime, Column::Raw] {
            if !matches!(self.value(column), Value::Null) {
                self.note(column.name(), "is set by the lake and must not be stated");
            }
        }
        let time = self.event_time();
        let region = self.region();
        let organization = self.organization();
        self.check_source();
        let action = self.text(Column::Action);
        if action.is_none() && matches!(self.value(Column::Action), Value::Null | Value::Text(_)) {
            self.require(Column::Action);
        }
        let event_id = self.event_id();
        let changes = self.changes();
        self.refuse_lookalikes();
        let source_ip = self.source_ip();
        let metadata = self.metadata();
        let outcome = self.listed(Column::Outcome, Outcome::parse, Outcome::TEXTS);
        Event {
            event_id: event_id.unwrap_or_default(),
            event_time: time.map(|(time, _)| time).unwrap_or_default(),
            event_time_nanos: time.and_then(|(_, nanos)| nanos),
            received_time: self.context.received_time,
            region: region.unwrap_or_default(),
            organization: organization.unwrap_or_default(),
            source: Cow::Borrowed(self.context.source),
            action: action.unwrap_or_default(),
            category: self.listed(Column::Category, Category::parse, Category::TEXTS),
            outcome: outcome.unwrap_or(Outcome::Unknown),
            error_code: self.text(Column::ErrorCode),
            error_message: self.text(Column::ErrorMessage),
            actor_id: self.text(Column::ActorId),
            actor_type: self.listed(Column::ActorType, ActorType::parse, ActorType::TEXTS),
            actor_name: self.text(Column::ActorName),
            actor_email: self.text(Column::ActorEmail).and_then(trimmed),
            actor_via: self.text(Column::ActorVia),
            resource_type: self.text(Column::ResourceType),
            resource_id: self.text(Column::ResourceId),
            resource_name: self.text(Column::ResourceName),
            scope_type: self.text(Column::ScopeType),
            scope_id: self.text(Column::ScopeId),
            changes,
            source_ip,
            user_agent: self.text(Column::UserAgent),
            service_name: self.text(Column::ServiceName),
            request_id: self.text(Column::RequestId),
            http_method: self.text(Column::HttpMethod),
            http_path: self.text(Column::HttpPath),
            http_status: self.integer(Column::HttpStatus, 100, 599),
            metadata,
            raw: None,
        }
    }

    fn require(&mut self, column: Column) {
        let noted = self.errors.last().is_some_and(|error| error.index == self.index && error.field == column.name());
        if !noted {
            self.note(column.name(), "is required");
        }
    }

    /// The event's time and what it states below the millisecond.
    fn event_time(&mut self) -> Option<(Timestamp, Option<i32>)> {
        let column = Column::EventTime;
        let stated_nanos = self.integer(Column::EventTimeNanos, 0, 999_999);
        if matches!(self.value(column), Value::Null) {
            self.require(column);
            return None;
        }
        let Some(text) = self.text(column) else {
            self.require(column);
            return None;
        };
        let (time, nanos) = match Timestamp::parse_with_nanos(&text) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.note(column.name(), error.to_string());
                return None;
            }
        };
        if time.millis() < EARLIEST_EVENT_TIME_MS {
            let earliest = Timestamp::from_millis(EARLIEST_EVENT_TIME_MS);
            self.note(column.name(), format!("must not lie before {earliest}"));
        }
        if time > self.context.received_time.plus_millis(self.context.lead_ms) {
            let lead_seconds = self.context.lead_ms / 1_000;
            self.note(column.name(), format!("must not lie more than {lead_seconds} seconds in the future"));
        }
        let has_fine_digits = nanos != 0 || fraction_digits(&text) > 3;
        if !has_fine_digits {
            return Some((time, stated_nanos));
        }
        if stated_nanos.is_some() {
            let detail = "must not be stated if `event_time` has digits below the millisecond";
            self.note(Column::EventTimeNanos.name(), detail);
        }
        Some((time, Some(nanos)))
    }

    fn region(&mut self) -> Option<Cow<'a, str>> {
        let Some(region) = self.text(Column::Region) else { return Some(Cow::Borrowed(self.context.region.as_str())) };
        if let Err(error) = Region::validate(&region) {
            self.note(Column::Region.name(), error.to_string());
        }
        Some(region)
    }

    fn organization(&mut self) -> Option<Cow<'a, str>> {
        let column = Column::Organization;
        let stated = self.text(column);
        match (stated, self.context.organization) {
            (Some(stated), Some(allowed)) if stated != allowed.as_str() => {
                self.note(column.name(), format!("must be `{allowed}`, the organization of the caller, or left out"));
                None
            }
            (_, Some(allowed)) => Some(Cow::Borrowed(allowed.as_str())),
            (Some(stated), None) => {
                if let Err(error) = Organization::validate(&stated) {
                    self.note(column.name(), error.to_string());
                }
                Some(stated)
            }
            (None, None) => match self.context.default_organization {
                Some(default) => Some(Cow::Borrowed(default.as_str())),
                None => {
                    self.require(column);
                    None
                }
            },
        }
    }

    fn check_source(&mut self) {
        if let Some(source) = self.text(Column::Source)
            && source != self.context.source
        {
            let detail = format!("must be `{}` or left out: it is set by the door", self.context.source);
            self.note(Column::Source.name(), detail);
        }
    }

    fn event_id(&mut self) -> Option<Cow<'a, str>> {
        let event_id = self.text(Column::EventId)?;
        if matches!(&*event_id, "." | "..") {
            self.note(Column::EventId.name(), "must not be `.` or `..`: no link can lead to it");
        } else if !is_event_id(&event_id) {
            self.note(Column::EventId.name(), "must match [A-Za-z0-9._~:@+=-]{1,128}");
        }
        Some(event_id)
    }

    fn changes(&mut self) -> Option<Cow<'a, str>> {
        let Value::Tree(changes) = self.value(Column::Changes) else { return None };
        match changes::normalise(&self.tree, changes, &mut self.text) {
            Ok(text) => text.map(Cow::Owned),
            Err(Problem { path, detail }) => {
                self.note(format!("{}{path}", Column::Changes.name()), detail);
                None
            }
        }
    }

    /// Notes members that look like a column which the event does not state.
    fn refuse_lookalikes(&mut self) {
        if self.context.lookalikes == Lookalikes::Keep || self.others.is_empty() {
            return;
        }
        let others = std::mem::take(&mut self.others);
        for member in &others {
            if let Some(column) = self.meanings.of(&member.name)
                && matches!(self.value(column), Value::Null)
                && !self.tree.is_null(member.value)
            {
                let detail = format!(
                    "is no member of an event: did you mean `{column}`? With ?unknown=keep it is kept in `metadata`",
                    column = column.name()
                );
                self.note(&*member.name, detail);
            }
        }
        self.others = others;
    }

    /// The address, in its canonical text. Where the event states more than an address, the whole is kept in `metadata`.
    fn source_ip(&mut self) -> Option<Cow<'a, str>> {
        let text = trimmed(self.text(Column::SourceIp)?)?;
        let Some(address) = client_address(&text) else { return Some(canonical_address(text)) };
        let value = self.tree.add_text(text);
        let in_metadata = match self.value(Column::Metadata) {
            Value::Tree(metadata) => self.tree.as_object(metadata).unwrap_or_default(),
            _ => &[],
        };
        let mut name = Cow::Borrowed(Column::SourceIp.name());
        while in_metadata.iter().chain(&self.others).any(|member| member.name == name) {
            name = Cow::Owned(format!("other_{name}"));
        }
        self.others.push(Member { name, value });
        Some(Cow::Owned(address))
    }

    /// `metadata` with the members that are no columns.
    fn metadata(&mut self) -> Option<Cow<'a, str>> {
        let mut root = match self.value(Column::Metadata) {
            Value::Tree(metadata) => Some(metadata),
            _ => None,
        };
        if root.is_some_and(|root| self.tree.as_object(root).is_none()) {
            self.note(Column::Metadata.name(), "must be a JSON object");
            return None;
        }
        if !self.others.is_empty() {
            let mut members = std::mem::take(&mut self.others);
            members.extend_from_slice(root.and_then(|root| self.tree.as_object(root)).unwrap_or_default());
            match self.tree.object_of(members) {
                Ok(merged) => root = Some(merged),
                Err(name) => {
                    let in_metadata = root.and_then(|root| self.tree.as_object(root)).unwrap_or_default();
                    let is_in_metadata = in_metadata.iter().any(|member| member.name == name);
                    self.note(name, if is_in_metadata { ALREADY_IN_METADATA } else { DUPLICATE_KEY });
                    return None;
                }
            }
        }
        let root = root.filter(|root| self.tree.as_object(*root).is_some_and(|members| !members.is_empty()))?;
        self.text.clear();
        self.tree.write(root, &mut self.text);
        self.text.to_text().map(Cow::Owned)
    }
}

/// How many digits an RFC 3339 time has after the second.
fn fraction_digits(time: &str) -> usize {
    let fraction = time.as_bytes().get(19..).and_then(|rest| rest.strip_prefix(b"."));
    fraction.map_or(0, |fraction| fraction.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// The text without white space at its ends; none if nothing is left.
fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!text.is_empty()).then_some(text)
}

const _: () = assert!(matches!(Column::EventTimeNanos.kind(), ColumnKind::Int32));
