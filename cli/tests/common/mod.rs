//! The real binary: a server that is killed when the test ends, and single commands.

#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The command with an environment that says nothing to it.
pub fn auditlake() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditlake"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AUDITLAKE_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command to its end.
pub fn run<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Finished {
    let output = auditlake().args(arguments).output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits until `condition` answers, asking every few milliseconds. Panics after `seconds`.
pub fn wait_for<T>(what: &str, seconds: u64, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running server.
pub struct Server {
    child: Child,
    pub api: String,
    pub ready: Value,
    agent: ureq::Agent,
}

impl Server {
    /// Starts `auditlake serve` on free ports and waits until it is ready.
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut command = auditlake();
        command.arg("serve").arg("--data").arg(data);
        command.args(["--listen", "127.0.0.1:0", "--s3-listen", "127.0.0.1:0", "--ready-json"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the server ended before it was ready: {:?}", child.wait());
        let ready: Value = serde_json::from_str(&line).unwrap();
        Self { child, api: ready["api"].as_str().unwrap().to_owned(), ready, agent: agent() }
    }

    /// A command on the same directory needs no server; this one's process id, for signals.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: nothing is flushed, nobody is told.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as a service manager sends it; the exit code.
    pub fn terminate(mut self) -> Option<i32> {
        let status = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap().code()
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        get(&self.agent, &self.api, path).unwrap()
    }

    pub fn post(&self, body: &Value) -> (u16, Value) {
        post(&self.agent, &self.api, body).unwrap()
    }

    /// The events of an organization, all pages.
    pub fn all_events(&self, organization: &str) -> Vec<Value> {
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.get(&format!("/v1/events?organization={organization}&limit=1000{cursor}"));
            assert_eq!(status, 200, "{page}");
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return events,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// A client that takes errors as answers.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60))).build().into()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<(u16, Value), ureq::Error> {
    let status = response.status().as_u16();
    let mut text = String::new();
    response.body_mut().as_reader().read_to_string(&mut text)?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

pub fn get(agent: &ureq::Agent, api: &str, path: &str) -> Result<(u16, Value), ureq::Error> {
    read(agent.get(format!("{api}{path}")).call()?)
}

pub fn post(agent: &ureq::Agent, api: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
    let request = agent.post(format!("{api}/v1/events")).header("content-type", "application/json");
    read(request.send(body.to_string().as_bytes())?)
}

/// The present moment as RFC 3339.
pub fn now() -> String {
    use auditlake_lake::clock::{Clock, SystemClock};
    SystemClock.now().to_string()
}

pub fn event(id: &str) -> Value {
    json!({
        "event_id": id, "organization": "acme", "event_time": now(), "action": "role_assign", "outcome": "success",
        "actor_id": "alice", "actor_email": "alice@example.org", "resource_type": "role", "resource_id": "admin",
    })
}

/// Every file below a folder whose name ends so.
pub fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, suffix));
        } else if path.to_string_lossy().ends_with(suffix) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A CloudTrail record of our own making.
pub fn trail_record(id: u32, name: &str, error: Option<&str>) -> Value {
    let mut record = json!({
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE", "userName": "alice"},
        "eventTime": format!("2026-03-01T12:{:02}:{:02}Z", id / 60 % 60, id % 60),
        "eventSource": "s3.amazonaws.com", "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.7",
        "userAgent": "test", "requestParameters": {"bucketName": "b"}, "responseElements": null, "requestID": format!("r{id}"),
        "eventID": format!("00000000-0000-4000-8000-{id:012}"), "readOnly": true, "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    });
    if let Some(error) = error {
        record["errorCode"] = json!(error);
        record["errorMessage"] = json!("no");
    }
    record
}
