//! Runs the commands of README.md as they stand, with this build in the place of `cargo run`, and compares what they print with
//! what the README says that they print. A promise that is not kept fails here.

use crate::harness::{Program, home, same_text};

/// A block of the README, and the text block right after it.
struct Command {
    line: usize,
    text: String,
    prints: Option<String>,
}

fn commands(readme: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut lines = readme.lines().enumerate().peekable();
    // The line on which the last command's block ended: what it prints follows at once or not at all.
    let mut ended = None;
    while let Some((number, line)) = lines.next() {
        if !line.starts_with("```") {
            continue;
        }
        let body: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let text = body.join("\n") + "\n";
        match line {
            "```sh" => commands.push(Command { line: number + 1, text, prints: None }),
            "```text" if ended == Some(number) => commands.last_mut().unwrap().prints = Some(text),
            _ => {}
        }
        ended = (line == "```sh").then_some(number + body.len() + 2);
    }
    commands
}

#[tokio::test]
async fn every_command_of_the_readme_does_what_it_says() {
    let readme = std::fs::read_to_string(home().join("README.md")).unwrap();
    let (mut ran, mut shown) = (0, 0);
    for command in commands(&readme) {
        // These build, test and measure; they are what runs this.
        if matches!(command.text.trim(), "cargo test" | "cargo bench" | "cargo build --release") {
            continue;
        }
        let weir = env!("CARGO_BIN_EXE_weir");
        let script = command
            .text
            .replace("cargo run --quiet --", "\"$WEIR\"")
            .replace("cargo run --release --quiet --", "\"$WEIR\"");
        let what = format!("README.md, the command at line {}", command.line);
        assert!(!script.contains("cargo"), "{what} cannot be run by this test: {script}");
        let result = Program::shell(&script).set("WEIR", weir).set("PATH", "/usr/bin:/bin").run().await.code(0);
        ran += 1;
        if let Some(prints) = &command.prints {
            shown += 1;
            same_text(prints, &result.out, &what);
        }
    }
    assert!(ran >= 8 && shown >= 6, "only {ran} commands were found, {shown} of them with what they print");
}

#[test]
fn a_command_and_what_it_prints_belong_together() {
    let readme =
        "a\n```sh\nx\ny\n```\n```text\nout\n```\n\n```text\nno\n```\n```sh\nz\n```\n\n```text\nno\n```\n```rust\n```\n";
    let found: Vec<_> = commands(readme).into_iter().map(|c| (c.line, c.text, c.prints)).collect();
    let out = Some("out\n".to_owned());
    assert_eq!(found, [(2, "x\ny\n".to_owned(), out), (13, "z\n".to_owned(), None)]);
}
