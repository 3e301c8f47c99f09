#!/usr/bin/env python3
"""A server that speaks Athena's API (AWS JSON 1.1) and answers by Trino, the engine that Athena is.

    athena.py --glue http://127.0.0.1:4566 --bucket BUCKET [--port PORT]     starts Trino too, and serves until it is ended

What Athena does and Trino alone does not is done here: executions with states and statistics, client request tokens, UNLOAD,
execution parameters, workgroups (read from the stand-in, as the template configured them) with their scan limit and place of
results, results as CSV and in pages, views as Glue keeps them. Tables are those that stand in Glue when a statement starts.
"""

import argparse
import contextlib
import csv
import gzip
import io
import json
import pathlib
import random
import re
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import duckdb

from glue_tables import NotTranslatable, is_view, quoted, table_ddl, trino_type, view_ddl, view_definition, view_input
from trino import CATALOG, Trino, TrinoError

PAGE_ROWS = 1000
LONGEST_STATEMENT = 262_144
LONGEST_PARAMETER = 1024
TOKEN_LENGTHS = range(32, 129)
ATHENAS_CATALOGS = {None, "AwsDataCatalog", "awsdatacatalog"}
OVER_THE_LIMIT = "Bytes scanned limit was exceeded"

# An execution parameter is one literal: what is bound can then never be an expression.
PARAMETER = re.compile(
    r"""\s*(?:
        '(?:[^']|'')*'
      | (?:DATE|TIME|TIMESTAMP|DECIMAL|CHAR|VARCHAR)\s*'(?:[^']|'')*'
      | [+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?
      | TRUE | FALSE | NULL
    )\s*""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
# Quoted text and comments, in which a question mark is none of ours.
NOT_CODE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
# What UNLOAD takes: a query, a folder that must be empty, properties.
UNLOAD = re.compile(r"\s*UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*WITH\s*\(([^()]*)\)\s*", re.IGNORECASE | re.DOTALL)
VERBS = {"UNLOAD", "SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "EXPLAIN"}
# Tables come from the template; a view may be replaced, as compact does.
VIEW = re.compile(r"\s*CREATE\s+OR\s+REPLACE\s+VIEW\s+(?:\"?(\w+)\"?\.)?\"?(\w+)\"?\s+AS\s+(.*)", re.IGNORECASE | re.DOTALL)


class Refusal(Exception):
    """A call that Athena answers with an error: its code and message."""

    def __init__(self, message, code="InvalidRequestException"):
        super().__init__(message)
        self.code = code


@dataclass
class Execution:
    """One execution, from its start to its end."""

    id: str
    text: str
    parameters: list
    database: str
    workgroup: str
    output: str
    cutoff: int
    state: str = "QUEUED"
    reason: str | None = None
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    scanned_bytes: int = 0
    queue_ms: int = 0
    engine_ms: int = 0
    submitted: float = field(default_factory=time.time)
    completed: float | None = None
    statement: object = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self, state, reason=None):
        """Ends it, unless it has ended."""
        with self.lock:
            if self.completed is None:
                self.state, self.reason, self.completed = state, reason, time.time()

    @property
    def unloads(self):
        return UNLOAD.fullmatch(self.text) is not None

    @property
    def manifest(self):
        return f"{self.output}{self.id}-manifest.csv"

    @property
    def has_ended(self):
        return self.completed is not None

    def document(self):
        status = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            # 1: of the system, 2: of the user.
            status["AthenaError"] = {"ErrorCategory": 2, "ErrorMessage": self.reason, "Retryable": False}
        total = int(((self.completed or time.time()) - self.submitted) * 1000)
        statistics = {
            "DataScannedInBytes": self.scanned_bytes, "EngineExecutionTimeInMillis": self.engine_ms,
            "QueryQueueTimeInMillis": self.queue_ms, "TotalExecutionTimeInMillis": total,
            "ServiceProcessingTimeInMillis": 0, "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        if self.unloads and self.state == "SUCCEEDED":
            statistics["DataManifestLocation"] = self.manifest
        if self.completed:
            status["CompletionDateTime"] = self.completed
        return {
            "QueryExecutionId": self.id, "Query": self.text, "StatementType": "DDL" if VIEW.match(self.text) else "DML", "WorkGroup": self.workgroup, "Status": status,
            "Statistics": statistics, "ExecutionParameters": self.parameters,
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"},
            "ResultConfiguration": {"OutputLocation": f"{self.output}{self.id}" + ("" if self.unloads else ".csv")},
            "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3", "EffectiveEngineVersion": "Athena engine version 3"},
        }


def text_of(value):
    """A value of Trino's JSON as Athena's text; None is no value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join("null" if part is None else text_of(part) for part in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={text_of(part)}" for name, part in value.items()) + "}"
    return json.dumps(value)


def bind(text, parameters):
    """The statement with its parameters, as Trino takes both. Refuses what is no literal, and a wrong number of them."""
    for parameter in parameters:
        if not 1 <= len(parameter) <= LONGEST_PARAMETER:
            raise Refusal(f"ExecutionParameters must have 1 to {LONGEST_PARAMETER} characters")
        if not PARAMETER.fullmatch(parameter):
            raise Refusal(f"an execution parameter is no SQL literal: {parameter}")
    marks = NOT_CODE.sub(" ", text).count("?")
    if marks != len(parameters):
        raise Refusal(f"Incorrect number of parameters: expected {marks} but found {len(parameters)}")
    if not parameters:
        return text
    return f"EXECUTE IMMEDIATE '{text.replace(chr(39), chr(39) * 2)}' USING {', '.join(parameters)}"


def unloaded_as(properties):
    """The writer that the properties of an UNLOAD ask for, of those that this server has."""
    stated = {name.lower(): value.upper() for name, value in re.findall(r"(\w+)\s*=\s*'([^']*)'", properties)}
    writer = {("PARQUET", "SNAPPY"): parquet_file, ("JSON", "GZIP"): json_file}.get((stated.pop("format", None), stated.pop("compression", None)))
    if not writer or stated:
        raise Refusal(f"this test server does not unload with {properties}")
    return writer


def json_file(columns, rows):
    """One object a line, in gzip. Every value is what the serialiser of a table would make of it: a text stays a text."""
    lines = (json.dumps(dict(zip([name for name, _ in columns], row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode())


def parquet_file(columns, rows):
    """Written by DuckDB, from the texts that Trino's protocol has."""
    types = {"integer": "INTEGER", "bigint": "BIGINT", "timestamp": "TIMESTAMP_MS"}
    connection = duckdb.connect()
    definitions = [f"{quoted(name)} {types.get(kind.partition('(')[0], 'VARCHAR')}" for name, kind in columns]
    connection.execute(f"CREATE TABLE unloaded ({', '.join(definitions)})")
    connection.executemany(f"INSERT INTO unloaded VALUES ({', '.join('?' for _ in columns)})", rows)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file"
        connection.execute(f"COPY unloaded TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
        return path.read_bytes()


class Catalog:
    """Keeps Trino's tables the same as Glue's."""

    def __init__(self, trino, glue):
        self.trino = trino
        self.glue = glue
        self.known = {}
        self.lock = threading.Lock()

    def follow(self, database):
        """Makes what is new in Glue, makes again what has changed, drops what is gone. Data is never touched."""
        with self.lock:
            try:
                pages = self.glue.get_paginator("get_tables").paginate(DatabaseName=database)
                tables = {table["Name"]: table for page in pages for table in page["TableList"]}
            except self.glue.exceptions.EntityNotFoundException:
                raise Refusal(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist") from None
            known = self.known.setdefault(database, {})
            if not known:
                self.trino.run(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}")
            wanted = {}
            # Views after the tables that they read.
            for name, table in sorted(tables.items(), key=lambda pair: (is_view(pair[1]), pair[0])):
                wanted[name] = ("VIEW", view_ddl(database, table)) if is_view(table) else ("TABLE", table_ddl(database, table))
            for name in [name for name in known if known[name] != wanted.get(name)]:
                self.trino.run(f"DROP {known.pop(name)[0]} {quoted(database)}.{quoted(name)}")
            for name, (kind, ddl) in wanted.items():
                if name not in known:
                    self.trino.run(ddl, schema=database)
                    known[name] = (kind, ddl)
                    self.check(database, tables[name])

    def replace_view(self, database, name, sql):
        """What Athena does with CREATE OR REPLACE VIEW: the engine judges the SQL, Glue keeps it with its columns."""
        self.follow(database)
        with self.lock:
            self.trino.run(f"CREATE OR REPLACE VIEW {quoted(database)}.{quoted(name)} AS {sql}", schema=database)
            columns = [(row[0], row[1]) for row in self.trino.run(f"DESCRIBE {quoted(database)}.{quoted(name)}").rows]
            table = view_input(database, name, sql, columns)
            known = [table["Name"] for page in self.glue.get_paginator("get_tables").paginate(DatabaseName=database) for table in page["TableList"]]
            write = self.glue.update_table if name in known else self.glue.create_table
            write(DatabaseName=database, TableInput=table)
            self.known[database][name] = ("VIEW", view_ddl(database, table))

    def check(self, database, table):
        """What Trino made has the columns that Glue states. Athena calls a view of which that is not true stale."""
        name = table["Name"]
        described = self.trino.run(f"DESCRIBE {quoted(database)}.{quoted(name)}").rows
        found = [(row[0], row[1]) for row in described]
        if is_view(table):
            stated = [(column["name"], column["type"]) for column in view_definition(table)["columns"]]
            complaint = f"INVALID_VIEW: View '{CATALOG}.{database}.{name}' is stale; it must be re-created"
        else:
            every = table["StorageDescriptor"]["Columns"] + table["PartitionKeys"]
            stated = [(column["Name"], trino_type(column["Type"]).replace('"', "")) for column in every]
            found = [(column, kind.replace('"', "")) for column, kind in found]
            complaint = f"HIVE_METASTORE_ERROR: table {name}"
        if found != stated:
            raise NotTranslatable(f"{complaint}: stated {stated}, found {found}")


class AthenaServer:
    """Serves until `stop`. `glue`, `athena` and `s3` are clients of the stand-in that keeps catalog, workgroups and results."""

    def __init__(self, trino, glue, athena, s3, port=0):
        self.trino, self.athena, self.s3 = trino, athena, s3
        self.catalog = Catalog(trino, glue) if trino else None
        self.executions = {}
        self.by_token = {}
        self.calls = []
        self.faults = []
        # A limit lower than a workgroup's least one, 10 MB, for tests with little data.
        self.lower_limit = 0
        # Executions run no further than RUNNING while it is not set.
        self.released = threading.Event()
        self.released.set()
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer = server.serve(self.headers.get("x-amz-target", ""), body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.1")
                self.send_header("content-length", str(len(data)))
                self.send_header("x-amzn-requestid", str(uuid.uuid4()))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def connect(self, trino, glue, athena, s3):
        """Gives it what it answers with, where its own address had to be known first."""
        self.trino, self.athena, self.s3 = trino, athena, s3
        self.catalog = Catalog(trino, glue)

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def fail_next(self, operation, code):
        """The next call of `operation` fails with `code`, such as TooManyRequestsException."""
        self.faults.append((operation, code))

    @contextlib.contextmanager
    def hold(self):
        """Executions that start meanwhile stay RUNNING, as a question does that takes Athena minutes, until they are stopped or it ends."""
        self.released.clear()
        try:
            yield
        finally:
            self.released.set()

    def serve(self, target, body):
        """One call: status and answer."""
        operation = target.removeprefix("AmazonAthena.")
        handler = {
            "StartQueryExecution": self.start_query_execution, "GetQueryExecution": self.get_query_execution,
            "GetQueryResults": self.get_query_results, "StopQueryExecution": self.stop_query_execution,
            "GetWorkGroup": self.get_work_group,
        }.get(operation)
        try:
            request = json.loads(body)
            with self.lock:
                self.calls.append((operation, request))
                fault = next((fault for fault in self.faults if fault[0] == operation), None)
                if fault:
                    self.faults.remove(fault)
                    raise Refusal("on purpose", fault[1])
            if not handler:
                raise Refusal(f"this test server does not know {target}", "UnknownOperationException")
            return 200, handler(request)
        except Refusal as refusal:
            return 400, {"__type": refusal.code, "Message": str(refusal), "message": str(refusal)}
        except Exception as error:  # a fault of the test server must reach the test that caused it
            return 500, {"__type": "InternalServerException", "Message": f"{type(error).__name__}: {error}"}

    # --- the operations ---

    def start_query_execution(self, request):
        if not self.catalog:
            raise Refusal("no engine runs behind this server", "InternalServerException")
        text = request.get("QueryString", "")
        if not 1 <= len(text.encode()) <= LONGEST_STATEMENT:
            raise Refusal(f"queryString must have 1 to {LONGEST_STATEMENT} bytes")
        token = request.get("ClientRequestToken")
        if token is not None and len(token) not in TOKEN_LENGTHS:
            raise Refusal("clientRequestToken must have 32 to 128 characters")
        context = request.get("QueryExecutionContext", {})
        if context.get("Catalog") not in ATHENAS_CATALOGS:
            raise Refusal(f"Catalog {context['Catalog']} does not exist")
        verb = re.match(r"[\s(]*([A-Za-z]+)", NOT_CODE.sub(" ", text))
        if not VIEW.match(text) and (not verb or verb.group(1).upper() not in VERBS):
            raise Refusal("this test server runs queries, and replaces views: tables come from Glue")
        parameters = request.get("ExecutionParameters") or []
        unload = UNLOAD.fullmatch(text)
        if verb and verb.group(1).upper() == "UNLOAD":
            if not unload:
                raise Refusal("mismatched input: UNLOAD takes a query in parentheses, TO and WITH")
            # Refused here rather than later: what is wrong with it no engine needs to say.
            unloaded_as(unload.group(3))
        bound = bind(unload.group(1) if unload else text.strip().removesuffix(";"), parameters)
        workgroup = self.workgroup(request.get("WorkGroup", "primary"))
        database = context.get("Database", "default")
        with self.lock:
            known = self.by_token.get(token) if token else None
            if known:
                if known[1] != request:
                    raise Refusal("Idempotent parameters do not match")
                return {"QueryExecutionId": known[0]}
            execution = Execution(
                id=str(uuid.uuid4()), text=text, parameters=parameters, database=database, workgroup=workgroup["Name"],
                output=self.output(workgroup, request), cutoff=int(workgroup["Configuration"].get("BytesScannedCutoffPerQuery") or 0),
            )
            self.executions[execution.id] = execution
            if token:
                self.by_token[token] = (execution.id, request)
        threading.Thread(target=self.run, args=(execution, bound), daemon=True).start()
        return {"QueryExecutionId": execution.id}

    def get_query_execution(self, request):
        return {"QueryExecution": self.execution(request).document()}

    def get_query_results(self, request):
        execution = self.execution(request)
        if not execution.has_ended:
            raise Refusal(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise Refusal(f"Query did not finish successfully. Final query state: {execution.state}")
        most = request.get("MaxResults", PAGE_ROWS)
        if not 1 <= most <= PAGE_ROWS:
            raise Refusal(f"MaxResults must lie in 1 to {PAGE_ROWS}")
        try:
            first = int(request.get("NextToken") or 0)
        except ValueError:
            raise Refusal("NextToken is not one of ours") from None
        # The header is the first row of the first page, and counts.
        every = [[name for name, _ in execution.columns], *execution.rows]
        page = every[first : first + most]
        info = [
            {"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": kind, "Nullable": "UNKNOWN"}
            for name, kind in execution.columns
        ]
        answer = {
            "UpdateCount": 0,
            "ResultSet": {
                "ResultSetMetadata": {"ColumnInfo": info},
                "Rows": [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in page],
            },
        }
        if first + most < len(every):
            answer["NextToken"] = str(first + most)
        return answer

    def stop_query_execution(self, request):
        execution = self.execution(request)
        execution.end("CANCELLED", "Query cancelled by user")
        if execution.statement:
            execution.statement.cancel()
        return {}

    def get_work_group(self, request):
        workgroup = self.workgroup(request.get("WorkGroup", ""))
        workgroup.pop("CreationTime", None)
        return {"WorkGroup": workgroup}

    # --- what they need ---

    def execution(self, request):
        execution = self.executions.get(request.get("QueryExecutionId"))
        if not execution:
            raise Refusal(f"QueryExecution {request.get('QueryExecutionId')} was not found")
        return execution

    def workgroup(self, name):
        """The workgroup as it was deployed."""
        try:
            workgroup = self.athena.get_work_group(WorkGroup=name)["WorkGroup"]
        except self.athena.exceptions.ClientError:
            raise Refusal(f"WorkGroup {name} is not found.") from None
        if workgroup.get("State") == "DISABLED":
            raise Refusal(f"WorkGroup {name} is disabled.")
        return workgroup

    def output(self, workgroup, request):
        """The folder of results: the workgroup's own if that is enforced, else what the caller asks for."""
        own = workgroup["Configuration"].get("ResultConfiguration", {}).get("OutputLocation")
        asked = request.get("ResultConfiguration", {}).get("OutputLocation")
        enforced = workgroup["Configuration"].get("EnforceWorkGroupConfiguration", True)
        location = own if enforced else asked or own
        if not location:
            raise Refusal("No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.")
        return location.rstrip("/") + "/"

    def run(self, execution, bound):
        """Runs an execution to its end."""
        try:
            if view := VIEW.match(execution.text):
                execution.state = "RUNNING"
                self.catalog.replace_view(view.group(1) or execution.database, view.group(2), view.group(3).strip().removesuffix(";"))
                execution.end("SUCCEEDED")
                return
            self.catalog.follow(execution.database)
            if execution.has_ended:
                return
            execution.state = "RUNNING"
            while not self.released.wait(0.05):
                if execution.has_ended:
                    return
            statement = execution.statement = self.trino.start(bound, schema=execution.database)
            while statement.advance() and not execution.has_ended:
                self.measure(execution, statement)
            if execution.has_ended:
                statement.cancel()
                return
            self.measure(execution, statement)
            execution.columns = statement.columns
            if unload := UNLOAD.fullmatch(execution.text):
                self.unload(execution, statement.rows, unload.group(2), unloaded_as(unload.group(3)))
                execution.columns = [("rows", "bigint")]
                execution.end("SUCCEEDED")
                return
            execution.rows = [[text_of(value) for value in row] for row in statement.rows]
            self.write_result(execution)
            execution.end("SUCCEEDED")
        except TrinoError as error:
            execution.end("FAILED", str(error))
        except Refusal as error:
            execution.end("FAILED", str(error))
        except Exception as error:  # whoever polls must learn of it
            execution.end("FAILED", f"the test server failed: {type(error).__name__}: {error}")

    def measure(self, execution, statement):
        """Takes the statistics over, and ends the execution where it has read more than its workgroup allows."""
        execution.scanned_bytes, execution.queue_ms = statement.scanned_bytes, statement.queue_ms
        execution.engine_ms = statement.engine_ms
        limit = self.lower_limit or execution.cutoff
        if limit and statement.scanned_bytes > limit:
            statement.cancel()
            raise Refusal(OVER_THE_LIMIT)

    def unload(self, execution, rows, location, writer):
        """Several files without an order, as many writers leave them, and beside the result the manifest that names them."""
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        if not location.startswith("s3://") or not prefix.endswith("/"):
            raise Refusal(f"INVALID_PROPERTY: location {location}")
        if self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
            raise Refusal(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {location}")
        rows = list(rows)
        random.shuffle(rows)
        keys = []
        for share in (rows[0::2], rows[1::2]):
            if share:
                keys.append(f"{prefix}{time.strftime('%Y%m%d_%H%M%S')}_00000_abcde_{uuid.uuid4()}")
                self.s3.put_object(Bucket=bucket, Key=keys[-1], Body=writer(execution.columns, share))
        bucket_of_results, _, manifest = execution.manifest.removeprefix("s3://").partition("/")
        lines = "".join(f"s3://{bucket}/{key}\n" for key in keys)
        self.s3.put_object(Bucket=bucket_of_results, Key=manifest, Body=lines.encode())

    def write_result(self, execution):
        """The CSV that Athena leaves at the place of results: every value quoted, no value empty."""
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([name for name, _ in execution.columns])
        for row in execution.rows:
            out.write(",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row) + "\n")
        bucket, _, prefix = execution.output.removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=f"{prefix}{execution.id}.csv", Body=out.getvalue().encode())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--glue", required=True, help="address of the stand-in that keeps Glue, workgroups and S3")
    arguments.add_argument("--bucket", required=True, help="bucket for Trino's own metastore")
    arguments.add_argument("--region", default="eu-west-1")
    arguments.add_argument("--port", type=int, default=0)
    options = arguments.parse_args()

    def client(service):
        return boto3.client(
            service, endpoint_url=options.glue, region_name=options.region, aws_access_key_id="test", aws_secret_access_key="test"
        )

    with tempfile.TemporaryDirectory() as folder:
        trino = Trino(pathlib.Path(folder), options.glue, options.bucket, options.region)
        try:
            server = AthenaServer(trino, client("glue"), client("athena"), client("s3"), options.port)
            print(f"AWS_ENDPOINT_URL_ATHENA={server.endpoint}", flush=True)
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.exit(0)
        finally:
            trino.stop()


if __name__ == "__main__":
    main()
