//! Our own settings of a realm: attributes named `countersign.*`.

use std::collections::BTreeMap;

use countersign_core::dialect::uma2::RequiredClaim;

/// Begin of the names of our attributes
const PREFIX: &str = "countersign.";

/// Why an attribute of ours is refused
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No setting has this name
    #[error("unknown setting `{name}`; did you mean `{nearest}`?")]
    Unknown {
        /// As given
        name: String,
        /// The known name most like it
        nearest: &'static str,
    },
    /// The value is none of those that the setting takes
    #[error("setting `{name}` must be {wanted}")]
    Value {
        /// Of the setting
        name: &'static str,
        /// What it takes
        wanted: &'static str,
    },
}

/// How often a permission ticket works
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketUse {
    /// Once
    Single,
    /// Until it expires, as Keycloak has it
    UntilExpiry,
}

/// In which form an assessment is answered
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Keycloak's
    Keycloak,
    /// UMA 2.0's
    Uma2,
}

/// Which Keycloak is followed where its releases differ
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeycloakCompat {
    /// 26.7
    V26_7,
    /// 26.4
    V26_4,
}

/// What an owner may do with his own resource
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerAccess {
    /// What policies grant him
    Policy,
    /// Everything
    Always,
}

/// Which scripts run as policies
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptUse {
    /// None
    Off,
    /// Those that the operator has deployed
    Deployed,
    /// Those, and code inside policies of type `js`
    Inline,
}

/// Settings of a realm that Keycloak does not have
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UmaSettings {
    /// Life of a permission ticket, in seconds
    pub ticket_lifespan: u64,
    /// How often a ticket works
    pub ticket_use: TicketUse,
    /// Form of the answers
    pub dialect: Dialect,
    /// Release that is followed
    pub keycloak_compat: KeycloakCompat,
    /// What an owner may do
    pub owner_access: OwnerAccess,
    /// Which scripts run, where the server runs any
    pub scripts: ScriptUse,
    /// Seconds after which asking again makes sense; 0: nothing is said
    pub poll_interval: u64,
    /// Claims that a requesting party may be asked for where a policy looks for them
    pub required_claims: Vec<RequiredClaim>,
    /// Longest RPT, in bytes; none: unlimited
    pub rpt_max_bytes: Option<u64>,
    /// How long claims are remembered for somebody who lets them be, in seconds; 0: never
    pub pct_lifespan: u64,
}

impl Default for UmaSettings {
    fn default() -> Self {
        Self {
            ticket_lifespan: 300,
            ticket_use: TicketUse::Single,
            dialect: Dialect::Keycloak,
            keycloak_compat: KeycloakCompat::V26_7,
            owner_access: OwnerAccess::Policy,
            scripts: ScriptUse::Deployed,
            poll_interval: 5,
            required_claims: Vec::new(),
            rpt_max_bytes: None,
            pct_lifespan: 30 * 24 * 3_600,
        }
    }
}

/// Every name after the prefix
const NAMES: &[&str] = &[
    "countersign.dialect",
    "countersign.keycloak_compat",
    "countersign.owner_access",
    "countersign.pct_lifespan",
    "countersign.poll_interval",
    "countersign.required_claims",
    "countersign.rpt_max_bytes",
    "countersign.scripts",
    "countersign.ticket_lifespan",
    "countersign.ticket_use",
];

impl UmaSettings {
    /// Whether a grant uses its ticket up: always in the dialect of the specification (GRANT-5.5-01)
    pub fn spends_tickets(&self) -> bool {
        self.dialect == Dialect::Uma2 || self.ticket_use == TicketUse::Single
    }

    /// What a client is told that waits for an owner, in seconds
    pub fn retry_after(&self) -> Option<u64> {
        Some(self.poll_interval).filter(|seconds| *seconds > 0)
    }

