SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
FROM (
  SELECT event_id, event_time, event_time_nanos, received_time, region, organization, source, action, category, outcome, error_code, error_message, actor_id, actor_type, actor_name, actor_email, actor_via, resource_type, resource_id, resource_name, scope_type, scope_id, changes, source_ip, user_agent, service_name, request_id, http_method, http_path, http_status, metadata
  FROM "auditlake"."events_hourly"
  WHERE organization = ?
    AND dt BETWEEN 'year=2026/month=02/day=28/hour=22' AND 'year=2026/month=02/day=28/hour=23'
    AND event_time >= TIMESTAMP '2026-02-28 22:00:00.000' AND event_time < TIMESTAMP '2026-03-01 00:00:00.000'
    AND seal_time < TIMESTAMP '2026-03-01 01:00:00.000'
) AS events
ORDER BY event_time DESC, coalesce(event_time_nanos, 0) DESC, event_id DESC, source DESC, region DESC
LIMIT 100

-- parameters: 'acme'
