//! `XPath`, as far as documents use it: steps by name, `*`, `//`, `@name`, `text()`, `.`, and conditions: `[2]`, `[last()]`, `[name]`, `[@id='x']`, `[name='x']`, `[text()='x']`.

use super::tree::Element;

/// A path, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// At any depth.
    deep: bool,
    test: Test,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Name(String),
    Any,
    Here,
    Attribute(String),
    Text,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Place(usize),
    Last,
    Has(Test),
    Is(Test, String),
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'x> {
    /// An element.
    Element(&'x Element),
    /// An attribute's value, or text.
    Text(String),
}

impl Found<'_> {
    /// All text within.
    pub fn text(&self) -> String {
        match self {
            Found::Element(element) => element.text(),
            Found::Text(text) => text.clone(),
        }
    }

    /// It, as XML.
    pub fn outer(&self) -> String {
        match self {
            Found::Element(element) => element.outer(),
            Found::Text(text) => text.clone(),
        }
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What of it is not known.
    pub fn parse(text: &str) -> Result<Path, String> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let deep = rest.starts_with("//");
            rest = rest.trim_start_matches('/');
            let end = step_end(rest);
            let (step, after) = rest.split_at(end);
            if step.is_empty() {
                return Err(format!("`{text}` is no XPath that is known here: a step is empty"));
            }
            steps.push(self::step(step, deep).ok_or_else(|| format!("`{step}` is no step of XPath known here"))?);
            rest = after;
        }
        if steps.is_empty() { Err("an XPath is empty".to_owned()) } else { Ok(Path(steps)) }
    }

    /// What it leads to from the document whose outermost element is `root`.
    pub fn find<'x>(&self, root: &'x Element) -> Vec<Found<'x>> {
        // The first step chooses among what the document holds: its root alone.
        let (first, rest) = (&self.0[0], &self.0[1..]);
        let mut start = Vec::new();
        if first.deep {
            descend(root, &mut |element| start.extend(named(first, element)));
        } else {
            start.extend(named(first, root));
        }
        let start = chosen(first, start);
        rest.iter().fold(start, |found, step| {
            found.into_iter().flat_map(|at| if let Found::Element(e) = at { within(step, e) } else { vec![] }).collect()
        })
    }
}

fn step_end(text: &str) -> usize {
    let (mut brackets, mut quote) = (0_usize, None);
    for (i, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(open)) => quote = Some(open).filter(|open| *open != c),
            ('\'' | '"', None) => quote = Some(c),
            ('[', None) => brackets += 1,
            (']', None) => brackets = brackets.saturating_sub(1),
            ('/', None) if brackets == 0 => return i,
            _ => {}
        }
    }
    text.len()
}

fn step(text: &str, deep: bool) -> Option<Step> {
    let (name, mut rest) = text.split_at(text.find('[').unwrap_or(text.len()));
    let mut conditions = Vec::new();
    while let Some(inner) = rest.strip_prefix('[') {
        let end = inner.find(']')?;
        conditions.push(condition(inner[..end].trim())?);
        rest = &inner[end + 1..];
    }
    let test = test(name.trim())?;
    rest.is_empty().then_some(Step { deep, test, conditions })
}

fn test(name: &str) -> Option<Test> {
    let local = |name: &str| name.rsplit(':').next().unwrap_or(name).to_owned();
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c)) && !name.contains("::")
    };
    match name {
        "*" => Some(Test::Any),
        "." => Some(Test::Here),
        "text()" => Some(Test::Text),
        name => match name.strip_prefix('@') {
            Some(attribute) if is_name(attribute) => Some(Test::Attribute(local(attribute))),
            None if is_name(name) => Some(Test::Name(local(name))),
            _ => None,
        },
    }
}

fn condition(text: &str) -> Option<Condition> {
    if let Ok(place) = text.parse() {
        return Some(Condition::Place(place));
    }
    if text == "last()" {
        return Some(Condition::Last);
    }
    let Some((left, right)) = text.split_once('=') else { return Some(Condition::Has(test(text)?)) };
    let (left, right) = (left.trim(), right.trim());
    let value = right
        .strip_prefix('\'')
        .and_then(|r| r.strip_suffix('\''))
        .or_else(|| right.strip_prefix('"').and_then(|r| r.strip_suffix('"')))
        .or_else(|| right.parse::<f64>().ok().map(|_| right))?;
    match left {
        "local-name()" | "name()" => Some(Condition::Is(Test::Here, value.to_owned())),
        left => Some(Condition::Is(test(left)?, value.to_owned())),
    }
}

