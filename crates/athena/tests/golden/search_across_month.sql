SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
FROM (
  SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
  FROM "auditlake"."events_hourly"
  WHERE organization = ?
    AND dt BETWEEN 'year=2026/month=02/day=28/hour=22' AND 'year=2026/month=03/day=01/hour=00'
    AND event_time >= TIMESTAMP '2026-02-28 22:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:00:00.000'
    AND seal_time < TIMESTAMP '2026-03-01 01:00:00.000'
  UNION ALL
  SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
  FROM (
    SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata,
      row_number() OVER (PARTITION BY region, source, event_time, event_id
        ORDER BY "$path", received_time, event_time_nanos, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata) AS copy
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
ORDER BY event_time DESC, coalesce(event_time_nanos, 0) DESC, event_id DESC, source DESC, region DESC
LIMIT 100

-- parameters: 'acme' | 'acme' | 'acme' | 'acme'
