//! What a shell is given to complete `weir`, driven as bash drives it, and the manual's pages, judged by groff where it is
//! installed.

use crate::harness::Program;

/// `weir ARGUMENTS`, printed.
async fn weir(arguments: &[&str]) -> String {
    Program::new().arguments(arguments.iter().copied()).run().await.code(0).out
}

/// What bash offers where these words have been typed, the last of them not to its end.
async fn offered(script: &str, words: &[&str]) -> Vec<String> {
    let typed = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
    let drive = format!(
        "source ./weir.bash
        function=$(complete -p weir | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        COMP_WORDS=({typed}); COMP_CWORD={}; COMPREPLY=()
        \"$function\" weir '{last}' '{before}'
        printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.len() - 1
    );
    let program = Program::shell("bash --norc drive.bash").file("weir.bash", script).file("drive.bash", &drive);
    let ran = program.set("PATH", "/usr/bin:/bin").run().await.code(0);
    assert_eq!(ran.talk, "", "{words:?}");
    ran.out.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn bash_completes_commands_options_and_their_values() {
    let script = weir(&["completions", "bash"]).await;
    let check = Program::shell("bash -n weir.bash").file("weir.bash", &script).set("PATH", "/usr/bin:/bin");
    assert_eq!(check.run().await.code(0).talk, "");
    let cases: [(&[&str], &[&str]); 7] = [
        (&["weir", "ex"], &["exec"]),
        (&["weir", "exec", "--dry"], &["--dry-run"]),
        (&["weir", "exec", "-o", "js"], &["json", "jsonl"]),
        (&["weir", "--on-error", ""], &["stop", "continue"]),
        (&["weir", "resume", "--res"], &["--resend-unknown"]),
        (&["weir", "shell", "--no-r"], &["--no-rc"]),
        (&["weir", "completions", "f"], &["fish"]),
    ];
    for (typed, wanted) in cases {
        assert_eq!(offered(&script, typed).await, wanted, "{typed:?}");
    }
}

#[tokio::test]
async fn zsh_and_fish_get_scripts_of_their_own() {
    for (shell, begins, has) in [("zsh", "#compdef weir", "jsonl"), ("fish", "# Print an", "resend-unknown")] {
        let script = weir(&["completions", shell]).await;
        assert!(script.starts_with(begins) && script.contains(has), "{shell}: {}", &script[..200.min(script.len())]);
        assert!(script.contains("max-affected") && script.contains("sandbox"), "{shell}");
    }
    Program::new().arguments(["completions", "tcsh"]).run().await.code(2).says(&["bash", "zsh", "fish"]);
}

/// The page as groff shows it, without a warning; `None` where there is no groff.
async fn shown(page: &str) -> Option<String> {
    let script = "command -v groff >/dev/null || exit 44\nLC_ALL=C.UTF-8 groff -man -ww -Tutf8 -P-cbou weir.1";
    let ran = Program::shell(script).file("weir.1", page).set("PATH", "/usr/bin:/bin").run().await;
    if ran.code == Some(44) {
        eprintln!("no groff here: the manual's pages are not shown, only looked at");
        return None;
    }
    assert_eq!((ran.code, ran.talk.as_str()), (Some(0), ""), "{page}");
    Some(ran.out)
}

#[tokio::test]
async fn the_manual_has_a_page_for_each_command_with_its_options_and_examples() {
    for command in ["", "exec", "check", "resume", "shell", "sandbox", "completions"] {
        let command: Vec<&str> = Some(command).filter(|name| !name.is_empty()).into_iter().collect();
        let page = weir(&[&["man"], &command[..]].concat()).await;
        let help = weir(&[&command[..], &["--help"]].concat()).await;
        let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        assert_eq!(headings[..2], ["NAME", "SYNOPSIS"], "{command:?}");
        assert!(headings.ends_with(&["EXAMPLES", "EXIT CODES"]), "{headings:?}");
        let Some(text) = shown(&page).await else { continue };
        let options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        for option in options.filter_map(|line| line.split([' ', '[', '=']).find(|word| word.starts_with("--"))) {
            assert!(text.contains(option.trim_end_matches(',')), "{command:?} {option}:\n{text}");
        }
        // Examples keep their lines.
        let examples = help.split("Examples:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        for line in examples.lines() {
            assert!(text.contains(line.trim()), "{command:?}: {line}\n{text}");
        }
    }
    Program::new().arguments(["man", "exce"]).run().await.code(2).says(&["there is no command `exce`", "`exec`"]);
}
