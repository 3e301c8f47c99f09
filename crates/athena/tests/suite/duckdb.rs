//! DuckDB in Athena's place: another engine's reading of the same statements, where Trino is not at hand.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::athena_server::{Answers, End};

struct Pipes {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A running DuckDB; it ends when this is dropped.
pub struct DuckDb {
    pipes: Mutex<Pipes>,
    _folder: tempfile::TempDir,
}

impl DuckDb {
    /// Starts DuckDB over the objects of a lake. `None`, with the reason printed, where Python or its packages are missing.
    pub fn start(objects: &BTreeMap<String, Vec<u8>>) -> Option<Self> {
        let probe = Command::new("python3").args(["-c", "import duckdb, numpy"]).stderr(Stdio::null()).status();
        if !probe.is_ok_and(|status| status.success()) {
            println!("skipped: needs Python with the packages duckdb and numpy");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for (key, bytes) in objects {
            let path = folder.path().join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/answer_by_duckdb.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Some(Self { pipes: Mutex::new(Pipes { child, requests, answers }), _folder: folder })
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("duckdb could not be stopped: {error}");
        }
    }
}

impl Answers for DuckDb {
    fn answer(&self, text: &str, parameters: &[String]) -> End {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.requests, "{}", json!({"text": text, "parameters": parameters})).unwrap();
        let mut line = String::new();
        pipes.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        if let Some(error) = answer["error"].as_str() {
            return End::Failed(error.to_owned());
        }
        let columns = serde_json::from_value(answer["columns"].take()).unwrap();
        let rows = serde_json::from_value(answer["rows"].take()).unwrap();
        End::Rows { columns, rows, scanned_bytes: 0 }
    }
}
