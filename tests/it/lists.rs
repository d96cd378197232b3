//! Random lists: a server with boxes of things, whose list comes in any paging style, and a session that knows it and has the
//! same rows in memory. Which statements are run over them is not known here.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use url::Url;
use weir::session::{Session, SessionOptions};

use crate::harness::{Row, impatient, run_in, told, write_file};
use crate::scripted::{Asked, Reply, Scripted};

pub const OWNERS: [&str; 3] = ["ann", "bob", "cy"];
pub const STATES: [&str; 3] = ["open", "closed", "lost"];

/// A small generator (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True one time in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Style {
    Page,
    Offset,
    Cursor,
    Link,
    Keyset,
    Whole,
}

/// How the list of things comes.
#[derive(Debug, Clone)]
pub struct Shape {
    style: Style,
    /// The largest page that the document knows.
    size: usize,
    /// The largest page that the server gives.
    cap: usize,
    /// The server counts the rows of the list.
    told: bool,
    /// Pages may be fetched side by side.
    concurrent: bool,
    /// The server passes over the parameter `state`.
    pub deaf: bool,
}

impl Shape {
    fn random(style: Style, dice: &mut Dice) -> Shape {
        let size = [1, 2, 3, 5, 7, 10, 50][dice.below(7)];
        let told = dice.one_in(2);
        // Where nothing counts the rows, a page that is not full is the last one.
        let may_be_smaller = matches!(style, Style::Cursor | Style::Link) || (told && style != Style::Keyset);
        let cap = if may_be_smaller && dice.one_in(2) { 1 + dice.below(size) } else { size };
        Shape { style, size, cap, told, concurrent: dice.one_in(2), deaf: dice.one_in(3) }
    }

    fn paging(&self) -> Value {
        let size = json!({"parameter": "size", "largest": self.size});
        let total = if self.told { json!(["$.total"]) } else { json!([]) };
        match self.style {
            Style::Page => {
                json!({"style": "page", "parameter": "page", "first": 1, "size": size, "total": total, "concurrent": self.concurrent})
            }
            Style::Offset => {
                json!({"style": "offset", "parameter": "offset", "size": size, "total": total, "concurrent": self.concurrent})
            }
            Style::Cursor => {
                json!({"style": "cursor", "parameter": "cursor", "next": ["$.next"], "size": size, "total": total})
            }
            Style::Link => json!({"style": "link", "size": size}),
            Style::Keyset => json!({"style": "keyset", "parameter": "after", "field": "id", "size": size}),
            Style::Whole => json!({"style": "whole", "total": total}),
        }
    }

    /// The document of the service.
    fn document(&self) -> Value {
        let text = || json!({"type": "string"});
        let state = json!({"type": "string", "enum": STATES});
        let time = json!({"type": "string", "format": "date-time"});
        let thing = json!({"type": "object", "properties": {
            "id": {"type": "integer"}, "owner": text(), "state": state, "n": {"type": "integer", "nullable": true},
            "price": {"type": "number"}, "made_at": time, "label": text(), "flag": {"type": "boolean"},
        }});
        let rows = |of: Value| {
            json!({"200": {"description": "Rows.", "content": {"application/json": {"schema": {
            "type": "object", "properties": {"rows": {"type": "array", "items": of}, "next": text()}}}}}})
        };
        let query = |name: &str, schema: Value, more: Value| json!({"name": name, "in": "query", "schema": schema, "x-weir": more});
        let serves = |column: &str, operator: &str| json!({"predicate": {"column": column, "operator": operator}});
        let parameters = json!([
            {"name": "box", "in": "path", "required": true, "schema": text()},
            query("state", state.clone(), json!({})),
            query("owner", text(), json!({"exact": true})),
            query("since", time.clone(), serves("made_at", ">=")),
            query("until", time.clone(), serves("made_at", "<=")),
            query("bare", json!({"type": "boolean"}), json!({"predicate": {"column": "label", "operator": "is_null", "send": "true"}})),
            query("sort", text(), json!({})),
        ]);
        let ordered = !matches!(self.style, Style::Keyset);
        let order = json!([{"column": "made_at", "parameter": "sort", "ascending": "up", "descending": "down"}]);
        let list = |path: &str, more: Value| {
            json!({
                "operation": {"$ref": format!("#/paths/{}/get", path.replace('/', "~1"))},
                "response": {"mediaType": "application/json", "openAPIDocKey": "200", "objectKey": "$.rows"},
                "x-weir": more,
            })
        };
        let resource = |name: &str, list: Value| {
            json!({
                "id": format!("shelf.store.{name}"), "name": name, "title": name, "description": name,
                "methods": {"list": list},
                "sqlVerbs": {"select": [{"$ref": format!("#/components/x-stackQL-resources/{name}/methods/list")}],
                    "insert": [], "update": [], "replace": [], "delete": []},
                "x-weir": {"key": ["id"]},
            })
        };
        let things = json!({"paging": self.paging(), "order": if ordered { order } else { json!([]) }});
        let box_row = json!({"type": "object", "properties": {"id": text(), "name": text()}});
        json!({
            "openapi": "3.0.3", "info": {"title": "Store", "version": "v1"}, "servers": [{"url": "https://shelf.example"}],
            "paths": {
                "/boxes": {"get": {"operationId": "boxes", "responses": rows(box_row)}},
                "/boxes/{box}/things": {"get": {"operationId": "things", "parameters": parameters, "responses": rows(thing)}},
            },
            "components": {"x-stackQL-resources": {
                "boxes": resource("boxes", list("/boxes", json!({"paging": {"style": "whole"}}))),
                "things": resource("things", list("/boxes/{box}/things", things)),
            }},
        })
    }
}

