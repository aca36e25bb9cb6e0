use super::*;
use crate::realm::{ClientSettings, RealmSettings};
use countersign_core::time::UnixTime;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn realm() -> Realm {
    Realm::with(RealmSettings::default())
}

fn client() -> Client {
    Client {
        id: "1".to_owned(),
        client_id: "app".to_owned(),
        enabled: true,
        secret: None,
        not_before: UnixTime(0),
        settings: ClientSettings {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            ..ClientSettings::default()
        },
    }
}

const BASE: &str = "response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=s";

fn read(query: &str) -> Result<AuthRequest, Refused> {
    let form = Form::parse(query.as_bytes()).unwrap();
    client_id(&form)?;
    AuthRequest::read(&realm(), &client(), "https://as.example", &form)
}

#[test]
fn a_request_is_read_and_can_be_asked_again() {
    let more = format!(
        "{BASE}&scope=openid&nonce=n&prompt=login+consent&max_age=60&login_hint=alice\
         &response_mode=fragment&code_challenge={CHALLENGE}&code_challenge_method=S256&ui_locales=de&other=x"
    );
    let request = read(&more).unwrap();
    assert_eq!(request.to.state.as_deref(), Some("s"));
    assert_eq!(request.to.mode, ResponseMode::Fragment);
    assert_eq!(request.max_age, Some(60));
    assert!(request.prompt.login && request.prompt.consent && !request.prompt.none);
    let again = request.parameters();
    let again: Vec<_> =
        again.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    assert_eq!(read(&again.join("&")).unwrap(), request);
}

/// RFC 6749 §4.1.2.1: nothing is sent to a place that is not known to be right
#[test]
fn who_asks_and_where_the_answer_goes_come_first() {
    for (query, text) in [
        ("response_type=code", "Missing parameter: client_id"),
        ("client_id=app&client_id=app", "Invalid parameter: client_id"),
        ("client_id=app&redirect_uri=https%3A%2F%2Fevil.example%2F", "Invalid parameter: redirect_uri"),
        (
            "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&redirect_uri=https%3A%2F%2Fapp.example%2Fcb",
            "Invalid parameter: redirect_uri",
        ),
        ("client_id=app&scope=openid", "Missing parameter: redirect_uri"),
    ] {
        assert_eq!(read(query), Err(Refused::Here(text)), "{query}");
    }
    // Plain OAuth may leave out the only one.
    assert_eq!(read("response_type=code&client_id=app").unwrap().to.redirect_uri, "https://app.example/cb");
}

#[test]
fn clients_that_may_not_send_people_here_are_named_on_the_page() {
    assert_eq!(admit(None).unwrap_err(), Refused::Here("Client not found."));
    let with = |change: fn(&mut Client)| {
        let mut client = client();
        change(&mut client);
        admit(Some(client)).unwrap_err()
    };
    assert_eq!(with(|client| client.enabled = false), Refused::Here("Client disabled."));
    let bearer = with(|client| client.settings.bearer_only = true);
    assert!(matches!(bearer, Refused::Here(text) if text.starts_with("Bearer-only")));
    let saml = with(|client| client.settings.protocol = "saml".to_owned());
    assert!(matches!(saml, Refused::Here(_)));
}

#[test]
fn everything_else_is_told_to_the_client() {
    let told = |more: &str| match read(&format!("{BASE}&{more}")) {
        Err(Refused::There(to, refusal)) => {
            assert_eq!(to.redirect_uri, "https://app.example/cb");
            (refusal.error, refusal.description)
        }
        other => panic!("{more}: {other:?}"),
    };
    let long = "a".repeat(4_001);
    for (more, error, text) in [
        ("state=t", "invalid_request", "duplicated parameter"),
        ("x=1&x=1", "invalid_request", "duplicated parameter"),
        ("request=x", "request_not_supported", "Parameter is not supported: request"),
        ("request_uri=x", "request_uri_not_supported", "Parameter is not supported: request_uri"),
        ("response_mode=jwt", "invalid_request", "Invalid parameter: response_mode"),
        ("scope=uma_protection", "invalid_scope", "Invalid scopes: uma_protection"),
        ("prompt=none+login", "invalid_request", "Invalid parameter: prompt"),
        ("prompt=dance", "invalid_request", "Invalid parameter: prompt"),
        ("max_age=-1", "invalid_request", "Invalid parameter: max_age"),
        (
            "code_challenge=short&code_challenge_method=S256",
            "invalid_request",
            "Invalid parameter: code_challenge",
        ),
        (&format!("nonce={long}"), "invalid_request", "A parameter is longer than allowed"),
    ] {
        assert_eq!(told(more), (error, text.to_owned()), "{more}");
    }
    let typed = |kind: &str| match read(&BASE.replace("=code", kind)) {
        Err(Refused::There(_, refusal)) => refusal.error,
        other => panic!("{other:?}"),
    };
    assert_eq!(typed("="), "invalid_request");
    for kind in ["=token", "=id_token", "=code+token", "=none", "=Code"] {
        assert_eq!(typed(kind), "unsupported_response_type", "{kind}");
    }
}

#[test]
fn a_client_without_the_standard_flow_is_told_so() {
    let mut client = client();
    client.settings.standard_flow_enabled = false;
    let form = Form::parse(BASE.as_bytes()).unwrap();
    let refused = AuthRequest::read(&realm(), &client, "https://as.example", &form);
    assert!(matches!(refused, Err(Refused::There(_, refusal)) if refusal.error == "unauthorized_client"));
}
