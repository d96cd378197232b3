//! Finding values at paths of keys while a text is passed over once: a tree of the wanted keys, and the walk along it.
//! Owns what equal keys mean (the last one counts). Must not know what the values are for.

use std::borrow::Cow;
use std::collections::HashMap;

use super::scan::{Broken, Scan, Span, Token};
use super::text;
use crate::registry::JsonPath;

/// The keys of some paths, as a tree. Its root is the whole value.
#[derive(Debug, Clone)]
pub struct Paths {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: HashMap<String, usize>,
    /// An array here is given to the visitor.
    stops: bool,
}

/// The root's place in the tree.
pub const ROOT: usize = 0;

impl Default for Paths {
    fn default() -> Self {
        Paths { nodes: vec![Node::default()] }
    }
}

impl Paths {
    /// Adds `path`; gives its place.
    pub fn add(&mut self, path: &JsonPath) -> usize {
        path.0.iter().fold(ROOT, |node, key| {
            let next = self.nodes.len();
            let child = *self.nodes[node].children.entry(key.clone()).or_insert(next);
            if child == next {
                self.nodes.push(Node::default());
            }
            child
        })
    }

    /// Adds `path`; an array there is given to the visitor.
    pub fn add_stop(&mut self, path: &JsonPath) -> usize {
        let node = self.add(path);
        self.nodes[node].stops = true;
        node
    }

    /// The place of `path`, if it was added or others lead through it.
    pub fn find(&self, path: &JsonPath) -> Option<usize> {
        path.0.iter().try_fold(ROOT, |node, key| self.nodes[node].children.get(key).copied())
    }

    /// Whether some path has a key.
    pub fn has_keys(&self) -> bool {
        self.nodes.len() > 1
    }
}

/// A walk along paths, once for each value that has them: an answer, or every row of it.
pub struct Walk<'p> {
    paths: &'p Paths,
    /// What stands at each place, and in which value.
    found: Vec<(usize, Span)>,
    /// Number of the value, from 1.
    turn: usize,
    /// The keys of each object as they stood in the value before, as rows are written alike: spares looking them up.
    before: Vec<Vec<Before>>,
}

struct Before {
    /// With its quotes.
    key: Box<[u8]>,
    child: Option<usize>,
}

/// So many keys of an object are remembered.
const REMEMBERED: usize = 128;

