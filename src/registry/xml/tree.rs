//! A text in XML as a tree. Prefixes of namespaces are dropped; comments, instructions and document types are passed over,
//! and no entity but the five of XML is resolved, so that a text cannot grow.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// Elements within each other.
const DEEPEST: usize = 100;

/// An element.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Element {
    /// Without its prefix.
    pub name: String,
    /// Names without prefixes, and values.
    pub attributes: Vec<(String, String)>,
    /// In their order.
    pub nodes: Vec<Node>,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// The elements directly within.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// All text within, as it stands.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.gather(&mut out);
        out
    }

    fn gather(&self, out: &mut String) {
        for node in &self.nodes {
            match node {
                Node::Element(element) => element.gather(out),
                Node::Text(text) => out.push_str(text),
            }
        }
    }

    /// The element as XML.
    pub fn outer(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.extend([" ", name, "=\"", &quick_xml::escape::escape(value.as_str()), "\""]);
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Element(element) => element.write(out),
                Node::Text(text) => out.push_str(&quick_xml::escape::escape(text.as_str())),
            }
        }
        out.extend(["</", &self.name, ">"]);
    }

    fn push_text(&mut self, text: &str) {
        match self.nodes.last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            _ => self.nodes.push(Node::Text(text.to_owned())),
        }
    }
}

/// The outermost element of a text.
///
/// # Errors
/// What is wrong, and the byte where it shows. The text is not quoted, as it may hold secrets.
pub fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    // The document itself is an element without a name.
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        let event = reader.read_event();
        let broken = |what: String| format!("the text is not XML (at byte {}): {what}", reader.buffer_position());
        let event = event.map_err(|e| broken(e.to_string()))?;
        let Some(inner) = open.last_mut() else { return Err(broken("an element is closed that was not open".into())) };
        match event {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return Err(broken(format!("more than {DEEPEST} elements within each other")));
                }
                open.push(element(&start).map_err(broken)?);
            }
            Event::Empty(start) => inner.nodes.push(Node::Element(element(&start).map_err(broken)?)),
            Event::End(_) => {
                let closed = open.pop().unwrap_or_default();
                let outer = open.last_mut().ok_or_else(|| broken("an element is closed twice".to_owned()))?;
                outer.nodes.push(Node::Element(closed));
            }
            Event::Text(text) => inner.push_text(&text.xml10_content()),
            Event::CData(text) => inner.push_text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|e| broken(e.to_string()))?;
                let name = reference.xml10_content();
                match (character, resolve_predefined_entity(&name)) {
                    (Some(c), _) => inner.push_text(c.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => inner.push_text(text),
                    (None, None) => return Err(broken("it has an entity of its own".to_owned())),
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(document), true) => {
            let root = document.elements().next().cloned();
            root.ok_or_else(|| "the text is not XML: it has no element".to_owned())
        }
        _ => Err(format!("the text is not XML: it ends within an element (at byte {})", text.len())),
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|e| e.to_string())?.into_owned();
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
    }
    Ok(Element { name: start.local_name().as_ref().to_owned(), attributes, nodes: Vec::new() })
}
