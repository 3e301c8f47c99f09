//! A server that speaks Athena's API (AWS JSON 1.1) for the real SDK client: it keeps executions, tokens and pages, and leaves
//! the answering of statements to somebody else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// How a statement ends.
#[derive(Debug, Clone)]
pub enum End {
    /// With rows.
    Rows { columns: Vec<String>, rows: Vec<Vec<Option<String>>>, scanned_bytes: u64 },
    /// As `FAILED`.
    Failed(String),
    /// As `CANCELLED` by Athena itself.
    Cancelled(String),
    /// Never, until it is stopped.
    Never,
}

/// Answers statements.
pub trait Answers: Send + Sync + 'static {
    /// Runs SQL text with its execution parameters. May block.
    fn answer(&self, text: &str, parameters: &[String]) -> End;
}

impl<F: Fn(&str, &[String]) -> End + Send + Sync + 'static> Answers for F {
    fn answer(&self, text: &str, parameters: &[String]) -> End {
        self(text, parameters)
    }
}

struct Execution {
    end: End,
    polls_left: u32,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    executions: HashMap<String, Execution>,
    by_token: HashMap<String, String>,
    /// Error codes with which the next calls of an operation fail.
    faults: VecDeque<(&'static str, &'static str)>,
    /// Every call: its operation and body.
    calls: Vec<(String, Value)>,
    polls_until_done: u32,
    /// Whether statistics include the location of the data manifest.
    states_manifest: bool,
}

/// The server; it ends with its runtime.
#[derive(Clone)]
pub struct AthenaServer {
    shared: Arc<Mutex<Shared>>,
    answers: Arc<dyn Answers>,
    pub endpoint: String,
}

impl AthenaServer {
    pub async fn start(answers: impl Answers) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { shared: Arc::default(), answers: Arc::new(answers), endpoint };
        let router = axum::Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// The next call of `operation` fails with `code`.
    pub fn fail_next(&self, operation: &'static str, code: &'static str) {
        self.shared.lock().unwrap().faults.push_back((operation, code));
    }

    /// Executions are still running at their first `polls` polls.
    pub fn set_polls_until_done(&self, polls: u32) {
        self.shared.lock().unwrap().polls_until_done = polls;
    }

    /// Every execution that runs has come to its end by the next poll.
    pub fn finish_all(&self) {
        self.shared.lock().unwrap().executions.values_mut().for_each(|execution| execution.polls_left = 0);
    }

    /// The ids of executions that were stopped.
    pub fn stopped(&self) -> Vec<String> {
        let shared = self.shared.lock().unwrap();
        let mut stopped: Vec<_> =
            shared.executions.iter().filter(|(_, execution)| execution.stopped).map(|(id, _)| id.clone()).collect();
        stopped.sort();
        stopped
    }

    /// Whether executions include the location of their data manifest.
    pub fn set_states_manifest(&self, states_manifest: bool) {
        self.shared.lock().unwrap().states_manifest = states_manifest;
    }

    /// The bodies of all calls of an operation.
    pub fn calls(&self, operation: &str) -> Vec<Value> {
        let shared = self.shared.lock().unwrap();
        shared.calls.iter().filter(|(called, _)| called == operation).map(|(_, body)| body.clone()).collect()
    }

