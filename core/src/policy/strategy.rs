use serde::{Deserialize, Serialize};

/// How several results become one (`keycloak-wire` §8.3)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Strategy {
    /// No result may deny
    #[default]
    Unanimous,
    /// One permit is enough
    Affirmative,
    /// More permits than others
    Consensus,
}

impl Strategy {
    /// The strategy of that name
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "UNANIMOUS" => Some(Self::Unanimous),
            "AFFIRMATIVE" => Some(Self::Affirmative),
            "CONSENSUS" => Some(Self::Consensus),
            _ => None,
        }
    }

    /// Its name, as representations and rows have it
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unanimous => "UNANIMOUS",
            Self::Affirmative => "AFFIRMATIVE",
            Self::Consensus => "CONSENSUS",
        }
    }

    /// Whether `permits` of `total` results permit; nobody permits where there are no results
    ///
    /// ```
    /// use countersign_core::policy::Strategy;
    ///
    /// assert!(Strategy::Consensus.permits(2, 3));
    /// assert!(!Strategy::Consensus.permits(1, 2));
    /// assert!(!Strategy::Unanimous.permits(0, 0));
    /// ```
    pub const fn permits(self, permits: usize, total: usize) -> bool {
        match self {
            Self::Unanimous => total > 0 && permits == total,
            Self::Affirmative => permits > 0,
            Self::Consensus => permits > total.saturating_sub(permits),
        }
    }
}
