//! Section `basic_auth`: who may read the page, as `htpasswd -B` writes it down.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use component::Files;
use component::config::{Configuration, Section};
use tokio::sync::Semaphore;

/// Keys of `basic_auth`.
#[derive(Debug, Clone, Default)]
pub struct BasicAuth {
    /// Path of a file with a `user:hash` on each line; empty for none.
    pub htpasswd_file: String,
    /// The same, in the configuration itself.
    pub htpasswd: String,
    /// Time between two looks at whether the file has changed.
    pub reload_interval: Duration,
}

impl Configuration for BasicAuth {
    fn read(section: &mut Section<'_>) -> Self {
        let text = |section: &mut Section<'_>, key, doc| section.field(key, doc, String::new());
        let config = Self {
            htpasswd_file: text(section, "htpasswd_file", "file with lines of user:hash, by bcrypt (htpasswd -B)"),
            htpasswd: text(section, "htpasswd", "such lines themselves"),
            reload_interval: section.field(
                "reload_interval",
                "time between two looks at whether the file has changed; 0 means never",
                Duration::from_secs(10),
            ),
        };
        for (key, found) in [("htpasswd_file", config.of_file()), ("htpasswd", users(&config.htpasswd))] {
            if let Err(text) = found {
                section.fault_at(key, text);
            }
        }
        config
    }
}

impl BasicAuth {
    /// Whether anybody at all has to say who they are.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.htpasswd_file.is_empty() || !self.htpasswd.is_empty()
    }

    fn of_file(&self) -> Result<Users, String> {
        if self.htpasswd_file.is_empty() {
            return Ok(Users::new());
        }
        let text =
            fs::read_to_string(&self.htpasswd_file).map_err(|error| format!("{}: {error}", self.htpasswd_file))?;
        users(&text).map_err(|text| format!("{}: {text}", self.htpasswd_file))
    }

    fn all(&self) -> Result<Users, String> {
        let mut users = users(&self.htpasswd)?;
        users.extend(self.of_file()?);
        Ok(users)
    }
}

/// Hashes by name.
type Users = HashMap<String, String>;

/// What a file has in it. Faults tell the line, never what is on it.
fn users(text: &str) -> Result<Users, String> {
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let (name, hash) = line.split_once(':').filter(|(name, _)| !name.is_empty()).unwrap_or_default();
            let known = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|version| hash.starts_with(version));
            if !known || hash.parse::<bcrypt::HashParts>().is_err() {
                return Err(format!("line {}: no user:hash by bcrypt; `htpasswd -nB USER` makes one", index + 1));
            }
            Ok((name.to_owned(), hash.to_owned()))
        })
        .collect()
}

/// Judges requests.
#[derive(Debug)]
pub(crate) struct Guard {
    config: BasicAuth,
    known: Mutex<Known>,
    hasher: RandomState,
    /// A check takes a tenth of a second of a CPU, which nobody shall multiply.
    one: Semaphore,
}

#[derive(Debug)]
struct Known {
    users: Arc<Users>,
    files: Files,
    /// Hash under a key of this process of what was found right, by name.
    right: HashMap<String, u64>,
}

impl Guard {
    /// # Errors
    /// Where the file has become unreadable since the configuration was read.
    pub(crate) fn new(config: &BasicAuth) -> Result<Option<Self>, String> {
        if !config.is_wanted() {
            return Ok(None);
        }
        let paths = Some(&config.htpasswd_file).filter(|path| !path.is_empty());
        let files = Files::new(paths, config.reload_interval);
        let known = Known { users: Arc::new(config.all()?), files, right: HashMap::new() };
        let (known, hasher, one) = (Mutex::new(known), RandomState::new(), Semaphore::new(1));
        Ok(Some(Self { config: config.clone(), known, hasher, one }))
    }

