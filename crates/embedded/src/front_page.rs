//! What `/` answers: how to begin, until the console takes its place.

use std::net::SocketAddr;

use auditlake_event::Organization;

/// The page. Its commands can be pasted as they are.
pub fn html(address: SocketAddr, organization: Option<&Organization>) -> String {
    let name = organization.map_or("acme", Organization::as_str);
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>auditlake</title>
<style>body{{font:16px/1.5 system-ui;max-width:50em;margin:3em auto;padding:0 1em}}pre{{background:#8882;padding:1em;overflow:auto}}</style>
<h1>auditlake</h1>
<p>An audit-log lake: events in, every period sealed into write-once Parquet, questions answered.</p>
<h2>Post an event</h2>
<pre>curl -sS http://{address}/v1/events -H 'content-type: application/json' -d '{{
  "organization": "{name}", "event_time": "'$(date -u +%FT%TZ)'",
  "action": "role_assign", "outcome": "success", "actor_id": "alice"}}'</pre>
<h2>Ask</h2>
<ul>
<li><a href="/v1/events?organization={name}">the newest events</a></li>
<li><a href="/v1/stats?organization={name}&amp;group_by=action">events by action</a></li>
<li><a href="/v1/status">where the lake stands</a></li>
</ul>
</html>
"#
    )
}
