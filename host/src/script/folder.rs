//! The folder of deployed scripts, laid out as the archives are that Keycloak deploys.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{CODE_BYTES, Mishap, PREFIX, engine};

/// Says which files are policies, where it is there; otherwise every `.js` file is one
const LIST: &str = "META-INF/keycloak-scripts.json";
/// Most files that are looked at
const FILES: usize = 10_000;
/// Folders within folders
const DEPTH: usize = 16;

/// A script that policies can name
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// As consoles show it
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    /// The program
    pub code: Arc<str>,
}

/// Why a folder cannot be deployed
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The system says so
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file or folder
        file: PathBuf,
        /// What the system says
        error: io::Error,
    },
    /// The list of scripts is none
    #[error("{}: {reason}", file.display())]
    List {
        /// The file
        file: PathBuf,
        /// What is wrong
        reason: String,
    },
    /// A script that never could run
    #[error("{}: {mishap}", file.display())]
    Script {
        /// The file
        file: PathBuf,
        /// What is wrong
        mishap: Mishap,
    },
    /// More files, or folders deeper in each other, than anybody deploys
    #[error("{}: more than {FILES} files, or folders more than {DEPTH} deep", folder.display())]
    TooMany {
        /// The folder
        folder: PathBuf,
    },
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    policies: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    file_name: String,
    description: Option<String>,
}

/// Every policy of a folder by its type
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, Deployed>, ScriptError> {
    let list = folder.join(LIST);
    let entries = match fs::read_to_string(&list) {
        Ok(text) => {
            let parsed: Result<List, _> = serde_json::from_str(&text);
            let wrong =
                |error: serde_json::Error| ScriptError::List { file: list, reason: error.to_string() };
            parsed.map_err(wrong)?.policies
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => every(folder)?,
        Err(error) => return Err(ScriptError::Unreadable { file: list, error }),
    };
    let mut deployed = BTreeMap::new();
    for Entry { name, file_name, description } in entries {
        let file = folder.join(&file_name);
        let code = fs::read_to_string(&file)
            .map_err(|error| ScriptError::Unreadable { file: file.clone(), error })?;
        let checked = if code.len() > CODE_BYTES { Err(Mishap::TooLarge) } else { engine::check(&code) };
        checked.map_err(|mishap| ScriptError::Script { file, mishap })?;
        let script =
            Deployed { name: name.unwrap_or_else(|| file_name.clone()), description, code: code.into() };
        deployed.insert(format!("{PREFIX}{file_name}"), script);
    }
    Ok(deployed)
}

/// Every `.js` file of a folder and of those within it, by its path from there
fn every(folder: &Path) -> Result<Vec<Entry>, ScriptError> {
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_owned(), String::new(), 0_usize)];
    while let Some((path, prefix, depth)) = waiting.pop() {
        let unreadable = |error| ScriptError::Unreadable { file: path.clone(), error };
        for entry in fs::read_dir(&path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // A name that is no text cannot be the name of a type.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let file_name = format!("{prefix}{name}");
            // Follows links: folders of scripts are often put together from them.
            if entry.path().is_dir() {
                waiting.push((entry.path(), format!("{file_name}/"), depth.saturating_add(1)));
            } else if Path::new(&name).extension().is_some_and(|extension| extension == "js") {
                found.push(Entry { name: None, file_name, description: None });
            }
        }
        if depth >= DEPTH || found.len() > FILES {
            return Err(ScriptError::TooMany { folder: folder.to_owned() });
        }
    }
    Ok(found)
}