    /// A client as a function would have it, but quick to retry.
    pub fn client(&self) -> aws_sdk_athena::Client {
        let retries = aws_sdk_athena::config::retry::RetryConfig::standard()
            .with_max_attempts(4)
            .with_initial_backoff(std::time::Duration::from_millis(1));
        let config = aws_sdk_athena::Config::builder()
            .endpoint_url(&self.endpoint)
            .region(aws_sdk_athena::config::Region::new("us-east-1"))
            .credentials_provider(aws_sdk_athena::config::Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(retries)
            .build();
        aws_sdk_athena::Client::from_conf(config)
    }

    fn start_execution(&self, body: &Value) -> Result<Value, (&'static str, String)> {
        let invalid = |message: &str| Err(("InvalidRequestException", message.to_owned()));
        let Some(text) = body["QueryString"].as_str().filter(|text| !text.is_empty() && text.len() <= 262_144) else {
            return invalid("QueryString");
        };
        let parameters: Vec<String> = body["ExecutionParameters"]
            .as_array()
            .map(|parameters| parameters.iter().map(|parameter| parameter.as_str().unwrap().to_owned()).collect())
            .unwrap_or_default();
        if parameters.iter().any(|parameter| parameter.is_empty() || parameter.encode_utf16().count() > 1_024) {
            return invalid("ExecutionParameters must have 1 to 1024 characters");
        }
        if text.matches('?').count() != parameters.len() {
            return invalid("Incorrect number of parameters");
        }
        let token = body["ClientRequestToken"].as_str().unwrap_or_default();
        if !(32..=128).contains(&token.len()) {
            return invalid("ClientRequestToken must have 32 to 128 characters");
        }
        if let Some(id) = self.shared.lock().unwrap().by_token.get(token) {
            return Ok(json!({"QueryExecutionId": id}));
        }
        let end = self.answers.answer(text, &parameters);
        let mut shared = self.shared.lock().unwrap();
        let id = format!("{:08}-0000-0000-0000-000000000000", shared.executions.len());
        let polls_left = shared.polls_until_done;
        shared.executions.insert(id.clone(), Execution { end, polls_left, stopped: false });
        shared.by_token.insert(token.to_owned(), id.clone());
        Ok(json!({"QueryExecutionId": id}))
    }

    fn get_execution(&self, id: &str) -> Result<Value, (&'static str, String)> {
        let mut shared = self.shared.lock().unwrap();
        let states_manifest = shared.states_manifest;
        let Some(execution) = shared.executions.get_mut(id) else {
            return Err(("InvalidRequestException", format!("QueryExecution {id} was not found")));
        };
        let mut scanned = 0;
        let (state, reason) = if execution.stopped {
            ("CANCELLED", Some("Query cancelled by user".to_owned()))
        } else if execution.polls_left > 0 {
            execution.polls_left -= 1;
            ("RUNNING", None)
        } else {
            match &execution.end {
                End::Rows { scanned_bytes, .. } => {
                    scanned = *scanned_bytes;
                    ("SUCCEEDED", None)
                }
                End::Failed(reason) => ("FAILED", Some(reason.clone())),
                End::Cancelled(reason) => ("CANCELLED", Some(reason.clone())),
                End::Never => ("RUNNING", None),
            }
        };
        let mut status = json!({"State": state});
        if let Some(reason) = reason {
            status["StateChangeReason"] = json!(reason);
        }
        let mut statistics =
            json!({"DataScannedInBytes": scanned, "EngineExecutionTimeInMillis": 5, "QueryQueueTimeInMillis": 1});
        if states_manifest {
            statistics["DataManifestLocation"] = json!(format!("s3://results/athena/{id}-manifest.csv"));
        }
        Ok(json!({"QueryExecution": {
            "QueryExecutionId": id,
            "Status": status,
            "Statistics": statistics,
            "ResultConfiguration": {"OutputLocation": format!("s3://results/athena/{id}.csv")},
        }}))
    }

    /// Pages as Athena cuts them: at most 1,000 rows with the header, which comes on the first page only.
    fn get_results(&self, body: &Value) -> Result<Value, (&'static str, String)> {
        let shared = self.shared.lock().unwrap();
        let id = body["QueryExecutionId"].as_str().unwrap_or_default();
        let Some(Execution { end: End::Rows { columns, rows, .. }, .. }) = shared.executions.get(id) else {
            return Err(("InvalidRequestException", "Query has not yet finished".to_owned()));
        };
        let header: Vec<Option<String>> = columns.iter().map(|name| Some(name.clone())).collect();
        let all: Vec<&Vec<Option<String>>> = std::iter::once(&header).chain(rows).collect();
        let from: usize = body["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let most = body["MaxResults"].as_u64().map_or(1_000, |most| usize::try_from(most.min(1_000)).unwrap());
        let until = all.len().min(from + most);
        let datum = |value: &Option<String>| value.as_ref().map_or(json!({}), |value| json!({"VarCharValue": value}));
        let page: Vec<Value> =
            all[from..until].iter().map(|row| json!({"Data": row.iter().map(datum).collect::<Vec<_>>()})).collect();
        let info: Vec<Value> = columns.iter().map(|name| json!({"Name": name, "Type": "varchar"})).collect();
        let mut answer = json!({"ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": info}}});
        if until < all.len() {
            answer["NextToken"] = json!(until.to_string());
        }
        Ok(answer)
    }

    fn stop_execution(&self, id: &str) -> Result<Value, (&'static str, String)> {
        let mut shared = self.shared.lock().unwrap();
        let Some(execution) = shared.executions.get_mut(id) else {
            return Err(("InvalidRequestException", format!("QueryExecution {id} was not found")));
        };
        execution.stopped = true;
        Ok(json!({}))
    }
}

async fn serve(State(server): State<AthenaServer>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.strip_prefix("AmazonAthena.").unwrap().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let fault = {
        let mut shared = server.shared.lock().unwrap();
        shared.calls.push((operation.clone(), body.clone()));
        let position = shared.faults.iter().position(|(failing, _)| *failing == operation);
        position.and_then(|position| shared.faults.remove(position))
    };
    let id = body["QueryExecutionId"].as_str().unwrap_or_default().to_owned();
    let answer = match fault {
        Some((_, code)) => Err((code, "on purpose".to_owned())),
        None => match operation.as_str() {
            "StartQueryExecution" => {
                let server = server.clone();
                tokio::task::spawn_blocking(move || server.start_execution(&body)).await.unwrap()
            }
            "GetQueryExecution" => server.get_execution(&id),
            "GetQueryResults" => server.get_results(&body),
            "StopQueryExecution" => server.stop_execution(&id),
            other => panic!("unexpected operation {other}"),
        },
    };
    let (status, answer) = match answer {
        Ok(answer) => (StatusCode::OK, answer),
        Err((code, message)) => (StatusCode::BAD_REQUEST, json!({"__type": code, "Message": message})),
    };
    (status, [("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
}
