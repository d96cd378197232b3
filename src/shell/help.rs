//! What `--help` says besides the options themselves: the groups they stand in, examples and exit codes behind each command.
//! Owns no option; those are in `args`. The manual's pages and the completions of shells are made from the same description.

use clap::{CommandFactory, FromArgMatches};

use super::args::Typed;

/// The groups of options, in the words of their headings. What is in none is the command's own.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "Results",
        &[
            "output",
            "file",
            "null",
            "no_header",
            "separator",
            "into",
            "quiet",
            "timing",
            "verbose",
            "outcomes",
            "events",
        ],
    ),
    ("Variables", &["var", "text", "vars", "iqldata"]),
    ("Where answers come from", &["sandbox", "registry", "auth", "config", "profile"]),
    ("Limits", &["max_requests", "timeout", "strict"]),
    (
        "Writes",
        &[
            "read_only",
            "dry_run",
            "max_affected",
            "on_error",
            "max_failures",
            "write_concurrency",
            "journal",
            "resend_unknown",
        ],
    ),
];

/// Behind the help of each command: its examples. The first is weir's own.
const EXAMPLES: [(&str, &str); 7] = [
    (
        "",
        "  weir --sandbox                        a prompt, in front of a simulation
  weir exec \"SHOW PROVIDERS\"            one statement
  weir exec -i nightly.sql              a script
  weir COMMAND --help                   more about a command",
    ),
    (
        "exec",
        "  weir exec --sandbox \"SHOW PROVIDERS; SHOW EXTENDED VERSION\"
  weir exec -o csv -f things.csv \"SELECT * FROM provider.service.things LIMIT 5\"
  weir exec -i report.sql --var app=main
  weir exec --dry-run -i disable.sql    show the requests of its writes, and send none of them
  weir exec --read-only -i -            standard input, which may not change anything",
    ),
    (
        "check",
        "  weir check nightly.sql cleanup.sql
  weir check -o json report.sql --var app=main",
    ),
    (
        "resume",
        "  weir resume                           the writes that did not end
  weir resume 20261121-1 --show         the rows of one that are not done
  weir resume 20261121-1 --dry-run      what would be sent
  weir resume 20261121-1                sends it",
    ),
    (
        "shell",
        "  weir shell --sandbox                  needs no account, and changes nothing real
  weir shell --read-only                looks around in an account, and cannot change it
  weir shell < statements.sql           goes on after an error, and draws nothing",
    ),
    (
        "sandbox",
        "  weir sandbox                          prints the variables that lead weir to it
  weir sandbox --port 0                 takes any port that is free",
    ),
    (
        "completions",
        "  weir completions bash > ~/.local/share/bash-completion/completions/weir
  weir completions zsh > ~/.zfunc/_weir
  weir completions fish > ~/.config/fish/completions/weir.fish",
    ),
];

const CODES: &str = "Exit codes:
  0    done
  1    the statement or a document is refused; or a defect of weir
  2    the command line is wrong, or a file cannot be read or written
  3    no credentials, or the API does not accept them
  4    the API refused
  5    network, rate limit, deadline or budget of requests
  6    a write of several rows is partly done
  7    an ASSERT did not hold
  8    the answer may not be whole, under --strict
  130  interrupted
  143  ended by SIGTERM";

/// The command line as `--help`, the manual and the completions have it.
pub fn command() -> clap::Command {
    let told = |command: clap::Command, examples: &str| {
        let heading = format!("Examples:\n{examples}");
        let command = command.mut_args(|arg| match group(arg.get_id().as_str()) {
            Some(group) => arg.help_heading(group),
            None => arg,
        });
        command.after_long_help(format!("{heading}\n\n{CODES}")).after_help(heading)
    };
    EXAMPLES.iter().fold(Typed::command(), |root, (name, examples)| match *name {
        "" => told(root, examples),
        name => root.mut_subcommand(name, |command| told(command, examples)),
    })
}

/// What was typed. Ends the program where that is help, or nothing that it understands.
pub fn typed() -> Typed {
    let matches = command().get_matches();
    Typed::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn group(option: &str) -> Option<&'static str> {
    GROUPS.iter().find(|(_, options)| options.contains(&option)).map(|(heading, _)| *heading)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn the_description_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_option_that_many_commands_share_is_in_a_group_and_every_group_has_its_options() {
        let root = command();
        for arg in root.get_arguments() {
            assert!(arg.get_help_heading().is_some(), "--{} is in no group", arg.get_id());
        }
        let known = |option: &str| {
            let commands = root.get_subcommands().chain([&root]);
            commands.flat_map(clap::Command::get_arguments).any(|arg| arg.get_id() == option)
        };
        for option in GROUPS.iter().flat_map(|(_, options)| *options) {
            assert!(known(option), "there is no option {option}");
        }
    }

    #[test]
    fn every_option_and_command_says_what_it_does() {
        let root = command();
        for command in root.get_subcommands().chain([&root]) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.len() > 6, "{} --{} says nothing", command.get_name(), arg.get_id());
            }
        }
    }

    /// Words as a shell would cut them, quotes and all; what is behind three blanks explains the line.
    fn words(line: &str) -> Vec<String> {
        let line = line.trim_start().split("   ").next().unwrap_or_default();
        let line = line.split(" < ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
        let quoted = line.split('"').enumerate();
        quoted
            .flat_map(|(at, part)| match at % 2 {
                1 => vec![part.to_owned()],
                _ => part.split_whitespace().map(str::to_owned).collect(),
            })
            .collect()
    }

    #[test]
    fn every_example_is_a_command_line() {
        let mut tried = 0;
        for line in EXAMPLES.iter().flat_map(|(_, examples)| examples.lines()) {
            if line.contains("COMMAND") {
                continue;
            }
            let matches = command().try_get_matches_from(words(line)).unwrap_or_else(|e| panic!("{line}\n{e}"));
            Typed::from_arg_matches(&matches).unwrap_or_else(|e| panic!("{line}\n{e}"));
            tried += 1;
        }
        assert!(tried > 15);
    }
}
