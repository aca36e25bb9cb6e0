use super::*;
use crate::realm::ClientSettings;
use countersign_core::time::UnixTime;

const BASE: &str = "https://as.example";

fn client(root: Option<&str>) -> Client {
    Client {
        id: "1".to_owned(),
        client_id: "app".to_owned(),
        enabled: true,
        secret: None,
        not_before: UnixTime(0),
        settings: ClientSettings { root_url: root.map(str::to_owned), ..ClientSettings::default() },
    }
}

fn fits(pattern: &str, asked: &str) -> bool {
    registered(&[pattern.to_owned()], &client(None), BASE, asked).is_some()
}

#[test]
fn a_registered_uri_fits_as_it_stands() {
    for uri in [
        "https://app.example/cb",
        "https://app.example/cb?tenant=1",
        "http://10.0.0.7:8080/cb",
        "https://[2001:db8::1]/cb",
        "com.example.app:/cb",
        "com.example.app://cb",
    ] {
        assert!(fits(uri, uri), "{uri}");
    }
}

/// TRAP-OAUTH-02
#[test]
fn nothing_that_only_resembles_it_fits() {
    for asked in [
        "https://app.example/cb/",
        "https://app.example/cb/more",
        "https://app.example/c",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example:444/cb",
        "https://app.example:443/cb",
        "http://app.example/cb",
        "HTTPS://app.example/cb",
        "https://APP.example/cb",
        "https://app.example./cb",
        "https://sub.app.example/cb",
        "https://app.example.evil/cb",
        "https://evil.example/cb",
        "https://user@app.example/cb",
        "https://app.example@evil.example/cb",
        "https://app.example%40evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https:\\\\app.example\\cb",
        "https:///app.example/cb",
        "https:/app.example/cb",
        "https:app.example/cb",
        "//app.example/cb",
        "/cb",
        "https://app.example//cb",
        "https://app.example/./cb",
        "https://app.example/x/../cb",
        "https://app.example/%63b",
        "https://app.example/cb%00",
        "https://app.example/cb%0d%0aSet-Cookie:x",
        "https://app.example/cb\r\nSet-Cookie: x",
        "https://app.example/cb\t",
        " https://app.example/cb",
        "https://app.example/cb ",
        "https://аpp.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "",
    ] {
        assert!(!fits("https://app.example/cb", asked), "{asked:?}");
    }
}

#[test]
fn a_wildcard_stands_for_the_rest_of_the_path_only() {
    let all = "https://app.example/*";
    for asked in [
        "https://app.example/",
        "https://app.example",
        "https://app.example/a/b?c=../d",
        "https://app.example/a?next=https://evil.example",
    ] {
        assert!(fits(all, asked), "{asked}");
    }
    for asked in [
        "https://app.example.evil/",
        "https://app.example:444/",
        "https://app.example/a/../b",
        "https://app.example/..",
        "https://app.example/a/%2e%2e/b",
        "https://app.example/a/.%2E/b",
        "https://app.example/a/%252e%252e/b",
        "https://app.example/a%2f..%2fb",
        "https://app.example/a/..;/b",
        "https://app.example/a%5c..%5cb",
        "https://app.example/a#b",
        "https://x@app.example/",
    ] {
        assert!(!fits(all, asked), "{asked}");
    }
    assert!(fits("https://app.example/cb*", "https://app.example/cback"));
    // A wildcard that would begin inside the host fits nothing, nor does one in the middle or in a query.
    for (pattern, asked) in [
        ("https://app.example*", "https://app.example.evil/"),
        ("https://app.example*", "https://app.example/"),
        ("https://*", "https://evil.example/"),
        ("https://*.example/cb", "https://evil.example/cb"),
        ("https://*/cb/*", "https://evil.example/cb/x"),
        ("https://app.example/*/cb", "https://app.example/x/cb"),
        ("https://app.example/cb?x=*", "https://app.example/cb?x=1"),
        ("http*", "https://evil.example/"),
    ] {
        assert!(!fits(pattern, asked), "{pattern} {asked}");
    }
}

#[test]
fn a_lone_wildcard_means_this_machine_and_the_own_site() {
    assert!(fits("*", "http://localhost:3000/cb"));
    assert!(fits("*", "https://as.example/cb"));
    assert!(!fits("*", "https://evil.example/cb"));
    assert!(!fits("*", "com.evil.app:/cb"));
    let own = client(Some("https://app.example/base"));
    let fits = |asked| registered(&["*".to_owned()], &own, BASE, asked).is_some();
    assert!(fits("https://app.example/cb"));
    assert!(!fits("https://as.example/cb"));
    assert!(!fits("https://app.example.evil/cb"));
}

/// RFC 8252 §7.3
#[test]
fn a_loopback_uri_without_a_port_fits_every_port() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let pattern = format!("http://{host}/cb");
        assert!(fits(&pattern, &format!("http://{host}:49152/cb")), "{host}");
        assert!(!fits(&pattern, &format!("http://{host}:49152/other")), "{host}");
        assert!(!fits(&pattern, &format!("http://{host}:99999/cb")), "{host}");
        assert!(!fits(&pattern, &format!("https://{host}:49152/cb")), "{host}");
    }
    assert!(!fits("http://localhost/cb", "http://127.0.0.1:1/cb"));
    assert!(!fits("http://localhost:8080/cb", "http://localhost:8081/cb"));
    assert!(!fits("http://app.example/cb", "http://app.example:8081/cb"));
    assert!(!fits("http://localhost/cb", "http://localhost.evil:80/cb"));
}

#[test]
fn a_relative_uri_is_below_the_root_of_its_client_or_this_server() {
    assert!(fits("/app/*", "https://as.example/app/cb"));
    assert!(!fits("/app/*", "https://evil.example/app/cb"));
    let rooted = client(Some("https://app.example/base/"));
    let fits = |asked| registered(&["/cb".to_owned()], &rooted, BASE, asked).is_some();
    assert!(fits("https://app.example/base/cb"));
    assert!(!fits("https://as.example/cb"));
    let own = client(Some("${authBaseUrl}"));
    assert!(registered(&["/realms/x/*".to_owned()], &own, BASE, "https://as.example/realms/x/a").is_some());
}

#[test]
fn a_client_with_one_plain_uri_need_not_be_asked() {
    let with = |uris: &[&str]| {
        let mut client = client(None);
        client.settings.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        only(&client, BASE).map(RedirectUri::into_string)
    };
    assert_eq!(with(&["https://app.example/cb"]).as_deref(), Some("https://app.example/cb"));
    assert_eq!(with(&["/cb"]).as_deref(), Some("https://as.example/cb"));
    assert_eq!(with(&["https://app.example/*"]), None);
    assert_eq!(with(&["https://a.example/", "https://b.example/"]), None);
    assert_eq!(with(&[]), None);
}
