//! What hangs on a user or a client, and ends with it (design §5).
//!
//! A live RPT is marked, in the transaction of the change, so that guards that look at its status learn of it.

use countersign_core::time::UnixTime;
use rusqlite::{Transaction, params};

use super::{StoreError, resource, seconds, server::bump};

/// Token Status List: nothing is left of the RPT
const INVALIDATE: &str = "UPDATE rpt SET status = 1, permissions = '[]'";

/// Ends what a user, or a client as its own service account, was issued
pub fn end_requester(tx: &Transaction<'_>, requester: &str, now: UnixTime) -> Result<(), StoreError> {
    tx.prepare_cached(&format!("{INVALIDATE} WHERE requester = ?1 AND expires_at >= ?2"))?
        .execute(params![requester, seconds(now)])?;
    tx.prepare_cached("DELETE FROM grant_row WHERE requester = ?1")?.execute([requester])?;
    Ok(())
}

/// Ends the sign-ins of a user and whatever he was issued
pub fn end_user(tx: &Transaction<'_>, id: &str, now: UnixTime) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM session WHERE user_id = ?1")?.execute([id])?;
    end_requester(tx, id, now)
}

/// Ends a client's part in sign-ins, and what was issued to it or for it
pub fn end_client(tx: &Transaction<'_>, id: &str, now: UnixTime) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM client_session WHERE client_id = ?1")?.execute([id])?;
    tx.prepare_cached(&format!("{INVALIDATE} WHERE client_id = ?1 AND expires_at >= ?2"))?
        .execute(params![id, seconds(now)])?;
    tx.prepare_cached("DELETE FROM grant_row WHERE client_id = ?1")?.execute([id])?;
    end_requester(tx, id, now)?;
    end_server(tx, id, now)
}

/// Ends what was issued for a resource server
pub fn end_server(tx: &Transaction<'_>, id: &str, now: UnixTime) -> Result<(), StoreError> {
    tx.prepare_cached(&format!("{INVALIDATE} WHERE server_id = ?1 AND expires_at >= ?2"))?
        .execute(params![id, seconds(now)])?;
    tx.prepare_cached("DELETE FROM grant_row WHERE server_id = ?1")?.execute([id])?;
    Ok(())
}

/// Removes what somebody owns, shares or asked for at any resource server of the realm
pub fn forget(tx: &Transaction<'_>, realm_id: &str, id: &str, now: UnixTime) -> Result<(), StoreError> {
    let pairs = |sql: &str| -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = tx.prepare_cached(sql)?;
        let rows = statement.query_map([realm_id, id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    // A resource server's own resources go with it.
    let owned = pairs(
        "SELECT r.server_id, r.id FROM resource r JOIN client c ON c.id = r.server_id
         WHERE c.realm_id = ?1 AND r.owner = ?2 AND r.server_id <> ?2",
    )?;
    for (server, resource) in owned {
        resource::remove(tx, &server, &resource, now)?;
    }
    let rows = pairs(
        "SELECT h.server_id, 'share' FROM share h JOIN client c ON c.id = h.server_id
           WHERE c.realm_id = ?1 AND h.requester = ?2 AND h.requester_kind = 'user'
         UNION SELECT h.server_id, 'share' FROM share h JOIN client c ON c.id = h.server_id
           WHERE c.realm_id = ?1 AND h.owner = ?2
         UNION SELECT p.server_id, 'policy' FROM policy p JOIN client c ON c.id = p.server_id
           WHERE c.realm_id = ?1 AND p.owner = ?2",
    )?;
    tx.prepare_cached("DELETE FROM share WHERE requester = ?1 AND requester_kind = 'user'")?.execute([id])?;
    tx.prepare_cached("DELETE FROM share WHERE owner = ?1")?.execute([id])?;
    tx.prepare_cached("DELETE FROM policy WHERE owner = ?1")?.execute([id])?;
    for (server, _) in rows {
        bump(tx, &server)?;
    }
    Ok(())
}
