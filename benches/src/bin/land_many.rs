//! Writes many landing objects of one event each into the folder of a lake, as a lake has them whose posts come one by one.
//!
//! `land_many LAKE_FOLDER OBJECTS`: the lake must be there (`auditlake serve --data LAKE_FOLDER`, once). Objects arrive now, a millisecond
//! apart; none is acknowledged to anyone, so no fence is asked: use it on a lake whose current hour is open.

use std::error::Error;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use auditlake_event::{Event, Outcome, Timestamp};
use auditlake_lake::landing::file::encode_named;
use auditlake_lake::{Arrival, Lake};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(objects)) = (arguments.next(), arguments.next()) else {
        return Err("usage: land_many LAKE_FOLDER OBJECTS".into());
    };
    let (folder, objects): (PathBuf, i64) = (folder.into(), objects.parse()?);
    let lake = Lake::parse(&std::fs::read(folder.join("lake.json"))?)?;
    let rule = lake.rule();
    let now = Timestamp::from_millis(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?);
    for number in 0..objects {
        let time = now.plus_millis(
            (number - objects).max(now.hour().millis() - now.millis()).max(lake.created.millis() - now.millis()),
        );
        let event = Event {
            event_id: format!("many-{number}").into(),
            event_time: time,
            received_time: time,
            region: "local".into(),
            organization: "acme".into(),
            source: "api".into(),
            action: format!("action_{}", number % 7).into(),
            outcome: Outcome::Success,
            actor_id: Some(format!("user-{}", number % 50).into()),
            resource_type: Some("document".into()),
            resource_id: Some(format!("d{}", number % 1_000).into()),
            ..Event::default()
        };
        let mut salt = [0; 10];
        salt[..8].copy_from_slice(&number.to_be_bytes());
        let (key, encoded) = encode_named(&[event], Arrival(time), &rule, salt)?;
        let path = folder.join(key.to_string());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, encoded.bytes)?;
    }
    println!("{objects} landing objects");
    Ok(())
}
