//! Which shares and requests there are, for those who may look.

use countersign_core::{share::ShareState, time::UnixTime};
use rusqlite::{OptionalExtension, Row, Transaction, params, params_from_iter, types::Value};

use crate::store::{Part, Store, StoreError, seconds, time};

/// One stored share or request
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRecord {
    /// Its id
    pub id: String,
    /// The resource server it belongs to
    pub server_id: String,
    /// The resource
    pub resource_id: String,
    /// Name of the resource
    pub resource_name: String,
    /// The scope; absent for a resource without scopes
    pub scope_id: Option<String>,
    /// Name of the scope
    pub scope_name: Option<String>,
    /// Owner of the resource
    pub owner: String,
    /// Username of the owner, or the resource server's `client_id`
    pub owner_name: Option<String>,
    /// Who asked, or to whom it is given
    pub requester: String,
    /// Username of the requester
    pub requester_name: Option<String>,
    /// Whether the owner agreed
    pub granted: bool,
    /// When it ends by itself
    pub expires_at: Option<UnixTime>,
}

/// Which shares a list shows (`keycloak-wire` §4.4)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareFilter {
    /// Of this scope id
    pub scope: Option<String>,
    /// Of this resource id
    pub resource: Option<String>,
    /// Of this owner id
    pub owner: Option<String>,
    /// Of this requester id
    pub requester: Option<String>,
    /// Granted ones, or pending ones
    pub granted: Option<bool>,
    /// Only those in which this party is owner or requester
    pub party: Option<String>,
}

/// The denied and the blocked are not shown (design §2), nor what has ended: `?` is the present moment
const SHOWN: &str =
    "(h.state = 'pending' OR h.state = 'granted' AND (h.expires_at IS NULL OR h.expires_at > ?))
     AND h.requester_kind = 'user'";

const COLUMNS: &str = "h.id, h.server_id, h.resource_id, r.name, h.scope_id, s.name, h.owner,
     coalesce((SELECT client_id FROM client WHERE id = h.owner), (SELECT username FROM user WHERE id = h.owner)),
     h.requester, (SELECT username FROM user WHERE id = h.requester), h.state, h.expires_at
     FROM share h JOIN resource r ON r.id = h.resource_id LEFT JOIN scope s ON s.id = h.scope_id";

impl Store {
    /// A share of this resource server that has not ended
    pub fn share(&self, server_id: &str, id: &str, now: UnixTime) -> Result<Option<ShareRecord>, StoreError> {
        self.read(|tx| load(tx, server_id, id, now))
    }

    /// Shares by filter, ordered by id
    pub fn shares(
        &self,
        server_id: &str,
        filter: &ShareFilter,
        part: Part<'_>,
        now: UnixTime,
    ) -> Result<Vec<ShareRecord>, StoreError> {
        self.read(|tx| {
            let (conditions, mut values) = conditions(server_id, filter, now);
            let sql =
                format!("SELECT {COLUMNS} WHERE {conditions} AND h.id > ? ORDER BY h.id LIMIT ? OFFSET ?");
            let (after, first) = part.after_id();
            values.extend([after.to_owned().into(), part.max.into(), first.into()]);
            let mut statement = tx.prepare_cached(&sql)?;
            let shares = statement.query_map(params_from_iter(values), record)?;
            Ok(shares.collect::<Result<_, _>>()?)
        })
    }

    /// How many shares a filter finds
    pub fn count_shares(
        &self,
        server_id: &str,
        filter: &ShareFilter,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        self.read(|tx| {
            let (conditions, values) = conditions(server_id, filter, now);
            let mut statement =
                tx.prepare_cached(&format!("SELECT count(*) FROM share h WHERE {conditions}"))?;
            let count: i64 = statement.query_row(params_from_iter(values), |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }
}

pub(in crate::store) fn load(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    now: UnixTime,
) -> Result<Option<ShareRecord>, StoreError> {
    Ok(tx
        .prepare_cached(&format!("SELECT {COLUMNS} WHERE h.id = ? AND h.server_id = ? AND {SHOWN}"))?
        .query_row(params![id, server_id, seconds(now)], record)
        .optional()?)
}

/// What somebody has, or has asked for, of a resource
pub(in crate::store) fn of_requester(
    tx: &Transaction<'_>,
    resource_id: &str,
    requester: &str,
    now: UnixTime,
) -> Result<Vec<ShareRecord>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} WHERE h.resource_id = ? AND h.requester = ? AND {SHOWN} ORDER BY h.id");
    let mut statement = tx.prepare_cached(&sql)?;
    let shares = statement.query_map(params![resource_id, requester, seconds(now)], record)?;
    Ok(shares.collect::<Result<_, _>>()?)
}

/// The granted shares that one `uma` policy shows (design §2)
pub(in crate::store) fn of_view(
    tx: &Transaction<'_>,
    server_id: &str,
    view_id: &str,
    now: UnixTime,
) -> Result<Vec<ShareRecord>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE h.view_id = ? AND h.server_id = ? AND h.state = 'granted' AND {SHOWN} ORDER BY h.id"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let shares = statement.query_map(params![view_id, server_id, seconds(now)], record)?;
    Ok(shares.collect::<Result<_, _>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<ShareRecord> {
    let state: String = row.get(10)?;
    Ok(ShareRecord {
        id: row.get(0)?,
        server_id: row.get(1)?,
        resource_id: row.get(2)?,
        resource_name: row.get(3)?,
        scope_id: row.get(4)?,
        scope_name: row.get(5)?,
        owner: row.get(6)?,
        owner_name: row.get(7)?,
        requester: row.get(8)?,
        requester_name: row.get(9)?,
        granted: state == ShareState::Granted.as_str(),
        expires_at: row.get::<_, Option<i64>>(11)?.map(time),
    })
}

fn conditions(server_id: &str, filter: &ShareFilter, now: UnixTime) -> (String, Vec<Value>) {
    let mut sql = format!("h.server_id = ? AND {SHOWN}");
    let mut values: Vec<Value> = vec![server_id.to_owned().into(), seconds(now).into()];
    let equal = [
        (" AND h.scope_id = ?", &filter.scope),
        (" AND h.resource_id = ?", &filter.resource),
        (" AND h.owner = ?", &filter.owner),
        (" AND h.requester = ?", &filter.requester),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.clone().into());
        }
    }
    if let Some(party) = &filter.party {
        sql.push_str(" AND (h.owner = ? OR h.requester = ?)");
        values.extend([party.clone().into(), party.clone().into()]);
    }
    if let Some(granted) = filter.granted {
        sql.push_str(" AND h.state = ?");
        let state = if granted { ShareState::Granted } else { ShareState::Pending };
        values.push(state.as_str().to_owned().into());
    }
    (sql, values)
}