/// What a step chooses within an element.
fn within<'x>(step: &Step, element: &'x Element) -> Vec<Found<'x>> {
    let mut found = Vec::new();
    match (&step.test, step.deep) {
        (Test::Here, false) => found.push(Found::Element(element)),
        (Test::Attribute(_) | Test::Text, false) => found.extend(inner(&step.test, element)),
        (_, false) => element.elements().for_each(|e| found.extend(named(step, e))),
        (Test::Attribute(_) | Test::Text, true) => {
            descend(element, &mut |e| found.extend(inner(&step.test, e)));
        }
        (_, true) => element.elements().for_each(|e| descend(e, &mut |e| found.extend(named(step, e)))),
    }
    chosen(step, found)
}

fn descend<'x>(element: &'x Element, visit: &mut dyn FnMut(&'x Element)) {
    visit(element);
    element.elements().for_each(|inner| descend(inner, visit));
}

fn named<'x>(step: &Step, element: &'x Element) -> Option<Found<'x>> {
    let fits = match &step.test {
        Test::Name(name) => element.name == *name,
        Test::Any | Test::Here => true,
        Test::Attribute(_) | Test::Text => return inner(&step.test, element).into_iter().next(),
    };
    fits.then_some(Found::Element(element))
}

/// Values that a test finds in an element.
fn inner<'x>(test: &Test, element: &'x Element) -> Vec<Found<'x>> {
    match test {
        Test::Attribute(name) => {
            let values = element.attributes.iter().filter(|(n, _)| n == name);
            values.map(|(_, value)| Found::Text(value.clone())).collect()
        }
        Test::Text => vec![Found::Text(element.text())],
        Test::Name(name) => element.elements().filter(|e| e.name == *name).map(Found::Element).collect(),
        Test::Any => element.elements().map(Found::Element).collect(),
        Test::Here => vec![Found::Text(element.name.clone())],
    }
}

fn chosen<'x>(step: &Step, found: Vec<Found<'x>>) -> Vec<Found<'x>> {
    step.conditions.iter().fold(found, |found, condition| {
        let count = found.len();
        let holds = |i: usize, at: &Found<'_>| match (condition, at) {
            (Condition::Place(place), _) => i + 1 == *place,
            (Condition::Last, _) => i + 1 == count,
            (Condition::Has(test), Found::Element(e)) => !inner(test, e).is_empty(),
            (Condition::Is(test, value), Found::Element(e)) => inner(test, e).iter().any(|f| f.text().trim() == value),
            _ => false,
        };
        found.into_iter().enumerate().filter(|(i, at)| holds(*i, at)).map(|(_, at)| at).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::xml::parse;

    #[test]
    fn nodes_are_found_by_steps_and_conditions() {
        let text = "<r><a id='1'><n>x</n></a><a id='2'><n>y</n><n>z</n></a><b><a id='3'/></b></r>";
        let root = parse(text).unwrap();
        let texts = |path: &str| {
            let found = Path::parse(path).unwrap().find(&root);
            found.iter().map(Found::text).collect::<Vec<_>>().join(",")
        };
        for (path, expected) in [
            ("/r/a/n", "x,y,z"),
            ("/r/a/@id", "1,2"),
            ("//a/@id", "1,2,3"),
            ("//@id", "1,2,3"),
            ("/r/*", "x,yz,"),
            ("/*/a[2]/n[last()]", "z"),
            ("/r/a[@id='2']/n", "y,z"),
            ("/r/a[n='x']/@id", "1"),
            ("//b/a[@id]/@id", "3"),
            ("/r/a[1]/n/text()", "x"),
            ("/x/a", ""),
            ("/r/a[9]", ""),
            ("//*[local-name()='n']", "x,y,z"),
        ] {
            assert_eq!(texts(path), expected, "{path}");
        }
        assert_eq!(Path::parse("/r/b").unwrap().find(&root)[0].outer(), "<b><a id=\"3\"></a></b>");
        for bad in ["", "/", "/a[", "/a[position()>1]", "/a/following::b", "/a[b<3]"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