    /// Reads our attributes among those of a realm; others are none of its business
    pub fn read(attributes: &BTreeMap<String, String>) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        for (name, value) in attributes {
            if name.starts_with(PREFIX) {
                settings.set(name, value)?;
            }
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        match name {
            "countersign.ticket_lifespan" => {
                self.ticket_lifespan = number(value, 1, 86_400).ok_or(SettingError::Value {
                    name: "countersign.ticket_lifespan",
                    wanted: "a number of seconds from 1 to 86400",
                })?;
            }
            "countersign.ticket_use" => {
                self.ticket_use = match value {
                    "single" => TicketUse::Single,
                    "until-expiry" => TicketUse::UntilExpiry,
                    _ => {
                        return Err(SettingError::Value {
                            name: "countersign.ticket_use",
                            wanted: "`single` or `until-expiry`",
                        });
                    }
                }
            }
            "countersign.dialect" => {
                self.dialect = match value {
                    "keycloak" => Dialect::Keycloak,
                    "uma2" => Dialect::Uma2,
                    _ => {
                        return Err(SettingError::Value {
                            name: "countersign.dialect",
                            wanted: "`keycloak` or `uma2`",
                        });
                    }
                }
            }
            "countersign.keycloak_compat" => {
                self.keycloak_compat = match value {
                    "26.7" => KeycloakCompat::V26_7,
                    "26.4" => KeycloakCompat::V26_4,
                    _ => {
                        return Err(SettingError::Value {
                            name: "countersign.keycloak_compat",
                            wanted: "`26.7` or `26.4`",
                        });
                    }
                }
            }
            "countersign.owner_access" => {
                self.owner_access = match value {
                    "policy" => OwnerAccess::Policy,
                    "always" => OwnerAccess::Always,
                    _ => {
                        return Err(SettingError::Value {
                            name: "countersign.owner_access",
                            wanted: "`policy` or `always`",
                        });
                    }
                }
            }
            "countersign.scripts" => {
                self.scripts = match value {
                    "off" => ScriptUse::Off,
                    "deployed" => ScriptUse::Deployed,
                    "inline" => ScriptUse::Inline,
                    _ => {
                        return Err(SettingError::Value {
                            name: "countersign.scripts",
                            wanted: "`off`, `deployed` or `inline`",
                        });
                    }
                }
            }
            "countersign.pct_lifespan" => {
                self.pct_lifespan = number(value, 0, 365 * 24 * 3_600).ok_or(SettingError::Value {
                    name: "countersign.pct_lifespan",
                    wanted: "a number of seconds from 0 to 31536000",
                })?;
            }
            "countersign.poll_interval" => {
                self.poll_interval = number(value, 0, 3_600).ok_or(SettingError::Value {
                    name: "countersign.poll_interval",
                    wanted: "a number of seconds from 0 to 3600",
                })?;
            }
            "countersign.required_claims" => {
                self.required_claims = claims(value).ok_or(SettingError::Value {
                    name: "countersign.required_claims",
                    wanted: "names, or a JSON list of claims that have a `name` each (Grant §3.3.6)",
                })?;
            }
            "countersign.rpt_max_bytes" => {
                let bytes = number(value, 512, 1_000_000).or_else(|| number(value, 0, 0));
                let bytes = bytes.ok_or(SettingError::Value {
                    name: "countersign.rpt_max_bytes",
                    wanted: "0, or a number of bytes from 512 to 1000000",
                })?;
                self.rpt_max_bytes = Some(bytes).filter(|bytes| *bytes > 0);
            }
            _ => return Err(SettingError::Unknown { name: name.to_owned(), nearest: nearest(name) }),
        }
        Ok(())
    }
}

/// Names in a row, or what UMA says of claims, as JSON
fn claims(value: &str) -> Option<Vec<RequiredClaim>> {
    if value.trim_start().starts_with('[') {
        let claims: Vec<RequiredClaim> = serde_json::from_str(value).ok()?;
        let named = |claim: &RequiredClaim| claim.name.as_ref().is_some_and(|name| !name.is_empty());
        return claims.iter().all(named).then_some(claims);
    }
    let names = value.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
    Some(
        names.map(|name| RequiredClaim { name: Some(name.to_owned()), ..RequiredClaim::default() }).collect(),
    )
}

fn number(value: &str, least: u64, most: u64) -> Option<u64> {
    value.parse().ok().filter(|number| (least..=most).contains(number))
}

fn nearest(name: &str) -> &'static str {
    NAMES.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name)).copied().unwrap_or(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<UmaSettings, SettingError> {
        UmaSettings::read(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn settings_are_read_and_others_left_alone() {
        assert_eq!(read("countersign.owner_access", "always").unwrap().owner_access, OwnerAccess::Always);
        assert_eq!(read("countersign.ticket_lifespan", "60").unwrap().ticket_lifespan, 60);
        assert_eq!(read("frontendUrl", "x").unwrap(), UmaSettings::default());
        assert_eq!(read("countersign.rpt_max_bytes", "8192").unwrap().rpt_max_bytes, Some(8_192));
        assert_eq!(read("countersign.rpt_max_bytes", "0").unwrap(), UmaSettings::default());
        assert!(read("countersign.rpt_max_bytes", "100").is_err());
        assert_eq!(read("countersign.pct_lifespan", "0").unwrap().pct_lifespan, 0);
        assert!(read("countersign.pct_lifespan", "31536001").is_err());
        let names = |value| {
            let claims = read("countersign.required_claims", value)?.required_claims;
            Ok::<_, SettingError>(claims.into_iter().filter_map(|claim| claim.name).collect::<Vec<_>>())
        };
        assert_eq!(names("dept, team").unwrap(), ["dept", "team"]);
        assert_eq!(names(r#"[{"name":"dept","friendly_name":"Department"}]"#).unwrap(), ["dept"]);
        for wrong in [r#"[{"friendly_name":"x"}]"#, r#"[{"name":"x","odd":1}]"#, "[", r#"["dept"]"#] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_refused_with_the_nearest_name() {
        let error = read("countersign.ticket_lifespam", "60").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown setting `countersign.ticket_lifespam`; did you mean `countersign.ticket_lifespan`?"
        );
        let error = read("countersign.dialect", "uma3").unwrap_err();
        assert_eq!(error.to_string(), "setting `countersign.dialect` must be `keycloak` or `uma2`");
    }
}
