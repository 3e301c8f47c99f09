SELECT CASE WHEN substr(events.event_id, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.event_id) ELSE events.event_id END AS event_id, concat(to_iso8601(events.event_time), 'Z') AS event_time, events.event_time_nanos, concat(to_iso8601(events.received_time), 'Z') AS received_time, events.region, events.organization, events.source, CASE WHEN substr(events.action, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.action) ELSE events.action END AS action, events.category, events.outcome, CASE WHEN substr(events.error_code, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.error_code) ELSE events.error_code END AS error_code, CASE WHEN substr(events.error_message, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.error_message) ELSE events.error_message END AS error_message, CASE WHEN substr(events.actor_id, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.actor_id) ELSE events.actor_id END AS actor_id, events.actor_type, CASE WHEN substr(events.actor_name, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.actor_name) ELSE events.actor_name END AS actor_name, CASE WHEN substr(events.actor_email, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.actor_email) ELSE events.actor_email END AS actor_email, CASE WHEN substr(events.actor_via, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.actor_via) ELSE events.actor_via END AS actor_via, CASE WHEN substr(events.resource_type, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.resource_type) ELSE events.resource_type END AS resource_type, CASE WHEN substr(events.resource_id, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.resource_id) ELSE events.resource_id END AS resource_id, CASE WHEN substr(events.resource_name, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.resource_name) ELSE events.resource_name END AS resource_name, CASE WHEN substr(events.scope_type, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.scope_type) ELSE events.scope_type END AS scope_type, CASE WHEN substr(events.scope_id, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.scope_id) ELSE events.scope_id END AS scope_id, CASE WHEN substr(events.changes, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.changes) ELSE events.changes END AS changes, CASE WHEN substr(events.source_ip, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.source_ip) ELSE events.source_ip END AS source_ip, CASE WHEN substr(events.user_agent, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.user_agent) ELSE events.user_agent END AS user_agent, CASE WHEN substr(events.service_name, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.service_name) ELSE events.service_name END AS service_name, CASE WHEN substr(events.request_id, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.request_id) ELSE events.request_id END AS request_id, CASE WHEN substr(events.http_method, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.http_method) ELSE events.http_method END AS http_method, CASE WHEN substr(events.http_path, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.http_path) ELSE events.http_path END AS http_path, events.http_status, CASE WHEN substr(events.metadata, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.metadata) ELSE events.metadata END AS metadata, CASE WHEN substr(events.raw, 1, 1) IN ('=', '+', '-', '@', '''', chr(9), chr(10), chr(13)) THEN concat('''', events.raw) ELSE events.raw END AS raw
FROM (
  SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata, raw
  FROM "auditlake"."events_hourly"
  WHERE organization = ?
    AND dt BETWEEN 'year=2026/month=02/day=28/hour=22' AND 'year=2026/month=03/day=01/hour=00'
    AND event_time >= TIMESTAMP '2026-02-28 22:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:00:00.000'
    AND seal_time < TIMESTAMP '2026-03-01 01:00:00.000'
  UNION ALL
  SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata, raw
  FROM (
    SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata, raw,
      row_number() OVER (PARTITION BY region, source, event_time, event_id
        ORDER BY "$path", received_time, event_time_nanos, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata, raw) AS copy
    FROM "auditlake"."events_landing"
    WHERE organization = ?
      AND arrival BETWEEN '2026-03-01T00' AND '2026-03-01T03'
      AND event_time >= TIMESTAMP '2026-02-28 22:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:30:00.000'
      AND seal_time >= TIMESTAMP '2026-03-01 01:00:00.000'
  ) AS landing
  LEFT JOIN (
    SELECT hourly.region AS archived_region, hourly.source AS archived_source, hourly.event_time AS archived_event_time, hourly.event_id AS archived_event_id
    FROM "auditlake"."events_hourly" AS hourly
    INNER JOIN (
      SELECT DISTINCT event_time AS late_time, date_format(event_time, 'year=%Y/month=%m/day=%d/hour=%H') AS late_dt
      FROM "auditlake"."events_landing"
      WHERE organization = ?
        AND arrival BETWEEN '2026-03-01T00' AND '2026-03-01T03'
        AND event_time >= TIMESTAMP '2026-02-28 22:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:00:00.000'
        AND seal_time >= TIMESTAMP '2026-03-01 01:00:00.000'
    ) AS late ON hourly.dt = late.late_dt AND hourly.event_time = late.late_time
    WHERE organization = ?
      AND dt BETWEEN 'year=2026/month=02/day=28/hour=22' AND 'year=2026/month=03/day=01/hour=00'
      AND event_time >= TIMESTAMP '2026-02-28 22:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:00:00.000'
      AND seal_time < TIMESTAMP '2026-03-01 01:00:00.000'
  ) AS archived
    ON archived_region = region AND archived_source = source AND archived_event_time = event_time AND archived_event_id = event_id
  WHERE copy = 1
    AND archived_event_id IS NULL
) AS events
ORDER BY events.event_time DESC, coalesce(events.event_time_nanos, 0) DESC, events.event_id DESC, events.source DESC, events.region DESC

-- parameters: 'acme' | 'acme' | 'acme' | 'acme'
