//! Starts the referee, Trino, and asks it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::athena_server::{Answers, End};

/// Longest wait for a start: some ten seconds on a machine that has nothing else to do.
const START_WAIT: Duration = Duration::from_secs(180);

/// A running Trino; it is killed when this is dropped.
pub struct Trino {
    child: Child,
    client: TrinoClient,
    _folder: tempfile::TempDir,
}

impl Drop for Trino {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = killed {
            eprintln!("trino could not be stopped: {error}");
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/trino/trino.sh")
}

fn runs(program: &str, argument: &str) -> bool {
    let status = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Where the engine's jars are kept between runs.
fn home() -> PathBuf {
    if let Some(home) = std::env::var_os("AUDITLAKE_TRINO_HOME") {
        return PathBuf::from(home);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("auditlake/trino-435")
}

impl Trino {
    /// Starts Trino over a bucket of an S3 server. `None`, with the reason printed, where it cannot run or is not asked for.
    pub fn start(endpoint: &str, bucket: &str) -> Option<Self> {
        if std::env::var_os("AUDITLAKE_TRINO").is_none() {
            println!("skipped: set AUDITLAKE_TRINO=1 to judge the SQL by Trino (Java 17, Maven, 260 MB once)");
            return None;
        }
        let home = home();
        if !runs("java", "-version") || !runs("javac", "-version") {
            println!("skipped: Trino needs a Java 17 development kit on the path");
            return None;
        }
        if !home.join("complete").exists() && !runs("mvn", "-version") {
            println!("skipped: Trino is fetched by Maven, which is not on the path");
            return None;
        }
        let fetched = Command::new(script()).arg("fetch").arg(&home).status().unwrap();
        assert!(fetched.success(), "trino could not be fetched");

        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(script());
        command.arg("run").arg(&home).arg(folder.path()).arg(port.to_string()).arg(endpoint).arg(bucket);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let client = TrinoClient { base: format!("http://127.0.0.1:{port}") };
        let mut trino = Self { child, client, _folder: folder };
        trino.wait_until_it_answers();
        Some(trino)
    }

    fn wait_until_it_answers(&mut self) {
        let began = Instant::now();
        loop {
            if self.client.run("SELECT count(*) FROM lake.information_schema.schemata").is_ok() {
                return;
            }
            let log = self._folder.path().join("trino.log");
            if began.elapsed() > START_WAIT || self.child.try_wait().unwrap().is_some() {
                panic!("trino did not start: {}", std::fs::read_to_string(log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    pub fn client(&self) -> TrinoClient {
        self.client.clone()
    }
}

/// Asks Trino over its HTTP protocol.
#[derive(Clone)]
pub struct TrinoClient {
    base: String,
}

/// What Trino answered.
pub struct TrinoRows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
    pub read_bytes: u64,
}

impl TrinoClient {
    /// Runs one statement to its end. Blocks.
    pub fn run(&self, text: &str) -> Result<TrinoRows, String> {
        let started = ureq::post(format!("{}/v1/statement", self.base))
            .header("X-Trino-User", "referee")
            .header("X-Trino-Catalog", "lake")
            .header("X-Trino-Time-Zone", "UTC")
            .send(text);
        let mut answer = started.map_err(|error| error.to_string())?;
        let mut found = TrinoRows { columns: Vec::new(), rows: Vec::new(), read_bytes: 0 };
        loop {
            let body =
                answer.body_mut().with_config().limit(256 << 20).read_to_string().map_err(|error| error.to_string())?;
            let body: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
            if let Some(message) = body["error"]["message"].as_str() {
                return Err(message.to_owned());
            }
            if let Some(columns) = body["columns"].as_array() {
                found.columns = columns.iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect();
            }
            for row in body["data"].as_array().into_iter().flatten() {
                found.rows.push(row.as_array().unwrap().iter().map(text_of).collect());
            }
            found.read_bytes = body["stats"]["physicalInputBytes"].as_u64().unwrap_or(found.read_bytes);
            let Some(next) = body["nextUri"].as_str() else { return Ok(found) };
            answer = ureq::get(next).call().map_err(|error| error.to_string())?;
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Trino in Athena's place: execution parameters are bound as Athena binds them, by `EXECUTE … USING`.
impl Answers for TrinoClient {
    fn answer(&self, text: &str, parameters: &[String]) -> End {
        let statement = if parameters.is_empty() {
            text.to_owned()
        } else {
            format!("EXECUTE IMMEDIATE '{}' USING {}", text.replace('\'', "''"), parameters.join(", "))
        };
        match self.run(&statement) {
            Ok(found) => End::Rows { columns: found.columns, rows: found.rows, scanned_bytes: found.read_bytes },
            Err(message) => End::Failed(message),
        }
    }
}
