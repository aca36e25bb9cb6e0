//! What a realm demands of new passwords: its `passwordPolicy`, in Keycloak's words.
//!
//! `length(8) and digits(1) and notUsername`: names with a number or a pattern, joined by ` and `. Names that mean nothing
//! here are kept in the text and said once at the import; they forbid nothing.

use core::fmt;

use fancy_regex::{Regex, RegexBuilder};

/// How often a pattern may go back in a password before it counts as one that does not fit
const STEPS: usize = 100_000;
/// Longest policy, in bytes
const LONGEST: usize = 4_000;
/// Most passwords that are remembered of a user
const HISTORY: usize = 24;
/// What Keycloak demands where a name comes without a number
const USUAL_LENGTH: usize = 8;
const USUAL_HISTORY: usize = 3;

/// What new passwords must be like
#[derive(Debug, Clone, Default)]
pub struct PasswordPolicy {
    rules: Vec<Rule>,
    history: usize,
    idle: Vec<String>,
}

#[derive(Debug, Clone)]
enum Rule {
    Longer(usize),
    Shorter(usize),
    Digits(usize),
    Lower(usize),
    Upper(usize),
    Special(usize),
    NotUsername,
    WithoutUsername,
    NotEmail,
    Pattern(Box<Regex>),
}

/// A member of a policy is not what it should be
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` in the password policy {why}")]
pub struct PolicyError {
    name: String,
    why: &'static str,
}

/// What a password lacks
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Keycloak's key of the message
    pub key: &'static str,
    /// The message, for people
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whose password it will be
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// User name
    pub username: &'a str,
    /// E-mail address
    pub email: Option<&'a str>,
}

impl PasswordPolicy {
    /// Reads a policy; nothing demands nothing
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        if text.len() > LONGEST {
            return Err(PolicyError { name: "…".to_owned(), why: "makes it too long" });
        }
        for member in text.split(" and ").map(str::trim).filter(|member| !member.is_empty()) {
            let (name, value) = member.split_once('(').map_or((member, ""), |(name, rest)| {
                (name.trim(), rest.rsplit_once(')').map_or(rest, |(value, _)| value))
            });
            policy.add(name, value)?;
        }
        Ok(policy)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), PolicyError> {
        let wrong = |why| PolicyError { name: name.chars().take(100).collect(), why };
        let number = |usual: usize| match value.trim() {
            "" | "undefined" | "null" => Ok(usual),
            text => text.parse::<usize>().map_err(|_| wrong("has a value that is no number")),
        };
        let rule = match name {
            "length" => Rule::Longer(number(USUAL_LENGTH)?),
            "maxLength" => Rule::Shorter(number(64)?),
            "digits" => Rule::Digits(number(1)?),
            "lowerCase" => Rule::Lower(number(1)?),
            "upperCase" => Rule::Upper(number(1)?),
            "specialChars" => Rule::Special(number(1)?),
            "notUsername" => Rule::NotUsername,
            "notContainsUsername" => Rule::WithoutUsername,
            "notEmail" => Rule::NotEmail,
            "regexPattern" => {
                // Java matches the whole password.
                let mut builder = RegexBuilder::new(&format!("^(?:{value})$"));
                let built = builder.backtrack_limit(STEPS).build();
                Rule::Pattern(Box::new(built.map_err(|_| wrong("is a pattern that cannot be read"))?))
            }
            "passwordHistory" => {
                let history = number(USUAL_HISTORY)?;
                if history > HISTORY {
                    return Err(wrong("remembers more passwords than 24"));
                }
                self.history = history;
                return Ok(());
            }
            _ => {
                self.idle.push(name.chars().take(100).collect());
                return Ok(());
            }
        };
        self.rules.push(rule);
        Ok(())
    }

    /// Names in it that have no effect here
    pub fn idle(&self) -> impl Iterator<Item = &str> {
        self.idle.iter().map(String::as_str)
    }

    /// How many passwords back a new one must differ from; 0: from none
    pub const fn history(&self) -> usize {
        self.history
    }

    /// How many earlier passwords are kept beside the present one
    pub const fn earlier(&self) -> usize {
        self.history.saturating_sub(1)
    }

    /// Whether it says how long passwords are
    pub fn says_length(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::Longer(_)))
    }

    /// Looks at a new password; what it was before is looked at elsewhere
    pub fn check(&self, password: &str, owner: Owner<'_>) -> Result<(), Violation> {
        self.rules.iter().find_map(|rule| rule.violation(password, owner)).map_or(Ok(()), Err)
    }

    /// That a password is one of the last ones
    pub fn repeated(&self) -> Violation {
        violation(
            "invalidPasswordHistoryMessage",
            "must not be equal to any of last",
            self.history,
            "passwords",
        )
    }
}

/// Keycloak's words
fn violation(key: &'static str, text: &str, number: usize, unit: &str) -> Violation {
    let space = if unit.is_empty() { "" } else { " " };
    Violation { key, text: format!("Invalid password: {text} {number}{space}{unit}.") }
}

fn plain(key: &'static str, text: &str) -> Violation {
    Violation { key, text: format!("Invalid password: {text}.") }
}

impl Rule {
    fn violation(&self, password: &str, owner: Owner<'_>) -> Option<Violation> {
        let count = |is: fn(char) -> bool| password.chars().filter(|letter| is(*letter)).count();
        let length = password.chars().count();
        let fold = |text: &str| text.to_lowercase();
        let (username, password_folded) = (fold(owner.username), fold(password));
        match self {
            Self::Longer(least) => (length < *least)
                .then(|| violation("invalidPasswordMinLengthMessage", "minimum length", *least, "")),
            Self::Shorter(most) => (length > *most)
                .then(|| violation("invalidPasswordMaxLengthMessage", "maximum length", *most, "")),
            Self::Digits(least) => (count(char::is_numeric) < *least)
                .then(|| violation("invalidPasswordMinDigitsMessage", AT_LEAST, *least, "numerical digits")),
            Self::Lower(least) => (count(char::is_lowercase) < *least).then(|| {
                violation(
                    "invalidPasswordMinLowerCaseCharsMessage",
                    AT_LEAST,
                    *least,
                    "lower case characters",
                )
            }),
            Self::Upper(least) => (count(char::is_uppercase) < *least).then(|| {
                violation(
                    "invalidPasswordMinUpperCaseCharsMessage",
                    AT_LEAST,
                    *least,
                    "upper case characters",
                )
            }),
            Self::Special(least) => (count(|letter| !letter.is_alphanumeric()) < *least).then(|| {
                violation("invalidPasswordMinSpecialCharsMessage", AT_LEAST, *least, "special characters")
            }),
            Self::NotUsername => (password_folded == username)
                .then(|| plain("invalidPasswordNotUsernameMessage", "must not be equal to the username")),
            Self::WithoutUsername => (!username.is_empty() && password_folded.contains(&username))
                .then(|| plain("invalidPasswordNotContainsUsernameMessage", "Can not contain the username")),
            Self::NotEmail => owner
                .email
                .is_some_and(|email| fold(email) == password_folded)
                .then(|| plain("invalidPasswordNotEmailMessage", "must not be equal to the email")),
            // A pattern that gives up says no.
            Self::Pattern(pattern) => (!pattern.is_match(password).unwrap_or(false))
                .then(|| plain("invalidPasswordRegexPatternMessage", "fails to match regex pattern(s)")),
        }
    }
}

const AT_LEAST: &str = "must contain at least";

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Owner<'static> = Owner { username: "alice", email: Some("alice@test.example") };

    fn key(policy: &str, password: &str) -> Option<&'static str> {
        PasswordPolicy::read(policy).unwrap().check(password, ALICE).err().map(|violation| violation.key)
    }

    #[test]
    fn every_rule_has_a_password_that_fits_and_one_that_does_not() {
        for (policy, good, bad, message) in [
            ("length(8)", "12345678", "1234567", "Invalid password: minimum length 8."),
            ("length", "12345678", "1234567", "Invalid password: minimum length 8."),
            ("length(undefined)", "12345678", "1234567", "Invalid password: minimum length 8."),
            ("maxLength(3)", "123", "1234", "Invalid password: maximum length 3."),
            ("digits(2)", "a1b2", "a1b", "Invalid password: must contain at least 2 numerical digits."),
            (
                "lowerCase(2)",
                "abC",
                "aBC",
                "Invalid password: must contain at least 2 lower case characters.",
            ),
            ("upperCase(1)", "aB", "ab", "Invalid password: must contain at least 1 upper case characters."),
            ("specialChars(1)", "a!", "aB1", "Invalid password: must contain at least 1 special characters."),
            (
                "notUsername(undefined)",
                "alice1",
                "Alice",
                "Invalid password: must not be equal to the username.",
            ),
            ("notContainsUsername", "al-ice", "xALICEx", "Invalid password: Can not contain the username."),
            ("notEmail", "alice", "Alice@Test.Example", "Invalid password: must not be equal to the email."),
            (
                r"regexPattern(^(?=.*[A-Z])(?=.*\d).{4,}$)",
                "aB3d",
                "ab3d",
                "Invalid password: fails to match regex pattern(s).",
            ),
            ("regexPattern(ab)", "ab", "xabx", "Invalid password: fails to match regex pattern(s)."),
        ] {
            let read = PasswordPolicy::read(policy).unwrap();
            assert_eq!(read.check(good, ALICE), Ok(()), "{policy}");
            assert_eq!(read.check(bad, ALICE).unwrap_err().text, message, "{policy}");
        }
    }

    #[test]
    fn rules_are_looked_at_in_their_order() {
        let policy = "length(4) and digits(1) and notUsername(undefined)";
        assert_eq!(key(policy, "abc"), Some("invalidPasswordMinLengthMessage"));
        assert_eq!(key(policy, "abcd"), Some("invalidPasswordMinDigitsMessage"));
        assert_eq!(key(policy, "abcd1"), None);
        assert_eq!(key("", ""), None);
    }

    #[test]
    fn names_without_effect_are_kept_apart_and_values_that_are_none_are_refused() {
        let policy =
            PasswordPolicy::read("hashIterations(210000) and passwordHistory(2) and myRule(x)").unwrap();
        assert_eq!(policy.idle().collect::<Vec<_>>(), ["hashIterations", "myRule"]);
        assert_eq!((policy.history(), policy.earlier()), (2, 1));
        for wrong in ["length(x)", "digits(-1)", "passwordHistory(25)", "regexPattern([)", "upperCase(1.5)"] {
            assert!(PasswordPolicy::read(wrong).is_err(), "{wrong}");
        }
        assert!(PasswordPolicy::read(&"length(8) and ".repeat(1_000)).is_err());
    }

    #[test]
    fn a_pattern_that_never_ends_is_given_up() {
        let password = format!("{}!", "a".repeat(200));
        assert_eq!(
            key(r"regexPattern((?=(a+)+$)\1x|(a|aa)+(?!b)$)", &password),
            Some("invalidPasswordRegexPatternMessage")
        );
    }
}
