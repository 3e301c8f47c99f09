SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
FROM (
  SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
  FROM "auditlake"."events_hourly"
  WHERE organization = ?
    AND dt BETWEEN 'year=2026/month=03/day=01/hour=00' AND 'year=2026/month=03/day=01/hour=00'
    AND event_time >= TIMESTAMP '2026-03-01 00:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:00:00.000'
    AND seal_time < TIMESTAMP '2026-03-01 01:00:00.000'
    AND (coalesce(contains(transform(TRY_CAST(json_parse(changes) AS ARRAY(JSON)), change -> ((coalesce(json_extract_scalar(change, '$.field') IN (?), false)) AND (coalesce(json_extract_scalar(change, '$.after') IN (?), false)))), true), false))
    AND (coalesce(contains(transform(TRY_CAST(json_parse(changes) AS ARRAY(JSON)), change -> ((coalesce(json_extract_scalar(change, '$.before') IN (?), false)))), true), false) = false)
    AND (coalesce(TRY_CAST(source_ip AS IPADDRESS) BETWEEN CAST(? AS IPADDRESS) AND CAST(? AS IPADDRESS), false))
    AND (event_time > TIMESTAMP '2026-03-01 00:30:00.000' OR coalesce(event_time_nanos, 0) >= 1000)
    AND (event_time > TIMESTAMP '2026-03-01 00:30:00.000' OR (coalesce(event_time_nanos, 0), event_id, source, region) > (500, ?, ?, ?))
  UNION ALL
  SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
  FROM (
    SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata,
      row_number() OVER (PARTITION BY region, source, event_time, event_id
        ORDER BY "$path", received_time, event_time_nanos, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata) AS copy
    FROM "auditlake"."events_landing"
    WHERE organization = ?
      AND arrival BETWEEN '2026-03-01T00' AND '2026-03-01T03'
      AND event_time >= TIMESTAMP '2026-03-01 00:30:00.000' AND event_time < TIMESTAMP '2026-03-01 03:15:00.000'
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
        AND event_time >= TIMESTAMP '2026-03-01 00:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:00:00.000'
        AND seal_time >= TIMESTAMP '2026-03-01 01:00:00.000'
    ) AS late ON hourly.dt = late.late_dt AND hourly.event_time = late.late_time
    WHERE organization = ?
      AND dt BETWEEN 'year=2026/month=03/day=01/hour=00' AND 'year=2026/month=03/day=01/hour=00'
      AND event_time >= TIMESTAMP '2026-03-01 00:30:00.000' AND event_time < TIMESTAMP '2026-03-01 01:00:00.000'
      AND seal_time < TIMESTAMP '2026-03-01 01:00:00.000'
  ) AS archived
    ON archived_region = region AND archived_source = source AND archived_event_time = event_time AND archived_event_id = event_id
  WHERE copy = 1
    AND archived_event_id IS NULL
    AND (coalesce(contains(transform(TRY_CAST(json_parse(changes) AS ARRAY(JSON)), change -> ((coalesce(json_extract_scalar(change, '$.field') IN (?), false)) AND (coalesce(json_extract_scalar(change, '$.after') IN (?), false)))), true), false))
    AND (coalesce(contains(transform(TRY_CAST(json_parse(changes) AS ARRAY(JSON)), change -> ((coalesce(json_extract_scalar(change, '$.before') IN (?), false)))), true), false) = false)
    AND (coalesce(TRY_CAST(source_ip AS IPADDRESS) BETWEEN CAST(? AS IPADDRESS) AND CAST(? AS IPADDRESS), false))
    AND (event_time > TIMESTAMP '2026-03-01 00:30:00.000' OR coalesce(event_time_nanos, 0) >= 1000)
    AND (event_time > TIMESTAMP '2026-03-01 00:30:00.000' OR (coalesce(event_time_nanos, 0), event_id, source, region) > (500, ?, ?, ?))
) AS events
ORDER BY event_time ASC, coalesce(event_time_nanos, 0) ASC, event_id ASC, source ASC, region ASC
LIMIT 100

-- parameters: 'acme' | 'role' | 'admin' | 'admin' | '::ffff:203.0.113.0' | '::ffff:203.0.113.255' | 'it''s' | 'api' | 'eu-west-1' | 'acme' | 'acme' | 'acme' | 'role' | 'admin' | 'admin' | '::ffff:203.0.113.0' | '::ffff:203.0.113.255' | 'it''s' | 'api' | 'eu-west-1'
