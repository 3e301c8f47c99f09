//! Many large requests at once: what they cost together is bounded, the rest are asked to come again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test should say so at once")]

use std::io::Write;

use auditlake_embedded::serve::{Settings, start};
use auditlake_event::{Organization, Region};
use auditlake_lake::clock::{Clock, SystemClock};

/// 31 MiB of events in some 100 kB of gzip.
fn packed_events() -> Vec<u8> {
    let now = SystemClock.now();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let filler = "x".repeat(16_000);
    for index in 0..2_000 {
        let line = format!(
            "{{\"event_id\":\"e{index}\",\"event_time\":\"{now}\",\"action\":\"a\",\"outcome\":\"success\",\"metadata\":{{\"f\":\"{filler}\"}}}}\n"
        );
        packed.write_all(line.as_bytes()).unwrap();
    }
    packed.finish().unwrap()
}

/// The most memory this process has held, in MB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_inflate_far_are_bounded_together_and_the_rest_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let organization = Organization::parse("acme").unwrap();
    let settings = Settings::on_free_ports(folder.path().to_owned(), organization, Region::parse("local").unwrap());
    let serving = start(settings).await.unwrap();
    let (url, body) = (format!("http://{}/v1/events", serving.api_address), packed_events());
    assert!(body.len() < 400_000, "{}", body.len());
    let posts = (0..32).map(|_| {
        let (url, body) = (url.clone(), body.clone());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let request = agent.post(&url).header("content-type", "application/x-ndjson").header("content-encoding", "gzip");
            let answer = request.send(&body[..]).unwrap();
            (answer.status().as_u16(), answer.headers().contains_key("retry-after"))
        })
    });
    let answers = futures::future::join_all(posts).await;
    let answers: Vec<(u16, bool)> = answers.into_iter().map(Result::unwrap).collect();
    let kept = answers.iter().filter(|(status, _)| *status == 202).count();
    let refused = answers.iter().filter(|answer| **answer == (503, true)).count();
    assert!(kept >= 1 && refused >= 1 && kept + refused == 32, "{answers:?}");
    if let Some(peak) = peak_memory() {
        assert!(peak < 900, "{peak} MB");
    }
    serving.stop().await;
}