    /// Whether the value of an `Authorization` header is that of somebody who may.
    pub(crate) async fn admits(&self, header: Option<&[u8]>) -> bool {
        let Some((name, password)) = header.and_then(credentials) else { return false };
        let mark = self.hasher.hash_one((&name, &password));
        let hash = {
            let mut known = self.known();
            self.reload(&mut known);
            if known.right.get(&name) == Some(&mark) {
                return true;
            }
            known.users.get(&name).cloned()
        };
        // Somebody unknown takes as long as a wrong password.
        let (exists, hash) = (hash.is_some(), hash.unwrap_or_else(|| NOBODY.to_owned()));
        let Ok(_one) = self.one.acquire().await else { return false };
        let checked = hash.clone();
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(password, &checked).unwrap_or(false)).await;
        let right = exists && verified.unwrap_or(false);
        let mut known = self.known();
        if right && known.users.get(&name) == Some(&hash) {
            known.right.insert(name, mark);
        }
        right
    }

    fn reload(&self, known: &mut Known) {
        if known.files.changed() {
            match self.config.all() {
                Ok(users) => {
                    tracing::info!(file = self.config.htpasswd_file, users = users.len(), "passwords read again");
                    (known.users, known.right) = (Arc::new(users), HashMap::new());
                }
                Err(error) => tracing::warn!(error, "passwords not read again, those from before hold"),
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name and password.
fn credentials(header: &[u8]) -> Option<(String, Vec<u8>)> {
    let (scheme, rest) = header.split_at_checked(6)?;
    let encoded = rest.trim_ascii();
    let decoded = STANDARD.decode(encoded).ok().filter(|_| scheme.eq_ignore_ascii_case(b"basic "))?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((String::from_utf8(decoded[..colon].to_vec()).ok()?, decoded[colon + 1..].to_vec()))
}

/// Of no password anybody knows.
const NOBODY: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, password: &str) -> String {
        format!("{name}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    fn header(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[tokio::test]
    async fn who_has_the_password_is_admitted_and_nobody_else() {
        let config =
            BasicAuth { htpasswd: line("sam", "a:b\u{fc}") + "# said\n\n" + &line("kim", "x"), ..Default::default() };
        let guard = Guard::new(&config).unwrap().unwrap();
        for _ in 0..2 {
            assert!(guard.admits(Some(&header("sam:a:b\u{fc}"))).await);
        }
        for wrong in ["sam:x", "kim:a:b\u{fc}", "who:x", "sam:", "sam", ""] {
            assert!(!guard.admits(Some(&header(wrong))).await, "{wrong}");
        }
        for odd in [None, Some(&b""[..]), Some(b"Bearer abcdef"), Some(b"Basic ???"), Some(b"Basic \xff")] {
            assert!(!guard.admits(odd).await);
        }
        assert!(guard.admits(Some(&[b"bASIC  ".as_slice(), &header("kim:x")[6..]].concat())).await);
    }

    #[tokio::test]
    async fn a_file_that_changes_is_read_again_and_one_that_is_broken_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("htpasswd");
        let put = |text: &str| fs::write(&path, text).unwrap();
        put(&line("sam", "old"));
        let htpasswd_file = path.to_str().unwrap().to_owned();
        let config = BasicAuth { htpasswd_file, reload_interval: Duration::from_nanos(1), ..Default::default() };
        let guard = Guard::new(&config).unwrap().unwrap();
        assert!(guard.admits(Some(&header("sam:old"))).await);
        put("sam:new");
        assert!(guard.admits(Some(&header("sam:old"))).await, "what cannot be read changes nothing");
        put(&line("sam", "brand new"));
        assert!(!guard.admits(Some(&header("sam:old"))).await, "not even for who was right before");
        assert!(guard.admits(Some(&header("sam:brand new"))).await);
    }

    #[test]
    fn faults_tell_the_line_and_no_secret() {
        for bad in ["sam:secret", "sam", ":$2y$05$x", "sam:{SHA}c2VjcmV0", "sam:$2y$05$secret"] {
            let error = users(&format!("{}{bad}\n", line("kim", "x"))).unwrap_err();
            assert!(error.starts_with("line 2: ") && !error.contains("secret"), "{error}");
        }
    }
}
