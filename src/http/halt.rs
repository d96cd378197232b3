//! The wish that nothing more is sent: what is on the wire may end, what still waits for its turn need not begin.
//! Owns how the wish travels. Must not know who wishes it, nor what is sent.

use tokio::sync::watch;

/// Where the wish is spoken. What began before it is meant, what begins after it is not.
#[derive(Debug, Default)]
pub struct Halts(watch::Sender<u64>);

/// How the wish is heard by one who began at a certain moment. Clones began at the same.
#[derive(Debug, Clone)]
pub struct Halt {
    spoken: watch::Receiver<u64>,
    before: u64,
}

impl Halts {
    /// Speaks it.
    pub fn speak(&self) {
        self.0.send_modify(|times| *times += 1);
    }

    /// For one who begins now.
    pub fn from_now(&self) -> Halt {
        let spoken = self.0.subscribe();
        let before = *spoken.borrow();
        Halt { spoken, before }
    }
}

impl Halt {
    /// Whether it was spoken.
    pub fn is_wished(&self) -> bool {
        *self.spoken.borrow() != self.before
    }

    /// Waits until it is; for ever where nobody is left who could.
    pub async fn wished(&self) {
        let mut spoken = self.spoken.clone();
        if spoken.wait_for(|times| *times != self.before).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_heard_by_those_who_began_before_it() {
        let halts = Halts::default();
        let early = halts.from_now();
        assert!(!early.is_wished());
        halts.speak();
        let late = halts.from_now();
        early.clone().wished().await;
        assert!(early.is_wished() && !late.is_wished());
        halts.speak();
        late.wished().await;
        drop(halts);
        assert!(early.is_wished() && late.is_wished());
    }
}
