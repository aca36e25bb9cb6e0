//! The key under which all other secrets are stored.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::KeyError;
use crate::realm::Sealed;

/// First byte of everything sealed: AES-256-GCM, random nonce in front, tag at the end
const FORM: u8 = 1;

/// Why there is no master key
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or written
    #[error("master key file {}: {source}", file.display())]
    File {
        /// Of the key
        file: PathBuf,
        /// What the operating system says
        source: io::Error,
    },
    /// The text is not a key
    #[error("{origin} does not hold a master key: 32 bytes in base64 (`openssl rand -base64 32` makes one)")]
    Form {
        /// Where the text came from
        origin: String,
    },
    /// Others can read the file
    #[error("master key file {} can be read by others; allow only its owner (chmod 600)", file.display())]
    Mode {
        /// Of the key
        file: PathBuf,
    },
    /// The database has secrets, and their key is gone
    #[error(
        "master key file {} is not there, and the database has secrets that only it opens: bring it back, or name \
         the key with --master-key-file",
        file.display()
    )]
    Gone {
        /// Of the key
        file: PathBuf,
    },
    /// No randomness
    #[error("the system gives no random bytes")]
    Random,
}

/// Seals secrets before they are stored (AES-256-GCM)
pub struct MasterKey(RandomizedNonceKey);

impl core::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// A key of 32 bytes in base64, as `origin` gave it
    pub fn from_text(text: &str, origin: &str) -> Result<Self, MasterKeyError> {
        let form = || MasterKeyError::Form { origin: origin.to_owned() };
        let bytes = STANDARD.decode(text.trim()).map_err(|_| form())?;
        RandomizedNonceKey::new(&AES_256_GCM, &bytes).map(Self).map_err(|_| form())
    }

    /// The key in a file
    pub fn from_file(file: &Path) -> Result<Self, MasterKeyError> {
        let at = |source| MasterKeyError::File { file: file.to_owned(), source };
        let text = fs::read_to_string(file).map_err(at)?;
        Self::from_text(&text, &format!("master key file {}", file.display()))
    }

    /// The key beside the database, for its owner's eyes only; made if it is not there and the database is `new`
    pub fn beside(database: &Path, new: bool) -> Result<Self, MasterKeyError> {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push(".key");
        let file = database.with_file_name(name);
        let at = |source| MasterKeyError::File { file: file.clone(), source };
        if !new && !file.try_exists().map_err(at)? {
            return Err(MasterKeyError::Gone { file });
        }
        match create(&file) {
            Ok(mut new) => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(|_| MasterKeyError::Random)?;
                io::Write::write_all(&mut new, STANDARD.encode(bytes).as_bytes()).map_err(at)?;
                new.sync_all().map_err(at)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(at(error)),
        }
        if is_open_to_others(&file).map_err(at)? {
            return Err(MasterKeyError::Mode { file });
        }
        Self::from_file(&file)
    }

    /// Seals bytes for one place; moved to another they do not open
    pub fn seal(&self, place: &str, bytes: &[u8]) -> Result<Sealed, KeyError> {
        let mut body = bytes.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| KeyError::Random)?;
        let mut sealed = vec![FORM];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(Sealed(sealed))
    }

    /// Opens what [`MasterKey::seal`] made for the same place
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<Vec<u8>, KeyError> {
        let rest = sealed.0.strip_prefix(&[FORM]).ok_or(KeyError::Sealed)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(KeyError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Sealed)?;
        let mut body = body.to_vec();
        let length = self
            .0
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| KeyError::Sealed)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

#[cfg(unix)]
fn create(file: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

#[cfg(not(unix))]
fn create(file: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(file)
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(file)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_text(&STANDARD.encode([byte; 32]), "a test").unwrap()
    }

    #[test]
    fn sealed_bytes_open_in_their_place_under_their_key_only() {
        let sealed = key(1).seal("client:a", b"secret").unwrap();
        assert_eq!(key(1).open("client:a", &sealed).unwrap(), b"secret");
        assert!(key(1).open("client:b", &sealed).is_err());
        assert!(key(2).open("client:a", &sealed).is_err());
        assert!(key(1).open("client:a", &Sealed(vec![1, 2])).is_err());
    }

    #[test]
    fn a_generated_key_is_kept_and_only_its_owner_reads_it() {
        let temp = crate::store::tests::TempStore::new();
        let database = temp.folder.join("other.db");
        let gone = MasterKey::beside(&database, false).unwrap_err();
        assert!(matches!(gone, MasterKeyError::Gone { .. }), "{gone}");
        let first = MasterKey::beside(&database, true).unwrap();
        let sealed = first.seal("x", b"y").unwrap();
        assert_eq!(MasterKey::beside(&database, false).unwrap().open("x", &sealed).unwrap(), b"y");
        assert!(!is_open_to_others(&temp.folder.join("other.db.key")).unwrap());
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_without_being_shown() {
        let error = MasterKey::from_text("hunter2", "COUNTERSIGN_MASTER_KEY").unwrap_err().to_string();
        assert!(error.contains("COUNTERSIGN_MASTER_KEY") && !error.contains("hunter2"), "{error}");
    }
}
