//! The end of a sign-in: the session of this browser, and the code for the client.

use std::sync::Arc;

use axum::response::Response;

use super::{
    super::extract::InRealm,
    answer,
    authorize::current,
    cookies::{Cookie, Cookies},
    pages, steps,
};
use crate::{
    app::App,
    error::ApiError,
    event,
    keys::random_session_id,
    realm::{Client, Session, User},
    sign_in::{Token, credentials, fingerprint, progress::Progress, request::ResponseMode},
    store::{
        self,
        audit::{self, Event},
        sign_in::{Grant, Redeemed},
    },
};

/// How long a code is good, in seconds
const CODE: u64 = 60;
/// How long a browser counts as one in which somebody has signed in, in seconds
const KNOWN: u64 = 90 * 24 * 3_600;

/// Begins or goes on with the session, and sends the code to the client
pub(super) async fn finish(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    client: &Client,
    progress: Progress,
    user: &User,
) -> Result<Response, ApiError> {
    let (realm, now) = (Arc::clone(&place.realm), app.clock.now());
    let Progress { request, known: Some(known), .. } = progress else { return Err(ApiError::server_error()) };
    let grant = Grant {
        redirect_uri: request.to.redirect_uri.clone(),
        scope: request.scope.clone(),
        nonce: request.nonce.clone(),
        challenge: request.challenge.clone(),
        acr: if known.session.is_some() { "0" } else { "1" }.to_owned(),
    };
    let (code, identity) = (Token::random()?, Token::random()?);
    let browser = match cookies.get(Cookie::Known) {
        Some(browser) => browser,
        None => Token::random()?,
    };
    let there = current(app, place, cookies)?.map(|(session, _)| session);
    let fresh = known.session.is_none();
    let session = match (&known.session, there.clone()) {
        // The session that was enough is gone.
        (Some(id), there) if there.as_ref().is_none_or(|there| there.id != *id) => {
            return Ok(pages::expired(place, &steps::again(place, &request)));
        }
        (Some(_), Some(there)) => there,
        // The same user has shown again who he is.
        (None, Some(there)) if there.user_id == user.id && there.remember_me == known.remember => {
            Session { auth_time: Some(known.at), ..there.used(&realm, now) }
        }
        (_, _) => {
            let address = place.address.to_string();
            let begun = Session::begin(random_session_id()?, &realm, &user.id, Some(address), known.at);
            if known.remember { begun.remembered(&realm) } else { begun }
        }
    };
    // Another one of this browser ends: it would have no cookie any more.
    let replaced = there.map(|there| there.id).filter(|id| *id != session.id);
    let wants_code = request.to.mode != ResponseMode::Here;
    let redeemed = Redeemed { client_id: client.id.clone(), session_id: session.id.clone(), grant };
    place.event.user(&user.id);
    place.event.session(&session.id);
    for (name, value) in [("username", &user.username), ("code_id", &session.id)] {
        place.event.detail(name, value);
    }
    if session.remember_me {
        place.event.detail("remember_me", "true");
    }
    let (event, kept) = (Event::new("sign_in", &realm.id, &user.id, now), place.event.done(&realm, now));
    if fresh {
        // From the next time on this browser is counted by itself.
        credentials::succeeded(app, &place.realm, user, cookies.get(Cookie::Known).as_ref()).await?;
    }
    let stored = (session.clone(), code.clone(), identity.clone(), browser.clone());
    app.store
        .write(move |tx| {
            let (session, code, identity, browser) = stored;
            if fresh {
                if let Some(id) = replaced {
                    store::session::end(tx, &id)?;
                }
                store::session::put(tx, &realm.id, &session)?;
                store::sign_in::put_cookie(tx, &session.id, &identity)?;
                store::sign_in::know(tx, &session.user_id, &browser, now.plus(KNOWN))?;
                audit::record(tx, &event)?;
            } else {
                store::session::touch(tx, &realm, &session.id, now)?;
            }
            event::record(tx, kept.as_ref())?;
            if wants_code {
                store::sign_in::put_code(tx, &realm.id, &code, &redeemed, now.plus(CODE))?;
            }
            Ok(())
        })
        .await?;
    // What nobody here can do has failed.
    let action = request.action.as_deref().map(|action| (action, known.acted.as_deref().unwrap_or("error")));
    let mut response = answer::granted(place, &request.to, &session.id, action, &code);
    if fresh {
        let seconds = session.remember_me.then(|| now.seconds_until(session.expires_at));
        cookies.set(&mut response, Cookie::Identity, identity.reveal(), seconds);
        cookies.set(&mut response, Cookie::Status, &fingerprint(session.id.as_bytes()), seconds);
        cookies.set(&mut response, Cookie::Known, browser.reveal(), Some(KNOWN));
    }
    if fresh || cookies.get(Cookie::Begun).is_some() {
        cookies.clear(&mut response, Cookie::Begun);
    }
    Ok(response)
}
