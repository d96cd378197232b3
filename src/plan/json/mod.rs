//! JSON in SQL, beside the operators and `json_get*` of datafusion-functions-json: functions that read and change JSON
//! text by path, `json_each`, and text in place of JSON unions. Knows no HTTP and no registry.

mod document;
mod each;
mod edit;
mod from;
mod functions;
mod lateral;
mod path;
mod unions;
mod values;

use std::sync::Arc;

use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;

use super::errors::unwrap;
use crate::error::Result;

pub use from::respell_from;
pub use unions::without_unions;

/// Adds the functions to `state`, and the rule that makes `FROM t, json_each(t.x)` executable.
///
/// # Errors
/// When the engine refuses a function.
pub fn register(state: &mut SessionState) -> Result<()> {
    for function in functions::functions().into_iter().chain([each::function()]) {
        state.register_udf(function).map_err(unwrap)?;
    }
    state.add_analyzer_rule(Arc::new(lateral::LateralUnnest));
    Ok(())
}

#[cfg(test)]
mod tests;
