"""Functions, queues, schedule, API and alarms: what real AWS demands and no stand-in shows."""

import json
import re

import pytest
from cloudformation import ROOT, Template

FUNCTIONS = {  # memory in MB, time-out in s
    "ingest": (512, 29), "land": (1024, 60), "import": (1024, 300), "compact": (2048, 300), "query": (1024, 29),
}
EVERY = {"AUDITLAKE_LANDING_BUCKET", "AUDITLAKE_ARCHIVE_BUCKET", "AUDITLAKE_REGION", "AUDITLAKE_SEAL_PERIOD", "AUDITLAKE_SLACK",
         "AUDITLAKE_CODEC", "AUDITLAKE_LOG"}
CLAIMS = {"AUDITLAKE_TENANT_CLAIM", "AUDITLAKE_PERMISSIONS_CLAIM", "AUDITLAKE_OPERATOR_PERMISSION"}
VARIABLES = {
    "ingest": EVERY | CLAIMS | {"AUDITLAKE_QUEUE_URL", "AUDITLAKE_MAX_EVENT_BYTES", "AUDITLAKE_LARGE_EVENTS", "AUDITLAKE_UNKNOWN_MEMBERS"},
    "land": EVERY,
    "import": EVERY | {"AUDITLAKE_IMPORT_RULES", "AUDITLAKE_KEEP_RAW"},
    "compact": EVERY | {"AUDITLAKE_SHARD_QUEUE_URL", "AUDITLAKE_DATABASE", "AUDITLAKE_WORKGROUP"},
    "query": EVERY | CLAIMS | {"AUDITLAKE_DATABASE", "AUDITLAKE_WORKGROUP", "AUDITLAKE_CURSOR_SECRET_ARN", "AUDITLAKE_QUEUE_URL",
                               "AUDITLAKE_RESULTS_BUCKET", "AUDITLAKE_ARCHIVE_EXPIRATION_DAYS", "AUDITLAKE_SCAN_MAX_MB", "AUDITLAKE_MAX_QUERY_MB", "AUDITLAKE_MAX_EXPORT_MB",
                               "AUDITLAKE_REUSE_MINUTES", "AUDITLAKE_ATHENA_USD_PER_TB", "AUDITLAKE_CONSOLE", "AUDITLAKE_OIDC_ISSUER",
                               "AUDITLAKE_OIDC_AUDIENCE", "AUDITLAKE_OIDC_CLIENT_ID", "AUDITLAKE_OIDC_SCOPE", "AUDITLAKE_CONNECT_ORIGINS",
                               "AUDITLAKE_CONTACT"},
}
SOURCES = {"LandSource": ("land", "IngestQueue"), "ImportSource": ("import", "ImportQueue"), "CompactSource": ("compact", "ShardQueue")}
CONSOLE = {"GET /", "GET /assets/{file}", "GET /favicon.svg", "GET /console.json"}
ROUTES = {
    "POST /v1/events": "Ingest", "GET /v1/events": "Query", "GET /v1/events/{id}": "Query", "GET /v1/stats": "Query",
    "GET /v1/status": "Query", "GET /v1/directory/actors": "Query", "PUT /v1/directory/actors": "Query",
    "GET /v1/queries/{id}": "Query", "DELETE /v1/queries/{id}": "Query",
    "POST /v1/exports": "Query", "GET /v1/exports/{id}": "Query", "DELETE /v1/exports/{id}": "Query",
    "GET /openapi.json": "Query", **dict.fromkeys(CONSOLE, "Query"),
}


def function(template, name):
    return template.properties(f"{name.capitalize()}Function")