/// Takes the arrays where a path stops; passes over each.
pub trait Visit {
    /// `scan` stands at the array's bracket.
    fn array(&mut self, node: usize, scan: &mut Scan<'_>) -> Result<(), Broken>;
}

/// No path stops anywhere.
pub struct Nowhere;

impl Visit for Nowhere {
    fn array(&mut self, _: usize, scan: &mut Scan<'_>) -> Result<(), Broken> {
        scan.value().map(drop)
    }
}

impl<'p> Walk<'p> {
    pub fn new(paths: &'p Paths) -> Walk<'p> {
        let nowhere = Span { start: 0, end: 0, token: Token::Null };
        let before = paths.nodes.iter().map(|_| Vec::new()).collect();
        Walk { paths, found: vec![(0, nowhere); paths.nodes.len()], turn: 0, before }
    }

    /// What stands at a place of the value that was walked last.
    #[inline]
    pub fn at(&self, node: usize) -> Option<Span> {
        let (turn, span) = *self.found.get(node)?;
        (turn == self.turn).then_some(span)
    }

    /// Passes over a value and finds what stands at its paths.
    pub fn value(&mut self, text: &str, scan: &mut Scan<'_>, visit: &mut impl Visit) -> Result<Span, Broken> {
        self.turn += 1;
        self.node(ROOT, text, scan, visit)?;
        Ok(self.found[ROOT].1)
    }

    #[inline]
    fn node(&mut self, node: usize, text: &str, scan: &mut Scan<'_>, visit: &mut impl Visit) -> Result<(), Broken> {
        if self.found[node].0 == self.turn {
            self.forget(node);
        }
        let start = scan.at();
        let token = match scan.peek() {
            Some(b'{' | b'[') => self.nested(node, text, scan, visit)?,
            _ => scan.pass()?,
        };
        self.found[node] = (self.turn, Span { start, end: scan.at(), token });
        Ok(())
    }

    /// Goes as deep as the paths are long, and no deeper.
    fn nested(
        &mut self,
        node: usize,
        text: &str,
        scan: &mut Scan<'_>,
        visit: &mut impl Visit,
    ) -> Result<Token, Broken> {
        let known = &self.paths.nodes[node];
        match scan.peek() {
            Some(b'{') if !known.children.is_empty() => {
                self.object(node, text, scan, visit)?;
                Ok(Token::Object)
            }
            Some(b'[') if known.stops => {
                visit.array(node, scan)?;
                Ok(Token::Array)
            }
            _ => scan.pass(),
        }
    }

    /// An equal key came before: nothing of its value counts.
    #[cold]
    fn forget(&mut self, node: usize) {
        for child in self.paths.nodes[node].children.values() {
            self.found[*child].0 = 0;
            self.forget(*child);
        }
    }

    fn object(&mut self, node: usize, text: &str, scan: &mut Scan<'_>, visit: &mut impl Visit) -> Result<(), Broken> {
        let mut more = scan.enter(b'}');
        let mut nth = 0;
        while more {
            match self.child(node, &mut nth, text, scan)? {
                Some(child) => self.node(child, text, scan, visit)?,
                None => scan.pass().map(drop)?,
            }
            more = scan.more(b'}')?;
        }
        Ok(())
    }

    /// Passes over a key and its colon; gives the place that it leads to. `nth`: where in the memory it is looked for first.
    #[inline]
    fn child(
        &mut self,
        node: usize,
        nth: &mut usize,
        text: &str,
        scan: &mut Scan<'_>,
    ) -> Result<Option<usize>, Broken> {
        // The key that stood here, or the one behind it where one is left out.
        for guess in *nth..*nth + 2 {
            let Some(before) = self.before[node].get(guess) else { break };
            if scan.passes(&before.key) {
                *nth = guess + 1;
                let child = before.child;
                scan.colon()?;
                return Ok(child);
            }
        }
        let place = scan.at();
        let key = scan.key()?;
        let raw = &text[key.start..key.end];
        let Some(name) = text::string(raw) else {
            return Err(Broken { at: place, cut: false, why: "a key has half of a surrogate pair" });
        };
        let child = self.paths.nodes[node].children.get(name.as_ref()).copied();
        let memory = &mut self.before[node];
        if *nth == memory.len() && memory.len() < REMEMBERED && matches!(name, Cow::Borrowed(_)) {
            memory.push(Before { key: raw.as_bytes().into(), child });
            *nth += 1;
        }
        Ok(child)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str], text: &str) -> Vec<Option<String>> {
        let mut tree = Paths::default();
        let nodes: Vec<usize> = paths.iter().map(|path| tree.add(&JsonPath::parse(path).unwrap())).collect();
        let mut walk = Walk::new(&tree);
        let mut scan = Scan::new(text, 0);
        walk.value(text, &mut scan, &mut Nowhere).unwrap();
        scan.end().unwrap();
        nodes.into_iter().map(|node| walk.at(node).map(|s| text[s.start..s.end].to_owned())).collect()
    }

    #[test]
    fn values_are_found_at_their_paths_in_any_order() {
        let text = r#"{"x": [1], "a": {"c": {}, "b": 1}, "\u0064": 2, "e": null}"#;
        let seen = found(&["$.a.b", "$.d", "$.a.c.e", "$.e", "$.a"], text);
        let text = |t: &str| Some(t.to_owned());
        assert_eq!(seen, [text("1"), text("2"), None, text("null"), text(r#"{"c": {}, "b": 1}"#)]);
    }

    #[test]
    fn of_equal_keys_the_last_counts_with_all_that_is_below_it() {
        assert_eq!(found(&["$.a.b"], r#"{"a": {"b": 1}, "a": {"c": 1}}"#), [None]);
        assert_eq!(found(&["$.a.b"], r#"{"a": {"b": 1}, "a": 7}"#), [None]);
        assert_eq!(found(&["$.a.b"], r#"{"a": 7, "a": {"b": 1, "b": 2}}"#), [Some("2".to_owned())]);
    }

    #[test]
    fn a_key_that_is_no_text_is_refused_where_keys_are_read() {
        let text = r#"{"a": 1, "\ud800": 2}"#;
        let mut tree = Paths::default();
        tree.add(&JsonPath::parse("$.a").unwrap());
        let broken = Walk::new(&tree).value(text, &mut Scan::new(text, 0), &mut Nowhere).unwrap_err();
        assert_eq!((broken.at, broken.cut), (9, false));
    }
}
