//! How a session signs in: ways that replace those of documents, credentials in files, and those that a command prints.
//! Owns how a command is run: without a shell, without input, for
//! a limited time, once in a session. What a file or a command says is never part of an error.

use std::collections::HashMap;
use std::io::Read;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{SessionOptions, accounts};
use crate::error::{Error, Kind, Result};
use crate::http::{Keyring, Reader};
use crate::registry::{CredentialSource, Registry, by_provider};
use crate::secret::Secret;

/// How long a command may take: somebody may have to unlock a store first.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a credential that are taken.
const LONGEST: u64 = 64 << 10;

/// Ways to sign in by provider, in the way of StackQL's `--auth`.
pub struct Auth {
    /// Where the text is from, for errors: `--auth`.
    pub from: String,
    /// A JSON object; it may hold secrets.
    pub json: Secret,
}

/// The providers of the folders and the program's own, reached and signed in to as the user says.
pub fn registry(options: &SessionOptions) -> Result<Registry> {
    let mut registry = Registry::open(&options.registries, options.cache.as_deref())?;
    accounts::apply(&mut registry, &options.accounts)?;
    let Some(auth) = options.auth.as_ref() else { return Ok(registry) };
    let wrong = |what: String| {
        Error::new(Kind::Usage, format!("{}: {what}", auth.from)).hint("docs/registry.md lists types and their keys")
    };
    for (provider, scheme) in by_provider(auth.json.expose()).map_err(wrong)? {
        registry.sign_in(&provider, &scheme).map_err(|error| {
            let led = Error::new(Kind::Usage, format!("{}: {}", auth.from, error.message()));
            match error.hint_text() {
                Some(hint) => led.hint(hint),
                None => led,
            }
        })?;
    }
    Ok(registry)
}

/// The command that is being run; one at a time in a session.
#[derive(Debug, Clone, Default)]
struct UnderWay(Arc<Mutex<Seat>>);

#[derive(Debug, Default)]
struct Seat {
    child: Option<Child>,
    /// Nobody needs credentials any more.
    over: bool,
}

impl UnderWay {
    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    fn end(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
        }
    }
}

/// Ends the command that is being run when it is dropped: whoever needed the credentials is gone.
#[derive(Debug)]
pub struct Leash(UnderWay);

impl Drop for Leash {
    fn drop(&mut self) {
        let mut seat = self.0.seat();
        seat.over = true;
        seat.end();
    }
}

/// The credentials of a session with these environment variables, and what ends their command with the session.
pub fn keyring(variables: &Arc<HashMap<String, String>>) -> (Keyring, Leash) {
    let home = variables.get("HOME").cloned();
    let printed: Mutex<HashMap<Vec<String>, Secret>> = Mutex::default();
    let under_way = UnderWay::default();
    let leash = Leash(under_way.clone());
    let read: Reader = Arc::new(move |source| match source {
        CredentialSource::File(path) => file(path, home.as_deref()),
        CredentialSource::Command(words) => {
            let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = printed.get(words) {
                return Ok(known.expose().to_owned());
            }
            let text = command(words, PATIENCE, &under_way)?;
            printed.insert(words.clone(), Secret::new(&text));
            Ok(text)
        }
        other => Err(Error::new(Kind::Internal, format!("{} is neither a file nor a command", other.label()))),
    });
    (Keyring::new(variables.clone(), read), leash)
}

fn file(path: &str, home: Option<&str>) -> Result<String> {
    let place = match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => format!("{home}/{rest}"),
        _ => path.to_owned(),
    };
    let unreadable = |why: String| {
        Error::new(Kind::Credentials, format!("the credentials file {place} cannot be read: {why}"))
            .hint("Its name comes from credentialsfilepath, or from the variable that names the file.")
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(&place).map_err(|e| unreadable(e.to_string()))?;
    opened.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|e| unreadable(e.to_string()))?;
    text(bytes).map_err(|why| unreadable(why.to_owned()))
}

/// What a credential's bytes say, without one newline at their end.
fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.len() as u64 > LONGEST {
        return Err("it is longer than 64 KiB");
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    if text.trim().is_empty() { Err("it is empty") } else { Ok(text.to_owned()) }
}

