//! Posts single events to a running `auditlake serve` from several clients at once and prints posts a second and latencies.
//!
//! `cargo run --release -p auditlake-embedded --example post_load -- 127.0.0.1:8787 64 10` (address, clients, seconds).
//! Loopback only: it is there to measure one's own machine.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use auditlake_lake::clock::{Clock, SystemClock};

/// Posts one event on a kept connection and reads its answer. Fails unless it is 202.
fn post(connection: &mut BufReader<TcpStream>, id: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let body = format!(
        r#"{{"event_id":"{id}","organization":"acme","event_time":"{}","action":"role_assign","outcome":"success","actor_id":"alice","actor_email":"alice@example.org","resource_type":"role","resource_id":"admin","source_ip":"192.0.2.7"}}"#,
        SystemClock.now()
    );
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.get_mut().write_all(request.as_bytes())?;
    let mut line = String::new();
    connection.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 202") {
        return Err(line.into());
    }
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut answer = vec![0; length];
    connection.read_exact(&mut answer)?;
    Ok(())
}

/// One client; the latency of each of its posts.
fn client(address: SocketAddr, client: usize, until: Instant) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    let run = SystemClock.now().millis();
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        post(&mut connection, &format!("load-{run}-{client}-{}", latencies.len()))?;
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().ok_or("usage: post_load ADDRESS CLIENTS SECONDS")?.parse()?;
    if !address.ip().is_loopback() {
        return Err("only addresses of this machine".into());
    }
    let clients: usize = arguments.next().unwrap_or_else(|| "64".to_owned()).parse()?;
    let seconds: u64 = arguments.next().unwrap_or_else(|| "10".to_owned()).parse::<u64>()?.min(60);
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let threads: Vec<_> = (0..clients).map(|number| std::thread::spawn(move || client(address, number, until))).collect();
    let mut latencies = Vec::new();
    for thread in threads {
        latencies.extend(thread.join().map_err(|_| "a client broke off")??);
    }
    let elapsed = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |share: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
        let index = (latencies.len() as f64 * share) as usize;
        latencies.get(index.min(latencies.len().saturating_sub(1))).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    };
    #[allow(clippy::cast_precision_loss, reason = "a count of posts")]
    let rate = latencies.len() as f64 / elapsed;
    println!("{clients} clients: {rate:.0} posts/s, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(0.5), at(0.99), at(1.0));
    Ok(())
}
