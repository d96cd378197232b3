//! What a walk came to: a table, and the classes of what went wrong, each with its number and an example.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::walk::{Outcome, Verdict};

/// What one provider came to.
pub struct Tally {
    pub methods: usize,
    pub json: usize,
    /// JSON methods that are right.
    pub right: usize,
    pub shadowed: usize,
    /// What was not, by class.
    pub classes: BTreeMap<String, Class>,
}

/// Methods that are wrong in one way.
pub struct Class {
    pub methods: Vec<String>,
    pub example: String,
}

/// A class of no more methods than these is known by their names.
const FEW: usize = 6;

impl Tally {
    pub fn of(outcomes: &[Outcome]) -> Tally {
        let json = outcomes.iter().filter(|o| o.json).count();
        let mut tally = Tally { methods: outcomes.len(), json, right: 0, shadowed: 0, classes: BTreeMap::new() };
        for outcome in outcomes {
            let (group, reason) = match &outcome.verdict {
                Verdict::Right | Verdict::Shadowed => {
                    tally.right += usize::from(outcome.json);
                    tally.shadowed += usize::from(matches!(outcome.verdict, Verdict::Shadowed));
                    continue;
                }
                Verdict::Refused(reason) => ("refused", reason),
                Verdict::NotAllowed(reason) => ("not allowed", reason),
                Verdict::Answer(reason) => ("answer", reason),
                Verdict::Rows(reason) => ("rows", reason),
                Verdict::Unjudged(reason) => ("unjudged", reason),
            };
            let other = if outcome.json { "" } else { " (no JSON)" };
            let class = format!("{group}{other}: {}", general(reason, outcome));
            let place = format!("{}.{}.{} ({})", outcome.service, outcome.resource, outcome.method, outcome.verb);
            let sql: String = outcome.sql.chars().take(300).collect();
            let example = format!("{place}\n      {sql}\n      {reason}");
            let class = tally.classes.entry(class).or_insert_with(|| Class { methods: Vec::new(), example });
            class.methods.push(place);
        }
        tally
    }

    /// What is known of this provider, as the file of known classes has it: the table's line, and classes by name.
    pub fn known(&self, name: &str) -> String {
        let mut text = format!(
            "{name} | {} methods | {} JSON | {} right | {} shadowed\n",
            self.methods, self.json, self.right, self.shadowed
        );
        for (name, class) in &self.classes {
            let _ = writeln!(text, "  {} {name}", class.methods.len());
            if class.methods.len() <= FEW {
                for method in &class.methods {
                    let _ = writeln!(text, "    {method}");
                }
            }
        }
        text
    }

    pub fn share(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "methods are counted in thousands")]
        let share = 100.0 * self.right as f64 / self.json.max(1) as f64;
        share
    }

    pub fn report(&self, name: &str) -> String {
        let mut text = format!(
            "{name}: {} methods, {} of JSON, {} right ({:.1} %), {} shadowed\n",
            self.methods,
            self.json,
            self.right,
            self.share(),
            self.shadowed
        );
        let mut classes: Vec<_> = self.classes.iter().collect();
        classes.sort_by_key(|(name, class)| (std::cmp::Reverse(class.methods.len()), (*name).clone()));
        for (name, class) in classes {
            let _ = writeln!(text, "{:>6} {name}\n      e.g. {}", class.methods.len(), class.example);
        }
        text
    }
}

/// A reason without its names, so that equal reasons are equal.
fn general(reason: &str, outcome: &Outcome) -> String {
    let first = reason.lines().next().unwrap_or_default();
    let mut made = String::new();
    for (at, part) in first.split('`').enumerate() {
        made.push_str(if at % 2 == 0 { part } else { "`_`" });
    }
    let mut text = made;
    for name in [&outcome.service, &outcome.resource, &outcome.method] {
        text = text
            .split(' ')
            .map(|w| if w.contains(&format!(".{name}")) { "_" } else { w })
            .collect::<Vec<_>>()
            .join(" ");
    }
    let mut quoted = String::new();
    for (at, part) in text.split(['\'', '"']).enumerate() {
        quoted.push_str(if at % 2 == 0 { part } else { "_" });
    }
    let digits: String = quoted.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let mut short = String::new();
    for word in digits.split_whitespace() {
        if !short.is_empty() {
            short.push(' ');
        }
        // JSON, and paths of requests and of files.
        short.push_str(if word.starts_with(['{', '[', '/']) { "_" } else { word });
    }
    while short.contains("00") {
        short = short.replace("00", "0");
    }
    short.chars().take(140).collect()
}
