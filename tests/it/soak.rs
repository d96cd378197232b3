//! Kills at random moments, for as many times as asked: a write of 40 rows is killed, resumed, killed again, until it is
//! done, and then everything must be there once. Not part of the ordinary tests; CONTRIBUTING.md has the command.

use std::time::{Duration, Instant};

use crate::fire::{Fire, inputs, meetings, name, names};

const ROWS: usize = 40;
/// Kills of one write at most.
const TURNS: usize = 8;

/// Numbers that look random and come again with their seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// `WEIR_SOAK_KILLS`, `WEIR_SOAK_SEED`.
fn asked(name: &str, otherwise: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "whoever asks for the soak says how long")]
    let given = std::env::var(name);
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes about half a second a kill; see CONTRIBUTING.md"]
async fn killed_at_random_moments_every_row_takes_effect_once() {
    let kills = asked("WEIR_SOAK_KILLS", 1000);
    let mut seed = asked("WEIR_SOAK_SEED", u64::from(std::process::id()));
    let (mut done, mut writes, begun) = (0, 0, Instant::now());
    while done < kills {
        eprintln!("WEIR_SOAK_SEED={seed}: {done} kills, {writes} writes, {:.0} s", begun.elapsed().as_secs_f64());
        done += one(seed).await;
        writes += 1;
        seed += 1;
    }
    eprintln!(
        "{done} kills in {writes} writes of {ROWS} rows, {:.0} s: nothing lost, nothing twice",
        begun.elapsed().as_secs_f64()
    );
}

/// One write until it is done. Gives the number of kills.
async fn one(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let keyed = dice.below(2) == 0;
    let fire = Fire::with(ROWS).await;
    // How long it takes unkilled, by a run of its own elsewhere, so that moments fall all over it on any machine.
    let statement = if keyed { inputs() } else { meetings() };
    let whole = pace(&statement).await;
    let mut kills = 0;
    // The last resumption is let through.
    for turn in 0..=TURNS {
        let run = run_of(&fire);
        let arguments = match &run {
            None => ["exec", &statement],
            Some((_, true)) => break,
            Some((id, false)) => ["resume", id],
        };
        let running = fire.start(arguments);
        if turn == TURNS {
            let ran = running.end().await;
            assert!(ran.code == Some(0) || !keyed && ran.code == Some(6), "seed {seed}: {ran:?}");
            break;
        }
        // Waiting is the point here: the moment is random, and nothing is assumed of what it meets.
        tokio::time::sleep(Duration::from_micros(dice.below(whole))).await;
        if dice.below(2) == 0 {
            fire.gate.lose();
        }
        kills += u64::from(running.kill_if_there());
        check_on_the_way(&fire, keyed, seed);
    }
    check_at_the_end(&fire, keyed, seed).await;
    kills
}

/// Microseconds that the statement takes here.
async fn pace(statement: &str) -> u64 {
    static PACE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    if let Some(known) = PACE.get() {
        return *known;
    }
    let fire = Fire::with(ROWS).await;
    let begun = Instant::now();
    fire.run(["exec", statement]).await.code(0);
    let taken = u64::try_from(begun.elapsed().as_micros()).unwrap();
    *PACE.get_or_init(|| taken)
}

/// The run, once there is one, and whether it is done.
fn run_of(fire: &Fire) -> Option<(String, bool)> {
    // The tables may not be there yet.
    let run = "SELECT id, state = 'done' FROM runs";
    fire.copy()?.query_row(run, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()
}

/// After every kill: what the journal calls done is on the server, what it calls planned is not, nothing is there twice.
fn check_on_the_way(fire: &Fire, keyed: bool, seed: u64) {
    let there = if keyed { fire.made() } else { fire.met() };
    let mut once = there.clone();
    once.dedup();
    assert_eq!(there, once, "seed {seed}: something is there twice");
    let Some(connection) = fire.copy() else { return };
    let Ok(mut rows) = connection.prepare("SELECT row, state FROM rows") else { return };
    let rows = rows.query_map([], |row| Ok((row.get::<_, u32>(0)? as usize, row.get::<_, String>(1)?))).unwrap();
    for (row, state) in rows.map(Result::unwrap) {
        let is_there = there.contains(&name(row));
        assert!(is_there || state != "done", "seed {seed}: row {row} is done and not there");
        assert!(!is_there || state != "planned", "seed {seed}: row {row} is there and only planned");
    }
}

async fn check_at_the_end(fire: &Fire, keyed: bool, seed: u64) {
    let done = fire.states().get("done").copied().unwrap_or_default();
    if keyed {
        assert_eq!((fire.made(), done), (names(ROWS), ROWS), "seed {seed}");
        return;
    }
    // Without a key, what is doubtful stays, and is all that is left.
    check_on_the_way(fire, keyed, seed);
    let unknown = fire.states().get("unknown").copied().unwrap_or_default();
    assert_eq!(done + unknown, ROWS, "seed {seed}");
    if unknown > 0 {
        let id = fire.last_run().0;
        fire.run(["resume", &id, "--resend-unknown"]).await.code(0);
        let (mut met, all) = (fire.met(), fire.met().len());
        met.dedup();
        assert_eq!(met, names(ROWS), "seed {seed}");
        assert!(all - ROWS <= unknown, "seed {seed}: more came twice than was asked for");
    }
}
