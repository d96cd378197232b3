//! Services whose resources stand in a document of their own (`resources.$ref` in a provider.yaml): the two are made one.
//! Knows where resources stand and how they refer to operations; reads no file and builds no model.

use serde_json::{Map, Value};

use super::document::Document;
use crate::error::{Error, Result};

const PLACE: &str = "x-stackQL-resources";

/// Puts the resources of `other` into `document`, where it has none of that name. Their references to operations name
/// the service's document by its path; within it they have none.
///
/// # Errors
/// When `other` has no resources.
pub fn join(document: &mut Document, mut other: Document) -> Result<()> {
    let places = ["/components/x-stackQL-resources", "/resources"];
    let place = places.iter().find(|place| other.root.pointer(place).is_some());
    let found = place.and_then(|place| other.root.pointer_mut(place)).map(Value::take);
    let Some(Value::Object(mut resources)) = found else {
        return Err(Error::document(format!(
            "{}: neither `resources` nor `components.{PLACE}` stands there",
            other.file
        ))
        .hint("`resources.$ref` of a provider.yaml names a document of resources"));
    };
    resources.values_mut().for_each(bring_home);
    let root = document.root.as_object_mut();
    let components = root.map(|root| root.entry("components").or_insert_with(|| Map::new().into()));
    let own = components.and_then(Value::as_object_mut).map(|c| c.entry(PLACE).or_insert_with(|| Map::new().into()));
    if let Some(own) = own.and_then(Value::as_object_mut) {
        for (name, resource) in resources {
            own.entry(name).or_insert(resource);
        }
    }
    Ok(())
}

/// `provider/v1/services/x.yaml#/paths/..` becomes `#/paths/..`.
fn bring_home(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "$ref" => {
                        if let Some((file, at)) = text.split_once('#')
                            && !file.is_empty()
                        {
                            *text = format!("#{at}");
                        }
                    }
                    other => bring_home(other),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(bring_home),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_of_another_document_join_and_replace_none() {
        let mut document =
            Document::parse("a.yaml", "paths: {/x: {get: {}}}\ncomponents: {x-stackQL-resources: {mine: {id: own}}}")
                .unwrap();
        let other = "resources: {mine: {id: other}, yours: {methods: {list: {operation: {$ref: 'p/v1/a.yaml#/paths/~1x/get'}}}}}";
        join(&mut document, Document::parse("b.yaml", other).unwrap()).unwrap();
        let resources = &document.root["components"]["x-stackQL-resources"];
        assert_eq!(resources["mine"]["id"], "own");
        assert_eq!(resources["yours"]["methods"]["list"]["operation"]["$ref"], "#/paths/~1x/get");
        let error = join(&mut document, Document::parse("b.yaml", "id: x").unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("b.yaml: neither"), "{error}");
    }
}
