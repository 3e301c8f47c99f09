//! Messages that cannot be understood, kept with their reason.

use auditlake_lake::hash::sha256_hex;
use auditlake_lake::layout;
use auditlake_store::StoreError;
use serde_json::json;

use crate::clients::LakeAccess;

/// Puts a message of a queue into quarantine. Its key follows from its bytes: delivered again, it is the same object.
pub async fn put(access: &LakeAccess, queue: &str, id: &str, body: &str, reason: &str) -> Result<(), StoreError> {
    let document = json!({"reason": reason, "message_id": id, "body": body});
    let key = format!("{}queue={queue}/{}.json", layout::QUARANTINE, sha256_hex(body.as_bytes()));
    access.store.put_if_absent(&key, format!("{document}\n").into()).await?;
    tracing::error!(key, message_id = id, reason, "message quarantined");
    Ok(())
}