def only(template, kind):
    found = [resource["Properties"] for _, resource in template.resources(kind)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_small_binaries_with_the_variables_of_their_contract(lake, name):
    properties = function(lake, name)
    assert (properties["MemorySize"], properties["Timeout"]) == FUNCTIONS[name]
    assert (properties["Runtime"], properties["Handler"]) == ("provided.al2023", "bootstrap")
    assert properties["Architectures"] == ["arm64"]
    assert properties["Environment"]["Variables"].keys() == VARIABLES[name]
    assert properties["Code"] == {"S3Bucket": "code", "S3Key": f"{name}.zip"}


def test_x86_64_is_a_parameter():
    template = Template.of_the_lake(Architecture="x86_64")
    assert function(template, "land")["Architectures"] == ["x86_64"]
    assert template.document["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


def test_variables_point_at_what_they_name(lake):
    variables = {name: function(lake, name)["Environment"]["Variables"] for name in FUNCTIONS}
    for values in variables.values():
        assert (values["AUDITLAKE_LANDING_BUCKET"], values["AUDITLAKE_ARCHIVE_BUCKET"]) == ("LandingBucket", "ArchiveBucket")
    assert variables["ingest"]["AUDITLAKE_QUEUE_URL"] == variables["query"]["AUDITLAKE_QUEUE_URL"] == "IngestQueue"
    assert variables["compact"]["AUDITLAKE_SHARD_QUEUE_URL"] == "ShardQueue"
    assert variables["query"]["AUDITLAKE_CURSOR_SECRET_ARN"] == "CursorKey"
    for off in ("AUDITLAKE_SCAN_MAX_MB", "AUDITLAKE_MAX_QUERY_MB", "AUDITLAKE_REUSE_MINUTES"):
        assert variables["query"][off] == 0
    assert variables["query"]["AUDITLAKE_ATHENA_USD_PER_TB"] == 5
    # The age at which the lifecycle rule of the archive removes objects.
    rules = lake.properties("ArchiveBucket")["LifecycleConfiguration"]["Rules"]
    ages = [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule]
    assert ages == [variables["query"]["AUDITLAKE_ARCHIVE_EXPIRATION_DAYS"]]


def test_code_is_where_the_build_puts_it():
    text = (ROOT / "infra/template.yaml").read_text("utf-8")
    assert set(re.findall(r"CodeUri: (\S+)", text)) == {f"../target/lambda/{name}/" for name in FUNCTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_logs_are_json_kept_for_a_time_and_encrypted(lake, name):
    assert function(lake, name)["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": f"{name.capitalize()}LogGroup"}
    group = lake.properties(f"{name.capitalize()}LogGroup")
    assert group["LogGroupName"] == f"/aws/lambda/AWS::StackName-{name}"
    assert (group["RetentionInDays"], group["KmsKeyId"]) == (90, "arn:Key")


@pytest.mark.parametrize("source", SOURCES)
def test_queues_feed_their_function_and_failed_messages_come_back(lake, source):
    name, queue = SOURCES[source]
    mapping = lake.properties(source)
    assert mapping["FunctionName"] == f"{name.capitalize()}Function"
    assert mapping["EventSourceArn"] == f"arn:{queue}"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    window = mapping.get("MaximumBatchingWindowInSeconds", 0)
    assert mapping["BatchSize"] <= 10 or window >= 1
    longest = lake.document["Parameters"]["LandBatchingWindowSeconds"]["MaxValue"] if name == "land" else window
    assert lake.properties(queue)["VisibilityTimeout"] >= 6 * FUNCTIONS[name][1] + longest
    assert 2 <= mapping["ScalingConfig"]["MaximumConcurrency"] <= 10


def test_every_source_is_tested(lake):
    assert {logical_id for logical_id, _ in lake.resources("AWS::Lambda::EventSourceMapping")} == SOURCES.keys()


def test_land_gathers_and_runs_few_at_a_time(lake):
    mapping = lake.properties("LandSource")
    window = lake.document["Parameters"]["LandBatchingWindowSeconds"]
    assert window["MinValue"] >= 1 and window["Default"] >= 20
    assert mapping["ScalingConfig"]["MaximumConcurrency"] == 2


@pytest.mark.parametrize("queue", ["IngestQueue", "ImportQueue", "ShardQueue"])
def test_what_crashes_a_function_ends_in_dead_letters(lake, queue):
    dead_letters = queue.replace("Queue", "DeadLetters")
    redrive = lake.properties(queue)["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == f"arn:{dead_letters}" and redrive["maxReceiveCount"] >= 3
    assert lake.properties(dead_letters)["MessageRetentionPeriod"] == 14 * 86_400


def test_queues_are_encrypted_so_that_s3_can_write_to_them(lake):
    for logical_id, resource in lake.resources("AWS::SQS::Queue"):
        assert resource["Properties"]["SqsManagedSseEnabled"] is True, logical_id
        assert "KmsMasterKeyId" not in resource["Properties"], logical_id


@pytest.mark.parametrize("queue", ["IngestQueue", "IngestDeadLetters", "ImportQueue", "ImportDeadLetters"])
def test_queues_with_acknowledged_events_outlive_the_stack(lake, queue):
    resource = lake.document["Resources"][queue]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_notifications_come_from_the_named_buckets_only(lake, plain):
    statements = {statement["Sid"]: statement for statement in only(lake, "AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]}
    buckets = ["arn:aws:s3:::source-a", "arn:aws:s3:::source-b"]
    assert statements["NotificationsOfTheBuckets"]["Condition"] == {"ArnEquals": {"aws:SourceArn": buckets}}
    assert statements["EventsOfTheRule"]["Condition"] == {"ArnEquals": {"aws:SourceArn": "arn:ImportRule"}}
    assert only(lake, "AWS::Events::Rule")["EventPattern"] == {
        "source": ["aws.s3"], "detail-type": ["Object Created"], "resources": buckets}
    assert not list(plain.resources("AWS::SQS::QueuePolicy")) and not list(plain.resources("AWS::Events::Rule"))


def test_compact_may_feed_itself(lake):
    assert function(lake, "compact")["RecursiveLoop"] == "Allow"
    assert function(lake, "compact")["EphemeralStorage"] == {"Size": 2048}


def test_the_schedule_ticks_every_five_minutes_and_keeps_what_fails(lake):
    schedule = only(lake, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert lake.document["Parameters"]["CompactRate"]["AllowedValues"] == ["rate(1 minute)", "rate(2 minutes)", "rate(5 minutes)"]
    assert json.loads(schedule["Target"]["Input"]) == {"tick": True}
    assert schedule["Target"]["Arn"] == "arn:CompactFunction"
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": "arn:ScheduleDeadLetters"}
    invocation = only(lake, "AWS::Lambda::EventInvokeConfig")
    assert (invocation["FunctionName"], invocation["MaximumRetryAttempts"]) == ("CompactFunction", 0)


def test_the_cursor_key_is_made_by_the_stack(lake):
    secret = lake.properties("CursorKey")
    assert secret["GenerateSecretString"]["PasswordLength"] >= 43  # 256 bits of letters and digits
    assert "SecretString" not in secret


def test_routes_are_explicit_and_every_one_asks_for_a_token(lake):
    routes = {resource["Properties"]["RouteKey"]: resource["Properties"] for _, resource in lake.resources("AWS::ApiGatewayV2::Route")}
    assert {key: route["Target"] for key, route in routes.items()} == {
        key: f"integrations/{name}Integration" for key, name in ROUTES.items()}
    for key, route in routes.items():
        # The API's description and the console's files are for everybody, nothing else is.
        expected = ("NONE", None) if key in {"GET /openapi.json"} | CONSOLE else ("JWT", "JwtAuthorizer")
        assert (route["AuthorizationType"], route.get("AuthorizerId")) == expected, key
        assert "AuthorizationScopes" not in route, key  # the gateway would refuse before anything is recorded
        assert not key.startswith(("POST ", "PUT ", "DELETE ")) or expected[0] == "JWT", key
    assert "Body" not in only(lake, "AWS::ApiGatewayV2::Api")
    for kind in ("AWS::Serverless::HttpApi", "AWS::Serverless::Api"):
        assert kind not in (ROOT / "infra/template.yaml").read_text("utf-8")


def test_integrations_hand_over_payload_2(lake):
    for name in ("Ingest", "Query"):
        integration = lake.properties(f"{name}Integration")
        assert (integration["PayloadFormatVersion"], integration["IntegrationUri"]) == ("2.0", f"arn:{name}Function")
        assert function(lake, name.lower())["Timeout"] * 1000 < integration["TimeoutInMillis"] <= 30_000
        permission = lake.properties(f"{name}Permission")
        assert permission["SourceArn"].endswith(":HttpApi/*") and permission["Principal"] == "apigateway.amazonaws.com"


def test_tokens_are_checked_by_issuer_and_audience(lake):
    authorizer = only(lake, "AWS::ApiGatewayV2::Authorizer")
    assert authorizer["JwtConfiguration"] == {"Issuer": "<JwtIssuer>", "Audience": ["auditlake"]}
    pattern = lake.document["Parameters"]["JwtIssuer"]["AllowedPattern"]
    for issuer in ("https://login.acme.example/", "http://127.0.0.1:9000/"):
        assert re.fullmatch(pattern, issuer)
    for issuer in ("http://login.acme.example/", "http://127.0.0.1.acme.example/", "login"):
        assert not re.fullmatch(pattern, issuer)


def test_every_route_is_throttled_and_logged(lake):
    stage = only(lake, "AWS::ApiGatewayV2::Stage")
    assert stage["RouteSettings"].keys() == ROUTES.keys()
    for settings in (*stage["RouteSettings"].values(), stage["DefaultRouteSettings"]):
        assert isinstance(settings["ThrottlingRateLimit"], int) and settings["ThrottlingRateLimit"] > 0
        assert isinstance(settings["ThrottlingBurstLimit"], int) and settings["ThrottlingBurstLimit"] > 0
    assert stage["AccessLogSettings"]["DestinationArn"] == "arn:ApiLogGroup"
    line = json.loads(re.sub(r"\$context[.\w]+", "x", stage["AccessLogSettings"]["Format"]))
    assert {"request_id", "route", "status", "ip"} <= line.keys()
    for leaking in ("$context.path", "querystring", "$context.authorizer.claims.email"):
        assert leaking not in stage["AccessLogSettings"]["Format"]
    # CloudFormation refuses settings of a route that is not there yet.
    routes = {logical_id for logical_id, _ in lake.resources("AWS::ApiGatewayV2::Route")}
    assert set(lake.document["Resources"]["ApiStage"]["DependsOn"]) | set(stage["StageVariables"]["console"].split("-")) == routes


def test_without_the_console_there_is_no_trace_of_it():
    template = Template.of_the_lake(Console="false")
    routes = {resource["Properties"]["RouteKey"] for _, resource in template.resources("AWS::ApiGatewayV2::Route")}
    assert routes == ROUTES.keys() - CONSOLE
    assert only(template, "AWS::ApiGatewayV2::Stage")["RouteSettings"].keys() == routes
    assert template.document["Outputs"]["ConsoleUrl"]["Condition"] == "HasConsole"
    assert function(template, "query")["Environment"]["Variables"]["AUDITLAKE_CONSOLE"] == "false"


def test_the_console_is_told_how_to_sign_in(lake):
    variables = function(lake, "query")["Environment"]["Variables"]
    assert variables["AUDITLAKE_CONSOLE"] == "true"
    assert (variables["AUDITLAKE_OIDC_ISSUER"], variables["AUDITLAKE_OIDC_AUDIENCE"]) == ("<JwtIssuer>", "auditlake")
    pattern = lake.document["Parameters"]["ConsoleConnectOrigins"]["AllowedPattern"]
    for origins in ("", "https://acme.auth.eu-west-1.amazoncognito.com", "https://a.example:8443,https://b.example"):
        assert re.fullmatch(pattern, origins), origins
    for origins in ("*", "http://a.example", "https://a.example/token", "https://a.example; script-src *", "https://a.example https://b.example"):
        assert not re.fullmatch(pattern, origins), origins
    scope = lake.document["Parameters"]["ConsoleScope"]
    assert re.fullmatch(scope["AllowedPattern"], scope["Default"])
    assert re.fullmatch(scope["AllowedPattern"], "openid https://lake.acme.example/read")


# --- alarms ---

# The contract's metrics, each with the function that writes it.
METRICS = {
    "ingest": "EventsAccepted EventsRefused EventsQueued BytesIn", "land": "EventsLanded MessagesQuarantined LandingBytes",
    "import": "RecordsImported RecordsQuarantined ObjectsImported",
    "compact": "SealLagSeconds RowsSealed LateRows Duplicates Conflicts PeriodsSealed ObjectsSetAside OldestUnsealedSeconds "
               "SealFailures LakeConfigurationDiffers ViewFailures",
    "query": "Queries ScannedBytes QueryFailures",
}
WANTED = {
    ("auditlake", "SealLagSeconds"), ("auditlake", "OldestUnsealedSeconds"), ("auditlake", "LakeConfigurationDiffers"),
    ("auditlake", "ObjectsSetAside"), ("auditlake", "SealFailures"), ("auditlake", "Conflicts"), ("auditlake", "MessagesQuarantined"),
    ("auditlake", "RecordsQuarantined"), ("auditlake", "ViewFailures"), ("auditlake", "QueryFailures"), ("AWS/ApiGateway", "5xx"),
    *{("AWS/SQS", "ApproximateNumberOfMessagesVisible", f"{name}DeadLetters") for name in ("Ingest", "Import", "Shard", "Schedule")},
    *{("AWS/SQS", "ApproximateAgeOfOldestMessage", f"{name}Queue") for name in ("Ingest", "Import", "Shard")},
    *{("AWS/Lambda", metric, f"{name.capitalize()}Function") for metric in ("Errors", "Throttles") for name in FUNCTIONS},
}


def alarms(template):
    return {logical_id: resource["Properties"] for logical_id, resource in template.resources("AWS::CloudWatch::Alarm")}


def test_there_is_an_alarm_for_each_thing_that_can_go_wrong(lake):
    found = set()
    for alarm in alarms(lake).values():
        name = (alarm["Namespace"], alarm["MetricName"])
        found.add((*name, alarm["Dimensions"][0]["Value"]) if alarm["Namespace"] in ("AWS/SQS", "AWS/Lambda") else name)
    assert found == WANTED


def test_own_metrics_are_those_that_the_functions_write(lake):
    for logical_id, alarm in alarms(lake).items():
        if alarm["Namespace"] == "auditlake":
            (dimension,) = alarm["Dimensions"]
            assert dimension["Name"] == "Function", logical_id
            assert alarm["MetricName"] in METRICS[dimension["Value"]].split(), logical_id
    widgets = json.loads(lake.properties("Dashboard")["DashboardBody"])["widgets"]
    own = [metric for widget in widgets for metric in widget["properties"]["metrics"] if metric[0] == "auditlake"]
    assert own
    for _, metric, dimension, value, *_ in own:
        assert dimension == "Function" and metric in METRICS[value].split()


def test_alarms_tell_somebody_when_they_come_and_go(lake, plain):
    own_topic = Template.of_the_lake(AlarmTopicArn="arn:aws:sns:eu-west-1:111122223333:pager")
    assert not list(own_topic.resources("AWS::SNS::Topic"))
    for template, topic in ((lake, "AlarmTopic"), (plain, "AlarmTopic"), (own_topic, "arn:aws:sns:eu-west-1:111122223333:pager")):
        for logical_id, alarm in alarms(template).items():
            assert alarm["AlarmActions"] == alarm["OKActions"] == [topic], logical_id
    assert only(lake, "AWS::SNS::Subscription")["Endpoint"] == "audit@acme.example"
    assert not list(plain.resources("AWS::SNS::Subscription"))


@pytest.mark.parametrize("name", ["SealLagAlarm", "OldestUnsealedAlarm"])
def test_silence_of_compact_is_an_alarm_within_a_quarter_of_an_hour(lake, name):
    alarm = alarms(lake)[name]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["Statistic"] == "Maximum"
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 900
    # One tick that slips into the next span is no alarm; the rate is never slower than the span.
    assert alarm["EvaluationPeriods"] >= 2 and alarm["Period"] >= 300


def test_a_late_seal_is_an_alarm_within_two_hours_of_the_period_and_a_usual_one_is_not(lake):
    alarm = alarms(lake)["SealLagAlarm"]
    span = alarm["Period"] * alarm["EvaluationPeriods"]
    slack, wait, tick, run = 300, 300, 300, 300  # the metric counts from when the seal was due: period, slack and wait are over
    assert alarm["Threshold"] > tick + run
    for threshold in (alarm["Threshold"], lake.document["Parameters"]["SealLagAlarmSeconds"]["MaxValue"]):
        assert slack + wait + threshold + span <= 7_200


def test_an_old_landing_object_is_an_alarm_within_two_hours_and_a_usual_one_is_not(lake):
    alarm = alarms(lake)["OldestUnsealedAlarm"]
    lead, hour, slack, wait, tick, run = 300, 3_600, 300, 300, 300, 300
    assert lead + hour + slack + wait + tick + run < alarm["Threshold"] <= 7_200 - alarm["Period"] * alarm["EvaluationPeriods"]


def test_other_silences_are_no_alarm(lake):
    for logical_id, alarm in alarms(lake).items():
        if logical_id not in ("SealLagAlarm", "OldestUnsealedAlarm"):
            assert alarm["TreatMissingData"] == "notBreaching", logical_id


def test_one_dead_letter_is_enough(lake):
    for name in ("Ingest", "Import", "Shard", "Schedule"):
        alarm = alarms(lake)[f"{name}DeadLettersAlarm"]
        assert (alarm["Threshold"], alarm["ComparisonOperator"], alarm["EvaluationPeriods"]) == (0, "GreaterThanThreshold", 1)


def test_alarms_reach_an_encrypted_topic(lake):
    assert lake.properties("AlarmTopic")["KmsMasterKeyId"] == "Key"
    statements = {statement["Sid"]: statement for statement in lake.properties("Key")["KeyPolicy"]["Statement"]}
    assert statements["AlarmsToAnEncryptedTopic"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(statements["AlarmsToAnEncryptedTopic"]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_the_runbook_has_a_section_for_each_alarm(lake):
    sections = set(re.findall(r"^## (\w+)", (ROOT / "docs/runbook.md").read_text("utf-8"), re.MULTILINE))
    names = {alarm["AlarmName"].removeprefix("AWS::StackName-") for alarm in alarms(lake).values()}
    grouped = {re.sub(r"^(Ingest|Land|Import|Compact|Query|Shard|Schedule)(?=Errors|Throttles|DeadLetters|QueueAge)", "", name) for name in names}
    assert grouped <= sections, grouped - sections


# --- the template as a whole ---

UNTAGGED = {
    "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription", "AWS::KMS::Alias",
    "AWS::Glue::Table", "AWS::Glue::Database", "AWS::Athena::NamedQuery", "AWS::CloudWatch::Dashboard", "AWS::Lambda::Permission",
    "AWS::Lambda::EventInvokeConfig", "AWS::Scheduler::Schedule", "AWS::Events::Rule", "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route",
}


def test_everything_that_can_be_is_tagged(lake):
    for logical_id, resource in lake.resources():
        tags = resource["Properties"].get("Tags")
        if resource["Type"] in UNTAGGED:
            continue
        assert tags is not None, logical_id
        pairs = tags.items() if isinstance(tags, dict) else [(tag["Key"], tag["Value"]) for tag in tags]
        assert ("application", "auditlake") in pairs, logical_id


def test_parameters_are_described_and_bounded(lake):
    grouped = [name for group in lake.document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(lake.document["Parameters"])
    for name, parameter in lake.document["Parameters"].items():
        assert parameter.get("Description"), name
        if parameter["Type"] == "CommaDelimitedList":
            continue  # CloudFormation would hold the pattern against each item; an empty list has an empty one
        assert {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys(), name
        if "AllowedPattern" in parameter and "Default" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"]), name


def test_clients_find_what_they_need(lake):
    assert lake.document["Outputs"].keys() >= {
        "ApiUrl", "ArchiveBucketName", "LandingBucketName", "ResultsBucketName", "KeyArn", "DatabaseName", "WorkGroupName",
        "IngestQueueUrl", "IngestDeadLettersUrl", "ImportQueueArn", "ImportDeadLettersUrl", "CompactFunctionName", "AlarmTopicArn"}
