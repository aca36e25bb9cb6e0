use super::*;

#[test]
fn origins_of_redirects_stand_for_a_plus() {
    assert_eq!(origin_of("https://app.example/cb/*").as_deref(), Some("https://app.example"));
    assert_eq!(origin_of("*"), None);
}

#[test]
fn an_rpt_keeps_a_mapped_audience_that_names_the_resource_server() {
    let mut claims = Map::new();
    claims.insert("aud".to_owned(), json!(["account", "api"]));
    set_rpt_audience(&mut claims, "api");
    assert_eq!(claims["aud"], json!(["api", "account"]));
    set_rpt_audience(&mut claims, "photoz");
    assert_eq!(claims["aud"], "photoz");
}
