CREATE EXTERNAL TABLE IF NOT EXISTS `auditlake`.`events_landing` (
  `event_id` string,
  `event_time` timestamp,
  `event_time_nanos` int,
  `received_time` timestamp,
  `seal_time` timestamp,
  `region` string,
  `organization` string,
  `source` string,
  `action` string,
  `category` string,
  `outcome` string,
  `error_code` string,
  `error_message` string,
  `actor_id` string,
  `actor_type` string,
  `actor_name` string,
  `actor_email` string,
  `actor_via` string,
  `resource_type` string,
  `resource_id` string,
  `resource_name` string,
  `scope_type` string,
  `scope_id` string,
  `changes` string,
  `source_ip` string,
  `user_agent` string,
  `service_name` string,
  `request_id` string,
  `http_method` string,
  `http_path` string,
  `http_status` int,
  `metadata` string,
  `raw` string
)
PARTITIONED BY (`arrival` string)
STORED AS PARQUET
LOCATION "s3://example-lake/audit/landing/"
TBLPROPERTIES (
  "classification" = "parquet",
  "projection.arrival.format" = "yyyy-MM-dd'T'HH",
  "projection.arrival.interval" = "1",
  "projection.arrival.interval.unit" = "HOURS",
  "projection.arrival.range" = "2026-01-01T00,NOW+1HOURS",
  "projection.arrival.type" = "date",
  "projection.enabled" = "true",
  "storage.location.template" = "s3://example-lake/audit/landing/arrival=${arrival}/"
);
