//! What the requesting party has said at the page of claims gathering, or has let be remembered (Grant §3.3.2, §3.3.5).
//!
//! An ID token says most, then the page, then a persisted claims token. Claims of two persons are never put together:
//! what is not the asker's own is left out and written down (TRAP-UMA-16, -17).

use countersign_core::{permission::Claims, ticket::Ticket, time::UnixTime};

use super::{super::Asker, presenter::Presenter};
use crate::{
    app::App,
    decide::{Party, Untold},
    error::{ApiError, log_seldom},
    gathering,
    http::extract::InRealm,
    realm::{Client, Session},
    sign_in::Token,
    store::{
        self,
        audit::{self, Event},
        gathering::{Gathered, Persisted},
    },
};

/// Who asks, and everything that he has said
pub(super) struct Known {
    /// Absent where nobody has said so
    pub(super) asker: Option<Asker>,
    /// All claims that count
    pub(super) claims: Claims,
    /// What he lets be remembered
    remembered: Claims,
}

/// Puts together what request, page and persisted claims token say
pub(super) async fn known(
    app: &App,
    place: &InRealm,
    presenter: &Presenter,
    ticket: &Ticket,
    pct: Option<&str>,
    now: UnixTime,
) -> Result<Known, ApiError> {
    let (realm, client) = (&*place.realm, &presenter.client);
    let line = ticket.first().as_str();
    let said = app.store.read(|tx| store::gathering::gathered(tx, &realm.id, line, now))?;
    let said = said.filter(|said| said.client_id == client.id);
    let asker = match (&presenter.asker, &said) {
        (Some(asker), _) => Some(asker.clone()),
        // Whoever has seen an address can present the ticket of a public client: it has to say who asks by itself.
        (None, Some(said)) if !client.settings.public_client => interviewed(app, place, client, said, now)?,
        (None, _) => None,
    };
    let mut known = Known { asker, claims: presenter.claims.clone(), remembered: Claims::new() };
    let Some(user_id) = known.asker.as_ref().map(|asker| asker.user.id.clone()) else { return Ok(known) };
    if let Some(said) = said {
        if said.user_id == user_id {
            let claims = gathering::open(app.keys.master(), realm, &said.claims)?;
            known.add(place, claims, said.remember);
        } else {
            refused(app, place, "claims.conflict", client, &user_id, now).await?;
        }
    }
    if let Some(token) = pct.and_then(Token::read)
        && let Some(persisted) =
            app.store.read(|tx| store::gathering::persisted(tx, &realm.id, &token, now))?
    {
        if persisted.client_id == client.id && persisted.user_id == user_id {
            let claims = gathering::open(app.keys.master(), realm, &persisted.claims)?;
            let again = !known.remembered.is_empty();
            known.add(place, claims, again);
        } else {
            refused(app, place, "pct.refused", client, &user_id, now).await?;
        }
    }
    Ok(known)
}

impl Known {
    /// Adds what counts less than what is there: of what people may state themselves, what the realm asks for today
    fn add(&mut self, place: &InRealm, claims: Claims, remember: bool) {
        for (name, values) in gathering::only_askable(&place.realm.uma, claims) {
            if remember {
                self.remembered.entry(name.clone()).or_insert_with(|| values.clone());
            }
            self.claims.entry(name).or_insert(values);
        }
    }
}

/// Whoever was interviewed, as long as the sign-in lasts in which he was, and the client takes part in it
fn interviewed(
    app: &App,
    place: &InRealm,
    client: &Client,
    said: &Gathered,
    now: UnixTime,
) -> Result<Option<Asker>, ApiError> {
    let realm = &*place.realm;
    let found = app.store.read(|tx| {
        let session = store::session::live(tx, realm, &said.session_id, now)?;
        let Some(session) = session.filter(|session| session.user_id == said.user_id) else {
            return Ok(None);
        };
        if store::session::part(tx, &session.id, &client.id)?.is_none() {
            return Ok(None);
        }
        let user = store::user::by_id(tx, &realm.id, &said.user_id)?.filter(|user| user.enabled);
        Ok(user.map(|user| (session, user)))
    })?;
    let proved = |session: &Session| session.auth_time.unwrap_or(session.started_at);
    let Some((session, user)) =
        found.filter(|(session, user)| proved(session) >= realm.not_before.max(user.not_before))
    else {
        return Ok(None);
    };
    let mut party = Party::of_record(app, &user, client)?;
    party.untold =
        Some(Untold { client: client.clone(), issuer: place.issuer.clone(), address: place.address });
    Ok(Some(Asker { user, client: client.clone(), session: Some(session), party, public_client: false }))
}

/// Writes down that claims of somebody else came along
async fn refused(
    app: &App,
    place: &InRealm,
    name: &'static str,
    client: &Client,
    user_id: &str,
    now: UnixTime,
) -> Result<(), ApiError> {
    let event = Event::new(name, &place.realm.id, &client.client_id, now).requester(user_id);
    Ok(app.store.write(move |tx| audit::record(tx, &event)).await?)
}

/// After a success: the line is at its end, and what may be remembered is, under the token that this gives.
///
/// The RPT is out by now, so that a failure costs no more than the token.
pub(super) async fn remember(
    app: &App,
    place: &InRealm,
    known: &Known,
    ticket: &Ticket,
    now: UnixTime,
) -> Option<Token> {
    let Known { asker: Some(asker), remembered, .. } = known else { return None };
    let (realm, line) = (&*place.realm, ticket.first().to_string());
    let persisted = if remembered.is_empty() || realm.uma.pct_lifespan == 0 {
        None
    } else {
        let claims = gathering::seal(app.keys.master(), realm, remembered).ok()?;
        let expires_at = now.plus(realm.uma.pct_lifespan);
        let (client_id, user_id) = (asker.client.id.clone(), asker.user.id.clone());
        Some((Token::random().ok()?, Persisted { client_id, user_id, claims, created_at: now, expires_at }))
    };
    if persisted.is_none() && !ticket.is_successor() {
        return None;
    }
    let (realm_id, stored) = (realm.id.clone(), persisted.clone());
    let done = app
        .store
        .write(move |tx| {
            store::gathering::forget(tx, &line)?;
            match &stored {
                Some((token, persisted)) => store::gathering::persist(tx, &realm_id, token, persisted),
                None => Ok(()),
            }
        })
        .await;
    match done {
        Ok(()) => persisted.map(|(token, _)| token),
        Err(error) => {
            log_seldom("pct", &error);
            None
        }
    }
}
