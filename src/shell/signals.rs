//! Signals that ask a run to end: Ctrl-C, and SIGTERM once it is listened for. Owns how they are heard; what ends is the
//! caller's affair. Until [`listen`], SIGTERM ends the program where it stands.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::error::Kind;

/// How often SIGTERM came.
static TERMINATED: OnceLock<watch::Sender<u64>> = OnceLock::new();
/// How many of these were heard by a run.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// Who does not hear SIGTERM for so long is held up by whoever reads its output, and ends where it stands.
#[cfg(unix)]
const DEAF: std::time::Duration = std::time::Duration::from_secs(5);

/// From now on SIGTERM is a signal to the run. A third one ends it where it stands.
pub fn listen() {
    #[cfg(unix)]
    {
        let Ok(mut signals) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
        let times = TERMINATED.get_or_init(|| watch::Sender::new(0));
        tokio::spawn(async move {
            let code = i32::from(Kind::Terminated.exit_code());
            while signals.recv().await.is_some() {
                times.send_modify(|times| *times += 1);
                let came = *times.borrow();
                if came > 2 {
                    std::process::exit(code);
                }
                tokio::spawn(async move {
                    tokio::time::sleep(DEAF).await;
                    if HEARD.load(Ordering::Relaxed) < came {
                        std::process::exit(code);
                    }
                });
            }
        });
    }
}

/// What one statement hears.
#[derive(Debug, Default)]
pub struct Signals {
    terminated: u64,
}

impl Signals {
    /// The next one. A SIGTERM that came before the statement began is the first it hears.
    pub async fn next(&mut self) -> Kind {
        tokio::select! {
            biased;
            came = terminated(self.terminated) => {
                HEARD.fetch_max(came, Ordering::Relaxed);
                self.terminated = came;
                Kind::Terminated
            }
            _ = tokio::signal::ctrl_c() => Kind::Interrupted,
        }
    }
}

/// Waits until there were more than `known`, and tells how many.
async fn terminated(known: u64) -> u64 {
    let mut times = match TERMINATED.get() {
        Some(times) => times.subscribe(),
        None => return std::future::pending().await,
    };
    match times.wait_for(|came| *came > known).await {
        Ok(came) => *came,
        Err(_) => std::future::pending().await,
    }
}