const PROVIDER: &str = r"
{id: shelf, name: shelf, version: v1, title: Shelf, description: Boxes of things., protocolType: http, config: {auth: {type: null_auth}},
providerServices: {store: {id: 'store:v1', name: store, preferred: true, title: Store, version: v1, description: Boxes., service: {$ref: services/store.yaml}}},
x-weir: {base_url: {env: SHELF_URL}, limits: {concurrent: 4}}}
";

/// Name and rows of each box.
pub type Boxes = Vec<(String, Vec<Value>)>;

/// Boxes with things in the order of their ids; some boxes are empty.
fn boxes(dice: &mut Dice) -> Boxes {
    let count = 3 + dice.below(3);
    let mut id = 0;
    let mut filled = |dice: &mut Dice| {
        let rows = if dice.one_in(5) { 0 } else { dice.below(40) };
        (0..rows)
            .map(|_| {
                id += 1;
                thing(id, dice)
            })
            .collect()
    };
    (0..count).map(|at| (format!("b{at}"), filled(dice))).collect()
}

fn thing(id: usize, dice: &mut Dice) -> Value {
    let (day, hour, fraction) = (1 + dice.below(6), dice.below(3), dice.pick(&["000", "0004", "001"]));
    let number = |dice: &mut Dice| i64::try_from(dice.below(12)).unwrap() - 4;
    let mut maybe = |value: Value| if dice.one_in(5) { Value::Null } else { value };
    let label = maybe(json!(["alpha", "Beta", "a'b", ""][id % 4]));
    let flag = maybe(json!(id.is_multiple_of(3)));
    let n = number(dice);
    let mut maybe = |value: Value| if dice.one_in(5) { Value::Null } else { value };
    json!({
        "id": id, "n": maybe(json!(n)), "price": maybe(json!(f64::from(u32::try_from(id % 7).unwrap()) / 2.0)),
        "owner": dice.pick(&OWNERS), "state": dice.pick(&STATES), "label": label, "flag": flag,
        "made_at": format!("2026-01-{day:02}T0{hour}:00:00.{fraction}Z"),
    })
}

/// What the server answers.
fn answer(shape: &Shape, boxes: &Boxes, asked: &Asked) -> Reply {
    let url = Url::parse("http://host").unwrap().join(&asked.target).unwrap();
    let path: Vec<&str> = url.path_segments().unwrap().collect();
    let [_, name, _] = path.as_slice() else {
        let rows: Vec<Value> = boxes.iter().map(|(id, _)| json!({"id": id, "name": format!("box {id}")})).collect();
        return Reply::json(&json!({"rows": rows}));
    };
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let given = |name: &str| query.get(name).map(String::as_str);
    let number = |name: &str| given(name).map(|text| text.parse::<usize>().unwrap());
    // Instants with as many digits each, so that their text orders them.
    let instant = |text: &str| format!("{:0<29}", text.trim_end_matches('Z'));
    let made = |row: &Value| instant(row["made_at"].as_str().unwrap());
    let mut rows: Vec<&Value> =
        boxes.iter().find(|(id, _)| id == name).map_or(&[][..], |(_, rows)| rows).iter().collect();
    rows.retain(|row| {
        (shape.deaf || given("state").is_none_or(|state| row["state"] == state))
            && given("owner").is_none_or(|owner| row["owner"] == owner)
            && given("since").is_none_or(|since| made(row) >= instant(since))
            && given("until").is_none_or(|until| made(row) <= instant(until))
            && given("bare").is_none_or(|_| row["label"].is_null())
            && number("after").is_none_or(|after| row["id"].as_u64().unwrap() > after as u64)
    });
    match given("sort") {
        Some("up") => rows.sort_by_key(|row| made(row)),
        Some("down") => rows.sort_by_key(|row| std::cmp::Reverse(made(row))),
        _ => {}
    }
    let size = number("size").map_or(usize::MAX, |size| size.min(shape.cap));
    let from = number("page").map_or(0, |page| (page - 1).saturating_mul(size));
    let from = number("offset").or(number("cursor")).unwrap_or(from).min(rows.len());
    let until = from.saturating_add(size).min(rows.len());
    let mut body = json!({"rows": &rows[from..until]});
    if shape.told {
        body["total"] = json!(rows.len());
    }
    if until < rows.len() && shape.style == Style::Cursor {
        body["next"] = json!(until.to_string());
    }
    let reply = Reply::json(&body);
    if until < rows.len() && shape.style == Style::Link {
        let mut next = url.clone();
        let kept = url.query_pairs().into_owned().filter(|(name, _)| name != "cursor").collect::<Vec<_>>();
        next.query_pairs_mut().clear().extend_pairs(kept).append_pair("cursor", &until.to_string());
        let target = format!("{}?{}", next.path(), next.query().unwrap());
        return reply.with("link", &format!("<http://{}{target}>; rel=\"next\"", asked.header("host").unwrap()));
    }
    reply
}

