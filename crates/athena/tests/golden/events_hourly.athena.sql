CREATE EXTERNAL TABLE IF NOT EXISTS `auditlake`.`events_hourly` (
  `event_id` string,
  `event_time` timestamp,
  `event_time_nanos` int,
  `received_time` timestamp,
  `seal_time` timestamp,
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
PARTITIONED BY (`region` string, `organization` string, `dt` string)
STORED AS PARQUET
LOCATION "s3://example-lake/audit/etl/v1/data/"
TBLPROPERTIES (
  "classification" = "parquet",
  "projection.dt.format" = "'year='yyyy'/month='MM'/day='dd'/hour='HH",
  "projection.dt.interval" = "1",
  "projection.dt.interval.unit" = "HOURS",
  "projection.dt.range" = "year=2000/month=01/day=01/hour=00,NOW",
  "projection.dt.type" = "date",
  "projection.enabled" = "true",
  "projection.organization.type" = "injected",
  "projection.region.type" = "enum",
  "projection.region.values" = "us-east-1,eu-west-1",
  "storage.location.template" = "s3://example-lake/audit/etl/v1/data/region=${region}/organization=org-${organization}/${dt}/"
);
