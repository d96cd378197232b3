//! A write of 500 rows that is killed with SIGKILL at each named point of its road and resumed by a new process: every
//! row took effect once, none twice, and journal and server agree. The gate and a lock on the journal's file hold the
//! program at the point; no test waits for time to pass.

use crate::fire::{Fire, inputs, meetings, names, states};

const ROWS: usize = 500;

/// `weir resume RUN` and its options.
async fn resume(fire: &Fire, options: &[&str]) -> crate::harness::Ran {
    let id = fire.last_run().0;
    fire.run(["resume", &id].into_iter().chain(options.iter().copied())).await
}

/// A fire in which the journal's file is there already.
async fn with_journal(rows: usize) -> Fire {
    let fire = Fire::with(rows).await;
    fire.run(["resume"]).await.code(0);
    fire
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_planned_and_nothing_sent_it_sends_all() {
    // The mark follows the plan at once; where the lock comes too late, the next fire tries again.
    for _ in 0..50 {
        let fire = with_journal(ROWS).await;
        fire.gate.let_requests(0);
        let running = fire.start(["exec", &inputs()]);
        let planned = |seen: &crate::fire::States| *seen == states(&[("planned", ROWS)]);
        let Some(lock) = fire.seize(planned, |seen| seen.contains_key("sent")) else { continue };
        running.kill();
        drop(lock);
        assert_eq!(fire.posts(), 0);
        fire.gate.open();
        let list = fire.run(["resume"]).await.code(0);
        assert!(list.out.contains("interrupted"), "{}", list.out);
        resume(&fire, &[]).await.code(0).says(&["500 rows sent and done"]);
        fire.assert_complete(ROWS);
        assert_eq!(fire.posts(), ROWS);
        return;
    }
    panic!("the mark was always faster");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_marked_as_sent_and_not_on_the_wire_it_sends_all() {
    let fire = Fire::with(ROWS).await;
    fire.gate.let_requests(7);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.asked == 11 && p.passed == 7).await;
    running.kill();
    assert_eq!(fire.states(), states(&[("done", 7), ("sent", 4), ("planned", ROWS - 11)]));
    assert_eq!(fire.made().len(), 7);
    fire.gate.lose();
    resume(&fire, &[]).await.code(0);
    fire.assert_complete(ROWS);
    assert_eq!(fire.posts(), ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_the_dead_that_arrive_after_the_resumption_change_nothing() {
    let fire = Fire::with(40).await;
    fire.gate.let_requests(0);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.asked == 4).await;
    running.kill();
    let id = fire.last_run().0;
    // The resumption goes to the server by a road of its own while the gate still holds the requests of the dead.
    let second = crate::gate::Gate::before(fire.sandbox.address()).await;
    let mut again = fire.weir(["resume", &id]);
    again.env("CLOUDFLARE_BASE_URL", format!("http://{}/client/v4", second.address()));
    let refused = crate::fire::Running::of(again).end().await.code(2);
    assert!(refused.talk.contains("base URL") && fire.posts() == 0, "{}", refused.talk);
    let again = fire.start(["resume", &id]);
    fire.gate.until(|p| p.asked == 8).await;
    fire.gate.open();
    again.end().await.code(0);
    fire.gate.until(|p| p.forwarded == 44).await;
    fire.assert_complete(40);
    assert_eq!(fire.posts(), 44);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_sent_and_unanswered_it_sends_those_again_under_their_keys() {
    let fire = Fire::with(ROWS).await;
    fire.gate.let_answers(100);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.answered == 104).await;
    running.kill();
    assert_eq!(fire.states(), states(&[("done", 100), ("sent", 4), ("planned", ROWS - 104)]));
    assert_eq!(fire.made(), names(104));
    fire.gate.lose();
    resume(&fire, &[]).await.code(0);
    fire.assert_complete(ROWS);
    assert_eq!(fire.posts(), ROWS + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_answered_and_not_flushed_it_sends_those_again_under_their_keys() {
    let fire = Fire::with(ROWS).await;
    fire.gate.let_answers(0);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.answered == 4).await;
    let lock = fire.seize(|seen| seen.get("sent") == Some(&4), |_| false).unwrap();
    fire.gate.open();
    fire.gate.until(|p| p.passed == 4).await;
    running.kill();
    drop(lock);
    assert_eq!(fire.states(), states(&[("sent", 4), ("planned", ROWS - 4)]));
    resume(&fire, &[]).await.code(0);
    fire.assert_complete(ROWS);
    assert_eq!(fire.posts(), ROWS + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_two_rows_it_goes_on_with_the_next() {
    let fire = Fire::with(ROWS).await;
    fire.gate.let_answers(0);
    let running = fire.start(["exec", &inputs(), "--write-concurrency", "1"]);
    for done in 1..ROWS {
        fire.gate.until(|p| p.answered == done).await;
        fire.gate.let_answers(1);
        let between = states(&[("done", done), ("planned", ROWS - done)]);
        let next = states(&[("done", done), ("sent", 1), ("planned", ROWS - done - 1)]);
        let Some(lock) = fire.seize(|seen| *seen == between, |seen| *seen == next) else { continue };
        running.kill();
        drop(lock);
        assert_eq!((fire.states(), fire.posts()), (between, done));
        fire.gate.lose();
        resume(&fire, &[]).await.code(0);
        fire.assert_complete(ROWS);
        assert_eq!(fire.posts(), ROWS);
        return;
    }
    panic!("the next row was always faster");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumption_that_is_killed_is_resumed_like_any_run() {
    let fire = Fire::with(60).await;
    fire.gate.let_answers(10);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.answered == 14).await;
    running.kill();
    let id = fire.last_run().0;
    for more in [10, 3, 20] {
        fire.gate.lose();
        fire.gate.let_answers(more);
        let before = fire.gate.passage();
        let running = fire.start(["resume", &id]);
        fire.gate.until(|p| p.passed == before.passed + more && p.answered >= before.answered + more + 4).await;
        running.kill();
    }
    fire.gate.lose();
    resume(&fire, &[]).await.code(0);
    fire.assert_complete(60);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_what_may_have_arrived_stays_and_is_shown_until_it_is_asked_for() {
    let fire = Fire::with(40).await;
    fire.gate.let_requests(10);
    let running = fire.start(["exec", &meetings()]);
    fire.gate.until(|p| p.asked == 14 && p.passed == 10).await;
    running.kill();
    fire.gate.lose();
    let held = resume(&fire, &[]).await.code(6).says(&["--resend-unknown", "4 of the run are not done"]);
    assert_eq!(held.out.matches("unknown").count(), 4, "{}", held.out);
    assert_eq!(fire.states(), states(&[("done", 36), ("unknown", 4)]));
    // A second look changes nothing.
    resume(&fire, &[]).await.code(6);
    assert_eq!((fire.met().len(), fire.posts()), (36, 36));
    let shown = resume(&fire, &["--show"]).await.code(0);
    assert_eq!(shown.out.matches("unknown").count(), 4, "{}", shown.out);
    resume(&fire, &["--resend-unknown"]).await.code(0);
    assert_eq!((fire.met(), fire.posts()), (names(40), 40));
    assert_eq!((fire.states(), fire.last_run().1), (states(&[("done", 40)]), "done".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_too_old_counts_as_none() {
    let fire = Fire::with(20).await;
    fire.gate.let_answers(6);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.answered == 10).await;
    running.kill();
    fire.gate.lose();
    // Six hours and a minute later, here and there.
    let later = 1000 * 60 * (6 * 60 + 1);
    let aged = "UPDATE rows SET key_used_at = key_used_at - ?1, sent_at = sent_at - ?1";
    fire.journal().execute(aged, [later]).unwrap();
    fire.sandbox.advance(u32::try_from(later).unwrap());
    resume(&fire, &[]).await.code(6).says(&["4 rows may have taken effect"]);
    assert_eq!(fire.made(), names(20));
    assert_eq!(fire.states(), states(&[("done", 16), ("unknown", 4)]));
}