pub struct World {
    pub server: Scripted,
    session: Session,
    pub boxes: Boxes,
    pub shape: Shape,
    /// Requests that reading a box takes.
    pub full: Vec<usize>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new(style: Style, dice: &mut Dice) -> World {
        let (shape, boxes) = (Shape::random(style, dice), boxes(dice));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("shelf");
        write_file(&root.join("provider.yaml"), PROVIDER);
        write_file(&root.join("services/store.yaml"), &shape.document().to_string());
        let (served, rows) = (shape.clone(), boxes.clone());
        let server = Scripted::start(move |asked| answer(&served, &rows, asked)).await;
        let variables = HashMap::from([("SHELF_URL".to_owned(), server.url.clone())]);
        let registries = vec![folder.path().to_owned()];
        let options = SessionOptions { registries, variables, settings: impatient(), ..SessionOptions::default() };
        let session = Session::new(options).unwrap();
        let mut world = World { server, session, boxes, shape, full: Vec::new(), _folder: folder };
        world.keep_in_memory().await;
        for at in 0..world.boxes.len() {
            let sql = format!("SELECT id FROM shelf.store.things WHERE box = 'b{at}'");
            assert_eq!(world.rows(&sql).await.len(), world.boxes[at].1.len(), "{sql} in {:?}", world.shape);
            let requests = world.server.lines().len();
            world.full.push(requests);
        }
        world
    }

    /// The same rows as tables of the session.
    async fn keep_in_memory(&self) {
        let literal = |value: &Value| match value {
            Value::String(text) => format!("'{}'", text.replace('\'', "''")),
            other => other.to_string(),
        };
        let mut things = String::new();
        for (name, rows) in &self.boxes {
            for row in rows {
                let columns = ["id", "owner", "state", "n", "price", "made_at", "label", "flag"];
                let values: Vec<String> = columns.iter().map(|column| literal(&row[*column])).collect();
                let _ =
                    write!(things, "{}('{name}', {})", if things.is_empty() { "" } else { ", " }, values.join(", "));
            }
        }
        // A row that the WHERE takes away again gives every column a type, also where there is no row.
        let first = "(NULL, -1, '', '', 0, 0.5, '2026-01-01T00:00:00Z', '', true)";
        let values = if things.is_empty() { first.to_owned() } else { format!("{first}, {things}") };
        self.rows(&format!(
            "CREATE TABLE things AS SELECT box, CAST(id AS BIGINT) AS id, owner, state, CAST(n AS BIGINT) AS n, CAST(price AS DOUBLE) \
             AS price, arrow_cast(made_at, 'Timestamp(Nanosecond, Some(\"UTC\"))') AS made_at, label, flag \
             FROM (VALUES {values}) AS v(box, id, owner, state, n, price, made_at, label, flag) WHERE box IS NOT NULL"
        ))
        .await;
        let names: Vec<String> = self.boxes.iter().map(|(id, _)| format!("('{id}', 'box {id}')")).collect();
        self.rows(&format!("CREATE TABLE boxes AS SELECT * FROM (VALUES {}) AS v(id, name)", names.join(", "))).await;
    }

    pub async fn rows(&self, sql: &str) -> Vec<Row> {
        match run_in(&self.session, sql).await {
            Ok(given) if given.failure.is_none() => given.rows,
            Ok(given) => panic!("{sql}\n{}\n{:?}", told(&given.failure.unwrap()), self.shape),
            Err(error) => panic!("{sql}\n{}\n{:?}", told(&error), self.shape),
        }
    }
}
