//! StackQL's `queryParamPushdown`: which parameters of a list say LIMIT, conditions and columns. A parameter that the
//! operation does not declare is sent nothing, though a whole service's config may name it. Its `orderBy` is passed over:
//! no document says how a server orders texts, nor where NULL stands. Sends and plans nothing.

use serde_json::Value;

use super::place::Place;
use crate::registry::model::{
    Among, Answer, Kind, Known, Location, PageSize, Paging, Parameter, Pushdown, PushedFilter, PushedSelect,
};

/// The method's own parts that its config speaks of.
pub(super) struct Pushing<'a> {
    pub parameters: &'a [Parameter],
    pub answer: &'a Answer,
}

impl<'a> Pushing<'a> {
    /// `top`: so many rows are a page. A LIMIT that the API can apply is sent as it, and pages are as large as may be.
    pub(super) fn size(&self, place: &Place<'_>, paging: &mut Option<Paging>) {
        if !self.answer.many {
            return;
        }
        let Some((said, parameter)) = self.said(place, "top", "$top") else { return };
        let most = |value: Option<u64>| value.filter(|most| *most > 0);
        let paging = paging.get_or_insert_with(|| Paging { known: Known::Configured, ..Paging::whole() });
        let known = paging.size.take().filter(|size| size.parameter == parameter.wire);
        // A config may be a whole service's, and the parameter of one list allow less.
        let own = |bound: Option<f64>| bound.filter(|b| (1.0..=1e9).contains(b)).map(whole);
        let told =
            most(said.get("maxValue").and_then(Value::as_u64)).into_iter().chain(own(parameter.shape.maximum)).min();
        let documented = told.or(known.as_ref().map(|s| s.largest));
        let smallest = known.map_or(1, |size| size.smallest).max(own(parameter.shape.minimum).unwrap_or(1));
        paging.size = Some(PageSize {
            parameter: parameter.wire.clone(),
            largest: documented.unwrap_or(u64::MAX).max(smallest),
            smallest,
            if_wanted: documented.is_none(),
        });
    }

    /// `filter` and `select`.
    pub(super) fn pushdown(&self, place: &Place<'_>) -> Pushdown {
        let filter = self.said(place, "filter", "$filter").filter(|(said, _)| syntax(said) == "odata");
        let select = self.said(place, "select", "$select");
        Pushdown {
            filter: filter.map(|(said, parameter)| PushedFilter {
                parameter: parameter.wire.clone(),
                operators: names(said, "supportedOperators"),
                columns: names(said, "supportedColumns"),
            }),
            select: select.map(|(said, parameter)| PushedSelect {
                parameter: parameter.wire.clone(),
                list: parameter.shape.kind == Kind::Array,
                delimiter: said.get("delimiter").and_then(Value::as_str).unwrap_or(",").to_owned(),
                columns: names(said, "supportedColumns"),
            }),
        }
    }

    /// What is said of `clause`, and the parameter for it; `OData` has a `usual` one.
    fn said<'p>(&self, place: &'p Place<'_>, clause: &str, usual: &str) -> Option<(&'p Value, &'a Parameter)> {
        let said = place.config.get("queryParamPushdown")?.get(clause)?;
        let named = said.get("paramName").and_then(Value::as_str).filter(|name| !name.is_empty());
        let wire = named.or(is_odata(said).then_some(usual))?;
        let declared = |p: &&Parameter| p.wire == wire && p.location == Location::Query && !p.required;
        Some((said, self.parameters.iter().find(declared)?))
    }
}

fn is_odata(said: &Value) -> bool {
    said.get("dialect").and_then(Value::as_str).is_some_and(|dialect| dialect.eq_ignore_ascii_case("odata"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the caller checks the range")]
fn whole(bound: f64) -> u64 {
    bound as u64
}

/// How a clause is written.
fn syntax(said: &Value) -> &str {
    match said.get("syntax").and_then(Value::as_str) {
        Some(word) if !word.is_empty() => word,
        _ if is_odata(said) => "odata",
        _ => "",
    }
}

fn names(said: &Value, key: &str) -> Among {
    let listed = said.get(key).and_then(Value::as_array).into_iter().flatten();
    Among(listed.filter_map(Value::as_str).map(str::to_owned).collect())
}
