use super::*;

#[test]
fn an_rpt_keeps_a_mapped_audience_that_names_the_resource_server() {
    let mut claims = Map::new();
    claims.insert("aud".to_owned(), json!(["account", "api"]));
    set_rpt_audience(&mut claims, "api");
    assert_eq!(claims["aud"], json!(["api", "account"]));
    set_rpt_audience(&mut claims, "photoz");
    assert_eq!(claims["aud"], "photoz");
}

#[test]
fn the_hash_of_an_access_token_is_that_of_the_specification() {
    // OpenID Connect Core, appendix A.3.
    let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(at_hash(Alg::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
}