fn command(words: &[String], patience: Duration, under_way: &UnderWay) -> Result<String> {
    let (program, arguments) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let failed = |why: String| {
        Error::new(Kind::Credentials, format!("the command {program}, which gives the credentials, {why}"))
            .hint("Run it by itself to see what it says; weir shows nothing of its output.")
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| failed(format!("cannot be started: {e}")))?;
    let output = child.stdout.take();
    {
        let mut seat = under_way.seat();
        seat.child = Some(child);
        if seat.over {
            seat.end();
        }
    }
    let ended = collected(output, under_way, Instant::now() + patience);
    let child = under_way.seat().child.take();
    if let (Err(_), Some(mut child)) = (&ended, child) {
        // It may have ended in the meantime; either way nobody waits for it.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (bytes, status) = ended.map_err(failed)?;
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    text(bytes).map_err(|why| failed(format!("printed what is no credential: {why}")))
}

/// All that the child prints, and how it ended.
fn collected(
    output: Option<ChildStdout>,
    under_way: &UnderWay,
    until: Instant,
) -> Result<(Vec<u8>, ExitStatus), String> {
    let late = || "did not end in time".to_owned();
    let (sender, receiver) = channel();
    if let Some(output) = output {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(LONGEST + 1).read_to_end(&mut bytes).map(|_| bytes);
            // Nobody listens any more once the time is over.
            let _ = sender.send(read);
        });
    }
    let bytes = match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(read) => read.map_err(|e| format!("cannot be read: {e}"))?,
        Err(RecvTimeoutError::Timeout) => return Err(late()),
        Err(RecvTimeoutError::Disconnected) => return Err("cannot be read".to_owned()),
    };
    loop {
        let ended = under_way.seat().child.as_mut().map_or(Ok(None), Child::try_wait);
        match ended {
            Ok(Some(status)) => return Ok((bytes, status)),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => return Err(late()),
            Err(e) => return Err(format!("cannot be waited for: {e}")),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<String> {
        command(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), PATIENCE, &UnderWay::default())
    }

    #[test]
    fn a_command_runs_without_a_shell_and_loses_one_newline() {
        assert_eq!(run(&["printf", "tok-123456\n"]).unwrap(), "tok-123456");
        assert_eq!(run(&["printf", "%s", "$HOME;id"]).unwrap(), "$HOME;id");
        assert_eq!(run(&["printf", "a\n\n"]).unwrap(), "a\n");
    }

    #[test]
    fn an_error_tells_how_it_ended_and_nothing_it_said() {
        let error = run(&["sh", "-c", "echo tok-123456; echo tok-123456 >&2; exit 3"]).unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials);
        assert!(error.message().contains("exit status: 3"), "{error}");
        assert!(!format!("{error:?}").contains("tok-"), "{error:?}");
        for words in [&["true"][..], &["printf", "\\377"], &["weir-no-such-program"]] {
            assert_eq!(run(words).unwrap_err().kind(), Kind::Credentials, "{words:?}");
        }
    }

    #[test]
    fn nobody_waits_for_a_command_that_does_not_end() {
        let words = ["sh", "-c", "exec sleep 1000"].map(str::to_owned);
        let error = command(&words, Duration::ZERO, &UnderWay::default()).unwrap_err();
        assert!(error.message().contains("in time"), "{error}");
    }

    #[test]
    fn a_command_ends_with_its_session() {
        let (keyring, leash) = keyring(&Arc::default());
        let folder = tempfile::tempdir().unwrap();
        let begun = folder.path().join("begun");
        let line = format!("echo > {}; exec sleep 1000", begun.display());
        let words = ["sh", "-c", line.as_str()].map(str::to_owned).to_vec();
        let access = crate::registry::Access {
            schemes: vec![crate::registry::AuthScheme::placed(
                "bearer",
                vec![crate::registry::Placed::header(
                    "Authorization",
                    crate::registry::CredentialValue::Prefixed(String::new(), CredentialSource::Command(words)),
                )],
            )],
            ..crate::registry::Access::default()
        };
        let waits = std::thread::spawn(move || {
            crate::http::Credentials::find(&access, &keyring, &crate::secret::Redactor::default()).map(drop)
        });
        while !begun.exists() {
            std::thread::yield_now();
        }
        drop(leash);
        assert!(waits.join().unwrap().unwrap_err().message().contains("signal: 9"));
    }

    #[test]
    fn a_command_is_run_once_in_a_session() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let line = format!("echo x >> {}; echo tok-123456", count.display());
        let words = ["sh", "-c", line.as_str()].map(str::to_owned).to_vec();
        let (printed, _leash) = keyring(&Arc::default());
        for _ in 0..3 {
            let access = crate::registry::Access {
                schemes: vec![crate::registry::AuthScheme::placed(
                    "bearer",
                    vec![crate::registry::Placed::header(
                        "Authorization",
                        crate::registry::CredentialValue::Prefixed(
                            "Bearer ".to_owned(),
                            CredentialSource::Command(words.clone()),
                        ),
                    )],
                )],
                ..crate::registry::Access::default()
            };
            let redactor = crate::secret::Redactor::default();
            crate::http::Credentials::find(&access, &printed, &redactor).unwrap();
            assert_eq!(redactor.clean("tok-123456"), "***");
        }
        assert_eq!(std::fs::read_to_string(count).unwrap(), "x\n");
    }

    #[test]
    fn a_file_may_lie_at_home_and_errors_name_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "tok-123456\r\n").unwrap();
        assert_eq!(file("~/key", folder.path().to_str()).unwrap(), "tok-123456");
        assert!(file("/no/such/key", None).unwrap_err().message().contains("/no/such/key"));
    }
}
